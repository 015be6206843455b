//! A registry, a configuration and a clean environment for the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;
use ratify_oci::Descriptor;
use ratify_testkit::certs::Authority;
use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::{Image, Signature, SignatureManifest};
use ratify_testkit::registry::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const SIGNATURE: &str = "application/vnd.cncf.notary.signature";

/// A registry and a directory with `config.json` that trusts [`Rig::root`].
pub(crate) struct Rig {
    pub(crate) registry: Registry,
    pub(crate) root: Authority,
    pub(crate) directory: TempDir,
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::over(Registry::start().await.unwrap())
    }

    pub(crate) fn over(registry: Registry) -> Self {
        let rig = Self {
            registry,
            root: Authority::new("Acme Root"),
            directory: tempfile::tempdir().unwrap(),
        };
        std::fs::write(rig.directory.path().join("root.pem"), rig.root.pem()).unwrap();
        rig.write_config(&rig.config());
        rig
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.path().join("config.json")
    }

    /// The configuration as a value, to be changed.
    pub(crate) fn config(&self) -> Value {
        json!({
            "store": { "plugins": [{ "name": "oras" }] },
            "policy": {
                "plugin": { "name": "configPolicy", "artifactVerificationPolicies": { SIGNATURE: "any" } }
            },
            "verifier": { "plugins": [{
                "name": "notation",
                "artifactTypes": SIGNATURE,
                "verificationCerts": [self.path().join("root.pem")],
                "trustPolicyDoc": { "version": "1.0", "trustPolicies": [{
                    "name": "default",
                    "registryScopes": ["*"],
                    "signatureVerification": { "level": "strict" },
                    "trustStores": ["ca:certs"],
                    "trustedIdentities": ["*"]
                }]}
            }]}
        })
    }

    pub(crate) fn write_config(&self, config: &Value) {
        std::fs::write(self.config_path(), config.to_string()).unwrap();
    }

    pub(crate) fn push(&self, name: &str) -> Descriptor {
        self.registry.push_image(name, "v1", &Image::new(name))
    }

    /// An image with a good signature; returns both.
    pub(crate) fn push_signed(&self, name: &str) -> (Descriptor, Signature) {
        let image = self.push(name);
        let signature = signature(&self.root, &image);
        self.registry.attach(name, &signature);
        (image, signature)
    }

    pub(crate) fn tagged(&self, name: &str) -> String {
        self.registry.tagged(name, "v1")
    }

    /// The program with these arguments and nothing of the user's environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        ratify_in(self.path(), args)
    }

    /// Run with these arguments, then `-c` and the configuration.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let mut command = self.command(args);
        command.arg("-c").arg(self.config_path());
        run(command)
    }
}

/// A good signature by a new signer under `authority`.
pub(crate) fn signature(authority: &Authority, image: &Descriptor) -> Signature {
    let signer = authority.leaf("acme release");
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    let envelope = Envelope::new(Format::Jws, &signer, image)
        .signing_time(now)
        .build();
    SignatureManifest::new(image, Format::Jws, &envelope).build()
}

/// The program, in a directory that is also its home.
pub(crate) fn ratify_in(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("ratify"));
    command
        .args(args)
        .env_clear()
        .env("HOME", home)
        .current_dir(home)
        .stdin(Stdio::null());
    command
}

pub(crate) fn run(mut command: Command) -> Ran {
    command.output().unwrap().into()
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Nothing on standard output, status 1, and one sentence that begins so.
    #[track_caller]
    pub(crate) fn assert_refused(&self, sentence: &str) {
        assert_eq!(
            (self.status, self.stdout.as_str()),
            (Some(1), ""),
            "{self:?}"
        );
        let errors: Vec<_> = self
            .stderr
            .lines()
            .filter(|line| line.starts_with("Error: "))
            .collect();
        assert_eq!(errors.len(), 1, "{self:?}");
        assert!(
            errors[0].starts_with(&format!("Error: {sentence}")),
            "{sentence}\n{self:?}"
        );
    }
}
