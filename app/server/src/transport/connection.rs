//! One connection from its acceptance to its end.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::FutureExt;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::Arrival;
use crate::transport::handshake;
use crate::transport::seldom::Seldom;
use crate::transport::table::{Lease, Phase, Seat, Table};
use crate::transport::tls::{Handshakes, TlsState};
use crate::transport::{ConnectionLimits, Service};

/// Bytes read from a client that goes on sending after its connection was ended, such as a body that is too large.
const UNREAD: usize = 1024 * 1024;

/// What all connections of a listener have in common.
pub(super) struct Shared<S> {
    pub(super) service: S,
    pub(super) tls: Option<watch::Receiver<TlsState>>,
    pub(super) table: Arc<Table>,
    pub(super) failed_handshakes: Seldom,
    pub(super) failed_accepts: Seldom,
    http: http1::Builder,
}

impl<S> Shared<S> {
    pub(super) fn new(
        service: S,
        tls: Option<watch::Receiver<TlsState>>,
        table: Arc<Table>,
        limits: &ConnectionLimits,
    ) -> Self {
        let mut http = http1::Builder::new();
        // a client may end its side after its request; so too an answer that has begun is never given up half-way
        http.half_close(true)
            .max_header_size(limits.head_bytes)
            // time-outs are the table's: hyper's would make a timer for each request
            .header_read_timeout(None);
        Self {
            service,
            tls,
            table,
            failed_handshakes: Seldom::default(),
            failed_accepts: Seldom::default(),
            http,
        }
    }
}

/// What a connection knows about itself.
struct Connection<S> {
    shared: Arc<Shared<S>>,
    seat: Arc<Seat>,
    peer: SocketAddr,
    /// The client CAs it was checked against.
    client_ca_generation: u64,
}

/// A connection that was accepted.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) at: Instant,
    pub(super) lease: Lease,
    pub(super) close: oneshot::Receiver<()>,
}

/// Serve a connection to its end.
pub(super) async fn run<S: Service>(accepted: Accepted, shared: Arc<Shared<S>>) {
    let Accepted {
        stream,
        peer,
        at,
        lease,
        close,
    } = accepted;
    let (config, client_ca_generation) = match shared.tls.as_ref().map(|tls| tls.borrow()) {
        None => (None, 0),
        Some(state) => match &state.handshakes {
            Handshakes::Ready {
                config,
                client_ca_generation,
                ..
            } => (Some(Arc::clone(config)), *client_ca_generation),
            Handshakes::Refusing(_) => {
                shared.table.counters.refused_not_ready.add();
                return;
            }
        },
    };
    let connection = Connection {
        seat: Arc::clone(lease.seat()),
        shared,
        peer,
        client_ca_generation,
    };
    let Some(config) = config else {
        return connection.speak(stream, at, close).await;
    };
    match TlsAcceptor::from(config).accept(stream).await {
        Ok(stream) => {
            connection.shared.table.counters.handshakes.add();
            connection.speak(stream, at, close).await;
        }
        Err(error) => {
            let Shared {
                table,
                failed_handshakes,
                ..
            } = &*connection.shared;
            handshake::failed(&error, peer, &table.counters, failed_handshakes);
        }
    }
}

impl<S: Service> Connection<S> {
    /// Speak HTTP/1.1 until the client or a time-out ends it, then say goodbye.
    async fn speak<Io: AsyncRead + AsyncWrite + Unpin>(
        self,
        io: Io,
        accepted: Instant,
        close: oneshot::Receiver<()>,
    ) {
        let now = Instant::now();
        self.seat.enter(Phase::FirstHead, now);
        // counts for the first request alone, which takes it
        let opening = Cell::new(now.saturating_duration_since(accepted));
        let seat = Arc::clone(&self.seat);
        let connection = Arc::new(self);
        let answers = Arc::clone(&connection);
        let watched = Watched {
            io,
            seat: Arc::clone(&seat),
            ended: false,
        };
        let service = service_fn(move |request| {
            let now = Instant::now();
            answers.seat.enter(Phase::Request, now);
            let began = now.checked_sub(opening.take()).unwrap_or(now);
            // boxed, because only then does hyper give the stream back for a goodbye
            Box::pin(Arc::clone(&answers).answer(request, began))
        });
        let http = &connection.shared.http;
        let mut conversation = http.serve_connection(TokioIo::new(watched), service);
        let mut close = pin!(close);
        let mut asked = false;
        let end = poll_fn(|context| {
            if !asked && close.as_mut().poll(context).is_ready() {
                asked = true;
                Pin::new(&mut conversation).graceful_shutdown();
            }
            conversation.poll_without_shutdown(context)
        });
        let end = end.await;
        seat.enter(Phase::Closing, Instant::now());
        let watched = conversation.into_parts().io.into_inner();
        if end.is_ok() || !watched.ended {
            goodbye(watched).await;
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        began: Instant,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let shared = &self.shared;
        shared.table.counters.requests.add();
        let arrival = Arrival {
            began,
            peer: self.peer,
        };
        let answering = async { shared.service.answer(request, arrival).await };
        let answer = AssertUnwindSafe(answering).catch_unwind().await;
        let mut response = answer.unwrap_or_else(|_| {
            shared.table.counters.panics.add();
            tracing::error!(peer = %self.peer, "answering a request panicked; it was refused");
            shared.service.panicked()
        });
        if self.is_last() {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        self.seat.enter(Phase::Idle, Instant::now());
        Ok(response)
    }

    /// Whether no further request is taken on this connection.
    fn is_last(&self) -> bool {
        self.shared.table.is_stopping() || self.has_old_authorities()
    }

    /// Whether the client CAs have changed since the client was checked.
    fn has_old_authorities(&self) -> bool {
        let Some(tls) = &self.shared.tls else {
            return false;
        };
        match &tls.borrow().handshakes {
            Handshakes::Ready {
                client_ca_generation,
                ..
            } => *client_ca_generation != self.client_ca_generation,
            Handshakes::Refusing(_) => true,
        }
    }
}

/// Tell the client that it is over, and read what it was sending: unread bytes would make the kernel reset the
/// connection, and the client would lose our last answer. The table bounds the time.
async fn goodbye<Io: AsyncRead + AsyncWrite + Unpin>(mut watched: Watched<Io>) {
    if watched.shutdown().await.is_err() {
        return;
    }
    // on the heap: here it would make every connection larger by as much
    let mut ignored = vec![0; 4096];
    let mut left = UNREAD;
    while !watched.ended && left > 0 {
        match watched.read(&mut ignored).await {
            Ok(length) => left = left.saturating_sub(length),
            Err(_) => return,
        }
    }
}

/// Bytes of a connection; tells its seat when some arrive.
struct Watched<Io> {
    io: Io,
    seat: Arc<Seat>,
    /// The client sends no more.
    ended: bool,
}

impl<Io: AsyncRead + Unpin> AsyncRead for Watched<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(context, buffer))?;
        if buffer.filled().len() == before {
            self.ended = true;
        } else {
            self.seat.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Watched<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
