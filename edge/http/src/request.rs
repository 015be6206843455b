//! What is asked and what comes back.

use std::fmt;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderMap, HeaderValue, InvalidHeaderValue};
use url::Url;

use crate::Deadline;

/// A named cap on the number of bytes of a body. The name is what error messages say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What is limited, such as `manifests`.
    pub of: &'static str,
    /// The most bytes that are read.
    pub bytes: u64,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.of, self.bytes)
    }
}

/// The methods this program has a use for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Ask for content. Sent again after a failure that may pass.
    Get,
    /// Send a form. Never sent twice, never redirected: it may carry a secret.
    Post,
}

/// The value of an `Authorization` header. It cannot be printed.
#[derive(Clone)]
pub struct Authorization(HeaderValue);

impl Authorization {
    /// A whole value, scheme included, such as `Bearer abc`.
    pub fn new(value: &str) -> Result<Self, InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(value)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    pub(crate) fn value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization([redacted])")
    }
}

/// The body of a request. It cannot be printed.
#[derive(Clone, Default)]
pub struct Body(Bytes);

impl Body {
    /// A form that was encoded already (`application/x-www-form-urlencoded`); its type is sent along.
    pub fn form(encoded: impl Into<Bytes>) -> Self {
        Self(encoded.into())
    }

    pub(crate) fn bytes(&self) -> Bytes {
        self.0.clone()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body([{} bytes])", self.0.len())
    }
}

/// One question.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// How.
    pub method: Method,
    /// Where. `http` or `https`, without user name.
    pub url: Url,
    /// Headers that may go wherever a redirect leads, such as `Accept`.
    pub headers: HeaderMap,
    /// The credential, for this origin alone.
    pub authorization: Option<Authorization>,
    /// What is sent with `Post`.
    pub body: Body,
    /// The most bytes of an answer with a 2xx status.
    pub limit: Limit,
    /// When to give up, pauses and repetitions included; no pause begins that would outlast its patience.
    pub deadline: Deadline,
    /// What is asked for, in one word, for the [`Observer`](crate::Observer): `other` unless the caller says.
    pub kind: &'static str,
    /// Counts each request that goes out for this question: the first, repetitions and redirects.
    pub counter: Option<&'a AtomicU64>,
}

impl Request<'_> {
    /// Ask for `url` with nothing but the defaults.
    pub fn get(url: Url, limit: Limit, deadline: Deadline) -> Self {
        Self {
            method: Method::Get,
            url,
            headers: HeaderMap::new(),
            authorization: None,
            body: Body::default(),
            limit,
            deadline,
            kind: "other",
            counter: None,
        }
    }
}

/// One answer, read to its end.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status. Never a redirect that could be followed, never 429.
    pub status: StatusCode,
    /// The headers of the last answer.
    pub headers: HeaderMap,
    /// The body, exactly as it was sent. Of an answer without a 2xx status, at most 16 KiB from its beginning.
    pub body: Bytes,
    /// Where the answer came from, after redirects.
    pub url: Url,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn att_34_credentials_do_not_print() {
        let authorization = Authorization::new("Bearer hunter2").unwrap();
        let body = Body::form("refresh_token=hunter2");
        let url = Url::parse("https://reg.example/").unwrap();
        let limit = Limit {
            of: "tests",
            bytes: 1,
        };
        let deadline = Deadline::at(tokio::time::Instant::now());
        let mut request = Request::get(url, limit, deadline);
        request.authorization = Some(authorization);
        request.body = body;
        assert!(!format!("{request:?}").contains("hunter2"));
    }
}
