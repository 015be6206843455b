//! etcd, kube-apiserver and kube-controller-manager. No scheduler and no kubelet: pods stay
//! pending, which is all that admission needs.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ratify_peers::{Home, Peer};

use crate::daemon::Daemon;
use crate::kubectl::{Kubectl, Login, kubeconfig};
use crate::pki::Pki;
use crate::poll::{Seen, until};
use crate::ports;
use crate::watchdog::Watchdog;

/// Time until the API server is ready: 3 s on an idle machine, and a busy one gets much more.
const READY_DEADLINE: Duration = Duration::from_mins(2);

/// Service addresses: a range of numbers in etcd that nothing ever dials.
const SERVICE_RANGE: &str = "10.0.0.0/24";

/// Controllers that need nodes or a cloud.
const CONTROLLERS: &str = "*,-node-ipam-controller,-node-lifecycle-controller,-service-lb-controller,-node-route-controller";

/// The programs.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) etcd: Peer,
    pub(crate) api_server: Peer,
    pub(crate) controllers: Peer,
    pub(crate) kubectl: Peer,
}

/// A running control plane. Fields are dropped, and so stopped, from top to bottom.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    _controllers: Daemon,
    api_server: Daemon,
    _etcd: Daemon,
    /// kubectl as administrator.
    pub(crate) kubectl: Kubectl,
    /// `https://127.0.0.1:<port>`.
    pub(crate) url: String,
}

impl ControlPlane {
    /// Start all three and wait until the API server is ready.
    pub(crate) fn start(
        programs: &Programs,
        home: &Arc<Home>,
        pki: &Pki,
        watchdog: &Watchdog,
    ) -> Result<Self> {
        let [client_port, peer_port, api_port, controllers_port] = ports::free()?;
        let url = format!("https://127.0.0.1:{api_port}");
        let etcd_url = format!("http://127.0.0.1:{client_port}");
        let etcd = Daemon::start(
            "etcd",
            etcd(home, &programs.etcd, &etcd_url, peer_port),
            &home.path().join("etcd.log"),
            watchdog,
        )?;
        let api_server = Daemon::start(
            "kube-apiserver",
            api_server(home, &programs.api_server, pki, &etcd_url, api_port),
            &home.path().join("kube-apiserver.log"),
            watchdog,
        )?;
        let administrator = kubeconfig(&url, pki, &Login::Certificate(&pki.administrator));
        let kubeconfig = home.write("administrator.kubeconfig", administrator)?;
        let controllers = Daemon::start(
            "kube-controller-manager",
            controllers(
                home,
                &programs.controllers,
                pki,
                &kubeconfig,
                controllers_port,
            ),
            &home.path().join("kube-controller-manager.log"),
            watchdog,
        )?;
        let mut plane = Self {
            _controllers: controllers,
            api_server,
            _etcd: etcd,
            kubectl: Kubectl::new(&programs.kubectl, home, kubeconfig),
            url,
        };
        plane.await_ready()?;
        Ok(plane)
    }

    fn await_ready(&mut self) -> Result<()> {
        until("a ready API server", READY_DEADLINE, || {
            self.api_server.expect_alive()?;
            let outcome = self.kubectl.run(&["get", "--raw", "/readyz"])?;
            Ok(if outcome.success() {
                Seen::Done(())
            } else {
                Seen::NotYet(outcome.stderr)
            })
        })
    }
}

fn etcd(home: &Home, program: &Peer, client_url: &str, peer_port: u16) -> Command {
    let peer_url = format!("http://127.0.0.1:{peer_port}");
    let mut command = home.command(program);
    command
        .arg("--data-dir")
        .arg(home.path().join("etcd"))
        // the data is thrown away with the cluster
        .arg("--unsafe-no-fsync")
        .args(["--listen-client-urls", client_url])
        .args(["--advertise-client-urls", client_url])
        .args(["--listen-peer-urls", &peer_url])
        .args(["--initial-advertise-peer-urls", &peer_url])
        .args(["--initial-cluster", &format!("default={peer_url}")]);
    command
}

fn api_server(home: &Home, program: &Peer, pki: &Pki, etcd_url: &str, port: u16) -> Command {
    let mut command = home.command(program);
    command
        .args(["--etcd-servers", etcd_url])
        .args(["--bind-address", "127.0.0.1"])
        .args(["--advertise-address", "127.0.0.1"])
        .args(["--secure-port", &port.to_string()])
        .args(["--endpoint-reconciler-type", "none"])
        .args(["--service-cluster-ip-range", SERVICE_RANGE])
        .args(["--authorization-mode", "RBAC"])
        .args(["--shutdown-delay-duration", "0s"]);
    command
        .args(["--service-account-issuer", "https://kubernetes.default.svc"])
        .args(flag_of(
            "--service-account-key-file",
            &pki.service_accounts_public,
        ))
        .args(flag_of(
            "--service-account-signing-key-file",
            &pki.service_accounts,
        ))
        .args(flag_of("--client-ca-file", &pki.authority))
        .args(flag_of("--tls-cert-file", &pki.api_server.certificate))
        .args(flag_of("--tls-private-key-file", &pki.api_server.key));
    command
}

fn controllers(home: &Home, program: &Peer, pki: &Pki, kubeconfig: &Path, port: u16) -> Command {
    let mut command = home.command(program);
    command
        .args(flag_of("--kubeconfig", kubeconfig))
        .args(flag_of("--root-ca-file", &pki.authority))
        .args(flag_of(
            "--service-account-private-key-file",
            &pki.service_accounts,
        ))
        .args(["--bind-address", "127.0.0.1"])
        .args(["--secure-port", &port.to_string()])
        .args(["--leader-elect=false", "--controllers", CONTROLLERS]);
    command
}

fn flag_of(name: &str, path: &Path) -> [std::ffi::OsString; 2] {
    [name.into(), path.into()]
}
