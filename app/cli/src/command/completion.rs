//! `ratify completion`: scripts for shells.

use clap_complete::{Shell as Generator, generate};

use crate::args::{self, Completion, Shell};
use crate::console::Console;
use crate::error::{Error, Status};

/// Print the script for a shell.
pub(crate) fn completion(console: &Console, args: &Completion) -> Result<Status, Error> {
    let shell = match args.shell {
        Shell::Bash => Generator::Bash,
        Shell::Zsh => Generator::Zsh,
        Shell::Fish => Generator::Fish,
        Shell::Powershell => Generator::PowerShell,
    };
    let mut script = Vec::new();
    generate(shell, &mut args::command(), "ratify", &mut script);
    console.write(&script)?;
    Ok(Status::Done)
}
