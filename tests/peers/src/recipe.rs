//! What each counterpart is called and which Go package it is built from.
//!
//! Versions never stand here: the `go.mod` beside this crate is the one place that names them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::cache::{Cache, CacheKey};
use crate::go::Go;

/// How one counterpart is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipe {
    /// The folder of its Go module, and the name tests ask for.
    pub name: &'static str,
    /// The import path of its `main` package.
    pub package: &'static str,
}

/// Every counterpart, in the order in which they are built: small ones first.
pub const RECIPES: [Recipe; 6] = [
    Recipe {
        name: "referrers-registry",
        package: ".",
    },
    Recipe {
        name: "crane",
        package: "github.com/google/go-containerregistry/cmd/crane",
    },
    Recipe {
        name: "oras",
        package: "oras.land/oras/cmd/oras",
    },
    Recipe {
        name: "notation",
        package: "github.com/notaryproject/notation/cmd/notation",
    },
    Recipe {
        name: "registry",
        package: "github.com/distribution/distribution/v3/cmd/registry",
    },
    Recipe {
        name: "ratify",
        package: "github.com/ratify-project/ratify/cmd/ratify",
    },
];

/// The files of a module that decide what is built; a module need not have all of them.
const SOURCES: [&str; 3] = ["go.mod", "go.sum", "main.go"];

impl Recipe {
    /// The recipe of that name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        RECIPES.into_iter().find(|recipe| recipe.name == name)
    }

    /// The folder of the Go module.
    pub fn folder(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(self.name)
    }

    /// The key under which the binary is cached: a hash over the module's files, the build flags
    /// and the version of the tool chain, so that a change in any of them is another binary.
    pub fn key(&self, go: &Go) -> Result<CacheKey> {
        let mut parts = vec![self.package.as_bytes().to_vec()];
        for source in SOURCES {
            parts.push(source.as_bytes().to_vec());
            parts.push(content_or_nothing(&self.folder().join(source))?);
        }
        parts.extend(Go::flags().map(|flag| flag.as_bytes().to_vec()));
        parts.push(go.version().as_bytes().to_vec());
        Ok(CacheKey::new(self.name, &parts))
    }

    /// Build into the cache unless it is there already. The binary appears under its final name
    /// only when it is complete.
    ///
    /// Returns the path, and whether it had to be built.
    pub fn build(&self, go: &Go, cache: &Cache) -> Result<(PathBuf, bool)> {
        let binary = cache.path(&self.key(go)?);
        if binary.is_file() {
            return Ok((binary, false));
        }
        let partial = binary.with_extension(format!("partial-{}", std::process::id()));
        fs::create_dir_all(cache.folder())
            .with_context(|| format!("cannot create `{}`", cache.folder().display()))?;
        let status = go
            .build(&self.folder(), self.package, &partial)
            .status()
            .context("cannot start `go build`")?;
        if !status.success() {
            // may not exist; what matters is that no half-written file stays behind
            let _ = fs::remove_file(&partial);
            bail!(
                "`go build {}` for peer `{}` failed with {status}",
                self.package,
                self.name
            );
        }
        fs::rename(&partial, &binary)
            .with_context(|| format!("cannot move the build to `{}`", binary.display()))?;
        Ok((binary, true))
    }
}

/// The bytes of a file, or none if there is no such file (only one module has a `main.go`).
fn content_or_nothing(path: &Path) -> Result<Vec<u8>> {
    match fs::read(path) {
        Ok(content) => Ok(content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_has_a_module_with_its_sums() {
        for recipe in RECIPES {
            for file in ["go.mod", "go.sum"] {
                assert!(
                    recipe.folder().join(file).is_file(),
                    "{}/{file}",
                    recipe.name
                );
            }
        }
    }

    #[test]
    fn every_module_has_a_recipe() {
        let folders = fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
        for folder in folders.map(|entry| entry.unwrap().path()) {
            if folder.join("go.mod").is_file() {
                let name = folder.file_name().unwrap().to_str().unwrap();
                assert!(Recipe::named(name).is_some(), "no recipe for `{name}`");
            }
        }
    }

    #[test]
    fn another_tool_chain_is_another_key() {
        let recipe = Recipe::named("crane").unwrap();
        let one = recipe
            .key(&Go::of_version("go version go1.26.8 linux/amd64"))
            .unwrap();
        let two = recipe
            .key(&Go::of_version("go version go1.26.9 linux/amd64"))
            .unwrap();
        assert_ne!(one, two);
        assert_eq!(
            one,
            recipe
                .key(&Go::of_version("go version go1.26.8 linux/amd64"))
                .unwrap()
        );
    }
}
