//! `cargo xtask bench verify`: measures with criterion, then prints each verification beside the bare signature checks
//! it contains, from the medians of the same run.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::End;
use crate::bench::target;
use crate::cargo::{cargo, passes};

/// Key types, as the benchmark groups are called.
const KEYS: [&str; 6] = ["Rsa2048", "Rsa3072", "Rsa4096", "P256", "P384", "P521"];
/// The most that a verification should cost, as a multiple of its bare signature checks.
const GOAL: f64 = 1.5;

/// Measure and print the table; `extra` goes to criterion. A missed goal is said, not failed: a busy machine is no defect.
pub(crate) fn run(extra: &[&str]) -> Result<End> {
    let mut command = cargo(&["bench", "--package", "ratify-benches", "--bench", "verify"]);
    if !extra.is_empty() {
        command.arg("--").args(extra);
    }
    if !passes(command)? {
        return Ok(End::Failed);
    }
    let measured = target().join("criterion");
    println!(
        "\nmedian time of one verification (chain of two), beside its two bare signature checks\n"
    );
    println!("key        bare us     jws us   ratio    cose us   ratio");
    let mut missed = Vec::new();
    for key in KEYS {
        let median =
            |name| median_ns(&measured, key, name).map(|nanoseconds| nanoseconds / 1_000.0);
        let (bare, jws, cose) = (median("bare")?, median("jws")?, median("cose")?);
        let (jws_ratio, cose_ratio) = (jws / bare, cose / bare);
        println!(
            "{key:<8} {bare:>9.1}  {jws:>9.1}  {jws_ratio:>6.2}  {cose:>9.1}  {cose_ratio:>6.2}"
        );
        for (name, ratio) in [("jws", jws_ratio), ("cose", cose_ratio)] {
            if ratio > GOAL {
                missed.push(format!("{key} {name} {ratio:.2}"));
            }
        }
    }
    match missed.as_slice() {
        [] => println!("\ngoal met: every ratio is at most {GOAL}"),
        missed => println!("\ngoal of {GOAL} missed by: {}", missed.join(", ")),
    }
    Ok(End::Passed)
}

/// The median that criterion wrote for `<key>/<name>`, in nanoseconds.
fn median_ns(measured: &Path, key: &str, name: &str) -> Result<f64> {
    let path = measured.join(key).join(name).join("new/estimates.json");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let estimates: Value = serde_json::from_str(&text)
        .with_context(|| format!("`{}` is not what criterion writes", path.display()))?;
    let median = estimates
        .pointer("/median/point_estimate")
        .and_then(Value::as_f64);
    median.with_context(|| format!("no median in `{}`", path.display()))
}
