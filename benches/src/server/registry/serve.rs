//! The loop around it all: accept, count, wait, answer.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::registry::clock::Clock;
use crate::registry::content::Content;
use crate::registry::control::{Behaviour, Counts, Made, Trouble};

/// Streams that one HTTP/2 connection may have open: more than any client here opens, so that the client decides.
const STREAMS: u32 = 1_024;

/// How long a token is said to hold.
const TOKEN_SECONDS: u64 = 300;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    content: RwLock<Content>,
    behaviour: RwLock<Behaviour>,
    clock: Clock,
    /// Tokens of an earlier generation are not known any more.
    generation: AtomicU64,
    requests: AtomicU64,
    connections: AtomicU64,
    challenges: AtomicU64,
    tokens: AtomicU64,
}

/// A lock on content that can be changed.
pub(crate) struct Making<'a>(&'a RwLock<Content>);

impl Making<'_> {
    /// [`Content::make`], with the error in words.
    pub(crate) fn make(
        &self,
        repository: &str,
        images: usize,
        signatures: usize,
    ) -> std::result::Result<Vec<Made>, String> {
        let mut content = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let made = content.make(repository, images, signatures);
        made.map_err(|error| format!("{error:#}"))
    }
}

impl Shared {
    pub(crate) fn new(content: Content) -> Result<Self> {
        Ok(Self {
            content: RwLock::new(content),
            behaviour: RwLock::default(),
            clock: Clock::start().context("cannot start the clock")?,
            generation: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            challenges: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
        })
    }

    pub(crate) fn content(&self) -> Making<'_> {
        Making(&self.content)
    }

    fn reading(&self) -> RwLockReadGuard<'_, Content> {
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn behaviour(&self) -> Behaviour {
        *self
            .behaviour
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self
            .behaviour
            .write()
            .unwrap_or_else(PoisonError::into_inner) = behaviour;
        self.generation.fetch_add(1, Ordering::Relaxed);
        for count in [
            &self.requests,
            &self.connections,
            &self.challenges,
            &self.tokens,
        ] {
            count.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            requests: self.requests.load(Ordering::Relaxed),
            connections: self.connections.load(Ordering::Relaxed),
            challenges: self.challenges.load(Ordering::Relaxed),
            tokens: self.tokens.load(Ordering::Relaxed),
        }
    }
}

/// Accept for ever.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    shared: Arc<Shared>,
) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            shared.connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(connection(stream, tls.clone(), Arc::clone(&shared)));
        }
    }
}

async fn connection(stream: TcpStream, tls: Option<Arc<ServerConfig>>, shared: Arc<Shared>) {
    let connect = Duration::from_millis(shared.behaviour().connect_ms);
    if !connect.is_zero() {
        shared.clock.until(Instant::now() + connect).await;
    }
    // answers are small: waiting for more to send would only cost time
    let _still_works = stream.set_nodelay(true);
    // a connection that breaks is the client's affair
    match tls {
        None => {
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { respond(&shared, "http", request).await }
            });
            let _ended = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
        Some(config) => {
            let Ok(stream) = TlsAcceptor::from(config).accept(stream).await else {
                return;
            };
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { respond(&shared, "https", request).await }
            });
            let mut builder = auto::Builder::new(TokioExecutor::new());
            builder.http2().max_concurrent_streams(STREAMS);
            let _ended = builder
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    }
}

async fn respond(
    shared: &Shared,
    scheme: &str,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let arrived = Instant::now();
    let behaviour = shared.behaviour();
    let number = shared
        .requests
        .fetch_add(1, Ordering::Relaxed)
        .wrapping_add(1);
    if behaviour.trouble == Trouble::Stall {
        return pending().await;
    }
    if behaviour.delay_ms > 0 {
        let answered = arrived + Duration::from_millis(behaviour.delay_ms);
        shared.clock.until(answered).await;
    }
    if let Trouble::Every { nth, status } = behaviour.trouble
        && number.is_multiple_of(nth)
    {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut refused = error(status, "TROUBLE");
        if status == StatusCode::TOO_MANY_REQUESTS {
            let headers = refused.headers_mut();
            headers.insert(RETRY_AFTER, const { HeaderValue::from_static("1") });
        }
        return Ok(refused);
    }
    Ok(answer(shared, behaviour, scheme, &request))
}

