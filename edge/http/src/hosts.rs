//! What is remembered of each host: its connections, how many requests it bears, and whether it asked for a pause.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::dial::{Dialer, Network};
use crate::pool::Pool;
use crate::proxy::Proxy;
use crate::{Deadline, Error, Origin, Phase};

/// How many hosts are remembered. Whoever names images names hosts, so there must be an end; idle ones go first.
const MOST_HOSTS: usize = 4_096;

/// The longest pause that is kept for all callers of a host. A `Retry-After: 86400` of one repository must not shut out
/// a whole registry for a day.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How many requests may be under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// To one host. Halved when the host answers 429, and grown back with each success.
    pub per_host: usize,
    /// In this process.
    pub total: usize,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self {
            per_host: 256,
            total: 1_024,
        }
    }
}

/// All hosts this process has asked lately.
#[derive(Debug)]
pub(crate) struct Hosts {
    per_host: usize,
    network: Arc<Network>,
    known: Mutex<HashMap<Origin, Arc<HostState>>>,
}

impl Hosts {
    pub(crate) fn new(per_host: usize, network: Arc<Network>) -> Self {
        Self {
            per_host,
            network,
            known: Mutex::default(),
        }
    }

    /// What is known of `origin`.
    pub(crate) fn state(&self, origin: &Origin) -> Arc<HostState> {
        let mut known = lock(&self.known);
        if let Some(state) = known.get(origin) {
            return Arc::clone(state);
        }
        if known.len() >= MOST_HOSTS {
            known.retain(|_, state| Arc::strong_count(state) > 1 || state.is_paused());
        }
        if known.len() >= MOST_HOSTS {
            known.clear(); // all are busy or paused: callers keep their own state alive, newcomers start afresh
        }
        let state = HostState::new(origin, self.per_host, Arc::clone(&self.network));
        let state = Arc::new(state);
        known.insert(origin.clone(), Arc::clone(&state));
        state
    }
}

/// What is remembered of one host.
#[derive(Debug)]
pub(crate) struct HostState {
    authority: String,
    /// The host as messages name it: without the port that goes without saying.
    name: HeaderValue,
    network: Arc<Network>,
    dialer: Arc<Dialer>,
    pool: Arc<Pool>,
    gate: Gate,
    paused_until: Mutex<Option<Instant>>,
    /// Answers that were no failure.
    answers: AtomicU64,
}

impl HostState {
    fn new(origin: &Origin, most: usize, network: Arc<Network>) -> Self {
        let dialer = Arc::new(Dialer::new(Arc::clone(&network), origin.clone()));
        let dialing = Arc::clone(&dialer);
        let pool = Pool::new(origin.is_secure(), move || {
            let dialer = Arc::clone(&dialing);
            Box::pin(async move { dialer.dial().await })
        });
        Self {
            authority: origin.authority(),
            name: origin.name(),
            network,
            dialer,
            pool: Arc::new(pool),
            gate: Gate::new(most),
            paused_until: Mutex::new(None),
            answers: AtomicU64::new(0),
        }
    }

    /// `host:port`.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) fn name(&self) -> &HeaderValue {
        &self.name
    }

    pub(crate) fn user_agent(&self) -> Option<&HeaderValue> {
        self.network.user_agent.as_ref()
    }

    pub(crate) fn forwarding_proxy(&self) -> Option<&Proxy> {
        self.dialer.forwarding_proxy()
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    fn is_paused(&self) -> bool {
        lock(&self.paused_until).is_some_and(|until| until > Instant::now())
    }

    /// Wait until the host may be asked and has a free place. A pause that lasts longer than the caller's patience fails at
    /// once, without a request.
    pub(crate) async fn enter(&self, deadline: Deadline) -> Result<Pass<'_>, Error> {
        loop {
            self.wait_for_pause(deadline).await?;
            let pass = deadline
                .bound(self.gate.enter())
                .await
                .map_err(|_| self.timeout(Phase::Turn))?;
            if !self.is_paused() {
                return Ok(pass);
            }
        }
    }

    async fn wait_for_pause(&self, deadline: Deadline) -> Result<(), Error> {
        let until = *lock(&self.paused_until);
        let Some(until) = until.filter(|until| *until > Instant::now()) else {
            return Ok(());
        };
        if until >= deadline.patience() {
            return Err(Error::RateLimited {
                host: self.authority.clone(),
                retry_after: Some(until.saturating_duration_since(Instant::now())),
            });
        }
        tokio::time::sleep_until(until).await;
        Ok(())
    }

    /// The host answered 429: nobody asks it for `wait`, and then half as many at once as before. Several 429 of
    /// requests that were under way together are one event.
    pub(crate) fn rate_limited(&self, wait: Duration) {
        let until = Instant::now() + wait.min(LONGEST_PAUSE);
        let mut paused_until = lock(&self.paused_until);
        let first = paused_until.is_none_or(|until| until <= Instant::now());
        if first {
            self.gate.halve();
        }
        *paused_until = (*paused_until).max(Some(until));
    }

    /// The host gave an answer: it bears what it is asked, and one request more.
    pub(crate) fn answered(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        self.gate.grow();
    }

    /// How many answers it gave, to anybody.
    pub(crate) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    pub(crate) fn timeout(&self, phase: Phase) -> Error {
        Error::Timeout {
            host: self.authority.clone(),
            phase,
        }
    }
}

/// A number of places that shrinks and grows.
#[derive(Debug)]
pub(crate) struct Gate {
    places: Semaphore,
    most: usize,
    size: Mutex<Size>,
}

