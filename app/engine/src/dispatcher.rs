//! Many requests, each with a deadline: equal work is done once, verdicts are remembered, and work goes on for a bounded
//! time after the one who asked has left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use ratify_oci::{Descriptor, Reference, Repository};
use ratify_policy::Decision;
use ratify_verify::{Finding, Reason, ReasonCode};
use tokio::time::Instant;

use crate::call::{Call, Missed, Outcome};
use crate::engine::CALLS;
use crate::fixed::Fixed;
use crate::flights::{FlightLimits, Flights};
use crate::memory::{Key, Remembered};
use crate::run::{Judgement, Run, Target};
use crate::stage::Stage;
use crate::{Deadline, Report, ScopeId, Snapshot, StoreError};

/// Images that are judged or looked up at once, over all requests. A request has at most 1,000; this is memory for some
/// tens of MiB, and more would wait for their registries all the same.
const MOST_RUNNING: usize = 10_000;

/// How verdicts are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheOptions {
    /// The oldest verdict that is answered (`--cache-ttl`). Zero remembers nothing.
    pub ttl: Duration,
    /// The most memory for what is remembered, in bytes (`--cache-size`).
    pub bytes: u64,
}

/// How a [`Dispatcher`] works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DispatcherOptions {
    /// What is remembered; `None`: nothing.
    pub cache: Option<CacheOptions>,
    /// How long work goes on after the deadline of the request that began it.
    pub outlive: Duration,
    /// How many pieces of work may outlive their requests at once.
    pub most_outliving: usize,
    /// Calls to stores that one request may have under way at once.
    pub calls_per_request: usize,
}

impl Default for DispatcherOptions {
    /// Nothing remembered; 10 s and 256 outliving; 512 calls.
    fn default() -> Self {
        Self {
            cache: None,
            outlive: Duration::from_secs(10),
            most_outliving: 256,
            calls_per_request: CALLS,
        }
    }
}

/// Told of each artifact that was judged (not of remembered ones) and how long that took, fetching included.
pub type JudgedSink = dyn Fn(&Finding, Duration) + Send + Sync;

/// How it is going.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Verdicts that were remembered when asked for.
    pub hits: u64,
    /// Verdicts that were not.
    pub misses: u64,
    /// Verdicts remembered now.
    pub remembered: u64,
    /// Bytes of what is remembered now, roughly.
    pub remembered_bytes: u64,
    /// Signatures whose judgement was remembered.
    pub signature_hits: u64,
    /// Images being judged or resolved now.
    pub running: u64,
    /// Of these, those that nobody waits for.
    pub outliving: u64,
    /// Requests that stopped waiting before the verdict.
    pub deadline_misses: u64,
    /// Runs that ended in a panic, each a denial.
    pub panics: u64,
}

/// Answers requests over snapshots. One for a process; it lives longer than any snapshot.
pub struct Dispatcher {
    options: DispatcherOptions,
    judged: Option<Arc<JudgedSink>>,
    remembered: Option<Arc<Remembered>>,
    judgements: Flights<Key, Arc<Judgement>>,
    resolutions: Flights<(ScopeId, Reference), Resolution>,
    counts: Counts,
}

type Resolution = Result<Arc<Descriptor>, StoreError>;

#[derive(Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    deadline_misses: AtomicU64,
}

impl Dispatcher {
    /// A dispatcher that works so. `judged` is told of every artifact judged.
    pub fn new(options: DispatcherOptions, judged: Option<Arc<JudgedSink>>) -> Self {
        let limits = FlightLimits {
            outliving: options.most_outliving,
            running: MOST_RUNNING,
        };
        Self {
            options,
            judged,
            remembered: options.cache.and_then(Remembered::new).map(Arc::new),
            judgements: Flights::new(limits, || {
                Arc::new(Judgement::failed(None, StoreError::Definitive(defect())))
            }),
            resolutions: Flights::new(limits, || Err(StoreError::Definitive(defect()))),
            counts: Counts::default(),
        }
    }

    /// What the images of one request share: the time `now` of every check, and when the answer is due.
    pub fn call(&self, now: Timestamp, deadline: Instant) -> Call {
        Call::new(now, deadline, self.options.calls_per_request)
    }

