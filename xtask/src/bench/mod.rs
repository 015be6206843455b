//! `cargo xtask bench`: what is measured, and beside what.

pub(crate) mod server;
pub(crate) mod verify;

use std::path::PathBuf;

use crate::cargo::root;

/// Where cargo builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into)
}
