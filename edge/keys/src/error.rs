//! Why a source of certificates cannot be used, in sentences that name the file and the place in it.
//!
//! No variant may carry the content of a file: it could be a private key.

use std::io;
use std::path::PathBuf;

use ratify_verify::trust::CertificateFileError;

use crate::MAX_CERTIFICATES;
use crate::files::{MAX_DEPTH, MAX_ENTRIES, MAX_FILE};

/// Why a source of certificates cannot be used. Each text is one whole sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A file that is there cannot be read.
    #[error("`{}` cannot be read: {}", path.display(), plainly(error))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Too many bytes for certificates.
    #[error("`{}` has more than {MAX_FILE} bytes, expected a file of certificates", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A directory tree that is no trust store.
    #[error("`{}` holds more than {MAX_ENTRIES} files and directories, expected a directory of certificates", path.display())]
    TooManyFiles {
        /// The directory the walk began at.
        path: PathBuf,
    },
    /// Directories inside each other without end.
    #[error("`{}` lies more than {MAX_DEPTH} directories deep, expected a directory of certificates", path.display())]
    TooDeep {
        /// The directory at which the walk was given up.
        path: PathBuf,
    },
    /// Too many certificates.
    #[error("{place} holds more than {MAX_CERTIFICATES} certificates")]
    TooMany {
        /// The file or text.
        place: Place,
    },
    /// A PEM block that does not end.
    #[error("{place}: PEM block {number} has no end line `-----END {label}-----`")]
    Unterminated {
        /// The file or text.
        place: Place,
        /// Which PEM block, from 1.
        number: usize,
        /// Its label.
        label: String,
    },
    /// Something that is not a certificate; a private key above all.
    #[error("{place}: {error}")]
    Certificates {
        /// The file or text.
        place: Place,
        /// What is wrong with it, and where in it.
        error: CertificateFileError,
    },
    /// No certificate at all.
    #[error("{place} holds no certificate, expected PEM blocks named `CERTIFICATE`")]
    Empty {
        /// The file or text.
        place: Place,
    },
    /// Text after the last PEM block (K 3.1: v1.4 refuses it as well).
    #[error("{place} goes on after its last PEM block, expected nothing more")]
    Trailing {
        /// The file or text.
        place: Place,
    },
}

/// Which file or text is spoken of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// A PEM block, from 1, of a text of the configuration.
    Block(usize),
    /// A text of the configuration.
    Text,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "`{}`", path.display()),
            Self::Block(number) => write!(f, "PEM block {number}"),
            Self::Text => f.write_str("the PEM text"),
        }
    }
}

/// What the system says, without its error number where it says something everybody knows.
pub(crate) fn plainly(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
