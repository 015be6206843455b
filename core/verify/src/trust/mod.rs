//! What is trusted: keys, certificates, chains, trust stores, trust policies.
//!
//! Rules are those of the Notary Project (N sections 5 to 8). ASN.1 is named in `asn1` and nowhere else but for tags.
//! Nothing here reads an envelope.

mod algorithm;
mod asn1;
mod certificate;
mod chain;
mod extension;
mod key;
mod name;
mod pem;

pub use asn1::{DerError, DerProblem};
pub use certificate::{Certificate, CertificateError};
pub use chain::{ChainError, ChainFault, CodeSigningChain, Outside, OutsideSide};
pub use key::{KeyError, KeySpec, PublicKey, SignatureAlgorithm};
pub use name::{Attribute, AttributeType, Name};
pub use pem::{CertificateFileError, PemProblem};
