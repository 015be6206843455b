//! The loop around it all: accept, read, log, check the login, answer, misbehave. Never panics on a request.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::registry::answer::{Answer, Asked, answer};
use crate::registry::auth::{self, Tokens};
use crate::registry::body::{Closed, End, ReplyBody};
use crate::registry::content::Content;
use crate::registry::fault::{Fault, Faults};
use crate::registry::log::{Log, Request};
use crate::registry::route::Route;
use crate::registry::upload::Uploads;
use crate::registry::wire::{Stream, Wire};
use crate::registry::{Kind, Settings};

/// The largest body that is read: more than any test pushes.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// How long to wait when no connection can be accepted.
const BACK_OFF: Duration = Duration::from_millis(10);

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    base_url: String,
    content: Mutex<Content>,
    uploads: Mutex<Uploads>,
    faults: Mutex<Faults>,
    tokens: Mutex<Tokens>,
    log: Mutex<Log>,
    connections: AtomicUsize,
}

impl Shared {
    pub(crate) fn new(settings: Settings, base_url: String) -> Self {
        Self {
            settings,
            base_url,
            content: Mutex::default(),
            uploads: Mutex::default(),
            faults: Mutex::default(),
            tokens: Mutex::default(),
            log: Mutex::default(),
            connections: AtomicUsize::new(0),
        }
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn content(&self) -> MutexGuard<'_, Content> {
        locked(&self.content)
    }

    pub(crate) fn uploads(&self) -> MutexGuard<'_, Uploads> {
        locked(&self.uploads)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        locked(&self.faults)
    }

    pub(crate) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        locked(&self.tokens)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        locked(&self.log)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serve until told to stop (or until the handle is gone), then end every connection.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // out of file descriptors, most likely: let connections end before the next attempt
                    tokio::time::sleep(BACK_OFF).await;
                    continue;
                };
                shared.connections.fetch_add(1, Ordering::Relaxed);
                connections.spawn(connection(stream, tls.clone(), Arc::clone(&shared)));
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, tls: Option<Arc<ServerConfig>>, shared: Arc<Shared>) {
    // answers are small: waiting for more to send would only cost time
    let _still_works = stream.set_nodelay(true);
    pause(shared.settings.connect_delay).await;
    let stream = match tls {
        None => Stream::Plain(stream),
        Some(config) => match TlsAcceptor::from(config).accept(stream).await {
            Ok(stream) => Stream::Tls(Box::new(stream)),
            Err(_) => return,
        },
    };
    let reset = Arc::new(AtomicBool::new(false));
    let wire = TokioIo::new(Wire::new(stream, Arc::clone(&reset)));
    let service = service_fn(move |request| {
        let (shared, reset) = (Arc::clone(&shared), Arc::clone(&reset));
        async move { respond(&shared, request, &reset).await }
    });
    // a connection that breaks is the client's affair: the log has what was asked
    let _ended = auto::Builder::new(TokioExecutor::new())
        .serve_connection(wire, service)
        .await;
}

/// Even a sleep of no time at all would last until the next tick of the timer.
async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

async fn respond(
    shared: &Shared,
    request: http::Request<Incoming>,
    reset: &AtomicBool,
) -> Result<Response<ReplyBody>, Closed> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let route = Route::of(&path);
    let number = shared.log().arrived(logged(&head, &route));
    let body = Limited::new(body, MAX_BODY).collect().await;
    let body = body.map_err(|_| Closed)?.to_bytes();
    if route.kind == Kind::Token && !body.is_empty() {
        shared
            .log()
            .form(number, String::from_utf8_lossy(&body).into_owned());
    }
    pause(shared.settings.delay).await;
    let authorization = text(&head.headers, &AUTHORIZATION);
    let content_type = text(&head.headers, &CONTENT_TYPE);
    let asked = Asked {
        method: &head.method,
        route: &route,
        query: &query,
        content_type: content_type.as_deref(),
        authorization: authorization.as_deref(),
        body,
    };
    let reply = if let Some(refusal) = refusal(shared, &asked) {
        reply(refusal, End::Proper)
    } else {
        let faults = shared.faults().of(&route, &path);
        let target = head
            .uri
            .path_and_query()
            .map_or(path.as_str(), |p| p.as_str());
        faulty(shared, &asked, faults, target, reset).await?
    };
    shared.log().answered(number, reply.status().as_u16());
    Ok(reply)
}

