//! The validations of a trust policy level, in order, on one envelope (N 5, 7.3, 8, 9.1, 9.2).
//!
//! Integrity, authenticity, then the payload against the image, expiry, authentic time-stamp, revocation: cheap and
//! decisive first, and nothing that needs the network before the chain is anchored (N 0.1, X-42). An enforced failure
//! ends the work; a logged one is kept and shown. What this version cannot check is a failure where it is enforced.

use jiff::Timestamp;
use ratify_oci::Descriptor;

use super::attributes::Scheme;
use super::envelope::EnvelopeFormat;
use super::integrity::Envelope;
use super::payload::{self, PayloadError};
use crate::trust::{
    Action, Outside, OutsideSide, Statement, StoreType, TrustStores, VerifyTimestamp,
};
use crate::{Accepted, Outcome, Reason, ReasonCode, Signer, Validation, ValidationResult, Verdict};

/// What an envelope is judged by.
pub(super) struct Context<'a> {
    /// Of the image's repository.
    pub(super) statement: &'a Statement,
    pub(super) stores: &'a TrustStores,
    /// The image.
    pub(super) subject: &'a Descriptor,
    pub(super) now: Timestamp,
}

/// What came of it.
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    pub(super) signer: Option<Signer>,
    pub(super) validations: Vec<ValidationResult>,
}

impl Judgement {
    pub(super) fn without_validations(verdict: Verdict) -> Self {
        Self {
            verdict,
            signer: None,
            validations: Vec::new(),
        }
    }
}

/// Judge one envelope.
pub(super) fn judge(format: EnvelopeFormat, bytes: &[u8], context: &Context<'_>) -> Judgement {
    let mut ledger = Ledger::default();
    let envelope = match Envelope::open(format, bytes, context.stores) {
        Ok(envelope) => envelope,
        Err(error) => {
            let reason = Reason::from_error(error.code(), &error);
            ledger.fail(Validation::Integrity, reason.clone(), true);
            return ledger.close(Verdict::Rejected(reason), None);
        }
    };
    ledger.pass(Validation::Integrity);
    let leaf = envelope.chain.leaf();
    let signer = Signer {
        subject: leaf.subject().to_string(),
        issuer: leaf.issuer().to_string(),
    };
    let verdict = match run(&envelope, context, &mut ledger) {
        Ok(()) => Verdict::Accepted(Accepted::after_checks(
            std::mem::take(&mut ledger.logged),
            ledger.valid_until,
        )),
        Err(reason) => Verdict::Rejected(reason),
    };
    ledger.close(verdict, Some(signer))
}

/// Everything after integrity; the first enforced failure ends it (N M-01).
fn run(envelope: &Envelope, context: &Context<'_>, ledger: &mut Ledger) -> Result<(), Reason> {
    authenticity(envelope, context, ledger)?;
    // not one of the five validations: no level can make it a warning (N M-04)
    payload::check(&envelope.payload, context.subject).map_err(|error| {
        let code = match error {
            PayloadError::Mismatch { .. } => ReasonCode::PayloadMismatch,
            _ => ReasonCode::PayloadInvalid,
        };
        Reason::from_error(code, &error)
    })?;
    expiry(envelope, context, ledger)?;
    authentic_timestamp(envelope, context, ledger)?;
    revocation(envelope, context, ledger)
}

/// Anchor, then identity (N, I-20 to I-25). Both make one result; where the level only logs it, the later
/// failure is the one shown as the result and both are kept as logged (N M-03).
fn authenticity(
    envelope: &Envelope,
    context: &Context<'_>,
    ledger: &mut Ledger,
) -> Result<(), Reason> {
    let action = context.statement.action(Validation::Authenticity);
    let anchor = check_anchor(envelope, context);
    let identity = if anchor.is_ok() || action == Action::Log {
        check_identity(envelope, context)
    } else {
        Ok(())
    };
    let check = match (anchor, identity) {
        (Ok(()), Ok(())) => Check::Passed,
        (Err(reason), Ok(())) | (Ok(()), Err(reason)) => Check::Failed(reason),
        (Err(first), Err(second)) => {
            ledger.logged.push(first);
            Check::Failed(second)
        }
    };
    ledger.record(Validation::Authenticity, action, check)
}

