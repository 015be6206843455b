//! Whom to trust on the way: the crypto provider, the system's and extra certificate authorities.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Once};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject};

use crate::Error;
use crate::error::Cause;
use crate::hosts::lock;

/// Make aws-lc-rs the TLS cryptography of this process. May be called any number of times, from anywhere; building a
/// [`Client`](crate::Client) does it too.
pub fn install_crypto_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Failure means somebody installed one already. Only aws-lc-rs is ever linked, so it is the same one.
        if rustls::crypto::aws_lc_rs::default_provider()
            .install_default()
            .is_err()
        {
            tracing::debug!("a TLS crypto provider was installed already");
        }
    });
}

/// The most certificates in one bundle. The Mozilla list has about 150; a bundle with more is no bundle.
const MOST_CERTIFICATES: usize = 1_000;

/// Certificate authorities that were read and can be used as trust anchors.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificates(Vec<CertificateDer<'static>>);

/// Why a text is not a bundle of certificate authorities.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificatesError {
    /// The PEM frame or its base64 is broken.
    #[error("certificate {number} of the bundle is not valid PEM")]
    Pem {
        /// Which one, from 1.
        number: usize,
        /// What the parser found.
        source: pem::Error,
    },
    /// There is no certificate.
    #[error("bundle holds no certificate, expected PEM blocks named `CERTIFICATE`")]
    Empty,
    /// Unreasonably many.
    #[error("bundle holds more than {MOST_CERTIFICATES} certificates")]
    TooMany,
    /// One of them cannot be a trust anchor.
    #[error("certificate {number} of the bundle cannot be used as a certificate authority")]
    NotUsable {
        /// Which one, from 1.
        number: usize,
        /// What is wrong with it.
        source: rustls::Error,
    },
}

impl Certificates {
    /// Read all certificates of a PEM text; blocks of other kinds are passed over. All must be usable: one that is
    /// dropped in silence is a connection that fails in a place nobody looks.
    pub fn from_pem(text: &[u8]) -> Result<Self, CertificatesError> {
        let mut certificates = Vec::new();
        let mut roots = RootCertStore::empty();
        for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(text)) {
            let certificate =
                certificate.map_err(|source| CertificatesError::Pem { number, source })?;
            roots
                .add(certificate.clone())
                .map_err(|source| CertificatesError::NotUsable { number, source })?;
            if number > MOST_CERTIFICATES {
                return Err(CertificatesError::TooMany);
            }
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(CertificatesError::Empty);
        }
        Ok(Self(certificates))
    }

    /// The certificates, in the order of the text.
    fn iter(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.0.iter()
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificates([{}])", self.0.len())
    }
}

/// Whom a client trusts, for all hosts and for single ones. Nothing is read before a TLS connection is needed, so that
/// images without certificate authorities can still ask plain registries.
#[derive(Debug, Clone)]
pub(crate) struct Trust(Arc<Trusted>);

#[derive(Debug)]
struct Trusted {
    all: Option<Certificates>,
    of_host: HashMap<String, Certificates>,
    built: Mutex<Built>,
}

#[derive(Debug, Default)]
struct Built {
    system: Option<Arc<RootCertStore>>,
    /// By the host that has authorities of its own, and whether HTTP/2 is offered.
    configs: HashMap<(Option<String>, bool), Arc<ClientConfig>>,
}

impl Trust {
    pub(crate) fn new(all: Option<Certificates>, of_host: HashMap<String, Certificates>) -> Self {
        install_crypto_provider();
        let built = Mutex::default();
        Self(Arc::new(Trusted {
            all,
            of_host,
            built,
        }))
    }

    /// Read the system's authorities and gather randomness. Blocks.
    pub(crate) fn prepare(&self) {
        if let Err(error) = self.0.build((None, true), "any host") {
            tracing::debug!(%error, "TLS is not ready");
        }
        // The first random bytes of a process take tens of milliseconds.
        let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
        if random.fill(&mut [0]).is_err() {
            tracing::debug!("no randomness");
        }
    }

    /// How to speak TLS with `host` (`host:port`): with `http2` offered, or HTTP/1.1 alone.
    pub(crate) async fn config(&self, host: &str, http2: bool) -> Result<Arc<ClientConfig>, Error> {
        let own = self.0.of_host.contains_key(host).then(|| host.to_owned());
        let key = (own, http2);
        if let Some(config) = lock(&self.0.built).configs.get(&key) {
            return Ok(Arc::clone(config));
        }
        // Reading the system's authorities takes milliseconds.
        let (trusted, host) = (Arc::clone(&self.0), host.to_owned());
        let building = tokio::task::spawn_blocking(move || trusted.build(key, &host));
        building.await.map_err(|error| Error::Setup {
            source: Cause::of(&error),
        })?
    }
}

impl Trusted {
    fn build(&self, key: (Option<String>, bool), host: &str) -> Result<Arc<ClientConfig>, Error> {
        let mut built = lock(&self.built);
        if let Some(config) = built.configs.get(&key) {
            return Ok(Arc::clone(config));
        }
        let unusable = |error: rustls::Error| Error::NoAuthorities {
            host: host.to_owned(),
            source: Cause::of(&error),
        };
        let system = Arc::clone(built.system.get_or_insert_with(|| Arc::new(of_system())));
        let mut roots = RootCertStore::clone(&system);
        let own = key.0.as_ref().and_then(|own| self.of_host.get(own));
        for certificate in [self.all.as_ref(), own]
            .into_iter()
            .flatten()
            .flat_map(Certificates::iter)
        {
            roots.add(certificate.clone()).map_err(unusable)?;
        }
        if roots.is_empty() {
            built.system = None; // there may be some the next time
            return Err(Error::NoAuthorities {
                host: host.to_owned(),
                source: Cause::text("the system has no certificate authorities"),
            });
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Setup {
                source: Cause::of(&error),
            })?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if key.1 {
            config.alpn_protocols.insert(0, b"h2".to_vec());
        }
        let config = Arc::new(config);
        built.configs.insert(key, Arc::clone(&config));
        Ok(config)
    }
}

/// The certificate authorities of the system. What cannot be read is left out: it makes connections fail, never succeed.
fn of_system() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "certificate authorities of the system");
    }
    let mut roots = RootCertStore::empty();
    let (_, unusable) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(
        usable = roots.len(),
        unusable,
        "certificate authorities of the system"
    );
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oci_client_10_a_bad_ca_is_an_error_and_not_a_client_without_it() {
        let read = |text: &str| Certificates::from_pem(text.as_bytes());
        assert!(matches!(read(""), Err(CertificatesError::Empty)));
        assert!(matches!(read("hello"), Err(CertificatesError::Empty)));
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert!(matches!(read(key), Err(CertificatesError::Empty)));
        let broken = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        assert!(matches!(
            read(broken),
            Err(CertificatesError::Pem { number: 1, .. })
        ));
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert!(matches!(
            read(cut),
            Err(CertificatesError::Pem { number: 1, .. })
        ));
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(
            read(nonsense),
            Err(CertificatesError::NotUsable { number: 1, .. })
        ));
    }

    #[test]
    fn the_provider_can_be_installed_twice() {
        install_crypto_provider();
        install_crypto_provider();
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }
}
