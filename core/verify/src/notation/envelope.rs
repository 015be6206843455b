//! Signature envelopes as parsed: what both formats have in common. Nothing in here may be believed yet.

use std::fmt;

use super::attributes::ProtectedHeader;

/// The most certificates in a chain (N K-19, P-04): real ones have one to four. Also bounds the signature checks that an
/// envelope can make us do.
pub(super) const MAX_CHAIN: usize = 10;

/// The most bytes of the protected header as it is written (N P-04). Real ones have 300 to 600.
pub(super) const MAX_PROTECTED: usize = 64 * 1024;

/// The formats of envelopes that are read (N D-27).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EnvelopeFormat {
    Jws,
    Cose,
}

impl EnvelopeFormat {
    /// The format of a layer of this media type, compared exactly; never guessed from content (N D-27, D-31).
    pub(super) fn from_media_type(media_type: &str) -> Option<Self> {
        match media_type {
            "application/jose+json" => Some(Self::Jws),
            "application/cose" => Some(Self::Cose),
            _ => None,
        }
    }
}

/// The algorithm that a header names, as it is written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HeaderAlgorithm {
    Jws(String),
    Cose(i64),
}

impl fmt::Display for HeaderAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jws(name) => f.write_str(name),
            Self::Cose(number) => write!(f, "{number}"),
        }
    }
}

/// An envelope as parsed. Nothing in it may be believed.
#[derive(Debug)]
pub(super) struct Unverified {
    pub(super) algorithm: HeaderAlgorithm,
    pub(super) header: ProtectedHeader,
    /// DER, leaf first; at least one and at most [`MAX_CHAIN`].
    pub(super) certificates: Vec<Vec<u8>>,
    /// The bytes that were signed.
    pub(super) message: Vec<u8>,
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
    /// The time-stamp token.
    pub(super) timestamp: Option<Vec<u8>>,
}
