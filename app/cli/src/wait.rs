//! Waiting: Ctrl-C ends it, and somebody who waits long sees how far things are.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::console::Console;
use crate::error::Error;

/// Work that ends sooner than this shows no progress line: it would only flicker.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often the progress line moves.
const TICK: Duration = Duration::from_millis(100);

/// Do `work`, show what `message` says while it takes long, stop at Ctrl-C.
pub(crate) async fn wait<T>(
    console: &Console,
    message: impl Fn() -> String,
    work: impl Future<Output = T>,
) -> Result<T, Error> {
    let _line = Line(console);
    tokio::select! {
        result = work => Ok(result),
        error = interrupted() => Err(error),
        never = progress(console, message) => match never {},
    }
}

/// Wait for Ctrl-C.
async fn interrupted() -> Error {
    match tokio::signal::ctrl_c().await {
        Ok(()) => Error::Interrupted,
        // without a handler the system ends the process at Ctrl-C by itself
        Err(_) => pending().await,
    }
}

/// Somebody asks the process to end: Ctrl-C or, where there is such a thing, SIGTERM. From the moment this exists neither
/// ends the process by itself.
#[derive(Debug)]
pub(crate) struct StopSignals {
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    interrupt: Signal,
}

#[cfg(unix)]
impl StopSignals {
    /// Listen from now on.
    pub(crate) fn listen() -> Result<Self, Error> {
        let listen = |kind| {
            signal(kind).map_err(|source| Error::System {
                action: "listen for signals",
                source,
            })
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Wait for one that was not waited for yet.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl StopSignals {
    /// Listen from now on.
    pub(crate) fn listen() -> Result<Self, Error> {
        Ok(Self {})
    }

    /// Wait for one that was not waited for yet.
    pub(crate) async fn next(&mut self) {
        interrupted().await;
    }
}

async fn progress(console: &Console, message: impl Fn() -> String) -> Infallible {
    sleep(PATIENCE).await;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        console.progress().show(&message());
    }
}

/// Takes the progress line away however the waiting ends.
struct Line<'a>(&'a Console);

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.0.progress().hide();
    }
}
