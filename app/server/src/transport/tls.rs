//! The TLS side of a listener at one moment: how to shake hands, and what is wrong with the files behind it.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::ServerConfig;

/// How new connections are met, and how the files behind that are.
#[derive(Debug, Clone)]
pub struct TlsState {
    /// How new connections are met.
    pub handshakes: Handshakes,
    /// The server certificate in use.
    pub certificate: LoadedCertificate,
    /// Client CAs that clients are checked against now; `None`: clients need no certificate.
    pub client_authorities: Option<usize>,
    /// What is wrong with the files now. Handshakes may still work, with what was read before.
    pub problems: Vec<TlsProblem>,
}

/// How new connections are met.
#[derive(Debug, Clone)]
pub enum Handshakes {
    /// With this configuration.
    Ready {
        /// Certificate, key, and the check of client certificates.
        config: Arc<ServerConfig>,
        /// Counts the configurations of this process, from 1.
        generation: u64,
        /// Counts the sets of client CAs of this process, from 1. A connection made under an older one is closed after
        /// its next answer.
        client_ca_generation: u64,
    },
    /// Not at all: nobody could be told from anybody (D-15).
    Refusing(Refusal),
}

/// Why no connection is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A client CA file is demanded and none was ever good.
    #[error("no client certificate can be checked: the client CA file was never read successfully")]
    NoClientAuthority,
    /// All certificates of the client CA file are expired or not valid yet.
    #[error("no client certificate can be checked: no client CA is valid at this time")]
    NoValidClientAuthority,
}

/// The server certificate in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedCertificate {
    /// When it was read.
    pub loaded: Timestamp,
    /// The first instant at which it is valid.
    pub not_before: Timestamp,
    /// The last instant at which it is valid.
    pub not_after: Timestamp,
    /// SHA-256 of the DER, in lower-case hex.
    pub sha256: String,
}

/// Something wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsProblem {
    /// The file.
    pub path: PathBuf,
    /// What is wrong and what to do, on one line.
    pub problem: String,
    /// Since when.
    pub since: Timestamp,
}