/// Some certificate of the chain is in a trust store of the type that the scheme demands, and no other (N T-02, A-02).
fn check_anchor(envelope: &Envelope, context: &Context<'_>) -> Result<(), Reason> {
    let store_type = match envelope.attributes.scheme {
        Scheme::X509 => StoreType::Ca,
        Scheme::SigningAuthority { .. } => StoreType::SigningAuthority,
    };
    let names: Vec<&str> = context.statement.stores(store_type).collect();
    let anchors = context
        .stores
        .anchors(store_type, names.iter().copied())
        .map_err(|error| Reason::from_error(ReasonCode::TrustStoreEmpty, &error))?;
    let mut chain = envelope.chain.certificates().iter();
    if chain.any(|certificate| anchors.contains(certificate)) {
        return Ok(());
    }
    let leaf = envelope.chain.leaf();
    let root = envelope
        .chain
        .certificates()
        .last()
        .unwrap_or(leaf)
        .subject();
    Err(Reason::new(
        ReasonCode::SignerUntrusted,
        format!(
            "signed by `{}` under the root `{root}`; none of the chain's certificates is in the trust stores `{}` of type `{store_type}`",
            leaf.subject(),
            names.join("`, `"),
        ),
    ))
}

fn check_identity(envelope: &Envelope, context: &Context<'_>) -> Result<(), Reason> {
    let identities = context.statement.identities();
    identities
        .check(envelope.chain.leaf())
        .map_err(|error| Reason::from_error(ReasonCode::IdentityUntrusted, &error))
}

/// Expired when `now` has reached the expiry (N T-05, X-20).
fn expiry(envelope: &Envelope, context: &Context<'_>, ledger: &mut Ledger) -> Result<(), Reason> {
    let check = match envelope.attributes.expiry {
        Some(expiry) if context.now >= expiry => Check::Failed(Reason::new(
            ReasonCode::SignatureExpired,
            format!(
                "the signature expired at {expiry}, judged at {}",
                context.now
            ),
        )),
        Some(expiry) => {
            ledger.ends(expiry);
            Check::Passed
        }
        None => Check::Passed,
    };
    let action = context.statement.action(Validation::Expiry);
    ledger.record(Validation::Expiry, action, check)
}

/// Was it signed while every certificate of the chain was valid? (N T-03, T-04, TS-01 to TS-05.)
fn authentic_timestamp(
    envelope: &Envelope,
    context: &Context<'_>,
    ledger: &mut Ledger,
) -> Result<(), Reason> {
    let check = match envelope.attributes.scheme {
        Scheme::SigningAuthority { signed_at } => signed_inside_validity(envelope, signed_at),
        Scheme::X509 if token_is_due(envelope, context) => check_token(envelope),
        Scheme::X509 => valid_now(envelope, context, ledger),
    };
    let action = context.statement.action(Validation::AuthenticTimestamp);
    ledger.record(Validation::AuthenticTimestamp, action, check)
}

/// Under a signing authority the time it vouches for counts, not the present (N T-03, T-04). A token is ignored (N 9.1).
fn signed_inside_validity(envelope: &Envelope, signed_at: Timestamp) -> Check {
    match envelope.chain.outside_validity(signed_at) {
        None => Check::Passed,
        Some(outside) => Check::Failed(Reason::new(
            ReasonCode::SigningTimeOutsideCertificate,
            format!("signed at {signed_at}, but {}", describe(&outside)),
        )),
    }
}

/// Whether a time-stamp token must be verified (N 9.2).
fn token_is_due(envelope: &Envelope, context: &Context<'_>) -> bool {
    let has_store = context.statement.stores(StoreType::Tsa).next().is_some();
    has_store
        && match context.statement.verify_timestamp() {
            VerifyTimestamp::Always => true,
            VerifyTimestamp::AfterCertExpiry => {
                let mut chain = envelope.chain.certificates().iter();
                chain.any(|certificate| certificate.not_after() < context.now)
            }
        }
}

/// A token that is due fails when absent, also while the chain is valid (N TS-02); one that is there cannot be verified
/// by this version, and there is no fallback to the present (N TS-04).
fn check_token(envelope: &Envelope) -> Check {
    match envelope.timestamp.as_deref() {
        None | Some([]) => Check::Failed(Reason::new(
            ReasonCode::TimestampMissing,
            "the signature has no time-stamp, but the trust policy statement lists a `tsa` store",
        )),
        Some(_) => Check::NotChecked(Reason::new(
            ReasonCode::TimestampNotSupported,
            "the trust policy statement lists a `tsa` store, and the signature's time-stamp cannot be verified yet",
        )),
    }
}

