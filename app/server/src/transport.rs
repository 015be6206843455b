//! Connections: accepting them, TLS, HTTP/1.1, and giving each up in time. What a request means is a [`Service`]'s business.
//!
//! What must never live here: a path, a JSON body, a verdict.

mod address;
mod connection;
mod counters;
mod handshake;
mod limits;
mod listener;
mod seldom;
mod serve;
mod service;
mod table;
mod tls;

pub use address::{Address, AddressError};
pub use counters::{ConnectionCounters, ConnectionCounts, HandshakeFailures};
pub use limits::ConnectionLimits;
pub use listener::{BindError, Listener};
pub use serve::{Stop, serve};
pub use service::Service;
pub use tls::{
    Handshakes, LoadedCertificate, NotAnAuthority, Refusal, TlsFileError, TlsFiles, TlsPaths,
    TlsProblem, TlsState,
};
