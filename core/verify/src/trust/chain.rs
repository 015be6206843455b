//! The rules of a code-signing certificate chain (N section 7.1, K-01 to K-20), and the receipt of having kept them.
//!
//! The chain is linear and complete: no paths are built, nothing is fetched, nothing is skipped. Whether the chain leads to
//! somebody who is trusted is not asked here, nor what time it is.

use jiff::Timestamp;

use crate::trust::algorithm::CertificateAlgorithm;
use crate::trust::certificate::Certificate;
use crate::trust::extension::{Found, Purpose};
use crate::trust::key::NotIssued;

/// The most certificates of one chain (N K-19, attack catalogue T-39). Real chains have one to four.
const MAX_CERTIFICATES: usize = 10;
/// The most bytes of all certificates of one chain (N K-19).
const MAX_BYTES: usize = 128 * 1024;

/// A chain that keeps every rule: leaf first, root last, each issued by the next. Made only by [`CodeSigningChain::check`].
#[derive(Debug, Clone)]
pub struct CodeSigningChain {
    leaf: Certificate,
    certificates: Vec<Certificate>,
}

/// Why certificates are not a code-signing chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// There are none (N K-01).
    #[error("the certificate chain is empty")]
    Empty,
    /// There are more than are looked at (N K-19).
    #[error("the certificate chain has {0} certificates, expected at most {MAX_CERTIFICATES}")]
    TooLong(usize),
    /// Together they are larger than is looked at (N K-19).
    #[error("the certificate chain has {0} bytes, expected at most {MAX_BYTES}")]
    TooLarge(usize),
    /// One of them breaks a rule.
    #[error("certificate {index} (`{subject}`) {fault}")]
    Certificate {
        /// Its place, the leaf is 0.
        index: usize,
        /// Its subject, RFC 4514.
        subject: String,
        /// The rule.
        fault: ChainFault,
    },
}

/// Which rule a certificate of a chain breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainFault {
    /// A single certificate that does not name itself as its issuer (N K-02).
    #[error(
        "stands alone but was issued by `{issuer}`, expected the issuer's certificate after it"
    )]
    IssuerMissing {
        /// The issuer it names, RFC 4514.
        issuer: String,
    },
    /// The last one does not name itself as its issuer (N K-03).
    #[error(
        "is the last but was issued by `{issuer}`, expected the chain to end in a self-signed root"
    )]
    RootMissing {
        /// The issuer it names, RFC 4514.
        issuer: String,
    },
    /// The last or only one names itself as its issuer, but its key did not sign it (N K-02, K-03).
    #[error("names itself as its issuer, but its own key does not verify it")]
    NotSelfSigned,
    /// A self-signed one that is not the last (N K-04).
    #[error("is self-signed but not the last, expected only the root to be self-signed")]
    SelfSignedInside,
    /// The issuer it names is not the subject of the next (N K-05).
    #[error("was issued by `{issuer}`, but the next certificate is `{next}`")]
    IssuerMismatch {
        /// The issuer it names, RFC 4514.
        issuer: String,
        /// Subject of the next certificate, RFC 4514.
        next: String,
    },
    /// The key of the next one did not sign it (N K-05).
    #[error("is not verified by the key of the next certificate")]
    IssuerSignature,
    /// It is signed in a way that the key of the next one cannot (N K-05).
    #[error(
        "is signed with an algorithm that does not go with the key of the next certificate ({key})"
    )]
    IssuerKey {
        /// The key of the issuer.
        key: String,
    },
    /// An issuer that is not of version 3 (N K-05).
    #[error("issues certificates but is not of version 3")]
    IssuerNotV3,
    /// An issuer without basicConstraints cA (N K-07).
    #[error("issues certificates but basicConstraints does not say that it is a CA")]
    NotCa,
    /// basicConstraints of an issuer is not critical (N K-07).
    #[error("has basicConstraints that is not critical, expected it critical in a CA")]
    BasicConstraintsNotCritical,
    /// More issuers below it than it allows (N K-07).
    #[error("allows {allowed} CA certificates below it, but there are {found}")]
    PathTooLong {
        /// pathLenConstraint.
        allowed: u32,
        /// CA certificates between it and the leaf.
        found: usize,
    },
    /// keyUsage is absent (N K-08, K-10).
    #[error("has no keyUsage, expected one")]
    KeyUsageMissing,
    /// keyUsage is not critical (N K-08, K-10).
    #[error("has keyUsage that is not critical, expected it critical")]
    KeyUsageNotCritical,
    /// An issuer that may not sign certificates (N K-08).
    #[error("issues certificates but keyUsage does not allow keyCertSign")]
    MayNotCertify,
    /// The leaf is a CA (N K-09).
    #[error("is a CA, expected a signing certificate that is not")]
    LeafIsCa,
    /// The leaf may not sign (N K-10).
    #[error("does not allow digitalSignature in keyUsage")]
    LeafMayNotSign,
    /// The leaf may do what a signing certificate must not (N K-10).
    #[error("allows {0} in keyUsage, expected digitalSignature alone or with contentCommitment")]
    LeafMayMore(&'static str),
    /// The leaf is meant for something else as well (N K-11).
    #[error("allows {0} in extendedKeyUsage, which a signing certificate must not")]
    LeafPurpose(&'static str),
    /// The leaf's key is none of the six (N K-12, K-20).
    #[error(
        "has a key that is {0}, expected RSA of 2048, 3072 or 4096 bits, or EC on P-256, P-384 or P-521"
    )]
    LeafKey(String),
    /// An issuer's key is too small, too large or of an unknown type (N K-13, K-20).
    #[error(
        "has a key that is {0}, expected RSA of 2048 to 8192 bits, EC on P-256, P-384 or P-521, or Ed25519"
    )]
    IssuerKeyWeak(String),
    /// Signed with a broken hash function (N K-14).
    #[error("is signed with {0}, which is broken; expected SHA-256, SHA-384 or SHA-512")]
    WeakSignature(&'static str),
    /// Signed with an algorithm that is not in the list (N K-14).
    #[error(
        "is signed with the algorithm {0}, expected RSA or ECDSA with SHA-256, SHA-384 or SHA-512, or Ed25519"
    )]
    UnknownSignature(String),
}

