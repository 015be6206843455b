//! Credential helpers: programs named `docker-credential-<name>` that know logins (docker-credential-helpers protocol:
//! `get`, the server on standard input, JSON on standard output).

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use zeroize::Zeroizing;

use super::login::secret;
use crate::{Login, LoginError};

/// What is read of an answer. Cloud tokens have up to a few KiB.
const MOST_OUTPUT: u64 = 64 * 1024;
/// How the protocol says that there is no login; everything else is a failure.
const NOT_FOUND: &[u8] = b"credentials not found in native keychain";
/// The user name that marks a secret as a refresh token.
const TOKEN_USER: &str = "<token>";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    #[serde(deserialize_with = "secret")]
    secret: Option<SecretString>,
}

/// Ask the helper `name` for the login of `server`; nothing if it knows none. The program is found in `directory`, or on
/// the search path, and is ended after `time` or when this future is dropped.
pub(super) async fn ask(
    name: &str,
    server: &str,
    directory: Option<&Path>,
    time: Duration,
) -> Result<Option<Login>, LoginError> {
    let part_of_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || !name.chars().all(part_of_name) {
        let shown = name.chars().take(100).flat_map(char::escape_default);
        return Err(LoginError::HelperName(shown.collect()));
    }
    let ran = tokio::time::timeout(time, run(name, server, directory)).await;
    let (status, output) = ran
        .map_err(|_| LoginError::HelperTimeout {
            name: name.to_owned(),
            seconds: time.as_secs(),
        })?
        .map_err(|source| LoginError::HelperStart {
            name: name.to_owned(),
            source: Arc::new(source),
        })?;
    if !status.success() {
        return if output.trim_ascii() == NOT_FOUND {
            Ok(None)
        } else {
            Err(LoginError::HelperFailed {
                name: name.to_owned(),
                code: status.code(),
            })
        };
    }
    parse(&output).map_err(|Malformed| LoginError::HelperAnswer {
        name: name.to_owned(),
    })
}

async fn run(
    name: &str,
    server: &str,
    directory: Option<&Path>,
) -> io::Result<(ExitStatus, Zeroizing<Vec<u8>>)> {
    let program = format!("docker-credential-{name}");
    let program = directory.map_or_else(|| program.clone().into(), |path| path.join(&program));
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null()) // nobody knows what it holds
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that has ended without reading says by its status what that means.
        let written = stdin.write_all(server.as_bytes()).await;
        tracing::trace!(helper = name, ?written, "asked a credential helper");
    }
    let mut output = Zeroizing::new(Vec::new());
    if let Some(stdout) = child.stdout.take() {
        let mut bounded = stdout.take(MOST_OUTPUT + 1);
        bounded.read_to_end(&mut output).await?;
    }
    if u64::try_from(output.len()).unwrap_or(u64::MAX) > MOST_OUTPUT {
        child.kill().await?;
        output.clear(); // is no JSON
    }
    Ok((child.wait().await?, output))
}

/// Not an answer of the protocol.
struct Malformed;

/// The login in an answer; none where name and secret are empty, which is how some helpers say it.
fn parse(output: &[u8]) -> Result<Option<Login>, Malformed> {
    let answer: Answer = serde_json::from_slice(output).map_err(|_| Malformed)?;
    let secret = answer.secret.unwrap_or_default();
    let empty = secret.expose_secret().is_empty();
    match (answer.username.as_str(), empty) {
        ("", true) => Ok(None),
        (_, true) | ("", false) => Err(Malformed),
        (TOKEN_USER, false) => Ok(Some(Login::IdentityToken(secret))),
        (_, false) => Ok(Some(Login::Basic {
            user: answer.username,
            password: secret,
        })),
    }
}
