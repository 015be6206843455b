//! The servers that are measured, each started as a process of its own with the same flags.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use ratify_testkit::certs::{Authority, Extension, KeyUsage, Name, Template, oids};
use ratify_testkit::keys::{KeyKind, SigningKey, pem};
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::Process;
use crate::registry::Handle;
use crate::wire::Connection;

/// Time for a server to serve.
const START_DEADLINE: Duration = Duration::from_secs(20);

/// How often a starting server is tried.
const POLL: Duration = Duration::from_micros(200);

/// How long verdicts are kept: longer than anything here takes.
const CACHE_TTL: &str = "30m";

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Ratify 1.4.4.
    Original,
    /// This repository's `ratify`.
    Ours,
    /// hyper and rustls with a constant answer.
    Bare,
}

/// A program that can be started as a server.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) kind: Kind,
    pub(crate) binary: PathBuf,
}

/// How a server is started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// `executor.verificationRequestTimeout`, in milliseconds.
    pub(crate) timeout_ms: u64,
    /// Whether the registry is reached over TLS.
    pub(crate) tls: bool,
    /// Keep to this one core, so that a load on another one is not in the way.
    pub(crate) core: Option<usize>,
    /// Whether `/metrics` is served.
    pub(crate) metrics: bool,
    /// The length of the bare server's answer.
    pub(crate) answer: usize,
}

impl Default for Start {
    fn default() -> Self {
        Self {
            timeout_ms: 60_000,
            tls: false,
            core: None,
            metrics: false,
            answer: 0,
        }
    }
}

/// Certificates, on disk and in memory, and where servers write.
#[derive(Debug)]
pub(crate) struct Rig {
    folder: TempDir,
    client: Arc<ClientConfig>,
    plain: SocketAddr,
    tls: SocketAddr,
    logs: Option<PathBuf>,
}

impl Rig {
    /// Write certificates for every server, and find out where the registry is.
    pub(crate) fn new(registry: &Handle, logs: Option<PathBuf>) -> Result<Self> {
        let folder = TempDir::with_prefix("ratify-bench-").context("cannot make a folder")?;
        let servers = Authority::new("Bench Server Root");
        let server = servers.issue(&Template::tls_server(&["127.0.0.1", "localhost"]));
        let clients = Authority::new("Bench Client Root");
        let client = clients.issue(&client_template());
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("tls"))?;
        fs::write(at("tls/tls.crt"), pem("CERTIFICATE", server.leaf()))?;
        fs::write(at("tls/tls.key"), server.key_pem())?;
        fs::write(at("client-ca.crt"), clients.pem())?;
        // for the load generator, which is a process of its own
        fs::write(at("server-root.der"), servers.certificate())?;
        fs::write(at("client.der"), client.leaf())?;
        fs::write(at("client-key.der"), client.key.pkcs8_der())?;
        let started = registry.started();
        fs::write(at("root.pem"), &started.root)?;
        fs::write(at("registry-root.pem"), &started.tls_root)?;
        Ok(Self {
            client: client_config(folder.path())?,
            plain: SocketAddr::from(([127, 0, 0, 1], started.plain)),
            tls: SocketAddr::from(([127, 0, 0, 1], started.tls)),
            folder,
            logs,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn client(&self) -> &Arc<ClientConfig> {
        &self.client
    }

    /// The registry's address, with or without TLS.
    pub(crate) fn registry(&self, tls: bool) -> SocketAddr {
        if tls { self.tls } else { self.plain }
    }

    /// Start a server. It may not serve yet: see [`Server::connect`].
    pub(crate) fn spawn(&self, program: &Program, start: Start) -> Result<Server> {
        let home = TempDir::with_prefix_in("home-", self.folder.path())?;
        let address = free_address()?;
        let config = home.path().join("config.json");
        let written = config_of(
            program.kind,
            start,
            self.registry(start.tls),
            self.folder.path(),
        );
        fs::write(&config, written.to_string())?;
        let mut command = match start.core {
            None => Command::new(&program.binary),
            Some(core) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(core.to_string());
                command.arg(&program.binary);
                command
            }
        };
        let metrics = free_address()?;
        match program.kind {
            Kind::Bare => {
                command.arg(address.to_string()).arg(self.folder.path());
                command.arg(start.answer.to_string());
            }
            Kind::Original | Kind::Ours => {
                let metrics = start.metrics.then_some(metrics);
                self.add_flags(&mut command, address, &config, metrics)?;
            }
        }
        let log = self.log(program.kind)?;
        command
            .current_dir(home.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let spawned = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.binary.display()))?;
        Ok(Server {
            child,
            kind: program.kind,
            home,
            address,
            metrics,
            spawned,
        })
    }