/// A certificate that was not valid at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outside<'a> {
    /// Which.
    pub certificate: &'a Certificate,
    /// On which side.
    pub side: OutsideSide,
}

/// On which side of a certificate's validity a time lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutsideSide {
    /// Before notBefore.
    NotYet,
    /// After notAfter.
    Expired,
}

impl CodeSigningChain {
    /// Check `certificates`, leaf first, against K-01 to K-20. Extensions other than basicConstraints, keyUsage and
    /// extendedKeyUsage are ignored even if critical (K-15); validity is not looked at (K-17, K-18).
    ///
    /// # Errors
    /// The first rule that is broken, with the certificate that breaks it: first what the certificates say, from leaf to
    /// root, then their signatures.
    pub fn check(certificates: Vec<Certificate>) -> Result<Self, ChainError> {
        let Some((leaf, issuers)) = certificates.split_first() else {
            return Err(ChainError::Empty);
        };
        if certificates.len() > MAX_CERTIFICATES {
            return Err(ChainError::TooLong(certificates.len()));
        }
        let bytes = certificates.iter().map(|one| one.der().len()).sum();
        if bytes > MAX_BYTES {
            return Err(ChainError::TooLarge(bytes));
        }
        rule(0, leaf, check_leaf(leaf))?;
        for (below, issuer) in issuers.iter().enumerate() {
            rule(below.saturating_add(1), issuer, check_issuer(issuer, below))?;
        }
        for (index, one) in certificates.iter().enumerate() {
            rule(index, one, check_algorithm(one))?;
        }
        check_links(leaf, issuers)?;
        Ok(Self {
            leaf: leaf.clone(),
            certificates,
        })
    }

    /// The signing certificate.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// All certificates, leaf first, root last. A chain of one is leaf and root.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The first certificate, from leaf to root, that is not valid at `at`; both ends of a validity are inside
    /// (N T-03, attack catalogue T-13: every certificate of the chain counts).
    pub fn outside_validity(&self, at: Timestamp) -> Option<Outside<'_>> {
        self.certificates.iter().find_map(|certificate| {
            let side = if at < certificate.not_before() {
                OutsideSide::NotYet
            } else if at > certificate.not_after() {
                OutsideSide::Expired
            } else {
                return None;
            };
            Some(Outside { certificate, side })
        })
    }

    /// The last instant at which all certificates are valid: the smallest notAfter.
    pub fn expires(&self) -> Timestamp {
        let ends = self.certificates.iter().map(Certificate::not_after);
        ends.min().unwrap_or_else(|| self.leaf.not_after())
    }
}

fn rule(
    index: usize,
    certificate: &Certificate,
    checked: Result<(), ChainFault>,
) -> Result<(), ChainError> {
    checked.map_err(|fault| ChainError::Certificate {
        index,
        subject: certificate.subject().to_string(),
        fault,
    })
}

/// K-09 to K-12, for the first certificate, also if it is the only one (K-02).
fn check_leaf(leaf: &Certificate) -> Result<(), ChainFault> {
    if leaf.is_ca() {
        return Err(ChainFault::LeafIsCa);
    }
    let usage = critical(leaf.extensions().key_usage.as_ref())?;
    if !usage.has("digitalSignature") {
        return Err(ChainFault::LeafMayNotSign);
    }
    let mut more = usage
        .names()
        .filter(|name| !matches!(*name, "digitalSignature" | "contentCommitment"));
    if let Some(name) = more.next() {
        return Err(ChainFault::LeafMayMore(name));
    }
    let purposes = leaf.extensions().purposes.iter();
    let mut forbidden = purposes
        .flat_map(|found| &found.value)
        .filter_map(forbidden);
    if let Some(name) = forbidden.next() {
        return Err(ChainFault::LeafPurpose(name));
    }
    match leaf.key_spec() {
        Ok(_) => Ok(()),
        Err(_) => Err(ChainFault::LeafKey(leaf.public_key().to_string())),
    }
}

