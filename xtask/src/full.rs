//! `cargo xtask full`: what takes too long for every change.

use anyhow::Result;

use crate::cargo::{cargo, passes};
use crate::{End, test};

/// The tests with more property cases, then what only a release build shows.
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
    let mut passed = tests == End::Passed;
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
