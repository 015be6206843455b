//! The admission server: Gatekeeper's external data over HTTPS, health and metrics.
//!
//! `transport` accepts connections and gives them up in time; `face` speaks Ratify v1.4's external-data wire and turns it
//! into questions to a [`ratify_engine::Dispatcher`]; `metrics` and `health` say how it is going. Nothing here judges,
//! and nothing here knows where the configuration comes from: it is a [`Configuration`] in a `watch` channel.

mod configuration;
mod face;
mod metrics;
mod plain;
mod transport;

pub use configuration::{Arrival, Configuration, Timeouts};
pub use face::{Face, NotEnforced, Reports, RequestLimits, code_of};
pub use metrics::{Loadable, Metrics, MetricsError};
pub use transport::{
    Address, AddressError, ConnectionCounters, ConnectionCounts, ConnectionLimits,
    HandshakeFailures, Handshakes, LoadedCertificate, Refusal, Service, TlsProblem, TlsState,
};
