//! Where certificates come from: files and directories, and text written into the configuration itself.
//!
//! This crate finds and reads; it does not decide what may be trusted. That is for the trust stores of `ratify-verify`,
//! to which every certificate comes with its [`Origin`], so that a refusal can name the file. What is passed over is
//! told ([`PassedOver`]), never dropped in silence. Private keys are refused unread, and nothing here can print one.

mod error;
mod files;
mod inline;
mod pem;

pub use error::{Place, SourceError};
pub use files::{PassedOver, certificates_at};
pub use inline::inline_certificates;

use std::fmt;
use std::path::PathBuf;

use ratify_verify::trust::Certificate;

/// The most certificates one source may hold. The largest bundle in use, Mozilla's list of public authorities, has
/// about 150; trust stores have a handful.
pub const MAX_CERTIFICATES: usize = 1_000;

/// A certificate and where it was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The certificate.
    pub certificate: Certificate,
    /// Where it was found.
    pub origin: Origin,
}

/// Where a certificate was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In a file.
    File {
        /// The file, symbolic links resolved.
        path: PathBuf,
        /// Which certificate of the file, from 1.
        number: usize,
    },
    /// In a text of the configuration.
    Inline {
        /// Which PEM block of the text, from 1.
        number: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, number } => {
                write!(f, "certificate {number} of `{}`", path.display())
            }
            Self::Inline { number } => write!(f, "PEM block {number}"),
        }
    }
}

/// Everything one source gave.
#[derive(Debug, Clone, Default)]
pub struct Collected {
    /// The certificates, files in the order of their paths.
    pub found: Vec<Found>,
    /// What was there, or should have been, and was not read.
    pub passed_over: Vec<PassedOver>,
}
