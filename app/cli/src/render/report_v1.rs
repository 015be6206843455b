//! The JSON of `ratify verify`, as v1.4 writes it (V 1.4, V 2.5), with our members after v1.4's.
//!
//! The reports in it are the server's. Quirks kept because tools read them: `isSuccess` of the whole is there only when
//! true, `verifierReports` is always there.

use std::collections::BTreeSet;

use ratify_engine::Report;
use ratify_oci::Digest;
use ratify_server::{NotEnforced, Reports};
use ratify_verify::Reason;
use serde::Serialize;

/// The whole answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerifyResponse<'a> {
    #[serde(skip_serializing_if = "is_false")]
    is_success: bool,
    verifier_reports: Reports<'a>,
    // ours from here on
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a str>,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "NotEnforced::is_empty")]
    not_enforced: NotEnforced<'a>,
}

impl<'a> VerifyResponse<'a> {
    /// The answer for `report`. `typed_verifiers` are the names of the verifiers whose type the configuration writes
    /// out: v1.4 reports the type of no other.
    pub(crate) fn new(report: &'a Report, typed_verifiers: &'a BTreeSet<String>) -> Self {
        let digest = report.subject.as_ref();
        Self {
            is_success: report.is_admitted(),
            verifier_reports: Reports::of(report, typed_verifiers),
            digest: digest.map(Digest::as_str),
            code: report.code().as_str(),
            reason: report.reason().map(Reason::detail),
            not_enforced: NotEnforced::of(&report.decision),
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests;
