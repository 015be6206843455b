//! When and after what wait a question is asked again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, RETRY_AFTER};

/// How often a question is asked again, and after what wait.
///
/// What counts is whether the *host* is away. One that answers others in between is not: the question was unlucky, as many
/// are where a host refuses a part of all requests, and so it is asked again after a short wait.
///
/// The wait is "full jitter": anything between zero and `base` doubled for each failure so far, at most `cap`. That
/// spreads callers that failed together (Amazon Architecture Blog, "Exponential Backoff And Jitter").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// Repetitions after the first request, while the host answers nobody.
    pub most: u32,
    /// Repetitions after the first request at all.
    pub most_at_all: u32,
    /// The longest wait after the first failure.
    pub base: Duration,
    /// The longest wait after any failure.
    pub cap: Duration,
}

impl Default for Retries {
    /// Three repetitions from 200 ms to 2 s: what fits into an admission deadline of 2.9 s. (Ratify v1.4 repeats five
    /// times from 200 ms to 1.75 s and so lets its own deadline pass.) Ten at all: where one of three requests fails, one
    /// question of 177,000 finds no answer.
    fn default() -> Self {
        Self {
            most: 3,
            most_at_all: 10,
            base: Duration::from_millis(200),
            cap: Duration::from_secs(2),
        }
    }
}

/// How one question has fared.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Failures {
    /// Since its first request.
    all: u32,
    /// Since the host last answered anybody.
    in_a_row: u32,
    /// Answers of the host to anybody, at the last failure.
    answers: u64,
}

impl Failures {
    /// It failed once more. The host has given so many answers to anybody by now.
    pub(crate) fn add(&mut self, answers: u64) {
        let alive = self.all > 0 && answers != self.answers;
        self.in_a_row = if alive { 1 } else { self.in_a_row + 1 };
        self.all += 1;
        self.answers = answers;
    }

    /// Since the host last answered anybody.
    pub(crate) fn in_a_row(self) -> u32 {
        self.in_a_row
    }
}

impl Retries {
    /// Whether there is a point in asking again after so many failures.
    pub(crate) fn allow(&self, failures: Failures) -> bool {
        failures.in_a_row <= self.most && failures.all <= self.most_at_all
    }

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
            most_at_all: 10,
            base: Duration::from_millis(100),
            cap: Duration::from_millis(300),
        };
        let most = |failures| (0..500).map(|_| retries.wait(failures)).max().unwrap();
        assert!(most(1) <= Duration::from_millis(100));
        assert!(most(2) <= Duration::from_millis(200) && most(2) > Duration::from_millis(100));
        assert!(most(40) <= Duration::from_millis(300) && most(40) > Duration::from_millis(200));
    }

    #[test]
    fn a_host_that_answers_others_is_asked_longer_but_not_for_ever() {
        let retries = Retries::default();
        let asked = |answers: fn(u64) -> u64| {
            let mut failures = Failures::default();
            let times = (1..100).find(|time| {
                failures.add(answers(*time));
                !retries.allow(failures)
            });
            (times.unwrap(), failures.in_a_row())
        };
        assert_eq!(asked(|_| 0), (4, 4), "it answers nobody");
        assert_eq!(
            asked(|_| 7),
            (4, 4),
            "what it answered before does not count"
        );
        assert_eq!(asked(|time| time), (11, 1), "it answers others each time");
        assert_eq!(
            asked(|time| time / 2),
            (11, 2),
            "it answers others now and then"
        );
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
