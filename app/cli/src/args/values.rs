//! How single values are read.

use std::ffi::OsString;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use ratify_server::{Address, AddressError};

/// The longest `--timeout`: a day. Nobody waits longer, and no clock arithmetic overflows.
const LONGEST: Duration = Duration::from_hours(24);

/// Why a text is not a time-out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DurationError {
    /// No duration at all.
    #[error("expected a number with a unit, such as `500ms`, `30s` or `1m30s`")]
    Syntax,
    /// Zero, negative or too long.
    #[error("expected more than nothing and at most a day")]
    Range,
}

/// Read a duration as people and Go write it: `500ms`, `30s`, `1m30s`, `1.5s`.
pub(crate) fn duration(text: &str) -> Result<Duration, DurationError> {
    let signed: SignedDuration = text.parse().map_err(|_| DurationError::Syntax)?;
    let duration = Duration::try_from(signed).map_err(|_| DurationError::Range)?;
    if duration.is_zero() || duration > LONGEST {
        return Err(DurationError::Range);
    }
    Ok(duration)
}

/// Where to listen; nowhere if nothing is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listen(pub(crate) Option<Address>);

impl FromStr for Listen {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        text.parse().map(Some).map(Self)
    }
}

/// Why a text is not a duration as Go writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GoDurationError {
    /// Not a sequence of numbers with units.
    #[error("expected a number with a unit, such as `500ms`, `10s` or `1m30s`")]
    Syntax,
    /// Below zero.
    #[error("expected no less than nothing")]
    Negative,
    /// Longer than Go can say.
    #[error("expected at most 290 years")]
    TooLong,
}

/// Go's `time.ParseDuration`, for durations that are not negative: numbers, each with a unit, one behind the other, or a
/// lone `0`.
pub(crate) fn go_duration(text: &str) -> Result<Duration, GoDurationError> {
    let rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if let Some(rest) = rest.strip_prefix('-') {
        let positive = go_duration(rest)?;
        return if positive.is_zero() {
            Ok(positive)
        } else {
            Err(GoDurationError::Negative)
        };
    }
    let mut rest = rest;
    let mut nanoseconds: u64 = 0;
    loop {
        let (part, after) = go_duration_part(rest)?;
        let longer = nanoseconds.checked_add(part);
        let longest = i64::MAX.unsigned_abs();
        nanoseconds = longer
            .filter(|sum| *sum <= longest)
            .ok_or(GoDurationError::TooLong)?;
        rest = after;
        if rest.is_empty() {
            return Ok(Duration::from_nanos(nanoseconds));
        }
    }
}