    /// The verdict over `reference`, if it is known without asking a store and without waiting.
    pub fn remembered(
        &self,
        snapshot: &Arc<Snapshot>,
        reference: &Reference,
        now: Timestamp,
    ) -> Option<Report> {
        let remembered = self.remembered.as_ref()?;
        let (scope, repository) = (snapshot.scope(), reference.repository());
        let judgement = if let Some(digest) = reference.digest() {
            remembered.verdict(Key::of_verdict(scope, repository, digest), now)
        } else {
            let descriptor = remembered.resolution(scope, reference, now)?;
            remembered.verdict(Key::of_verdict(scope, repository, &descriptor.digest), now)
        }?;
        self.counts.hits.fetch_add(1, Ordering::Relaxed);
        Some(Report::of(reference, &judgement, true))
    }

    /// Judge the image that `reference` names. Answers at the call's deadline at the latest, then undecided; the work
    /// goes on for a while, so that the next request finds its result.
    pub async fn verify(
        &self,
        snapshot: &Arc<Snapshot>,
        reference: &Reference,
        call: &Call,
    ) -> Report {
        if let Some(report) = self.remembered(snapshot, reference, call.now) {
            return report;
        }
        let repository = reference.repository();
        if let Some(judgement) = Fixed::of(snapshot, repository).judgement(snapshot) {
            return Report::of(reference, &judgement, false);
        }
        let target = match self.target(snapshot, reference, call).await {
            Ok(target) => target,
            Err(error) => {
                self.counts.misses.fetch_add(1, Ordering::Relaxed);
                return Report::of(reference, &Judgement::failed(None, error), false);
            }
        };
        // a tag may point to an image that is known under its digest
        let key = Key::of_verdict(snapshot.scope(), repository, target.digest());
        let known = self.remembered.as_ref();
        let known = known.and_then(|one| one.verdict(key, call.now));
        if let Some(judgement) = known {
            self.counts.hits.fetch_add(1, Ordering::Relaxed);
            return Report::of(reference, &judgement, true);
        }
        self.counts.misses.fetch_add(1, Ordering::Relaxed);
        let judgement = self.judge(snapshot, repository, target, call).await;
        Report::of(reference, &judgement, false)
    }

    /// The digest that `reference` points to; the same that a verification at the same time judges.
    pub async fn resolve(
        &self,
        snapshot: &Arc<Snapshot>,
        reference: &Reference,
        call: &Call,
    ) -> Result<Descriptor, StoreError> {
        let descriptor = self.look_up(snapshot, reference, call).await?;
        Ok(Descriptor::clone(&descriptor))
    }

    /// How it is going.
    pub fn stats(&self) -> Stats {
        let (judgements, resolutions) = (self.judgements.stats(), self.resolutions.stats());
        let (remembered, remembered_bytes) =
            self.remembered.as_ref().map_or((0, 0), |one| one.size());
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let sum = |a: usize, b: usize| u64::try_from(a.saturating_add(b)).unwrap_or(u64::MAX);
        Stats {
            hits: count(&self.counts.hits),
            misses: count(&self.counts.misses),
            remembered,
            remembered_bytes,
            signature_hits: self
                .remembered
                .as_ref()
                .map_or(0, |one| one.signature_hits()),
            running: sum(judgements.running, resolutions.running),
            outliving: sum(judgements.outliving, resolutions.outliving),
            deadline_misses: count(&self.counts.deadline_misses),
            panics: judgements.panics.saturating_add(resolutions.panics),
        }
    }

    /// End all work and wait for its end. What is asked afterwards is undecided.
    pub async fn stop(&self) {
        futures::join!(self.judgements.stop(), self.resolutions.stop());
    }

    /// What to judge: the digest, and its manifest as far as it is known.
    async fn target(
        &self,
        snapshot: &Arc<Snapshot>,
        reference: &Reference,
        call: &Call,
    ) -> Result<Target, StoreError> {
        let repository = reference.repository().clone();
        let Some(digest) = reference.digest() else {
            let descriptor = self.look_up(snapshot, reference, call).await?;
            return Ok(Target::Known(repository, Descriptor::clone(&descriptor)));
        };
        let remembered = self.remembered.as_ref();
        let pinned = repository.at(digest.clone());
        let known = remembered.and_then(|one| one.resolution(snapshot.scope(), &pinned, call.now));
        Ok(match known {
            Some(descriptor) => Target::Known(repository, Descriptor::clone(&descriptor)),
            None => Target::Pinned(pinned, digest.clone()),
        })
    }

