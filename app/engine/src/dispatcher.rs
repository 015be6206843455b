//! Many requests, each with a deadline: equal work is done once, verdicts are remembered, and work goes on for a bounded
//! time after the one who asked has left.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ratify_oci::{Descriptor, Reference};
use ratify_verify::Finding;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::{Engine, Report, Snapshot, StoreError};

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
            calls_per_request: 512,
        }
    }
}

/// Told of each artifact that was judged (not of remembered ones) and how long that took, fetching included.
pub type JudgedSink = dyn Fn(&Finding, Duration) + Send + Sync;

/// What all images of one request share.
#[derive(Debug, Clone)]
pub struct Call {
    /// The one time that every check uses.
    pub now: Timestamp,
    /// When the caller stops waiting.
    pub deadline: Instant,
    seats: Arc<Semaphore>,
}

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
}

impl Dispatcher {
    /// A dispatcher that works so. `judged` is told of every artifact judged.
    pub fn new(options: DispatcherOptions, judged: Option<Arc<JudgedSink>>) -> Self {
        let _ = judged;
        Self { options }
    }

    /// What the images of one request share: the time `now` of every check, and when the answer is due.
    pub fn call(&self, now: Timestamp, deadline: Instant) -> Call {
        Call {
            now,
            deadline,
            seats: Arc::new(Semaphore::new(self.options.calls_per_request)),
        }
    }

    /// The verdict over `reference`, if it is known without asking a store and without waiting.
    pub fn remembered(
        &self,
        snapshot: &Arc<Snapshot>,
        reference: &Reference,
        now: Timestamp,
    ) -> Option<Report> {
        let _ = (snapshot, reference, now);
        None
    }

    /// Judge the image that `reference` names. Answers at the call's deadline at the latest, then undecided; the work
    /// goes on for a while, so that the next request finds its result.
    pub async fn verify(
        &self,
        snapshot: &Arc<Snapshot>,
        reference: &Reference,
        call: &Call,
    ) -> Report {
        let _ = &call.seats;
        Engine::new(Arc::clone(snapshot))
            .verify(reference, call.now, call.deadline, &|_| {})
            .await
    }

    /// The digest that `reference` points to; the same that a verification at the same time judges.
    pub async fn resolve(
        &self,
        snapshot: &Arc<Snapshot>,
        reference: &Reference,
        call: &Call,
    ) -> Result<Descriptor, StoreError> {
        Engine::new(Arc::clone(snapshot))
            .resolve(reference, call.deadline)
            .await
    }

    /// How it is going.
    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// End all work and wait for its end.
    pub async fn stop(&self) {}
}
