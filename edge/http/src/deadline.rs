//! The instant at which a caller stops waiting.

use std::time::Duration;

use tokio::time::Instant;

/// The instant at which an answer is worth nothing any more. It uses the runtime's clock, so that tests can turn it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

/// The deadline passed before the work was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the deadline passed")]
pub struct Passed;

impl Deadline {
    /// `time` from now. A time too long to be counted is 30 years from now.
    pub fn after(time: Duration) -> Self {
        const FAR: Duration = Duration::from_hours(30 * 365 * 24);
        let now = Instant::now();
        Self(now.checked_add(time).unwrap_or_else(|| now + FAR))
    }

    /// At `instant`.
    pub fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// The instant.
    pub fn instant(self) -> Instant {
        self.0
    }

    /// Time left; zero when it has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether `wait` from now is still before the deadline.
    pub fn allows(self, wait: Duration) -> bool {
        wait < self.remaining()
    }

    /// Run `work` until it is done or the deadline passes; then it is dropped.
    pub async fn bound<F: Future>(self, work: F) -> Result<F::Output, Passed> {
        tokio::time::timeout_at(self.0, work)
            .await
            .map_err(|_| Passed)
    }
}
