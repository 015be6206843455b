//! The connections to one host: who gets which, when a new one is opened, and when an unused one is closed.
//!
//! New connections are opened by tasks of their own and given to whoever waits longest, so that a request which is given
//! up wastes nothing. A host that speaks HTTP/2 gets one connection for all, and another one only when that is full;
//! until it is known whether it does, one attempt is made and all wait for it. A host that speaks HTTP/1.1 gets a few
//! connections at once, and more as far as those who wait would otherwise wait noticeably: how long that is follows from
//! how fast the host answers.

mod granted;
mod lease;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::Error;
use crate::connection::{Connection, Protocol};
use crate::hosts::lock;

use granted::{Granted, Idle, Own, Seat, Shared, Stream};

pub(crate) use lease::Lease;

/// How often unused connections are looked for.
const TIDY: Duration = Duration::from_secs(11);
/// HTTP/1.1 connections that are opened without reckoning: what one image with a few signatures has a use for. Also the
/// most attempts to connect at once to a host that never answered.
const EAGER: usize = 8;
/// How long requests may wait for one of the connections that stand, as far as can be reckoned.
const NOTICEABLE: Duration = Duration::from_millis(5);
/// How long a request waits until the reckoning is not believed any more: not all answers are as fast as the fastest.
const TOO_LONG: Duration = Duration::from_millis(20);
/// How late a timer of this process may be for it to be idle enough that the host is what makes requests wait.
const PUNCTUAL: Duration = Duration::from_millis(3);
/// How often the reckoning is done while requests wait.
const PACE: Duration = Duration::from_millis(1);
/// How long the fastest answer counts. A host may become slower.
const FASTEST_KEPT: Duration = Duration::from_secs(10);
/// How long no new connection is tried after one failed while others stand.
const AFTER_FAILURE: Duration = Duration::from_millis(100);
/// The most HTTP/2 connections to one host.
const MOST_SHARED: usize = 4;

/// A connection that is being opened.
pub(crate) type Dialing = Pin<Box<dyn Future<Output = Result<Connection, Error>> + Send>>;

/// The connections to one host.
pub(crate) struct Pool {
    state: Mutex<State>,
    dial: Box<dyn Fn() -> Dialing + Send + Sync>,
    /// HTTP/1.1 connections that stand, in use or not.
    open: Arc<AtomicUsize>,
    /// Whether the host may speak HTTP/2: only TLS can agree on that.
    secure: bool,
}

#[derive(Default)]
struct State {
    /// HTTP/1.1 connections nobody uses, the last used last.
    idle: Vec<Idle>,
    /// HTTP/2 connections.
    shared: Vec<Arc<Shared>>,
    /// Requests without a connection, the oldest first.
    waiting: VecDeque<Waiting>,
    /// Connections that are being opened.
    dialing: usize,
    /// What the host spoke last.
    protocol: Option<Protocol>,
    /// No new connection before this instant.
    not_before: Option<Instant>,
    /// The fastest answer lately, and since when that is counted.
    fastest: Option<(Duration, Instant)>,
    /// When the first request was sent that is not answered yet, as long as nothing was answered at all.
    first_sent: Option<Instant>,
    pacing: bool,
    tidying: bool,
}

/// A request that waits for a connection.
struct Waiting {
    sender: oneshot::Sender<Result<Granted, Error>>,
    since: Instant,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// No connections yet. `dial` opens one.
    pub(crate) fn new(secure: bool, dial: impl Fn() -> Dialing + Send + Sync + 'static) -> Self {
        Self {
            state: Mutex::default(),
            dial: Box::new(dial),
            open: Arc::default(),
            secure,
        }
    }

    /// A connection to send one request over. Fails as opening one failed. Dropping this future is safe at any time.
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Lease, Error> {
        let waiting = {
            let mut state = lock(&self.state);
            if let Some(granted) = self.take(&mut state) {
                return Ok(self.leased(granted));
            }
            let (sender, receiver) = oneshot::channel();
            let since = Instant::now();
            state.waiting.push_back(Waiting { sender, since });
            self.provide(&mut state);
            receiver
        };
        match waiting.await {
            Ok(granted) => granted.map(|granted| self.leased(granted)),
            // Every sender is answered, or the pool is gone with the runtime.
            Err(_) => Err(Error::Setup {
                source: crate::Cause::text("connection pool ended"),
            }),
        }
    }

    fn leased(self: &Arc<Self>, granted: Granted) -> Lease {
        Lease::new(Arc::clone(self), granted)
    }

