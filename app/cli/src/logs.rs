//! Log lines on standard error, in the shapes of v1.4 (V 6.4): `time=.. level=.. msg=.. key=value`, and one JSON object
//! per line with the same names. On a terminal the first is shortened to what people read.
//!
//! Only this project's own crates speak below the level of warnings: an HTTP library at `trace` would print logins.

mod layer;
mod line;
mod queue;

use std::io::{self, IsTerminal};

use ratify_config::Formatter;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::console::Console;
use crate::error::Error;
use layer::{Lines, Sink};
use line::{CurrentShape, Shape};
use queue::Queue;

/// The environment variable that sets the level.
const LEVEL_VARIABLE: &str = "RATIFY_LOG_LEVEL";
/// Names of this project's crates begin so.
const OURS: &str = "ratify";

/// Start to log, for a command. `--debug` comes before the environment. v1.4's default is `info`; here it is `warning`,
/// because a command that a person waits for should say only what that person must know.
pub(crate) fn start(console: &Console, formatter: Formatter, debug: bool) {
    start_at(LevelFilter::WARN, console, formatter, debug);
}

/// The same with another level where nobody sets one.
pub(crate) fn start_at(default: LevelFilter, console: &Console, formatter: Formatter, debug: bool) {
    let level = Level::read(debug, default);
    let lines = Lines {
        shape: CurrentShape::new(shape(formatter)),
        sink: Sink::Console(console.clone()),
    };
    install(lines, level.filter);
    level.complain();
}

/// The log of a server. Dropping it writes what waits.
#[derive(Debug)]
pub(crate) struct ServerLog {
    shape: CurrentShape,
    queue: Queue,
}

impl ServerLog {
    /// Start to log, for a server: v1.4's default level, and lines that nobody waits for.
    pub(crate) fn start(formatter: Formatter, debug: bool) -> Result<Self, Error> {
        let level = Level::read(debug, LevelFilter::INFO);
        let shape = CurrentShape::new(shape(formatter));
        let of_notice = shape.clone();
        let queue = Queue::start(io::stderr(), move |lost| of_notice.get().lost(lost));
        let queue = queue.map_err(|source| Error::System {
            action: "start the thread that writes log lines",
            source,
        })?;
        let lines = Lines {
            shape: shape.clone(),
            sink: Sink::Queue(queue.clone()),
        };
        install(lines, level.filter);
        level.complain();
        tracing::info!("Setting log level to {}", level.name());
        Ok(Self { shape, queue })
    }

    /// To change the shape of the lines while they are written.
    pub(crate) fn formatting(&self) -> Formatting {
        Formatting(self.shape.clone())
    }
}

/// Tell of every panic by a log line, in the shape of the others.
pub(crate) fn tell_defects() {
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload_as_str().unwrap_or("no message");
        let place = info.location().map(tracing::field::display);
        tracing::error!(place, "this is a defect, please report it: {payload}");
    }));
}

/// The shape of a server's lines.
#[derive(Debug, Clone)]
pub(crate) struct Formatting(CurrentShape);

impl Formatting {
    #[cfg(test)]
    pub(crate) fn new(formatter: Formatter) -> Self {
        Self(CurrentShape::new(shape(formatter)))
    }

    /// Write as `formatter` says from now on.
    pub(crate) fn follow(&self, formatter: Formatter) {
        self.0.set(shape(formatter));
    }
}

impl Drop for ServerLog {
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn shape(formatter: Formatter) -> Shape {
    match formatter {
        // the same in v1.4, by mistake (V 6.4), and scrapers know no other
        Formatter::Json | Formatter::Logstash => Shape::Json,
        Formatter::Text if io::stderr().is_terminal() => Shape::Short,
        Formatter::Text => Shape::Text,
    }
}

fn install(lines: Lines, level: LevelFilter) {
    let filter = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(OURS, level);
    // a second start in one process (tests) keeps the first
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init();
}

/// How much is logged.
struct Level {
    filter: LevelFilter,
    /// What the environment says, if it is no level.
    unknown: Option<String>,
}

impl Level {
    fn read(debug: bool, default: LevelFilter) -> Self {
        let written = std::env::var_os(LEVEL_VARIABLE).unwrap_or_default();
        let written = written.to_string_lossy();
        let named = match written.as_ref() {
            "" => Some(default),
            name => named(name),
        };
        Self {
            filter: if debug {
                LevelFilter::DEBUG
            } else {
                named.unwrap_or(default)
            },
            unknown: (named.is_none() && !debug).then(|| written.into_owned()),
        }
    }

    fn complain(&self) {
        if let Some(written) = &self.unknown {
            tracing::warn!(
                "`{LEVEL_VARIABLE}` is `{written}`, expected `error`, `warning`, `info`, `debug` or `trace`; using `{}`",
                self.name()
            );
        }
    }

    fn name(&self) -> &'static str {
        match self.filter {
            LevelFilter::OFF | LevelFilter::ERROR => "error",
            LevelFilter::WARN => "warning",
            LevelFilter::INFO => "info",
            LevelFilter::DEBUG => "debug",
            LevelFilter::TRACE => "trace",
        }
    }
}

/// The level of that name; `None` is no level.
fn named(name: &str) -> Option<LevelFilter> {
    Some(match name.to_ascii_lowercase().as_str() {
        "panic" | "fatal" | "error" => LevelFilter::ERROR,
        "warn" | "warning" => LevelFilter::WARN,
        "info" => LevelFilter::INFO,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v_1_3_levels_of_v1_4_are_known() {
        assert_eq!(named("Warning"), Some(LevelFilter::WARN));
        assert_eq!(named("FATAL"), Some(LevelFilter::ERROR));
        assert_eq!(named("trace"), Some(LevelFilter::TRACE));
        assert_eq!(named("loud"), None);
        assert_eq!(named(""), None);
    }
}
