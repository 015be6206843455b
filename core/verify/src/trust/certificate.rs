//! X.509 certificates, parsed once. What a certificate says, never whether to believe it: rules are in `chain`.
//!
//! Signatures are checked over the slices that were received; nothing is encoded again.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest;
use bytes::Bytes;
use jiff::Timestamp;

use crate::trust::algorithm::CertificateAlgorithm;
use crate::trust::asn1::{self, DerError, Element, Elements, Tag, explicit};
use crate::trust::extension::Extensions;
use crate::trust::key::{KeyError, NotIssued, PublicKey};
use crate::trust::key_spec::{KeySpec, SignatureAlgorithm};
use crate::trust::name::Name;

/// The largest certificate that is read. Real ones have 1 to 3 KiB; certificates with many names reach 20 KiB (N K-19).
const MAX_CERTIFICATE: usize = 64 * 1024;
/// The longest serial number: RFC 5280 section 4.1.2.2 allows 20 bytes, some authorities have used more.
const MAX_SERIAL: usize = 64;

/// Why bytes are not a certificate that is read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Nothing there.
    #[error("there is no certificate")]
    Empty,
    /// More bytes than any certificate has (N K-19).
    #[error("the certificate has {0} bytes, expected at most {MAX_CERTIFICATE}")]
    TooLarge(usize),
    /// Bytes after the certificate (N K-19).
    #[error("there are {0} bytes after the certificate")]
    Trailing(usize),
    /// Not the DER of a certificate.
    #[error("the certificate is malformed: {0}")]
    Malformed(#[from] DerError),
    /// A version that there is not.
    #[error("the certificate has version {0}, expected at most 3")]
    Version(u64),
    /// A serial number that is not a positive number of a sensible length (N K-19).
    #[error("the serial number has {0} bytes, expected at most {MAX_SERIAL}")]
    SerialTooLong(usize),
    /// The algorithm inside what is signed is not the one outside (RFC 5280 section 4.1.1.2).
    #[error(
        "the signature algorithm inside the certificate differs from the one beside its signature"
    )]
    AlgorithmsDiffer,
    /// Extensions in a certificate that is not v3 (RFC 5280 section 4.1.2.9).
    #[error("the certificate has extensions but is not of version 3")]
    ExtensionsBeforeV3,
    /// An extension twice (N K-19, RFC 5280 section 4.2).
    #[error("the extension {0} occurs twice")]
    DuplicateExtension(String),
}

/// A certificate. Cheap to clone; two are equal if their bytes are (N A-02).
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    der: Bytes,
    /// What is signed.
    tbs: Bytes,
    version: u64,
    serial: Bytes,
    algorithm: CertificateAlgorithm,
    signature: Bytes,
    issuer: Name,
    subject: Name,
    not_before: Timestamp,
    not_after: Timestamp,
    public_key: PublicKey,
    extensions: Extensions,
    /// Whether its own key verifies it, once that was asked.
    verified_by_itself: OnceLock<Result<(), NotIssued>>,
}

impl Certificate {
    /// Read exactly one certificate in DER.
    ///
    /// # Errors
    /// Too large, malformed, or followed by other bytes; an extension that stands twice; an extension this crate reads
    /// with malformed contents. Unknown extensions, keys and algorithms are no errors here.
    pub fn from_der(bytes: &[u8]) -> Result<Self, CertificateError> {
        if bytes.is_empty() {
            return Err(CertificateError::Empty);
        }
        if bytes.len() > MAX_CERTIFICATE {
            return Err(CertificateError::TooLarge(bytes.len()));
        }
        let der = Bytes::copy_from_slice(bytes);
        let mut top = Elements::new(&der, "certificate")?;
        let whole = top.expect(Tag::Sequence, "certificate")?;
        if top.remaining() > 0 {
            return Err(CertificateError::Trailing(top.remaining()));
        }
        let mut fields = whole.elements("certificate")?;
        let tbs = fields.expect(Tag::Sequence, "tbsCertificate")?;
        let algorithm = fields.expect(Tag::Sequence, "signatureAlgorithm")?;
        let signature = fields
            .expect(Tag::BitString, "signatureValue")?
            .bit_string("signatureValue")?;
        fields.end()?;
        let inner = read_tbs(&der, tbs, algorithm, signature)?;
        Ok(Self(Arc::new(inner)))
    }

    /// The certificate in DER, as received.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// Whom it is about.
    pub fn subject(&self) -> &Name {
        &self.0.subject
    }

    /// Who issued it.
    pub fn issuer(&self) -> &Name {
        &self.0.issuer
    }

    /// The magnitude of the serial number, without leading zero bytes.
    pub fn serial(&self) -> &[u8] {
        &self.0.serial
    }

    /// The first instant at which it is valid.
    pub fn not_before(&self) -> Timestamp {
        self.0.not_before
    }

    /// The last instant at which it is valid. The end of the year 9999 ("no well-defined expiration", RFC 5280 section
    /// 4.1.2.5) is the last instant that [`Timestamp`] has.
    pub fn not_after(&self) -> Timestamp {
        self.0.not_after
    }

    /// Which of the six keys that may sign images it has (N K-12).
    ///
    /// # Errors
    /// It has another key.
    pub fn key_spec(&self) -> Result<KeySpec, KeyError> {
        self.0.public_key.spec()
    }

