//! One request and its answer: put the message together, send it, read the answer to its end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue,
    PROXY_AUTHORIZATION, USER_AGENT,
};
use http::uri::{PathAndQuery, Scheme, Uri};
use http::{StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use url::Position;

use crate::client::Hop;
use crate::connection::{Message, Protocol};
use crate::error::broken;
use crate::hosts::HostState;
use crate::observer::Watch;
use crate::pool::Lease;
use crate::request::Method;
use crate::{Deadline, Error, Observer, Outcome, Phase, Request, Response};

/// What is read of a body that only explains a failure. Registries' error documents have a few hundred bytes.
const ERROR_BODY: usize = 16 * 1024;
/// How long the end of an answer is waited for that says nothing but to ask again. After that the connection is given up.
const ERROR_PATIENCE: Duration = Duration::from_millis(500);
/// The most that is reserved for a body because its length was announced; announcing costs the sender nothing.
const RESERVED: u64 = 64 * 1024;
/// How often a question is sent again at once because a connection that was kept had ended. Each time another kept one is
/// used up or a new one is opened.
const MOST_STALE: u32 = 3;

/// One request to one host.
pub(crate) struct Sending<'a> {
    pub(crate) host: &'a HostState,
    pub(crate) hop: &'a Hop,
    pub(crate) request: &'a Request<'a>,
    pub(crate) observer: Option<&'a Observer>,
    pub(crate) sent: &'a AtomicU64,
}

/// Why there is no head of an answer.
enum NoHead {
    /// The connection had been kept and was found to have ended.
    Stale(hyper::Error),
    Failed(Error),
}

type Head = (Lease, http::Response<Incoming>);

