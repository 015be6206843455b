//! One binary for all integration tests of this crate.

#![cfg(test)]

mod face;
mod transport;
