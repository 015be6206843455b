//! What a certificate shall say, before somebody signs it.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use crate::certs::name::slices;
use crate::certs::{Extension, KeyUsage, Name, oids};
use crate::der_writer as der;
use crate::keys::{Hash, KeyKind, SigningKey};

/// 2024-01-01T00:00:00Z, so that certificates are valid at [`crate::time::NOW`] and on the clock of a real machine.
const NOT_BEFORE: Timestamp = Timestamp::constant(1_704_067_200, 0);
/// 2099-12-31T23:59:59Z.
const NOT_AFTER: Timestamp = Timestamp::constant(4_102_444_799, 0);

/// How a certificate is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSignature {
    /// RSASSA-PKCS1-v1_5 or ECDSA, with the hash that suits the issuer's key (N 2.3).
    Usual,
    /// RSASSA-PKCS1-v1_5 or ECDSA with this hash.
    Pkcs1(Hash),
    /// SHA-1 with ECDSA, really; with RSA only announced, over a signature with SHA-256.
    Sha1,
    /// RSASSA-PSS with this hash, salt as long as the hash; RSA issuers only.
    Pss(Hash),
    /// Announces this `AlgorithmIdentifier` (DER) over a signature of the usual kind.
    Announced(Vec<u8>),
}

impl CertificateSignature {
    /// Announces `sha1WithRSAEncryption`.
    pub fn announced_sha1_rsa() -> Self {
        Self::Announced(algorithm_with_null("1.2.840.113549.1.1.5"))
    }

    /// Announces `ecdsa-with-SHA1`.
    pub fn announced_sha1_ecdsa() -> Self {
        Self::Announced(der::sequence(&[&der::oid("1.2.840.10045.4.1")]))
    }

    /// Announces `md5WithRSAEncryption`.
    pub fn announced_md5_rsa() -> Self {
        Self::Announced(algorithm_with_null("1.2.840.113549.1.1.4"))
    }
}

/// A certificate to be. Every member may be changed freely; methods are for the usual changes.
#[derive(Debug, Clone)]
pub struct Template {
    /// `version` as encoded: 2 means v3, 0 (v1) is left out as DER wants.
    pub version: i64,
    /// `serialNumber` in DER, tag and length included.
    pub serial: Vec<u8>,
    /// `subject`.
    pub subject: Name,
    /// `issuer`, if not the name of whoever signs.
    pub issuer: Option<Name>,
    /// `notBefore`.
    pub not_before: Timestamp,
    /// `notAfter`.
    pub not_after: Timestamp,
    /// The key that the certificate is about.
    pub key: SigningKey,
    /// `SubjectPublicKeyInfo`, if not that of [`Template::key`].
    pub public_key_info: Option<Vec<u8>>,
    /// How the issuer signs.
    pub signature: CertificateSignature,
    /// Extensions in order; one may stand twice.
    pub extensions: Vec<Extension>,
    /// Flip a bit of the signature.
    pub tampered: bool,
    /// Bytes after the certificate.
    pub trailing: Vec<u8>,
}

impl Template {
    /// A leaf that may sign images (N 7.1): P-256, keyUsage digitalSignature (critical), extendedKeyUsage codeSigning, no
    /// basicConstraints; `C=US, ST=WA, L=Seattle, O=Acme, CN=<common name>`; valid from 2024 to the end of 2099.
    pub fn leaf(common_name: &str) -> Self {
        Self::blank(
            Name::new("Acme", common_name),
            SigningKey::new(KeyKind::P256),
        )
        .with(Extension::key_usage(&[KeyUsage::DigitalSignature]))
        .with(Extension::extended_key_usage(&[oids::CODE_SIGNING]))
    }

    /// A certificate authority (N K-07, K-08): P-256, basicConstraints cA (critical), keyUsage keyCertSign and cRLSign
    /// (critical); `C=US, ST=WA, L=Seattle, O=Acme, CN=<common name>`; valid from 2024 to the end of 2099.
    pub fn authority(common_name: &str) -> Self {
        Self::blank(
            Name::new("Acme", common_name),
            SigningKey::new(KeyKind::P256),
        )
        .with(Extension::basic_constraints(true, None))
        .with(Extension::key_usage(&[
            KeyUsage::KeyCertSign,
            KeyUsage::CrlSign,
        ]))
    }

