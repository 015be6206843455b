//! The one bounded HTTP client: whatever this program asks of the network goes through here.
//!
//! Every call has a deadline and a cap on the body. Redirects are followed by hand, so that a credential never leaves
//! the origin it was meant for; bodies are never decompressed; a host that answers 429 is given a pause once, for all
//! callers. Nothing here knows what a registry or a signature is.

mod client;
mod connection;
mod deadline;
mod dial;
mod error;
mod forwarded;
mod hosts;
mod lookup;
mod observer;
mod pool;
mod proxy;
mod redirect;
mod request;
mod retry;
mod send;
mod targets;
mod tls;

pub use client::{Client, Options};
pub use deadline::{Deadline, Passed};
pub use error::{Cause, Error, Phase};
pub use forwarded::{ForwardedHeaderError, ForwardedHeaders, with_headers};
pub use hosts::Concurrency;
pub use lookup::{Addresses, Lookup};
pub use observer::{Exchange, Observer, Outcome};
pub use proxy::Proxies;
pub use redirect::Origin;
pub use request::{Authorization, Body, Limit, Method, Request, Response};
pub use retry::Retries;
pub use targets::Targets;
pub use tls::{Certificates, CertificatesError, install_crypto_provider};
