//! Notary Project signatures: manifest, JWS and COSE envelopes, payload, and the validations of a trust policy level.
//!
//! Rules have numbers such as `N D-25`, and each has a test of that name. What must never be here: fetching, reading a
//! clock, or any way to a [`crate::Accepted`] but through [`validations::judge`] and a trust policy statement of level
//! `skip`.

mod attributes;
mod cbor;
mod cose;
mod envelope;
mod integrity;
mod jws;
mod manifest;
mod payload;
mod session;
mod time;
mod validations;
mod verifier;

pub(crate) use session::Session;
pub use verifier::{Verifier, VerifierError};

/// The type of this verifier in configurations.
pub const VERIFIER_TYPE: &str = "notation";

/// The artifact type of signatures (Notary Project signature specification, "signature manifest"; N 0.2).
pub const SIGNATURE_ARTIFACT_TYPE: &str = "application/vnd.cncf.notary.signature";

/// The most bytes of a signature's manifest (N D-21).
pub const MAX_MANIFEST: u64 = 4 * 1024 * 1024;

/// The most bytes of a signature envelope. The Go programs read 32 MiB (N D-28); real envelopes have 2 to 20 KiB, and a
/// hundred of them may have to be held for one image (N P-04).
pub const MAX_ENVELOPE: u64 = 4 * 1024 * 1024;
