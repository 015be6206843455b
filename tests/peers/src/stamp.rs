//! How a program learns its own version: variables set by the linker, as its own build does.
//!
//! Without them kube-apiserver says it is `v0.0.0-master`, and clients and admission rules that
//! look at the version go another way than in a real cluster.

use anyhow::{Context as _, Result};

/// Packages of Kubernetes with version variables of their own.
const KUBERNETES_PACKAGES: [&str; 2] = [
    "k8s.io/component-base/version",
    "k8s.io/client-go/pkg/version",
];

/// What the linker sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// Nothing.
    None,
    /// The variables of a Kubernetes program.
    Kubernetes,
    /// The variable of Gatekeeper.
    Gatekeeper,
}

impl Stamp {
    /// The linker flags, with the version that `go_mod` (the text of a `go.mod`) requires; empty
    /// if nothing is set.
    ///
    /// # Errors
    ///
    /// If `go_mod` does not require the module, or its version is not `v<major>.<minor>...`.
    pub(crate) fn linker_flags(self, go_mod: &str) -> Result<String> {
        match self {
            Self::None => Ok(String::new()),
            Self::Gatekeeper => {
                let module = "github.com/open-policy-agent/gatekeeper/v3";
                let version = required(go_mod, module)?;
                Ok(format!("-X {module}/pkg/version.Version={version}"))
            }
            Self::Kubernetes => kubernetes(required(go_mod, "k8s.io/kubernetes")?),
        }
    }
}

fn kubernetes(version: &str) -> Result<String> {
    let mut numbers = version.trim_start_matches('v').split('.');
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        anyhow::bail!("expected a version `v<major>.<minor>...`, found `{version}`");
    };
    let variables = [
        ("gitVersion", version),
        ("gitMajor", major),
        ("gitMinor", minor),
        ("gitTreeState", "clean"),
        // required to be there; no commit and no time of a build belong to a reproducible binary
        ("gitCommit", "peers"),
        ("buildDate", "1970-01-01T00:00:00Z"),
    ];
    let flags: Vec<String> = KUBERNETES_PACKAGES
        .iter()
        .flat_map(|package| variables.map(|(name, value)| format!("-X {package}.{name}={value}")))
        .collect();
    Ok(flags.join(" "))
}

/// The version of `module` in a `go.mod`, in a `require` block or on a line of its own.
fn required<'a>(go_mod: &'a str, module: &str) -> Result<&'a str> {
    go_mod
        .lines()
        .find_map(|line| {
            let mut words = line
                .split_whitespace()
                .skip_while(|word| *word == "require");
            (words.next()? == module).then(|| words.next())?
        })
        .filter(|version| version.starts_with('v'))
        .with_context(|| format!("`go.mod` does not require `{module}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO_MOD: &str = "module peers/x\ntool (\n\tk8s.io/kubernetes/cmd/kubectl\n)\nrequire (\n\
        \tk8s.io/api v0.36.3 // indirect\n\tk8s.io/kubernetes v1.36.3 // indirect\n)\n\
        require github.com/open-policy-agent/gatekeeper/v3 v3.23.0\n";

    #[test]
    fn versions_come_from_the_module_file() {
        let flags = Stamp::Kubernetes.linker_flags(GO_MOD).unwrap();
        for part in [
            "-X k8s.io/component-base/version.gitVersion=v1.36.3",
            "-X k8s.io/client-go/pkg/version.gitMinor=36",
        ] {
            assert!(flags.contains(part), "{flags}");
        }
        assert_eq!(
            Stamp::Gatekeeper.linker_flags(GO_MOD).unwrap(),
            "-X github.com/open-policy-agent/gatekeeper/v3/pkg/version.Version=v3.23.0"
        );
        assert_eq!(Stamp::None.linker_flags(GO_MOD).unwrap(), "");
    }

    #[test]
    fn a_module_that_is_not_required_is_an_error() {
        let tool = "module x\ntool k8s.io/kubernetes/cmd/kubectl\n";
        let error = Stamp::Kubernetes.linker_flags(tool).unwrap_err();
        assert!(error.to_string().contains("`k8s.io/kubernetes`"), "{error}");
    }
}
