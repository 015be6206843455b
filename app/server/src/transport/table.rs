//! All connections of one listener: what each is doing since when, and whom to send away.
//!
//! One table serves every time-out and the cap, so that a request costs two stores and no timer. Never here: sockets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::transport::{ConnectionCounters, ConnectionLimits};

/// How long saying goodbye may take: flushing, TLS `close_notify`, and reading what the client was still sending.
const GOODBYE: Duration = Duration::from_secs(1);
/// How long an idle connection is kept when the server stops. A client that is just sending its next request gets the
/// answer, and with it the news that the connection ends; closing at once would lose that request.
const LAST_REQUEST: Duration = Duration::from_millis(300);
/// How long a connection that has just come keeps its place whatever happens: many times what a handshake and the first
/// bytes of a request take. Otherwise, with requests under way in all other places, newcomers would take the last one from each other and
/// none would be served. A flood would need 80,000 connections a second to fill 4,096 places with such.
const SETTLING: Duration = Duration::from_millis(50);
/// How often the table is looked through at least, while there are connections.
const SLOWEST_LOOK: Duration = Duration::from_millis(250);
/// How often at most.
const FASTEST_LOOK: Duration = Duration::from_millis(10);

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The TLS handshake.
    Handshake,
    /// No request yet.
    FirstHead,
    /// A further request has begun to arrive.
    Head,
    /// A request is being answered.
    Request,
    /// An answer was given; nothing of a further request is here.
    Idle,
    /// Ending.
    Closing,
}

/// A phase and since when, in one word: milliseconds since the table was made, times eight, plus the phase.
#[derive(Debug)]
pub(super) struct Seat {
    word: AtomicU64,
    epoch: Instant,
}

impl Seat {
    fn new(epoch: Instant, phase: Phase, since: Instant) -> Self {
        let seat = Self {
            word: AtomicU64::new(0),
            epoch,
        };
        seat.enter(phase, since);
        seat
    }

    /// It does this from now on.
    pub(super) fn enter(&self, phase: Phase, now: Instant) {
        let word = encode(phase, now.saturating_duration_since(self.epoch));
        self.word.store(word, Ordering::Relaxed);
    }

    /// Bytes came from the client: between requests, they begin the next.
    pub(super) fn received(&self) {
        if decode(self.word.load(Ordering::Relaxed)).0 == Phase::Idle {
            self.enter(Phase::Head, Instant::now());
        }
    }

