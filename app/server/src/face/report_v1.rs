//! What verifiers found, in v1.4's words and shape: reports of version 0.2.0 (V 2.5), with our members after v1.4's.
//!
//! Both the server's answers and the JSON of `ratify verify` are made of these parts. Everything borrows from the
//! [`Report`], because an answer out of memory is little more than this text. Quirks kept because tools read them: an
//! image without any finding gets one synthetic report, names are written twice.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use ratify_engine::Report;
use ratify_oci::Digest;
use ratify_policy::Decision;
use ratify_verify::notation::VERIFIER_TYPE;
use ratify_verify::{Basis, Finding, Reason, ReasonCode, Signer, Verdict};
use serde::{Serialize, Serializer};

/// What v1.4 says of a good signature.
const SUCCESS: &str = "Notation signature verification success";

/// Room for most references: a digest has 71 characters.
const REFERENCE: usize = 192;

/// The member `verifierReports`.
#[derive(Debug, Clone)]
pub struct Reports<'a> {
    subject: Cow<'a, str>,
    content: Content<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Content<'a> {
    Findings(&'a [Arc<Finding>], &'a BTreeSet<String>),
    Failure(&'a Reason),
    Nothing,
}

impl<'a> Reports<'a> {
    /// The reports on what was found. `typed_verifiers` are the names of the verifiers whose type the configuration
    /// writes out: v1.4 reports the type of no other.
    pub fn of(report: &'a Report, typed_verifiers: &'a BTreeSet<String>) -> Self {
        let content = match report.reason() {
            Some(reason) if report.findings.is_empty() => Content::Failure(reason),
            _ => Content::Findings(&report.findings, typed_verifiers),
        };
        let mut subject = String::with_capacity(REFERENCE);
        // writing to a string cannot fail
        let _ = write!(subject, "{}", report.reference);
        Self {
            subject: subject.into(),
            content,
        }
    }

    /// v1.4's one report when there is nothing to report on: `subject` failed for `reason`.
    pub fn of_failure(subject: &'a str, reason: &'a Reason) -> Self {
        Self {
            subject: subject.into(),
            content: Content::Failure(reason),
        }
    }

    /// The same subject without reports.
    pub(super) fn cleared(self) -> Self {
        Self {
            content: Content::Nothing,
            ..self
        }
    }
}

impl Serialize for Reports<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.content {
            Content::Findings(findings, typed) => {
                serializer.collect_seq(findings.iter().map(|finding| {
                    let typed = typed.contains(finding.verifier.as_ref());
                    VerifierReport::of_finding(&self.subject, finding, typed)
                }))
            }
            Content::Failure(reason) => serializer.collect_seq(std::iter::once(
                VerifierReport::without_findings(&self.subject, reason),
            )),
            Content::Nothing => serializer.collect_seq(std::iter::empty::<()>()),
        }
    }
}

/// The failures that the trust policy only logs, each with code and reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotEnforced<'a>(&'a [Reason]);

impl<'a> NotEnforced<'a> {
    /// Those that an admission rests on in spite of.
    pub fn of(decision: &'a Decision) -> Self {
        match decision {
            Decision::Admit(admission) => Self(admission.not_enforced()),
            Decision::Deny(_) | Decision::Undecided(_) => Self(&[]),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for NotEnforced<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct One<'a> {
            code: &'static str,
            reason: &'a str,
        }
        serializer.collect_seq(self.0.iter().map(|reason| One {
            code: reason.code().as_str(),
            reason: reason.detail(),
        }))
    }
}

/// One report, version 0.2.0.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifierReport<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    subject: &'a str,
    is_success: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    verifier_name: &'a str,
    #[serde(rename = "type", skip_serializing_if = "str::is_empty")]
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    verifier_type: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reference_digest: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    artifact_type: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    error_reason: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    remediation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    extensions: Option<Extensions<'a>>,
    // ours
    code: &'static str,
}

/// Who signed, under v1.4's names: `SN` is the subject.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Extensions<'a> {
    issuer: &'a str,
    #[serde(rename = "SN")]
    subject: &'a str,
}

impl<'a> VerifierReport<'a> {
    fn of_finding(subject: &'a str, finding: &'a Finding, typed: bool) -> Self {
        let digest = finding.artifact.as_ref().map(Digest::as_str);
        let kind: &str = if typed { &finding.verifier_type } else { "" };
        let mut report = Self {
            subject,
            is_success: false,
            name: &finding.verifier,
            verifier_name: &finding.verifier,
            kind,
            verifier_type: kind,
            reference_digest: digest.unwrap_or_default(),
            artifact_type: &finding.artifact_type,
            message: Cow::default(),
            error_reason: Cow::default(),
            remediation: "",
            extensions: None,
            code: code_of(&finding.verdict).as_str(),
        };
        match &finding.verdict {
            Verdict::Accepted(accepted) => {
                report.is_success = true;
                report.message = success(accepted.basis());
                report.extensions = finding.signer.as_deref().map(Extensions::from);
            }
            Verdict::Rejected(reason) | Verdict::Unknown(reason) => {
                let what = digest.unwrap_or(subject);
                report.message = failure(&finding.verifier_type, what).into();
                report.error_reason = reason.detail().into();
                report.remediation = reason.code().remedy();
            }
        }
        report
    }

    fn without_findings(subject: &'a str, reason: &'a Reason) -> Self {
        let error_reason = if reason.code() == ReasonCode::NoSignature {
            let text = format!(
                "No verification results for the artifact {subject}. Ensure verifiers are properly configured and that \
                 artifact metadata is attached"
            );
            text.into()
        } else {
            reason.detail().into()
        };
        Self {
            subject,
            is_success: false,
            name: "",
            verifier_name: "",
            kind: "",
            verifier_type: "",
            reference_digest: "",
            artifact_type: "",
            message: format!("failed to verify artifact: {subject}").into(),
            error_reason,
            remediation: reason.code().remedy(),
            extensions: None,
            code: reason.code().as_str(),
        }
    }
}

impl<'a> From<&'a Signer> for Extensions<'a> {
    fn from(signer: &'a Signer) -> Self {
        Self {
            issuer: &signer.issuer,
            subject: &signer.subject,
        }
    }
}

/// The code of one verdict.
pub fn code_of(verdict: &Verdict) -> ReasonCode {
    match verdict {
        Verdict::Accepted(accepted) => match accepted.basis() {
            Basis::Verified => ReasonCode::Verified,
            Basis::LoggedFailures(_) => ReasonCode::LoggedFailures,
            Basis::Skipped => ReasonCode::SkippedByPolicy,
        },
        Verdict::Rejected(reason) | Verdict::Unknown(reason) => reason.code(),
    }
}

fn failure(verifier_type: &str, what: &str) -> String {
    if verifier_type == VERIFIER_TYPE {
        format!("Failed to validate the Notation signature: {what}")
    } else {
        format!("failed to verify artifact: {what}")
    }
}

/// An acceptance that rests on less than every check says so.
fn success(basis: &Basis) -> Cow<'static, str> {
    match basis {
        Basis::Verified => SUCCESS.into(),
        Basis::LoggedFailures(reasons) => {
            let reasons: Vec<_> = reasons.iter().map(Reason::to_string).collect();
            format!("{SUCCESS}; not enforced: {}", reasons.join("; ")).into()
        }
        Basis::Skipped => {
            "accepted without looking for a signature, because the trust policy says `skip`".into()
        }
    }
}
