//! `ratify demo`: good and bad images, a registry on loopback, and the engine that `ratify verify` uses.
//!
//! Needs no configuration, no network and no tools, and reads nothing of the user's. It is also a self-test: it fails if
//! any image gets another verdict than it should.

mod config;
mod images;
mod keep;
mod table;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ratify_config::{Environment, LoadOptions};
use ratify_engine::{Engine, Report};
use ratify_testkit::registry::Registry;

use crate::args::{Demo, DemoOutput};
use crate::console::Console;
use crate::error::{Error, Status};
use crate::logs;
use crate::render::json;
use crate::wait::wait;

use images::{Case, World};

/// How long one image may take. On loopback it takes milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What came of one image.
pub(crate) struct Row {
    case: Case,
    report: Report,
    time: Duration,
    requests: usize,
}

impl Row {
    /// Whether the verdict is the one the image was made for.
    fn is_as_expected(&self) -> bool {
        self.report.code() == self.case.expected
            && self.report.is_admitted() == self.case.admitted()
    }
}

/// Run the demo.
pub(crate) async fn demo(console: &Console, args: &Demo, debug: bool) -> Result<Status, Error> {
    let begin = Instant::now();
    let starting = |source| Error::System {
        action: "open a port on 127.0.0.1 for the demo's registry",
        source,
    };
    let registry = Registry::start().await.map_err(starting)?;
    let world = World::new(&registry, Timestamp::now());
    let engine = engine(console, &world, debug)?;
    let rows = wait(
        console,
        || "judging the images".to_owned(),
        judge(&registry, &engine, &world),
    )
    .await?;
    match args.output {
        DemoOutput::Json => console.write(json(&table::rows(&rows)).as_bytes())?,
        DemoOutput::Auto => {
            console.print(&table::page(
                &registry.host(),
                &rows,
                begin.elapsed(),
                console.width(),
            ))?;
        }
    }
    let wrong: Vec<_> = rows.iter().filter(|row| !row.is_as_expected()).collect();
    if !wrong.is_empty() {
        let images = wrong.iter().map(|row| row.case.name.to_owned()).collect();
        return Err(Error::Demo { images });
    }
    if args.keep {
        keep::keep(console, &registry, &world).await?;
    } else if args.output == DemoOutput::Auto {
        console.print(&table::next())?;
    }
    registry.stop().await;
    Ok(Status::Done)
}

/// The engine, from the text of a configuration file, built as for `ratify verify`.
fn engine(console: &Console, world: &World, debug: bool) -> Result<Engine, Error> {
    let body = config::with_root(&world.trusted_root());
    let options = LoadOptions {
        allow_loopback_http: true,
        ..LoadOptions::default()
    };
    // nothing of the user's takes part: no login, no certificates
    let loaded = ratify_config::parse(
        Path::new("demo configuration"),
        body.as_bytes(),
        &Environment::default(),
        &options,
    )?;
    logs::start(console, loaded.formatter, debug);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    Ok(Engine::new(Arc::new(loaded.snapshot)))
}

/// Judge the images one after the other, so that times and counts are those of one image each.
async fn judge(registry: &Registry, engine: &Engine, world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for case in &world.cases {
        let before = registry.requests().len();
        let begin = Instant::now();
        let deadline = tokio::time::Instant::now() + TIMEOUT;
        let report = engine
            .verify(&case.reference, Timestamp::now(), deadline, &|_| {})
            .await;
        let time = begin.elapsed();
        let requests = registry.requests().len().saturating_sub(before);
        rows.push(Row {
            case: case.clone(),
            report,
            time,
            requests,
        });
    }
    rows
}

/// This program as it was called, for commands that can be pasted.
fn program() -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    let called = called.to_string_lossy().into_owned();
    if called.is_empty() || called.contains(char::is_whitespace) {
        "ratify".to_owned()
    } else {
        called
    }
}
