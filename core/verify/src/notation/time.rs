//! Times in signed headers: RFC 3339 text (JWS) and epoch numbers (COSE), both strict.
//!
//! A time that cannot be read is an error and never "no time": an expiry that vanishes is a signature for ever (N P-12).

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// Go's zero time, 0001-01-01T00:00:00Z, which Go programs read as "not set" (N J-21, J-26): no signature may carry it.
const GO_ZERO_SECOND: i64 = -62_135_596_800;

/// The first second after the year 9999.
const YEAR_10000_SECOND: i64 = 253_402_300_800;

/// The longest RFC 3339 text that is read: nine digits of a second's fraction and a numeric offset.
const MAX_TEXT: usize = "0000-00-00T00:00:00.000000000+00:00".len();

/// Why something is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TimeError {
    /// The text does not follow RFC 3339 section 5.6, or names a day or hour that does not exist.
    #[error("`{0}` is not an RFC 3339 time such as `2026-01-31T12:00:00Z`")]
    Text(String),
    /// A floating-point time that is not a number of seconds.
    #[error("a time that is not a finite number")]
    NotFinite,
    /// Before the year 1 or after the year 9999.
    #[error("a time outside the years 1 to 9999")]
    OutOfRange,
    /// Go's zero time.
    #[error("the zero time `0001-01-01T00:00:00Z`, which some programs read as no time at all")]
    Zero,
}

/// Read an RFC 3339 time (N J-26): fraction of up to nine digits and any numeric offset are accepted, lower-case `t` and
/// `z` and a leap second are not (Go refuses them as well).
pub(super) fn from_rfc3339(text: &str) -> Result<Timestamp, TimeError> {
    let (local, offset) = parse_rfc3339(text)
        .ok_or_else(|| TimeError::Text(text.chars().take(MAX_TEXT + 5).collect()))?;
    let seconds = local
        .duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0))
        .checked_sub(SignedDuration::from_secs(offset.seconds().into()))
        .ok_or(TimeError::OutOfRange)?;
    in_range(seconds)
}

/// Read a time in whole seconds since 1970 (RFC 8949 section 3.4.2).
pub(super) fn from_epoch_seconds(seconds: i64) -> Result<Timestamp, TimeError> {
    in_range(SignedDuration::from_secs(seconds))
}

/// Read a time in seconds since 1970 with a fraction; NaN and infinities are refused (N C-19).
pub(super) fn from_epoch_float(seconds: f64) -> Result<Timestamp, TimeError> {
    if !seconds.is_finite() {
        return Err(TimeError::NotFinite);
    }
    in_range(SignedDuration::try_from_secs_f64(seconds).map_err(|_| TimeError::OutOfRange)?)
}

fn in_range(since_epoch: SignedDuration) -> Result<Timestamp, TimeError> {
    if since_epoch == SignedDuration::from_secs(GO_ZERO_SECOND) {
        return Err(TimeError::Zero);
    }
    let seconds = since_epoch.as_secs();
    if !(GO_ZERO_SECOND..YEAR_10000_SECOND).contains(&seconds) {
        return Err(TimeError::OutOfRange);
    }
    // the last two days of 9999 are beyond the type's end; cutting them off makes an expiry earlier, never later
    Ok(Timestamp::from_duration(since_epoch).unwrap_or(Timestamp::MAX))
}

fn parse_rfc3339(text: &str) -> Option<(DateTime, Offset)> {
    if text.len() > MAX_TEXT || !text.is_ascii() {
        return None;
    }
    let (date, rest) = text.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (clock, offset) = match rest.find(['Z', '+', '-']) {
        Some(place) => rest.split_at(place),
        None => return None,
    };
    let (clock, fraction) = clock
        .split_once('.')
        .map_or((clock, None), |(c, f)| (c, Some(f)));
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let nanosecond = fraction.map_or(Some(0), parse_fraction)?;
    let date = Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    let [hour, minute, second] = [hour, minute, second].map(|part| i8::try_from(part).ok());
    let time = Time::new(hour?, minute?, second?, nanosecond).ok()?;
    Some((date.to_datetime(time), parse_offset(offset)?))
}

/// Three decimal numbers with exactly so many digits each.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[i16; 3]> {
    let mut parts = text.split(separator);
    let mut read = [0; 3];
    for (number, digits) in read.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !all_digits(part) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(read)
}

fn parse_fraction(text: &str) -> Option<i32> {
    let digits = u32::try_from(text.len()).ok()?;
    if !(1..=9).contains(&digits) || !all_digits(text) {
        return None;
    }
    Some(text.parse::<i32>().ok()? * 10_i32.pow(9 - digits))
}

