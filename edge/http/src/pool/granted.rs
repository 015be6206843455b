//! What a pool gives to requests: HTTP/1.1 connections one at a time, places on HTTP/2 connections many at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::connection::Connection;
use crate::hosts::lock;

/// How long an unused connection is kept. Registries and load balancers close theirs after 60 s or more.
const IDLE: Duration = Duration::from_secs(55);
/// Requests at a time that an HTTP/2 connection surely bears (RFC 9113 section 6.5.2: hosts should bear at least 100).
const STREAMS: usize = 100;

/// An HTTP/1.1 connection that nobody uses.
pub(super) struct Idle {
    pub(super) own: Own,
    pub(super) since: Instant,
}

impl Idle {
    /// Whether it is of no use any more.
    pub(super) fn is_over(&self) -> bool {
        self.own.connection.is_closed() || self.since.elapsed() >= IDLE
    }
}

/// An HTTP/1.1 connection.
pub(super) struct Own {
    pub(super) connection: Connection,
    pub(super) _seat: Seat,
}

/// Counts an HTTP/1.1 connection as long as it stands.
pub(super) struct Seat(Arc<AtomicUsize>);

impl Seat {
    pub(super) fn take(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An HTTP/2 connection.
pub(super) struct Shared {
    pub(super) connection: Connection,
    /// Requests under way.
    used: AtomicUsize,
    last_used: Mutex<Instant>,
}

/// What a request gets.
pub(super) enum Granted {
    Own { own: Own, reused: bool },
    Shared(Stream),
}

/// A place on an HTTP/2 connection.
pub(super) struct Stream {
    pub(super) connection: Connection,
    pub(super) shared: Arc<Shared>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.used.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            used: AtomicUsize::new(0),
            last_used: Mutex::new(Instant::now()),
        }
    }

    /// Requests under way.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn has_been_used(&self) {
        *lock(&self.last_used) = Instant::now();
    }

    /// A place, if this is an HTTP/2 connection.
    pub(super) fn stream(self: &Arc<Self>) -> Option<Stream> {
        let Connection::Two(sender) = &self.connection else {
            return None;
        };
        self.used.fetch_add(1, Ordering::Relaxed);
        Some(Stream {
            connection: Connection::Two(sender.clone()),
            shared: Arc::clone(self),
        })
    }

    /// Whether more requests might have to wait for others.
    pub(super) fn is_full(&self) -> bool {
        self.used() >= STREAMS
    }

    /// Whether it is of no use any more.
    pub(super) fn is_over(&self) -> bool {
        self.connection.is_closed() || (self.used() == 0 && lock(&self.last_used).elapsed() >= IDLE)
    }
}
