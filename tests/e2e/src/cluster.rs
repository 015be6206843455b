//! The whole: control plane, Gatekeeper, provider and images, and what is enforced.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use ratify_peers::{Home, Ours, Peer};

use crate::control_plane::{self, ControlPlane};
use crate::daemon::Log;
use crate::gatekeeper::Gatekeeper;
use crate::images::{self, Images};
use crate::kubectl::Kubectl;
use crate::pki::Pki;
use crate::policy::{self, Template};
use crate::poll::{Seen, until};
use crate::provider::{Provider, Server};
use crate::watchdog::Watchdog;

/// Time until Gatekeeper enforces a constraint: under a second on an idle machine.
const ENFORCED_DEADLINE: Duration = Duration::from_mins(1);

/// Every program that a cluster is made of.
#[derive(Debug)]
pub struct Programs {
    plane: control_plane::Programs,
    images: images::Programs,
    gatekeeper: Peer,
    /// The original to compare with.
    pub original: Peer,
}

impl Programs {
    /// Find all of them, or say loudly that the tests are skipped.
    ///
    /// # Panics
    ///
    /// If one is missing and the environment variable `CI` is set.
    pub fn require() -> Option<Self> {
        let names = [
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kubectl",
            "gatekeeper",
            "referrers-registry",
            "oras",
            "notation",
            "ratify",
        ];
        let [
            etcd,
            api_server,
            controllers,
            kubectl,
            gatekeeper,
            registry,
            oras,
            notation,
            original,
        ] = Peer::require_all(names)?;
        Some(Self {
            plane: control_plane::Programs {
                etcd,
                api_server,
                controllers,
                kubectl,
            },
            images: images::Programs {
                registry,
                oras,
                notation,
            },
            gatekeeper,
            original,
        })
    }

    /// Our own server.
    ///
    /// # Panics
    ///
    /// If it is not built.
    pub fn ours() -> Server {
        Server::Ours(Ours::find())
    }
}

/// A running cluster. Fields are dropped, and so stopped, from top to bottom; the home folder
/// with all logs goes last.
#[derive(Debug)]
pub struct Cluster {
    provider: Provider,
    gatekeeper: Gatekeeper,
    plane: ControlPlane,
    images: Images,
    server: Server,
    template: Template,
    constraint_kind: String,
    // learns of each end above, and then has nothing left to do
    _watchdog: Watchdog,
    _home: Arc<Home>,
}

impl Cluster {
    /// From nothing to a cluster in which `server` answers and `template` is enforced. `progress`
    /// hears what is up, and after how long.
    pub fn start(
        programs: &Programs,
        server: Server,
        template: Template,
        progress: impl Fn(&str, Duration),
    ) -> Result<Self> {
        let start = Instant::now();
        let up = |what: &str| progress(what, start.elapsed());
        let home = Arc::new(Home::new()?);
        let watchdog = Watchdog::start()?;
        let pki = Pki::create(&home)?;
        let plane = ControlPlane::start(&programs.plane, &home, &pki, &watchdog)?;
        up("kube-apiserver ready");
        let gatekeeper = Gatekeeper::start(&programs.gatekeeper, &home, &plane, &pki, &watchdog)?;
        up("Gatekeeper's webhook ready");
        let images = Images::create(&programs.images)?;
        up("images pushed and signed");
        let mut provider = Provider::new(
            &home,
            &watchdog,
            pki.provider_folder.clone(),
            gatekeeper.client_authority(),
        )?;
        provider.start(&server, &images)?;
        policy::install_providers(&plane.kubectl, &provider, &pki)?;
        up("provider listens");
        let constraint_kind = policy::install(&plane.kubectl, template)?;
        let mut cluster = Self {
            provider,
            gatekeeper,
            plane,
            images,
            server,
            template,
            constraint_kind,
            _watchdog: watchdog,
            _home: home,
        };
        cluster.await_enforced()?;
        up("an unsigned image is denied");
        Ok(cluster)
    }

    /// Let another server answer under the same address, and another template be enforced.
    pub fn change(&mut self, server: Server, template: Template) -> Result<()> {
        self.provider.stop()?;
        self.provider.start(&server, &self.images)?;
        self.server = server;
        self.constraint_kind = policy::install(&self.plane.kubectl, template)?;
        self.template = template;
        self.await_enforced()
    }

