//! The run over one image.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use ratify_oci::{Descriptor, Digest, Reference, Repository};
use ratify_policy::{Decision, Findings};
use ratify_verify::{Artifact, Finding, Reason, ReasonCode, Subject, Verdict, Verifier};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::judge::Task;
use crate::{Listing, Report, Snapshot, Store, StoreError};

/// Every wait inside a run ends at its deadline by itself and leaves a finding; this is how much later the run is cut
/// off if one did not.
const GRACE: Duration = Duration::from_millis(50);

/// How far a run is, for people who wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The image was resolved to this digest.
    Resolved(Digest),
    /// So many artifacts will be judged.
    Listed(usize),
    /// One more artifact was judged.
    Judged,
}

/// Told of every [`Progress`]; must return at once.
pub type ProgressSink = dyn Fn(Progress) + Send + Sync;

/// What one store lists for a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// Name of the store.
    pub store: String,
    /// What it lists, or why it could not.
    pub listing: Result<Listing, StoreError>,
}

/// The engine: a snapshot and what to do with it.
#[derive(Debug, Clone)]
pub struct Engine {
    snapshot: Arc<Snapshot>,
}

/// Artifacts to judge, and what is known to be missing from them.
#[derive(Default)]
struct Plan {
    tasks: Vec<Task>,
    findings: Findings,
}

