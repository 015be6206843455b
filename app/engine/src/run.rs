//! The stages of the work over one image: resolve, list, judge, decide.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use ratify_http::Deadline;
use ratify_oci::{Descriptor, Digest, Reference, Repository};
use ratify_policy::{Decision, Findings};
use ratify_verify::{Accepted, Artifact, Finding, Reason, ReasonCode, Subject, Verdict, Verifier};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use crate::engine::{Discovery, Progress, ProgressSink};
use crate::fixed::Fixed;
use crate::judge::{Judged, Task};
use crate::memory::SignatureMemo;
use crate::{JudgedSink, Listing, Snapshot, Store, StoreError};

/// Every wait inside a run ends at its deadline by itself and leaves a finding; this is how much later the run is cut
/// off if one did not.
const GRACE: Duration = Duration::from_millis(50);

/// Everything that does not depend on the image.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) now: Timestamp,
    pub(crate) deadline: Deadline,
    /// A call to a store takes a seat.
    pub(crate) seats: Arc<Semaphore>,
    /// Judgements of single signatures that were made before.
    pub(crate) memo: Option<Arc<SignatureMemo>>,
    /// Told of each artifact that was judged.
    pub(crate) judged: Option<Arc<JudgedSink>>,
}

/// What is judged: an image whose manifest was read, or a digest that is still to be looked up.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Known(Repository, Descriptor),
    /// A reference and its digest.
    Pinned(Reference, Digest),
}

/// What came of one image, whatever it was called by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) subject: Option<Digest>,
    pub(crate) decision: Decision,
    pub(crate) findings: Arc<[Arc<Finding>]>,
}

/// Artifacts to judge, and what is known to be missing from them.
#[derive(Default)]
struct Plan {
    tasks: Vec<Task>,
    findings: Findings,
    /// Artifacts that were judged already, by what makes two of them the same.
    seen: HashSet<(Digest, String)>,
    taken: HashMap<usize, usize>,
    refused: HashSet<(usize, String)>,
}

impl Judgement {
    /// Nothing was found out but why not.
    pub(crate) fn failed(subject: Option<Digest>, error: StoreError) -> Self {
        let decision = match error {
            StoreError::Definitive(reason) => Decision::Deny(reason),
            StoreError::Unknown(reason) => Decision::Undecided(reason),
        };
        Self {
            subject,
            decision,
            findings: Arc::default(),
        }
    }

    /// The decision of the snapshot's policy over `findings`.
    pub(crate) fn of(snapshot: &Snapshot, subject: Option<Digest>, mut findings: Findings) -> Self {
        let types = snapshot
            .verifiers()
            .iter()
            .flat_map(Verifier::artifact_types);
        findings.read = types.cloned().collect();
        Self {
            subject,
            decision: snapshot.policy().decide(&findings),
            findings: findings.findings.into(),
        }
    }

    /// The first instant at which one of its acceptances may be none any more.
    pub(crate) fn ends(&self) -> Option<Timestamp> {
        let accepted = self.findings.iter();
        let accepted = accepted.filter_map(|finding| finding.verdict.accepted());
        accepted.filter_map(Accepted::valid_until).min()
    }
}

impl Run {
    /// Judge; ends shortly after the deadline in every case.
    pub(crate) async fn judge(&self, target: Target, progress: &ProgressSink) -> Judgement {
        let mut resolved = None;
        let run = self.look(target, progress, &mut resolved);
        let outcome = timeout_at(self.deadline.instant() + GRACE, run).await;
        match outcome.unwrap_or_else(|_| Err(late("time ran out before the verdict"))) {
            Ok(findings) => Judgement::of(&self.snapshot, resolved, findings),
            Err(error) => Judgement::failed(resolved, error),
        }
    }

