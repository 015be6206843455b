//! A home directory of one's own, and configurations in it.

use std::fs;
use std::path::{Path, PathBuf};

use ratify_config::{ConfigError, Environment, LoadOptions, Loaded, load};
use ratify_testkit::certs::Authority;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The artifact type of Notary Project signatures.
pub(crate) const SIGNATURE: &str = "application/vnd.cncf.notary.signature";

/// A home directory that goes away.
pub(crate) struct Home(TempDir);

impl Home {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A path in it.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Write a file and the directories it is in.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Write the certificate of a new authority.
    pub(crate) fn authority(&self, path: &str, name: &str) -> Authority {
        let authority = Authority::new(name);
        self.write(path, authority.pem());
        authority
    }

    /// An environment that knows nothing but this directory.
    pub(crate) fn environment(&self) -> Environment {
        Environment {
            home: Some(self.0.path().to_owned()),
            ..Environment::default()
        }
    }

    /// Load a text as the default configuration.
    pub(crate) fn load_text(&self, text: impl AsRef<[u8]>) -> Result<Loaded, ConfigError> {
        self.write(".ratify/config.json", text);
        load(None, &self.environment(), &LoadOptions::default())
    }

    /// Load a value as the default configuration.
    pub(crate) fn load(&self, config: &Value) -> Result<Loaded, ConfigError> {
        self.load_text(config.to_string())
    }

    /// The error of a configuration, without the path of its file.
    pub(crate) fn sentence(&self, config: &Value) -> String {
        self.short(&self.load(config).unwrap_err())
    }

    /// An error without the path of the configuration file, and with `~` for the home directory.
    pub(crate) fn short(&self, error: &ConfigError) -> String {
        let text = error.to_string();
        let file = self.at(".ratify/config.json").display().to_string();
        let text = text
            .strip_prefix(&format!("{file}: "))
            .unwrap_or(&text)
            .to_owned();
        self.shorten(&text)
    }

    /// The warnings of a configuration that loads.
    pub(crate) fn warnings(&self, config: &Value) -> Vec<String> {
        let loaded = self.load(config).unwrap();
        loaded
            .warnings
            .iter()
            .map(|warning| self.shorten(&warning.to_string()))
            .collect()
    }

    fn shorten(&self, text: &str) -> String {
        let real = fs::canonicalize(self.0.path()).unwrap();
        let with = |text: &str, path: &Path| text.replace(&path.display().to_string(), "~");
        with(&with(text, self.0.path()), &real)
    }
}

/// A trust policy with one strict statement for all repositories.
pub(crate) fn policy(stores: &[&str]) -> Value {
    json!({
        "version": "1.0",
        "trustPolicies": [{
            "name": "default",
            "registryScopes": ["*"],
            "signatureVerification": { "level": "strict" },
            "trustStores": stores,
            "trustedIdentities": ["*"],
        }],
    })
}

/// A notation verifier that takes its certificates from `~/certs`.
pub(crate) fn notation() -> Value {
    json!({
        "name": "notation",
        "artifactTypes": SIGNATURE,
        "verificationCerts": ["~/certs"],
        "trustPolicyDoc": policy(&["ca:certs"]),
    })
}

/// A configuration with this verifier.
#[expect(
    clippy::needless_pass_by_value,
    reason = "rows read better without a borrow"
)]
pub(crate) fn with_verifier(verifier: Value) -> Value {
    json!({
        "store": { "plugins": [{ "name": "oras" }] },
        "policy": { "plugin": { "name": "configPolicy" } },
        "verifier": { "plugins": [verifier] },
    })
}

/// The smallest configuration that runs.
pub(crate) fn minimal() -> Value {
    with_verifier(notation())
}

/// `config` with `value` at the JSON pointer `at`; the member need not be there before.
pub(crate) fn set(mut config: Value, at: &str, value: Value) -> Value {
    let (parent, name) = at.rsplit_once('/').unwrap();
    let parent = config.pointer_mut(parent).unwrap();
    match parent {
        Value::Object(members) => {
            members.insert(name.to_owned(), value);
        }
        other => other[name.parse::<usize>().unwrap()] = value,
    }
    config
}

/// `config` without the member at the JSON pointer `at`.
pub(crate) fn without(mut config: Value, at: &str) -> Value {
    let (parent, name) = at.rsplit_once('/').unwrap();
    config
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove(name)
        .unwrap();
    config
}
