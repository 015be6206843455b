//! One case on stage: a fresh namespace, and a record of everything that was said in it.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use ratify_peers::Outcome;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::daemon::last_lines;
use crate::policy::{UNENFORCED, constraint};
use crate::poll::{Seen, until};

/// Time for what a controller does after an admission.
const DEADLINE: Duration = Duration::from_mins(1);

/// Lines of the server's log and of the events that are shown of one case, and characters of each.
const LOG_LINES: usize = 8;
const EVENT_LINES: usize = 3;
const LINE_CHARS: usize = 400;

/// Whether the constraint that denies looks into a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Enforcement {
    Deny,
    None,
}

/// What one case works with.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The cluster.
    pub cluster: &'a mut Cluster,
    /// The namespace of this case.
    namespace: String,
    unenforced: Option<String>,
    /// Objects outside the namespace that go with the case.
    leftovers: Vec<String>,
    record: String,
    log_start: u64,
    failed_open: u64,
}

impl<'a> Scene<'a> {
    /// A new namespace called `name`, which no other case of this cluster may use.
    pub fn open(cluster: &'a mut Cluster, name: &str) -> Result<Self> {
        let log_start = cluster.server_log().end();
        let failed_open = cluster.failed_open()?;
        let scene = Self {
            cluster,
            namespace: name.to_owned(),
            unenforced: None,
            leftovers: Vec::new(),
            record: String::new(),
            log_start,
            failed_open,
        };
        scene.create_namespace(name, Enforcement::Deny)?;
        Ok(scene)
    }

    fn create_namespace(&self, name: &str, enforcement: Enforcement) -> Result<()> {
        debug_assert_eq!(
            enforcement == Enforcement::None,
            name.starts_with(UNENFORCED)
        );
        let kubectl = self.cluster.kubectl();
        kubectl.expect(&["create", "namespace", name])?;
        // pods are refused until the controllers have made it
        until("a default service account", DEADLINE, || {
            let outcome = kubectl.run(&["get", "serviceaccount", "default", "-n", name])?;
            Ok(if outcome.success() {
                Seen::Done(())
            } else {
                Seen::NotYet(outcome.stderr)
            })
        })
    }

    /// Go on in another namespace that the denying constraint does not look into.
    pub fn leave_enforcement(&mut self) -> Result<()> {
        let name = format!("{UNENFORCED}{}", self.namespace);
        self.create_namespace(&name, Enforcement::None)?;
        self.unenforced = Some(name);
        Ok(())
    }

    /// The namespace in which commands run now.
    pub fn namespace(&self) -> &str {
        self.unenforced.as_deref().unwrap_or(&self.namespace)
    }

    /// kubectl in this namespace, for the record.
    pub fn kubectl(&mut self, arguments: &[&str]) -> Result<Outcome> {
        let mut all = arguments.to_vec();
        let namespace = self.namespace().to_owned();
        all.extend(["-n", &namespace]);
        let outcome = self.cluster.kubectl().run(&all)?;
        // writing to a String cannot fail
        let _ = writeln!(self.record, "$ kubectl {}", all.join(" "));
        for text in [&outcome.stdout, &outcome.stderr] {
            for line in text.lines() {
                let _ = writeln!(self.record, "  {line}");
            }
        }
        Ok(outcome)
    }

    /// `kubectl run` of one image, as a pod of the name `pod`.
    pub fn run_image(&mut self, pod: &str, image: &str) -> Result<Outcome> {
        self.kubectl(&["run", pod, &format!("--image={image}")])
    }

    /// Apply an object, for the record.
    pub fn apply(&mut self, object: &Value) -> Result<Outcome> {
        let file = self.cluster.kubectl().file(self.namespace(), object)?;
        self.kubectl(&["apply", "-f", &file])
    }

    /// Apply an object that is in no namespace, `<resource>/<name>`; it goes with the case.
    pub fn apply_to_cluster(&mut self, object: &Value, name: &str) -> Result<Outcome> {
        self.leftovers.push(name.to_owned());
        self.apply(object)
    }

    /// Expect that the image is admitted, **and that our server was asked**: Gatekeeper's webhook
    /// fails open, so an admission alone proves nothing.
    pub fn expect_admitted(&mut self, pod: &str, image: &str) -> Result<()> {
        let outcome = self.run_image(pod, image)?;
        ensure!(outcome.success(), "expected `{image}` to be admitted");
        self.expect_asked(image)
    }

    /// Expect that the server's log of this case names `image` in a verdict.
    pub fn expect_asked(&mut self, image: &str) -> Result<()> {
        let start = self.log_start;
        let log = self.cluster.server_log().clone();
        let verdict = format!("verification response for subject {image}");
        until(&format!("`{verdict}` in the log"), DEADLINE, || {
            Ok(if log.since(start).contains(&verdict) {
                Seen::Done(())
            } else {
                Seen::NotYet("no such line".to_owned())
            })
        })
    }

