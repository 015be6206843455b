//! Tests against real counterparts. Each asks for what it needs with `Peer::require` and is
//! skipped, loudly, where that is not built; with `CI` set it fails instead.
//!
//! Tests here may start processes on loopback. They must not reach another host, and must not
//! test what a test without a counterpart could.

#![cfg(test)]

mod matrix;
mod runners;
mod templates;
