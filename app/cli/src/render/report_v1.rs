//! The JSON of `ratify verify`, as v1.4 writes it (V 1.4, V 2.5), with our members after v1.4's.
//!
//! Quirks kept because tools read them: `isSuccess` of the whole is there only when true, `verifierReports` is always
//! there, an image without any finding gets one synthetic report, names are written twice.

use std::collections::BTreeSet;

use ratify_engine::Report;
use ratify_policy::Decision;
use ratify_verify::notation::VERIFIER_TYPE;
use ratify_verify::{Basis, Finding, Reason, ReasonCode, Signer, Verdict};
use serde::Serialize;

/// What v1.4 says of a good signature.
const SUCCESS: &str = "Notation signature verification success";

/// The whole answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerifyResponse {
    #[serde(skip_serializing_if = "is_false")]
    is_success: bool,
    verifier_reports: Vec<VerifierReport>,
    // ours from here on
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_enforced: Vec<NotEnforced>,
}

/// A failure that the trust policy only logs.
#[derive(Debug, Serialize)]
struct NotEnforced {
    code: &'static str,
    reason: String,
}

/// One report, version 0.2.0.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifierReport {
    #[serde(skip_serializing_if = "String::is_empty")]
    subject: String,
    is_success: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    verifier_name: String,
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    verifier_type: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reference_digest: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    artifact_type: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    error_reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    remediation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    extensions: Option<Extensions>,
    // ours
    code: &'static str,
}

/// Who signed, under v1.4's names: `SN` is the subject.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Extensions {
    issuer: String,
    #[serde(rename = "SN")]
    subject: String,
}

impl VerifyResponse {
    /// The answer for `report`. `typed_verifiers` are the names of the verifiers whose type the configuration writes
    /// out: v1.4 reports the type of no other.
    pub(crate) fn new(report: &Report, typed_verifiers: &BTreeSet<String>) -> Self {
        let subject = report.reference.to_string();
        let mut verifier_reports: Vec<_> = report
            .findings
            .iter()
            .map(|finding| {
                let typed = typed_verifiers.contains(&finding.verifier);
                VerifierReport::of_finding(&subject, finding, typed)
            })
            .collect();
        if let (true, Some(reason)) = (verifier_reports.is_empty(), report.reason()) {
            verifier_reports.push(VerifierReport::without_findings(&subject, reason));
        }
        let not_enforced = match &report.decision {
            Decision::Admit(admission) => admission
                .not_enforced()
                .iter()
                .map(NotEnforced::from)
                .collect(),
            Decision::Deny(_) | Decision::Undecided(_) => Vec::new(),
        };
        Self {
            is_success: report.is_admitted(),
            verifier_reports,
            digest: report
                .subject
                .as_ref()
                .map(|descriptor| descriptor.digest.to_string()),
            code: report.code().as_str(),
            reason: report.reason().map(|reason| reason.detail().to_owned()),
            not_enforced,
        }
    }
}

impl From<&Reason> for NotEnforced {
    fn from(reason: &Reason) -> Self {
        Self {
            code: reason.code().as_str(),
            reason: reason.detail().to_owned(),
        }
    }
}

impl VerifierReport {
    fn of_finding(subject: &str, finding: &Finding, typed: bool) -> Self {
        let reference_digest = finding
            .artifact
            .as_ref()
            .map(|artifact| artifact.digest.to_string())
            .unwrap_or_default();
        let kind = if typed {
            finding.verifier_type.clone()
        } else {
            String::new()
        };
        let mut report = Self {
            subject: subject.to_owned(),
            is_success: false,
            name: finding.verifier.clone(),
            verifier_name: finding.verifier.clone(),
            kind: kind.clone(),
            verifier_type: kind,
            reference_digest,
            artifact_type: finding.artifact_type.clone(),
            message: String::new(),
            error_reason: String::new(),
            remediation: String::new(),
            extensions: None,
            code: code_of(&finding.verdict).as_str(),
        };
        match &finding.verdict {
            Verdict::Accepted(accepted) => {
                report.is_success = true;
                report.message = success(accepted.basis());
                report.extensions = finding.signer.as_ref().map(Extensions::from);
            }
            Verdict::Rejected(reason) | Verdict::Unknown(reason) => {
                report.fail(&finding.verifier_type, reason);
            }
        }
        report
    }

    /// v1.4's answer when there is nothing to report on.
    fn without_findings(subject: &str, reason: &Reason) -> Self {
        let error_reason = if reason.code() == ReasonCode::NoSignature {
            format!(
                "No verification results for the artifact {subject}. Ensure verifiers are properly configured and that \
                 artifact metadata is attached"
            )
        } else {
            reason.detail().to_owned()
        };
        Self {
            subject: subject.to_owned(),
            is_success: false,
            name: String::new(),
            verifier_name: String::new(),
            kind: String::new(),
            verifier_type: String::new(),
            reference_digest: String::new(),
            artifact_type: String::new(),
            message: format!("failed to verify artifact: {subject}"),
            error_reason,
            remediation: reason.code().remedy().to_owned(),
            extensions: None,
            code: reason.code().as_str(),
        }
    }

    fn fail(&mut self, verifier_type: &str, reason: &Reason) {
        let what = if self.reference_digest.is_empty() {
            &self.subject
        } else {
            &self.reference_digest
        };
        self.message = if verifier_type == VERIFIER_TYPE {
            format!("Failed to validate the Notation signature: {what}")
        } else {
            format!("failed to verify artifact: {what}")
        };
        reason.detail().clone_into(&mut self.error_reason);
        reason.code().remedy().clone_into(&mut self.remediation);
    }
}

impl From<&Signer> for Extensions {
    fn from(signer: &Signer) -> Self {
        Self {
            issuer: signer.issuer.clone(),
            subject: signer.subject.clone(),
        }
    }
}

/// The code of one verdict.
pub(crate) fn code_of(verdict: &Verdict) -> ReasonCode {
    match verdict {
        Verdict::Accepted(accepted) => match accepted.basis() {
            Basis::Verified => ReasonCode::Verified,
            Basis::LoggedFailures(_) => ReasonCode::LoggedFailures,
            Basis::Skipped => ReasonCode::SkippedByPolicy,
        },
        Verdict::Rejected(reason) | Verdict::Unknown(reason) => reason.code(),
    }
}

/// An acceptance that rests on less than every check says so.
fn success(basis: &Basis) -> String {
    match basis {
        Basis::Verified => SUCCESS.to_owned(),
        Basis::LoggedFailures(reasons) => {
            let reasons: Vec<_> = reasons.iter().map(Reason::to_string).collect();
            format!("{SUCCESS}; not enforced: {}", reasons.join("; "))
        }
        Basis::Skipped => {
            "accepted without looking for a signature, because the trust policy says `skip`"
                .to_owned()
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
