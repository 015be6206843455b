//! What one connection, and all of them together, may take.

use std::time::Duration;

/// How many connections a listener holds and how long each may stay in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections open at once. One more takes the place of the one that has waited longest without a request under way
    /// (Gatekeeper before 3.22 leaves every connection behind, A 4.4); if there is none, or it has just
    /// come, the new one is refused.
    pub connections: usize,
    /// From accepting a connection to the end of its TLS handshake.
    pub handshake: Duration,
    /// From the first byte of a request to the end of its head; on a new connection from the end of the handshake.
    pub head: Duration,
    /// From an answer to the first byte of the next request.
    pub idle: Duration,
    /// The longest head of a request, in bytes.
    pub head_bytes: usize,
}

impl ConnectionLimits {
    /// For the health and metrics listeners, which a kubelet and a scraper ask: 128 connections, else as the default.
    pub fn side() -> Self {
        Self {
            connections: 128,
            ..Self::default()
        }
    }
}

impl Default for ConnectionLimits {
    /// 4,096 connections and 10 s idle: a client that leaves one connection behind per call may make 400 calls a second,
    /// and Gatekeeper from 3.22, which keeps ten connections for 90 s, notices a closed one before using it (A 4.4).
    /// 5 s for the handshake and for the head: as v1.4 (V 2.2; Go's server uses the time-out for heads for handshakes
    /// too). 16 KiB of head: ten times what an API server's calls have, `traceparent` and the like included.
    fn default() -> Self {
        Self {
            connections: 4096,
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(5),
            idle: Duration::from_secs(10),
            head_bytes: 16 * 1024,
        }
    }
}
