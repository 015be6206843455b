//! Evidence in, verdict out.
//!
//! This crate judges: is this artifact a signature by somebody the policy trusts, over exactly this image? It is pure:
//! it is given bytes and the time and gives back a verdict. It never fetches, reads a clock, a file or the environment,
//! and never logs. What it needs it asks for ([`Step::Need`]); whoever holds a [`Session`] fetches and answers.
//!
//! An [`Accepted`] can be made only by a check of this crate that ran to its end.

mod reason;
mod session;
mod verdict;
mod verifier;

pub mod json;
pub mod notation;
pub mod trust;

pub use reason::{Reason, ReasonCode};
pub use session::{Answer, FetchFailure, Need, Session, Step};
pub use verdict::{
    Accepted, Basis, Finding, Outcome, Signer, Validation, ValidationResult, Verdict,
};
pub use verifier::{Artifact, Subject, Unavailable, Verifier};
