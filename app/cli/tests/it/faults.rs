//! `ratify serve` as Gatekeeper sees it, over TLS with client certificates, while everything around it fails: registries,
//! clients, files, the process itself. Every answer in here goes through [`contract`], whatever the test is about.

use std::fmt;
use std::io::{Write, stdout};
use std::time::Duration;

mod attacks;
mod caches;
mod client;
mod clients;
mod contract;
mod load;
mod misses;
mod registries;
mod reload;
mod scene;

pub(crate) use client::Client;
pub(crate) use contract::Endpoint;
pub(crate) use scene::{Resources, Scene, Serving};

/// The middle one: a machine that does other things too makes single ones long.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Print what was measured, also where the output of tests that pass is hidden.
pub(crate) fn figure(text: fmt::Arguments<'_>) {
    // a reader that has gone changes nothing about the test
    let _ = writeln!(stdout(), "figure: {text}");
}
