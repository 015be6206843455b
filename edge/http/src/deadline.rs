//! The instant at which a caller stops waiting, and the one until which it is patient.

use std::time::Duration;

use tokio::time::Instant;

/// The instant at which an answer is worth nothing any more, and the one until which pauses make sense.
///
/// Work may go on after the caller that started it has left, so that the next one finds it done. Then the *deadline* is
/// the end of the work, and *patience* ends when the caller leaves: an answer under way may take until the deadline, but
/// a wait that is known beforehand (a back-off, `Retry-After`, the pause of a host) and does not end in time for the
/// caller is a failure at once. Both use the runtime's clock, so that tests can turn it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    end: Instant,
    /// Never after `end`.
    patience: Instant,
}

/// The deadline passed before the work was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the deadline passed")]
pub struct Passed;

impl Deadline {
    /// `time` from now. A time too long to be counted is 30 years from now.
    pub fn after(time: Duration) -> Self {
        const FAR: Duration = Duration::from_hours(30 * 365 * 24);
        let now = Instant::now();
        Self::at(now.checked_add(time).unwrap_or_else(|| now + FAR))
    }

    /// At `instant`, with patience until then.
    pub fn at(instant: Instant) -> Self {
        Self {
            end: instant,
            patience: instant,
        }
    }

    /// The same deadline, with patience until `until` only; or as before, if that is earlier.
    #[must_use]
    pub fn with_patience(self, until: Instant) -> Self {
        Self {
            patience: self.patience.min(until),
            ..self
        }
    }

    /// The instant of the deadline.
    pub fn instant(self) -> Instant {
        self.end
    }

    /// The instant before which every planned wait must end: never after the deadline.
    pub fn patience(self) -> Instant {
        self.patience
    }

    /// Time left until the deadline; zero when it has passed.
    pub fn remaining(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Whether a planned wait of `wait` from now ends while there is patience.
    pub fn allows(self, wait: Duration) -> bool {
        wait < self.patience.saturating_duration_since(Instant::now())
    }

    /// Run `work` until it is done or the deadline passes; then it is dropped.
    pub async fn bound<F: Future>(self, work: F) -> Result<F::Output, Passed> {
        tokio::time::timeout_at(self.end, work)
            .await
            .map_err(|_| Passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn planned_waits_end_with_patience_and_work_with_the_deadline() {
        let now = Instant::now();
        let deadline = Deadline::at(now + 10 * SECOND).with_patience(now + 3 * SECOND);
        assert!(deadline.allows(2 * SECOND) && !deadline.allows(3 * SECOND));
        assert_eq!(deadline.remaining(), 10 * SECOND);
        let work = deadline.bound(tokio::time::sleep(9 * SECOND)).await;
        assert_eq!(work, Ok(()));
        assert!(!deadline.allows(Duration::ZERO), "patience is over");
        assert_eq!(deadline.remaining(), SECOND);
        let work = deadline.bound(tokio::time::sleep(2 * SECOND)).await;
        assert_eq!(work, Err(Passed));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_is_the_deadline_unless_it_is_shorter() {
        let now = Instant::now();
        let deadline = Deadline::at(now + 2 * SECOND);
        assert!(deadline.allows(SECOND) && !deadline.allows(2 * SECOND));
        let longer = deadline.with_patience(now + 9 * SECOND);
        assert_eq!(longer, deadline);
        let shorter = deadline.with_patience(now + SECOND);
        let again = shorter.with_patience(now + 2 * SECOND);
        assert_eq!(again.patience(), now + SECOND, "it never grows back");
    }
}