/// Every certificate is valid at `now`, bounds included (N TS-01).
fn valid_now(envelope: &Envelope, context: &Context<'_>, ledger: &mut Ledger) -> Check {
    let now = context.now;
    let Some(outside) = envelope.chain.outside_validity(now) else {
        ledger.ends(envelope.chain.expires());
        return Check::Passed;
    };
    let code = match outside.side {
        OutsideSide::NotYet => ReasonCode::CertificateNotYetValid,
        OutsideSide::Expired => ReasonCode::CertificateExpired,
    };
    Check::Failed(Reason::new(
        code,
        format!("{}, judged at {now}", describe(&outside)),
    ))
}

fn describe(outside: &Outside<'_>) -> String {
    let certificate = outside.certificate;
    let subject = certificate.subject();
    match outside.side {
        OutsideSide::NotYet => format!(
            "the certificate `{subject}` is not valid before {}",
            certificate.not_before()
        ),
        OutsideSide::Expired => format!(
            "the certificate `{subject}` expired at {}",
            certificate.not_after()
        ),
    }
}

/// No pointer to OCSP or a CRL in any certificate below the root: nothing to ask (N 10, RV rules, P-25). One that is there
/// cannot be followed by this version.
fn revocation(
    envelope: &Envelope,
    context: &Context<'_>,
    ledger: &mut Ledger,
) -> Result<(), Reason> {
    let action = context.statement.action(Validation::Revocation);
    if action == Action::Skip {
        ledger.skip(Validation::Revocation);
        return Ok(());
    }
    let below_root = envelope.chain.certificates().split_last();
    let mut below_root = below_root.map_or(&[][..], |(_, others)| others).iter();
    let check = match below_root.find(|certificate| certificate.has_revocation_pointer()) {
        None => Check::Passed,
        Some(certificate) => Check::NotChecked(Reason::new(
            ReasonCode::RevocationNotSupported,
            format!(
                "the certificate `{}` names a place to ask for revocation, which cannot be asked yet",
                certificate.subject()
            ),
        )),
    };
    ledger.record(Validation::Revocation, action, check)
}

/// How one validation went, before the level says what that means.
enum Check {
    Passed,
    Failed(Reason),
    /// This version cannot tell.
    NotChecked(Reason),
}

/// Results so far.
#[derive(Default)]
struct Ledger {
    validations: Vec<ValidationResult>,
    /// Failures that the level only logs, and what was not checked.
    logged: Vec<Reason>,
    valid_until: Option<Timestamp>,
}

impl Ledger {
    /// Apply the level: an error is the reason for rejection (N M-01, M-02).
    fn record(
        &mut self,
        validation: Validation,
        action: Action,
        check: Check,
    ) -> Result<(), Reason> {
        let enforced = match action {
            Action::Log => false,
            // only revocation can be skipped (N V-07), and that never comes here; anything else is enforced
            Action::Enforce | Action::Skip => true,
        };
        match check {
            Check::Passed => self.pass(validation),
            Check::Failed(reason) | Check::NotChecked(reason) if enforced => {
                self.fail(validation, reason.clone(), true);
                return Err(reason);
            }
            Check::Failed(reason) => {
                self.logged.push(reason.clone());
                self.fail(validation, reason, false);
            }
            Check::NotChecked(reason) => {
                self.logged.push(reason.clone());
                self.push(validation, Outcome::NotChecked(reason));
            }
        }
        Ok(())
    }

    fn pass(&mut self, validation: Validation) {
        self.push(validation, Outcome::Passed);
    }

    fn fail(&mut self, validation: Validation, reason: Reason, enforced: bool) {
        self.push(validation, Outcome::Failed { reason, enforced });
    }

    fn skip(&mut self, validation: Validation) {
        self.push(validation, Outcome::Skipped);
    }

    fn push(&mut self, validation: Validation, outcome: Outcome) {
        self.validations.push(ValidationResult {
            validation,
            outcome,
        });
    }

    /// The verdict may change at `instant`, which lies ahead.
    fn ends(&mut self, instant: Timestamp) {
        let earlier = self.valid_until.is_none_or(|known| instant < known);
        if earlier {
            self.valid_until = Some(instant);
        }
    }

    fn close(self, verdict: Verdict, signer: Option<Signer>) -> Judgement {
        Judgement {
            verdict,
            signer,
            validations: self.validations,
        }
    }
}
