//! Notary Project signatures: manifest, JWS and COSE envelopes, payload, and the validations of a trust policy level.

use jiff::Timestamp;
use ratify_oci::Repository;

use crate::{Answer, Artifact, Finding, Step, Subject};

mod attributes;
mod cbor;
mod cose;
mod envelope;
mod jws;
mod manifest;
mod payload;
mod time;

/// The type of this verifier in configurations.
pub const VERIFIER_TYPE: &str = "notation";
/// The artifact type of signatures (Notary Project signature specification, "signature manifest"; N 0.2).
pub const SIGNATURE_ARTIFACT_TYPE: &str = "application/vnd.cncf.notary.signature";
/// The most bytes of a signature's manifest (N D-21).
pub const MAX_MANIFEST: u64 = 4 * 1024 * 1024;
/// The most bytes of a signature envelope. The Go programs read 32 MiB (N D-28); real envelopes have 2 to 20 KiB, and a
/// hundred of them may have to be held for one image (N P-04).
pub const MAX_ENVELOPE: u64 = 4 * 1024 * 1024;

/// placeholder until the parts land
#[derive(Debug, Clone)]
pub struct Verifier;
impl Verifier {
    pub fn name(&self) -> &str {
        ""
    }
    pub fn artifact_types(&self) -> &[String] {
        &[]
    }
    pub fn without_artifacts(&self, _: &Repository) -> Option<Finding> {
        None
    }
    pub(crate) fn begin(&self, _: &Subject, _: &Artifact) -> Session {
        Session
    }
}
#[derive(Debug)]
pub(crate) struct Session;
impl Session {
    pub(crate) fn step(&mut self, _: Vec<Answer>, _: Timestamp) -> Step {
        Step::Need(vec![])
    }
}
