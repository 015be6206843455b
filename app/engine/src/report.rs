//! What came of one image.

use std::sync::Arc;

use ratify_oci::{Digest, Reference};
use ratify_policy::Decision;
use ratify_verify::{Finding, Reason, ReasonCode};

use crate::run::Judgement;

/// The whole answer about one image. Every face (command line, server) is written from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The image as asked for, normalised.
    pub reference: Reference,
    /// What it resolved to; `None` if it was not resolved, or need not be.
    pub subject: Option<Digest>,
    /// The decision.
    pub decision: Decision,
    /// The findings, by verifier name and digest; those of verifiers that need not look come last.
    pub findings: Arc<[Arc<Finding>]>,
    /// Whether it was remembered from an earlier request.
    pub remembered: bool,
}

impl Report {
    /// The answer to a question that called the image `reference`.
    pub(crate) fn of(reference: &Reference, judgement: &Judgement, remembered: bool) -> Self {
        Self {
            reference: reference.clone(),
            subject: judgement.subject.clone(),
            decision: judgement.decision.clone(),
            findings: Arc::clone(&judgement.findings),
            remembered,
        }
    }

    /// Whether the image may run.
    pub fn is_admitted(&self) -> bool {
        matches!(self.decision, Decision::Admit(_))
    }

    /// The code of the decision.
    pub fn code(&self) -> ReasonCode {
        match &self.decision {
            Decision::Admit(admission) => admission.code(),
            Decision::Deny(reason) | Decision::Undecided(reason) => reason.code(),
        }
    }

    /// Why not, if it may not run.
    pub fn reason(&self) -> Option<&Reason> {
        match &self.decision {
            Decision::Admit(_) => None,
            Decision::Deny(reason) | Decision::Undecided(reason) => Some(reason),
        }
    }
}
