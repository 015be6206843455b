//! Who is told of each request that went out, for counts and metrics. It sees no URL and no header: both may be secret.

use std::fmt;
use std::sync::Arc;

use crate::Error;

/// One request that went out: the first of a question, a repetition, or one that follows a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange<'a> {
    /// Host and port that was asked.
    pub host: &'a str,
    /// What was asked for ([`Request::kind`](crate::Request::kind)).
    pub kind: &'static str,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The head of an answer with this status. Its body may still have failed.
    Status(u16),
    /// No answer, and why: `timeout`, `connect`, `tls`, `broken`, `refused` (the target may not be asked), `cancelled`
    /// (nobody waited any more) or `other`.
    Failed(&'static str),
}

/// A function that is called once for each request that went out. It must be quick: the request waits for it.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(&Exchange<'_>) + Send + Sync>);

impl Observer {
    /// Call `observe` for each request.
    pub fn new(observe: impl Fn(&Exchange<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(observe))
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// A request under way. Whatever ends it, its observer hears of it once: by [`Watch::ended`], or when this is dropped
/// because nobody waits any more.
pub(crate) struct Watch<'a> {
    observer: Option<&'a Observer>,
    host: &'a str,
    kind: &'static str,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(observer: Option<&'a Observer>, host: &'a str, kind: &'static str) -> Self {
        Self {
            observer,
            host,
            kind,
        }
    }

    /// The head of the answer is there, or there will be none.
    pub(crate) fn ended(mut self, outcome: Outcome) {
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: Outcome) {
        if let Some(Observer(observe)) = self.observer.take() {
            observe(&Exchange {
                host: self.host,
                kind: self.kind,
                outcome,
            });
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.tell(Outcome::Failed("cancelled"));
    }
}

impl Outcome {
    /// In one word, from a bounded set.
    pub(crate) fn of_error(error: &Error) -> Self {
        Self::Failed(match error {
            Error::Timeout { .. } => "timeout",
            Error::Connect { .. } => "connect",
            Error::Tls { .. } | Error::NoAuthorities { .. } => "tls",
            Error::Broken { .. } => "broken",
            Error::TargetRefused { .. } => "refused",
            _ => "other",
        })
    }
}