    /// The first store, by name, that resolves. If none does: the failure that leaves most open, so that one store
    /// without the image does not turn another's outage into a verdict.
    pub(crate) async fn resolve(&self, reference: &Reference) -> Result<Descriptor, StoreError> {
        let mut failure = None;
        for store in self.snapshot.stores() {
            let resolved = self
                .seated(|| store.resolve(reference, self.deadline))
                .await;
            let resolved = resolved.ok_or_else(|| late("time ran out while looking the image up"));
            match resolved.and_then(|found| as_named(reference, found?)) {
                Ok(descriptor) => return Ok(descriptor),
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

    /// What every store lists for `subject`, without judging any of it.
    pub(crate) async fn discover(
        &self,
        repository: &Repository,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Vec<Discovery> {
        let ask = |store: &Arc<dyn Store>| {
            let store = Arc::clone(store);
            async move {
                let ask = || store.referrers(repository, subject, artifact_type, self.deadline);
                let listing = self.seated(ask).await.unwrap_or_else(|| {
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

    /// What comes of a call to a store, once there is a seat for it; nothing if the deadline passes before.
    pub(crate) async fn seated<F: Future>(&self, call: impl FnOnce() -> F) -> Option<F::Output> {
        let seated = async {
            let _seat = self.seats.acquire().await;
            // at the deadline all seats become free at once, and nobody should ask anything any more
            let open = !self.deadline.remaining().is_zero();
            if open { Some(call().await) } else { None }
        };
        timeout_at(self.deadline.instant(), seated)
            .await
            .ok()
            .flatten()
    }

    async fn look(
        &self,
        target: Target,
        progress: &ProgressSink,
        resolved: &mut Option<Digest>,
    ) -> Result<Findings, StoreError> {
        let only = self.snapshot.only_artifact_type();
        let (repository, descriptor, discoveries) = match target {
            Target::Known(repository, descriptor) => {
                progress(Progress::Resolved(descriptor.digest.clone()));
                let listing = self.discover(&repository, &descriptor.digest, only).await;
                (repository, descriptor, listing)
            }
            Target::Pinned(reference, digest) => {
                // the subject's own check and the listing can go side by side
                let (descriptor, listing) = futures::join!(
                    self.resolve(&reference),
                    self.discover(reference.repository(), &digest, only)
                );
                progress(Progress::Resolved(digest));
                (reference.repository().clone(), descriptor?, listing)
            }
        };
        *resolved = Some(descriptor.digest.clone());
        let fixed = Fixed::of(&self.snapshot, &repository);
        let subject = Arc::new(Subject {
            repository,
            descriptor,
        });
        let plan = self.plan(&fixed, &subject, discoveries);
        progress(Progress::Listed(plan.tasks.len()));
        let mut findings = plan.findings;
        let judged = self.judge_all(plan.tasks, progress).await;
        findings.findings.extend(judged);
        findings.findings.sort_by(|a, b| order(a).cmp(&order(b)));
        findings.findings.extend(fixed.into_accepted());
        Ok(findings)
    }

    /// Who judges what: each artifact once, by the first verifier (by name) that reads it.
    fn plan(&self, fixed: &Fixed, subject: &Arc<Subject>, discoveries: Vec<Discovery>) -> Plan {
        let mut plan = Plan::default();
        for (store, discovery) in self.snapshot.stores().iter().zip(discoveries) {
            let listing = match discovery.listing {
                Ok(listing) => listing,
                Err(error) => {
                    plan.findings.incomplete =
                        plan.findings.incomplete.or(Some(error.reason().clone()));
                    continue;
                }
            };
            plan.add(self, fixed, subject, store, listing);
        }
        plan
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
    async fn judge_all(&self, tasks: Vec<Task>, progress: &ProgressSink) -> Vec<Arc<Finding>> {
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
                Ok((id, judged)) => {
                    owners.remove(&id);
                    self.tell(&judged);
                    findings.push(judged.finding);
                }
                Err(panicked) => {
                    let reason = Reason::new(
                        ReasonCode::Internal,
                        "judging this artifact failed unexpectedly",
                    );
                    let owner = owners.remove(&panicked.id());
                    let rejected = owner.map(|task| task.finding(Verdict::Rejected(reason)));
                    findings.extend(rejected.map(Arc::new));
                }
            }
        }
        findings
    }

    fn tell(&self, judged: &Judged) {
        if let (Some(sink), Some(took)) = (&self.judged, judged.took) {
            sink(&judged.finding, took);
        }
    }
}

impl Plan {
    fn add(
        &mut self,
        run: &Run,
        fixed: &Fixed,
        subject: &Arc<Subject>,
        store: &Arc<dyn Store>,
        listing: Listing,
    ) {
        self.findings.over_budget = self.findings.over_budget.take().or(listing.over_budget);
        for descriptor in listing.referrers {
            let artifact = Artifact { descriptor };
            let Some((place, verifier)) = reader(&run.snapshot, fixed, &artifact) else {
                continue;
            };
            // the same manifest under another type is another claim, for another verifier
            let artifact_type = artifact.artifact_type().to_owned();
            if !self
                .seen
                .insert((artifact.descriptor.digest.clone(), artifact_type.clone()))
            {
                continue;
            }
            let task = Task {
                verifier: verifier.clone(),
                place,
                store: Arc::clone(store),
                subject: Arc::clone(subject),
                artifact,
                run: run.clone(),
            };
            let count = self.taken.entry(place).or_default();
            *count += 1;
            if *count <= run.snapshot.limits().artifacts_per_verifier {
                self.tasks.push(task);
            } else if self.refused.insert((place, artifact_type)) {
                // its type is known, so one rejection of that type says it all
                let rejected = task.finding(Verdict::Rejected(run.over_budget(verifier)));
                self.findings.findings.push(Arc::new(rejected));
            }
        }
    }
}

/// The first verifier by name that reads the artifact, and its place, unless it has already said that it need not look.
fn reader<'a>(
    snapshot: &'a Snapshot,
    fixed: &Fixed,
    artifact: &Artifact,
) -> Option<(usize, &'a Verifier)> {
    let mut verifiers = snapshot.verifiers().iter().enumerate();
    let first = verifiers.find(|(_, verifier)| verifier.reads(artifact))?;
    (!fixed.skips(first.0)).then_some(first)
}

/// What was found, if it has the digest that it was asked by.
fn as_named(reference: &Reference, found: Descriptor) -> Result<Descriptor, StoreError> {
    match reference.digest() {
        Some(digest) if *digest != found.digest => {
            let found = found.digest;
            let text = format!("the store found `{found}`, expected `{digest}`");
            let reason = Reason::new(ReasonCode::SubjectUnusable, text);
            Err(StoreError::Definitive(reason))
        }
        _ => Ok(found),
    }
}

fn order(finding: &Finding) -> (&str, Option<&Digest>) {
    (&finding.verifier, finding.artifact.as_ref())
}

fn late(text: &str) -> StoreError {
    StoreError::Unknown(Reason::new(ReasonCode::DeadlineExceeded, text))
}
