//! Logins and the trait for where they come from.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use futures::future::{BoxFuture, FutureExt, ready};
use ratify_oci::{Digest, DigestAlgorithm, Hasher};
use secrecy::{ExposeSecret, SecretString};

/// How to show a registry who asks. Secrets do not print.
#[derive(Clone)]
pub enum Login {
    /// Nobody in particular.
    Anonymous,
    /// Name and password.
    Basic {
        /// User name.
        user: String,
        /// Password, or a token used as one.
        password: SecretString,
    },
    /// A refresh token that is exchanged for access tokens by OAuth2 (`identitytoken` in docker's configuration).
    IdentityToken(SecretString),
    /// An access token that is sent as it is (`registrytoken` in docker's configuration).
    RegistryToken(SecretString),
}

impl Login {
    /// Whether there is nothing to show.
    pub fn is_anonymous(&self) -> bool {
        matches!(self, Self::Anonymous)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic { .. } => "Basic([redacted])",
            Self::IdentityToken(_) => "IdentityToken([redacted])",
            Self::RegistryToken(_) => "RegistryToken([redacted])",
        })
    }
}

/// Which login this is, without being it. What is remembered of one login never serves another.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct LoginId(Digest);

impl fmt::Debug for LoginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginId")
    }
}

/// A login with its identity.
#[derive(Debug, Clone)]
pub(crate) struct KnownLogin {
    pub(crate) login: Login,
    pub(crate) id: LoginId,
}

impl KnownLogin {
    /// The login of nobody, whose identity need not be computed for each request.
    pub(crate) fn anonymous() -> Self {
        static ID: LazyLock<LoginId> = LazyLock::new(|| LoginId::of(&Login::Anonymous));
        Self {
            login: Login::Anonymous,
            id: ID.clone(),
        }
    }
}

impl From<Login> for KnownLogin {
    fn from(login: Login) -> Self {
        if login.is_anonymous() {
            return Self::anonymous();
        }
        let id = LoginId::of(&login);
        Self { login, id }
    }
}

impl LoginId {
    fn of(login: &Login) -> Self {
        let (kind, user, secret) = match login {
            Login::Anonymous => ("anonymous", "", None),
            Login::Basic { user, password } => ("basic", user.as_str(), Some(password)),
            Login::IdentityToken(token) => ("identity", "", Some(token)),
            Login::RegistryToken(token) => ("registry", "", Some(token)),
        };
        let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
        for part in [
            kind,
            user,
            secret.map_or("", |secret| secret.expose_secret()),
        ] {
            hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        Self(hasher.finish())
    }
}

/// Why a login could not be found out. No variant holds text of a file or program: it may be a secret.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// A configuration file that cannot be read.
    #[error("docker configuration `{}` cannot be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// A configuration file that is too large to be one.
    #[error("docker configuration `{}` has more than {limit} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// A configuration file that is not JSON of the expected shape.
    #[error("docker configuration `{}` is malformed at line {line} column {column}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line of the mistake, from 1.
        line: usize,
        /// Column of the mistake.
        column: usize,
    },
    /// An `auth` that is not base64 of `user:password`.
    #[error(
        "entry `{key}` of docker configuration `{}` is malformed, expected base64 of `user:password` in `auth`",
        .path.display()
    )]
    Entry {
        /// The file.
        path: PathBuf,
        /// Key of the entry below `auths`.
        key: String,
    },
    /// The name of a credential helper that is not a bare name.
    #[error("credential helper `{0}` is not letters, digits, `.`, `_` or `-`")]
    HelperName(String),
    /// A credential helper that cannot be started or spoken with.
    #[error("credential helper `docker-credential-{name}` cannot be run")]
    HelperStart {
        /// Its name, without `docker-credential-`.
        name: String,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// A credential helper that takes too long. It was ended.
    #[error("credential helper `docker-credential-{name}` gave no answer within {seconds} s")]
    HelperTimeout {
        /// Its name.
        name: String,
        /// How long it was given.
        seconds: u64,
    },
    /// A credential helper that failed.
    #[error(
        "credential helper `docker-credential-{name}` failed{}, run `docker-credential-{name} get` to see why",
        code_of(*.code)
    )]
    HelperFailed {
        /// Its name.
        name: String,
        /// Its exit status, unless a signal ended it.
        code: Option<i32>,
    },
    /// A credential helper whose answer is not what the protocol says.
    #[error(
        "credential helper `docker-credential-{name}` gave a malformed answer, expected JSON with `Username` and `Secret`"
    )]
    HelperAnswer {
        /// Its name.
        name: String,
    },
    /// Some other source of logins failed.
    #[error("source of logins failed")]
    Source(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

fn code_of(code: Option<i32>) -> String {
    code.map_or_else(String::new, |code| format!(" with status {code}"))
}

/// Where logins come from: docker's configuration, a cloud, the cluster.
pub trait Logins: Send + Sync {
    /// The login for a registry. `host` is `host` or `host:port` in lower case, `docker.io` for Docker Hub. If there is
    /// none, that is [`Login::Anonymous`]; if it cannot be found out, an error, never `Anonymous`.
    fn login<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Login, LoginError>>;

    /// The registry refused the login it was given: do not give the same from memory without looking again.
    fn refused<'a>(&'a self, host: &'a str) -> BoxFuture<'a, ()> {
        let _ = host;
        ready(()).boxed()
    }
}

/// Read a text or `null` straight into a type that does not print.
pub(super) fn secret<'de, D>(deserializer: D) -> Result<Option<SecretString>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    let text = <Option<String> as serde::Deserialize>::deserialize(deserializer)?;
    Ok(text.map(SecretString::from))
}

