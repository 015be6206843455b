//! A server with all it needs: registries, trust, certificates, a configuration, and a client that may ask.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ratify_oci::Descriptor;
use ratify_testkit::certs::{Authority, Chain, Extension, Name, Template, oids};
use ratify_testkit::image::Image;
use ratify_testkit::keys::{KeyKind, SigningKey};
use ratify_testkit::registry::{Builder, Registry};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::Client;
use crate::rig::{Rig, signature};
use crate::serve::process::{Process, command};

/// How long Gatekeeper waits here: what the configuration says. The server answers in 85 % of it. Long, so that a machine
/// that does other things too changes no verdict; tests of the deadline itself have [`SHORT`].
const PATIENCE: Duration = Duration::from_secs(20);
/// The patience of tests in which it ends.
pub(crate) const SHORT: Duration = Duration::from_secs(3);

/// Everything but the running server.
pub(crate) struct Scene {
    pub(crate) rig: Rig,
    pub(crate) config: Value,
    pub(crate) servers: Authority,
    pub(crate) clients: Authority,
    pub(crate) gatekeeper: Chain,
}

/// A running server and a client that may ask it.
pub(crate) struct Serving {
    pub(crate) process: Process,
    pub(crate) client: Client,
}

/// What a process takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resources {
    /// Resident memory in KiB.
    pub(crate) resident: u64,
    pub(crate) threads: u64,
}

impl Scene {
    /// With one registry, which is as usual.
    pub(crate) async fn new() -> Self {
        Self::of(Registry::builder()).await
    }

    /// With one registry, which is so.
    pub(crate) async fn of(registry: Builder) -> Self {
        let rig = Rig::over(registry.start().await.unwrap());
        let clients = Authority::new("Gatekeeper CA");
        let who = Template::blank(
            Name::empty().with("CN", "gatekeeper-webhook-service.gatekeeper-system.svc"),
            SigningKey::new(KeyKind::P256),
        );
        let usages = Extension::extended_key_usage(&[oids::SERVER_AUTH, oids::CLIENT_AUTH]);
        let mut scene = Self {
            config: Value::Null,
            servers: Authority::new("Ratify CA"),
            gatekeeper: clients.issue(&who.with(usages)),
            clients,
            rig,
        };
        scene.config = scene.rig.config();
        scene.patience(PATIENCE);
        scene.name_registries(&[]);
        fs::create_dir(scene.at("tls")).unwrap();
        scene.write_server_certificate(&scene.servers);
        fs::write(scene.at("tls/ca.crt"), scene.clients.pem()).unwrap();
        scene
    }

    /// Name these hosts in the configuration, beside the registry that is always there: a server asks no other on this
    /// machine.
    pub(crate) fn name_registries(&mut self, more: &[String]) {
        let host = self.rig.registry.host();
        let hosts = std::iter::once(&host).chain(more);
        let entries = hosts.map(|host| json!({ "host": host, "plainHttp": true }));
        self.config["store"]["plugins"][0]["registries"] = entries.collect();
        self.write_config();
    }

    /// Gatekeeper waits so long, and is told of it.
    pub(crate) fn patience(&mut self, patience: Duration) {
        self.config["executor"] = json!({
            "verificationRequestTimeout": patience.as_millis(),
            "mutationRequestTimeout": patience.as_millis(),
        });
        self.write_config();
    }

    pub(crate) fn write_config(&self) {
        self.rig.write_config(&self.config);
    }

    pub(crate) fn write_server_certificate(&self, authority: &Authority) {
        let server = authority.issue(&Template::tls_server(&["localhost", "127.0.0.1"]));
        fs::write(self.at("tls/tls.crt"), server.pem()).unwrap();
        fs::write(self.at("tls/tls.key"), server.key_pem()).unwrap();
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.rig.path().join(path)
    }

    /// An image with a good signature, under its digest.
    pub(crate) fn signed(&self, name: &str) -> String {
        let (image, _) = self.rig.push_signed(name);
        self.rig.registry.pinned(name, &image)
    }

    /// An image with so many good signatures, under its digest.
    pub(crate) fn signed_often(&self, name: &str, times: usize) -> String {
        let image = self.rig.push(name);
        for _ in 0..times {
            let signature = signature(&self.rig.root, &image);
            self.rig.registry.attach(name, &signature);
        }
        self.rig.registry.pinned(name, &image)
    }

    /// An image that nobody signed.
    pub(crate) fn unsigned(&self, name: &str) -> Descriptor {
        self.rig.registry.push_image(name, "v1", &Image::new(name))
    }

    /// Start with these flags beside the usual.
    pub(crate) fn start(&self, flags: &[&str]) -> Serving {
        let usual = [
            "--cert-dir=tls",
            "--ca-cert-file=tls/ca.crt",
            "--metrics-enabled",
            "--metrics-port=0",
        ];
        let mut command = command(&self.rig, &usual);
        command.args(flags);
        let process = Process::spawn(command);
        let client = self.client(process.address(), &[&self.servers]);
        Serving { process, client }
    }

    /// Start with verdicts that are remembered for a minute.
    pub(crate) fn start_remembering(&self) -> Serving {
        self.start(&["--cache-enabled", "--cache-ttl=1m"])
    }

    pub(crate) fn client(&self, address: SocketAddr, servers: &[&Authority]) -> Client {
        let patience = &self.config["executor"]["verificationRequestTimeout"];
        let patience = Duration::from_millis(patience.as_u64().unwrap());
        Client::new(servers, &self.gatekeeper, address, patience)
    }
}

impl Serving {
    /// `/metrics`.
    pub(crate) async fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(self.process.metrics()).await.unwrap();
        let request = "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answer
    }

    /// The sum over all series whose name and labels begin so.
    pub(crate) async fn metric(&self, begin: &str) -> u64 {
        let metrics = self.metrics().await;
        let series = metrics.lines().filter(|line| line.starts_with(begin));
        series
            .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
            .sum()
    }

    /// Wait until nothing is under way any more: no request, no connection, no work that outlives its request.
    pub(crate) async fn until_idle(&self) {
        let begin = Instant::now();
        loop {
            let mut busy = Vec::new();
            for series in [
                "ratify_requests_in_flight",
                "ratify_connections_open",
                "ratify_images_in_work",
            ] {
                let value = self.metric(series).await;
                if value != 0 {
                    busy.push(format!("{series} {value}"));
                }
            }
            if busy.is_empty() {
                return;
            }
            assert!(begin.elapsed() < Duration::from_secs(40), "still {busy:?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ask about `key` until this is said of it.
    pub(crate) async fn until(&self, key: &str, verdict: &str) {
        let begin = Instant::now();
        loop {
            let said = self.client.verdict(key).await;
            if said == verdict {
                return;
            }
            let waited = begin.elapsed();
            assert!(
                waited < Duration::from_secs(30),
                "still `{said}`, not `{verdict}`"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn resources(&self) -> Resources {
        let path = format!("/proc/{}/status", self.process.pid());
        let status = fs::read_to_string(path).unwrap();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.unwrap().split_whitespace().next().unwrap();
            number.parse().unwrap()
        };
        Resources {
            resident: of("VmRSS:"),
            threads: of("Threads:"),
        }
    }
}
