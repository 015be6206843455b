//! When what of a request must have ended. The answer comes before the request's time is up, so the work ends earlier.

use std::time::Duration;

use tokio::time::Instant;

use crate::Timeouts;
use crate::metrics::Endpoint;

/// How much of the time is kept for writing the answer and for being woken late: a fiftieth, within these bounds. An
/// answer of a thousand images is a megabyte, which takes a few milliseconds.
const SHARE: u32 = 50;
const LEAST: Duration = Duration::from_millis(2);
const MOST: Duration = Duration::from_millis(40);

/// The instants that matter to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// When work on images must say what it has. It ends by itself then, and can say where it stood.
    pub(super) work: Instant,
    /// When the answer is written with what is there: the net under the work.
    pub(super) answer: Instant,
    /// When what is not logged yet must not hold up the answer any more.
    pub(super) logged: Instant,
}

impl Times {
    /// Of a request whose time began at `began`.
    pub(super) fn of(endpoint: Endpoint, timeouts: &Timeouts, began: Instant) -> Self {
        let timeout = match endpoint {
            Endpoint::Verify => timeouts.verification,
            Endpoint::Mutate => timeouts.mutation,
        };
        let margin = (timeout / SHARE).clamp(LEAST, MOST).min(timeout / 2);
        Self {
            work: began + timeout.saturating_sub(margin + margin / 2),
            answer: began + timeout.saturating_sub(margin),
            logged: began + timeout.saturating_sub(margin / 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn att_49_work_ends_before_the_answer_and_the_answer_before_the_time() {
        let began = Instant::now();
        for milliseconds in [0, 1, 10, 950, 2_900, 600_000] {
            let time = Duration::from_millis(milliseconds);
            let timeouts = Timeouts {
                verification: time,
                mutation: time,
            };
            let times = Times::of(Endpoint::Verify, &timeouts, began);
            assert!(
                times.work <= times.answer
                    && times.answer <= times.logged
                    && times.logged <= began + time,
                "{time:?}"
            );
            assert!(
                times.work >= began + time / 4,
                "{time:?}: most of it is for the work"
            );
        }
    }
}
