//! What a registry's answer, or the lack of one, means.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use ratify_http::Limit;
use ratify_oci::{ContentMismatch, ManifestError};

use crate::LoginError;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// A manifest.
    Manifest,
    /// A page of referrers, or the index under the referrers tag.
    Listing,
    /// A blob.
    Blob,
    /// A token.
    Token,
}

impl Part {
    /// In one word, for metrics.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Listing => "referrers",
            Self::Blob => "blob",
            Self::Token => "token",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Manifest => "manifest",
            Self::Listing => "list of referrers",
            Self::Blob => "blob",
            Self::Token => "token",
        })
    }
}

/// Whether asking again can help. Nothing in between: what is not certain is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// This content is absent, too large, malformed or not what its digest says: a candidate that is rejected.
    Content,
    /// It could not be told. Never to be taken for an absence, never to be remembered as a rejection.
    Unknown,
}

/// Why a login was wanted in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unauthorized {
    /// A login is wanted and none is known.
    NoLogin,
    /// Name and password are wanted, and the login that is known is a token.
    NoPassword,
    /// The login that is known was refused.
    LoginRefused,
    /// The answer does not say, in words this client understands, how to log in.
    NoChallenge,
}

impl Unauthorized {
    fn sentence(self) -> &'static str {
        match self {
            Self::NoLogin => "wants a login and none is known for it",
            Self::NoPassword => "wants a name and a password and only a token is known for it",
            Self::LoginRefused => "refused the login it was given",
            Self::NoChallenge => {
                "answered 401 without saying how to log in, expected a `Basic` or `Bearer` challenge"
            }
        }
    }
}

/// What is wrong with an answer that came with status 200.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Malformation {
    /// Another type of content.
    #[error("content type is `{found}`, expected `{expected}`")]
    ContentType {
        /// `Content-Type`, cut to 200 characters; empty if there is none.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// Bytes that are not a manifest of their type.
    #[error(transparent)]
    Manifest(Arc<ManifestError>),
    /// A `Link` header that cannot be read, so that nobody knows whether there is another page.
    #[error("header `Link` cannot be read, expected `<url>; rel=\"next\"`")]
    Link,
    /// A next page that is not of this registry.
    #[error("next page is at another host, expected one of the same registry")]
    ForeignLink,
    /// A `Docker-Content-Digest` header that is no digest.
    #[error("header `Docker-Content-Digest` is not a digest")]
    DigestHeader,
    /// `data` of a descriptor that is not base64.
    #[error("embedded data is not base64")]
    EmbeddedData,
    /// Broken JSON in the answer to a token request. The text is not kept: it may hold a token.
    #[error("answer is not a JSON object with a `token` or an `access_token`")]
    Token,
}

