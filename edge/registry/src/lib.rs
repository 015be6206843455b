//! A client for registries (OCI distribution specification 1.1): resolve, referrers, manifests, blobs, logins.
//!
//! It moves bytes and checks them against their digests; it never judges them. What a registry says is believed only as
//! far as it can be recomputed, everything it sends is bounded, and a failure is never taken for an absence.

mod auth;
mod client;
mod counts;
mod endpoint;
mod error;
mod exchange;
mod link;
mod memory;
mod options;
mod read;
mod referrers;

pub use auth::{Anonymous, DockerConfig, FixedLogins, Login, LoginError, Logins};
pub use client::{Client, Completeness, Referrers, Resolved, Source};
pub use counts::RequestCounts;
pub use error::{Error, FailureKind, Malformation, Part, Unauthorized};
pub use options::{Limits, Options, OptionsError, RegistryOptions};
pub use ratify_http::{
    Certificates, CertificatesError, Deadline, Exchange, ForwardedHeaderError, ForwardedHeaders,
    Observer, Outcome, with_headers,
};
