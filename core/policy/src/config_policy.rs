//! The policy `configPolicy`: per artifact type, must any or must all of its artifacts be accepted?

use std::collections::{BTreeMap, BTreeSet};

use ratify_verify::{Reason, ReasonCode, Verdict};

use crate::decision::furthest;
use crate::{Admission, Decision, Findings};

/// How many artifacts of a type must be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Requirement {
    /// At least one.
    Any,
    /// Every one, and at least one.
    #[default]
    All,
}

/// Why a policy cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Neither `any` nor `all`.
    #[error(
        "artifact type `{artifact_type}` has the requirement `{found}`, expected `any` or `all`"
    )]
    Word {
        /// Which entry.
        artifact_type: String,
        /// What stands there.
        found: String,
    },
}

impl Requirement {
    /// Read `any` or `all`; every other word is an error, because v1.4 would never be satisfied by it and deny silently.
    pub fn parse(artifact_type: &str, word: &str) -> Result<Self, PolicyError> {
        match word {
            "any" => Ok(Self::Any),
            "all" => Ok(Self::All),
            _ => Err(PolicyError::Word {
                artifact_type: artifact_type.to_owned(),
                found: word.chars().take(100).collect(),
            }),
        }
    }
}

/// `artifactVerificationPolicies` of v1.4.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigPolicy {
    listed: BTreeMap<String, Requirement>,
    default: Requirement,
}

/// What is true of one artifact type. The order is that of strength: a denial beats what is undecided beats an admission.
#[derive(Debug, Clone, PartialEq, Eq)]
enum TypeVerdict {
    Satisfied,
    Undecided(Reason),
    Denied(Reason),
}

impl ConfigPolicy {
    /// A policy of `listed` artifact types, each of which must be there, and a `default` for every other type that is.
    pub fn new(listed: BTreeMap<String, Requirement>, default: Requirement) -> Self {
        Self { listed, default }
    }

    /// Decide. Every listed type and every type found must be satisfied; no finding at all is a denial.
    pub fn decide(&self, all: &Findings) -> Decision {
        // "not signed" says more than that a listed type is missing
        let certain = all.incomplete.is_none() && all.over_budget.is_none();
        if all.findings.is_empty() && (self.listed.is_empty() || certain) {
            return nothing_found(all);
        }
        let found = all.findings.iter().map(|finding| &*finding.artifact_type);
        // what was not seen may be of any type that is read, and a type nobody saw must not count as one that is not there
        let unseen = all.read.iter().filter(|_| !certain).map(String::as_str);
        let listed = self.listed.keys().map(String::as_str);
        let types: BTreeSet<&str> = listed.chain(found).chain(unseen).collect();
        let mut undecided = None;
        let mut denied = Vec::new();
        for artifact_type in types {
            match self.of_type(artifact_type, all) {
                TypeVerdict::Satisfied => {}
                TypeVerdict::Undecided(reason) => undecided = undecided.or(Some(reason)),
                TypeVerdict::Denied(reason) => denied.push(reason),
            }
        }
        if let Some(reason) = denied.into_iter().max_by_key(Reason::code) {
            return Decision::Deny(reason);
        }
        match undecided {
            Some(reason) => Decision::Undecided(reason),
            None => Decision::Admit(Admission::resting_on(&all.findings)),
        }
    }

    fn of_type(&self, artifact_type: &str, all: &Findings) -> TypeVerdict {
        let requirement = self
            .listed
            .get(artifact_type)
            .copied()
            .unwrap_or(self.default);
        let of_type = || {
            all.findings
                .iter()
                .map(|finding| &**finding)
                .filter(|finding| &*finding.artifact_type == artifact_type)
        };
        let accepted = of_type()
            .filter(|finding| finding.verdict.accepted().is_some())
            .count();
        let rejected = furthest(of_type(), rejection);
        let unknown = furthest(of_type(), doubt).or(all.incomplete.as_ref());
        let verdict = match requirement {
            Requirement::Any if accepted > 0 => return TypeVerdict::Satisfied,
            Requirement::Any => any_without_acceptance(rejected, unknown, all.over_budget.as_ref()),
            Requirement::All => {
                all_must_pass(rejected, unknown, all.over_budget.as_ref(), accepted)
            }
        };
        verdict.unwrap_or_else(|| {
            TypeVerdict::Denied(Reason::new(
                ReasonCode::ArtifactTypeMissing,
                format!(
                    "the policy demands an artifact of type `{artifact_type}`, the image has none"
                ),
            ))
        })
    }
}

/// `any`: what is not known could still be the one acceptance, so it comes before what is known to be bad.
fn any_without_acceptance(
    rejected: Option<&Reason>,
    unknown: Option<&Reason>,
    over_budget: Option<&Reason>,
) -> Option<TypeVerdict> {
    let undecided = unknown.cloned().map(TypeVerdict::Undecided);
    undecided.or_else(|| over_budget.or(rejected).cloned().map(TypeVerdict::Denied))
}

/// `all`: one rejection, or one artifact too many to look at, decides.
fn all_must_pass(
    rejected: Option<&Reason>,
    unknown: Option<&Reason>,
    over_budget: Option<&Reason>,
    accepted: usize,
) -> Option<TypeVerdict> {
    let denied = over_budget.or(rejected).cloned().map(TypeVerdict::Denied);
    denied
        .or_else(|| unknown.cloned().map(TypeVerdict::Undecided))
        .or_else(|| (accepted > 0).then_some(TypeVerdict::Satisfied))
}

fn nothing_found(all: &Findings) -> Decision {
    if let Some(reason) = &all.incomplete {
        return Decision::Undecided(reason.clone());
    }
    Decision::Deny(all.over_budget.clone().unwrap_or_else(|| {
        Reason::new(
            ReasonCode::NoSignature,
            "the image has no artifact that a configured verifier reads",
        )
    }))
}

fn rejection(verdict: &Verdict) -> Option<&Reason> {
    match verdict {
        Verdict::Rejected(reason) => Some(reason),
        Verdict::Accepted(_) | Verdict::Unknown(_) => None,
    }
}

fn doubt(verdict: &Verdict) -> Option<&Reason> {
    match verdict {
        Verdict::Unknown(reason) => Some(reason),
        Verdict::Accepted(_) | Verdict::Rejected(_) => None,
    }
}
