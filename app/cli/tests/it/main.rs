//! The binary from outside: what it prints where, and with which status it ends.

#![cfg(test)]

mod completion_version_help;
#[cfg(feature = "demo")]
mod demo;
mod discover;
mod ending;
mod faults;
mod inputs;
mod logs;
mod referrer;
mod rig;
mod serve;
mod soak;
mod verify;
