//! Public keys and the signatures they check.
//!
//! The algorithm is always derived from the key and then compared with what a signature claims, never chosen by the
//! signature (N P-13). Keys that may not sign can be read, so that an error can name them; they verify nothing.

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::signature::{self as lc, ParsedPublicKey, VerificationAlgorithm};
use bytes::Bytes;
use ratify_oci::DigestAlgorithm;

use crate::trust::algorithm::CertificateAlgorithm;
use crate::trust::asn1::{self, Element, Oid, Tag, oids};
use crate::trust::key_spec::{KeySpec, SignatureAlgorithm};

/// Why a key does not verify a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key is none of the six that may sign (N K-12).
    #[error(
        "the key is {0}, expected RSA of 2048, 3072 or 4096 bits, or EC on P-256, P-384 or P-521"
    )]
    NotASigningKey(String),
    /// The algorithm is not the one that goes with the key (N P-13).
    #[error("the signature algorithm is {found}, expected {expected} for the key {key}")]
    Algorithm {
        /// What the signature claims.
        found: SignatureAlgorithm,
        /// What the key demands.
        expected: SignatureAlgorithm,
        /// The key.
        key: KeySpec,
    },
    /// The signature has another length than the algorithm's (N J-09).
    #[error("the signature has {found} bytes, expected {expected} for {algorithm}")]
    Length {
        /// Bytes there are.
        found: usize,
        /// Bytes there should be.
        expected: usize,
        /// The algorithm.
        algorithm: SignatureAlgorithm,
    },
    /// The key cannot be used: its numbers are not those of a key.
    #[error("the {0} key is not usable")]
    Unusable(String),
    /// The signature does not match the message.
    #[error("the signature does not match what it signs")]
    Mismatch,
}

/// A public key as a certificate carries it (`SubjectPublicKeyInfo`).
pub struct PublicKey {
    kind: KeyKind,
    info: Bytes,
    /// The key as the crypto library holds it, with the use it was first asked for.
    parsed: OnceLock<Option<(Scheme, ParsedPublicKey)>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum KeyKind {
    /// Bits of the modulus, counted exactly.
    Rsa(usize),
    Ec(Curve),
    Ed25519,
    /// Not usable here: the name of the key type.
    Other(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Curve {
    P256,
    P384,
    P521,
}

/// How a signature is to be checked: an algorithm of the crypto library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Envelope(SignatureAlgorithm),
    Pkcs1(DigestAlgorithm),
    Pss(DigestAlgorithm),
    Ecdsa(Curve, DigestAlgorithm),
    Ed25519,
}

/// Why a key does not verify a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotIssued {
    /// The key is not of the type that the signature algorithm needs, or not usable.
    Key,
    /// The signature does not match.
    Mismatch,
}

impl PublicKey {
    /// Read a `SubjectPublicKeyInfo`; `info` is the whole element. A key of an unknown type is read, too.
    pub(super) fn read(info: Bytes, element: Element<'_>) -> asn1::Result<Self> {
        const PART: &str = "subjectPublicKeyInfo";
        let mut fields = element.expect(Tag::Sequence, PART)?.elements(PART)?;
        let mut algorithm = fields.expect(Tag::Sequence, PART)?.elements(PART)?;
        let oid = algorithm.expect(Tag::ObjectIdentifier, PART)?.oid(PART)?;
        let parameters = algorithm.next()?;
        algorithm.end()?;
        let key = fields.expect(Tag::BitString, PART)?.bit_string(PART)?;
        fields.end()?;
        Ok(Self {
            kind: key_kind(oid, parameters, key)?,
            info,
            parsed: OnceLock::new(),
        })
    }

    /// Which of the six keys that may sign it is.
    ///
    /// # Errors
    /// It is another key; RSA keys are measured to the bit, curves are told by their object identifier (N K-12).
    pub fn spec(&self) -> Result<KeySpec, KeyError> {
        match self.kind {
            KeyKind::Rsa(2048) => Ok(KeySpec::Rsa2048),
            KeyKind::Rsa(3072) => Ok(KeySpec::Rsa3072),
            KeyKind::Rsa(4096) => Ok(KeySpec::Rsa4096),
            KeyKind::Ec(Curve::P256) => Ok(KeySpec::P256),
            KeyKind::Ec(Curve::P384) => Ok(KeySpec::P384),
            KeyKind::Ec(Curve::P521) => Ok(KeySpec::P521),
            _ => Err(KeyError::NotASigningKey(self.to_string())),
        }
    }

