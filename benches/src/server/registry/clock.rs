//! Delays that are exact to a tenth of a millisecond. The timer of the runtime rounds up to whole milliseconds, which over
//! six round trips is more than the limits that are measured here.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// Wakes whoever waits, at the instant asked for.
#[derive(Debug, Clone)]
pub(crate) struct Clock(Arc<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    alarms: Mutex<BinaryHeap<Reverse<Alarm>>>,
    earlier: Condvar,
}

#[derive(Debug)]
struct Alarm {
    at: Instant,
    number: u64,
    ring: oneshot::Sender<()>,
}

impl PartialEq for Alarm {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Alarm {}

impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Alarm {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl Clock {
    /// A clock with a thread of its own, which lives as long as the process.
    pub(crate) fn start() -> io::Result<Self> {
        let clock = Self(Arc::default());
        let waiting = Arc::clone(&clock.0);
        thread::Builder::new()
            .name("clock".to_owned())
            .spawn(move || waiting.run())?;
        Ok(clock)
    }

    /// Wait until that instant.
    pub(crate) async fn until(&self, at: Instant) {
        let (ring, heard) = oneshot::channel();
        {
            let mut alarms = self.0.lock();
            let number = u64::try_from(alarms.len()).unwrap_or(u64::MAX);
            let first = alarms.peek().is_none_or(|Reverse(next)| at < next.at);
            alarms.push(Reverse(Alarm { at, number, ring }));
            if first {
                self.0.earlier.notify_one();
            }
        }
        // the thread lives as long as the process, so that it always rings
        let _always = heard.await;
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, BinaryHeap<Reverse<Alarm>>> {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut alarms = self.lock();
        loop {
            let now = Instant::now();
            while alarms.peek().is_some_and(|Reverse(next)| next.at <= now) {
                if let Some(Reverse(due)) = alarms.pop() {
                    // whoever waited may have gone
                    let _gone = due.ring.send(());
                }
            }
            let next = alarms.peek().map(|Reverse(next)| next.at);
            let wait = next.map_or(Duration::MAX, |at| at.saturating_duration_since(now));
            alarms = match self.earlier.wait_timeout(alarms, wait) {
                Ok((alarms, _)) => alarms,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_ring_in_their_order_and_never_early() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let clock = Clock::start().unwrap();
        let start = Instant::now();
        let late = clock.until(start + Duration::from_millis(12));
        let soon = clock.until(start + Duration::from_millis(4));
        let rung = runtime.block_on(async {
            let late = async {
                late.await;
                start.elapsed()
            };
            let soon = async {
                soon.await;
                start.elapsed()
            };
            tokio::join!(late, soon)
        });
        assert!(rung.0 >= Duration::from_millis(12), "{rung:?}");
        assert!(rung.1 >= Duration::from_millis(4), "{rung:?}");
        assert!(rung.1 < rung.0, "{rung:?}");
    }
}
