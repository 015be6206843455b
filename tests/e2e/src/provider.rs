//! The provider's server: ours, or the original one, in file mode over mutual TLS.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use ratify_peers::{Home, Ours, Peer, notation_config};
use serde_json::{Value, json};

use crate::daemon::{Daemon, Log};
use crate::images::Images;
use crate::poll::{Seen, until};
use crate::ports;
use crate::watchdog::Watchdog;

/// Time until it listens. Ratify 1.4.4 takes a second on an idle machine.
const START_DEADLINE: Duration = Duration::from_mins(1);

/// Which program serves.
#[derive(Debug, Clone)]
pub enum Server {
    /// The `ratify` of this workspace.
    Ours(Ours),
    /// Ratify 1.4.4.
    Original(Peer),
}

impl Server {
    /// Name for people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ours(_) => "ratify",
            Self::Original(_) => "Ratify 1.4.4",
        }
    }

    fn command(&self, home: &Home) -> Command {
        match self {
            Self::Ours(ours) => ours.command(home),
            Self::Original(peer) => home.command(peer),
        }
    }

    /// The same policy and stores in the words of both; only ours can be told of single
    /// registries that they speak plain HTTP.
    fn config(&self, root: &Path, hosts: &[String]) -> Result<Value> {
        let mut config = notation_config(&[root], &Images::trust_policy());
        if let Self::Ours(_) = self {
            let registries: Vec<Value> = hosts
                .iter()
                .map(|host| json!({ "host": host, "plainHttp": true }))
                .collect();
            let store = config.pointer_mut("/store/plugins/0");
            *store.context("expected a store in the configuration")? =
                json!({ "name": "oras", "registries": registries });
            // of a written number we take 85 %, so that the answer comes before the API server
            // gives up on Gatekeeper, after 3 s
            if let Some(config) = config.as_object_mut() {
                config.insert(
                    "executor".to_owned(),
                    json!({ "verificationRequestTimeout": 2900, "mutationRequestTimeout": 950 }),
                );
            }
        }
        Ok(config)
    }
}

/// A place where a server runs: one address, one certificate, one log.
#[derive(Debug)]
pub(crate) struct Provider {
    home: Arc<Home>,
    watchdog: Watchdog,
    address: SocketAddr,
    certificates: PathBuf,
    client_authority: PathBuf,
    log: Log,
    running: Option<Daemon>,
}

impl Provider {
    /// Nothing runs yet. `certificates` holds `tls.crt` and `tls.key`; `client_authority` is the
    /// file of the authority that Gatekeeper's client certificate is of.
    pub(crate) fn new(
        home: &Arc<Home>,
        watchdog: &Watchdog,
        certificates: PathBuf,
        client_authority: PathBuf,
    ) -> Result<Self> {
        let [port] = ports::free()?;
        Ok(Self {
            home: Arc::clone(home),
            watchdog: watchdog.clone(),
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            certificates,
            client_authority,
            log: Log::new(home.path().join("provider.log")),
            running: None,
        })
    }

    /// The URL of an endpoint, by the name that is in the certificate.
    pub(crate) fn url(&self, endpoint: &str) -> String {
        let port = self.address.port();
        format!("https://localhost:{port}/ratify/gatekeeper/v1/{endpoint}")
    }

    /// Everything every server said here.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Start `server` and wait until it listens.
    pub(crate) fn start(&mut self, server: &Server, images: &Images) -> Result<()> {
        if self.running.is_some() {
            bail!("a server runs already");
        }
        let root = self
            .home
            .write("provider/root.pem", images.trusted_root())?;
        let config = server.config(&root, &images.hosts()?)?;
        let config = self
            .home
            .write("provider/config.json", config.to_string())?;
        let [health] = ports::free()?;
        let mut command = server.command(&self.home);
        command
            .arg("serve")
            .args(["--http", &self.address.to_string()])
            .arg("--config")
            .arg(config)
            .arg("--cert-dir")
            .arg(&self.certificates)
            .arg("--ca-cert-file")
            .arg(&self.client_authority)
            .args(["--health-port", &format!("127.0.0.1:{health}")])
            // as the chart has it
            .args(["--cache-enabled=true", "--cache-type=ristretto"])
            .args(["--cache-size=256", "--cache-ttl=10s"]);
        let mut daemon = Daemon::start(server.name(), command, self.log.path(), &self.watchdog)?;
        until("a listening provider", START_DEADLINE, || {
            daemon.expect_alive()?;
            Ok(match TcpStream::connect(self.address) {
                Ok(_connected) => Seen::Done(()),
                Err(error) => Seen::NotYet(error.to_string()),
            })
        })?;
        self.running = Some(daemon);
        Ok(())
    }

    /// Ask it to end, and wait until it has.
    pub(crate) fn stop(&mut self) -> Result<ExitStatus> {
        let daemon = self.running.take().context("no server runs")?;
        daemon.stop()
    }

    /// Whether a server runs; an error if it has died.
    pub(crate) fn expect_alive(&mut self) -> Result<()> {
        self.running.as_mut().map_or(Ok(()), Daemon::expect_alive)
    }
}
