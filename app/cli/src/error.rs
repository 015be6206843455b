//! Why a command ends without a result, and with which exit status a command ends.

use std::fmt;
use std::io;
use std::process::ExitCode;

use ratify_config::ConfigError;
use ratify_engine::{SnapshotError, StoreError};
use ratify_oci::{DigestError, ManifestError, ReferenceError};
use ratify_server::{MetricsError, StartError};
use ratify_verify::Reason;

/// How the process ends (decision: a verdict is not an error, unless `--exit-code` asks for it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// There is a result; with `--exit-code`: admitted.
    Done,
    /// Usage, configuration, or no result.
    Failed,
    /// With `--exit-code`: denied.
    Denied,
    /// With `--exit-code`: it could not be told.
    Undecided,
    /// Ended by Ctrl-C: 128 and the number of the signal, as shells say it.
    Interrupted,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Done => 0,
            Status::Failed => 1,
            Status::Denied => 2,
            Status::Undecided => 3,
            Status::Interrupted => 130,
        })
    }
}

/// Why a command has no result. Texts that v1.4 has too begin with v1.4's words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No `--subject`.
    #[error("subject parameter is required")]
    NoSubject,
    /// No `--digest`.
    #[error("digest parameter is required")]
    NoDigest,
    /// No `--store`.
    #[error("store name parameter is required")]
    NoStore,
    /// `--subject` is not a reference.
    #[error("REFERENCE_INVALID: failed to parse subject reference")]
    Reference(#[source] ReferenceError),
    /// `--digest` is not a digest.
    #[error("the digest of the subject is invalid")]
    Digest(#[source] DigestError),
    /// `--store` names no store.
    #[error("cannot find store with name {name}, the configuration has {}", Names(.known))]
    UnknownStore {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(Box<ConfigError>),
    /// The configuration has no stores or no verifiers.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A store could not answer.
    #[error("{}", .0.reason())]
    Store(StoreError),
    /// Something asked for by digest cannot be had.
    #[error("{0}")]
    Content(Reason),
    /// What was fetched is not a manifest.
    #[error("what the registry has under this digest is not the manifest of an artifact")]
    Manifest(#[source] ManifestError),
    /// An index is not an artifact's manifest.
    #[error(
        "what the registry has under this digest is an index, expected the manifest of an artifact"
    )]
    Index,
    /// Standard output takes no more.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// Something the operating system should give was not given.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// `--enable-crd-manager`.
    #[error(
        "`--enable-crd-manager` needs the part of ratify that reads custom resources, which is not available in this \
         version; write the configuration into a file and name it with `--config`"
    )]
    NoCustomResources,
    /// `--cache-size` (beginning of v1.4's text).
    #[error(
        "error initializing cache of type {cache_type}: `--cache-size` is {size}, expected at least 1"
    )]
    CacheSize {
        /// `--cache-type`.
        cache_type: String,
        /// What was written.
        size: i64,
    },
    /// `--metrics-type` (beginning of v1.4's text).
    #[error("unsupported metrics backend `{found}`, expected `prometheus`")]
    MetricsType {
        /// What was written.
        found: String,
    },
    /// `--ca-cert-file` alone.
    #[error(
        "`--ca-cert-file` needs `--cert-dir`: client certificates can be checked over TLS only, and without \
         `--cert-dir` the server speaks plain HTTP"
    )]
    ClientsWithoutTls,
    /// The server does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Series of metrics could not be made.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// A part of the server ended, for no reason.
    #[error("this is a defect, please report it: {part} ended by itself")]
    PartEnded {
        /// Which.
        part: &'static str,
    },
    /// Images of the demo got another verdict than they were made for.
    #[cfg(feature = "demo")]
    #[error("this is a defect, please report it: {} got another verdict than expected", Names(.images))]
    Demo {
        /// Which.
        images: Vec<String>,
    },
    /// The server of the demo gave no answer.
    #[cfg(feature = "demo")]
    #[error("this is a defect, please report it: the demo's server gave no answer")]
    DemoServer {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(Box::new(error))
    }
}

impl Error {
    /// The exit status it ends with.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Interrupted => Status::Interrupted,
            _ => Status::Failed,
        }
    }

    /// What a person can do about it, where that is known.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => Some(error.reason().code().remedy()),
            _ => None,
        }
    }

    /// The whole sentence: this error and its sources, which do not repeat each other. Control characters are escaped:
    /// the text may hold what a registry or a file says.
    pub(crate) fn sentence(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        crate::render::printable(&text)
    }
}

/// Names in backticks, separated by commas.
struct Names<'a>(&'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, name) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(f, "{separator}`{name}`")?;
        }
        Ok(())
    }
}
