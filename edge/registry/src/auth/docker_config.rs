//! Logins from docker's configuration file: `auths`, `credHelpers`, `credsStore`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::{BoxFuture, FutureExt};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::sync::Mutex;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::credential_program;
use super::login::{Login, LoginError, Logins, secret};
use crate::memory::Memory;

/// The largest file that is read (a Kubernetes secret ends at 1 MiB).
const MOST_BYTES: u64 = 1024 * 1024;
/// How long a credential helper may take. `docker` waits for ever.
const HELPER_TIME: Duration = Duration::from_secs(10);
/// How often it is looked whether the file has changed. A login that is refused is looked for again at once.
const LOOK: Duration = Duration::from_secs(1);
/// How long the answer of a credential helper is believed. Helpers keep their own, longer-lived cache.
const HELPER_ANSWER: Duration = Duration::from_mins(1);

/// Logins from a docker configuration file. The file is read again within a second after it has changed.
#[derive(Debug)]
pub struct DockerConfig {
    path: PathBuf,
    /// Whether a missing file is an error, not a lack of logins.
    required: bool,
    helpers: Option<PathBuf>,
    helper_time: Duration,
    look: Duration,
    seen: Mutex<Seen>,
    answers: Memory<String, Arc<Mutex<HelperAnswers>>>,
}

/// The file; nothing if it is not there and need not be.
type Found = Result<Option<Arc<Written>>, LoginError>;

/// What was seen of the file.
#[derive(Debug, Default)]
struct Seen {
    /// When it was last looked at, and what came of it.
    last: Option<(Instant, Found)>,
    read: Option<(Stamp, Arc<Written>)>,
}

/// What a helper said last about one host.
#[derive(Debug, Default)]
struct HelperAnswers {
    last: Option<(Instant, String, Result<Option<Login>, LoginError>)>,
}

/// What changes when a file does.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    /// Inode and time of the last change of it: a file that was replaced within one tick of the clock.
    identity: (u64, i64, i64),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    #[serde(default)]
    auths: Option<BTreeMap<String, Option<Entry>>>,
    #[serde(default)]
    cred_helpers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    creds_store: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "secret")]
    auth: Option<SecretString>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    password: Option<SecretString>,
    #[serde(default, deserialize_with = "secret")]
    identitytoken: Option<SecretString>,
    #[serde(default, deserialize_with = "secret")]
    registrytoken: Option<SecretString>,
}

impl DockerConfig {
    /// The file at `path`, which must be there.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::new(path.into(), true)
    }

    /// The file at `path`, such as that of the user, `~/.docker/config.json`. If it is missing there are no logins.
    pub fn if_there(path: impl Into<PathBuf>) -> Self {
        Self::new(path.into(), false)
    }

    fn new(path: PathBuf, required: bool) -> Self {
        Self {
            path,
            required,
            helpers: None,
            helper_time: HELPER_TIME,
            look: LOOK,
            seen: Mutex::default(),
            answers: Memory::default(),
        }
    }

    /// Look for credential helpers in this directory alone, not on the search path.
    #[must_use]
    pub fn helpers_in(mut self, directory: impl Into<PathBuf>) -> Self {
        self.helpers = Some(directory.into());
        self
    }

    /// How long a credential helper may take; 10 s if not set.
    #[must_use]
    pub fn helper_time(mut self, time: Duration) -> Self {
        self.helper_time = time;
        self
    }

    async fn find(&self, host: &str) -> Result<Login, LoginError> {
        let Some(written) = self.written().await? else {
            return Ok(Login::Anonymous);
        };
        let keys = keys(host);
        if let Some(helper) = written.helper(&keys)
            && let Some(login) = self.ask_helper(helper, host).await?
        {
            return Ok(login);
        }
        written.entry(&keys, &self.path)
    }

    /// The file; nothing if it is not there and need not be. One looks at a time; who waited takes what was found, a
    /// failure too.
    async fn written(&self) -> Found {
        let came = Instant::now();
        let mut seen = self.seen.lock().await;
        if let Some((when, found)) = &seen.last
            && (*when > came || (found.is_ok() && when.elapsed() < self.look))
        {
            return found.clone();
        }
        let found = self.look(&mut seen.read).await;
        seen.last = Some((Instant::now(), found.clone()));
        found
    }

    /// The file, from memory if it has not changed.
    async fn look(&self, known: &mut Option<(Stamp, Arc<Written>)>) -> Found {
        let path = self.path.as_path();
        let unreadable = |source: io::Error| LoginError::Unreadable {
            path: path.to_owned(),
            source: Arc::new(source),
        };
        let stamp = match tokio::fs::metadata(path).await {
            // opening a named pipe would wait for its writer, and everybody else for that
            Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => {
                let kind = io::ErrorKind::InvalidInput;
                return Err(unreadable(io::Error::new(kind, "it is not a regular file")));
            }
            Ok(metadata) => Stamp::of(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.required => {
                return Ok(None);
            }
            Err(error) => return Err(unreadable(error)),
        };
        if let Some((read, written)) = known
            && *read == stamp
        {
            return Ok(Some(Arc::clone(written)));
        }
        // A change after the stamp was taken makes another stamp, and the file is read again next time.
        let bytes = read(path).await.map_err(unreadable)?;
        let written = Arc::new(parse(path, &bytes)?);
        *known = Some((stamp, Arc::clone(&written)));
        Ok(Some(written))
    }

    /// Ask a helper, or take what it said lately. One call at a time for each host; who waited takes the answer, a failure
    /// too.
    async fn ask_helper(&self, name: &str, host: &str) -> Result<Option<Login>, LoginError> {
        let came = Instant::now();
        let answers = self
            .answers
            .recall_or(host.to_owned(), HELPER_ANSWER, Arc::default);
        let mut answers = answers.lock().await;
        if let Some((when, of, answer)) = &answers.last
            && of == name
            && (*when > came || (answer.is_ok() && when.elapsed() < HELPER_ANSWER))
        {
            return answer.clone();
        }
        let server = server(host);
        let directory = self.helpers.as_deref();
        let answer = credential_program::ask(name, server, directory, self.helper_time).await;
        answers.last = Some((Instant::now(), name.to_owned(), answer.clone()));
        answer
    }
}