    /// Its public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public_key
    }

    /// SHA-256 of the DER: the thumbprint.
    pub fn sha256(&self) -> [u8; 32] {
        let mut out = [0; 32];
        let hash = digest::digest(&digest::SHA256, &self.0.der);
        for (to, from) in out.iter_mut().zip(hash.as_ref()) {
            *to = *from;
        }
        out
    }

    /// Whether it names itself as its issuer and its own key verifies it, with a hash function that is not broken
    /// (N K-04: equal names alone do not make it so).
    pub fn is_self_signed(&self) -> bool {
        self.is_self_issued() && self.verified_by_itself().is_ok()
    }

    /// Whether subject and issuer are the same bytes.
    pub(super) fn is_self_issued(&self) -> bool {
        self.0.subject == self.0.issuer
    }

    /// Whether its own key verifies it, whatever the names say. Computed once.
    pub(super) fn verified_by_itself(&self) -> Result<(), NotIssued> {
        *self
            .0
            .verified_by_itself
            .get_or_init(|| self.verified_by(self.public_key()))
    }

    /// Whether `key` verifies it.
    pub(super) fn verified_by(&self, key: &PublicKey) -> Result<(), NotIssued> {
        key.verify_certificate(&self.0.algorithm, &self.0.tbs, &self.0.signature)
    }

    /// Whether basicConstraints says that it is a certificate authority.
    pub fn is_ca(&self) -> bool {
        self.0
            .extensions
            .basic_constraints
            .as_ref()
            .is_some_and(|found| found.value.ca)
    }

    /// Where OCSP can be asked about it (authorityInfoAccess), as written; any scheme.
    pub fn ocsp_urls(&self) -> &[String] {
        &self.0.extensions.ocsp_urls
    }

    /// Where its revocation lists lie (cRLDistributionPoints), as written; any scheme.
    pub fn crl_urls(&self) -> &[String] {
        &self.0.extensions.crl_urls
    }

    /// Whether it names a place to ask for revocation (N RV-03).
    pub fn has_revocation_pointer(&self) -> bool {
        !(self.ocsp_urls().is_empty() && self.crl_urls().is_empty())
    }

    /// Whether this certificate's key made `signature` over `message` with `algorithm`: RSASSA-PSS with a salt as long as
    /// the hash, or ECDSA as fixed-length `r || s` (N 2.3, J-08, J-09).
    ///
    /// # Errors
    /// The key is not one that signs images, the algorithm is not the key's, or the signature does not match.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), KeyError> {
        self.0.public_key.verify(algorithm, message, signature)
    }

    pub(super) fn is_v3(&self) -> bool {
        self.0.version == 3
    }

    pub(super) fn algorithm(&self) -> &CertificateAlgorithm {
        &self.0.algorithm
    }

    pub(super) fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }
}

fn read_tbs(
    der: &Bytes,
    tbs: Element<'_>,
    outer_algorithm: Element<'_>,
    signature: &[u8],
) -> Result<Inner, CertificateError> {
    let mut fields = tbs.elements("tbsCertificate")?;
    let version = version(fields.optional(explicit(0))?)?;
    let serial = fields.expect(Tag::Integer, "serialNumber")?;
    let inner_algorithm = fields.expect(Tag::Sequence, "signature")?;
    let issuer = fields.expect(Tag::Sequence, "issuer")?;
    let validity = fields.expect(Tag::Sequence, "validity")?;
    let subject = fields.expect(Tag::Sequence, "subject")?;
    let key = fields.expect(Tag::Sequence, "subjectPublicKeyInfo")?;
    // unique identifiers of v2 mean nothing here
    fields.optional(asn1::implicit(1))?;
    fields.optional(asn1::implicit(2))?;
    let extensions = fields.optional(explicit(3))?;
    fields.end()?;

    if inner_algorithm.raw != outer_algorithm.raw {
        return Err(CertificateError::AlgorithmsDiffer);
    }
    if extensions.is_some() && version != 3 {
        return Err(CertificateError::ExtensionsBeforeV3);
    }
    let serial = serial.unsigned("serialNumber")?;
    if serial.len() > MAX_SERIAL {
        return Err(CertificateError::SerialTooLong(serial.len()));
    }
    let mut dates = validity.elements("validity")?;
    let not_before = date(&mut dates, "notBefore")?;
    let not_after = date(&mut dates, "notAfter")?;
    dates.end()?;
    Ok(Inner {
        tbs: der.slice_ref(tbs.raw),
        version,
        serial: der.slice_ref(serial),
        algorithm: CertificateAlgorithm::read(outer_algorithm)?,
        signature: der.slice_ref(signature),
        issuer: Name::read(der.slice_ref(issuer.raw), "issuer")?,
        subject: Name::read(der.slice_ref(subject.raw), "subject")?,
        not_before,
        not_after,
        public_key: PublicKey::read(der.slice_ref(key.raw), key)?,
        extensions: Extensions::read(extensions)?,
        verified_by_itself: OnceLock::new(),
        der: der.clone(),
    })
}

/// The version as people say it: 1, 2 or 3.
fn version(element: Option<Element<'_>>) -> Result<u64, CertificateError> {
    let Some(element) = element else { return Ok(1) };
    let mut inside = element.elements("version")?;
    let number = inside.expect(Tag::Integer, "version")?.small("version")?;
    inside.end()?;
    let version = u64::from(number).saturating_add(1);
    if version > 3 {
        return Err(CertificateError::Version(version));
    }
    Ok(version)
}

fn date(dates: &mut Elements<'_>, part: &'static str) -> Result<Timestamp, CertificateError> {
    let date = dates.next()?;
    let date = date.ok_or_else(|| asn1::fail(part, asn1::DerProblem::Missing))?;
    Ok(date.time(part)?)
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.0.subject)
    }
}
