//! Real registries on loopback ports of the kernel's choice.
//!
//! They differ in what a client must cope with: distribution and crane have no referrers API, so
//! signatures go into the referrers tag schema; referrers-registry has it.

use std::net::SocketAddr;

use anyhow::{Result, bail};

use crate::home::Home;
use crate::http;
use crate::peer::Peer;
use crate::process::Server;

/// Distribution in memory, on a free loopback port.
const DISTRIBUTION_CONFIG: &str = "\
version: 0.1
log: {level: info}
storage:
  inmemory: {}
  delete: {enabled: true}
  maintenance: {uploadpurging: {enabled: false}}
http: {addr: '127.0.0.1:0'}
";

/// A running registry; stopped when dropped.
#[derive(Debug)]
pub struct Registry {
    server: Server,
    // the server's configuration lies in it
    _home: Home,
}

impl Registry {
    /// Host and port, as they stand in a reference: `127.0.0.1:<port>`.
    pub fn host(&self) -> String {
        self.server.address().to_string()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Its process id, for a test that stops and continues it by signals.
    pub fn process_id(&self) -> u32 {
        self.server.id()
    }

    /// Does it answer the referrers API of the OCI distribution specification 1.1 for a
    /// repository that exists? (go-containerregistry answers 404 for one that does not.)
    pub fn has_referrers_api(&self, repository: &str) -> Result<bool> {
        let digest = "0".repeat(64);
        let path = format!("/v2/{repository}/referrers/sha256:{digest}");
        Ok(http::status(self.address(), &path)? == 200)
    }

    fn start(
        home: Home,
        command: std::process::Command,
        announced: fn(&str) -> Option<SocketAddr>,
    ) -> Result<Self> {
        let registry = Self {
            server: Server::start(command, announced)?,
            _home: home,
        };
        let status = http::status(registry.address(), "/v2/")?;
        if status != 200 {
            bail!("expected status 200 for `/v2/` of a new registry, found {status}");
        }
        Ok(registry)
    }
}

/// Start distribution's registry (peer `registry`): no referrers API.
pub fn start_distribution_registry(registry: &Peer) -> Result<Registry> {
    let home = Home::new()?;
    let config = home.write("registry.yaml", DISTRIBUTION_CONFIG)?;
    let mut command = home.command(registry);
    command.arg("serve").arg(config);
    Registry::start(home, command, |line| {
        let (_before, after) = line.split_once("msg=\"listening on ")?;
        after.split('"').next()?.parse().ok()
    })
}

/// Start our few lines around go-containerregistry (peer `referrers-registry`): with referrers API.
pub fn start_referrers_registry(registry: &Peer) -> Result<Registry> {
    let home = Home::new()?;
    let mut command = home.command(registry);
    command.args(["-addr", "127.0.0.1:0"]);
    Registry::start(home, command, |line| line.parse().ok())
}

/// Start `crane registry serve` (peer `crane`): no referrers API.
pub fn start_crane_registry(crane: &Peer) -> Result<Registry> {
    let home = Home::new()?;
    let mut command = home.command(crane);
    command.args(["registry", "serve", "--address", "127.0.0.1:0"]);
    Registry::start(home, command, |line| {
        let (_before, port) = line.split_once("serving on port ")?;
        Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)))
    })
}