impl Logins for DockerConfig {
    fn login<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Login, LoginError>> {
        self.find(host).boxed()
    }

    fn refused<'a>(&'a self, host: &'a str) -> BoxFuture<'a, ()> {
        async {
            self.answers.forget(&host.to_owned());
            *self.seen.lock().await = Seen::default();
        }
        .boxed()
    }
}

async fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let file = tokio::fs::File::open(path).await?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Written, LoginError> {
    let path = path.to_owned();
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_BYTES {
        return Err(LoginError::TooLarge {
            path,
            limit: MOST_BYTES,
        });
    }
    if !bytes.trim_ascii_start().starts_with(b"{") {
        // The parser would take an array for an object whose members are all missing.
        let (line, column) = (1, 1);
        return Err(LoginError::Malformed { path, line, column });
    }
    // The parser's own words are not kept: they may quote a secret.
    serde_json::from_slice(bytes).map_err(|error| LoginError::Malformed {
        path,
        line: error.line(),
        column: error.column(),
    })
}

impl Stamp {
    #[cfg(unix)]
    fn of(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            identity: (metadata.ino(), metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    #[cfg(not(unix))]
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            identity: (0, 0, 0),
        }
    }
}

/// What a credential helper is asked for: `docker login` files Docker Hub under its first address.
fn server(host: &str) -> &str {
    if host == "docker.io" {
        "https://index.docker.io/v1/"
    } else {
        host
    }
}

/// The keys under which a login for `host` may stand, most exact first. Docker wrote host names, URLs and the addresses
/// of API versions over the years.
fn keys(host: &str) -> Vec<String> {
    let names: &[&str] = if host == "docker.io" {
        &["index.docker.io", "docker.io", "registry-1.docker.io"]
    } else {
        &[host]
    };
    let mut keys = vec![server(host).to_owned()];
    for name in names {
        for scheme in ["", "https://", "http://"] {
            for path in ["", "/", "/v1/", "/v1", "/v2/", "/v2"] {
                keys.push(format!("{scheme}{name}{path}"));
            }
        }
    }
    keys
}

impl Written {
    /// The credential helper for any of `keys`, else the one for all registries.
    fn helper(&self, keys: &[String]) -> Option<&str> {
        let helpers = self.cred_helpers.as_ref();
        let own = helpers.and_then(|helpers| keys.iter().find_map(|key| helpers.get(key)));
        let for_all = self.creds_store.as_ref();
        let named = |name: &&String| !name.is_empty();
        own.filter(named)
            .or_else(|| for_all.filter(named))
            .map(String::as_str)
    }

    /// The first entry that holds anything.
    fn entry(&self, keys: &[String], path: &Path) -> Result<Login, LoginError> {
        let Some(auths) = &self.auths else {
            return Ok(Login::Anonymous);
        };
        for key in keys {
            if let Some(Some(entry)) = auths.get(key) {
                let login = entry.login().ok_or_else(|| LoginError::Entry {
                    path: path.to_owned(),
                    key: key.clone(),
                })?;
                if !login.is_anonymous() {
                    return Ok(login);
                }
            }
        }
        Ok(Login::Anonymous)
    }
}

impl Entry {
    /// The login of the entry; anonymous if it is empty, nothing if it is malformed.
    fn login(&self) -> Option<Login> {
        let there = |secret: &Option<SecretString>| {
            secret
                .clone()
                .filter(|secret| !secret.expose_secret().is_empty())
        };
        if let Some(token) = there(&self.registrytoken) {
            return Some(Login::RegistryToken(token));
        }
        if let Some(token) = there(&self.identitytoken) {
            return Some(Login::IdentityToken(token));
        }
        if let Some(auth) = there(&self.auth) {
            return decode(&auth);
        }
        let user = self.username.clone().filter(|user| !user.is_empty());
        match (user, there(&self.password)) {
            (Some(user), Some(password)) => Some(Login::Basic { user, password }),
            (None, None) => Some(Login::Anonymous),
            _ => None,
        }
    }
}

/// Base64 of `user:password`. Old versions of docker padded the password with zero bytes.
fn decode(auth: &SecretString) -> Option<Login> {
    let decoded = Zeroizing::new(STANDARD.decode(auth.expose_secret().trim()).ok()?);
    let (user, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    let password = password.trim_end_matches('\0');
    (!user.is_empty()).then(|| Login::Basic {
        user: user.to_owned(),
        password: password.into(),
    })
}

#[cfg(test)]
mod tests;
