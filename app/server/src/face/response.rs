//! The answer's bytes: Gatekeeper's `ProviderResponse` with v1.4's members in v1.4's order (V 2.5), one line and a newline.
//!
//! Items are written one after the other straight into the buffer of the answer; nothing is built in between.

use std::fmt::Write as _;

use ratify_engine::Report;
use ratify_oci::Digest;
use ratify_verify::{Reason, ReasonCode};
use serde::Serialize;

use super::go_json::{self, Unsupported};
use super::key::shortened;
use super::report_v1::{NotEnforced, Reports};

/// The version of a result whose policy is `configPolicy` (V 2.5).
const RESULT_VERSION: &str = "0.2.0";
/// Once an answer has so many bytes, further items have no reports in `verifierReports`; templates that read reports deny
/// then. A thousand images with a hundred signatures each would make some 70 MB, which Gatekeeper would have to hold.
const MAX_WITH_REPORTS: usize = 8 * 1024 * 1024;
/// The longest `systemError`. It becomes part of a denial, of which Gatekeeper's audit keeps 256 bytes.
const MAX_SYSTEM_ERROR: usize = 8 * 1024;
/// How much of a key, and of its reason, is named there, so that one of them does not fill it.
const MAX_PART: usize = 960;

/// What an answer says of one image. The first five members are v1.4's.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Value<'a> {
    version: &'static str,
    is_success: bool,
    #[serde(rename = "traceID")]
    trace_id: &'a str,
    timestamp: &'a str,
    // always there, even empty: a stock template looks for false reports in it and admits where the member is missing
    verifier_reports: Reports<'a>,
    // ours from here on
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a str>,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_enforced: Option<NotEnforced<'a>>,
}

/// What all values of one answer share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp<'a> {
    /// Names the request.
    pub(super) trace_id: &'a str,
    /// When it was answered, RFC 3339.
    pub(super) timestamp: &'a str,
}

impl<'a> Value<'a> {
    /// The value for an image that was judged.
    pub(super) fn of_report(report: &'a Report, reports: Reports<'a>, stamp: Stamp<'a>) -> Self {
        let not_enforced = NotEnforced::of(&report.decision);
        Self {
            version: RESULT_VERSION,
            is_success: report.is_admitted(),
            trace_id: stamp.trace_id,
            timestamp: stamp.timestamp,
            verifier_reports: reports,
            digest: report.subject.as_ref().map(Digest::as_str),
            code: report.code().as_str(),
            reason: report.reason().map(Reason::detail),
            not_enforced: Some(not_enforced).filter(|some| !some.is_empty()),
        }
    }

    /// The same without reports.
    pub(super) fn without_reports(self) -> Self {
        Self {
            verifier_reports: self.verifier_reports.cleared(),
            ..self
        }
    }

    /// The value for `subject`, which is denied without having been judged.
    pub(super) fn of_failure(subject: &'a str, reason: &'a Reason, stamp: Stamp<'a>) -> Self {
        Self {
            version: RESULT_VERSION,
            is_success: false,
            trace_id: stamp.trace_id,
            timestamp: stamp.timestamp,
            verifier_reports: Reports::of_failure(subject, reason),
            digest: None,
            code: reason.code().as_str(),
            reason: Some(reason.detail()),
            not_enforced: None,
        }
    }
}

/// An answer being written.
#[derive(Debug)]
pub(super) struct Answer {
    buffer: Vec<u8>,
    items: usize,
    idempotent: bool,
    undecided: Undecided,
}

