//! Log lines on standard error, in the two shapes of v1.4 (V 6.4): `time=.. level=.. msg=.. key=value`, and one JSON
//! object per line with the same names. On a terminal the first is shortened to what people read.
//!
//! Only this project's own crates speak below the level of warnings: an HTTP library at `trace` would print logins.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};

use jiff::Timestamp;
use ratify_config::Formatter;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt as lines};

use crate::console::Console;
use crate::render::printable;

/// The environment variable that sets the level.
const LEVEL_VARIABLE: &str = "RATIFY_LOG_LEVEL";
/// Names of this project's crates begin so.
const OURS: &str = "ratify";

/// Start to log. `--debug` comes before the environment. v1.4's default is `info`; here it is `warning`, because a
/// command that a person waits for should say only what that person must know.
pub(crate) fn start(console: &Console, formatter: Formatter, debug: bool) {
    let written = std::env::var_os(LEVEL_VARIABLE).unwrap_or_default();
    let named = level(&written.to_string_lossy());
    let level = if debug {
        LevelFilter::DEBUG
    } else {
        named.unwrap_or(LevelFilter::WARN)
    };
    let shape = match formatter {
        // the same in v1.4, by mistake (V 6.4), and scrapers know no other
        Formatter::Json | Formatter::Logstash => Shape::Json,
        Formatter::Text if io::stderr().is_terminal() => Shape::Short,
        Formatter::Text => Shape::Text,
    };
    let filter = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(OURS, level);
    let layer = lines::layer()
        .event_format(shape)
        .with_writer(Stderr(console.clone()))
        .with_filter(filter);
    // a second start in one process (tests) keeps the first
    let _ = tracing_subscriber::registry().with(layer).try_init();
    if named.is_none() && !debug {
        let written = written.to_string_lossy();
        tracing::warn!(
            "`{LEVEL_VARIABLE}` is `{written}`, expected `error`, `warning`, `info`, `debug` or `trace`; using `warning`"
        );
    }
}

/// The level of that name; an empty name is the default, `None` is no level.
fn level(name: &str) -> Option<LevelFilter> {
    Some(match name.to_ascii_lowercase().as_str() {
        "panic" | "fatal" | "error" => LevelFilter::ERROR,
        "" | "warn" | "warning" => LevelFilter::WARN,
        "info" => LevelFilter::INFO,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        _ => return None,
    })
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Short,
    Json,
}

impl<S, N> FormatEvent<S, N> for Shape
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = self.line(
            &Timestamp::now().to_string(),
            *event.metadata().level(),
            fields,
        );
        writeln!(writer, "{line}")
    }
}

impl Shape {
    fn line(self, time: &str, level: Level, fields: Fields) -> String {
        let level = match level {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let Fields {
            message,
            mut others,
        } = fields;
        match self {
            Self::Json => {
                others.insert("time".to_owned(), time.into());
                others.insert("level".to_owned(), level.into());
                others.insert("msg".to_owned(), message.into());
                serde_json::to_string(&others).unwrap_or_default()
            }
            Self::Text => with_fields(
                format!("time={time} level={level} msg={}", printable(&message)),
                &others,
            ),
            Self::Short => with_fields(format!("{level}: {}", printable(&message)), &others),
        }
    }
}

fn with_fields(mut line: String, fields: &BTreeMap<String, Value>) -> String {
    for (name, value) in fields {
        let value = match value {
            Value::String(text) => printable(text),
            other => other.to_string(),
        };
        // writing to a string cannot fail
        let _ = write!(line, " {name}={value}");
    }
    line
}

/// What an event carries, by name. A field that is called like a column gets v1.4's prefix.
#[derive(Default)]
struct Fields {
    message: String,
    others: BTreeMap<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        let name = match field.name() {
            name @ ("time" | "level" | "msg") => format!("fields.{name}"),
            name => name.to_owned(),
        };
        self.others.insert(name, value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.put(field, text.into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.put(field, value.into());
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

/// Standard error, above the progress line.
struct Stderr(Console);

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

/// One line at a time.
struct Line<'a>(&'a Console);

impl io::Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.tell(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        let others = [
            ("subject", Value::from("reg.io/app:v1")),
            ("count", Value::from(3)),
            ("evil", Value::from("a\nlevel=error \u{1b}[2J")),
        ];
        let others = others.map(|(name, value)| (name.to_owned(), value)).into();
        Fields {
            message: "judged".to_owned(),
            others,
        }
    }

    #[test]
    fn v_6_4_lines_have_the_names_of_v1_4() {
        let time = "2026-05-01T08:00:00Z";
        assert_eq!(
            Shape::Text.line(time, Level::WARN, fields()),
            "time=2026-05-01T08:00:00Z level=warning msg=judged count=3 evil=a\\nlevel=error \\u{1b}[2J subject=reg.io/app:v1"
        );
        assert_eq!(
            Shape::Json.line(time, Level::INFO, fields()),
            r#"{"count":3,"evil":"a\nlevel=error \u001b[2J","level":"info","msg":"judged","subject":"reg.io/app:v1","time":"2026-05-01T08:00:00Z"}"#
        );
        assert!(
            Shape::Short
                .line(time, Level::ERROR, fields())
                .starts_with("error: judged count=3")
        );
    }

    #[test]
    fn v_1_3_levels_of_v1_4_are_known() {
        assert_eq!(level(""), Some(LevelFilter::WARN));
        assert_eq!(level("Warning"), Some(LevelFilter::WARN));
        assert_eq!(level("FATAL"), Some(LevelFilter::ERROR));
        assert_eq!(level("trace"), Some(LevelFilter::TRACE));
        assert_eq!(level("loud"), None);
    }
}
