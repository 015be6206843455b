//! The configuration of a running server: read again when something it was made of has changed.
//!
//! A new one is built beside the running one and swapped whole. One that cannot be used changes nothing but what is
//! said about it (T-52): the last good one stays, in the log, the metrics and the body of `/readyz`.

use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ratify_config::{Attempt, ConfigError, Environment, LoadOptions, Loaded};
use ratify_server::{Configuration, Health, Metrics, Timeouts};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::stamps::{Change, Stamps};
use crate::logs::Formatting;

/// How often the files are looked at: a change counts within this time and that of reading it.
const TICK: Duration = Duration::from_millis(500);
/// What health calls a configuration that cannot be used.
const CONFIGURATION: &str = "configuration";

/// Which configuration, and how it is read.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The file; `None` is the default one.
    pub(crate) path: Option<PathBuf>,
    pub(crate) environment: Environment,
    pub(crate) options: LoadOptions,
}

/// The files that a configuration is made of.
#[derive(Debug)]
pub(crate) struct Files {
    source: Source,
    /// What the last attempt read or looked for.
    paths: Vec<PathBuf>,
    /// How that looked before the attempt.
    stamps: Stamps,
    failing: Failing,
}

/// Whether the last attempt failed.
#[derive(Debug, PartialEq, Eq)]
enum Failing {
    No,
    /// It did, and is repeated before anybody is told: a file that is just being written looks broken for a moment, or
    /// is not there.
    Suspected,
    /// It did, and this was told.
    Told(String),
}

/// What a look at the files found.
#[derive(Debug)]
enum Found {
    /// Nothing to speak of.
    Nothing,
    /// A configuration.
    Configuration {
        loaded: Box<Loaded>,
        /// Something has changed; else it was read only to be sure.
        changed: bool,
    },
    /// No configuration, and why.
    Trouble(String),
}

impl Source {
    fn attempt(&self) -> Attempt {
        ratify_config::attempt(self.path.as_deref(), &self.environment, &self.options)
    }
}

impl Files {
    /// Read the configuration for the first time. Blocks.
    ///
    /// # Errors
    /// It cannot be used: a server does not start with less than what was written.
    pub(crate) fn load(source: Source) -> Result<(Self, Loaded), ConfigError> {
        let Attempt { sources, result } = source.attempt();
        let loaded = result?;
        let files = Self {
            source,
            stamps: Stamps::of(&sources).doubtful(),
            paths: sources,
            failing: Failing::No,
        };
        Ok((files, loaded))
    }

    /// Look, and read again if something is another. Blocks.
    fn look(&mut self) -> Found {
        let now = Stamps::of(&self.paths);
        let change = self.stamps.change_to(&now);
        if change == Change::None && self.failing != Failing::Suspected {
            return Found::Nothing;
        }
        self.stamps = now;
        let changed = change == Change::Certain;
        // a defect of the reader must not end a server that has a good configuration
        let attempt = panic::catch_unwind(AssertUnwindSafe(|| self.source.attempt()));
        let trouble = match attempt {
            Ok(Attempt { sources, result }) => {
                self.watch(sources);
                match result {
                    Ok(loaded) => {
                        self.failing = Failing::No;
                        let loaded = Box::new(loaded);
                        return Found::Configuration { loaded, changed };
                    }
                    Err(error) => error.to_string(),
                }
            }
            Err(_) => "a part of this program failed while reading the configuration".to_owned(),
        };
        self.fail(trouble, changed)
    }

    fn watch(&mut self, sources: Vec<PathBuf>) {
        if sources != self.paths {
            self.stamps = Stamps::of(&sources).doubtful();
            self.paths = sources;
        }
    }

    fn fail(&mut self, trouble: String, changed: bool) -> Found {
        match &self.failing {
            Failing::No => self.failing = Failing::Suspected,
            Failing::Told(_) if changed => self.failing = Failing::Suspected,
            Failing::Told(told) if *told == trouble => {}
            Failing::Told(_) | Failing::Suspected => {
                self.failing = Failing::Told(trouble.clone());
                return Found::Trouble(trouble);
            }
        }
        Found::Nothing
    }
}

/// Hands each new configuration to the server.
#[derive(Debug)]
pub(crate) struct Follower {
    /// What requests see.
    current: watch::Sender<Arc<Configuration>>,
    /// What was told to be wrong with the files.
    trouble: Option<String>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    formatting: Formatting,
}

impl Follower {
    /// One that begins with `loaded`.
    pub(crate) fn new(
        loaded: Loaded,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
        formatting: Formatting,
    ) -> Self {
        let first = configuration(loaded, 1);
        metrics.configuration_loaded(first.generation, Timestamp::now());
        health.configured();
        tracing::info!("configuration successfully loaded.");
        Self {
            current: watch::Sender::new(Arc::new(first)),
            trouble: None,
            metrics,
            health,
            formatting,
        }
    }

    /// The configuration in use, now and later.
    pub(crate) fn current(&self) -> watch::Receiver<Arc<Configuration>> {
        self.current.subscribe()
    }

    /// Look at `files` twice a second until `stop`.
    pub(crate) async fn follow(mut self, mut files: Files, stop: CancellationToken) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // the first is now, when everything has just been read
        ticks.tick().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let look = tokio::task::spawn_blocking(move || {
                let found = files.look();
                (files, found)
            });
            let Ok((back, found)) = look.await else {
                return;
            };
            files = back;
            self.take(found);
        }
    }

    fn take(&mut self, found: Found) {
        match found {
            Found::Nothing => {}
            Found::Configuration { loaded, changed } => self.swap(*loaded, changed),
            Found::Trouble(trouble) => {
                tracing::error!("{trouble}; the last good configuration stays in use");
                self.metrics.configuration_failed();
                self.health.warn(CONFIGURATION, Some(trouble.clone()));
                self.trouble = Some(trouble);
            }
        }
    }

    fn swap(&mut self, loaded: Loaded, changed: bool) {
        self.formatting.follow(loaded.formatter);
        if let Some(trouble) = self.trouble.take() {
            tracing::info!("no longer so: {trouble}");
            self.health.warn(CONFIGURATION, None);
        }
        let running = Arc::clone(&self.current.borrow());
        let is_another = loaded.snapshot.scope() != running.snapshot.scope()
            || timeouts(&loaded) != running.timeouts
            || loaded.trace_headers != running.trace_headers;
        if is_another {
            let generation = running.generation.saturating_add(1);
            let mut next = configuration(loaded, generation);
            if next.snapshot.scope() == running.snapshot.scope() {
                // it has connections and tokens
                next.snapshot = Arc::clone(&running.snapshot);
            }
            self.current.send_replace(Arc::new(next));
            self.metrics
                .configuration_loaded(generation, Timestamp::now());
            tracing::info!(
                generation,
                "configuration file has been updated, reloading executor succeeded"
            );
        } else if changed {
            tracing::info!("no change found in config file, no executor update needed");
        }
    }
}

/// What the server is told; what somebody should look at is logged.
pub(crate) fn configuration(loaded: Loaded, generation: u64) -> Configuration {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    Configuration {
        timeouts: timeouts(&loaded),
        snapshot: Arc::new(loaded.snapshot),
        typed_verifiers: loaded.typed_verifiers,
        trace_headers: loaded.trace_headers,
        generation,
    }
}

fn timeouts(loaded: &Loaded) -> Timeouts {
    Timeouts {
        verification: loaded.timeouts.verification,
        mutation: loaded.timeouts.mutation,
    }
}

#[cfg(test)]
mod tests;
