//! The TLS side of a listener at one moment: how to shake hands, and what is wrong with the files behind it.

mod files;
mod material;
mod stamp;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::ServerConfig;

pub use files::{TlsFiles, TlsPaths};
pub use material::{NotAnAuthority, TlsFileError};

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
        /// Counts the sets of client CAs of this process. A connection made under an older one is closed after its next
        /// answer.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadedCertificate {
    /// When it was read.
    pub loaded: Timestamp,
    /// The first instant at which it is valid.
    pub not_before: Timestamp,
    /// The last instant at which it is valid.
    pub not_after: Timestamp,
    /// SHA-256 of the DER.
    pub sha256: [u8; 32],
}

/// Something wrong with a file. Prints on one line, causes included.
#[derive(Debug, Clone)]
pub struct TlsProblem {
    /// What, with the file's path, and what to do.
    pub error: Arc<TlsFileError>,
    /// Since when.
    pub since: Timestamp,
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.error)?;
        let mut cause = self.error.source();
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