    /// The flags that both Ratify 1.4.4 and ours understand.
    fn add_flags(
        &self,
        command: &mut Command,
        address: SocketAddr,
        config: &Path,
        metrics: Option<SocketAddr>,
    ) -> Result<()> {
        let folder = self.folder.path();
        command.args(["serve", "--http", &address.to_string()]);
        command.arg("--config").arg(config);
        command.arg("--cert-dir").arg(folder.join("tls"));
        command
            .arg("--ca-cert-file")
            .arg(folder.join("client-ca.crt"));
        command.args(["--cache-enabled", "--cache-ttl", CACHE_TTL]);
        command.args(["--health-port", &free_address()?.to_string()]);
        if let Some(metrics) = metrics {
            command.arg("--metrics-enabled");
            command.args(["--metrics-port", &metrics.port().to_string()]);
        }
        Ok(())
    }

    /// Start a server and wait until it serves.
    pub(crate) fn start(&self, program: &Program, start: Start) -> Result<(Server, Connection)> {
        let mut server = self.spawn(program, start)?;
        let connection = server.connect(&self.client)?;
        Ok((server, connection))
    }

    fn log(&self, kind: Kind) -> Result<Stdio> {
        let Some(folder) = &self.logs else {
            return Ok(Stdio::null());
        };
        let path = folder.join(format!("{kind:?}.log").to_lowercase());
        let file = File::options().create(true).append(true).open(&path);
        Ok(file
            .with_context(|| format!("cannot open `{}`", path.display()))?
            .into())
    }
}

/// A client certificate as Gatekeeper has one.
fn client_template() -> Template {
    let key = SigningKey::new(KeyKind::P256);
    Template::blank(Name::empty().with("CN", "gatekeeper"), key)
        .with(Extension::key_usage(&[KeyUsage::DigitalSignature]))
        .with(Extension::extended_key_usage(&[oids::CLIENT_AUTH]))
}

/// The client's side of TLS, from the files of a rig's folder: TLS 1.3, no resumption (Gatekeeper makes a new transport
/// for each request), no ALPN.
pub(crate) fn client_config(folder: &Path) -> Result<Arc<ClientConfig>> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(read("server-root.der")?))?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(read("client-key.der")?));
    let certificate = CertificateDer::from(read("client.der")?);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate], key)?;
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr()?)
}

/// The configuration that both read; only how the registry is reached has another spelling.
fn config_of(kind: Kind, start: Start, registry: SocketAddr, folder: &Path) -> Value {
    let store = match (kind, start.tls) {
        // https on 127.0.0.1 without a look at the certificate is what it does by itself
        (Kind::Original, true) => json!({ "name": "oras" }),
        (Kind::Original, false) => json!({ "name": "oras", "useHttp": true }),
        (_, true) => {
            let root = folder.join("registry-root.pem");
            let entry = json!({ "host": registry.to_string(), "caFile": root });
            json!({ "name": "oras", "registries": [entry] })
        }
        (_, false) => {
            let entry = json!({ "host": registry.to_string(), "plainHttp": true });
            json!({ "name": "oras", "registries": [entry] })
        }
    };
    json!({
        "executor": { "verificationRequestTimeout": start.timeout_ms },
        "store": { "version": "1.0.0", "plugins": [store] },
        "policy": {
            "version": "1.0.0",
            "plugin": {
                "name": "configPolicy",
                "artifactVerificationPolicies": {
                    "application/vnd.cncf.notary.signature": "all",
                },
            },
        },
        "verifier": {
            "version": "1.0.0",
            "plugins": [{
                "name": "notation",
                "artifactTypes": "application/vnd.cncf.notary.signature",
                "verificationCerts": [folder.join("root.pem")],
                "trustPolicyDoc": {
                    "version": "1.0",
                    "trustPolicies": [{
                        "name": "bench",
                        "registryScopes": ["*"],
                        "signatureVerification": { "level": "strict" },
                        "trustStores": ["ca:certs"],
                        "trustedIdentities": ["*"],
                    }],
                },
            }],
        },
    })
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) kind: Kind,
    home: TempDir,
    pub(crate) address: SocketAddr,
    /// Where `/metrics` is, if it was asked for.
    pub(crate) metrics: SocketAddr,
    /// When its process was made.
    pub(crate) spawned: Instant,
}

impl Server {
    pub(crate) fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// What it wrote to disk lies below.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The first connection that works.
    pub(crate) fn connect(&mut self, tls: &Arc<ClientConfig>) -> Result<Connection> {
        let end = Instant::now() + START_DEADLINE;
        loop {
            let error = match Connection::open(self.address, tls) {
                Ok(connection) => return Ok(connection),
                Err(error) => error,
            };
            if let Some(status) = self.child.try_wait()? {
                bail!("{:?} ended with {status} before it served", self.kind);
            }
            if Instant::now() >= end {
                return Err(error.context(format!("{:?} does not serve", self.kind)));
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // both fail only if it has ended already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
