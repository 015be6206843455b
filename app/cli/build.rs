//! Tells the program which compiler built it, for `ratify version`.

use std::env;
use std::io::{self, Write};
use std::process::Command;

fn main() -> io::Result<()> {
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler).arg("--version").output()?;
    let version = String::from_utf8_lossy(&output.stdout);
    let number = version.split(' ').nth(1).unwrap_or("unknown").trim();
    let mut cargo = io::stdout();
    writeln!(cargo, "cargo::rustc-env=RATIFY_RUSTC_VERSION={number}")?;
    writeln!(cargo, "cargo::rerun-if-env-changed=RATIFY_GIT_COMMIT")?;
    writeln!(cargo, "cargo::rerun-if-changed=build.rs")
}
