//! Written configuration to running parts: v1.4's `config.json` becomes an engine's [`Snapshot`](ratify_engine::Snapshot).
//!
//! Three shapes, never mixed: what somebody wrote (`spec/`, field names and quirks of v1.4), what it means (parsed types,
//! defaults in, nonsense out), and what runs. Nothing here is lenient about trust: what cannot be understood or built
//! is an error with file and place, or a verifier that rejects what it reads; it is never left out. What v1.4 ignores in
//! silence is a [`Warning`]. No logging and no printing: that is for the caller. The environment is read in one place,
//! [`Environment::of_process`].

mod environment;
mod error;
mod evidence;
mod fields;
mod load;
mod notation;
mod place;
mod policy;
mod readers;
#[cfg(test)]
mod reference_tests;
mod spec;
mod store;
mod trace_headers;
mod trust_stores;

pub use environment::Environment;
pub use error::{ConfigError, Problem};
pub use load::{
    Attempt, Document, Formatter, LoadOptions, Loaded, Timeouts, Warning, attempt, attempt_again,
    load, parse,
};
