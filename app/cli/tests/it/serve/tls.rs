//! Over TLS, with the certificates of clients.

use std::fs;
use std::time::Duration;

use ratify_testkit::certs::{Authority, Chain, Extension, Template};
use reqwest::{Certificate, Client, Identity};
use serde_json::Value;

use super::process::{Process, VERIFY, question, rig, verdict, wait_until};
use crate::rig::Rig;

/// Client authentication (RFC 5280 section 4.2.1.12).
const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

/// The authorities of a cluster, and the files that a server reads.
struct Cluster {
    servers: Authority,
    clients: Authority,
}

impl Cluster {
    /// Make them, and write `tls/tls.crt`, `tls/tls.key` and `tls/client-ca/ca.crt` below the rig's directory.
    fn new(rig: &Rig) -> Self {
        let cluster = Self {
            servers: Authority::new("Server CA"),
            clients: Authority::new("Gatekeeper CA"),
        };
        cluster.write(rig);
        cluster
    }

    fn write(&self, rig: &Rig) {
        let server = self.servers.issue(&Template::tls_server(&["127.0.0.1"]));
        let tls = rig.path().join("tls");
        fs::create_dir_all(tls.join("client-ca")).unwrap();
        fs::write(tls.join("tls.crt"), server.pem()).unwrap();
        fs::write(tls.join("tls.key"), server.key_pem()).unwrap();
        fs::write(tls.join("client-ca/ca.crt"), self.clients.pem()).unwrap();
    }

    /// A client that trusts the server, and shows the certificate of `who`.
    fn client(&self, who: Option<&Chain>) -> Client {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let root = Certificate::from_pem(self.servers.pem().as_bytes()).unwrap();
        let mut builder = Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(30))
            .tls_certs_only([root]);
        if let Some(who) = who {
            let pem = format!("{}{}", who.pem(), who.key_pem());
            builder = builder.identity(Identity::from_pem(pem.as_bytes()).unwrap());
        }
        builder.build().unwrap()
    }

    fn gatekeeper(&self) -> Chain {
        let usage = Extension::extended_key_usage(&[CLIENT_AUTH]);
        self.clients
            .issue(&Template::leaf("gatekeeper").with(usage))
    }
}

async fn ask(client: &Client, server: &Process, key: &str) -> Result<Value, reqwest::Error> {
    let url = format!("https://{}{VERIFY}", server.address());
    let answer = client.post(url).body(question(&[key])).send().await?;
    Ok(serde_json::from_str(&answer.text().await?).unwrap())
}

/// Paths as the chart writes them: relative, to the working directory.
const FLAGS: &[&str] = &["--cert-dir=tls", "--ca-cert-file=tls/client-ca/ca.crt"];

#[tokio::test(flavor = "multi_thread")]
async fn v_2_2_only_clients_with_a_certificate_are_answered() {
    let (rig, _) = rig().await;
    let cluster = Cluster::new(&rig);
    let server = Process::start(&rig, FLAGS);
    let key = rig.tagged("app");
    let gatekeeper = cluster.gatekeeper();
    let answer = ask(&cluster.client(Some(&gatekeeper)), &server, &key).await;
    assert_eq!(verdict(&answer.unwrap()), Some(true));
    let stranger = Authority::new("Gatekeeper CA").leaf("gatekeeper");
    for client in [cluster.client(None), cluster.client(Some(&stranger))] {
        assert!(ask(&client, &server, &key).await.is_err());
    }
    let log = server.stop().join("\n");
    assert!(
        log.contains("starting server using TLS: [certFile:tls/tls.crt] [keyFile:tls/tls.key]"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_followed() {
    let (rig, _) = rig().await;
    let before = Cluster::new(&rig);
    let server = Process::start(&rig, FLAGS);
    let key = rig.tagged("app");
    let old = before.client(Some(&before.gatekeeper()));
    assert!(ask(&old, &server, &key).await.is_ok());
    let after = Cluster::new(&rig);
    let new = after.client(Some(&after.gatekeeper()));
    let mut swapped = None;
    for _ in 0..600 {
        if let Ok(answer) = ask(&new, &server, &key).await {
            swapped = verdict(&answer);
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(swapped, Some(true));
    assert!(ask(&old, &server, &key).await.is_err());
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn decision_25_a_client_authority_that_is_missing_refuses_everybody_and_is_not_ready() {
    let (rig, _) = rig().await;
    let cluster = Cluster::new(&rig);
    let ca = rig.path().join("tls/client-ca/ca.crt");
    let content = fs::read(&ca).unwrap();
    fs::remove_file(&ca).unwrap();
    let server = Process::start(&rig, FLAGS);
    let client = cluster.client(Some(&cluster.gatekeeper()));
    assert!(ask(&client, &server, &rig.tagged("app")).await.is_err());
    assert_eq!(server.readiness().status, 503);
    fs::write(&ca, content).unwrap();
    wait_until("it is ready", || {
        (server.readiness().status == 200).then_some(())
    });
    let answer = ask(&client, &server, &rig.tagged("app")).await.unwrap();
    assert_eq!(verdict(&answer), Some(true));
    server.stop();
}
