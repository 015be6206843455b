//! Runs cargo in the workspace, with the arguments said aloud first.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path
}

/// The cargo that runs us, from the root of the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Say what is run.
pub(crate) fn announce(command: &Command) {
    let arguments: Vec<_> = command
        .get_args()
        .map(|word| word.to_string_lossy())
        .collect();
    eprintln!("$ cargo {}", arguments.join(" "));
}

/// Run to the end, output as it comes. Returns whether the exit status was 0.
pub(crate) fn passes(mut command: Command) -> Result<bool> {
    announce(&command);
    Ok(command.status().context("cannot start cargo")?.success())
}
