//! Gatekeeper as two processes, webhook and audit, under its real service account.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ratify_peers::{Go, Home, Peer, Recipe};
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::daemon::Daemon;
use crate::kubectl::{Kubectl, Login, kubeconfig};
use crate::manifests::Manifests;
use crate::pki::Pki;
use crate::poll::{Seen, until};
use crate::ports;
use crate::secret_mount::SecretMount;
use crate::watchdog::Watchdog;

/// Gatekeeper's namespace, which it does not watch over.
const NAMESPACE: &str = "gatekeeper-system";
const MODULE: &str = "github.com/open-policy-agent/gatekeeper/v3";
const CERTIFICATE_SECRET: &str = "gatekeeper-webhook-server-cert";
const WEBHOOK_POD: &str = "gatekeeper-controller-manager-0";
const AUDIT_POD: &str = "gatekeeper-audit-0";

/// Time for one step of the start: seconds on an idle machine.
const STEP_DEADLINE: Duration = Duration::from_mins(2);

/// Running Gatekeeper. Fields are dropped, and so stopped, from top to bottom.
#[derive(Debug)]
pub(crate) struct Gatekeeper {
    audit: Daemon,
    webhook: Daemon,
    mount: SecretMount,
}

/// What both processes need.
struct Start<'a> {
    home: &'a Arc<Home>,
    program: &'a Peer,
    kubectl: &'a Kubectl,
    kubeconfig: PathBuf,
    watchdog: &'a Watchdog,
}

impl Gatekeeper {
    /// Install the manifest that the module ships, and start both processes.
    pub(crate) fn start(
        program: &Peer,
        home: &Arc<Home>,
        plane: &ControlPlane,
        pki: &Pki,
        watchdog: &Watchdog,
    ) -> Result<Self> {
        let kubectl = &plane.kubectl;
        let [webhook_port] = ports::free()?;
        install(kubectl, program, webhook_port)?;
        create_pods(kubectl)?;
        let token = kubectl.expect(&[
            "create",
            "token",
            "gatekeeper-admin",
            "-n",
            NAMESPACE,
            "--duration=24h",
        ])?;
        let login = kubeconfig(&plane.url, pki, &Login::Token(token.trim()));
        let start = Start {
            home,
            program,
            kubectl,
            kubeconfig: home.write("gatekeeper.kubeconfig", login)?,
            watchdog,
        };
        let mut mount = SecretMount::start(
            kubectl,
            NAMESPACE,
            CERTIFICATE_SECRET,
            home.path().join("gatekeeper-certificates"),
            watchdog,
        )?;
        let mut webhook = start.webhook(mount.folder(), webhook_port)?;
        start.await_webhook(&mut webhook, &mut mount, webhook_port)?;
        let audit = start.audit(mount.folder())?;
        Ok(Self {
            audit,
            webhook,
            mount,
        })
    }

    /// The certificate authority of Gatekeeper's client certificate: a file that follows its
    /// Secret.
    pub(crate) fn client_authority(&self) -> PathBuf {
        self.mount.folder().join("ca.crt")
    }

    /// An error if a part of it has died.
    pub(crate) fn expect_alive(&mut self) -> Result<()> {
        self.mount.expect_alive()?;
        self.webhook.expect_alive()?;
        self.audit.expect_alive()
    }

    /// Let the webhook process stand still: it accepts connections and says nothing.
    pub(crate) fn silence(&self) -> Result<()> {
        self.webhook.signal("STOP")
    }

    /// Let it go on.
    pub(crate) fn wake(&self) -> Result<()> {
        self.webhook.signal("CONT")
    }

    /// Take its authority and certificates away, which makes it issue new ones, and wait until the
    /// new authority is in the folder.
    pub(crate) fn rotate_authority(&mut self, kubectl: &Kubectl) -> Result<()> {
        let file = self.client_authority();
        let before = fs::read(&file)?;
        kubectl.expect(&[
            "patch",
            "secret",
            CERTIFICATE_SECRET,
            "-n",
            NAMESPACE,
            "--type=json",
            r#"--patch=[{"op":"remove","path":"/data"}]"#,
        ])?;
        until("a new authority of Gatekeeper", STEP_DEADLINE, || {
            self.mount.expect_alive()?;
            Ok(if fs::read(&file)? == before {
                Seen::NotYet("the old one".to_owned())
            } else {
                Seen::Done(())
            })
        })
    }

    /// What the webhook process said.
    pub(crate) fn log(&self) -> &crate::daemon::Log {
        self.webhook.log()
    }
}