impl Answer {
    /// An answer for about so many items. Answers to `mutate` are `idempotent`.
    pub(super) fn new(idempotent: bool, items: usize) -> Self {
        const ITEM: usize = 1024;
        let mut buffer = Vec::with_capacity(256 + items.saturating_mul(ITEM));
        buffer.extend_from_slice(
            br#"{"apiVersion":"externaldata.gatekeeper.sh/v1alpha1","kind":"ProviderResponse","response":{"#,
        );
        if idempotent {
            buffer.extend_from_slice(br#""idempotent":true"#);
        }
        Self {
            buffer,
            items: 0,
            idempotent,
            undecided: Undecided::default(),
        }
    }

    /// An item with a value.
    pub(super) fn value<T: Serialize>(&mut self, key: &str, value: &T) -> Result<(), Unsupported> {
        #[derive(Serialize)]
        struct Item<'a, T> {
            key: &'a str,
            value: &'a T,
        }
        self.item(&Item { key, value })
    }

    /// An item with an image's value; without reports if the answer is long already.
    pub(super) fn image(&mut self, key: &str, value: Value<'_>) -> Result<(), Unsupported> {
        let value = if self.buffer.len() > MAX_WITH_REPORTS {
            value.without_reports()
        } else {
            value
        };
        self.value(key, &value)
    }

    /// An item with an error and no value.
    pub(super) fn error(&mut self, key: &str, error: &str) -> Result<(), Unsupported> {
        #[derive(Serialize)]
        struct Item<'a> {
            key: &'a str,
            error: &'a str,
        }
        self.item(&Item { key, error })
    }

    /// A key that gets no item now.
    pub(super) fn undecided(&mut self, key: &str, reason: &Reason) {
        self.undecided.name(key, reason);
    }

    /// The first code of a key that gets no item.
    pub(super) fn first_undecided(&self) -> Option<ReasonCode> {
        self.undecided.first
    }

    fn item<T: Serialize>(&mut self, item: &T) -> Result<(), Unsupported> {
        let before: &[u8] = match (self.items, self.idempotent) {
            (0, false) => br#""items":["#,
            (0, true) => br#","items":["#,
            _ => b",",
        };
        self.buffer.extend_from_slice(before);
        self.items += 1;
        go_json::append(&mut self.buffer, item)
    }

    /// The bytes. Keys without an item are named in `systemError`.
    pub(super) fn end(mut self) -> Vec<u8> {
        if self.items > 0 {
            self.buffer.push(b']');
        }
        match self.undecided.text() {
            Some(text) => self.system_error(&text),
            None => self.close(),
        }
    }

    /// An answer without items, because of `error`.
    pub(super) fn failure(idempotent: bool, error: &str) -> Vec<u8> {
        Self::new(idempotent, 0).system_error(error)
    }

    fn system_error(mut self, text: &str) -> Vec<u8> {
        if self.items > 0 || self.idempotent {
            self.buffer.push(b',');
        }
        self.buffer.extend_from_slice(br#""systemError":"#);
        go_json::append_text(&mut self.buffer, text);
        self.close()
    }

    fn close(mut self) -> Vec<u8> {
        self.buffer.extend_from_slice(b"}}\n");
        self.buffer
    }
}

/// The keys without an item, named with code and reason as long as there is room.
#[derive(Debug, Default)]
struct Undecided {
    text: String,
    first: Option<ReasonCode>,
    unnamed: usize,
}

impl Undecided {
    fn name(&mut self, key: &str, reason: &Reason) {
        self.first = self.first.or(Some(reason.code()));
        let room = MAX_SYSTEM_ERROR.saturating_sub(self.text.len());
        if room < 2 * MAX_PART + 128 || self.unnamed > 0 {
            self.unnamed += 1;
            return;
        }
        let separator = if self.text.is_empty() { "" } else { "; " };
        // templates cut the text at the separator
        let (key, detail) = (
            shortened(key, MAX_PART),
            shortened(reason.detail(), MAX_PART).replace("; ", ", "),
        );
        // writing to a string cannot fail
        let _ = write!(self.text, "{separator}{key}: {}: {detail}", reason.code());
    }

    fn text(&self) -> Option<String> {
        self.first?;
        let mut text = self.text.clone();
        if self.unnamed > 0 {
            let _ = write!(text, "; and {} more", self.unnamed);
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests;
