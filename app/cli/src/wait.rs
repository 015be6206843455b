//! Waiting: Ctrl-C ends it, and somebody who waits long sees how far things are.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

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

/// Wait until somebody asks the process to end: Ctrl-C or, where there is such a thing, SIGTERM.
#[cfg(feature = "demo")]
pub(crate) async fn stopped() {
    #[cfg(unix)]
    if let Ok(mut terminate) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
    {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupted() => {}
        }
        return;
    }
    interrupted().await;
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
