//! The command line of `ratify`: flags in, a verdict on standard output and in the exit status.
//!
//! This crate reads arguments, asks [`ratify_config`] for a running configuration, lets [`ratify_engine`] work and
//! writes what came of it. Data goes to standard output, everything else to standard error. It never judges: a verdict
//! is only ever copied out of a [`ratify_engine::Report`].

mod args;
mod command;
mod console;
mod error;
mod filter;
mod logs;
mod progress;
mod render;
mod serve;
mod start;
mod wait;

#[cfg(feature = "demo")]
mod demo;

pub use args::command;
pub use start::main;