/// No logins.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anonymous;

impl Logins for Anonymous {
    fn login<'a>(&'a self, _host: &'a str) -> BoxFuture<'a, Result<Login, LoginError>> {
        ready(Ok(Login::Anonymous)).boxed()
    }
}

/// Logins that were given beforehand, by host; all others are anonymous.
#[derive(Debug, Clone, Default)]
pub struct FixedLogins(HashMap<String, Login>);

impl FixedLogins {
    /// Logins by `host` or `host:port`.
    pub fn new(logins: impl IntoIterator<Item = (String, Login)>) -> Self {
        let lower = |(host, login): (String, Login)| (host.to_ascii_lowercase(), login);
        Self(logins.into_iter().map(lower).collect())
    }
}

impl Logins for FixedLogins {
    fn login<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Login, LoginError>> {
        let login = self.0.get(host).cloned().unwrap_or(Login::Anonymous);
        ready(Ok(login)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(user: &str, password: &str) -> Login {
        Login::Basic {
            user: user.to_owned(),
            password: password.into(),
        }
    }

    #[test]
    fn logins_do_not_print() {
        let all = [
            basic("hunter2", "hunter2"),
            Login::IdentityToken("hunter2".into()),
            Login::RegistryToken("hunter2".into()),
        ];
        for login in all {
            let known = KnownLogin::from(login);
            assert!(!format!("{known:?}").contains("hunter2"));
            assert!(!format!("{known:?}").contains(known.id.0.hex()));
        }
    }

    #[test]
    fn different_logins_have_different_identities() {
        let all = [
            Login::Anonymous,
            basic("a", "bc"),
            basic("ab", "c"),
            basic("", "abc"),
            Login::IdentityToken("abc".into()),
            Login::RegistryToken("abc".into()),
        ];
        let ids: std::collections::HashSet<_> = all
            .into_iter()
            .map(|login| KnownLogin::from(login).id)
            .collect();
        assert_eq!(ids.len(), 6);
        assert_eq!(
            KnownLogin::from(basic("a", "b")).id,
            KnownLogin::from(basic("a", "b")).id
        );
    }
}