fn parse_offset(text: &str) -> Option<Offset> {
    if text == "Z" {
        return Some(Offset::UTC);
    }
    let (sign, clock) = text.split_at_checked(1)?;
    let sign = match sign {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let [hour, minute, _] = numbers(&format!("{clock}:00"), ':', [2, 2, 2])?;
    if hour > 23 || minute > 59 {
        return None;
    }
    Offset::from_seconds(sign * (i32::from(hour) * 3_600 + i32::from(minute) * 60)).ok()
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn n_j_26_any_offset_and_fraction_is_an_instant() {
        for (text, same) in [
            ("2022-07-29T23:59:00Z", "2022-07-29T23:59:00Z"),
            ("2023-01-19T00:19:07-08:00", "2023-01-19T08:19:07Z"),
            ("2023-01-19T16:19:07+08:00", "2023-01-19T08:19:07Z"),
            ("2023-01-19T08:19:07.5Z", "2023-01-19T08:19:07.5Z"),
            (
                "2023-01-19T08:19:07.123456789+00:00",
                "2023-01-19T08:19:07.123456789Z",
            ),
            ("2024-02-29T00:00:00-23:59", "2024-02-29T23:59:00Z"),
            ("0001-01-01T00:00:01Z", "0001-01-01T00:00:01Z"),
        ] {
            assert_eq!(from_rfc3339(text), Ok(same.parse().unwrap()), "{text}");
        }
        assert_eq!(from_rfc3339("9999-12-31T23:59:59Z"), Ok(Timestamp::MAX));
    }

    #[test]
    fn n_j_26_other_forms_are_refused() {
        for text in [
            "",
            "2022-07-29",
            "2022-07-29T23:59:00",
            "2022-07-29 23:59:00Z",
            "2022-07-29t23:59:00Z",
            "2022-07-29T23:59:00z",
            "2022-07-29T23:59Z",
            "2022-07-29T23:59:00.Z",
            "2022-07-29T23:59:00,5Z",
            "2022-07-29T23:59:00.0000000000Z",
            "2022-07-29T23:59:00+0800",
            "2022-07-29T23:59:00+08",
            "2022-07-29T23:59:00+24:00",
            "2022-07-29T23:59:00+00:60",
            "2022-07-29T23:59:00Z[UTC]",
            "2022-07-29T23:59:00Z ",
            " 2022-07-29T23:59:00Z",
            "2022-07-29T23:59:60Z",
            "2022-07-29T24:00:00Z",
            "2022-02-29T00:00:00Z",
            "2022-13-01T00:00:00Z",
            "2022-00-01T00:00:00Z",
            "+2022-07-29T23:59:00Z",
            "-0001-07-29T23:59:00Z",
            "22-07-29T23:59:00Z",
            "12022-07-29T23:59:00Z",
            "2022-07-29T2३:59:00Z",
            "1659139140",
        ] {
            assert!(
                matches!(from_rfc3339(text), Err(TimeError::Text(_))),
                "{text:?}"
            );
        }
        assert_eq!(from_rfc3339("0001-01-01T00:00:00Z"), Err(TimeError::Zero));
        assert_eq!(
            from_rfc3339("0001-01-01T08:00:00+08:00"),
            Err(TimeError::Zero)
        );
        assert_eq!(
            from_rfc3339("0000-12-31T23:59:59Z"),
            Err(TimeError::OutOfRange)
        );
        assert_eq!(
            from_rfc3339("9999-12-31T23:59:59-00:01"),
            Err(TimeError::OutOfRange)
        );
    }

    #[test]
    fn n_c_19_numbers_that_are_no_time_are_refused() {
        assert_eq!(
            from_epoch_float(1.5),
            Ok("1970-01-01T00:00:01.5Z".parse().unwrap())
        );
        assert_eq!(
            from_epoch_seconds(-1),
            Ok("1969-12-31T23:59:59Z".parse().unwrap())
        );
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(from_epoch_float(number), Err(TimeError::NotFinite));
        }
        for number in [1e300, -1e300, 1e18, 253_402_300_800.0, -62_135_596_801.0] {
            assert_eq!(
                from_epoch_float(number),
                Err(TimeError::OutOfRange),
                "{number}"
            );
        }
        for number in [i64::MAX, i64::MIN, YEAR_10000_SECOND, GO_ZERO_SECOND - 1] {
            assert_eq!(
                from_epoch_seconds(number),
                Err(TimeError::OutOfRange),
                "{number}"
            );
        }
        assert_eq!(from_epoch_seconds(GO_ZERO_SECOND), Err(TimeError::Zero));
        assert_eq!(from_epoch_float(-62_135_596_800.0), Err(TimeError::Zero));
    }

    proptest! {
        #[test]
        fn every_instant_survives_its_text(second in -62_135_596_799_i64..253_402_200_000) {
            let instant = Timestamp::from_second(second).unwrap();
            prop_assert_eq!(from_rfc3339(&instant.to_string()), Ok(instant));
            prop_assert_eq!(from_epoch_seconds(second), Ok(instant));
        }

        #[test]
        fn any_text_and_number_is_read_or_refused(text in "\\PC{0,40}", number: f64) {
            let _ = (from_rfc3339(&text), from_epoch_float(number));
        }
    }
}
