//! The bare client: the same requests in the same order with nothing judged, to see what the registry and the network cost.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::{Sample, Scenario};
use crate::answer::Answer;
use crate::bench::Bench;
use crate::process::Memory;
use crate::registry::Counts;

/// What the bare client says.
#[derive(Debug, Deserialize)]
struct Said {
    wall_us: u64,
    cpu_us: u64,
}

/// Run it so many times, each in a process of its own.
pub(super) fn gather(bench: &mut Bench, runs: usize, scenario: Scenario) -> Result<Vec<Sample>> {
    (0..runs).map(|_| run(bench, scenario)).collect()
}

fn run(bench: &mut Bench, scenario: Scenario) -> Result<Sample> {
    bench.registry.behave(scenario.behaviour)?;
    let Scenario {
        repository,
        images,
        by_digest,
        tls,
        ..
    } = scenario;
    let asked = bench.images(repository, 0, images, by_digest, tls)?;
    let first = bench.images(repository, images, 1, by_digest, tls)?;
    let mut command = Command::new(&bench.options.client);
    if tls {
        command.arg(bench.rig.folder().join("registry-root.pem"));
    } else {
        command.arg("-");
    }
    command.arg(if scenario.known { "1" } else { "0" });
    if scenario.known {
        command.args(&first);
    }
    let output = command
        .args(&asked)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start the bare client")?;
    if !output.status.success() {
        bail!("the bare client failed");
    }
    let said: Said = serde_json::from_slice(&output.stdout)?;
    let counts = bench.registry.counts()?;
    // of the image before: challenge, token, the two requests of every image, and two for each signature
    let signatures = scenario.signatures().checked_div(images).unwrap_or(0);
    let before = u64::try_from(signatures)?
        .saturating_mul(2)
        .saturating_add(4);
    let before = if scenario.known { before } else { 0 };
    Ok(Sample {
        wall: Duration::from_micros(said.wall_us),
        cpu: Duration::from_micros(said.cpu_us),
        counts: Counts {
            requests: counts.requests.saturating_sub(before),
            ..counts
        },
        idle: Memory::default(),
        after: Memory::default(),
        answer: Answer {
            allowed: 0,
            denied: 0,
            failed: 0,
            system_error: None,
        },
    })
}