    /// A TLS server's certificate for these host names and addresses.
    pub fn tls_server(hosts: &[&str]) -> Self {
        Self::blank(
            Name::empty().with("CN", "server"),
            SigningKey::new(KeyKind::P256),
        )
        .with(Extension::key_usage(&[KeyUsage::DigitalSignature]))
        .with(Extension::extended_key_usage(&[oids::SERVER_AUTH]))
        .with(Extension::subject_alt_name(hosts))
    }

    /// A v3 certificate without extensions.
    pub fn blank(subject: Name, key: SigningKey) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Self {
            version: 2,
            serial: der::unsigned(&serial.to_be_bytes()),
            subject,
            issuer: None,
            not_before: NOT_BEFORE,
            not_after: NOT_AFTER,
            key,
            public_key_info: None,
            signature: CertificateSignature::Usual,
            extensions: Vec::new(),
            tampered: false,
            trailing: Vec::new(),
        }
    }

    /// With this subject.
    #[must_use]
    pub fn subject(mut self, subject: Name) -> Self {
        self.subject = subject;
        self
    }

    /// With an issuer name that need not be the signer's.
    #[must_use]
    pub fn issuer(mut self, issuer: Name) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// With a key of this kind ([`SigningKey::new`]).
    #[must_use]
    pub fn key_kind(self, kind: KeyKind) -> Self {
        self.key(SigningKey::new(kind))
    }

    /// With this key.
    #[must_use]
    pub fn key(mut self, key: SigningKey) -> Self {
        self.key = key;
        self
    }

    /// Valid from `not_before` to `not_after`, both included.
    #[must_use]
    pub fn valid(mut self, not_before: Timestamp, not_after: Timestamp) -> Self {
        self.not_before = not_before;
        self.not_after = not_after;
        self
    }

    /// Signed this way.
    #[must_use]
    pub fn signature(mut self, signature: CertificateSignature) -> Self {
        self.signature = signature;
        self
    }

    /// With this extension, in place of one with the same object identifier if there is one.
    #[must_use]
    pub fn with(mut self, extension: Extension) -> Self {
        let same = self
            .extensions
            .iter_mut()
            .find(|old| old.oid == extension.oid);
        match same {
            Some(old) => *old = extension,
            None => self.extensions.push(extension),
        }
        self
    }

    /// With one more extension at the end, even if that makes two with the same object identifier.
    #[must_use]
    pub fn with_another(mut self, extension: Extension) -> Self {
        self.extensions.push(extension);
        self
    }

    /// Without the extension of this object identifier.
    #[must_use]
    pub fn without(mut self, oid: &str) -> Self {
        self.extensions.retain(|extension| extension.oid != oid);
        self
    }

    /// With the criticality of the extension of this object identifier changed.
    #[must_use]
    pub fn criticality(mut self, oid: &str, critical: bool) -> Self {
        for extension in &mut self.extensions {
            if extension.oid == oid {
                extension.critical = critical;
            }
        }
        self
    }

    /// With a broken signature.
    #[must_use]
    pub fn tampered(mut self) -> Self {
        self.tampered = true;
        self
    }

    /// Signed by `key` in the name of `issuer` (unless [`Template::issuer`] says otherwise), in DER.
    pub fn sign(&self, issuer: &Name, key: &SigningKey) -> Vec<u8> {
        self.sign_by(issuer, &self.algorithm(key), |tbs| match &self.signature {
            CertificateSignature::Pss(hash) => key.sign_pss(*hash, tbs),
            CertificateSignature::Pkcs1(hash) => key.sign_pkcs1_or_ecdsa(*hash, tbs),
            CertificateSignature::Sha1 => key.sign_sha1(tbs),
            CertificateSignature::Usual | CertificateSignature::Announced(_) => {
                key.sign_pkcs1_or_ecdsa(key.kind().hash(), tbs)
            }
        })
    }

    /// Signed by anything at all: `algorithm` is the `AlgorithmIdentifier` in DER, `sign` is given the bytes to be signed.
    pub fn sign_by(
        &self,
        issuer: &Name,
        algorithm: &[u8],
        sign: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> Vec<u8> {
        let tbs = self.to_be_signed(self.issuer.as_ref().unwrap_or(issuer), algorithm);
        let mut signature = sign(&tbs);
        if self.tampered
            && let Some(last) = signature.last_mut()
        {
            *last ^= 1;
        }
        let mut certificate = der::sequence(&[&tbs, algorithm, &der::bit_string(&signature)]);
        certificate.extend_from_slice(&self.trailing);
        certificate
    }

    fn algorithm(&self, key: &SigningKey) -> Vec<u8> {
        match &self.signature {
            CertificateSignature::Announced(algorithm) => algorithm.clone(),
            CertificateSignature::Pss(hash) => pss_algorithm(*hash),
            CertificateSignature::Pkcs1(hash) if key.kind().is_rsa() => pkcs1_algorithm(*hash),
            CertificateSignature::Pkcs1(hash) => ecdsa_algorithm(*hash),
            CertificateSignature::Sha1 if key.kind().is_rsa() => {
                algorithm_with_null("1.2.840.113549.1.1.5")
            }
            CertificateSignature::Sha1 => der::sequence(&[&der::oid("1.2.840.10045.4.1")]),
            CertificateSignature::Usual if key.kind().is_rsa() => {
                pkcs1_algorithm(key.kind().hash())
            }
            CertificateSignature::Usual => ecdsa_algorithm(key.kind().hash()),
        }
    }

    fn to_be_signed(&self, issuer: &Name, algorithm: &[u8]) -> Vec<u8> {
        let mut parts = Vec::new();
        if self.version != 0 {
            parts.push(der::explicit(0, &[&der::integer(self.version)]));
        }
        parts.push(self.serial.clone());
        parts.push(algorithm.to_vec());
        parts.push(issuer.to_der());
        parts.push(der::sequence(&[
            &der::time(self.not_before),
            &der::time(self.not_after),
        ]));
        parts.push(self.subject.to_der());
        parts.push(match &self.public_key_info {
            Some(info) => info.clone(),
            None => self.key.public_key_info().to_vec(),
        });
        if !self.extensions.is_empty() {
            let extensions: Vec<Vec<u8>> = self.extensions.iter().map(Extension::to_der).collect();
            parts.push(der::explicit(3, &[&der::sequence(&slices(&extensions))]));
        }
        der::sequence(&slices(&parts))
    }
}

