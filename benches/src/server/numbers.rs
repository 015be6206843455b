//! Counts and times as numbers that can be compared and divided.

use std::time::Duration;

/// A count as a number; beyond 32 bits it is the largest one, which no count here reaches.
pub(crate) fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A count of things in memory.
pub(crate) fn size(count: usize) -> f64 {
    number(u64::try_from(count).unwrap_or(u64::MAX))
}

/// Milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Microseconds.
pub(crate) fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Megabytes (10^6 bytes).
pub(crate) fn megabytes(bytes: u64) -> f64 {
    // kilobytes fit into 32 bits up to 4 terabytes
    number(bytes / 1_000) / 1e3
}

/// The middle of these values, the mean of the two in the middle if there are two; NaN if there is none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied().unwrap_or(f64::NAN);
    if values.len().is_multiple_of(2) {
        let lower = middle.checked_sub(1).and_then(|lower| values.get(lower));
        f64::midpoint(lower.copied().unwrap_or(f64::NAN), upper)
    } else {
        upper
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "these are exact")]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(vec![9.0, 1.0, 5.0, 6.0]), 5.5);
        assert_eq!(median(vec![3.0]), 3.0);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "these are exact")]
    fn units_are_what_they_say() {
        assert_eq!(megabytes(87_500_000), 87.5);
        assert_eq!(ms(Duration::from_millis(20)), 20.0);
    }
}
