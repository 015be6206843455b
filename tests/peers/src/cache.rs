//! Where built counterparts are kept, and the key that names one.
//!
//! A key covers everything that decides the binary, so an entry is never stale and never
//! rewritten; nothing here deletes.

use std::env;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use aws_lc_rs::digest::{Context, SHA256};

/// Bytes of the hash that go into a name: 64 bits tell a handful of local builds apart, and the
/// names stay short enough to read.
const KEY_BYTES: usize = 8;

/// The name of a cached binary: the peer's name and a hash of what it is built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheKey(String);

impl CacheKey {
    /// Hash `parts`, each with its length in front so that no two lists read the same.
    pub(crate) fn new(name: &str, parts: &[Vec<u8>]) -> Self {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(part.len().to_string().as_bytes());
            context.update(b":");
            context.update(part);
        }
        let hash = context.finish().as_ref().iter().take(KEY_BYTES).fold(
            String::new(),
            |mut hex, byte| {
                // writing to a String cannot fail
                let _ = write!(hex, "{byte:02x}");
                hex
            },
        );
        Self(format!("{name}-{hash}"))
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The folder of built counterparts.
#[derive(Debug, Clone)]
pub struct Cache(PathBuf);

impl Cache {
    /// `$XDG_CACHE_HOME/ratify-peers`, or `~/.cache/ratify-peers`. A relative `XDG_CACHE_HOME`
    /// is ignored, as the XDG base directory specification asks.
    pub fn find() -> Result<Self> {
        let base = env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| env::home_dir().map(|home| home.join(".cache")))
            .context("no cache folder: set `HOME` or `XDG_CACHE_HOME` to an absolute path")?;
        Ok(Self(base.join("ratify-peers")))
    }

    /// The folder itself; it need not exist yet.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Where the binary of that key is, or will be.
    pub fn path(&self, key: &CacheKey) -> PathBuf {
        self.0.join(key.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_the_peer_and_depends_on_every_part() {
        let key = |parts: &[&str]| {
            let parts: Vec<Vec<u8>> = parts.iter().map(|part| part.as_bytes().to_vec()).collect();
            CacheKey::new("oras", &parts).to_string()
        };
        assert_eq!(key(&["a", "b"]).len(), "oras-".len() + 16);
        assert!(key(&["a"]).starts_with("oras-"));
        assert_ne!(key(&["a", "b"]), key(&["a", "c"]));
        assert_ne!(key(&["ab", ""]), key(&["a", "b"]), "boundaries count");
    }
}
