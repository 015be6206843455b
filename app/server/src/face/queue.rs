//! How many requests ask registries at once. Those above wait in order, for a bounded time, and are then turned away
//! rather than answered late. Requests that memory answers never come here.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// The queue in front of the work.
#[derive(Debug)]
pub(super) struct Queue {
    at_work: usize,
    seats: Semaphore,
    most_waiting: usize,
    waiting: AtomicUsize,
}

/// Leave to work, as long as it is held.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    _permit: SemaphorePermit<'a>,
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Shed {
    /// Too many wait already.
    #[error("overloaded: {at_work} requests are being worked on and {waiting} wait, the limits")]
    Full {
        /// Requests at work.
        at_work: usize,
        /// Requests that wait.
        waiting: usize,
    },
    /// None became free in half of the time that was left.
    #[error("overloaded: none of {at_work} requests, the limit, ended in half of the time left")]
    TooLong {
        /// Requests at work.
        at_work: usize,
    },
}

impl Shed {
    /// In one word, for metrics.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Full { .. } => "full",
            Self::TooLong { .. } => "waited",
        }
    }
}

impl Queue {
    /// A queue with so many seats and so many places to wait.
    pub(super) fn new(at_work: usize, most_waiting: usize) -> Self {
        Self {
            at_work,
            seats: Semaphore::new(at_work.min(Semaphore::MAX_PERMITS)),
            most_waiting,
            waiting: AtomicUsize::new(0),
        }
    }

    /// A seat, first come first served, after at most half of the time until `deadline`: the other half is for the work.
    pub(super) async fn seat(&self, deadline: Instant) -> Result<Seat<'_>, Shed> {
        if let Ok(permit) = self.seats.try_acquire() {
            return Ok(Seat { _permit: permit });
        }
        let at_work = self.at_work;
        let Some(_place) = Place::take(self) else {
            let waiting = self.most_waiting;
            return Err(Shed::Full { at_work, waiting });
        };
        let now = Instant::now();
        let patience = deadline.saturating_duration_since(now) / 2;
        let permit = timeout_at(now + patience, self.seats.acquire()).await;
        // the semaphore is never closed
        let permit = permit.ok().and_then(Result::ok);
        let permit = permit.ok_or(Shed::TooLong { at_work })?;
        Ok(Seat { _permit: permit })
    }

    /// Requests that wait now.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// A place among those who wait; given back however the wait ends, also when the caller leaves.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(queue: &'a Queue) -> Option<Self> {
        let most = queue.most_waiting;
        let more = |waiting: usize| (waiting < most).then_some(waiting + 1);
        let taken = queue
            .waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.ok().map(|_| Self(&queue.waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;
    use futures::future::join_all;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(2)
    }

    #[tokio::test(start_paused = true)]
    async fn seats_are_given_in_order_and_given_back() {
        let queue = Queue::new(1, 8);
        let first = queue.seat(soon()).await.unwrap();
        let mut order = Vec::new();
        let (mut second, mut third) = (Box::pin(queue.seat(soon())), Box::pin(queue.seat(soon())));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(third.as_mut().now_or_never().is_none());
        assert_eq!(queue.waiting(), 2);
        drop(first);
        assert!(
            third.as_mut().now_or_never().is_none(),
            "the second came first"
        );
        order.push(second.await.unwrap());
        order.clear();
        third.await.unwrap();
        assert_eq!(queue.waiting(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_half_of_the_time_left() {
        let queue = Queue::new(1, 8);
        let _seat = queue.seat(soon()).await.unwrap();
        let begin = Instant::now();
        let shed = queue.seat(soon()).await.unwrap_err();
        assert_eq!(shed, Shed::TooLong { at_work: 1 });
        assert_eq!(begin.elapsed(), Duration::from_secs(1));
        let begin = Instant::now();
        assert!(queue.seat(begin).await.is_err(), "no time left");
        assert!(begin.elapsed() < Duration::from_millis(5));
        assert_eq!(queue.waiting(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn those_above_the_limit_are_turned_away_at_once() {
        let queue = Queue::new(2, 3);
        let begin = Instant::now();
        let deadline = soon();
        let seats = join_all((0..10).map(|_| queue.seat(deadline))).await;
        let full = Shed::Full {
            at_work: 2,
            waiting: 3,
        };
        let turned_away = seats
            .iter()
            .filter(|seat| seat.as_ref().err() == Some(&full));
        assert_eq!(turned_away.count(), 5);
        assert_eq!(seats.iter().filter(|seat| seat.is_ok()).count(), 2);
        assert_eq!(begin.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_leaves_gives_the_place_back() {
        let queue = Queue::new(1, 1);
        let _seat = queue.seat(soon()).await.unwrap();
        let mut waits = Box::pin(queue.seat(soon()));
        assert!(waits.as_mut().now_or_never().is_none());
        drop(waits);
        assert_eq!(queue.waiting(), 0);
    }
}