    /// A connection that stands and has room.
    fn take(self: &Arc<Self>, state: &mut State) -> Option<Granted> {
        if let Some(stream) = self.stream(state) {
            return Some(Granted::Shared(stream));
        }
        while let Some(idle) = state.idle.pop() {
            if !idle.is_over() {
                let (own, reused) = (idle.own, true);
                return Some(Granted::Own { own, reused });
            }
        }
        None
    }

    /// A place on the HTTP/2 connection that has most room. When that is full, another connection is opened, but nobody
    /// waits for it.
    fn stream(self: &Arc<Self>, state: &mut State) -> Option<Stream> {
        state.shared.retain(|shared| !shared.connection.is_closed());
        let least = state.shared.iter().min_by_key(|shared| shared.used())?;
        let stream = least.stream()?;
        if least.is_full()
            && state.dialing == 0
            && state.shared.len() < MOST_SHARED
            && !state.is_paused()
        {
            self.dial(state);
        }
        Some(stream)
    }

    /// Open connections for those who wait, as many as make sense now, and reckon again soon if some go on waiting.
    fn provide(self: &Arc<Self>, state: &mut State) {
        let wanted = state.waiting.len().saturating_sub(state.dialing);
        if wanted == 0 {
            return;
        }
        if !state.is_paused() {
            let more = if self.is_sharing(state) {
                usize::from(state.dialing == 0)
            } else {
                let standing = self.open.load(Ordering::Relaxed) + state.dialing;
                let target = EAGER.max(state.reckoned());
                target.saturating_sub(standing).min(wanted)
            };
            (0..more).for_each(|_| self.dial(state));
        }
        // Where nothing stands yet, whatever comes of the first attempts leads here again.
        let unknown = state.dialing > 0 && (self.is_sharing(state) || state.protocol.is_none());
        if !unknown && !state.pacing && state.waiting.len() > state.dialing {
            state.pacing = true;
            spawn(pace(Arc::clone(self)));
        }
    }

    /// Whether one connection serves all, as far as is known.
    fn is_sharing(&self, state: &State) -> bool {
        self.secure && state.protocol != Some(Protocol::One)
    }

    fn dial(self: &Arc<Self>, state: &mut State) {
        state.dialing += 1;
        let (pool, dialing) = (Arc::clone(self), (self.dial)());
        spawn(async move {
            let mut done = Dialed { pool, result: None };
            done.result = Some(dialing.await);
        });
    }

    /// A new connection stands, or could not be opened.
    fn dialed(self: &Arc<Self>, result: Result<Connection, Error>) {
        let mut state = lock(&self.state);
        state.dialing = state.dialing.saturating_sub(1);
        match result {
            Ok(connection) => self.connected(&mut state, connection),
            Err(error) => self.failed(&mut state, &error),
        }
        self.provide(&mut state);
    }

    fn connected(self: &Arc<Self>, state: &mut State, connection: Connection) {
        state.not_before = None;
        state.protocol = Some(connection.protocol());
        match connection.protocol() {
            Protocol::One => {
                let seat = Seat::take(&self.open);
                let own = Own {
                    connection,
                    _seat: seat,
                };
                self.offer(state, own, false);
            }
            Protocol::Two => {
                let shared = Arc::new(Shared::new(connection));
                for waiting in std::mem::take(&mut state.waiting) {
                    if let Some(stream) = shared.stream() {
                        let _given_up = waiting.sender.send(Ok(Granted::Shared(stream)));
                    }
                }
                state.shared.push(shared);
                self.tidy(state);
            }
        }
    }

    /// Without any connection, those who wait fail as this one did. With others, they wait for those.
    fn failed(&self, state: &mut State, error: &Error) {
        let others = self.open.load(Ordering::Relaxed) + state.shared.len() + state.dialing;
        if others > 0 {
            state.not_before = Some(Instant::now() + AFTER_FAILURE);
            return;
        }
        for waiting in std::mem::take(&mut state.waiting) {
            let _given_up = waiting.sender.send(Err(error.clone()));
        }
    }

    /// Give an HTTP/1.1 connection to whoever waits longest, or keep it.
    fn offer(self: &Arc<Self>, state: &mut State, own: Own, reused: bool) {
        let mut granted = Granted::Own { own, reused };
        while let Some(waiting) = state.waiting.pop_front() {
            match waiting.sender.send(Ok(granted)) {
                Err(Ok(back)) => granted = back, // given up meanwhile
                Ok(()) | Err(Err(_)) => return,
            }
        }
        if let Granted::Own { own, .. } = granted {
            let since = Instant::now();
            state.idle.push(Idle { own, since });
            self.tidy(state);
        }
    }

