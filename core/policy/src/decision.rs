//! What a policy is given and what it answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use ratify_verify::{Basis, Finding, Reason, ReasonCode, Verdict};

/// Everything that was found out about one image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// One per artifact that a verifier judged.
    pub findings: Vec<Arc<Finding>>,
    /// Why the list of artifacts may lack some that exist (a store failed); such artifacts could be of any type.
    pub incomplete: Option<Reason>,
    /// Why there may be artifacts that were not looked at (more than the limit); they could be of any type, too.
    pub over_budget: Option<Reason>,
    /// The artifact types that the verifiers read; `*` is every type. What was not seen may be of each of them.
    pub read: BTreeSet<String>,
}

/// The decision about one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may run.
    Admit(Admission),
    /// It may not run.
    Deny(Reason),
    /// It could not be told. It may not run now; ask again.
    Undecided(Reason),
}

/// The receipt of a policy that was satisfied; only [`crate::ConfigPolicy::decide`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    code: ReasonCode,
    not_enforced: Vec<Reason>,
}

impl Admission {
    /// What the findings that satisfied a policy rest on, the weakest first: one skipped finding makes the whole
    /// admission `SKIPPED_BY_POLICY`, one logged failure makes it `LOGGED_FAILURES`.
    pub(crate) fn resting_on(findings: &[Arc<Finding>]) -> Self {
        let accepted = || {
            findings
                .iter()
                .filter_map(|finding| finding.verdict.accepted())
        };
        let mut not_enforced = Vec::new();
        for accepted in accepted() {
            if let Basis::LoggedFailures(reasons) = accepted.basis() {
                not_enforced.extend(reasons.iter().cloned());
            }
        }
        let code = if accepted().any(|accepted| *accepted.basis() == Basis::Skipped) {
            ReasonCode::SkippedByPolicy
        } else if not_enforced.is_empty() {
            ReasonCode::Verified
        } else {
            ReasonCode::LoggedFailures
        };
        Self { code, not_enforced }
    }

    /// `VERIFIED`, `LOGGED_FAILURES` or `SKIPPED_BY_POLICY`.
    pub fn code(&self) -> ReasonCode {
        self.code
    }

    /// The failures that the trust policy only logs.
    pub fn not_enforced(&self) -> &[Reason] {
        &self.not_enforced
    }
}

/// Of several failures the one that got furthest, ties by verifier name and digest (decision: what people read first).
pub(crate) fn furthest<'a>(
    findings: impl Iterator<Item = &'a Finding>,
    wanted: fn(&Verdict) -> Option<&Reason>,
) -> Option<&'a Reason> {
    let place = |finding: &'a Finding| {
        let digest = finding.artifact.as_ref();
        (
            std::cmp::Reverse(&finding.verifier),
            std::cmp::Reverse(digest),
        )
    };
    findings
        .filter_map(|finding| wanted(&finding.verdict).map(|reason| (finding, reason)))
        .max_by_key(|(finding, reason)| (reason.code(), place(finding)))
        .map(|(_, reason)| reason)
}