#[derive(Debug)]
struct Size {
    /// How many may be inside.
    now: usize,
    /// Places that must not come back when they are left, because the gate shrank while they were taken.
    owed: usize,
}

impl Gate {
    pub(crate) fn new(most: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Semaphore::new(most),
            most,
            size: Mutex::new(Size { now: most, owed: 0 }),
        }
    }

    pub(crate) async fn enter(&self) -> Pass<'_> {
        // The semaphore is never closed; if it were, going on is right, for this is a courtesy and not a safeguard.
        let place = self.places.acquire().await.ok();
        Pass { gate: self, place }
    }

    fn halve(&self) {
        let mut size = lock(&self.size);
        let half = (size.now / 2).max(1);
        let surplus = size.now.saturating_sub(half);
        size.now = half;
        size.owed += surplus.saturating_sub(self.places.forget_permits(surplus));
    }

    fn grow(&self) {
        let mut size = lock(&self.size);
        if size.now >= self.most {
            return;
        }
        size.now += 1;
        if size.owed > 0 {
            size.owed -= 1;
        } else {
            self.places.add_permits(1);
        }
    }
}

/// A place that is left when this is dropped.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    gate: &'a Gate,
    place: Option<SemaphorePermit<'a>>,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut size = lock(&self.gate.size);
        if size.owed > 0 {
            size.owed -= 1;
            if let Some(place) = self.place.take() {
                place.forget();
            }
        }
    }
}

/// A lock whose holder panicked guards nothing but numbers and maps that are whole at every step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use url::Url;

    use super::*;

    fn hosts(per_host: usize) -> Hosts {
        Hosts::new(per_host, Arc::new(Network::new(&crate::Options::default())))
    }

    fn free(gate: &Gate) -> usize {
        let mut passes = Vec::new();
        while let Some(pass) = gate.enter().now_or_never() {
            passes.push(pass);
        }
        passes.len()
    }

    #[test]
    fn a_gate_halves_while_it_is_full_and_grows_back() {
        let gate = Gate::new(8);
        assert_eq!(free(&gate), 8);
        let inside: Vec<_> = (0..6)
            .map(|_| gate.enter().now_or_never().unwrap())
            .collect();
        gate.halve();
        assert_eq!(free(&gate), 0, "six are inside, four are allowed");
        drop(inside);
        assert_eq!(free(&gate), 4);
        gate.grow();
        assert_eq!(free(&gate), 5);
        for _ in 0..20 {
            gate.grow();
        }
        assert_eq!(free(&gate), 8, "never more than at first");
        for _ in 0..20 {
            gate.halve();
        }
        assert_eq!(free(&gate), 1, "never less than one");
    }

    #[test]
    fn growing_pays_back_what_is_owed_first() {
        let gate = Gate::new(4);
        let inside: Vec<_> = (0..4)
            .map(|_| gate.enter().now_or_never().unwrap())
            .collect();
        gate.halve();
        gate.grow();
        drop(inside);
        assert_eq!(free(&gate), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn one_pause_per_host_and_one_halving() {
        let origin = Origin::of(&Url::parse("https://a.example/").unwrap()).unwrap();
        let hosts = hosts(8);
        let state = hosts.state(&origin);
        for _ in 0..5 {
            state.rate_limited(Duration::from_secs(3));
        }
        assert_eq!(lock(&state.gate.size).now, 4);

        let short = hosts
            .state(&origin)
            .enter(Deadline::after(Duration::from_secs(2)))
            .await
            .err();
        assert!(
            matches!(short, Some(Error::RateLimited { retry_after: Some(wait), .. }) if wait == Duration::from_secs(3))
        );
        let start = Instant::now();
        assert!(
            state
                .enter(Deadline::after(Duration::from_secs(9)))
                .await
                .is_ok()
        );
        assert_eq!(start.elapsed().as_secs(), 3);
        state.rate_limited(Duration::from_hours(24));
        assert!(
            state
                .enter(Deadline::after(LONGEST_PAUSE * 2))
                .await
                .is_ok()
        );
        assert_eq!(lock(&state.gate.size).now, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_beyond_the_patience_fails_at_once() {
        let origin = Origin::of(&Url::parse("https://a.example/").unwrap()).unwrap();
        let state = hosts(8).state(&origin);
        state.rate_limited(Duration::from_secs(3));
        let start = Instant::now();
        let deadline = Deadline::after(Duration::from_secs(9));
        let hasty = deadline.with_patience(start + Duration::from_secs(3));
        let refused = state.enter(hasty).await.err();
        assert!(matches!(refused, Some(Error::RateLimited { .. })));
        assert_eq!(start.elapsed(), Duration::ZERO);
        let patient = deadline.with_patience(start + Duration::from_secs(4));
        assert!(state.enter(patient).await.is_ok());
        assert_eq!(start.elapsed().as_secs(), 3);
    }

    #[test]
    fn hosts_are_forgotten_before_memory_runs_out() {
        let hosts = hosts(1);
        let origin = |number: usize| {
            Origin::of(&Url::parse(&format!("https://h{number}.example/")).unwrap()).unwrap()
        };
        let held = hosts.state(&origin(0));
        for number in 0..=MOST_HOSTS {
            hosts.state(&origin(number));
        }
        assert!(lock(&hosts.known).len() <= MOST_HOSTS);
        assert!(Arc::ptr_eq(&held, &hosts.state(&origin(0))), "in use");
    }
}
