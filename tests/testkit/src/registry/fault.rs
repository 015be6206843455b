//! Faults on demand: which requests, how often, and what goes wrong.

use std::time::Duration;

use crate::registry::Kind;
use crate::registry::route::Route;

/// Which requests a fault is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// All.
    Any,
    /// Those of a kind.
    Kind(Kind),
    /// Those whose path holds this text.
    Path(String),
}

impl Match {
    /// Requests whose path holds this text, a digest for example.
    pub fn path(text: impl Into<String>) -> Self {
        Self::Path(text.into())
    }
}

/// How often a fault happens, counted over the requests that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Each time.
    Always,
    /// The first time only.
    Once,
    /// The first so many times.
    N(usize),
    /// Each n-th time: with 3, the third, sixth and so on.
    EveryNth(usize),
    /// Each time but for the first so many.
    After(usize),
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Answer with this status and an OCI error body.
    Status(u16),
    /// The same with headers, for example 429 and `Retry-After`.
    StatusWithHeaders(u16, Vec<(String, String)>),
    /// Never answer.
    Stall,
    /// Announce the whole body, send so many bytes, then no more, with the connection open.
    StallBody(usize),
    /// Announce the whole body, send so many bytes, then close the connection.
    Truncate(usize),
    /// Send the body, then blanks without end.
    EndlessBody,
    /// Flip a bit in the middle of the body; the length stays.
    WrongBytes,
    /// Send these bytes as body; headers stay as they would be, but for the length.
    OtherBytes(Vec<u8>),
    /// Send one byte more at the end.
    ExtraByte,
    /// Redirect to this location with this status. `{path}` in it becomes path and query of the request.
    Redirect(String, u16),
    /// Close the connection with a TCP reset, without an answer. (HTTP/2: reset the stream.)
    Reset,
    /// Say this in `Content-Type`.
    ContentType(String),
    /// Say this in `Docker-Content-Digest`.
    DigestHeader(String),
    /// Say this in a header.
    Header(String, String),
    /// Leave out a header.
    NoHeader(String),
    /// Referrers API: list all artifact types, and do not say that a filter was applied (which is allowed).
    Unfiltered,
    /// Referrers API: list all artifact types, and say that the filter was applied.
    FilterLie,
    /// Referrers API: each page links to another one.
    EndlessPages,
    /// Referrers API: link to this URL as the next page.
    ForeignLink(String),
    /// Wait so long, then go on as otherwise.
    Latency(Duration),
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    requests: Match,
    times: Times,
    fault: Fault,
    seen: usize,
}

impl Faults {
    pub(crate) fn add(&mut self, requests: Match, times: Times, fault: Fault) {
        self.rules.push(Rule {
            requests,
            times,
            fault,
            seen: 0,
        });
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The faults that happen to this request, which is counted.
    pub(crate) fn of(&mut self, route: &Route, path: &str) -> Vec<Fault> {
        let rules = self.rules.iter_mut();
        rules.filter_map(|rule| rule.fires(route, path)).collect()
    }
}

impl Rule {
    fn fires(&mut self, route: &Route, path: &str) -> Option<Fault> {
        let matches = match &self.requests {
            Match::Any => true,
            Match::Kind(kind) => route.kind == *kind,
            Match::Path(text) => path.contains(text.as_str()),
        };
        if !matches {
            return None;
        }
        self.seen = self.seen.saturating_add(1);
        let due = match self.times {
            Times::Always => true,
            Times::Once => self.seen == 1,
            Times::N(count) => self.seen <= count,
            Times::EveryNth(count) => self.seen.is_multiple_of(count.max(1)),
            Times::After(count) => self.seen > count,
        };
        due.then(|| self.fault.clone())
    }
}