    /// Whether it may sign certificates (N K-13: RSA of at least 2048 bits, and of at most the 8192 that the crypto
    /// library checks; the three curves; Ed25519).
    pub(super) fn may_certify(&self) -> bool {
        match self.kind {
            KeyKind::Rsa(bits) => (2048..=8192).contains(&bits),
            KeyKind::Ec(_) | KeyKind::Ed25519 => true,
            KeyKind::Other(_) => false,
        }
    }

    /// Check an envelope's signature.
    pub(super) fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), KeyError> {
        let key = self.spec()?;
        let expected = key.signature_algorithm();
        if algorithm != expected {
            return Err(KeyError::Algorithm {
                found: algorithm,
                expected,
                key,
            });
        }
        if signature.len() != expected.signature_len() {
            return Err(KeyError::Length {
                found: signature.len(),
                expected: expected.signature_len(),
                algorithm,
            });
        }
        match self.check(Scheme::Envelope(algorithm), message, signature) {
            Ok(()) => Ok(()),
            Err(NotIssued::Key) => Err(KeyError::Unusable(key.to_string())),
            Err(NotIssued::Mismatch) => Err(KeyError::Mismatch),
        }
    }

    /// Check a certificate's signature.
    pub(super) fn verify_certificate(
        &self,
        algorithm: &CertificateAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), NotIssued> {
        let scheme = match (algorithm, &self.kind) {
            (CertificateAlgorithm::Pkcs1(hash), KeyKind::Rsa(_)) => Scheme::Pkcs1(*hash),
            (CertificateAlgorithm::Pss(hash), KeyKind::Rsa(_)) => Scheme::Pss(*hash),
            (CertificateAlgorithm::Ecdsa(hash), KeyKind::Ec(curve)) => Scheme::Ecdsa(*curve, *hash),
            (CertificateAlgorithm::Ed25519, KeyKind::Ed25519) => Scheme::Ed25519,
            _ => return Err(NotIssued::Key),
        };
        self.check(scheme, message, signature)
    }

    fn check(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), NotIssued> {
        let parse = || ParsedPublicKey::new(scheme.algorithm(), &self.info).ok();
        let first = self
            .parsed
            .get_or_init(|| parse().map(|key| (scheme, key)))
            .as_ref();
        let verified = match first {
            Some((used, key)) if *used == scheme => key.verify_sig(message, signature),
            // the key is used in a second way (a self-signed leaf: for itself and for the envelope)
            Some(_) => parse()
                .ok_or(NotIssued::Key)?
                .verify_sig(message, signature),
            None => return Err(NotIssued::Key),
        };
        verified.map_err(|_| NotIssued::Mismatch)
    }
}

