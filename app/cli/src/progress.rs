//! The one line on standard error that says how far things are, for a person who waits.
//!
//! The cursor stays behind the words, so that the `^C` a terminal echoes lands on the line that is taken away.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// The phases of the mark that shows that something still moves.
const PHASES: [char; 8] = ['⣷', '⣯', '⣟', '⡿', '⢿', '⣻', '⣽', '⣾'];
/// Go to the beginning of the line and clear it (ECMA-48: CR, EL 2).
const CLEAR: &str = "\r\u{1b}[2K";

/// The line. Clones are the same line.
#[derive(Debug, Clone)]
pub(crate) struct ProgressLine {
    /// Whether a person can see it.
    visible: bool,
    /// Columns there are for the words.
    room: usize,
    shown: Arc<Mutex<Shown>>,
}

#[derive(Debug, Default)]
struct Shown {
    /// What stands there now; empty if nothing does.
    line: String,
    ticks: usize,
}

impl ProgressLine {
    /// No line yet; one of at most `width` columns if standard error is a terminal that can clear it.
    pub(crate) fn new(width: usize) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        let visible = io::stderr().is_terminal() && !dumb;
        // a mark, a blank, and what a terminal echoes
        Self {
            visible,
            room: width.saturating_sub(6),
            shown: Arc::default(),
        }
    }

    /// Show these words, in place of those that are shown.
    pub(crate) fn show(&self, words: &str) {
        if !self.visible {
            return;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.ticks = shown.ticks.wrapping_add(1);
        let phase = PHASES
            .iter()
            .cycle()
            .nth(shown.ticks % PHASES.len())
            .unwrap_or(&' ');
        shown.line = format!(
            "{phase} {}",
            words.chars().take(self.room).collect::<String>()
        );
        put(&format!("{CLEAR}{}", shown.line));
    }

    /// Take the line away.
    pub(crate) fn hide(&self) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::take(&mut shown.line).is_empty() {
            put(CLEAR);
        }
    }

    /// Write something else to the terminal, with the line out of the way.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.line.is_empty() {
            return write();
        }
        put(CLEAR);
        let written = write();
        put(&shown.line);
        written
    }
}

/// There is nobody to tell if this fails.
fn put(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}
