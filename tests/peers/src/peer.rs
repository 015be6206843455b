//! A built counterpart, as a test asks for it.
//!
//! A test that cannot have its counterpart never passes silently: it says so on stderr, and
//! under CI it fails.
#![expect(clippy::panic, reason = "a test that may not be skipped has to fail")]

use std::env;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, Result, bail};

use crate::cache::Cache;
use crate::go::Go;
use crate::recipe::Recipe;

/// A real counterpart, built and ready to run.
#[derive(Debug, Clone)]
pub struct Peer {
    name: &'static str,
    binary: PathBuf,
}

impl Peer {
    /// Find a built counterpart in the cache.
    ///
    /// Errors if there is no recipe of that name, no Go tool chain, or no binary that matches
    /// what `tests/peers/<name>` says now.
    pub fn find(name: &str) -> Result<Self> {
        let recipe = Recipe::named(name).with_context(|| format!("no peer is called `{name}`"))?;
        let binary = Cache::find()?.path(&recipe.key(&Go::find()?)?);
        if !binary.is_file() {
            bail!("peer `{name}` is not built; run `cargo xtask peers {name}`");
        }
        Ok(Self {
            name: recipe.name,
            binary,
        })
    }

    /// The counterpart, or `None` after saying loudly that this test is skipped.
    ///
    /// # Panics
    ///
    /// If it is missing and the environment variable `CI` is set: there nothing may be skipped.
    pub fn require(name: &str) -> Option<Self> {
        match Self::find(name) {
            Ok(peer) => Some(peer),
            Err(error) if env::var_os("CI").is_some() => {
                panic!("`CI` is set and a peer is missing: {error:#}")
            }
            Err(error) => {
                skip(&format!("{error:#}"));
                None
            }
        }
    }

    /// Several counterparts at once, or `None` if one of them is missing.
    ///
    /// # Panics
    ///
    /// As [`Peer::require`].
    pub fn require_all<const N: usize>(names: [&str; N]) -> Option<[Self; N]> {
        let peers: Option<Vec<Self>> = names.into_iter().map(Self::require).collect();
        peers?.try_into().ok()
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The binary.
    pub fn binary(&self) -> &Path {
        &self.binary
    }
}

/// Say that the running test is skipped. The line goes to the real stderr, which the test
/// harness does not capture; `cargo xtask test` counts lines of this form.
fn skip(reason: &str) {
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    // a closed stderr is no reason to fail a test
    let _ = writeln!(io::stderr(), "SKIPPED {test}: {reason}");
}
