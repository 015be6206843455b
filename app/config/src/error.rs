//! Why a configuration cannot be used. Every text is one whole sentence that names the file and the place in it.

use std::io;
use std::path::{Path, PathBuf};

use ratify_http::CertificatesError;
use ratify_keys::{Origin, SourceError};
use ratify_registry::OptionsError;
use ratify_verify::json::JsonError;
use ratify_verify::notation::VerifierError;
use ratify_verify::trust::{PolicyFault, TrustPolicyError, TrustStoreError};

use crate::place::{Place, shown};

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no default path, because there is no home directory.
    #[error(
        "no configuration: neither `RATIFY_CONFIG` nor a home directory is set; name the file with `--config`"
    )]
    NoDefault,
    /// The file cannot be read (text of v1.4).
    #[error("unable to read config file at path {}: {}", path.display(), plainly(error))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file is too large to be a configuration.
    #[error("unable to read config file at path {}: it has more than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// The file is not JSON as it is read here (text of v1.4).
    #[error("unable to unmarshal config body: {}: {error}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        error: JsonError,
    },
    /// Something in the file cannot be used.
    #[error("{}: {place}: {problem}", path.display())]
    Member {
        /// The file.
        path: PathBuf,
        /// Where in the file, such as `verifier.plugins[0].name`.
        place: String,
        /// What is wrong there.
        problem: Problem,
    },
}

/// What is wrong with a member of the configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Another kind of value.
    #[error("found {found}, expected {expected}")]
    Kind {
        /// What is there.
        found: &'static str,
        /// What should be.
        expected: &'static str,
    },
    /// A member that must be there is not.
    #[error("is missing, expected {expected}")]
    Missing {
        /// What should be there.
        expected: &'static str,
    },
    /// A text or number that does not mean anything here.
    #[error("found `{found}`, expected {expected}")]
    Value {
        /// What is there, cut.
        found: String,
        /// What should be.
        expected: &'static str,
    },
    /// A member twice, in two spellings.
    #[error("`{other}` and `{name}` are the same field in two spellings; keep `{name}`")]
    TwoSpellings {
        /// The right spelling.
        name: &'static str,
        /// The other.
        other: String,
    },
    /// A member that is not known, where all must be.
    #[error("is not a known field{}", nearest.map(|name| format!("; is `{name}` meant?")).unwrap_or_default())]
    Unknown {
        /// The known name that is most like it.
        nearest: Option<&'static str>,
    },
    /// Two members that exclude each other.
    #[error("`{one}` and `{other}` exclude each other; keep one")]
    Both {
        /// The first.
        one: &'static str,
        /// The second.
        other: &'static str,
    },
    /// `policy.plugin` is missing (text of v1.4).
    #[error("policy provider config must be specified")]
    NoPolicy,
    /// `store.plugins` is missing or empty (text of v1.4).
    #[error("referrer store config should have at least one store")]
    NoStore,
    /// `verifier.plugins` is missing or empty (text of v1.4).
    #[error("the configuration for verifier.plugins must include at least one plugin")]
    NoVerifier,
    /// An unknown log format (text of v1.4).
    #[error(
        "CONFIG_INVALID: unsupported logging formatter: {found}; expected `text`, `json` or `logstash`"
    )]
    Formatter {
        /// What is there, cut.
        found: String,
    },
    /// Something of v1.4 that this version does not have.
    #[error("{what} `{name}` is not available in this version, expected {expected}")]
    NotAvailable {
        /// What kind of thing.
        what: &'static str,
        /// Its name, cut.
        name: String,
        /// What can be used.
        expected: &'static str,
    },
    /// `verificationCertStores` has trust store types and trust store names side by side.
    #[error(
        "CONFIG_INVALID: legacy and new formats are mixed: `{type_name}` is a trust store type and `{store}` is not; put all \
         stores under `ca`, `signingAuthority` or `tsa`"
    )]
    MixedStores {
        /// A key that is a type.
        type_name: String,
        /// A key that is not.
        store: String,
    },
    /// Too many of something.
    #[error("has more than {limit} {what}")]
    TooMany {
        /// The most there may be.
        limit: usize,
        /// Of what.
        what: &'static str,
    },
    /// A member of a trust policy document that breaks a rule.
    #[error(transparent)]
    TrustPolicy(PolicyFault),
    /// A trust policy document that cannot be read at all.
    #[error(transparent)]
    TrustPolicyDocument(TrustPolicyError),
    /// Certificates that cannot be read.
    #[error(transparent)]
    Certificates(#[from] SourceError),
    /// A certificate that may not be in its trust store.
    #[error("{origin}: {error}")]
    Certificate {
        /// Where the certificate was found.
        origin: Origin,
        /// Which rule it breaks.
        error: TrustStoreError,
    },
    /// A trust store that breaks a rule.
    #[error(transparent)]
    TrustStore(TrustStoreError),
    /// A verifier that cannot be built.
    #[error(transparent)]
    Verifier(#[from] VerifierError),
    /// How to reach a registry cannot be used.
    #[error(transparent)]
    Registry(#[from] OptionsError),
    /// A bundle of certificate authorities for a registry that cannot be used.
    #[error("{error}{}", std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default())]
    Authorities {
        /// What is wrong with it.
        error: CertificatesError,
    },
    /// A file named in the configuration that is too large.
    #[error("`{}` has more than {limit} bytes", path.display())]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// A file named in the configuration that cannot be read.
    #[error("`{}` cannot be read: {}", path.display(), plainly(error))]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// A problem and its place, before the file is known.
#[derive(Debug)]
pub(crate) struct Misplaced {
    pub(crate) place: Place,
    pub(crate) problem: Problem,
}

impl Misplaced {
    /// Say in which file.
    pub(crate) fn in_file(self, path: &Path) -> ConfigError {
        ConfigError::Member {
            path: path.to_owned(),
            place: self.place.to_string(),
            problem: self.problem,
        }
    }
}

impl Problem {
    /// Say where.
    pub(crate) fn at(self, place: Place) -> Misplaced {
        Misplaced {
            place,
            problem: self,
        }
    }

    /// A text that does not mean anything here.
    pub(crate) fn value(found: &str, expected: &'static str) -> Self {
        Self::Value {
            found: shown(found),
            expected,
        }
    }
}

/// What the system says, without its error number where it says something everybody knows.
pub(crate) fn plainly(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}
