//! What each counterpart is called, which Go package it is built from, and who needs it.
//!
//! Versions never stand here: the `go.mod` beside this crate is the one place that names them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::cache::{Cache, CacheKey};
use crate::go::Go;
use crate::stamp::Stamp;

/// Which task needs a counterpart, and so prepares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// `cargo xtask test`: small, or compared with ours image by image.
    Test,
    /// `cargo xtask e2e`: the parts of a cluster. Minutes of building.
    E2e,
}

impl Group {
    /// The group of that name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "test" => Some(Self::Test),
            "e2e" => Some(Self::E2e),
            _ => None,
        }
    }
}

/// How one counterpart is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipe {
    /// The name tests ask for.
    pub name: &'static str,
    /// The folder of its Go module; several counterparts can be of one module.
    pub module: &'static str,
    /// The import path of its `main` package.
    pub package: &'static str,
    /// How it learns its own version.
    pub stamp: Stamp,
    /// Who needs it.
    pub group: Group,
}

/// Every counterpart, in the order in which they are built: small ones first.
pub const RECIPES: [Recipe; 12] = [
    small("referrers-registry", "."),
    small("opa", "."),
    small("crane", "github.com/google/go-containerregistry/cmd/crane"),
    small("oras", "oras.land/oras/cmd/oras"),
    small("notation", "github.com/notaryproject/notation/cmd/notation"),
    small(
        "registry",
        "github.com/distribution/distribution/v3/cmd/registry",
    ),
    small("ratify", "github.com/ratify-project/ratify/cmd/ratify"),
    Recipe {
        group: Group::E2e,
        ..small("etcd", "go.etcd.io/etcd/server/v3")
    },
    Recipe {
        stamp: Stamp::Gatekeeper,
        group: Group::E2e,
        ..small("gatekeeper", "github.com/open-policy-agent/gatekeeper/v3")
    },
    kubernetes("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    kubernetes("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    kubernetes(
        "kube-controller-manager",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
    ),
];

/// A counterpart that has a module to itself and does not mind what version it believes to be.
const fn small(name: &'static str, package: &'static str) -> Recipe {
    Recipe {
        name,
        module: name,
        package,
        stamp: Stamp::None,
        group: Group::Test,
    }
}

/// A program of the one module of Kubernetes.
const fn kubernetes(name: &'static str, package: &'static str) -> Recipe {
    Recipe {
        name,
        module: "kubernetes",
        package,
        stamp: Stamp::Kubernetes,
        group: Group::E2e,
    }
}

/// The files of a module that decide what is built; a module need not have all of them.
const SOURCES: [&str; 3] = ["go.mod", "go.sum", "main.go"];

impl Recipe {
    /// The recipe of that name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        RECIPES.into_iter().find(|recipe| recipe.name == name)
    }

    /// The folder of the Go module.
    pub fn folder(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(self.module)
    }

    /// The folder with the sources of `dependency`, a module in this one's `go.mod`, downloaded if
    /// it is not there: what a module ships besides code (manifests, templates) is read in place.
    ///
    /// # Errors
    ///
    /// If Go cannot download it, or `go.mod` does not know it.
    pub fn sources_of(&self, go: &Go, dependency: &str) -> Result<PathBuf> {
        go.module_folder(&self.folder(), dependency)
            .with_context(|| format!("no sources of `{dependency}` for peer `{}`", self.name))
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
        let stamp = self.linker_flags()?;
        if !stamp.is_empty() {
            parts.push(stamp.into_bytes());
        }
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
            .build(
                &self.folder(),
                self.package,
                &self.linker_flags()?,
                &partial,
            )
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

    fn linker_flags(&self) -> Result<String> {
        let module = content_or_nothing(&self.folder().join("go.mod"))?;
        self.stamp.linker_flags(&String::from_utf8_lossy(&module))
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
                assert!(
                    RECIPES.iter().any(|recipe| recipe.module == name),
                    "no recipe for `{name}`"
                );
            }
        }
    }

    #[test]
    fn every_recipe_knows_what_to_stamp() {
        for recipe in RECIPES {
            let flags = recipe.linker_flags().unwrap();
            assert_eq!(
                flags.is_empty(),
                recipe.stamp == Stamp::None,
                "{}",
                recipe.name
            );
        }
    }

    #[test]
    fn two_programs_of_one_module_have_two_keys() {
        let go = Go::of_version("go version go1.26.8 linux/amd64");
        let key = |name| Recipe::named(name).unwrap().key(&go).unwrap().to_string();
        assert!(key("kubectl").starts_with("kubectl-"));
        assert_ne!(
            key("kubectl").rsplit_once('-').unwrap().1,
            key("kube-apiserver").rsplit_once('-').unwrap().1
        );
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
