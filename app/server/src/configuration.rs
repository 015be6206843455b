//! What the server is told from outside.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use ratify_engine::Snapshot;
use tokio::time::Instant;

/// One configuration, immutable. A request sees one from start to end.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// Verifiers, stores and policy.
    pub snapshot: Arc<Snapshot>,
    /// How long requests may take.
    pub timeouts: Timeouts,
    /// Names of the verifiers whose type the configuration writes out: v1.4 reports the type of no other (V 2.5).
    pub typed_verifiers: BTreeSet<String>,
    /// Headers that may carry the caller's trace id, in order of preference (V 2.9).
    pub trace_headers: Vec<HeaderName>,
    /// Counts the configurations of this process, from 1.
    pub generation: u64,
}

/// How long a request may take, from its arrival to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To `verify`.
    pub verification: Duration,
    /// To `mutate`.
    pub mutation: Duration,
}

/// When and from where a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The instant its time began to run. For the first request of a connection the time spent on accepting and on the
    /// handshake is taken off, so that it counts too.
    pub began: Instant,
    /// Who connected.
    pub peer: SocketAddr,
}