impl Scheme {
    fn algorithm(self) -> &'static dyn VerificationAlgorithm {
        use DigestAlgorithm::{Sha256, Sha384, Sha512};
        match self {
            Self::Envelope(SignatureAlgorithm::Ps256) | Self::Pss(Sha256) => {
                &lc::RSA_PSS_2048_8192_SHA256
            }
            Self::Envelope(SignatureAlgorithm::Ps384) | Self::Pss(Sha384) => {
                &lc::RSA_PSS_2048_8192_SHA384
            }
            Self::Envelope(SignatureAlgorithm::Ps512) | Self::Pss(Sha512) => {
                &lc::RSA_PSS_2048_8192_SHA512
            }
            Self::Envelope(SignatureAlgorithm::Es256) => &lc::ECDSA_P256_SHA256_FIXED,
            Self::Envelope(SignatureAlgorithm::Es384) => &lc::ECDSA_P384_SHA384_FIXED,
            Self::Envelope(SignatureAlgorithm::Es512) => &lc::ECDSA_P521_SHA512_FIXED,
            Self::Pkcs1(Sha256) => &lc::RSA_PKCS1_2048_8192_SHA256,
            Self::Pkcs1(Sha384) => &lc::RSA_PKCS1_2048_8192_SHA384,
            Self::Pkcs1(Sha512) => &lc::RSA_PKCS1_2048_8192_SHA512,
            Self::Ecdsa(Curve::P256, Sha256) => &lc::ECDSA_P256_SHA256_ASN1,
            Self::Ecdsa(Curve::P256, Sha384) => &lc::ECDSA_P256_SHA384_ASN1,
            Self::Ecdsa(Curve::P256, Sha512) => &lc::ECDSA_P256_SHA512_ASN1,
            Self::Ecdsa(Curve::P384, Sha256) => &lc::ECDSA_P384_SHA256_ASN1,
            Self::Ecdsa(Curve::P384, Sha384) => &lc::ECDSA_P384_SHA384_ASN1,
            Self::Ecdsa(Curve::P384, Sha512) => &lc::ECDSA_P384_SHA512_ASN1,
            Self::Ecdsa(Curve::P521, Sha256) => &lc::ECDSA_P521_SHA256_ASN1,
            Self::Ecdsa(Curve::P521, Sha384) => &lc::ECDSA_P521_SHA384_ASN1,
            Self::Ecdsa(Curve::P521, Sha512) => &lc::ECDSA_P521_SHA512_ASN1,
            Self::Ed25519 => &lc::ED25519,
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            KeyKind::Rsa(bits) => write!(f, "RSA {bits}"),
            KeyKind::Ec(Curve::P256) => f.write_str("EC P-256"),
            KeyKind::Ec(Curve::P384) => f.write_str("EC P-384"),
            KeyKind::Ec(Curve::P521) => f.write_str("EC P-521"),
            KeyKind::Ed25519 => f.write_str("Ed25519"),
            KeyKind::Other(name) => f.write_str(name),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

fn key_kind(oid: Oid<'_>, parameters: Option<Element<'_>>, key: &[u8]) -> asn1::Result<KeyKind> {
    const PART: &str = "subjectPublicKey";
    if oid.is(&oids::RSA_KEY) {
        if parameters.is_none_or(|p| p.tag != Tag::Null) {
            return Err(asn1::contents(PART, "an RSA key without NULL parameters"));
        }
        let mut outer = asn1::Elements::new(key, PART)?;
        let mut numbers = outer.expect(Tag::Sequence, PART)?.elements(PART)?;
        outer.end()?;
        let modulus = numbers.expect(Tag::Integer, PART)?.unsigned(PART)?;
        numbers.expect(Tag::Integer, PART)?.unsigned(PART)?;
        numbers.end()?;
        return Ok(KeyKind::Rsa(bits(modulus)));
    }
    if oid.is(&oids::EC_KEY) {
        let curve = parameters.filter(|p| p.tag == Tag::ObjectIdentifier);
        let Some(curve) = curve else {
            return Ok(KeyKind::Other("EC with explicit parameters".to_owned()));
        };
        let curve = curve.oid(PART)?;
        let known = [
            (&oids::P256, Curve::P256),
            (&oids::P384, Curve::P384),
            (&oids::P521, Curve::P521),
        ];
        let found = known
            .into_iter()
            .find_map(|(known, name)| curve.is(known).then_some(name));
        return Ok(found.map_or_else(
            || KeyKind::Other(format!("EC on the curve {curve}")),
            KeyKind::Ec,
        ));
    }
    if oid.is(&oids::ED25519) {
        return Ok(KeyKind::Ed25519);
    }
    if oid.is(&oids::RSA_PSS) {
        return Ok(KeyKind::Other("RSA restricted to PSS".to_owned()));
    }
    Ok(KeyKind::Other(format!("of the type {oid}")))
}

/// The exact bit length of a magnitude without leading zero bytes.
fn bits(magnitude: &[u8]) -> usize {
    let top = magnitude
        .first()
        .and_then(|first| usize::try_from(first.leading_zeros()).ok())
        .unwrap_or(0);
    magnitude.len().saturating_mul(8).saturating_sub(top)
}
