//! What is trusted: keys, certificates, chains, trust stores, trust policies.
//!
//! Rules are those of the Notary Project (N sections 5 to 8). The ASN.1 crate is named in `asn1` and nowhere else.
//! Nothing here reads an envelope.

mod algorithm;
mod asn1;
mod certificate;
mod chain;
mod distinguished_name;
mod extension;
mod identity;
mod key;
mod key_spec;
mod level;
mod name;
mod pem;
mod policy;
mod scope;
mod store;

pub use asn1::{DerError, DerProblem};
pub use certificate::{Certificate, CertificateError};
pub use chain::{ChainError, ChainFault, CodeSigningChain, Outside, OutsideSide};
pub use distinguished_name::{DistinguishedName, DistinguishedNameError};
pub use identity::{IdentityError, IdentityFormError, TrustedIdentities};
pub use key::{KeyError, PublicKey};
pub use key_spec::{KeySpec, SignatureAlgorithm};
pub use level::{Action, Level};
pub use name::{Attribute, AttributeType, Name};
pub use pem::{CertificateFileError, PemProblem};
pub use policy::{
    Parsed, PolicyFault, Statement, TrustPolicy, TrustPolicyError, TrustPolicyWarning,
    VerifyTimestamp,
};
pub use scope::ScopeError;
pub use store::{Anchors, StoreType, TrustStoreError, TrustStores, TrustStoresBuilder};
