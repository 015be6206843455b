//! When and after what wait a question is asked again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, RETRY_AFTER};

/// How often a question is asked again, and after what wait.
///
/// The wait is "full jitter": anything between zero and `base` doubled for each failure so far, at most `cap`. That
/// spreads callers that failed together (Amazon Architecture Blog, "Exponential Backoff And Jitter").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// Repetitions after the first request.
    pub most: u32,
    /// The longest wait after the first failure.
    pub base: Duration,
    /// The longest wait after any failure.
    pub cap: Duration,
}

impl Default for Retries {
    /// Three repetitions from 200 ms to 2 s: what fits into an admission deadline of 2.9 s. (Ratify v1.4 repeats five
    /// times from 200 ms to 1.75 s and so lets its own deadline pass.)
    fn default() -> Self {
        Self {
            most: 3,
            base: Duration::from_millis(200),
            cap: Duration::from_secs(2),
        }
    }
}

impl Retries {
    /// The wait after failure number `failures` (1 is the first).
    pub(crate) fn wait(&self, failures: u32) -> Duration {
        let doubled = self
            .base
            .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        random_below(doubled.min(self.cap))
    }
}

/// Any duration from zero to `most`. Spreading load needs no cryptographic randomness: the keys of the standard
/// library's hash maps are random enough and different at each call.
fn random_below(most: Duration) -> Duration {
    let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
    let random = RandomState::new().build_hasher().finish();
    Duration::from_micros(random.checked_rem(most.saturating_add(1)).unwrap_or(0))
}

/// `Retry-After` as a wait from `now`: seconds or a date (RFC 9110 section 10.2.3). A date in the past is no wait;
/// a value that cannot be read is none.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let date = SystemTime::from(date);
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_differ() {
        let retries = Retries {
            most: 3,
            base: Duration::from_millis(100),
            cap: Duration::from_millis(300),
        };
        let most = |failures| (0..500).map(|_| retries.wait(failures)).max().unwrap();
        assert!(most(1) <= Duration::from_millis(100));
        assert!(most(2) <= Duration::from_millis(200) && most(2) > Duration::from_millis(100));
        assert!(most(40) <= Duration::from_millis(300) && most(40) > Duration::from_millis(200));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_475);
        let read = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers, now)
        };
        assert_eq!(read("120"), Some(Duration::from_mins(2)));
        assert_eq!(
            read("Wed, 21 Oct 2015 07:28:00 GMT"),
            Some(Duration::from_secs(5))
        );
        assert_eq!(read("Fri, 21 Oct 2005 07:28:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["", "soon", "-1", "1.5", "99999999999999999999999"] {
            assert_eq!(read(nonsense), None, "`{nonsense}`");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
