//! Log lines for what a client can make happen as often as it likes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// One line in this time.
const BETWEEN: Duration = Duration::from_secs(10);

/// Says when a repeated event is worth a line.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    last: Option<Instant>,
    silent: u64,
}

impl Seldom {
    /// It happened at `now`. If it is time for a line: how often it happened since the last one without a line.
    pub(super) fn add(&self, now: Instant) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = told
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < BETWEEN);
        if recent {
            told.silent = told.silent.saturating_add(1);
            return None;
        }
        told.last = Some(now);
        Some(std::mem::take(&mut told.silent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_ten_seconds_says_how_many_it_stands_for() {
        let seldom = Seldom::default();
        let start = Instant::now();
        assert_eq!(seldom.add(start), Some(0));
        assert_eq!(seldom.add(start + Duration::from_secs(1)), None);
        assert_eq!(seldom.add(start + Duration::from_secs(9)), None);
        assert_eq!(seldom.add(start + Duration::from_secs(10)), Some(2));
        assert_eq!(seldom.add(start + Duration::from_secs(21)), Some(0));
    }
}
