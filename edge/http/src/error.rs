//! Why there is no usable answer. A status such as 404 is an answer, not an error.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use crate::Limit;

/// What was being waited for when the deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A free place among the concurrent requests, or the end of a pause the host asked for.
    Turn,
    /// Somebody else's answer that a request needs first: a login or a token.
    Login,
    /// The head of the response.
    Answer,
    /// The rest of the body.
    Body,
}

impl Phase {
    fn waiting_for(self) -> &'static str {
        match self {
            Self::Turn => "a free connection to",
            Self::Login => "a login for",
            Self::Answer => "an answer of",
            Self::Body => "the rest of the body from",
        }
    }
}

/// Why there is no usable answer. No variant holds a URL: its query may be a secret (pre-signed storage URLs).
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The deadline passed.
    #[error("time ran out waiting for {} `{host}`", .phase.waiting_for())]
    Timeout {
        /// Host and port that was asked.
        host: String,
        /// What was being waited for.
        phase: Phase,
    },
    /// No connection: name not found, refused, unreachable, or not ready within the connect time-out.
    #[error("could not connect to `{host}`")]
    Connect {
        /// Host and port that was asked.
        host: String,
        /// What the system said.
        source: Cause,
    },
    /// TLS failed: an unknown authority, another name, no common version.
    #[error(
        "no trusted TLS connection to `{host}`, give its certificate authority if it is a private one"
    )]
    Tls {
        /// Host and port that was asked.
        host: String,
        /// What TLS found wrong.
        source: Cause,
    },
    /// There are no certificate authorities to trust, or they could not be used.
    #[error("no TLS connection to `{host}` is possible without trusted certificate authorities")]
    NoAuthorities {
        /// Host and port that was to be asked.
        host: String,
        /// What went wrong while loading them.
        source: Cause,
    },
    /// The connection broke before the answer was complete, or what came is not HTTP.
    #[error("connection to `{host}` broke before the answer was complete")]
    Broken {
        /// Host and port that was asked.
        host: String,
        /// What was seen.
        source: Cause,
    },
    /// The body is larger than the caller's limit.
    #[error("answer of `{host}` is larger than the limit for {limit}")]
    TooLarge {
        /// Host and port that was asked.
        host: String,
        /// The limit.
        limit: Limit,
    },
    /// 429, and no time to wait as long as the host asks.
    #[error("`{host}` asks for fewer requests{}", wait_of(*.retry_after))]
    RateLimited {
        /// Host and port that was asked.
        host: String,
        /// How long the host wants to be left alone, where it said so.
        retry_after: Option<Duration>,
    },
    /// More redirects than are followed.
    #[error("`{host}` redirected more than {limit} times")]
    TooManyRedirects {
        /// Host and port that was asked first.
        host: String,
        /// How many are followed.
        limit: u32,
    },
    /// A redirect that must not be followed.
    #[error("`{host}` redirected to {reason}")]
    RedirectRefused {
        /// Host and port that answered with the redirect.
        host: String,
        /// What is wrong with its target.
        reason: &'static str,
    },
    /// A host that must not be asked ([`Targets::Guarded`](crate::Targets::Guarded)).
    #[error("`{host}` leads to {reason}, which is not asked unless that host is configured")]
    TargetRefused {
        /// Host and port that was to be asked.
        host: String,
        /// Where it leads, such as `a loopback address`.
        reason: &'static str,
    },
    /// A URL that this client does not ask.
    #[error("URL of `{host}` {reason}, expected `https` or `http`, a host and no user name")]
    Url {
        /// Host as far as it is known.
        host: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The client could not be built, a fault of this program or its environment.
    #[error("HTTP client could not be set up")]
    Setup {
        /// What went wrong.
        source: Cause,
    },
}

fn wait_of(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| {
        format!(", and to be left alone for {} s", wait.as_secs())
    })
}

/// The innermost cause of a failure, as the layer that met it says it.
///
/// The layers above it only repeat that a request failed and may name a URL, whose query may be secret; they are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    text: String,
    io: Option<io::ErrorKind>,
}

impl Cause {
    pub(crate) fn of(error: &(dyn StdError + 'static)) -> Self {
        let innermost = chain(error).last().unwrap_or(error);
        Self {
            text: innermost.to_string(),
            io: chain(error)
                .filter_map(|error| error.downcast_ref::<io::Error>())
                .last()
                .map(io::Error::kind),
        }
    }

    /// A cause that no layer below has a word for.
    pub(crate) fn text(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            io: None,
        }
    }

    /// The kind of I/O error at the bottom, if there was one.
    pub fn io(&self) -> Option<io::ErrorKind> {
        self.io
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Cause {}

/// `error` and what is behind it, the errors wrapped in an `io::Error` included (`source` skips those).
pub(crate) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    /// No real chain is longer; a chain that bites its tail ends here.
    const LONGEST: usize = 32;
    std::iter::successors(Some(error), |error| behind(*error)).take(LONGEST)
}

fn behind<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// What is said of an answer that ended early, or is none of HTTP.
pub(crate) fn broken(host: &str, error: &hyper::Error) -> Error {
    Error::Broken {
        host: host.to_owned(),
        source: Cause::of(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_inside_io_errors_are_found() {
        let tls = rustls::Error::General("bad certificate".to_owned());
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, tls);
        assert!(chain(&wrapped).any(<dyn StdError>::is::<rustls::Error>));
        assert_eq!(
            Cause::of(&wrapped).to_string(),
            "unexpected error: bad certificate"
        );
        assert_eq!(Cause::of(&wrapped).io(), Some(io::ErrorKind::InvalidData));
    }
}