    /// Go from what `word` says to [`Phase::Closing`], unless it has moved on.
    fn close(&self, word: u64, now: Duration) -> bool {
        let closing = encode(Phase::Closing, now);
        self.word
            .compare_exchange(word, closing, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

fn encode(phase: Phase, since: Duration) -> u64 {
    let number = match phase {
        Phase::Handshake => 0,
        Phase::FirstHead => 1,
        Phase::Head => 2,
        Phase::Request => 3,
        Phase::Idle => 4,
        Phase::Closing => 5,
    };
    let milliseconds = u64::try_from(since.as_millis()).unwrap_or(u64::MAX >> 3);
    (milliseconds << 3) | number
}

fn decode(word: u64) -> (Phase, Duration) {
    let phase = match word & 7 {
        0 => Phase::Handshake,
        1 => Phase::FirstHead,
        2 => Phase::Head,
        3 => Phase::Request,
        4 => Phase::Idle,
        _ => Phase::Closing,
    };
    (phase, Duration::from_millis(word >> 3))
}

/// All connections of one listener.
#[derive(Debug)]
pub(super) struct Table {
    limits: ConnectionLimits,
    pub(super) counters: Arc<ConnectionCounters>,
    epoch: Instant,
    rows: Mutex<Rows>,
    /// Wakes whoever looks through the table: the first connection came, or the server stops.
    changed: Notify,
    stopping: AtomicBool,
    /// Milliseconds since `epoch` at which it began to stop.
    stopping_since: AtomicU64,
}

#[derive(Debug, Default)]
struct Rows {
    next: u64,
    by_id: BTreeMap<u64, Row>,
}

#[derive(Debug)]
struct Row {
    seat: Arc<Seat>,
    /// Ends the connection politely.
    close: Option<oneshot::Sender<()>>,
    /// Ends it at once. `None` before it runs and after it was used.
    abort: Option<AbortHandle>,
}

/// A connection's row; leaving drops it.
#[derive(Debug)]
pub(super) struct Lease {
    table: Arc<Table>,
    id: u64,
    seat: Arc<Seat>,
}

impl Lease {
    pub(super) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.table.counters.open.subtract();
        self.table.rows().by_id.remove(&self.id);
    }
}

impl Table {
    pub(super) fn new(limits: ConnectionLimits, counters: Arc<ConnectionCounters>) -> Self {
        Self {
            limits,
            counters,
            epoch: Instant::now(),
            rows: Mutex::default(),
            changed: Notify::new(),
            stopping: AtomicBool::new(false),
            stopping_since: AtomicU64::new(0),
        }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        // nothing that is done under the lock can leave the rows half changed
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A row for a connection accepted at `now`, and what tells it to close. When all places are taken, the connection
    /// that has waited longest without a request under way makes place. `None`: every one has a request under way, or has
    /// just come.
    pub(super) fn enter(
        self: &Arc<Self>,
        phase: Phase,
        now: Instant,
    ) -> Option<(Lease, oneshot::Receiver<()>)> {
        let mut rows = self.rows();
        let evicted = if rows.by_id.len() >= self.limits.connections {
            Some(rows.evict(now.saturating_duration_since(self.epoch))?)
        } else {
            None
        };
        let id = rows.next;
        rows.next = rows.next.wrapping_add(1);
        let seat = Arc::new(Seat::new(self.epoch, phase, now));
        let (close, closed) = oneshot::channel();
        let row = Row {
            seat: Arc::clone(&seat),
            close: Some(close),
            abort: None,
        };
        if rows.by_id.is_empty() {
            self.changed.notify_one();
        }
        rows.by_id.insert(id, row);
        drop(rows);
        self.counters.open.add();
        self.end_evicted(evicted);
        let table = Arc::clone(self);
        Some((Lease { table, id, seat }, closed))
    }

    /// The task that serves the connection of row `id`, if that is still there.
    pub(super) fn runs(&self, id: u64, abort: AbortHandle) {
        if let Some(row) = self.rows().by_id.get_mut(&id) {
            row.abort = Some(abort);
        }
    }

    /// End one connection without a request under way, because something is scarce. Whether there was one.
    pub(super) fn evict(&self) -> bool {
        let evicted = self.rows().evict(self.epoch.elapsed());
        self.end_evicted(evicted)
    }

    fn end_evicted(&self, evicted: Option<AbortHandle>) -> bool {
        let Some(evicted) = evicted else {
            return false;
        };
        self.counters.evicted.add();
        evicted.abort();
        true
    }

    /// From now on each answer ends its connection, and idle connections go soon.
    pub(super) fn stop(&self) {
        let now = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.stopping_since.store(now, Ordering::Relaxed);
        self.stopping.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Whether it is stopping.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// End all connections at once.
    pub(super) fn cut(&self) {
        let mut rows = self.rows();
        let running = rows.by_id.values_mut().filter_map(|row| row.abort.take());
        let running: Vec<AbortHandle> = running.collect();
        drop(rows);
        for abort in running {
            self.counters.cut.add();
            abort.abort();
        }
    }

    /// Look through the table for ever, ending what takes too long.
    pub(super) async fn watch(&self) {
        loop {
            if self.rows().by_id.is_empty() {
                self.changed.notified().await;
            }
            tokio::select! {
                () = tokio::time::sleep(self.pause()) => {}
                () = self.changed.notified() => {}
            }
            self.look(Instant::now());
        }
    }

    /// The time between two looks: so that no time-out is overrun by more than an eighth.
    fn pause(&self) -> Duration {
        if self.is_stopping() {
            return FASTEST_LOOK;
        }
        let limits = &self.limits;
        let shortest = limits.handshake.min(limits.head).min(limits.idle);
        (shortest / 8).clamp(FASTEST_LOOK, SLOWEST_LOOK)
    }

    /// End what took too long at `now`.
    fn look(&self, now: Instant) {
        let now = now.saturating_duration_since(self.epoch);
        let stopping = self
            .is_stopping()
            .then(|| Duration::from_millis(self.stopping_since.load(Ordering::Relaxed)));
        // ended when the rows are free again: what ends leaves its row
        let mut late = Vec::new();
        for row in self.rows().by_id.values_mut() {
            let word = row.seat.word.load(Ordering::Relaxed);
            let (phase, since) = decode(word);
            if now < self.end_of(phase, since, stopping) {
                continue;
            }
            match phase {
                Phase::Request => {}
                Phase::Idle => {
                    if row.seat.close(word, now)
                        && let Some(close) = row.close.take()
                        && close.send(()).is_ok()
                    {
                        self.counters.idle_closed.add();
                    }
                }
                Phase::Handshake | Phase::FirstHead | Phase::Head | Phase::Closing => {
                    late.extend(row.abort.take().map(|abort| (phase, abort)));
                }
            }
        }
        for (phase, abort) in late {
            self.count_late(phase);
            abort.abort();
        }
    }

    /// The latest moment (since the table was made) at which a phase entered at `since` ends.
    fn end_of(&self, phase: Phase, since: Duration, stopping: Option<Duration>) -> Duration {
        let limits = &self.limits;
        let (usual, last) = match phase {
            Phase::Request => return Duration::MAX,
            Phase::Handshake => (limits.handshake, limits.handshake),
            Phase::Head => (limits.head, limits.head),
            Phase::FirstHead => (limits.head, GOODBYE),
            Phase::Idle => (limits.idle, LAST_REQUEST),
            Phase::Closing => (GOODBYE, GOODBYE),
        };
        let end = since.saturating_add(usual);
        stopping.map_or(end, |stopping| {
            end.min(since.max(stopping).saturating_add(last))
        })
    }

    fn count_late(&self, phase: Phase) {
        match phase {
            Phase::Handshake => self.counters.handshake_timeout.add(),
            Phase::FirstHead | Phase::Head => self.counters.head_timeouts.add(),
            Phase::Request | Phase::Idle | Phase::Closing => {}
        }
    }
}

impl Rows {
    /// Take out the connection that, at `now`, has waited longest without a request under way. Its row goes now, not when
    /// its task has ended, so that the number of rows is the number of places taken.
    fn evict(&mut self, now: Duration) -> Option<AbortHandle> {
        let longest = self
            .by_id
            .iter()
            .filter(|(_, row)| row.abort.is_some())
            .filter_map(|(id, row)| {
                let (phase, since) = decode(row.seat.word.load(Ordering::Relaxed));
                let waits = match phase {
                    Phase::Request => false,
                    Phase::Idle => true,
                    _ => now >= since.saturating_add(SETTLING),
                };
                waits.then_some((since, *id))
            })
            .min();
        let (_, id) = longest?;
        self.by_id.remove(&id)?.abort
    }
}
