//! `cargo xtask deny`: bans, licences and sources of everything we depend on.
//!
//! cargo-deny is built once into the cache folder; nothing is installed for the user. Advisories
//! are not asked for: they change without us and must not break a build.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use ratify_peers::Cache;

use crate::End;
use crate::cargo::{cargo, passes, root};

/// The release the configuration was written for.
const VERSION: &str = "0.20.2";

/// Run the checks.
pub(crate) fn run() -> Result<End> {
    let mut command = Command::new(installed()?);
    command
        .args(["check", "bans", "licenses", "sources"])
        .current_dir(root());
    Ok(command
        .status()
        .context("cannot start cargo-deny")?
        .success()
        .into())
}

/// A cargo-deny of our version: one on the path, one in the cache, or one built now.
fn installed() -> Result<PathBuf> {
    if is_wanted(Path::new("cargo-deny")) {
        return Ok("cargo-deny".into());
    }
    let folder = Cache::find()?.folder().with_file_name("ratify-tools");
    let folder = folder.join(format!("cargo-deny-{VERSION}"));
    let binary = folder.join("bin").join("cargo-deny");
    if !is_wanted(&binary) {
        let mut install = cargo(&["install", "cargo-deny", "--version", VERSION, "--locked"]);
        install.arg("--root").arg(&folder);
        if !passes(install)? || !is_wanted(&binary) {
            bail!("cannot build cargo-deny {VERSION}");
        }
    }
    Ok(binary)
}

/// Does this program run, and say that it is our version?
fn is_wanted(program: &Path) -> bool {
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| {
            String::from_utf8_lossy(&output.stdout).trim() == format!("cargo-deny {VERSION}")
        })
}
