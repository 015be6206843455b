//! Our own `ratify`, run like the counterparts: as a process, in a home of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::home::Home;
use crate::process::{COMMAND_DEADLINE, Outcome, run};

/// The binary that this workspace builds.
#[derive(Debug, Clone)]
pub struct Ours(PathBuf);

impl Ours {
    /// The binary `ratify` beside the running test, or the one that `RATIFY_BINARY` names.
    ///
    /// # Panics
    ///
    /// If there is none: a missing product is a failure, not a reason to skip.
    #[expect(clippy::panic, reason = "a test without the product cannot pass")]
    pub fn find() -> Self {
        let path = std::env::var_os("RATIFY_BINARY")
            .map(PathBuf::from)
            .or_else(|| {
                // target/<profile>/deps/<test> lies beside target/<profile>/ratify
                let test = std::env::current_exe().ok()?;
                Some(test.parent()?.parent()?.join("ratify"))
            });
        match path.filter(|path| path.is_file()) {
            Some(path) => Self(path),
            None => {
                panic!("the binary `ratify` is not built, run `cargo build -p ratify-cli` first")
            }
        }
    }

    /// `ratify verify -c <config> -s <subject>`, data on stdout as JSON.
    pub fn verify(&self, config: &Value, subject: &str) -> Result<Outcome> {
        let home = Home::new()?;
        let config = home.write("config.json", config.to_string())?;
        let mut command = self.command(&home);
        command
            .arg("verify")
            .arg("--config")
            .arg(config)
            .args(["--subject", subject]);
        run(command, COMMAND_DEADLINE)
    }

    /// Run with these arguments in an empty home.
    pub fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        if arguments.is_empty() {
            bail!("expected arguments");
        }
        let home = Home::new()?;
        let mut command = self.command(&home);
        command.args(arguments);
        run(command, COMMAND_DEADLINE)
    }

    /// A command that runs it in `home`, as [`Home::command`] does for a counterpart.
    pub fn command(&self, home: &Home) -> Command {
        home.command_of(&self.0)
    }
}
