//! Integrity: the proof that an envelope is whole (N 2.4, 3, 7.1).
//!
//! A parser makes an [`Unverified`]; [`Envelope::open`] turns it into an [`Envelope`], and nothing else can. So whoever
//! holds an `Envelope` holds bytes that the key of the first certificate signed, under headers and with a chain that keep
//! every rule. Whether anybody *trusts* that chain is not known here.

use super::attributes::{AttributeError, SignedAttributes};
use super::cose::{self, CoseError};
use super::envelope::{EnvelopeFormat, HeaderAlgorithm, Unverified};
use super::jws::{self, JwsError};
use crate::ReasonCode;
use crate::trust::{
    Certificate, CertificateError, ChainError, CodeSigningChain, KeyError, SignatureAlgorithm,
    TrustStores,
};

/// A whole envelope: signed by the leaf of its chain, every rule on headers and chain kept.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) attributes: SignedAttributes,
    pub(super) chain: CodeSigningChain,
    pub(super) payload: Vec<u8>,
    /// Not covered by the signature: to be verified on its own or ignored.
    pub(super) timestamp: Option<Vec<u8>>,
}

/// Why an envelope is not whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnvelopeError {
    /// A rule of the JWS format is broken.
    #[error("the signature is not a JWS envelope of the Notary Project")]
    Jws(#[from] JwsError),
    /// A rule of the COSE format is broken.
    #[error("the signature is not a COSE envelope of the Notary Project")]
    Cose(#[from] CoseError),
    /// N J-05, J-19, C-06.
    #[error("certificate {index} of the chain cannot be read")]
    Certificate {
        /// Place in the chain; the leaf is 0.
        index: usize,
        /// Why not.
        source: CertificateError,
    },
    /// N K-12, C-07.
    #[error("the key of the signing certificate cannot be used")]
    Key(#[source] KeyError),
    /// N J-06, J-24, C-08: what is verified with is chosen by the key; the header must agree (P-13).
    #[error(
        "the header names the algorithm `{found}`, expected {expected:?} as the signing certificate's key demands"
    )]
    Algorithm {
        /// As written in the header, cut to 100 characters.
        found: String,
        /// That of the key.
        expected: SignatureAlgorithm,
    },
    /// N J-06, J-08, J-09, C-09, C-10.
    #[error("the signature does not match the signed bytes")]
    Signature(#[source] KeyError),
    /// A rule on signed attributes is broken.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
    /// N J-23.
    #[error("the certificate chain breaks a rule")]
    Chain(#[from] ChainError),
}

impl EnvelopeError {
    pub(super) fn code(&self) -> ReasonCode {
        match self {
            Self::Algorithm { .. } | Self::Signature(_) => ReasonCode::SignatureInvalid,
            Self::Certificate { .. } | Self::Key(_) | Self::Chain(_) => ReasonCode::ChainInvalid,
            Self::Attribute(AttributeError::PluginRequired(_)) => ReasonCode::PluginRequired,
            Self::Attribute(AttributeError::CriticalUnknown(_)) => {
                ReasonCode::CriticalAttributeUnknown
            }
            Self::Jws(_) | Self::Cose(_) | Self::Attribute(_) => ReasonCode::EnvelopeMalformed,
        }
    }
}

impl Envelope {
    /// Read and verify an envelope: format, signature, headers, chain, in this order. `stores` only saves reading
    /// certificates again that it holds; nothing here asks whether it trusts them.
    pub(super) fn open(
        format: EnvelopeFormat,
        bytes: &[u8],
        stores: &TrustStores,
    ) -> Result<Self, EnvelopeError> {
        let unverified = match format {
            EnvelopeFormat::Jws => jws::parse(bytes)?,
            EnvelopeFormat::Cose => cose::parse(bytes)?,
        };
        unverified.verify(stores)
    }
}

impl HeaderAlgorithm {
    fn known(&self) -> Option<SignatureAlgorithm> {
        match self {
            Self::Jws(name) => SignatureAlgorithm::from_jws(name),
            Self::Cose(number) => SignatureAlgorithm::from_cose(*number),
        }
    }
}

impl Unverified {
    fn verify(self, stores: &TrustStores) -> Result<Envelope, EnvelopeError> {
        let certificates = self.parse_certificates(stores)?;
        // the parsers refuse an envelope without certificates; an empty chain has no leaf and ends here all the same
        if let Some(leaf) = certificates.first() {
            self.verify_signature(leaf)?;
        }
        let attributes = SignedAttributes::check(&self.header)?;
        let chain = CodeSigningChain::check(certificates)?;
        Ok(Envelope {
            attributes,
            chain,
            payload: self.payload,
            timestamp: self.timestamp,
        })
    }

    fn parse_certificates(&self, stores: &TrustStores) -> Result<Vec<Certificate>, EnvelopeError> {
        let parse = |(index, der): (usize, &Vec<u8>)| match stores.already_read(der) {
            Some(certificate) => Ok(certificate),
            None => Certificate::from_der(der)
                .map_err(|source| EnvelopeError::Certificate { index, source }),
        };
        self.certificates.iter().enumerate().map(parse).collect()
    }

    fn verify_signature(&self, leaf: &Certificate) -> Result<(), EnvelopeError> {
        let expected = leaf
            .key_spec()
            .map_err(EnvelopeError::Key)?
            .signature_algorithm();
        if self.algorithm.known() != Some(expected) {
            let found = self.algorithm.to_string().chars().take(100).collect();
            return Err(EnvelopeError::Algorithm { found, expected });
        }
        leaf.verify(expected, &self.message, &self.signature)
            .map_err(EnvelopeError::Signature)
    }
}
