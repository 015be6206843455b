//! Keys that sign as the Notary Project signature specification wants (rule table N 2.3), and certificates with them.
//!
//! Never a verifier. Making RSA keys takes up to a second, so a few per kind are kept for the life of the process.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RsaEncoding};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::der_writer as der;

/// A kind of key that may sign (N 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    /// RSA with a modulus of 2048 bits.
    Rsa2048,
    /// RSA with a modulus of 3072 bits.
    Rsa3072,
    /// RSA with a modulus of 4096 bits.
    Rsa4096,
    /// Elliptic curve P-256.
    P256,
    /// Elliptic curve P-384.
    P384,
    /// Elliptic curve P-521.
    P521,
}

/// A hash function, where a certificate may choose one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    fn function(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

impl KeyKind {
    /// All six kinds.
    pub const ALL: [Self; 6] = [
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
        Self::P256,
        Self::P384,
        Self::P521,
    ];

    /// The kinds whose keys are made in well under a millisecond or two.
    pub const ELLIPTIC: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// The `alg` of a JWS envelope (N 2.3).
    pub fn jws_algorithm(self) -> &'static str {
        match self {
            Self::Rsa2048 => "PS256",
            Self::Rsa3072 => "PS384",
            Self::Rsa4096 => "PS512",
            Self::P256 => "ES256",
            Self::P384 => "ES384",
            Self::P521 => "ES512",
        }
    }

    /// The algorithm number of a COSE envelope (N 2.3).
    pub fn cose_algorithm(self) -> i64 {
        match self {
            Self::Rsa2048 => -37,
            Self::Rsa3072 => -38,
            Self::Rsa4096 => -39,
            Self::P256 => -7,
            Self::P384 => -35,
            Self::P521 => -36,
        }
    }

    /// The hash function that goes with the kind (N 2.3).
    pub fn hash(self) -> Hash {
        match self {
            Self::Rsa2048 | Self::P256 => Hash::Sha256,
            Self::Rsa3072 | Self::P384 => Hash::Sha384,
            Self::Rsa4096 | Self::P521 => Hash::Sha512,
        }
    }

    /// Whether it is one of the RSA kinds.
    pub fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096)
    }

    fn rsa_size(self) -> KeySize {
        match self {
            Self::Rsa3072 => KeySize::Rsa3072,
            Self::Rsa4096 => KeySize::Rsa4096,
            _ => KeySize::Rsa2048,
        }
    }

    fn curve(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
            Self::P521 => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
            _ => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa2048 => "RSA 2048",
            Self::Rsa3072 => "RSA 3072",
            Self::Rsa4096 => "RSA 4096",
            Self::P256 => "EC P-256",
            Self::P384 => "EC P-384",
            Self::P521 => "EC P-521",
        })
    }
}

enum Pair {
    Rsa(rsa::KeyPair),
    Ecdsa(EcdsaKeyPair),
}

struct Inner {
    kind: KeyKind,
    pair: Pair,
    public_key_info: Vec<u8>,
}

/// A private key. Cheap to clone; two clones are the same key.
#[derive(Clone)]
pub struct SigningKey(Arc<Inner>);

/// How many RSA keys per kind are kept: enough for a leaf, an intermediate, a root and a stranger.
const SLOTS: usize = 4;

impl SigningKey {
    /// A key of that kind: a new one where that is quick (elliptic curves), else the kept key in slot 0.
    pub fn new(kind: KeyKind) -> Self {
        Self::in_slot(kind, 0)
    }

    /// As [`SigningKey::new`], but RSA keys of another slot (0 to 3, more wrap round) are other keys.
    /// Certificate authorities use slots 1 to 3, so that a leaf and its issuer never share a key.
    pub fn in_slot(kind: KeyKind, slot: usize) -> Self {
        static KEPT: [[OnceLock<SigningKey>; SLOTS]; 3] =
            [const { [const { OnceLock::new() }; SLOTS] }; 3];
        let row = match kind {
            KeyKind::Rsa2048 => KEPT.first(),
            KeyKind::Rsa3072 => KEPT.get(1),
            KeyKind::Rsa4096 => KEPT.get(2),
            KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => None,
        };
        match row.and_then(|row| row.get(slot % SLOTS)) {
            Some(kept) => kept.get_or_init(|| Self::fresh(kind)).clone(),
            None => Self::fresh(kind),
        }
    }

