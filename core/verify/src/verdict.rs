//! Verdicts: accepted, rejected, or could not be told.

use std::sync::Arc;

use jiff::Timestamp;
use ratify_oci::Digest;

use crate::Reason;

/// What one verifier says of one artifact. Bad evidence and missing evidence are both "no", for different reasons:
/// the first is definitive, the second is worth asking again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every enforced check passed.
    Accepted(Accepted),
    /// An enforced check failed. Definitive for these bytes and this configuration.
    Rejected(Reason),
    /// It could not be told. Denies now, must not be remembered as a rejection.
    Unknown(Reason),
}

impl Verdict {
    /// The acceptance, if it is one.
    pub fn accepted(&self) -> Option<&Accepted> {
        match self {
            Self::Accepted(accepted) => Some(accepted),
            Self::Rejected(_) | Self::Unknown(_) => None,
        }
    }

    /// Why not, if it is not an acceptance.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Accepted(_) => None,
            Self::Rejected(reason) | Self::Unknown(reason) => Some(reason),
        }
    }
}

/// The receipt of a completed check. Fields are private and there is no public constructor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    basis: Basis,
    valid_until: Option<Timestamp>,
}

/// What an acceptance rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// Every check passed.
    Verified,
    /// Every enforced check passed; these failed or were not made, and the policy only logs them.
    LoggedFailures(Vec<Reason>),
    /// The policy says not to look.
    Skipped,
}

impl Accepted {
    /// Made at the end of a verification; `logged` are failures the policy says to log only.
    pub(crate) fn after_checks(logged: Vec<Reason>, valid_until: Option<Timestamp>) -> Self {
        let basis = if logged.is_empty() {
            Basis::Verified
        } else {
            Basis::LoggedFailures(logged)
        };
        Self { basis, valid_until }
    }

    /// Made by a trust policy statement of level `skip`.
    pub(crate) fn skipped() -> Self {
        Self {
            basis: Basis::Skipped,
            valid_until: None,
        }
    }

    /// What it rests on.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// The first instant at which the verdict may change (a certificate's notAfter, the signature's expiry).
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }
}

/// Who signed, for people and reports.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signer {
    /// Subject of the signing certificate, RFC 4514.
    pub subject: String,
    /// Issuer of the signing certificate, RFC 4514.
    pub issuer: String,
}

/// The five validations of a trust policy level (Notary Project trust policy, "signature verification levels").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Validation {
    /// The envelope is whole.
    Integrity,
    /// The signer is trusted.
    Authenticity,
    /// It was signed while the certificates were valid.
    AuthenticTimestamp,
    /// The signature has not expired.
    Expiry,
    /// No certificate was revoked.
    Revocation,
}

/// How one validation of one signature went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationResult {
    /// Which.
    pub validation: Validation,
    /// How; `Failed` of a validation that is only logged does not reject.
    pub outcome: Outcome,
}

/// How a validation went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It failed; `enforced` says whether that rejects.
    Failed {
        /// Why.
        reason: Reason,
        /// Whether the level enforces it.
        enforced: bool,
    },
    /// It was not made, because this version cannot; never under an enforcing level (that is a failure).
    NotChecked(Reason),
    /// The policy says not to make it.
    Skipped,
}

/// What one verifier says of one artifact, or of the subject without looking at any artifact. Texts are shared: a server
/// remembers thousands of findings that differ in little.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Name of the verifier in the configuration.
    pub verifier: Arc<str>,
    /// Its type, such as `notation`.
    pub verifier_type: Arc<str>,
    /// Digest of the artifact's manifest; `None` if the verifier did not need to look at one.
    pub artifact: Option<Digest>,
    /// Type of the artifact, as the policy counts it.
    pub artifact_type: Arc<str>,
    /// The verdict.
    pub verdict: Verdict,
    /// Who signed, once that was established (also when untrusted).
    pub signer: Option<Arc<Signer>>,
    /// The single validations, as far as they were made.
    pub validations: Vec<ValidationResult>,
}