    async fn judge(
        &self,
        snapshot: &Arc<Snapshot>,
        repository: &Repository,
        target: Target,
        call: &Call,
    ) -> Arc<Judgement> {
        let key = Key::of_verdict(snapshot.scope(), repository, target.digest());
        let begin = |stage: Arc<Stage>| {
            let (run, remembered, key) = (self.run(snapshot, call), self.remembered.clone(), key);
            let target = target.clone();
            async move {
                let progress = move |reached| stage.reach(&reached);
                let judgement = Arc::new(run.judge(target, &progress).await);
                if let Some(remembered) = remembered {
                    remembered.keep_verdict(key, &judgement, run.now);
                }
                judgement
            }
        };
        let outcome = call.share(&self.judgements, &key, begin).await;
        outcome.unwrap_or_else(|missed| {
            Arc::new(Judgement::failed(None, self.missed(repository, &missed)))
        })
    }

    async fn look_up(
        &self,
        snapshot: &Arc<Snapshot>,
        reference: &Reference,
        call: &Call,
    ) -> Resolution {
        let scope = snapshot.scope();
        let remembered = self.remembered.as_ref();
        if let Some(known) = remembered.and_then(|one| one.resolution(scope, reference, call.now)) {
            return Ok(known);
        }
        let begin = |_| {
            let (run, remembered) = (self.run(snapshot, call), self.remembered.clone());
            let reference = reference.clone();
            async move {
                let descriptor = run.resolve(&reference).await?;
                if let Some(remembered) = remembered {
                    let pinned = reference.repository().at(descriptor.digest.clone());
                    for name in [&reference, &pinned] {
                        remembered.keep_resolution(scope, name, &descriptor, run.now);
                    }
                }
                Ok(Arc::new(descriptor))
            }
        };
        let key = (scope, reference.clone());
        let outcome = call.share(&self.resolutions, &key, begin).await;
        outcome.unwrap_or_else(|missed| Err(self.missed(reference.repository(), &missed)))
    }

    fn run(&self, snapshot: &Arc<Snapshot>, call: &Call) -> Run {
        let end = Deadline::at(call.deadline + self.options.outlive);
        let memo = self.remembered.as_ref();
        Run {
            snapshot: Arc::clone(snapshot),
            now: call.now,
            deadline: end.with_patience(call.deadline),
            seats: call.seats(),
            memo: memo.map(|one| Arc::clone(&one.signatures)),
            judged: self.judged.clone(),
        }
    }

    /// Why there is no result.
    fn missed(&self, repository: &Repository, missed: &Missed) -> StoreError {
        let stage = match missed {
            Missed::Late(stage) => stage,
            Missed::Full => return overloaded(),
            Missed::Overtaken => return overtaken(),
        };
        self.counts.deadline_misses.fetch_add(1, Ordering::Relaxed);
        let text = format!(
            "time ran out while {stage} in registry `{}`; ask again, the work may be done by then",
            repository.registry()
        );
        StoreError::Unknown(Reason::new(ReasonCode::DeadlineExceeded, text))
    }
}

impl Outcome for Arc<Judgement> {
    fn is_undecided(&self) -> bool {
        matches!(self.decision, Decision::Undecided(_))
    }

    fn ends(&self) -> Option<Timestamp> {
        Judgement::ends(self)
    }
}

impl Outcome for Resolution {
    fn is_undecided(&self) -> bool {
        matches!(self, Err(StoreError::Unknown(_)))
    }

    fn ends(&self) -> Option<Timestamp> {
        None
    }
}

impl Target {
    fn digest(&self) -> &ratify_oci::Digest {
        match self {
            Self::Known(_, descriptor) => &descriptor.digest,
            Self::Pinned(_, digest) => digest,
        }
    }
}

fn overloaded() -> StoreError {
    let text =
        format!("{MOST_RUNNING} images are being judged at once, the limit; ask again later");
    StoreError::Unknown(Reason::new(ReasonCode::Overloaded, text))
}

fn overtaken() -> StoreError {
    let text = "the image is being judged for requests of another time; ask again";
    StoreError::Unknown(Reason::new(ReasonCode::Overloaded, text))
}

/// What is said of work that panicked.
fn defect() -> Reason {
    Reason::new(
        ReasonCode::Internal,
        "judging this image failed unexpectedly",
    )
}
