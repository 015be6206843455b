//! The configuration of a running server: read again when something it was made of has changed.
//!
//! A new one is built beside the running one and swapped whole. One that cannot be used changes nothing but what is
//! said about it (T-52): the last good one stays, in the log, the metrics and the body of `/readyz`. The last good one is
//! what was written, not what it led to: a certificate that is taken out of a trust store counts at once, also while the
//! configuration file is broken or gone (decision 15, T-55).

use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ratify_config::{Attempt, ConfigError, Document, Environment, LoadOptions, Loaded};
use ratify_server::{Configuration, Health, Metrics, Timeouts};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::stamps::{Change, Stamps};
use crate::logs::Formatting;

/// How often the files are looked at: a change counts within this time and that of reading it.
const TICK: Duration = Duration::from_millis(500);
/// How long reading may take before somebody is told: a disk that does not answer keeps every change from counting.
const SLOW: Duration = Duration::from_secs(10);
/// What health calls a configuration that cannot be used.
const CONFIGURATION: &str = "configuration";
/// What it calls files that cannot be read to their end.
const READING: &str = "reading the configuration";

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
    /// Where the configuration that was good last stood, and what it said.
    good: (PathBuf, Document),
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
    /// No new configuration, and why, if that is news.
    Trouble {
        trouble: Option<String>,
        /// What the last good one leads to by now, if that can be used.
        good: Option<Box<Loaded>>,
    },
}

impl Source {
    fn attempt(&self) -> Attempt {
        ratify_config::attempt(self.path.as_deref(), &self.environment, &self.options)
    }

    fn again(&self, path: &Path, document: &Document) -> Attempt {
        ratify_config::attempt_again(path, document, &self.environment, &self.options)
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
            good: (loaded.path.clone(), loaded.document.clone()),
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
            Ok(Attempt {
                sources,
                result: Ok(loaded),
            }) => {
                self.watch(sources);
                self.failing = Failing::No;
                self.good = (loaded.path.clone(), loaded.document.clone());
                let loaded = Box::new(loaded);
                return Found::Configuration { loaded, changed };
            }
            Ok(Attempt {
                sources,
                result: Err(error),
            }) => {
                let good = self.look_at_good(sources);
                return self.fail(error.to_string(), changed, good);
            }
            Err(_) => "a part of this program failed while reading the configuration".to_owned(),
        };
        self.fail(trouble, changed, None)
    }

    /// What the last good configuration leads to by now. Its files are watched beside `sources`.
    fn look_at_good(&mut self, mut sources: Vec<PathBuf>) -> Option<Box<Loaded>> {
        let (path, document) = &self.good;
        let again = panic::catch_unwind(AssertUnwindSafe(|| self.source.again(path, document)));
        let attempt = again.ok()?;
        sources.extend(attempt.sources);
        sources.sort_unstable();
        sources.dedup();
        self.watch(sources);
        attempt.result.ok().map(Box::new)
    }

    fn watch(&mut self, sources: Vec<PathBuf>) {
        if sources != self.paths {
            self.stamps = Stamps::of(&sources).doubtful();
            self.paths = sources;
        }
    }

    fn fail(&mut self, trouble: String, changed: bool, good: Option<Box<Loaded>>) -> Found {
        let mut news = None;
        match &self.failing {
            Failing::No => self.failing = Failing::Suspected,
            Failing::Told(_) if changed => self.failing = Failing::Suspected,
            Failing::Told(told) if *told == trouble => {}
            Failing::Told(_) | Failing::Suspected => {
                self.failing = Failing::Told(trouble.clone());
                news = Some(trouble);
            }
        }
        let trouble = news;
        Found::Trouble { trouble, good }
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
            let looked = tokio::select! {
                // whoever hangs is left behind: the process ends all the same
                () = stop.cancelled() => return,
                looked = self.patiently(look, SLOW) => looked,
            };
            let Ok((back, found)) = looked else {
                return;
            };
            files = back;
            self.take(found);
        }
    }

    /// Wait for a look at the files, and tell if that takes longer than `slow`.
    async fn patiently<T>(&self, mut look: JoinHandle<T>, slow: Duration) -> Result<T, JoinError> {
        if let Ok(looked) = timeout(slow, &mut look).await {
            return looked;
        }
        let trouble = format!(
            "a file has not been read to its end in {} s; until it is, no change counts",
            slow.as_secs()
        );
        tracing::error!("{READING}: {trouble}");
        self.health.warn(READING, Some(trouble));
        let looked = look.await;
        tracing::info!("{READING}: no longer so");
        self.health.warn(READING, None);
        looked
    }

    fn take(&mut self, found: Found) {
        match found {
            Found::Nothing => {}
            Found::Configuration { loaded, changed } => {
                self.formatting.follow(loaded.formatter);
                if let Some(trouble) = self.trouble.take() {
                    tracing::info!("no longer so: {trouble}");
                    self.health.warn(CONFIGURATION, None);
                }
                self.swap(*loaded, changed);
            }
            Found::Trouble { trouble, good } => {
                if let Some(trouble) = trouble {
                    tracing::error!("{trouble}; the last good configuration stays in use");
                    self.metrics.configuration_failed();
                    self.health.warn(CONFIGURATION, Some(trouble.clone()));
                    self.trouble = Some(trouble);
                }
                if let Some(good) = good {
                    self.swap(*good, false);
                }
            }
        }
    }

    fn swap(&mut self, loaded: Loaded, changed: bool) {
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
