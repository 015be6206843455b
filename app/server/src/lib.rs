//! The admission server: Gatekeeper's external data over HTTPS, health and metrics.
//!
//! `transport` accepts connections and gives them up in time; `face` speaks Ratify v1.4's external-data wire and turns it
//! into questions to a [`ratify_engine::Dispatcher`]; `metrics` and `health` say how it is going. Nothing here judges,
//! and nothing here knows where the configuration comes from: it is a [`Configuration`] in a `watch` channel.

mod configuration;
mod face;
mod health;
mod metrics;
mod plain;
mod server;
mod transport;

pub use configuration::{Arrival, Configuration, Timeouts};
pub use face::{Face, NotEnforced, Reports, RequestLimits, code_of};
pub use health::{Health, Readiness};
pub use metrics::{Metrics, MetricsError};
pub use server::{Addresses, Bound, Server, ServerOptions, Services, StartError, Stopped};
pub use transport::{
    Address, AddressError, BindError, ConnectionCounters, ConnectionCounts, ConnectionLimits,
    HandshakeFailures, Handshakes, Listener, LoadedCertificate, NotAnAuthority, Refusal, Service,
    Stop, TlsFileError, TlsFiles, TlsPaths, TlsProblem, TlsState, serve,
};
