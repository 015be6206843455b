//! What happened to connections, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what happens to the connections of one listener.
#[derive(Debug, Default)]
pub struct ConnectionCounters {
    pub(super) open: Counter,
    pub(super) opened: Counter,
    pub(super) refused_full: Counter,
    pub(super) refused_not_ready: Counter,
    pub(super) evicted: Counter,
    pub(super) idle_closed: Counter,
    pub(super) head_timeouts: Counter,
    pub(super) cut: Counter,
    pub(super) accept_errors: Counter,
    pub(super) panics: Counter,
    pub(super) requests: Counter,
    pub(super) handshakes: Counter,
    pub(super) handshake_timeout: Counter,
    pub(super) handshake_disconnected: Counter,
    pub(super) handshake_protocol: Counter,
    pub(super) handshake_no_certificate: Counter,
    pub(super) handshake_bad_certificate: Counter,
}

/// What [`ConnectionCounters`] had counted at one moment. All but [`ConnectionCounts::open`] only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionCounts {
    /// Connections open now, handshakes included.
    pub open: u64,
    /// Connections accepted.
    pub opened: u64,
    /// Connections refused because all places were taken by requests under way.
    pub refused_full: u64,
    /// Connections refused because there was no client CA to check them with.
    pub refused_not_ready: u64,
    /// Connections that gave their place to a newer one.
    pub evicted: u64,
    /// Connections closed because no request came.
    pub idle_closed: u64,
    /// Connections closed because the head of a request took too long.
    pub head_timeouts: u64,
    /// Connections cut off at the end of the grace period.
    pub cut: u64,
    /// Times that accepting failed, such as for lack of file descriptors.
    pub accept_errors: u64,
    /// Requests whose service panicked.
    pub panics: u64,
    /// Requests whose head was complete.
    pub requests: u64,
    /// TLS handshakes completed.
    pub handshakes: u64,
    /// TLS handshakes that failed.
    pub handshake_failures: HandshakeFailures,
}

/// Failed TLS handshakes by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HandshakeFailures {
    /// Took too long.
    pub timeout: u64,
    /// The client went away.
    pub disconnected: u64,
    /// Not TLS, no version or cipher suite in common, or the client did not like our certificate.
    pub protocol: u64,
    /// The client has no certificate.
    pub no_certificate: u64,
    /// The client's certificate is not good: unknown issuer, expired, not for clients.
    pub bad_certificate: u64,
}

impl HandshakeFailures {
    /// Each reason, as a metric's label has it, with its count.
    pub fn by_reason(&self) -> [(&'static str, u64); 5] {
        [
            ("timeout", self.timeout),
            ("disconnected", self.disconnected),
            ("protocol", self.protocol),
            ("no_certificate", self.no_certificate),
            ("bad_certificate", self.bad_certificate),
        ]
    }
}

impl ConnectionCounters {
    /// What was counted until now.
    pub fn counts(&self) -> ConnectionCounts {
        ConnectionCounts {
            open: self.open.value(),
            opened: self.opened.value(),
            refused_full: self.refused_full.value(),
            refused_not_ready: self.refused_not_ready.value(),
            evicted: self.evicted.value(),
            idle_closed: self.idle_closed.value(),
            head_timeouts: self.head_timeouts.value(),
            cut: self.cut.value(),
            accept_errors: self.accept_errors.value(),
            panics: self.panics.value(),
            requests: self.requests.value(),
            handshakes: self.handshakes.value(),
            handshake_failures: HandshakeFailures {
                timeout: self.handshake_timeout.value(),
                disconnected: self.handshake_disconnected.value(),
                protocol: self.handshake_protocol.value(),
                no_certificate: self.handshake_no_certificate.value(),
                bad_certificate: self.handshake_bad_certificate.value(),
            },
        }
    }
}

/// A number that tasks change without waiting.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
