//! `ratify demo`: good and bad images, a registry on loopback, the engine that `ratify verify` uses, and the server that
//! Gatekeeper asks.
//!
//! Needs no configuration, no network and no tools, and reads nothing of the user's. It is also a self-test: it fails if
//! any image gets another verdict than it should.

mod answer;
mod config;
mod folder;
mod images;
mod keep;
mod server;
mod table;

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ratify_config::{Environment, Formatter, LoadOptions};
use ratify_engine::{Engine, Report};
use ratify_server::Configuration;
use ratify_testkit::registry::Registry;
use tracing::level_filters::LevelFilter;

use crate::args::{Demo, DemoOutput};
use crate::console::Console;
use crate::error::{Error, Status};
use crate::render::json;
use crate::wait::wait;
use crate::{logs, serve};

use folder::Folder;
use images::{Case, World};
use server::{Answered, DemoServer};

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
    let folder = Folder::create(&world)?;
    // nothing but what went wrong: the server says much about images like these
    logs::start_at(LevelFilter::ERROR, console, Formatter::Text, debug);
    let engine = Engine::new(configuration(&world)?.snapshot);
    let rows = wait(
        console,
        || "judging the images".to_owned(),
        judge(&registry, &engine, &world),
    )
    .await?;
    // a configuration of its own, so that it knows nothing of registry and images yet
    let server = DemoServer::start(&folder, configuration(&world)?).await?;
    let answered = wait(
        console,
        || "asking the server".to_owned(),
        server.ask(&folder, &answer::question(&world.cases)),
    )
    .await??;
    let told = begin.elapsed();
    match args.output {
        DemoOutput::Json => console.write(json(&table::rows(&rows)).as_bytes())?,
        DemoOutput::Auto => {
            let width = console.width();
            let kept = args.keep.then(|| folder.path());
            console.print(&table::page(&registry.host(), &rows, told, width))?;
            console.print(&answer::page(
                server.address(),
                kept,
                &answered,
                &rows,
                width,
            ))?;
        }
    }
    check(&rows, &answered)?;
    if args.keep {
        keep::keep(console, &registry, &folder).await?;
    } else if args.output == DemoOutput::Auto {
        console.print(&table::next())?;
    }
    server.stop().await;
    registry.stop().await;
    folder.remove()?;
    Ok(Status::Done)
}

/// Every image got the verdict it was made for, from the engine and from the server.
fn check(rows: &[Row], answered: &Answered) -> Result<(), Error> {
    let wrong = rows.iter().filter(|row| !row.is_as_expected());
    let mut images: Vec<String> = wrong.map(|row| row.case.name.to_owned()).collect();
    images.extend(answer::differing(answered, rows));
    images.dedup();
    if images.is_empty() {
        Ok(())
    } else {
        Err(Error::Demo { images })
    }
}

/// The configuration, from the text of a file, built as for `ratify verify` and `ratify serve`.
fn configuration(world: &World) -> Result<Configuration, Error> {
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
    Ok(serve::configuration(loaded, 1))
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
