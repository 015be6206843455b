//! How single values are read.

use std::ffi::OsString;
use std::time::Duration;

use jiff::SignedDuration;

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
