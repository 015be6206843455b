//! The Go tool chain: is it there, which version, and how it is called.
//!
//! The flags make builds reproducible and keep the tool chain from changing the module files
//! or downloading another tool chain.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Environment of every build. `-mod=readonly` lets `go.sum` decide what is built; `local` keeps
/// Go from fetching another Go.
const ENVIRONMENT: [(&str, &str); 3] = [
    ("CGO_ENABLED", "0"),
    ("GOTOOLCHAIN", "local"),
    ("GOFLAGS", "-buildvcs=false -trimpath -mod=readonly"),
];

/// Arguments of every build: no profile-guided optimisation (it doubles the time), no symbols.
const ARGUMENTS: [&str; 4] = ["build", "-pgo=off", "-ldflags", "-s -w"];

/// The `go` command on the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Go {
    program: &'static str,
    version: String,
}

/// There is no `go` command that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoMissing;

impl std::fmt::Display for GoMissing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "no Go tool chain: `go version` does not run; install Go 1.26 or newer and put `go` \
             on the PATH (the real counterparts are built with it)",
        )
    }
}

impl std::error::Error for GoMissing {}

impl Go {
    /// Ask the `go` on the path for its version.
    pub fn find() -> Result<Self, GoMissing> {
        let program = "go";
        let output = Command::new(program)
            .arg("version")
            .env("GOTOOLCHAIN", "local")
            .output()
            .map_err(|_missing| GoMissing)?;
        if !output.status.success() {
            return Err(GoMissing);
        }
        let version = String::from_utf8(output.stdout).map_err(|_garbled| GoMissing)?;
        Ok(Self {
            program,
            version: version.trim().to_owned(),
        })
    }

    /// What `go version` printed: release and platform.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Everything besides the module that decides what comes out of a build.
    pub(crate) fn flags() -> impl Iterator<Item = &'static str> {
        ENVIRONMENT
            .into_iter()
            .flat_map(|(name, value)| [name, value])
            .chain(ARGUMENTS)
    }

    /// The command that builds `package` of the module in `folder` into `binary`, with
    /// `linker_flags` besides those of every build.
    pub(crate) fn build(
        &self,
        folder: &Path,
        package: &str,
        linker_flags: &str,
        binary: &Path,
    ) -> Command {
        let mut command = self.command(folder);
        command.args(ARGUMENTS);
        if !linker_flags.is_empty() {
            // the last `-ldflags` counts, so it repeats the first
            let [.., common] = ARGUMENTS;
            command.args(["-ldflags", &format!("{common} {linker_flags}")]);
        }
        command.arg("-o").arg(binary).arg(package);
        command
    }

    /// Where the module `dependency` of the module in `folder` lies, downloaded if it is not there.
    pub(crate) fn module_folder(&self, folder: &Path, dependency: &str) -> Result<PathBuf> {
        let output = self
            .command(folder)
            .args(["mod", "download", "-json", dependency])
            .output()
            .context("cannot start `go mod download`")?;
        if !output.status.success() {
            bail!(
                "`go mod download {dependency}` failed: {} {}",
                String::from_utf8_lossy(&output.stdout).trim(),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let module: Value = serde_json::from_slice(&output.stdout)
            .context("`go mod download -json` did not print JSON")?;
        let folder = module.get("Dir").and_then(Value::as_str);
        let folder = folder.context("expected `Dir` in the output of `go mod download -json`")?;
        Ok(PathBuf::from(folder))
    }

    fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(self.program);
        command.current_dir(folder).envs(ENVIRONMENT);
        command
    }

    #[cfg(test)]
    pub(crate) fn of_version(version: &str) -> Self {
        Self {
            program: "go",
            version: version.to_owned(),
        }
    }
}