    /// Expect that Gatekeeper denied, with all of these words.
    pub fn expect_denial(outcome: &Outcome, words: &[&str]) -> Result<()> {
        ensure!(!outcome.success(), "expected a denial");
        let webhook = "admission webhook \"validation.gatekeeper.sh\" denied the request";
        for word in [webhook].iter().chain(words) {
            if !outcome.stderr.contains(word) {
                bail!("expected `{word}` in the denial, found: {}", outcome.stderr);
            }
        }
        Ok(())
    }

    /// Expect that the image is denied, with all of these words.
    pub fn expect_denied(&mut self, image: &str, words: &[&str]) -> Result<()> {
        let outcome = self.run_image("denied", image)?;
        Self::expect_denial(&outcome, words)
    }

    /// Run again until kubectl says what is looked for. Only the last attempt is on record.
    pub fn kubectl_until(
        &mut self,
        what: &str,
        arguments: &[&str],
        mut done: impl FnMut(&Outcome) -> bool,
    ) -> Result<Outcome> {
        let before = self.record.len();
        until(what, DEADLINE, || {
            self.record.truncate(before);
            let outcome = self.kubectl(arguments)?;
            Ok(if done(&outcome) {
                Seen::Done(outcome)
            } else {
                Seen::NotYet(format!("{outcome:?}"))
            })
        })
    }

    /// Apply a constraint that only reports, for this namespace alone. Returns
    /// `<plural>/<name>`; it goes with the case.
    pub fn report_only_constraint(&mut self) -> Result<String> {
        let kind = self.cluster.constraint_kind().to_owned();
        let namespace = self.namespace().to_owned();
        let object = constraint(
            &kind,
            &namespace,
            "dryrun",
            &json!({
                "kinds": [{ "apiGroups": [""], "kinds": ["Pod"] }],
                "namespaces": [namespace],
            }),
        );
        let name = format!("{}/{namespace}", kind.to_lowercase());
        let outcome = self.apply_to_cluster(&object, &name)?;
        ensure!(outcome.success(), "expected a constraint");
        Ok(name)
    }

    /// Expect that since the case began the API server admitted nothing because Gatekeeper did not
    /// answer it.
    pub fn expect_nothing_failed_open(&self) -> Result<()> {
        let now = self.cluster.failed_open()?;
        ensure!(
            now == self.failed_open,
            "the API server admitted {} requests without an answer of Gatekeeper",
            now.saturating_sub(self.failed_open)
        );
        Ok(())
    }

    /// Begin to count again, where a case has seen the API server admit so and it had to.
    pub fn restart_the_count_of_failed_open(&mut self) -> Result<()> {
        self.failed_open = self.cluster.failed_open()?;
        Ok(())
    }

    /// What was said: by kubectl, in events, and by the server.
    pub fn evidence(&mut self) -> String {
        let namespace = self.namespace().to_owned();
        let events = ["get", "events", "--no-headers", "-n", &namespace];
        let mut text = std::mem::take(&mut self.record);
        match self.cluster.kubectl().run(&events) {
            Ok(events) if events.stdout.is_empty() => text.push_str("no events\n"),
            Ok(events) => {
                let events = last_lines(&events.stdout, EVENT_LINES);
                let _ = writeln!(text, "events, at the end:\n{}", indented(&events));
            }
            Err(error) => {
                let _ = writeln!(text, "no events: {error:#}");
            }
        }
        let _ = writeln!(text, "{}, at the end:", self.cluster.server().name());
        let log = self.cluster.server_log().since(self.log_start);
        text.push_str(&indented(&last_lines(&log, LOG_LINES)));
        text
    }

    /// What Gatekeeper said, for a case that failed.
    pub fn gatekeepers_words(&self) -> String {
        indented(&self.cluster.gatekeeper_log().tail(LOG_LINES))
    }

    /// Delete what the case left, without waiting for it.
    pub fn close(self) -> Result<()> {
        let kubectl = self.cluster.kubectl();
        for object in &self.leftovers {
            kubectl.expect(&["delete", object, "--ignore-not-found"])?;
        }
        let namespaces = [Some(&self.namespace), self.unenforced.as_ref()];
        for namespace in namespaces.into_iter().flatten() {
            kubectl.expect(&["delete", "namespace", namespace, "--wait=false"])?;
        }
        Ok(())
    }
}

/// The lines of `text`, moved in and cut.
fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line: String = line.chars().take(LINE_CHARS).collect();
        format!("  {line}")
    });
    lines.collect::<Vec<_>>().join("\n")
}
