//! The real kubectl, as one user of one cluster.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ratify_peers::{Home, Outcome, Peer, run};
use serde_json::{Value, json};

use crate::poll::{Seen, until};

/// Time for one command; the longest here waits for CRDs.
const DEADLINE: Duration = Duration::from_mins(1);

/// How a user of the API server proves who they are.
#[derive(Debug)]
pub(crate) enum Login<'a> {
    /// A client certificate and its key.
    Certificate(&'a crate::pki::Pair),
    /// A service account's token.
    Token(&'a str),
}

/// A kubeconfig. It is JSON, which is YAML.
pub(crate) fn kubeconfig(server: &str, pki: &crate::pki::Pki, login: &Login<'_>) -> String {
    let user = match login {
        Login::Certificate(pair) => json!({
            "client-certificate": pair.certificate,
            "client-key": pair.key,
        }),
        Login::Token(token) => json!({ "token": token }),
    };
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "e2e",
            "cluster": { "server": server, "certificate-authority": pki.authority },
        }],
        "users": [{ "name": "user", "user": user }],
        "contexts": [{ "name": "e2e", "context": { "cluster": "e2e", "user": "user" } }],
        "current-context": "e2e",
    })
    .to_string()
}

/// kubectl with a kubeconfig.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: Peer,
    home: Arc<Home>,
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// Run `program` in `home` as the user of the file `kubeconfig`.
    pub(crate) fn new(program: &Peer, home: &Arc<Home>, kubeconfig: PathBuf) -> Self {
        Self {
            program: program.clone(),
            home: Arc::clone(home),
            kubeconfig,
        }
    }

    /// The command with these arguments, not started.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.home.command(&self.program);
        command.env("KUBECONFIG", &self.kubeconfig).args(arguments);
        command
    }

    /// Run with these arguments; whatever it says and however it ends.
    pub fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        run(self.command(arguments), DEADLINE)
    }

    /// Run with these arguments and expect exit status 0. Returns stdout.
    pub fn expect(&self, arguments: &[&str]) -> Result<String> {
        let outcome = self.run(arguments)?.expect_success();
        let outcome = outcome.with_context(|| format!("`kubectl {}`", arguments.join(" ")))?;
        Ok(outcome.stdout)
    }

    /// The same, with stdout read as JSON; the arguments must ask for it.
    pub fn json(&self, arguments: &[&str]) -> Result<Value> {
        let text = self.expect(arguments)?;
        serde_json::from_str(&text)
            .with_context(|| format!("`kubectl {}` did not print JSON", arguments.join(" ")))
    }

    /// Write `object` to a file called `name` for `-f`.
    pub fn file(&self, name: &str, object: &Value) -> Result<String> {
        let path = self
            .home
            .write(&format!("objects/{name}.json"), object.to_string())?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// `kubectl apply --server-side` of an object or a `List`, again while the server refuses for
    /// reasons that pass: a webhook or a CRD that is not there yet.
    pub fn apply(&self, name: &str, object: &Value) -> Result<()> {
        let file = self.file(name, object)?;
        until(&format!("`{name}` applied"), DEADLINE, || {
            let outcome =
                self.run(&["apply", "--server-side", "--force-conflicts", "-f", &file])?;
            Ok(if outcome.success() {
                Seen::Done(())
            } else {
                Seen::NotYet(outcome.stderr)
            })
        })
    }

    /// The objects of a YAML file, as JSON.
    pub(crate) fn read_yaml(&self, file: &std::path::Path) -> Result<Vec<Value>> {
        let file = file.to_string_lossy();
        let text = self.expect(&[
            "create",
            "--dry-run=client",
            "--validate=false",
            "-o",
            "json",
            "-f",
            &file,
        ])?;
        serde_json::Deserializer::from_str(&text)
            .into_iter()
            .collect::<Result<_, _>>()
            .context("`kubectl create --dry-run` did not print JSON")
    }
}
