//! `cargo xtask bench server`: builds our server and the program that measures, and lets it measure both beside Ratify 1.4.4.
//!
//! Only a full run is written into the page: part of a table would look like a table.

use std::process::Command;

use anyhow::{Context as _, Result};
use ratify_peers::Peer;

use crate::End;
use crate::bench::target;
use crate::cargo::{cargo, passes, root};

/// The page with the table.
const PAGE: &str = "docs/reference/benchmarks.md";

/// Build, measure, print; `extra` goes to the program that measures. A missed goal is said, not failed: a busy machine is
/// no defect.
pub(crate) fn run(extra: &[&str]) -> Result<End> {
    let builds: [&[&str]; 2] = [
        &[
            "build",
            "--release",
            "--package",
            "ratify-benches",
            "--bins",
        ],
        &["build", "--release", "--package", "ratify-cli"],
    ];
    for build in builds {
        if !passes(cargo(build))? {
            return Ok(End::Failed);
        }
    }
    let built = target().join("release");
    let mut command = Command::new(built.join("bench-server"));
    command.arg("run");
    command.arg("--bare").arg(built.join("bare-server"));
    command.arg("--client").arg(built.join("bare-client"));
    command.arg("--ours").arg(built.join("ratify"));
    match Peer::find("ratify") {
        Ok(ratify) => {
            command.arg("--original").arg(ratify.binary());
        }
        Err(missing) => eprintln!("measuring without Ratify 1.4.4: {missing:#}"),
    }
    let part = ["--only", "--quick", "--write"];
    if !extra.iter().any(|word| part.contains(word)) {
        command.arg("--write").arg(root().join(PAGE));
    }
    let status = command.args(extra).status();
    Ok(status
        .context("cannot start `bench-server`")?
        .success()
        .into())
}