/// Why a registry gave nothing that can be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// 404.
    #[error("{part} not found at `{host}`")]
    NotFound {
        /// Host and port that answered.
        host: String,
        /// What was asked for.
        part: Part,
    },
    /// 401, in spite of what could be done about it.
    #[error("`{host}` {}{}", .why.sentence(), pause(*.remembered))]
    Unauthorized {
        /// Host and port that answered.
        host: String,
        /// What was tried.
        why: Unauthorized,
        /// Answered from memory, because the registry said so less than ten seconds ago.
        remembered: bool,
    },
    /// 403.
    #[error("`{host}` denies access{}", pause(*.remembered))]
    Forbidden {
        /// Host and port that answered.
        host: String,
        /// Answered from memory, because the registry said so less than ten seconds ago.
        remembered: bool,
    },
    /// 401 or 403 without the login, which was held back because tokens come from a host it is not meant for
    /// (attack catalogue T-34).
    #[error(
        "`{host}` wants a login, which was not sent to its token service at `{realm}`: list that host among the token hosts of the registry if it may see the login{}",
        pause(*.remembered)
    )]
    LoginWithheld {
        /// Host and port of the registry.
        host: String,
        /// Host and port of the token service.
        realm: String,
        /// Answered from memory, because the registry said so less than ten seconds ago.
        remembered: bool,
    },
    /// A token service without TLS, for a registry with TLS.
    #[error("token service of `{host}` is at a URL this client does not ask, expected `https`")]
    InsecureRealm {
        /// Host and port of the registry.
        host: String,
    },
    /// The login could not be found out. Going on without it would be another question than the one asked.
    #[error("login for `{host}` could not be found out")]
    Login {
        /// Host that a login was looked up for.
        host: String,
        /// What went wrong.
        source: LoginError,
    },
    /// 429, or a pause that the host asked for.
    #[error(transparent)]
    RateLimited(ratify_http::Error),
    /// 5xx, repetitions included.
    #[error("`{host}` failed with status {}", .status.as_u16())]
    ServerError {
        /// Host and port that answered.
        host: String,
        /// The last status.
        status: StatusCode,
    },
    /// A status that means nothing here.
    #[error("`{host}` answered a request for a {part} with status {}", .status.as_u16())]
    UnexpectedStatus {
        /// Host and port that answered.
        host: String,
        /// What was asked for.
        part: Part,
        /// The status.
        status: StatusCode,
    },
    /// The deadline passed.
    #[error(transparent)]
    Timeout(ratify_http::Error),
    /// No connection.
    #[error(transparent)]
    Connect(ratify_http::Error),
    /// No trusted TLS connection.
    #[error(transparent)]
    Tls(ratify_http::Error),
    /// The connection broke before the answer was complete.
    #[error(transparent)]
    Broken(ratify_http::Error),
    /// A registry, mirror, token service or storage that a server must not ask (attack catalogue T-34).
    #[error(
        "`{host}` leads to {reason}, which is not asked unless it is configured: name it under `registries` as `host` or `mirror`, or among the `tokenHosts` of its registry"
    )]
    TargetRefused {
        /// Host and port that was to be asked.
        host: String,
        /// Where it leads, such as `a loopback address`.
        reason: &'static str,
    },
    /// A redirect that is not followed.
    #[error(transparent)]
    Redirect(ratify_http::Error),
    /// The request could not be made: a fault of this program, its environment or the URL.
    #[error(transparent)]
    Request(ratify_http::Error),
    /// Status 200 and nonsense.
    #[error("{part} of `{host}` is malformed")]
    Malformed {
        /// Host and port that answered.
        host: String,
        /// What was asked for.
        part: Part,
        /// What is wrong with it.
        source: Malformation,
    },
    /// Larger than its limit.
    #[error("{part} of `{host}` is larger than the limit for {limit}")]
    TooLarge {
        /// Host and port that answered, or would have been asked.
        host: String,
        /// What was asked for.
        part: Part,
        /// The limit.
        limit: Limit,
    },
    /// Other bytes than the digest or the descriptor says (attack catalogue T-02).
    #[error("{part} of `{host}` is not what was asked for")]
    Mismatch {
        /// Host and port that answered.
        host: String,
        /// What was asked for.
        part: Part,
        /// What differs.
        source: ContentMismatch,
    },
}

fn pause(remembered: bool) -> &'static str {
    if remembered {
        " (it said so less than 10 s ago and was not asked again)"
    } else {
        ""
    }
}

impl Error {
    /// Whether this is about the content itself, or nothing can be told. About a *subject* that is not found the caller
    /// knows better: it may have been pushed a second ago.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::NotFound { part, .. }
            | Self::Malformed { part, .. }
            | Self::TooLarge { part, .. }
            | Self::Mismatch { part, .. } => match part {
                Part::Manifest | Part::Blob => FailureKind::Content,
                Part::Listing | Part::Token => FailureKind::Unknown,
            },
            _ => FailureKind::Unknown,
        }
    }

    /// Sort what the HTTP client says about a request for `part`.
    pub(crate) fn of_http(part: Part, error: ratify_http::Error) -> Self {
        use ratify_http::Error as Http;
        match error {
            Http::TargetRefused { host, reason } => Self::TargetRefused { host, reason },
            Http::TooLarge { host, limit } => Self::TooLarge { host, part, limit },
            Http::Timeout { .. } => Self::Timeout(error),
            Http::Connect { .. } => Self::Connect(error),
            Http::Tls { .. } | Http::NoAuthorities { .. } => Self::Tls(error),
            Http::Broken { .. } => Self::Broken(error),
            Http::RateLimited { .. } => Self::RateLimited(error),
            Http::TooManyRedirects { .. } | Http::RedirectRefused { .. } => Self::Redirect(error),
            _ => Self::Request(error),
        }
    }
}
