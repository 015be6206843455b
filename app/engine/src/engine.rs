//! One question at a time, for the command line.

use std::sync::Arc;

use jiff::Timestamp;
use ratify_http::Deadline;
use ratify_oci::{Descriptor, Digest, Reference, Repository};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::fixed::Fixed;
use crate::run::{Judgement, Run, Target};
use crate::{Listing, Report, Snapshot, StoreError};

/// Calls to stores that one question may have under way at once (table of limits: 512 for an admission request).
pub(crate) const CALLS: usize = 512;

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
    /// at the latest and is then [`ratify_policy::Decision::Undecided`].
    ///
    /// One resolution: everything after it speaks of the digest it gave (attack catalogue T-24).
    pub async fn verify(
        &self,
        reference: &Reference,
        now: Timestamp,
        deadline: Instant,
        progress: &ProgressSink,
    ) -> Report {
        let repository = reference.repository();
        let fixed = Fixed::of(&self.snapshot, repository);
        if let Some(judgement) = fixed.judgement(&self.snapshot) {
            return Report::of(reference, &judgement, false);
        }
        let run = self.run(now, deadline);
        let target = if let Some(digest) = reference.digest() {
            Ok(Target::Pinned(reference.clone(), digest.clone()))
        } else {
            let descriptor = run.resolve(reference).await;
            descriptor.map(|descriptor| Target::Known(repository.clone(), descriptor))
        };
        let judgement = match target {
            Ok(target) => run.judge(target, progress).await,
            Err(error) => Judgement::failed(None, error),
        };
        Report::of(reference, &judgement, false)
    }

    /// The digest `reference` points to in the first store, by name, that can tell.
    pub async fn resolve(
        &self,
        reference: &Reference,
        deadline: Instant,
    ) -> Result<Descriptor, StoreError> {
        self.run(Timestamp::UNIX_EPOCH, deadline)
            .resolve(reference)
            .await
    }

    /// What every store lists for `subject`, without judging any of it.
    pub async fn discover(
        &self,
        repository: &Repository,
        subject: &Digest,
        artifact_type: Option<&str>,
        deadline: Instant,
    ) -> Vec<Discovery> {
        self.run(Timestamp::UNIX_EPOCH, deadline)
            .discover(repository, subject, artifact_type)
            .await
    }

    fn run(&self, now: Timestamp, deadline: Instant) -> Run {
        Run {
            snapshot: Arc::clone(&self.snapshot),
            now,
            deadline: Deadline::at(deadline),
            seats: Arc::new(Semaphore::new(CALLS)),
            memo: None,
            judged: None,
        }
    }
}
