//! One fixed instant, so that no test asks the clock. Never a clock.

use jiff::{SignedDuration, Timestamp};

/// The instant at which tests take place: 2026-06-01T12:00:00Z.
pub const NOW: Timestamp = Timestamp::constant(1_780_315_200, 0);

/// [`NOW`] moved by so many seconds, to the past if negative.
pub fn now_plus(seconds: i64) -> Timestamp {
    NOW.saturating_add(SignedDuration::from_secs(seconds))
        .unwrap_or(NOW)
}

/// [`NOW`] moved by so many days, to the past if negative.
pub fn now_plus_days(days: i64) -> Timestamp {
    now_plus(days.saturating_mul(86_400))
}
