//! Certificates by hand: every rule of a Notary certificate chain (N section 7) can be kept or broken alone.
//!
//! Written with the crate's own DER writer, because the rules are about what libraries refuse to write: criticality,
//! repeated extensions and names, old hash functions. Nothing here checks a certificate.

mod authority;
mod extension;
mod name;
pub mod odd_keys;
mod template;

pub use authority::{Authority, Chain};
pub use extension::{Extension, KeyUsage, oids};
pub use name::Name;
pub use template::{CertificateSignature, Template};