    fn give_back(self: &Arc<Self>, granted: Granted) {
        match granted {
            Granted::Own { own, .. } if own.connection.is_closed() => {
                drop(own);
                self.lost();
            }
            Granted::Own { own, .. } => self.offer(&mut lock(&self.state), own, true),
            Granted::Shared(stream) => stream.shared.has_been_used(),
        }
    }

    fn sent(&self) {
        let mut state = lock(&self.state);
        if state.fastest.is_none() && state.first_sent.is_none() {
            state.first_sent = Some(Instant::now());
        }
    }

    /// An answer came after `time`.
    fn answered(&self, time: Duration) {
        let mut state = lock(&self.state);
        let kept = state
            .fastest
            .filter(|(_, since)| since.elapsed() < FASTEST_KEPT);
        state.fastest = Some(match kept {
            Some((fastest, since)) => (fastest.min(time), since),
            None => (time, Instant::now()),
        });
    }

    /// An HTTP/2 connection that shall get no more requests.
    fn retire(&self, retired: &Arc<Shared>) {
        let mut state = lock(&self.state);
        state.shared.retain(|shared| !Arc::ptr_eq(shared, retired));
    }

    /// A connection of somebody is lost: whoever waited for it needs another one.
    fn lost(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        self.provide(&mut state);
    }

    /// Close unused connections in time.
    fn tidy(self: &Arc<Self>, state: &mut State) {
        if !state.tidying {
            state.tidying = true;
            spawn(tidy(Arc::downgrade(self)));
        }
    }
}

impl State {
    /// How many connections it takes for those who wait not to wait noticeably: each connection carries so many requests
    /// in that time as the fastest answer allows. (An average would not do. It grows with the load of this machine, which
    /// more connections only make worse.)
    fn reckoned(&self) -> usize {
        if self.protocol.is_none() {
            return 0;
        }
        let answer = match (self.fastest, self.first_sent) {
            (Some((fastest, _)), _) => fastest,
            (None, Some(first)) => first.elapsed(),
            (None, None) => Duration::ZERO,
        };
        let waiting = u128::try_from(self.waiting.len()).unwrap_or(u128::MAX);
        let work = answer.as_micros().saturating_mul(waiting);
        usize::try_from(work / NOTICEABLE.as_micros()).unwrap_or(usize::MAX)
    }

    fn waits_too_long(&self) -> bool {
        let oldest = self.waiting.front();
        oldest.is_some_and(|oldest| oldest.since.elapsed() > TOO_LONG)
    }

    fn is_paused(&self) -> bool {
        self.not_before.is_some_and(|until| until > Instant::now())
    }
}

/// A dial that tells its pool how it ended, even if it panics or the runtime ends it.
struct Dialed {
    pool: Arc<Pool>,
    result: Option<Result<Connection, Error>>,
}

impl Drop for Dialed {
    fn drop(&mut self) {
        let result = self.result.take().unwrap_or_else(|| {
            Err(Error::Setup {
                source: crate::Cause::text("connecting ended early"),
            })
        });
        self.pool.dialed(result);
    }
}

/// Reckon again and again while requests wait.
async fn pace(pool: Arc<Pool>) {
    loop {
        let until = lock(&pool.state).not_before;
        let soon = Instant::now() + PACE;
        let next = until.map_or(soon, |until| until.max(soon));
        tokio::time::sleep_until(next).await;
        let punctual = next.elapsed() < PUNCTUAL;
        let mut state = lock(&pool.state);
        state.waiting.retain(|waiting| !waiting.sender.is_closed());
        pool.provide(&mut state);
        let known = state.protocol.is_some() && !pool.is_sharing(&state);
        if known && punctual && state.waits_too_long() && !state.is_paused() {
            let wanted = state.waiting.len().saturating_sub(state.dialing);
            (0..wanted.min(EAGER)).for_each(|_| pool.dial(&mut state));
        }
        if state.waiting.len() <= state.dialing {
            state.pacing = false;
            return;
        }
    }
}

/// Close what nobody uses, until nothing is left.
async fn tidy(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(TIDY).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut state = lock(&pool.state);
        state.idle.retain(|idle| !idle.is_over());
        state.shared.retain(|shared| !shared.is_over());
        if state.idle.is_empty() && state.shared.is_empty() {
            state.tidying = false;
            return;
        }
    }
}

/// Spawn, unless the runtime is gone and all of this with it.
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(task);
    }
}

#[cfg(test)]
mod tests;
