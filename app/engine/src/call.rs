//! One request: its time, its patience, and which work of other requests answers it too.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::flights::{Flights, Full};
use crate::stage::Stage;

/// Requests overlap, so one may meet work that was begun for one a little younger. Work that is younger by more was begun
/// before the clock was set back, and says nothing of the time of the request.
const OVERLAP: SignedDuration = SignedDuration::from_mins(1);

/// What all images of one request share.
#[derive(Debug, Clone)]
pub struct Call {
    /// The one time that every check uses.
    pub now: Timestamp,
    /// When the caller stops waiting.
    pub deadline: Instant,
    seats: Arc<Semaphore>,
}

/// A result that may hold for the one who began its work and not for one who joined.
pub(crate) trait Outcome {
    /// Whether asking again may bring another.
    fn is_undecided(&self) -> bool;

    /// The first instant at which it may be another.
    fn ends(&self) -> Option<Timestamp>;
}

/// Who began a piece of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    now: Timestamp,
    deadline: Instant,
}

/// Why there is no result.
#[derive(Debug)]
pub(crate) enum Missed {
    /// There is as much work as there may be.
    Full,
    /// The caller's patience is over; how far the work is.
    Late(Arc<Stage>),
    /// All work that could be joined was begun for another time.
    Overtaken,
}

impl Call {
    pub(crate) fn new(now: Timestamp, deadline: Instant, seats: usize) -> Self {
        Self {
            now,
            deadline,
            seats: Arc::new(Semaphore::new(seats)),
        }
    }

    /// A call to a store takes a seat.
    pub(crate) fn seats(&self) -> Arc<Semaphore> {
        Arc::clone(&self.seats)
    }

    /// That this call began a piece of work.
    pub(crate) fn begun(&self) -> Begun {
        Begun {
            now: self.now,
            deadline: self.deadline,
        }
    }

    /// The result of the work of `key`: joined, or made by `begin`. If what was joined does not answer this call, the work
    /// is done once more.
    pub(crate) async fn share<K, V, F>(
        &self,
        flights: &Flights<K, V>,
        key: &K,
        begin: impl Fn(Arc<Stage>) -> F,
    ) -> Result<V, Missed>
    where
        K: Hash + Eq + Clone + Send + 'static,
        V: Outcome + Clone + Send + Sync + 'static,
        F: Future<Output = V> + Send + 'static,
    {
        let mut undecided = None;
        for _ in 0..2 {
            let ticket = flights.join(key.clone(), self.begun(), &begin);
            let ticket = ticket.map_err(|Full| Missed::Full)?;
            let beginner = ticket.begun();
            let outcome = ticket.wait(self.deadline).await.map_err(Missed::Late)?;
            if self.takes(&outcome, beginner) {
                return Ok(outcome);
            }
            undecided = outcome.is_undecided().then_some(outcome);
        }
        undecided.ok_or(Missed::Overtaken)
    }

    /// Whether the outcome of work that another began is as good as one's own.
    fn takes(&self, outcome: &impl Outcome, beginner: Begun) -> bool {
        let apart = beginner.now.duration_since(self.now);
        let ended = outcome.ends().is_some_and(|end| self.now >= end);
        let holds = apart.is_zero() || (apart <= OVERLAP && !ended);
        // when its caller has left, work gives up wherever it would have to wait, and altogether a while later
        let left = beginner.deadline < self.deadline && beginner.deadline <= Instant::now();
        holds && !(left && outcome.is_undecided())
    }
}