/// The six purposes that a signing certificate must not have (K-11); all others are ignored.
fn forbidden(purpose: &Purpose) -> Option<&'static str> {
    match purpose {
        Purpose::Any => Some("anyExtendedKeyUsage"),
        Purpose::ServerAuth => Some("serverAuth"),
        Purpose::ClientAuth => Some("clientAuth"),
        Purpose::EmailProtection => Some("emailProtection"),
        Purpose::TimeStamping => Some("timeStamping"),
        Purpose::OcspSigning => Some("OCSPSigning"),
        Purpose::Other => None,
    }
}

/// K-05 (the issuer's part), K-07, K-08, K-13; `below` is the number of issuers between it and the leaf.
fn check_issuer(issuer: &Certificate, below: usize) -> Result<(), ChainFault> {
    if !issuer.is_v3() {
        return Err(ChainFault::IssuerNotV3);
    }
    let constraints = issuer.extensions().basic_constraints.as_ref();
    let Some(constraints) = constraints.filter(|found| found.value.ca) else {
        return Err(ChainFault::NotCa);
    };
    if !constraints.critical {
        return Err(ChainFault::BasicConstraintsNotCritical);
    }
    if let Some(allowed) = constraints.value.path_length
        && u32::try_from(below).is_ok_and(|below| below > allowed)
    {
        return Err(ChainFault::PathTooLong {
            allowed,
            found: below,
        });
    }
    if !critical(issuer.extensions().key_usage.as_ref())?.has("keyCertSign") {
        return Err(ChainFault::MayNotCertify);
    }
    if !issuer.public_key().may_certify() {
        return Err(ChainFault::IssuerKeyWeak(issuer.public_key().to_string()));
    }
    Ok(())
}

/// An extension that must be there and critical: keyUsage of K-08 and K-10.
fn critical<T: Copy>(found: Option<&Found<T>>) -> Result<T, ChainFault> {
    match found {
        None => Err(ChainFault::KeyUsageMissing),
        Some(found) if !found.critical => Err(ChainFault::KeyUsageNotCritical),
        Some(found) => Ok(found.value),
    }
}

/// K-14, the root's own signature included.
fn check_algorithm(certificate: &Certificate) -> Result<(), ChainFault> {
    match certificate.algorithm() {
        CertificateAlgorithm::Weak(name) => Err(ChainFault::WeakSignature(name)),
        CertificateAlgorithm::Other(name) => Err(ChainFault::UnknownSignature(name.clone())),
        CertificateAlgorithm::Pkcs1(_)
        | CertificateAlgorithm::Pss(_)
        | CertificateAlgorithm::Ecdsa(_)
        | CertificateAlgorithm::Ed25519 => Ok(()),
    }
}

/// K-02 to K-06: every certificate was issued by the next, the last by itself, and no other by itself. Names are compared
/// before any signature is checked.
fn check_links(leaf: &Certificate, issuers: &[Certificate]) -> Result<(), ChainError> {
    let mut chain = std::iter::once(leaf).chain(issuers).enumerate().peekable();
    while let Some((index, one)) = chain.next() {
        let names = match chain.peek() {
            Some((_, next)) => issued_in_name_by(one, next),
            None => ends_in_name(one, index == 0),
        };
        rule(index, one, names)?;
    }
    let mut chain = std::iter::once(leaf).chain(issuers).enumerate().peekable();
    while let Some((index, one)) = chain.next() {
        let signed = match chain.peek() {
            Some((_, next)) => issued_by(one, next),
            None => one
                .verified_by_itself()
                .map_err(|_| ChainFault::NotSelfSigned),
        };
        rule(index, one, signed)?;
    }
    Ok(())
}

fn issued_in_name_by(one: &Certificate, next: &Certificate) -> Result<(), ChainFault> {
    if one.issuer() == next.subject() {
        return Ok(());
    }
    Err(ChainFault::IssuerMismatch {
        issuer: one.issuer().to_string(),
        next: next.subject().to_string(),
    })
}

fn ends_in_name(last: &Certificate, alone: bool) -> Result<(), ChainFault> {
    if last.is_self_issued() {
        return Ok(());
    }
    let issuer = last.issuer().to_string();
    Err(if alone {
        ChainFault::IssuerMissing { issuer }
    } else {
        ChainFault::RootMissing { issuer }
    })
}

fn issued_by(one: &Certificate, next: &Certificate) -> Result<(), ChainFault> {
    // asks for a signature check only where the names are equal, which is rare
    if one.is_self_signed() {
        return Err(ChainFault::SelfSignedInside);
    }
    one.verified_by(next.public_key()).map_err(|why| match why {
        NotIssued::Mismatch => ChainFault::IssuerSignature,
        NotIssued::Key => ChainFault::IssuerKey {
            key: next.public_key().to_string(),
        },
    })
}