impl Sending<'_> {
    /// Send once and read the answer to its end.
    pub(crate) async fn exchange(&self) -> Result<Response, Error> {
        let (mut lease, answer) = self.head().await?;
        let reusable = keeps_alive(&answer);
        let (head, mut body) = answer.into_parts();
        let (body, complete) = if head.status.is_success() {
            (self.read(&mut body).await?, true)
        } else {
            self.explanation(head.status, &mut body).await?
        };
        if reusable && complete {
            lease.finished();
        }
        Ok(Response {
            status: head.status,
            headers: head.headers,
            body,
            url: self.hop.url.clone(),
        })
    }

    /// The head of the answer.
    async fn head(&self) -> Result<Head, Error> {
        let mut stale = 0;
        loop {
            let watch = self.count();
            match self.try_head().await {
                Ok(head) => {
                    watch.ended(Outcome::Status(head.1.status().as_u16()));
                    return Ok(head);
                }
                Err(NoHead::Stale(_)) if stale < MOST_STALE => {
                    watch.ended(Outcome::Failed("broken"));
                    stale += 1;
                }
                Err(NoHead::Stale(error)) => {
                    watch.ended(Outcome::Failed("broken"));
                    return Err(broken(self.host.authority(), &error));
                }
                Err(NoHead::Failed(error)) => {
                    watch.ended(Outcome::of_error(&error));
                    return Err(error);
                }
            }
        }
    }

    fn count(&self) -> Watch<'_> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        if let Some(counter) = self.request.counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Watch::new(self.observer, self.host.authority(), self.request.kind)
    }

    async fn try_head(&self) -> Result<Head, NoHead> {
        let (host, deadline) = (self.host, self.request.deadline);
        let timeout = |_| NoHead::Failed(host.timeout(Phase::Answer));
        let mut lease = self.lease().await.map_err(NoHead::Failed)?;
        let reused = lease.is_reused();
        lease.begun();
        let Some(connection) = lease.connection() else {
            return Err(NoHead::Failed(host.timeout(Phase::Answer)));
        };
        let message = self.message(connection.protocol());
        let message = message.map_err(NoHead::Failed)?;
        let sending = deadline.bound(connection.send(message)).await;
        let answer = sending.map_err(|passed| {
            lease.retire();
            timeout(passed)
        })?;
        match answer {
            Ok(answer) => {
                lease.answered();
                Ok((lease, answer))
            }
            Err(error) => {
                let never_left = error.message().is_some();
                let error = error.into_error();
                // What was sent twice must not do anything twice.
                if never_left || (reused && self.request.method == Method::Get) {
                    Err(NoHead::Stale(error))
                } else {
                    Err(NoHead::Failed(broken(host.authority(), &error)))
                }
            }
        }
    }

    /// A connection that can be sent to. Kept ones that have ended meanwhile are passed over.
    async fn lease(&self) -> Result<Lease, Error> {
        let (host, deadline) = (self.host, self.request.deadline);
        loop {
            let lease = deadline.bound(host.pool().lease()).await;
            let mut lease = lease.map_err(|_| host.timeout(Phase::Answer))??;
            let Some(connection) = lease.connection() else {
                continue;
            };
            let ready = deadline.bound(connection.ready()).await;
            if ready.map_err(|_| host.timeout(Phase::Answer))? {
                return Ok(lease);
            }
        }
    }

    fn message(&self, protocol: Protocol) -> Result<Message, Error> {
        let refuse = || Error::Url {
            host: self.host.authority().to_owned(),
            reason: "has a path that cannot be sent",
        };
        let url = &self.hop.url;
        let path = url[Position::BeforePath..Position::AfterQuery].parse::<PathAndQuery>();
        let path = path.map_err(|_| refuse())?;
        let proxy = self.host.forwarding_proxy();
        let uri = if protocol == Protocol::One && proxy.is_none() {
            Uri::from(path)
        } else {
            let scheme = if self.hop.origin.is_secure() {
                Scheme::HTTPS
            } else {
                Scheme::HTTP
            };
            let whole = Uri::builder()
                .scheme(scheme)
                .authority(self.host.name().as_bytes())
                .path_and_query(path);
            whole.build().map_err(|_| refuse())?
        };
        let body = Full::new(self.request.body.bytes());
        let mut message = http::Request::new(body);
        if self.request.method == Method::Post {
            *message.method_mut() = http::Method::POST;
        }
        *message.uri_mut() = uri;
        *message.headers_mut() = self.headers(protocol);
        if let Some(login) = proxy.and_then(|proxy| proxy.authorization()) {
            let headers = message.headers_mut();
            headers.insert(PROXY_AUTHORIZATION, login.clone());
        }
        Ok(message)
    }

    fn headers(&self, protocol: Protocol) -> HeaderMap {
        let given = &self.request.headers;
        let mut headers = HeaderMap::with_capacity(given.len().saturating_add(5));
        if protocol == Protocol::One {
            headers.insert(HOST, self.host.name().clone());
        }
        if let Some(user_agent) = self.host.user_agent() {
            headers.insert(USER_AGENT, user_agent.clone());
        }
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        for (name, value) in given {
            headers.insert(name.clone(), value.clone());
        }
        headers.remove(AUTHORIZATION); // one door for credentials
        if let Some(forwarded) = &self.hop.forwarded {
            forwarded.add_to(&mut headers);
        }
        if self.request.method == Method::Post {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(CONTENT_TYPE, form);
        }
        if let Some(authorization) = &self.hop.authorization {
            headers.insert(AUTHORIZATION, authorization.value());
        }
        headers
    }

    /// The body, or an error as soon as it is known to be larger than the limit.
    async fn read(&self, body: &mut Incoming) -> Result<Bytes, Error> {
        let limit = self.request.limit;
        let too_large = || Error::TooLarge {
            host: self.host.authority().to_owned(),
            limit,
        };
        let announced = body.size_hint().lower();
        if announced > limit.bytes {
            return Err(too_large());
        }
        let reserved = usize::try_from(announced.min(RESERVED)).unwrap_or(0);
        let mut read = BytesMut::with_capacity(reserved);
        while let Some(chunk) = self.chunk(body, self.request.deadline).await? {
            let size = u64::try_from(read.len().saturating_add(chunk.len())).unwrap_or(u64::MAX);
            if size > limit.bytes {
                return Err(too_large());
            }
            read.extend_from_slice(&chunk);
        }
        Ok(read.freeze())
    }

    /// The beginning of a body that explains a failure, and whether that is all of it. If it cannot be read the status
    /// still counts.
    async fn explanation(
        &self,
        status: StatusCode,
        body: &mut Incoming,
    ) -> Result<(Bytes, bool), Error> {
        let asks_again = status == StatusCode::TOO_MANY_REQUESTS || repeatable(status);
        let deadline = self.request.deadline;
        let patience = Deadline::after(ERROR_PATIENCE);
        let hasty = asks_again && patience.instant() < deadline.instant();
        let deadline = if hasty { patience } else { deadline };
        let mut read = BytesMut::new();
        while read.len() < ERROR_BODY {
            match self.chunk(body, deadline).await {
                Ok(Some(chunk)) => read.extend_from_slice(&chunk),
                Ok(None) => return Ok((read.freeze(), true)),
                Err(error @ Error::Timeout { .. }) if !hasty => return Err(error),
                Err(_) => break,
            }
        }
        read.truncate(ERROR_BODY);
        Ok((read.freeze(), false))
    }

    /// The next piece of the body.
    async fn chunk(&self, body: &mut Incoming, deadline: Deadline) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = deadline.bound(body.frame()).await;
            let frame = frame.map_err(|_| self.host.timeout(Phase::Body))?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| broken(self.host.authority(), &error))?;
            // anything else is trailers
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }
}

/// 502, 503, 504: somebody in front of the service says that it is away.
pub(crate) fn repeatable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 502..=504)
}

/// Whether the connection stands for more requests after this answer (RFC 9112 section 9.3).
fn keeps_alive(answer: &http::Response<Incoming>) -> bool {
    let close = |value: &HeaderValue| {
        let options = value.as_bytes().split(|byte| *byte == b',');
        let mut options = options.map(<[u8]>::trim_ascii);
        options.any(|option| option.eq_ignore_ascii_case(b"close"))
    };
    answer.version() >= Version::HTTP_11 && !answer.headers().get_all(CONNECTION).iter().any(close)
}