/// The nanoseconds of the first number with its unit, and what comes after it.
fn go_duration_part(text: &str) -> Result<(u64, &str), GoDurationError> {
    /// The longer of two units that begin alike comes first. Both ways to write a micro are Go's.
    const UNITS: [(&str, u64); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("\u{b5}s", 1_000),
        ("\u{3bc}s", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let end = text.find(|c: char| c != '.' && !c.is_ascii_digit());
    let (number, rest) = text
        .split_at_checked(end.unwrap_or(text.len()))
        .unwrap_or_default();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(GoDurationError::Syntax);
    }
    let unit = UNITS
        .iter()
        .find_map(|(name, size)| Some((*size, rest.strip_prefix(name)?)));
    let (unit, rest) = unit.ok_or(GoDurationError::Syntax)?;
    let whole: u64 = match whole {
        "" => 0,
        digits => digits.parse().map_err(|_| GoDurationError::TooLong)?,
    };
    let whole = whole.checked_mul(unit).ok_or(GoDurationError::TooLong)?;
    let mut part = 0;
    let mut place = unit;
    for digit in fraction.chars() {
        place /= 10;
        let digit = digit.to_digit(10).ok_or(GoDurationError::Syntax)?;
        part += place * u64::from(digit);
    }
    let sum = whole.checked_add(part).ok_or(GoDurationError::TooLong)?;
    Ok((sum, rest))
}

/// Let the flags in `switches` be written as Go's flag library lets them: `--flag=true`, `--flag=0`.
///
/// A true value becomes the bare flag; a false one takes it away, wherever it stood before. Anything after `--` and any
/// other value stays as it is, for the parser to complain about.
pub(crate) fn go_booleans(
    args: impl IntoIterator<Item = OsString>,
    switches: &[&str],
) -> Vec<OsString> {
    let mut kept: Vec<OsString> = Vec::new();
    let mut flags_end = false;
    for arg in args {
        flags_end |= arg == "--";
        let switch = arg.to_str().filter(|_| !flags_end).and_then(|text| {
            let (flag, value) = text.split_once('=')?;
            let switch = switches.iter().find(|known| **known == flag)?;
            Some((*switch, go_boolean(value)?))
        });
        match switch {
            Some((flag, true)) => kept.push(flag.into()),
            Some((flag, false)) => kept.retain(|earlier| earlier != flag),
            None => kept.push(arg),
        }
    }
    kept
}

/// Go's `strconv.ParseBool`.
fn go_boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations_as_people_write_them() {
        for (text, millis) in [
            ("500ms", 500),
            ("2s", 2_000),
            ("1.5s", 1_500),
            ("1m30s", 90_000),
            ("24h", 86_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "fast", "s", "10 parsecs", "1d1", "\u{0}"] {
            assert_eq!(duration(text), Err(DurationError::Syntax), "{text}");
        }
        for text in ["0s", "-1s", "1s ago", "24h1ns", "9999999h"] {
            assert_eq!(duration(text), Err(DurationError::Range), "{text}");
        }
    }

    #[test]
    fn v_1_2_durations_are_read_as_go_reads_them() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("0s", 0),
            ("-0s", 0),
            ("10s", 10_000_000_000),
            ("+5s", 5_000_000_000),
            ("1m30s", 90_000_000_000),
            ("500ms", 500_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("1h15m30.918s", 4_530_918_000_000),
            ("3us2ns", 3_002),
            ("7\u{b5}s", 7_000),
            ("7\u{3bc}s", 7_000),
            ("48h", 172_800_000_000_000),
            ("9223372036854775807ns", 9_223_372_036_854_775_807),
        ] {
            assert_eq!(
                go_duration(text),
                Ok(Duration::from_nanos(nanoseconds)),
                "{text}"
            );
        }
        for text in [
            "", "3", "-", "s", ".", "-.", ".s", "+.s", "1d", "10 s", "1s ", "1.2.3s", "0x1s",
            "1e3s",
        ] {
            assert_eq!(go_duration(text), Err(GoDurationError::Syntax), "{text}");
        }
        assert_eq!(go_duration("-1s"), Err(GoDurationError::Negative));
        for text in [
            "9223372036854775808ns",
            "3000000h",
            "99999999999999999999s",
            "2562047h48m",
        ] {
            assert_eq!(go_duration(text), Err(GoDurationError::TooLong), "{text}");
        }
    }

    #[test]
    fn nothing_written_is_nowhere() {
        assert_eq!("".parse(), Ok(Listen(None)));
        let address = ":6001".parse().unwrap();
        assert_eq!(":6001".parse(), Ok(Listen(Some(address))));
        assert!("6001".parse::<Listen>().is_err());
    }

    #[test]
    fn v_1_2_switches_take_go_values() {
        let read = |args: &[&str]| {
            let args = args.iter().map(OsString::from);
            let read = go_booleans(args, &["--flat", "--debug"]);
            read.into_iter()
                .map(|arg| arg.into_string().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            read(&["x", "--flat=true", "--debug=T"]),
            ["x", "--flat", "--debug"]
        );
        assert_eq!(read(&["--flat", "--flat=false", "a"]), ["a"]);
        assert_eq!(
            read(&["--flat=maybe", "--other=true"]),
            ["--flat=maybe", "--other=true"]
        );
        assert_eq!(read(&["--", "--flat=true"]), ["--", "--flat=true"]);
    }
}
