//! The same work, asked for by several at once, is done once.
//!
//! Work is a task of its own: it survives the one who asked first, and whoever comes later joins it. Work that nobody
//! waits for any more goes on to its own end, but only so many pieces at once; the rest is ended when the last one leaves.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use crate::call::Begun;
use crate::stage::Stage;

/// How many pieces there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlightLimits {
    /// Of which nobody waits for the result.
    pub(crate) outliving: usize,
    /// At all.
    pub(crate) running: usize,
}

/// Work under way, by key. The value of work that panicked is made by `panicked`.
pub(crate) struct Flights<K, V> {
    inner: Arc<Inner<K, V>>,
}

struct Inner<K, V> {
    state: Mutex<State<K, V>>,
    tasks: TaskTracker,
    limits: FlightLimits,
    panicked: fn() -> V,
}

struct State<K, V> {
    flights: HashMap<K, Flight<V>>,
    outliving: usize,
    panics: u64,
    next: u64,
    closed: bool,
}

struct Flight<V> {
    number: u64,
    begun: Begun,
    waiters: usize,
    outliving: bool,
    abort: AbortHandle,
    stage: Arc<Stage>,
    result: watch::Receiver<Option<V>>,
}

/// A place among those who wait. Leaving it (dropping) may end the work.
pub(crate) struct Ticket<K: Hash + Eq + Clone, V> {
    inner: Arc<Inner<K, V>>,
    key: K,
    number: u64,
    begun: Begun,
    stage: Arc<Stage>,
    result: watch::Receiver<Option<V>>,
}

/// There are as many pieces of work as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// How it is going.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FlightStats {
    pub(crate) running: usize,
    pub(crate) outliving: usize,
    pub(crate) panics: u64,
}

impl<K, V> Flights<K, V>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(limits: FlightLimits, panicked: fn() -> V) -> Self {
        let state = State {
            flights: HashMap::new(),
            outliving: 0,
            panics: 0,
            next: 0,
            closed: false,
        };
        Self {
            inner: Arc::new(Inner {
                state: Mutex::new(state),
                tasks: TaskTracker::new(),
                limits,
                panicked,
            }),
        }
    }

    /// Join the work of that key, or begin it for `me`. `begin` only makes the work; it runs as a task.
    pub(crate) fn join<F>(
        &self,
        key: K,
        me: Begun,
        begin: impl FnOnce(Arc<Stage>) -> F,
    ) -> Result<Ticket<K, V>, Full>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut guard = self.inner.lock();
        let state = &mut *guard;
        if let Some(flight) = state.flights.get_mut(&key) {
            flight.waiters += 1;
            if std::mem::take(&mut flight.outliving) {
                state.outliving = state.outliving.saturating_sub(1);
            }
            return Ok(self.ticket(key, flight));
        }
        if state.closed || state.flights.len() >= self.inner.limits.running {
            return Err(Full);
        }
        let number = state.next;
        state.next += 1;
        let reached = Arc::new(Stage::default());
        let (sender, result) = watch::channel(None);
        let work = begin(Arc::clone(&reached));
        let task = Inner::run(Arc::clone(&self.inner), key.clone(), number, work, sender);
        let flight = Flight {
            number,
            begun: me,
            waiters: 1,
            outliving: false,
            abort: self.inner.tasks.spawn(task).abort_handle(),
            stage: reached,
            result,
        };
        let ticket = self.ticket(key.clone(), &flight);
        state.flights.insert(key, flight);
        Ok(ticket)
    }

    fn ticket(&self, key: K, flight: &Flight<V>) -> Ticket<K, V> {
        Ticket {
            inner: Arc::clone(&self.inner),
            key,
            number: flight.number,
            begun: flight.begun,
            stage: Arc::clone(&flight.stage),
            result: flight.result.clone(),
        }
    }

    pub(crate) fn stats(&self) -> FlightStats {
        let state = self.inner.lock();
        FlightStats {
            running: state.flights.len(),
            outliving: state.outliving,
            panics: state.panics,
        }
    }

    /// End all work, wait for its end, and begin no more.
    pub(crate) async fn stop(&self) {
        let flights = {
            let mut state = self.inner.lock();
            state.closed = true;
            state.outliving = 0;
            std::mem::take(&mut state.flights)
        };
        for flight in flights.into_values() {
            flight.abort.abort();
        }
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

impl<K: Hash + Eq + Clone, V> Inner<K, V> {
    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        // what is behind the lock is whole at every instant, so a panic of another holder has not broken it
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(
        inner: Arc<Self>,
        key: K,
        number: u64,
        work: impl Future<Output = V>,
        sender: watch::Sender<Option<V>>,
    ) {
        let outcome = AssertUnwindSafe(work).catch_unwind().await;
        let panicked = outcome.is_err();
        let value = outcome.unwrap_or_else(|_| (inner.panicked)());
        // told and taken from the map in one: nobody who comes now begins anew, and nobody who was told joins it again
        let mut state = inner.lock();
        sender.send_replace(Some(value));
        state.panics += u64::from(panicked);
        let ours = state
            .flights
            .get(&key)
            .is_some_and(|one| one.number == number);
        if ours
            && let Some(flight) = state.flights.remove(&key)
            && flight.outliving
        {
            state.outliving = state.outliving.saturating_sub(1);
        }
    }

    fn leave(&self, key: &K, number: u64) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(flight) = state
            .flights
            .get_mut(key)
            .filter(|one| one.number == number)
        else {
            return; // it has ended
        };
        flight.waiters = flight.waiters.saturating_sub(1);
        if flight.waiters > 0 {
            return;
        }
        if state.outliving < self.limits.outliving {
            flight.outliving = true;
            state.outliving += 1;
        } else {
            flight.abort.abort();
            state.flights.remove(key);
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Ticket<K, V> {
    /// Who began the work.
    pub(crate) fn begun(&self) -> Begun {
        self.begun
    }

    /// The result, or how far the work is when `until` has passed.
    pub(crate) async fn wait(mut self, until: Instant) -> Result<V, Arc<Stage>> {
        let result = timeout_at(until, self.result.wait_for(Option::is_some)).await;
        match result {
            Ok(Ok(value)) => value.clone().ok_or_else(|| Arc::clone(&self.stage)),
            // too late, or the work was ended from outside
            Ok(Err(_)) | Err(_) => Err(Arc::clone(&self.stage)),
        }
    }
}

impl<K: Hash + Eq + Clone, V> Drop for Ticket<K, V> {
    fn drop(&mut self) {
        self.inner.leave(&self.key, self.number);
    }
}

#[cfg(test)]
mod tests;
