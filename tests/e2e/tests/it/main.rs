//! `ratify` in a real cluster: what Gatekeeper does with its answers, shown with kubectl.
//!
//! A program of its own and not libtest's, because all cases share one cluster, which has to be
//! taken down after the last. It prints results in libtest's form. Arguments select cases whose
//! name contains one of them.

#![expect(
    clippy::print_stdout,
    reason = "results and evidence are what it is for"
)]

mod cases;
mod runner;

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::run(&std::env::args().skip(1).collect::<Vec<_>>())
}