    /// A key nobody has seen before. Takes up to a second for RSA.
    ///
    /// # Panics
    /// If the machine has no randomness or memory left.
    pub fn fresh(kind: KeyKind) -> Self {
        let pair = if kind.is_rsa() {
            Pair::Rsa(rsa::KeyPair::generate(kind.rsa_size()).expect("an RSA key can be made"))
        } else {
            Pair::Ecdsa(EcdsaKeyPair::generate(kind.curve()).expect("an EC key can be made"))
        };
        let info: PublicKeyX509Der<'_> = match &pair {
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ecdsa(pair) => pair.public_key().as_der(),
        }
        .expect("a public key can be written");
        let public_key_info = info.as_ref().to_vec();
        Self(Arc::new(Inner {
            kind,
            pair,
            public_key_info,
        }))
    }

    /// The kind of this key.
    pub fn kind(&self) -> KeyKind {
        self.0.kind
    }

    /// Sign as an envelope is signed (N 2.3): RSASSA-PSS with a salt as long as the hash, or ECDSA as fixed-length `r || s`.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.0.pair {
            Pair::Rsa(pair) => sign_rsa(pair, pss(self.kind().hash()), message),
            Pair::Ecdsa(pair) => sign_ecdsa(pair, message),
        }
    }

    /// Sign as a certificate is signed: ECDSA as DER, or RSASSA-PKCS1-v1_5, with `hash`.
    pub(crate) fn sign_pkcs1_or_ecdsa(&self, hash: Hash, message: &[u8]) -> Vec<u8> {
        match &self.0.pair {
            Pair::Rsa(pair) => sign_rsa(pair, pkcs1(hash), message),
            Pair::Ecdsa(pair) => {
                let hashed = digest::digest(hash.function(), message);
                ecdsa_to_der(&sign_hashed(pair, self.kind(), hashed.as_ref()))
            }
        }
    }

    /// Sign as a certificate is signed: ECDSA as DER with SHA-1. An RSA key signs with SHA-256, because the library has no
    /// RSA signature with SHA-1: then only the announcement is old.
    pub(crate) fn sign_sha1(&self, message: &[u8]) -> Vec<u8> {
        match &self.0.pair {
            Pair::Rsa(pair) => sign_rsa(pair, pkcs1(Hash::Sha256), message),
            Pair::Ecdsa(pair) => {
                let hashed = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, message);
                ecdsa_to_der(&sign_hashed(pair, self.kind(), hashed.as_ref()))
            }
        }
    }

    /// Sign with RSASSA-PSS and `hash`. An elliptic key signs as it always does, which makes a wrong signature.
    pub(crate) fn sign_pss(&self, hash: Hash, message: &[u8]) -> Vec<u8> {
        match &self.0.pair {
            Pair::Rsa(pair) => sign_rsa(pair, pss(hash), message),
            Pair::Ecdsa(pair) => sign_ecdsa(pair, message),
        }
    }

    /// `SubjectPublicKeyInfo` in DER.
    pub fn public_key_info(&self) -> &[u8] {
        &self.0.public_key_info
    }

    /// The private key as PKCS#8 in DER.
    ///
    /// # Panics
    /// If the machine has no memory left.
    pub fn pkcs8_der(&self) -> Vec<u8> {
        match &self.0.pair {
            Pair::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().expect("an RSA key can be written");
                der.as_ref().to_vec()
            }
            Pair::Ecdsa(pair) => {
                let der = pair.to_pkcs8v1().expect("an EC key can be written");
                der.as_ref().to_vec()
            }
        }
    }

    /// The private key as PKCS#8 in PEM, as `notation` and TLS servers read it.
    pub fn pkcs8_pem(&self) -> String {
        pem("PRIVATE KEY", &self.pkcs8_der())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kind())
    }
}

fn pss(hash: Hash) -> &'static dyn RsaEncoding {
    match hash {
        Hash::Sha256 => &signature::RSA_PSS_SHA256,
        Hash::Sha384 => &signature::RSA_PSS_SHA384,
        Hash::Sha512 => &signature::RSA_PSS_SHA512,
    }
}

fn pkcs1(hash: Hash) -> &'static dyn RsaEncoding {
    match hash {
        Hash::Sha256 => &signature::RSA_PKCS1_SHA256,
        Hash::Sha384 => &signature::RSA_PKCS1_SHA384,
        Hash::Sha512 => &signature::RSA_PKCS1_SHA512,
    }
}

fn sign_rsa(pair: &rsa::KeyPair, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
        .expect("an RSA key can sign");
    signature
}

fn sign_ecdsa(pair: &EcdsaKeyPair, message: &[u8]) -> Vec<u8> {
    let signature = pair.sign(&SystemRandom::new(), message);
    signature.expect("an EC key can sign").as_ref().to_vec()
}

/// Sign the hash value itself, as `r || s`. The library signs hashes of the curve's own length only; ECDSA uses the leftmost
/// bits of a longer hash and takes a shorter one as a smaller number (FIPS 186-5 section 6.4.1), so cut or pad to that length.
fn sign_hashed(pair: &EcdsaKeyPair, kind: KeyKind, hashed: &[u8]) -> Vec<u8> {
    let function = kind.hash().function();
    let length = function.output_len();
    let cut = hashed.get(..length).unwrap_or(hashed);
    let padding = vec![0; length.saturating_sub(cut.len())];
    let value = [padding.as_slice(), cut].concat();
    let value = digest::Digest::import_less_safe(&value, function);
    let signature = pair.sign_digest(&value.expect("a hash of the right length"));
    signature.expect("an EC key can sign").as_ref().to_vec()
}

/// Turn `r || s` into `SEQUENCE { r INTEGER, s INTEGER }`, as certificates carry it (and envelopes must not, N J-09).
pub fn ecdsa_to_der(fixed: &[u8]) -> Vec<u8> {
    let (r, s) = fixed.split_at(fixed.len() / 2);
    der::sequence(&[&der::unsigned(r), &der::unsigned(s)])
}

/// PEM with lines of 64 characters (RFC 7468).
pub fn pem(label: &str, der: &[u8]) -> String {
    let mut out = format!("-----BEGIN {label}-----\n");
    let text = STANDARD.encode(der);
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at_checked(64).unwrap_or((rest, ""));
        out.push_str(line);
        out.push('\n');
        rest = tail;
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}