/// CRDs, namespace, roles, an empty Secret for the certificates, webhook configurations.
fn install(kubectl: &Kubectl, program: &Peer, webhook_port: u16) -> Result<()> {
    let recipe = Recipe::named(program.name()).context("a peer without recipe")?;
    let sources = recipe.sources_of(&Go::find()?, MODULE)?;
    let objects = kubectl.read_yaml(&sources.join("deploy/gatekeeper.yaml"))?;
    let manifests = Manifests::new(objects, webhook_port);
    kubectl.apply("gatekeeper-definitions", &manifests.definitions)?;
    kubectl.expect(&["wait", "--for=condition=Established", "crd", "--all"])?;
    kubectl.apply("gatekeeper-namespace", &manifests.namespace)?;
    kubectl.apply("gatekeeper-rest", &manifests.rest)
}

/// The pods that the processes say they run in: they own Gatekeeper's status objects, so without
/// them those would be collected as garbage. Never scheduled, as there is no scheduler.
fn create_pods(kubectl: &Kubectl) -> Result<()> {
    let pods: Vec<Value> = [WEBHOOK_POD, AUDIT_POD].map(pod).into();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": pods });
    // refused until the controllers have made the namespace's default service account
    kubectl.apply("gatekeeper-pods", &list)
}

fn pod(name: &str) -> Value {
    // the namespace enforces the Pod Security Standard `restricted`
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "namespace": NAMESPACE },
        "spec": {
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 1000,
                "seccompProfile": { "type": "RuntimeDefault" },
            },
            "containers": [{
                "name": "manager",
                "image": "gatekeeper",
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "capabilities": { "drop": ["ALL"] },
                },
            }],
        },
    })
}

impl Start<'_> {
    fn command(&self, pod: &str, certificates: &Path) -> Result<Command> {
        let [health, metrics] = ports::free()?;
        let mut command = self.home.command(self.program);
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("POD_NAME", pod)
            .env("POD_NAMESPACE", NAMESPACE)
            .env("NAMESPACE", NAMESPACE)
            .arg(format!("--health-addr=127.0.0.1:{health}"))
            .arg(format!("--prometheus-port={metrics}"))
            .arg(format!("--cert-dir={}", certificates.display()))
            .arg(format!("--exempt-namespace={NAMESPACE}"))
            // every admission asks the provider anew
            .arg("--external-data-provider-response-cache-ttl=0")
            .arg("--disable-opa-builtin=http.send")
            .arg("--shutdown-delay=0");
        Ok(command)
    }

    fn webhook(&self, certificates: &Path, port: u16) -> Result<Daemon> {
        let mut command = self.command(WEBHOOK_POD, certificates)?;
        command
            .args([
                "--host=127.0.0.1",
                &format!("--port={port}"),
                "--log-denies",
            ])
            .args(["--operation=webhook", "--operation=mutation-webhook"]);
        let log = self.home.path().join("gatekeeper-webhook.log");
        Daemon::start("Gatekeeper's webhook", command, &log, self.watchdog)
    }

    fn audit(&self, certificates: &Path) -> Result<Daemon> {
        let cache = self.home.path().join("gatekeeper-audit-cache");
        fs::create_dir_all(&cache)?;
        let mut command = self.command(AUDIT_POD, certificates)?;
        command
            .args(["--disable-cert-rotation", "--audit-interval=2"])
            .args(["--operation=audit", "--operation=status"])
            .args(["--operation=mutation-status", "--operation=generate"])
            .arg(format!("--api-cache-dir={}", cache.display()));
        let log = self.home.path().join("gatekeeper-audit.log");
        Daemon::start("Gatekeeper's audit", command, &log, self.watchdog)
    }

    /// Both webhook configurations trust its certificate, and it accepts connections. Its own
    /// readiness comes earlier than that.
    fn await_webhook(
        &self,
        webhook: &mut Daemon,
        mount: &mut SecretMount,
        port: u16,
    ) -> Result<()> {
        until("a ready webhook", STEP_DEADLINE, || {
            webhook.expect_alive()?;
            mount.expect_alive()?;
            if TcpStream::connect(("127.0.0.1", port)).is_err() {
                return Ok(Seen::NotYet("nobody listens".to_owned()));
            }
            let configurations = self.kubectl.json(&[
                "get",
                "validatingwebhookconfigurations,mutatingwebhookconfigurations",
                "-o",
                "json",
            ])?;
            let webhooks: Vec<&Value> = configurations
                .get("items")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|configuration| configuration.get("webhooks")?.as_array())
                .flatten()
                .collect();
            let trusted = |webhook: &&Value| {
                let bundle = webhook.pointer("/clientConfig/caBundle");
                bundle
                    .and_then(Value::as_str)
                    .is_some_and(|pem| !pem.is_empty())
            };
            Ok(if !webhooks.is_empty() && webhooks.iter().all(trusted) {
                Seen::Done(())
            } else {
                Seen::NotYet("a webhook configuration without `caBundle`".to_owned())
            })
        })
    }
}
