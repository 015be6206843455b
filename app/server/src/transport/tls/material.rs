//! PEM into certificates, keys and client CAs that fit together. Never here: when to read.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use ratify_verify::trust::{Certificate, CertificateError};
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::transport::tls::LoadedCertificate;
use crate::transport::tls::stamp::{MAX_FILE, Unread, WatchedFile};

/// Client CAs in one file: two during a change-over, a few more for several clusters; somebody may have given the bundle of
/// a whole system, which has some 150.
const MAX_AUTHORITIES: usize = 1000;
/// The most bytes of client CA names that a handshake tells the client, so that it can choose a certificate. With more,
/// none are told: the message has room for 64 KiB, and Go's clients send what they have.
const MAX_HINTS: usize = 16 * 1024;
/// Certificates in `tls.crt`. Chains of the Web have up to five; each goes into every handshake.
const MAX_CHAIN: usize = 20;

/// What is wrong with a file of the TLS side.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFileError {
    /// It cannot be read.
    #[error("cannot read `{path}`; it must exist and be readable for this process's user")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A directory, a pipe or the like.
    #[error("`{path}` is not a regular file; expected a PEM file")]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// Larger than a Kubernetes Secret can be.
    #[error(
        "`{path}` is larger than {MAX_FILE} bytes; expected a PEM file with a few certificates or one key"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// PEM that breaks off or is malformed; a file half written is such.
    #[error("`{path}` is not well-formed PEM ({detail}); write it again, whole")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What the reader says. Never the file's contents.
        detail: &'static str,
    },
    /// No `CERTIFICATE` in it.
    #[error(
        "`{path}` contains no certificate; expected PEM that begins `-----BEGIN CERTIFICATE-----`"
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// More certificates than are used.
    #[error("`{path}` contains {found} certificates, expected at most {most}")]
    TooMany {
        /// The file.
        path: PathBuf,
        /// How many.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A certificate that cannot be parsed.
    #[error("certificate {number} of `{path}` cannot be used; issue it again")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        source: CertificateError,
    },
    /// No private key in it.
    #[error(
        "`{path}` contains no private key that can be read; expected PEM that begins `-----BEGIN PRIVATE KEY-----` \
         (PKCS#8), `-----BEGIN RSA PRIVATE KEY-----` (PKCS#1) or `-----BEGIN EC PRIVATE KEY-----` (SEC1), without a \
         passphrase"
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// A key that TLS cannot use, or one that is not the certificate's.
    #[error(
        "the key in `{key}` does not go with the certificate in `{certificate}`; write both files of one pair"
    )]
    Pair {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// What TLS says.
        #[source]
        source: rustls::Error,
    },
    /// Client CAs that cannot be used.
    #[error("none of the certificates of `{path}` can be used as a client CA")]
    NoAuthority {
        /// The file.
        path: PathBuf,
        /// What is wrong with the first.
        #[source]
        source: NotAnAuthority,
    },
    /// Some client CAs cannot be used; the others are.
    #[error(
        "{unusable} of the certificates of `{path}` cannot be used as client CAs, and their clients are refused; the first is \
         certificate {number}"
    )]
    SomeAuthorities {
        /// The file.
        path: PathBuf,
        /// How many.
        unusable: usize,
        /// The first of them, from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        source: NotAnAuthority,
    },
    /// The check of client certificates cannot be made.
    #[error("the client CAs of `{path}` cannot be used")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What TLS says.
        #[source]
        source: VerifierBuilderError,
    },
    /// TLS itself cannot be set up.
    #[error("TLS cannot be set up with the certificate in `{path}`")]
    Tls {
        /// The file with the certificate.
        path: PathBuf,
        /// What TLS says.
        #[source]
        source: rustls::Error,
    },
    /// The server certificate is expired, and clients will refuse it.
    #[error(
        "the certificate in `{path}` expired at {not_after}; clients refuse it until it is replaced"
    )]
    Expired {
        /// The file.
        path: PathBuf,
        /// When.
        not_after: Timestamp,
    },
    /// No client CA is valid now.
    #[error(
        "no client CA in `{path}` is valid at this time; all clients are refused until it is replaced"
    )]
    NoValidAuthority {
        /// The file.
        path: PathBuf,
    },
}

/// A server certificate with its key.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) facts: LoadedCertificate,
}

/// A certificate that client certificates may chain to.
#[derive(Debug, Clone)]
pub(super) struct Authority {
    der: CertificateDer<'static>,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Authority {
    fn is_valid_at(&self, now: Timestamp) -> bool {
        self.not_before <= now && now <= self.not_after
    }
}

/// Read certificate chain and key, and see that they belong together.
pub(super) fn read_pair(
    certificate: &mut WatchedFile,
    key: &mut WatchedFile,
    provider: &CryptoProvider,
    now: Timestamp,
) -> Result<Pair, TlsFileError> {
    let chain = certificates(certificate, MAX_CHAIN)?;
    let key_path = key.path().to_owned();
    let text = key.read().map_err(|cause| unread(cause, key))?;
    let private = PrivateKeyDer::from_pem_slice(&text).map_err(|cause| match cause {
        pem::Error::NoItemsFound => TlsFileError::NoKey { path: key_path },
        other => malformed(&other, key),
    })?;
    let leaf = chain.first().ok_or_else(|| TlsFileError::NoCertificate {
        path: certificate.path().to_owned(),
    })?;
    let parsed = Certificate::from_der(leaf).map_err(|source| TlsFileError::Certificate {
        path: certificate.path().to_owned(),
        number: 1,
        source,
    })?;
    let facts = LoadedCertificate {
        loaded: now,
        not_before: parsed.not_before(),
        not_after: parsed.not_after(),
        sha256: parsed.sha256(),
    };
    let key =
        CertifiedKey::from_der(chain, private, provider).map_err(|source| TlsFileError::Pair {
            certificate: certificate.path().to_owned(),
            key: key.path().to_owned(),
            source,
        })?;
    Ok(Pair {
        key: Arc::new(key),
        facts,
    })
}