fn algorithm_with_null(oid: &str) -> Vec<u8> {
    der::sequence(&[&der::oid(oid), &der::null()])
}

fn pkcs1_algorithm(hash: Hash) -> Vec<u8> {
    algorithm_with_null(match hash {
        Hash::Sha256 => "1.2.840.113549.1.1.11",
        Hash::Sha384 => "1.2.840.113549.1.1.12",
        Hash::Sha512 => "1.2.840.113549.1.1.13",
    })
}

fn ecdsa_algorithm(hash: Hash) -> Vec<u8> {
    der::sequence(&[&der::oid(match hash {
        Hash::Sha256 => "1.2.840.10045.4.3.2",
        Hash::Sha384 => "1.2.840.10045.4.3.3",
        Hash::Sha512 => "1.2.840.10045.4.3.4",
    })])
}

/// `id-RSASSA-PSS` with hash, MGF1 with the same hash, and salt length (RFC 4055 section 3.1).
fn pss_algorithm(hash: Hash) -> Vec<u8> {
    let (oid, salt) = match hash {
        Hash::Sha256 => ("2.16.840.1.101.3.4.2.1", 32),
        Hash::Sha384 => ("2.16.840.1.101.3.4.2.2", 48),
        Hash::Sha512 => ("2.16.840.1.101.3.4.2.3", 64),
    };
    let hash = algorithm_with_null(oid);
    let mgf = der::sequence(&[&der::oid("1.2.840.113549.1.1.8"), &hash]);
    let parameters = der::sequence(&[
        &der::explicit(0, &[&hash]),
        &der::explicit(1, &[&mgf]),
        &der::explicit(2, &[&der::integer(salt)]),
    ]);
    der::sequence(&[&der::oid("1.2.840.113549.1.1.10"), &parameters])
}
