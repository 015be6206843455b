//! `cargo xtask full`: what takes too long for every change.

use anyhow::Result;

use crate::cargo::{cargo, passes};
use crate::{End, e2e, test};

/// The tests with more property cases, a real cluster, then what only a release build shows.
pub(crate) fn run() -> Result<End> {
    let tests = test::run(&test::Options {
        slow: true,
        ..test::Options::default()
    })?;
    let steps: [&[&str]; 3] = [
        &["build", "--release"],
        &["run", "--release", "--", "demo"],
        // without `--bench` each benchmark runs once and measures nothing
        &["test", "--package", "ratify-benches", "--benches"],
    ];
    let cluster = e2e::run(&[])?;
    let mut passed = tests == End::Passed && cluster == End::Passed;
    for step in steps {
        let step_passed = passes(cargo(step))?;
        if !step_passed {
            eprintln!("error: `cargo {}` failed", step.join(" "));
        }
        passed &= step_passed;
    }
    println!("full: {}", if passed { "passed" } else { "failed" });
    Ok(passed.into())
}
