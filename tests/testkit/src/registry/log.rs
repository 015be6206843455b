//! What was asked, so that tests can count requests and see who sent credentials where.

use http::Method;

use crate::registry::Kind;

/// One request and how it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `HEAD`, ...
    pub method: Method,
    /// The path as sent, without query.
    pub path: String,
    /// The query as sent.
    pub query: Option<String>,
    /// What is asked for.
    pub kind: Kind,
    /// `Host`, or `:authority` of HTTP/2.
    pub host: Option<String>,
    /// `Authorization` as sent.
    pub authorization: Option<String>,
    /// `Accept` as sent, several headers joined with a comma.
    pub accept: Option<String>,
    /// `User-Agent` as sent.
    pub user_agent: Option<String>,
    /// The body of a request for a token.
    pub form: Option<String>,
    /// The status answered; `None` while there is none, and for ever if the request was left without.
    pub status: Option<u16>,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    next: u64,
    requests: Vec<(u64, Request)>,
}

impl Log {
    /// Note a request; the number is for [`Log::answered`].
    pub(crate) fn arrived(&mut self, request: Request) -> u64 {
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.requests.push((number, request));
        number
    }

    pub(crate) fn answered(&mut self, number: u64, status: u16) {
        let found = self.requests.iter_mut().rev().find(|(n, _)| *n == number);
        if let Some((_, request)) = found {
            request.status = Some(status);
        }
    }

    pub(crate) fn form(&mut self, number: u64, form: String) {
        let found = self.requests.iter_mut().rev().find(|(n, _)| *n == number);
        if let Some((_, request)) = found {
            request.form = Some(form);
        }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests
            .iter()
            .map(|(_, request)| request.clone())
            .collect()
    }

    pub(crate) fn clear(&mut self) {
        self.requests.clear();
    }
}
