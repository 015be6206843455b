//! Alive, and ready to answer: `/healthz` and `/readyz` (V 2.1, decision 20).
//!
//! Ready is: the server listens, TLS can be spoken, a configuration was loaded once. After that nothing but stopping, or
//! TLS that would refuse every caller, makes it unready: a bad reload is told in the body and leaves the last good one at
//! work.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use tokio::sync::watch;

use crate::{Handshakes, TlsState, plain};

/// How a server is. Told by whoever knows, asked by kubelet.
#[derive(Debug, Default)]
pub struct Health {
    state: Mutex<State>,
    tls: OnceLock<watch::Receiver<TlsState>>,
}

#[derive(Debug, Default)]
struct State {
    listening: bool,
    configured: bool,
    stopping: bool,
    warnings: BTreeMap<&'static str, String>,
}

/// What stands between a server and its being ready, and what does not but should be looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Why it is not ready; empty if it is.
    pub missing: Vec<String>,
    /// What somebody should look at.
    pub warnings: Vec<String>,
}

impl Health {
    /// Of a server of which nothing is known yet: not ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// The server accepts connections.
    pub fn listening(&self) {
        self.state().listening = true;
    }

    /// TLS is spoken, and this is how it is doing. Never told: plain HTTP. The first state that is given stays.
    pub fn follow_tls(&self, state: watch::Receiver<TlsState>) {
        // a second one is a mistake without consequences
        let _ = self.tls.set(state);
    }

    /// A configuration was loaded.
    pub fn configured(&self) {
        self.state().configured = true;
    }

    /// The server takes no more requests and finishes those it has. There is no way back.
    pub fn stopping(&self) {
        self.state().stopping = true;
    }

    /// Something about `what` should be looked at; `None`: all is well with it again. One line, no secret.
    pub fn warn(&self, what: &'static str, warning: Option<String>) {
        let mut state = self.state();
        match warning {
            Some(warning) => state.warnings.insert(what, warning),
            None => state.warnings.remove(what),
        };
    }

    /// How it is now.
    pub fn readiness(&self) -> Readiness {
        let state = self.state();
        let mut readiness = Readiness::default();
        for (missing, why) in [
            (state.stopping, "the server is stopping"),
            (!state.listening, "the server does not listen yet"),
            (!state.configured, "no configuration was loaded yet"),
        ] {
            if missing {
                readiness.missing.push(why.to_owned());
            }
        }
        let warnings = state.warnings.iter();
        readiness.warnings = warnings
            .map(|(what, warning)| format!("{what}: {warning}"))
            .collect();
        drop(state);
        if let Some(tls) = self.tls.get() {
            let tls = tls.borrow();
            if let Handshakes::Refusing(refusal) = &tls.handshakes {
                readiness.missing.push(refusal.to_string());
            }
            let problems = tls.problems.iter();
            readiness
                .warnings
                .extend(problems.map(|problem| format!("tls: {problem}")));
        }
        readiness
    }

    /// The answer to a request on the health port. v1.4's single checks are the same as the whole.
    pub fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        match path {
            "/healthz" | "/healthz/" | "/healthz/healthz" if plain::reads(method) => {
                plain::text(StatusCode::OK, "ok")
            }
            "/readyz" | "/readyz/" | "/readyz/readyz" if plain::reads(method) => {
                self.readiness().answer()
            }
            "/healthz" | "/healthz/" | "/healthz/healthz" | "/readyz" | "/readyz/"
            | "/readyz/readyz" => plain::not_allowed("GET, HEAD"),
            _ => plain::not_found(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // three flags and a map are whole after any panic
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Readiness {
    fn answer(&self) -> Response<Full<Bytes>> {
        let (status, mut body) = if self.missing.is_empty() {
            (StatusCode::OK, "ok".to_owned())
        } else {
            let missing = self.missing.join("\nmissing: ");
            let body = format!("not ready\nmissing: {missing}");
            (StatusCode::SERVICE_UNAVAILABLE, body)
        };
        for warning in &self.warnings {
            // writing to a string cannot fail; one line each, whatever stands in a path
            let _ = write!(
                body,
                "\nwarning: {}",
                warning.replace(char::is_control, " ")
            );
        }
        plain::text(status, body)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use http_body_util::BodyExt;
    use jiff::Timestamp;

    use super::*;
    use crate::{LoadedCertificate, Refusal};

    fn asked(health: &Health, path: &str) -> (u16, String) {
        let answer = health.answer(&Method::GET, path);
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().now_or_never().unwrap();
        let body = body.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn ok() -> (u16, String) {
        (200, "ok".to_owned())
    }

    #[test]
    fn v_2_1_paths_and_body_are_those_of_v1_4() {
        let health = Health::new();
        health.listening();
        health.configured();
        for path in ["/healthz", "/healthz/healthz", "/readyz", "/readyz/readyz"] {
            assert_eq!(asked(&health, path), ok(), "{path}");
            let answer = health.answer(&Method::POST, path);
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        }
        assert_eq!(asked(&health, "/healthz/other").0, 404);
        assert_eq!(asked(&health, "/").0, 404);
    }

    #[test]
    fn decision_20_what_is_missing_is_said() {
        let health = Health::new();
        assert_eq!(
            asked(&health, "/healthz"),
            ok(),
            "alive from the first moment"
        );
        let missing = "not ready\nmissing: the server does not listen yet\nmissing: no configuration was loaded yet";
        assert_eq!(asked(&health, "/readyz"), (503, missing.to_owned()));
        health.listening();
        health.configured();
        assert_eq!(asked(&health, "/readyz"), ok());
        health.stopping();
        let stopping = "not ready\nmissing: the server is stopping";
        assert_eq!(asked(&health, "/readyz"), (503, stopping.to_owned()));
        assert_eq!(
            asked(&health, "/healthz"),
            ok(),
            "it must not be killed while it drains"
        );
    }

    #[test]
    fn att_52_a_bad_reload_is_told_and_leaves_the_server_ready() {
        let health = Health::new();
        health.listening();
        health.configured();
        health.warn("configuration", Some("line 3:\nunknown".to_owned()));
        let told = "ok\nwarning: configuration: line 3: unknown";
        assert_eq!(asked(&health, "/readyz"), (200, told.to_owned()));
        health.warn("configuration", None);
        assert_eq!(asked(&health, "/readyz"), ok());
    }

    #[test]
    fn decision_25_a_server_that_must_refuse_everybody_is_not_ready() {
        let health = Health::new();
        health.listening();
        health.configured();
        let certificate = LoadedCertificate {
            loaded: Timestamp::UNIX_EPOCH,
            not_before: Timestamp::UNIX_EPOCH,
            not_after: Timestamp::UNIX_EPOCH,
            sha256: [0; 32],
        };
        let (_sender, receiver) = watch::channel(TlsState {
            handshakes: Handshakes::Refusing(Refusal::NoClientAuthority),
            certificate,
            client_authorities: Some(0),
            problems: Vec::new(),
        });
        health.follow_tls(receiver);
        let (status, body) = asked(&health, "/readyz");
        assert_eq!(status, 503);
        assert!(
            body.contains("missing: no client certificate can be checked"),
            "{body}"
        );
    }
}