fn answer(
    shared: &Shared,
    behaviour: Behaviour,
    scheme: &str,
    request: &Request<Incoming>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if path == "/token" {
        return token(shared, request);
    }
    if behaviour.token && !holds_token(shared, request) {
        shared.challenges.fetch_add(1, Ordering::Relaxed);
        return challenge(scheme, request);
    }
    let decoded = path.replace("%3A", ":").replace("%3a", ":");
    let Some(stored) = shared.reading().find(&decoded) else {
        return error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN");
    };
    let head = request.method() == Method::HEAD;
    let body = if head {
        Bytes::new()
    } else {
        stored.bytes.clone()
    };
    let mut response = Response::new(Full::new(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, stored.media_type.clone());
    headers.insert(CONTENT_LENGTH, HeaderValue::from(stored.bytes.len()));
    headers.insert("docker-content-digest", stored.digest.clone());
    response
}

fn error(status: StatusCode, code: &str) -> Response<Full<Bytes>> {
    let body = format!(r#"{{"errors":[{{"code":"{code}","message":"as ordered"}}]}}"#);
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        const { HeaderValue::from_static("application/json") },
    );
    response
}

/// `/v2/<repository>/<manifests, blobs or referrers>/<target>`
fn repository(path: &str) -> &str {
    let rest = path.strip_prefix("/v2/").unwrap_or_default();
    let mut parts = rest.rsplitn(3, '/').skip(2);
    parts.next().unwrap_or_default()
}

fn holds_token(shared: &Shared, request: &Request<Incoming>) -> bool {
    let generation = shared.generation.load(Ordering::Relaxed);
    let wanted = format!(
        "Bearer {generation}.repository.{}.pull",
        repository(request.uri().path())
    );
    let sent = request.headers().get(AUTHORIZATION);
    sent.is_some_and(|sent| sent.as_bytes() == wanted.as_bytes())
}

fn challenge(scheme: &str, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let uri = request.uri();
    let host = request
        .headers()
        .get("host")
        .and_then(|host| host.to_str().ok());
    let host = host.or(uri.authority().map(http::uri::Authority::as_str));
    let challenge = format!(
        r#"Bearer realm="{scheme}://{}/token",service="bench",scope="repository:{}:pull""#,
        host.unwrap_or_default(),
        repository(uri.path())
    );
    let mut response = error(StatusCode::UNAUTHORIZED, "UNAUTHORIZED");
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

fn token(shared: &Shared, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    shared.tokens.fetch_add(1, Ordering::Relaxed);
    let generation = shared.generation.load(Ordering::Relaxed);
    let mut pairs = request.uri().query().unwrap_or_default().split('&');
    let scope = pairs.find_map(|pair| pair.strip_prefix("scope="));
    let scope = scope.unwrap_or_default();
    // of the characters that a token may have (RFC 6750 section 2.1)
    let scope = scope.replace("%3A", ".").replace("%2F", "/");
    let token = format!("{generation}.{}", scope.replace(':', "."));
    let body = serde_json::json!({
        "token": token,
        "access_token": token,
        "expires_in": TOKEN_SECONDS,
    });
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    response.headers_mut().insert(
        CONTENT_TYPE,
        const { HeaderValue::from_static("application/json") },
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_may_have_several_parts() {
        assert_eq!(repository("/v2/a/b/manifests/v1"), "a/b");
        assert_eq!(repository("/v2/a/referrers/sha256:00"), "a");
        assert_eq!(repository("/token"), "");
    }
}
