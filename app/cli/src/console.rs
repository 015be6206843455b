//! Standard output and standard error: what they are connected to, and how to write to them.
//!
//! Data goes to standard output in one piece, when it is complete. A reader that closes the pipe early (`| head`) is no
//! error. Colour and the progress line are left out where nobody can see them.

use std::io::{self, ErrorKind, IsTerminal, Write};

use terminal_size::{Width, terminal_size};

use crate::error::Error;
use crate::progress::ProgressLine;

/// Text is wrapped at this column, on wider terminals too: longer lines are hard to read.
const WIDEST: usize = 100;
/// Text is not wrapped tighter than this, whatever the terminal says.
const NARROWEST: usize = 40;

/// Both outputs of the process.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    progress: ProgressLine,
    interactive: bool,
    width: usize,
}

impl Console {
    /// The outputs, with no progress line yet.
    pub(crate) fn new() -> Self {
        let terminal = terminal_size().map_or(WIDEST, |(Width(columns), _)| usize::from(columns));
        let width = terminal.clamp(NARROWEST, WIDEST);
        Self {
            progress: ProgressLine::new(width),
            interactive: io::stdout().is_terminal(),
            width,
        }
    }

    /// Whether a person sees standard output.
    pub(crate) fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// Columns to fill.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Write text with colours to standard output; colours are left out where they do not belong.
    pub(crate) fn print(&self, text: &str) -> Result<(), Error> {
        self.progress.aside(|| {
            finish(|| {
                let mut out = anstream::stdout().lock();
                out.write_all(text.as_bytes())?;
                out.flush()
            })
        })
    }

    /// Write bytes to standard output as they are.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        self.progress.aside(|| {
            finish(|| {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                out.flush()
            })
        })
    }

    /// Write text to standard error, above the progress line. There is nobody to tell if that fails.
    pub(crate) fn tell(&self, text: &str) {
        self.progress.aside(|| {
            let mut err = anstream::stderr().lock();
            let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
        });
    }

    /// An error, as `Error: <sentence>` and an optional hint on standard error.
    pub(crate) fn complain(&self, error: &Error) {
        use owo_colors::OwoColorize;
        let mut text = format!("{} {}\n", "Error:".red().bold(), error.sentence());
        if let Some(hint) = error.hint() {
            text = format!("{text}{} {hint}\n", "hint:".cyan().bold());
        }
        self.tell(&text);
    }

    /// The line that says how far things are.
    pub(crate) fn progress(&self) -> &ProgressLine {
        &self.progress
    }
}

/// A closed pipe means that the reader has seen enough.
fn finish(write: impl FnOnce() -> io::Result<()>) -> Result<(), Error> {
    match write() {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Error::Output(error)),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_quiet_and_a_full_disk_is_not() {
        assert!(finish(|| Err(ErrorKind::BrokenPipe.into())).is_ok());
        let full = finish(|| Err(ErrorKind::StorageFull.into())).unwrap_err();
        assert!(
            full.sentence()
                .starts_with("cannot write to standard output: "),
            "{full}"
        );
    }
}