fn refusal(shared: &Shared, asked: &Asked<'_>) -> Option<Answer> {
    if asked.route.kind == Kind::Token {
        return None;
    }
    auth::refusal(
        &shared.settings.auth,
        &shared.tokens(),
        &shared.base_url,
        asked,
    )
}

fn logged(head: &http::request::Parts, route: &Route) -> Request {
    let authority = head
        .uri
        .authority()
        .map(|authority| authority.as_str().to_owned());
    Request {
        method: head.method.clone(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        kind: route.kind,
        host: text(&head.headers, &HOST).or(authority),
        authorization: text(&head.headers, &AUTHORIZATION),
        accept: text(&head.headers, &ACCEPT),
        user_agent: text(&head.headers, &USER_AGENT),
        form: None,
        status: None,
    }
}

/// All values of a header, joined.
fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values = headers.get_all(name).iter();
    let values: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// Answer, with the faults that are due.
async fn faulty(
    shared: &Shared,
    asked: &Asked<'_>,
    faults: Vec<Fault>,
    target: &str,
    reset: &AtomicBool,
) -> Result<Response<ReplyBody>, Closed> {
    let mut replaced = None;
    for fault in &faults {
        match fault {
            Fault::Latency(time) => tokio::time::sleep(*time).await,
            Fault::Stall => match std::future::pending::<Infallible>().await {},
            Fault::Reset => {
                reset.store(true, Ordering::Release);
                return Err(Closed);
            }
            Fault::Status(status) => replaced = Some(error(*status, &[])),
            Fault::StatusWithHeaders(status, headers) => replaced = Some(error(*status, headers)),
            Fault::Redirect(location, status) => {
                let location = location.replace("{path}", target);
                replaced = Some(error(*status, &[("location".to_owned(), location)]));
            }
            _ => {}
        }
    }
    let truth = replaced.unwrap_or_else(|| answer(shared, asked, &faults));
    Ok(distort(truth, faults))
}

fn error(status: u16, headers: &[(String, String)]) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let code = match status.as_u16() {
        401 => "UNAUTHORIZED",
        403 => "DENIED",
        429 => "TOOMANYREQUESTS",
        _ => "UNKNOWN",
    };
    let answer = Answer::error(status, code, "fault on demand");
    let headers = headers.iter();
    headers.fold(answer, |answer, (name, value)| answer.header(name, value))
}

/// Change headers, bytes and end of an answer.
fn distort(mut answer: Answer, faults: Vec<Fault>) -> Response<ReplyBody> {
    let mut end = End::Proper;
    let mut cut = usize::MAX;
    for fault in faults {
        match fault {
            Fault::StallBody(bytes) => (cut, end) = (bytes, End::Stall),
            Fault::Truncate(bytes) => (cut, end) = (bytes, End::Cut),
            Fault::EndlessBody => end = End::Endless,
            Fault::WrongBytes => answer.body = flipped(&answer.body),
            Fault::OtherBytes(bytes) => answer.body = bytes.into(),
            Fault::ExtraByte => answer.body = [answer.body.as_ref(), b"\n"].concat().into(),
            Fault::ContentType(value) => answer = answer.header("content-type", &value),
            Fault::DigestHeader(value) => answer = answer.header("docker-content-digest", &value),
            Fault::Header(name, value) => answer = answer.header(&name, &value),
            Fault::NoHeader(name) => {
                answer.headers.remove(name.as_str());
            }
            _ => {}
        }
    }
    let announced = answer.body.len();
    answer.body.truncate(cut);
    let mut reply = reply(answer, end);
    if !matches!(reply.body().end(), End::Endless) {
        reply
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(announced));
    }
    reply
}

fn flipped(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    bytes.into()
}

fn reply(answer: Answer, end: End) -> Response<ReplyBody> {
    let mut reply = Response::new(ReplyBody::new(answer.body, end));
    *reply.status_mut() = answer.status;
    *reply.headers_mut() = answer.headers;
    reply
}