/// The client CAs of a file.
#[derive(Debug)]
pub(super) struct Authorities {
    pub(super) usable: Vec<Authority>,
    /// What is wrong with the others.
    pub(super) problem: Option<TlsFileError>,
}

/// Read the client CAs, as far as they can be used: as in v1.4 a bad one does not stand in the way of the others.
pub(super) fn read_authorities(file: &mut WatchedFile) -> Result<Authorities, TlsFileError> {
    let mut usable = Vec::new();
    let mut first = None;
    let mut unusable: usize = 0;
    for (number, der) in (1..).zip(certificates(file, MAX_AUTHORITIES)?) {
        match authority(der) {
            Ok(authority) => usable.push(authority),
            Err(error) => {
                unusable = unusable.saturating_add(1);
                first.get_or_insert((number, error));
            }
        }
    }
    let path = file.path().to_owned();
    let problem = match first {
        Some((_, source)) if usable.is_empty() => {
            return Err(TlsFileError::NoAuthority { path, source });
        }
        Some((number, source)) => Some(TlsFileError::SomeAuthorities {
            path,
            unusable,
            number,
            source,
        }),
        None => None,
    };
    Ok(Authorities { usable, problem })
}

/// Why a certificate is not a client CA.
#[derive(Debug, thiserror::Error)]
pub enum NotAnAuthority {
    /// It cannot be parsed.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// TLS does not take it.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

fn authority(der: CertificateDer<'static>) -> Result<Authority, NotAnAuthority> {
    let parsed = Certificate::from_der(&der)?;
    RootCertStore::empty().add(der.clone())?;
    Ok(Authority {
        der,
        not_before: parsed.not_before(),
        not_after: parsed.not_after(),
    })
}

/// Those that are valid at `now`. The check of clients does not look at the dates of a CA, and v1.4's does.
pub(super) fn valid_at(authorities: &[Authority], now: Timestamp) -> Vec<CertificateDer<'static>> {
    let mut valid: Vec<_> = authorities
        .iter()
        .filter(|authority| authority.is_valid_at(now))
        .map(|authority| authority.der.clone())
        .collect();
    valid.sort_by(|one, other| one.as_ref().cmp(other.as_ref()));
    valid.dedup();
    valid
}

/// What connections are met with: TLS 1.2 and 1.3, and no ALPN, as v1.4 offers none (V 2.2). A client certificate that
/// chains to one of `authorities` and may be used by clients is required, or none is asked for.
///
/// No session is ever resumed: each connection shows its certificate to the CAs of today. Nor would it be of use:
/// Gatekeeper's client keeps no sessions (A 4.4), and making two tickets for each connection costs.
pub(super) fn server_config(
    pair: &Pair,
    authorities: Option<&[CertificateDer<'static>]>,
    provider: &Arc<CryptoProvider>,
) -> Result<ServerConfig, ConfigError> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13, &TLS12])?;
    let builder = match authorities {
        None => builder.with_no_client_auth(),
        Some(authorities) => {
            let mut roots = RootCertStore::empty();
            for authority in authorities {
                roots.add(authority.clone())?;
            }
            let hints: usize = roots
                .subjects()
                .iter()
                .map(|name| name.as_ref().len())
                .sum();
            let mut verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            if hints > MAX_HINTS {
                verifier = verifier.clear_root_hint_subjects();
            }
            builder.with_client_cert_verifier(verifier.build()?)
        }
    };
    let resolver = SingleCertAndKey::from(Arc::clone(&pair.key));
    let mut config = builder.with_cert_resolver(Arc::new(resolver));
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigError {
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    #[error(transparent)]
    Authorities(#[from] VerifierBuilderError),
}

/// All certificates of a PEM file; other sections are passed over.
fn certificates(
    file: &mut WatchedFile,
    most: usize,
) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let text = file.read().map_err(|cause| unread(cause, file))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|cause| malformed(&cause, file))?;
    if found.is_empty() {
        return Err(TlsFileError::NoCertificate {
            path: file.path().to_owned(),
        });
    }
    if found.len() > most {
        return Err(TlsFileError::TooMany {
            path: file.path().to_owned(),
            found: found.len(),
            most,
        });
    }
    Ok(found)
}

fn unread(cause: Unread, file: &WatchedFile) -> TlsFileError {
    let path = file.path().to_owned();
    match cause {
        Unread::Io(source) => TlsFileError::Unreadable { path, source },
        Unread::NotAFile => TlsFileError::NotAFile { path },
        Unread::TooLarge => TlsFileError::TooLarge { path },
    }
}

/// The reader's own words can quote the file, which may be a key.
fn malformed(cause: &pem::Error, file: &WatchedFile) -> TlsFileError {
    TlsFileError::Pem {
        path: file.path().to_owned(),
        detail: match cause {
            pem::Error::MissingSectionEnd { .. } => "it breaks off before an `END` line",
            pem::Error::IllegalSectionStart { .. } => "a `BEGIN` line is malformed",
            pem::Error::Base64Decode(_) => "it has characters that are not base64",
            pem::Error::SectionTooLarge => "a section is too large",
            _ => "it cannot be read",
        },
    }
}
