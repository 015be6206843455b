//! Connections: accepting them, TLS, HTTP/1.1, and giving each up in time. What a request means is a [`Service`]'s business.
//!
//! What must never live here: a path, a JSON body, a verdict.

mod address;
mod counters;
mod limits;
mod service;
mod tls;

pub use address::{Address, AddressError};
pub use counters::{ConnectionCounters, ConnectionCounts, HandshakeFailures};
pub use limits::ConnectionLimits;
pub use service::Service;
pub use tls::{Handshakes, LoadedCertificate, Refusal, TlsProblem, TlsState};