    /// An unsigned image is denied in the words of the template, and a signed one is not: both,
    /// because a denial alone could be about a server that cannot be reached yet.
    fn await_enforced(&mut self) -> Result<()> {
        let (signed, unsigned) = (&self.images.signed.by_tag, &self.images.unsigned.by_tag);
        let denial = self.template.denial(unsigned);
        until("an enforced constraint", ENFORCED_DEADLINE, || {
            self.gatekeeper.expect_alive()?;
            self.provider.expect_alive()?;
            let probe = |image: &str| {
                let image = format!("--image={image}");
                let kubectl = &self.plane.kubectl;
                kubectl.run(&["run", "probe", "--dry-run=server", &image])
            };
            let denied = probe(unsigned)?;
            if denied.success() || !denied.stderr.contains(&denial) {
                return Ok(Seen::NotYet(format!("{denied:?}")));
            }
            let admitted = probe(signed)?;
            Ok(if admitted.success() {
                Seen::Done(())
            } else {
                Seen::NotYet(admitted.stderr)
            })
        })
        .with_context(|| {
            format!(
                "provider's log:\n{}\nGatekeeper's log:\n{}",
                self.provider.log().tail(20),
                self.gatekeeper.log().tail(20)
            )
        })
    }

    /// Stop the server. Returns its exit status.
    pub fn stop_server(&mut self) -> Result<std::process::ExitStatus> {
        self.provider.stop()
    }

    /// Start the server again.
    pub fn start_server(&mut self) -> Result<()> {
        self.provider.start(&self.server, &self.images)
    }

    /// Let Gatekeeper's webhook fall silent, until [`Cluster::wake_gatekeeper`].
    pub fn silence_gatekeeper(&self) -> Result<()> {
        self.gatekeeper.silence()
    }

    /// Let Gatekeeper's webhook speak again.
    pub fn wake_gatekeeper(&self) -> Result<()> {
        self.gatekeeper.wake()
    }

    /// Make Gatekeeper issue itself a new authority and new certificates.
    pub fn rotate_gatekeepers_authority(&mut self) -> Result<()> {
        self.gatekeeper.rotate_authority(&self.plane.kubectl)
    }

    /// How many requests the API server admitted so far because a webhook did not answer.
    pub fn failed_open(&self) -> Result<u64> {
        let metrics = self.plane.kubectl.expect(&["get", "--raw", "/metrics"])?;
        sum_of(&metrics, "apiserver_admission_webhook_fail_open_count{")
    }

    /// kubectl as administrator.
    pub fn kubectl(&self) -> &Kubectl {
        &self.plane.kubectl
    }

    /// The images.
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// Who answers.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// What is enforced.
    pub fn template(&self) -> Template {
        self.template
    }

    /// The kind of constraints that the template makes.
    pub fn constraint_kind(&self) -> &str {
        &self.constraint_kind
    }

    /// What the provider's server said.
    pub(crate) fn server_log(&self) -> &Log {
        self.provider.log()
    }

    /// What Gatekeeper's webhook said.
    pub(crate) fn gatekeeper_log(&self) -> &Log {
        self.gatekeeper.log()
    }
}

/// The sum of all series of a metric in Prometheus' text format.
fn sum_of(metrics: &str, series: &str) -> Result<u64> {
    metrics
        .lines()
        .filter(|line| line.starts_with(series))
        .map(|line| {
            let value = line.rsplit(' ').next().unwrap_or_default();
            let count = value.parse::<u64>();
            count.with_context(|| format!("expected a count at the end of `{line}`"))
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_series_of_one_metric_are_summed() {
        let metrics = "# TYPE a_count counter\na_count{name=\"x\"} 2\na_count{name=\"y z\"} 3\na_counts{} 5\n";
        assert_eq!(sum_of(metrics, "a_count{").unwrap(), 5);
        assert_eq!(sum_of(metrics, "b_count{").unwrap(), 0);
        assert!(sum_of("a_count{} NaN", "a_count{").is_err());
    }
}
