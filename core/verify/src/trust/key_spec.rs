//! The table of N 2.3: the six keys that may sign images, and the one algorithm that goes with each. Checks nothing.

use std::fmt;

use ratify_oci::DigestAlgorithm;

/// A key that may sign images: exactly these six (N K-12, N 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeySpec {
    /// RSA, modulus of exactly 2048 bits.
    Rsa2048,
    /// RSA, modulus of exactly 3072 bits.
    Rsa3072,
    /// RSA, modulus of exactly 4096 bits.
    Rsa4096,
    /// Elliptic curve secp256r1.
    P256,
    /// Elliptic curve secp384r1.
    P384,
    /// Elliptic curve secp521r1.
    P521,
}

impl KeySpec {
    /// The one signature algorithm that goes with the key (N 2.3).
    pub fn signature_algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::Rsa2048 => SignatureAlgorithm::Ps256,
            Self::Rsa3072 => SignatureAlgorithm::Ps384,
            Self::Rsa4096 => SignatureAlgorithm::Ps512,
            Self::P256 => SignatureAlgorithm::Es256,
            Self::P384 => SignatureAlgorithm::Es384,
            Self::P521 => SignatureAlgorithm::Es512,
        }
    }

    /// The hash function that goes with the key (N 2.3).
    pub fn hash(self) -> DigestAlgorithm {
        self.signature_algorithm().hash()
    }
}

impl fmt::Display for KeySpec {
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

/// A signature algorithm of an envelope (N 2.3). Whatever is not here is never looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SignatureAlgorithm {
    /// RSASSA-PSS with SHA-256, salt of 32 bytes.
    Ps256,
    /// RSASSA-PSS with SHA-384, salt of 48 bytes.
    Ps384,
    /// RSASSA-PSS with SHA-512, salt of 64 bytes.
    Ps512,
    /// ECDSA on P-256 with SHA-256, `r || s` of 64 bytes.
    Es256,
    /// ECDSA on P-384 with SHA-384, `r || s` of 96 bytes.
    Es384,
    /// ECDSA on P-521 with SHA-512, `r || s` of 132 bytes.
    Es512,
}

impl SignatureAlgorithm {
    /// All six.
    pub const ALL: [Self; 6] = [
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
    ];

    /// Its name in a JWS header (RFC 7518 section 3.1).
    pub fn jws_name(self) -> &'static str {
        match self {
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
        }
    }

    /// The algorithm of that JWS name, exact case.
    pub fn from_jws(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.jws_name() == name)
    }

    /// Its number in a COSE header (RFC 9053 section 2.1, RFC 8230 section 2).
    pub fn cose_id(self) -> i64 {
        match self {
            Self::Ps256 => -37,
            Self::Ps384 => -38,
            Self::Ps512 => -39,
            Self::Es256 => -7,
            Self::Es384 => -35,
            Self::Es512 => -36,
        }
    }

    /// The algorithm of that COSE number.
    pub fn from_cose(id: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.cose_id() == id)
    }

    /// Its hash function.
    pub fn hash(self) -> DigestAlgorithm {
        match self {
            Self::Ps256 | Self::Es256 => DigestAlgorithm::Sha256,
            Self::Ps384 | Self::Es384 => DigestAlgorithm::Sha384,
            Self::Ps512 | Self::Es512 => DigestAlgorithm::Sha512,
        }
    }

    /// How many bytes a signature has with the one key size that goes with the algorithm (N 2.3).
    pub fn signature_len(self) -> usize {
        match self {
            Self::Ps256 => 256,
            Self::Ps384 => 384,
            Self::Ps512 => 512,
            Self::Es256 => 64,
            Self::Es384 => 96,
            Self::Es512 => 132,
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.jws_name())
    }
}
