//! Whom to trust on the way: the crypto provider and extra certificate authorities.

use std::sync::Once;

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject};

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

    /// The certificates in DER, in the order of the text.
    pub(crate) fn der(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificates([{}])", self.0.len())
    }
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
