//! A home folder of one counterpart's own.
//!
//! Nothing of the developer's configuration, credentials or proxies reaches a counterpart, and
//! nothing it writes outlives the test.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::peer::Peer;

/// A temporary home folder; deleted when dropped.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
}

impl Home {
    /// A new empty home.
    pub fn new() -> Result<Self> {
        let folder = TempDir::with_prefix("ratify-peer-").context("cannot create a home folder")?;
        Ok(Self { folder })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Write a file below the home, with the folders above it. Returns its absolute path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<std::path::PathBuf> {
        let path = self.path().join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot create `{}`", folder.display()))?;
        }
        fs::write(&path, content).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(path)
    }

    /// A command that runs `peer` in this home, with an environment of five variables and none
    /// of ours.
    pub fn command(&self, peer: &Peer) -> Command {
        self.command_of(peer.binary())
    }

    /// The same for any binary.
    pub(crate) fn command_of(&self, binary: &Path) -> Command {
        let mut command = Command::new(binary);
        command
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("XDG_CONFIG_HOME", self.path().join("config"))
            .env("XDG_CACHE_HOME", self.path().join("cache"))
            .env("DOCKER_CONFIG", self.path().join("docker"))
            .env("TMPDIR", self.path());
        command
    }
}
