//! Headers that are passed on from the request that caused the work: trace ids, so that a registry's log can be read
//! beside ours (Ratify v1.4 means to do so, `V` 2.9).

use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// The most headers that are passed on (trace context has two, vendors have one or two of their own).
const MOST: usize = 16;
/// The longest value that is passed on (W3C Trace Context asks for 512 characters of `tracestate`).
const LONGEST: usize = 1_024;

/// Headers that mean something to HTTP or to registries. Whoever asks us must not be able to say them in our name.
const RESERVED: [HeaderName; 22] = [
    header::ACCEPT,
    header::ACCEPT_CHARSET,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::COOKIE,
    header::EXPECT,
    header::FORWARDED,
    header::HOST,
    header::MAX_FORWARDS,
    header::ORIGIN,
    header::PRAGMA,
    header::PROXY_AUTHORIZATION,
    header::RANGE,
    header::REFERER,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::USER_AGENT,
];
/// Beginnings of more such names.
const RESERVED_PREFIXES: [&str; 6] = ["content-", "if-", "keep-", "proxy-", "sec-", "x-forwarded-"];

tokio::task_local! {
    static FORWARDED: ForwardedHeaders;
}

/// Headers to be passed on. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct ForwardedHeaders(Arc<HeaderMap>);

/// Why a header is not passed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardedHeaderError {
    /// Its name means something else than a trace id.
    #[error("header `{0}` has a meaning of its own in HTTP and is not passed on")]
    Reserved(HeaderName),
    /// Its value is too long.
    #[error("value of header `{name}` has {length} bytes, expected at most {LONGEST}")]
    TooLong {
        /// Its name.
        name: HeaderName,
        /// Bytes of its value.
        length: usize,
    },
    /// There are too many.
    #[error("more than {MOST} headers to pass on")]
    TooMany,
}

impl ForwardedHeaders {
    /// Whether a header of this name may be passed on, to be asked when names are configured.
    pub fn allows(name: &HeaderName) -> bool {
        let begins = |prefix: &&str| name.as_str().starts_with(prefix);
        !RESERVED.contains(name) && !RESERVED_PREFIXES.iter().any(begins)
    }

    /// These headers. Of two with the same name the later counts.
    pub fn new(
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Result<Self, ForwardedHeaderError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            if !Self::allows(&name) {
                return Err(ForwardedHeaderError::Reserved(name));
            }
            let length = value.len();
            if length > LONGEST {
                return Err(ForwardedHeaderError::TooLong { name, length });
            }
            map.insert(name, value);
            if map.len() > MOST {
                return Err(ForwardedHeaderError::TooMany);
            }
        }
        Ok(Self(Arc::new(map)))
    }

    /// Those of the work that is being done.
    pub(crate) fn current() -> Option<Self> {
        let headers = FORWARDED.try_with(Self::clone).ok()?;
        (!headers.0.is_empty()).then_some(headers)
    }

    /// Add those that are not there.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        for (name, value) in self.0.iter() {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }
}

/// Do `work`, and send `headers` with each of its requests, to the host that is asked first: whoever that redirects to
/// gets none. Work that `work` spawns as a task of its own is another work.
pub async fn with_headers<F: Future>(headers: ForwardedHeaders, work: F) -> F::Output {
    FORWARDED.scope(headers, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, value: &str) -> Result<ForwardedHeaders, ForwardedHeaderError> {
        let name = name.parse::<HeaderName>().unwrap();
        ForwardedHeaders::new([(name, value.parse().unwrap())])
    }

    #[test]
    fn att_34_only_headers_without_meaning_are_passed_on() {
        for name in [
            "traceparent",
            "tracestate",
            "x-ms-correlation-request-id",
            "b3",
            "X-Request-Id",
        ] {
            assert!(one(name, "x").is_ok(), "{name}");
        }
        for name in [
            "Authorization",
            "proxy-authorization",
            "cookie",
            "host",
            "content-length",
            "content-type",
            "transfer-encoding",
            "connection",
            "keep-alive",
            "range",
            "accept",
            "if-none-match",
            "x-forwarded-for",
            "user-agent",
        ] {
            let refused = one(name, "x").unwrap_err();
            assert!(
                matches!(refused, ForwardedHeaderError::Reserved(_)),
                "{name}"
            );
        }
    }

    #[test]
    fn there_is_an_end_to_how_much_is_passed_on() {
        assert!(one("b3", &"x".repeat(LONGEST)).is_ok());
        let long = one("b3", &"x".repeat(LONGEST + 1));
        assert!(matches!(long, Err(ForwardedHeaderError::TooLong { .. })));
        let many = |count: usize| {
            ForwardedHeaders::new((0..count).map(|number| {
                let name = format!("x-{number}").parse().unwrap();
                (name, HeaderValue::from_static("x"))
            }))
        };
        assert!(many(MOST).is_ok());
        assert_eq!(many(MOST + 1).unwrap_err(), ForwardedHeaderError::TooMany);
    }
}