impl Engine {
    /// An engine that works with `snapshot`.
    pub fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot }
    }

    /// The snapshot in use.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Judge the image that `reference` names. `now` is the one time every check uses; the answer comes at `deadline`
    /// at the latest and is then [`Decision::Undecided`].
    ///
    /// One resolution: everything after it speaks of the digest it gave (attack catalogue T-24).
    pub async fn verify(
        &self,
        reference: &Reference,
        now: Timestamp,
        deadline: Instant,
        progress: &ProgressSink,
    ) -> Report {
        let fixed = self.fixed_findings(reference);
        if self.need_not_look(reference) {
            return self.report(
                reference,
                None,
                Findings {
                    findings: fixed,
                    ..Findings::default()
                },
            );
        }
        let mut resolved = None;
        let run = self.look(reference, now, deadline, progress, &mut resolved);
        let outcome = timeout_at(deadline + GRACE, run).await;
        let findings = outcome.unwrap_or_else(|_| Err(late("time ran out before the verdict")));
        match findings {
            Ok(mut findings) => {
                let skipped = fixed
                    .into_iter()
                    .filter(|finding| finding.verdict.accepted().is_some());
                findings.findings.extend(skipped);
                self.report(reference, resolved, findings)
            }
            Err(StoreError::Definitive(reason)) => {
                failed(reference, resolved, Decision::Deny(reason))
            }
            Err(StoreError::Unknown(reason)) => {
                failed(reference, resolved, Decision::Undecided(reason))
            }
        }
    }

    /// The digest `reference` points to in the first store, by name, that can tell.
    pub async fn resolve(
        &self,
        reference: &Reference,
        deadline: Instant,
    ) -> Result<Descriptor, StoreError> {
        self.resolve_in(reference, deadline)
            .await
            .map(|(_, descriptor)| descriptor)
    }

    /// What every store lists for `subject`, without judging any of it.
    pub async fn discover(
        &self,
        repository: &Repository,
        subject: &Digest,
        artifact_type: Option<&str>,
        deadline: Instant,
    ) -> Vec<Discovery> {
        let ask = |store: &Arc<dyn Store>| {
            let store = Arc::clone(store);
            async move {
                let listing = store.referrers(repository, subject, artifact_type, deadline);
                let listing = timeout_at(deadline, listing).await.unwrap_or_else(|_| {
                    Err(late("time ran out while listing what refers to the image"))
                });
                Discovery {
                    store: store.name().to_owned(),
                    listing,
                }
            }
        };
        join_all(self.snapshot.stores().iter().map(ask)).await
    }

    /// Findings of verifiers that need neither the image nor its artifacts. Per artifact type only the first verifier has
    /// a say, as over artifacts; which one that is goes by its place, because names need not differ.
    fn fixed_findings(&self, reference: &Reference) -> Vec<Finding> {
        let verifiers = self.snapshot.verifiers();
        let reads = |verifier: &Verifier, artifact_type: &str| {
            let mut types = verifier.artifact_types().iter();
            types.any(|one| one == "*" || one == artifact_type)
        };
        let finding = |(place, verifier): (usize, &Verifier)| {
            let finding = verifier.without_artifacts(reference)?;
            let first = verifiers
                .iter()
                .position(|one| reads(one, &finding.artifact_type));
            (first == Some(place)).then_some(finding)
        };
        verifiers.iter().enumerate().filter_map(finding).collect()
    }

    /// Whether every verifier has said all it will say without looking.
    fn need_not_look(&self, reference: &Reference) -> bool {
        self.snapshot
            .verifiers()
            .iter()
            .all(|one| one.without_artifacts(reference).is_some())
    }

    async fn look(
        &self,
        reference: &Reference,
        now: Timestamp,
        deadline: Instant,
        progress: &ProgressSink,
        resolved: &mut Option<Descriptor>,
    ) -> Result<Findings, StoreError> {
        let repository = reference.repository();
        let only = self.snapshot.only_artifact_type();
        let (descriptor, discoveries) = if let Some(digest) = reference.digest() {
            // pinned: the subject's own check and the listing can go side by side
            let (resolved, listing) = futures::join!(
                self.resolve_in(reference, deadline),
                self.discover(repository, digest, only, deadline)
            );
            (resolved?.1, listing)
        } else {
            let (_, descriptor) = self.resolve_in(reference, deadline).await?;
            let listing = self.discover(repository, &descriptor.digest, only, deadline);
            (descriptor.clone(), listing.await)
        };
        progress(Progress::Resolved(descriptor.digest.clone()));
        *resolved = Some(descriptor.clone());
        let subject = Arc::new(Subject {
            repository: repository.clone(),
            descriptor,
        });
        let plan = self.plan(reference, &subject, discoveries, now, deadline);
        progress(Progress::Listed(plan.tasks.len()));
        let mut findings = plan.findings;
        findings
            .findings
            .extend(self.judge(plan.tasks, progress).await);
        findings.findings.sort_by(|a, b| order(a).cmp(&order(b)));
        Ok(findings)
    }

    /// The first store, by name, that resolves. If none does: the failure that leaves most open, so that one store
    /// without the image does not turn another's outage into a verdict.
    async fn resolve_in(
        &self,
        reference: &Reference,
        deadline: Instant,
    ) -> Result<(Arc<dyn Store>, Descriptor), StoreError> {
        let mut failure = None;
        for store in self.snapshot.stores() {
            match store.resolve(reference, deadline).await {
                Ok(descriptor) => return Ok((Arc::clone(store), descriptor)),
                Err(error) => {
                    let keep = matches!(failure, Some(StoreError::Unknown(_)));
                    failure = if keep { failure } else { Some(error) };
                }
            }
        }
        let none =
            || StoreError::Unknown(Reason::new(ReasonCode::Internal, "no store is configured"));
        Err(failure.unwrap_or_else(none))
    }

    /// Who judges what: each artifact once, by the first verifier (by name) that reads it.
    fn plan(
        &self,
        reference: &Reference,
        subject: &Arc<Subject>,
        discoveries: Vec<Discovery>,
        now: Timestamp,
        deadline: Instant,
    ) -> Plan {
        let mut plan = Plan::default();
        let mut seen = HashSet::new();
        let mut taken: HashMap<String, usize> = HashMap::new();
        let mut refused = HashSet::new();
        for (store, discovery) in self.snapshot.stores().iter().zip(discoveries) {
            let listing = match discovery.listing {
                Ok(listing) => listing,
                Err(error) => {
                    plan.findings.incomplete =
                        plan.findings.incomplete.or(Some(error.reason().clone()));
                    continue;
                }
            };
            plan.findings.over_budget = plan.findings.over_budget.or(listing.over_budget);
            for descriptor in listing.referrers {
                let artifact = Artifact { descriptor };
                let Some(verifier) = self.reader(reference, &artifact) else {
                    continue;
                };
                // the same manifest under another type is another claim, for another verifier
                let artifact_type = artifact.artifact_type().to_owned();
                if !seen.insert((artifact.descriptor.digest.clone(), artifact_type.clone())) {
                    continue;
                }
                let count = taken.entry(verifier.name().to_owned()).or_default();
                *count += 1;
                let within = *count <= self.snapshot.limits().artifacts_per_verifier;
                let too_many = self.over_budget(verifier);
                let (verifier, store, subject) =
                    (verifier.clone(), Arc::clone(store), Arc::clone(subject));
                let task = Task {
                    verifier,
                    store,
                    subject,
                    artifact,
                    now,
                    deadline,
                };
                if within {
                    plan.tasks.push(task);
                } else if refused.insert((task.verifier.name().to_owned(), artifact_type)) {
                    // its type is known, so one rejection of that type says it all
                    let rejected = task.finding(Verdict::Rejected(too_many));
                    plan.findings.findings.push(rejected);
                }
            }
        }
        plan
    }

    /// The first verifier by name that reads the artifact, unless it has already said that it need not look.
    fn reader(&self, reference: &Reference, artifact: &Artifact) -> Option<&Verifier> {
        let first = self
            .snapshot
            .verifiers()
            .iter()
            .find(|verifier| verifier.reads(artifact))?;
        let skipped = first
            .without_artifacts(reference)
            .is_some_and(|found| found.verdict.accepted().is_some());
        (!skipped).then_some(first)
    }

    fn over_budget(&self, verifier: &Verifier) -> Reason {
        let limit = self.snapshot.limits().artifacts_per_verifier;
        let text = format!(
            "the image has more than {limit} artifacts for verifier `{}`, the limit",
            verifier.name()
        );
        Reason::new(ReasonCode::OverBudget, text)
    }

    /// Judge all artifacts, a bounded number at a time. A task that panics is a rejection of its artifact.
    async fn judge(&self, tasks: Vec<Task>, progress: &ProgressSink) -> Vec<Finding> {
        let mut findings = Vec::with_capacity(tasks.len());
        let mut waiting = tasks.into_iter();
        let mut running = JoinSet::new();
        let mut owners = BTreeMap::new();
        loop {
            while running.len() < self.snapshot.limits().concurrent_artifacts.max(1) {
                let Some(task) = waiting.next() else { break };
                let owner = task.clone();
                owners.insert(running.spawn(task.run()).id(), owner);
            }
            let Some(ended) = running.join_next_with_id().await else {
                break;
            };
            progress(Progress::Judged);
            match ended {
                Ok((id, finding)) => {
                    owners.remove(&id);
                    findings.push(finding);
                }
                Err(panicked) => {
                    let reason = Reason::new(
                        ReasonCode::Internal,
                        "judging this artifact failed unexpectedly",
                    );
                    let owner = owners.remove(&panicked.id());
                    findings.extend(owner.map(|task| task.finding(Verdict::Rejected(reason))));
                }
            }
        }
        findings
    }

    fn report(
        &self,
        reference: &Reference,
        subject: Option<Descriptor>,
        mut findings: Findings,
    ) -> Report {
        let types = self
            .snapshot
            .verifiers()
            .iter()
            .flat_map(Verifier::artifact_types);
        findings.read = types.cloned().collect();
        let decision = self.snapshot.policy().decide(&findings);
        Report {
            reference: reference.clone(),
            subject,
            decision,
            findings: findings.findings.into(),
            remembered: false,
        }
    }
}

fn order(finding: &Finding) -> (&str, Option<&Digest>) {
    (
        &finding.verifier,
        finding.artifact.as_ref().map(|artifact| &artifact.digest),
    )
}

fn failed(reference: &Reference, subject: Option<Descriptor>, decision: Decision) -> Report {
    Report {
        reference: reference.clone(),
        subject,
        decision,
        findings: Arc::default(),
        remembered: false,
    }
}

fn late(text: &str) -> StoreError {
    StoreError::Unknown(Reason::new(ReasonCode::DeadlineExceeded, text))
}
