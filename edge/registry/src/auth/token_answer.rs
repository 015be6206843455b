//! What a token service answers (distribution, "Token Authentication Specification" and "OAuth2 Token Authentication").

use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::login::secret;

/// Lifetime where none is said, and the least that is assumed (both by the specification: 60 s).
const LEAST: Duration = Duration::from_mins(1);
/// The most that is assumed, whatever the answer says.
const MOST: Duration = Duration::from_hours(1);
/// A token is renewed before it ends: a tenth of its life, at most this.
const MARGIN: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Written {
    #[serde(default, deserialize_with = "secret")]
    token: Option<SecretString>,
    #[serde(default, deserialize_with = "secret")]
    access_token: Option<SecretString>,
    #[serde(default)]
    expires_in: Option<serde_json::Number>,
    #[serde(default)]
    issued_at: Option<String>,
}

/// A token and for how long from now it is used.
pub(crate) struct TokenAnswer {
    pub(crate) token: SecretString,
    pub(crate) useful: Duration,
}

impl TokenAnswer {
    /// Read the answer; nothing if it is not one. `now` is when it arrived.
    pub(crate) fn parse(bytes: &[u8], now: SystemTime) -> Option<Self> {
        let written: Written = serde_json::from_slice(bytes).ok()?;
        let there = |token: &SecretString| !token.expose_secret().is_empty();
        let token = written.token.filter(there);
        let token = token.or_else(|| written.access_token.filter(there))?;
        let said = written.expires_in.and_then(|seconds| seconds.as_u64());
        let life = said.map_or(LEAST, Duration::from_secs).clamp(LEAST, MOST);
        let age = written
            .issued_at
            .and_then(|text| age(&text, now))
            .unwrap_or_default();
        // An age beyond the whole life means that the clocks disagree; then the token is new as far as anybody knows.
        let left = life.checked_sub(age).unwrap_or(life);
        let margin = (life / 10).min(MARGIN);
        Some(Self {
            token,
            useful: left.saturating_sub(margin),
        })
    }
}

fn age(issued_at: &str, now: SystemTime) -> Option<Duration> {
    let issued_at: jiff::Timestamp = issued_at.parse().ok()?;
    now.duration_since(SystemTime::from(issued_at)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<(String, u64)> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let answer = TokenAnswer::parse(json.as_bytes(), now)?;
        Some((
            answer.token.expose_secret().to_owned(),
            answer.useful.as_secs(),
        ))
    }

    #[test]
    fn oci_client_7_expires_in_is_heeded_within_reason() {
        let token = |seconds| Some(("x".to_owned(), seconds));
        for (json, expected) in [
            (r#"{"token":"x"}"#, 54),
            (r#"{"token":"x","expires_in":null,"issued_at":null}"#, 54),
            (r#"{"token":"x","expires_in":0}"#, 54),
            (r#"{"token":"x","expires_in":-5}"#, 54),
            (r#"{"token":"x","expires_in":1.5}"#, 54),
            (r#"{"token":"x","expires_in":300}"#, 270),
            (r#"{"token":"x","expires_in":18446744073709551615}"#, 3570),
            (
                r#"{"token":"x","expires_in":300,"issued_at":"2001-09-09T01:45:40Z"}"#,
                210,
            ),
            (
                r#"{"token":"x","expires_in":300,"issued_at":"2001-09-09T03:45:40+02:00"}"#,
                210,
            ),
            (
                r#"{"token":"x","expires_in":300,"issued_at":"2001-09-09T01:41:50Z"}"#,
                0,
            ),
            (
                r#"{"token":"x","expires_in":300,"issued_at":"1999-01-01T00:00:00Z"}"#,
                270,
            ),
            (
                r#"{"token":"x","expires_in":300,"issued_at":"2030-01-01T00:00:00Z"}"#,
                270,
            ),
            (
                r#"{"token":"x","expires_in":300,"issued_at":"yesterday"}"#,
                270,
            ),
        ] {
            assert_eq!(read(json), token(expected), "{json}");
        }
    }

    #[test]
    fn either_name_of_the_token_will_do() {
        for json in [
            r#"{"access_token":"x"}"#,
            r#"{"token":"","access_token":"x"}"#,
            r#"{"token":null,"access_token":"x"}"#,
            r#"{"token":"x","access_token":"y","refresh_token":"z"}"#,
        ] {
            assert_eq!(read(json), Some(("x".to_owned(), 54)), "{json}");
        }
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"token":1}"#,
            r#"{"token":""}"#,
            r#"{"token":"x""#,
            "<html>",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
