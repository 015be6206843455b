//! `cargo xtask test`: every test of the workspace, summed up in one last line.
//!
//! A run is never better than what cargo said: a build that fails, a binary that dies without a
//! result and a run without a single test all count as a failure.

mod tally;

use std::io::{BufRead as _, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result};

use crate::cargo::{announce, cargo};
use crate::{End, peers};
use tally::Tally;

/// What is run and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Leave out the tests that need real counterparts.
    pub(crate) no_peers: bool,
    /// Ask property tests for more cases, by `RATIFY_SLOW=1`.
    pub(crate) slow: bool,
    /// Arguments for the test binaries.
    pub(crate) extra: Vec<String>,
}

impl Options {
    /// Read the arguments after `test`; `None` if they are not understood.
    pub(crate) fn parse(words: &[&str]) -> Option<Self> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--no-peers" => options.no_peers = true,
                "--" => options.extra = words.by_ref().map(|&word| word.to_owned()).collect(),
                _ => return None,
            }
        }
        Some(options)
    }

    fn command(&self) -> Command {
        let mut command = cargo(&["test", "--workspace"]);
        // measured and shown by tasks of their own
        command.args(["--exclude", "ratify-benches", "--exclude", "ratify-e2e"]);
        if self.no_peers {
            command.args(["--exclude", "ratify-peers"]);
        }
        // one failing crate must not hide what the others say
        command.arg("--no-fail-fast");
        if self.slow {
            command.env("RATIFY_SLOW", "1");
        }
        if !self.extra.is_empty() {
            command.arg("--").args(&self.extra);
        }
        command
    }
}

/// Prepare the counterparts, run the tests, print the sum.
pub(crate) fn run(options: &Options) -> Result<End> {
    if !options.no_peers {
        prepare_peers()?;
    }
    run_and_sum_up(options.command())
}

/// Run a command of cargo that runs tests, pass its output on as it comes, print the sum.
pub(crate) fn run_and_sum_up(mut command: Command) -> Result<End> {
    announce(&command);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start cargo")?;
    let errors = child.stderr.take();
    let errors = thread::spawn(move || relay(errors, std::io::stderr()));
    let mut tally = relay(child.stdout.take(), std::io::stdout())?;
    tally.add(
        errors
            .join()
            .unwrap_or_else(|_panicked| Ok(Tally::default()))?,
    );
    let status = child.wait().context("cannot wait for cargo")?;
    if let Some(reason) = tally.settle(status.success()) {
        eprintln!("error: {reason}");
    }
    println!("{tally}");
    Ok(tally.passed().into())
}

/// Build what is missing. What cannot be built is said here and again by each test that needs it.
fn prepare_peers() -> Result<()> {
    match peers::build(&[])? {
        End::Passed => {}
        End::NoGo => eprintln!("warning: tests against real counterparts cannot run without Go"),
        End::Failed | End::Usage => {
            eprintln!("warning: tests against the counterparts named above cannot run");
        }
    }
    Ok(())
}

/// Pass a stream on, line by line as it comes, and count what it reports.
fn relay(stream: Option<impl Read>, mut to: impl Write) -> Result<Tally> {
    let mut tally = Tally::default();
    let Some(stream) = stream else {
        return Ok(tally);
    };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader
        .read_until(b'\n', &mut line)
        .context("cannot read the output of cargo")?
        > 0
    {
        // whoever closed our output still wants the exit status
        let _ = to.write_all(&line).and_then(|()| to.flush());
        tally.read(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_nothing_else_is() {
        let parsed = Options::parse(&["--no-peers", "--", "--nocapture", "--no-peers"]).unwrap();
        assert!(parsed.no_peers);
        assert_eq!(parsed.extra, ["--nocapture", "--no-peers"]);
        assert_eq!(Options::parse(&["--nopeers"]), None);
    }

    #[test]
    fn a_relayed_stream_arrives_unchanged_and_counted() {
        let text = b"running 1 test\r\ntest result: ok. 1 passed; 0 failed; 0 ignored\nlast \xff";
        let mut out = Vec::new();
        let tally = relay(Some(text.as_slice()), &mut out).unwrap();
        assert_eq!(out, text);
        assert_eq!(tally.to_string(), "1 passed, 0 failed");
    }
}
