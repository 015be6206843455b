//! One connection to one host, HTTP/1.1 or HTTP/2, after TLS has agreed on which.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

/// How often a peer that has answers to give over HTTP/2 is asked whether it is still there, and how long it may take to
/// say so. All requests to a host share such a connection: a dead one that nobody notices fails all of them.
const PING_EVERY: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// What is sent.
pub(crate) type Message = http::Request<Full<Bytes>>;

/// Bytes both ways, encrypted or not.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Any of them.
pub(crate) type Io = Box<dyn Duplex>;

/// Which HTTP a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1: one request at a time.
    One,
    /// HTTP/2: many at a time.
    Two,
}

/// The sending half. The other half is a task that ends when this one and all its clones are gone.
#[derive(Debug)]
pub(crate) enum Connection {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Begin to speak `protocol` over `io`.
    pub(crate) async fn open(io: Io, protocol: Protocol) -> Result<Self, hyper::Error> {
        let io = TokioIo::new(io);
        match protocol {
            Protocol::One => {
                let (sender, connection) = http1::handshake(io).await?;
                tokio::spawn(watch(connection));
                Ok(Self::One(sender))
            }
            Protocol::Two => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder
                    .timer(TokioTimer::new())
                    .keep_alive_interval(PING_EVERY)
                    .keep_alive_timeout(PING_TIMEOUT);
                let (sender, connection) = builder.handshake(io).await?;
                tokio::spawn(watch(connection));
                Ok(Self::Two(sender))
            }
        }
    }

    pub(crate) fn protocol(&self) -> Protocol {
        match self {
            Self::One(_) => Protocol::One,
            Self::Two(_) => Protocol::Two,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::One(sender) => sender.is_closed(),
            Self::Two(sender) => sender.is_closed(),
        }
    }

    /// Wait until a request can be sent: at once, unless the end of the last answer is still being tidied up. False if
    /// the connection is closed.
    pub(crate) async fn ready(&mut self) -> bool {
        let ready = match self {
            Self::One(sender) => sender.ready().await,
            Self::Two(sender) => sender.ready().await,
        };
        ready.is_ok()
    }

    /// Send, and wait for the head of the answer. A message that never left comes back in the error.
    pub(crate) async fn send(
        &mut self,
        message: Message,
    ) -> Result<http::Response<Incoming>, TrySendError<Message>> {
        match self {
            Self::One(sender) => sender.try_send_request(message).await,
            Self::Two(sender) => sender.try_send_request(message).await,
        }
    }
}

/// Drive a connection to its end. Whoever waits for an answer hears of a failure there.
async fn watch(connection: impl Future<Output = Result<(), hyper::Error>>) {
    if let Err(error) = connection.await {
        tracing::debug!(error = %crate::Cause::of(&error), "connection ended");
    }
}
