//! A process that runs until it is stopped, with everything it says in a file.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::poll::{Seen, until};
use crate::watchdog::Watchdog;

/// Time to end after SIGTERM: more than any of our programs asks for (`ratify serve` drains for
/// a few seconds, Gatekeeper for none).
const STOP_DEADLINE: Duration = Duration::from_secs(20);

/// A running process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    name: String,
    child: Child,
    log: Log,
    watchdog: Watchdog,
}

impl Daemon {
    /// Start `command` with both of its streams at the end of the file `log`.
    pub(crate) fn start(
        name: &str,
        mut command: Command,
        log: &Path,
        watchdog: &Watchdog,
    ) -> Result<Self> {
        let open = || OpenOptions::new().create(true).append(true).open(log);
        let file = open().with_context(|| format!("cannot write `{}`", log.display()))?;
        let second = file.try_clone().context("cannot share a log file")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(second)
            .spawn()
            .with_context(|| format!("cannot start `{name}`"))?;
        let daemon = Self {
            name: name.to_owned(),
            child,
            log: Log::new(log.to_owned()),
            watchdog: watchdog.clone(),
        };
        watchdog.started(daemon.child.id())?;
        Ok(daemon)
    }

    /// What it said.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// An error with its last words, if it has ended.
    pub(crate) fn expect_alive(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait().context("cannot ask for a process")? {
            bail!(
                "`{}` ended with {status}; its last words:\n{}",
                self.name,
                self.log.tail(20)
            );
        }
        Ok(())
    }

    /// Send it a signal, by name.
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .context("cannot start `kill`")?;
        ensure!(
            status.success(),
            "`kill -s {name}` of `{}` failed",
            self.name
        );
        Ok(())
    }

    /// Ask it to end (SIGTERM) and wait until it has.
    pub(crate) fn stop(mut self) -> Result<ExitStatus> {
        self.signal("TERM")?;
        until(
            &format!("the end of `{}`", self.name),
            STOP_DEADLINE,
            || {
                let ended = self.child.try_wait().context("cannot ask for a process")?;
                Ok(ended.map_or_else(|| Seen::NotYet("it runs".to_owned()), Seen::Done))
            },
        )
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // both fail only if the process was waited for already
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.watchdog.ended(self.child.id());
    }
}

/// The file in which a process left its words.
#[derive(Debug, Clone)]
pub(crate) struct Log(PathBuf);

impl Log {
    /// The file, which need not exist yet.
    pub(crate) fn new(file: PathBuf) -> Self {
        Self(file)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Where it ends now, in bytes: a mark for [`Log::since`].
    pub(crate) fn end(&self) -> u64 {
        fs::metadata(&self.0).map_or(0, |metadata| metadata.len())
    }

    /// What was added after `mark`.
    pub(crate) fn since(&self, mark: u64) -> String {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(&self.0)?;
            file.seek(SeekFrom::Start(mark))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        // evidence: a log that cannot be read says so in the place of its words
        match read() {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => format!("(cannot read `{}`: {error})", self.0.display()),
        }
    }

    /// The last `count` lines.
    pub(crate) fn tail(&self, count: usize) -> String {
        last_lines(&self.since(0), count)
    }
}

/// The last `count` lines of `text`.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.len().saturating_sub(count);
    lines.get(start..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, log: &Path) -> Daemon {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Daemon::start("a script", command, log, &Watchdog::start().unwrap()).unwrap()
    }

    #[test]
    fn a_daemon_that_died_is_reported_with_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let mut daemon = shell("echo no such disk >&2; exit 3", &folder.path().join("log"));
        let error = until("its death", Duration::from_mins(1), || {
            Ok(match daemon.expect_alive() {
                Ok(()) => Seen::NotYet("alive".to_owned()),
                Err(error) => Seen::Done(error.to_string()),
            })
        });
        let error = error.unwrap();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.contains("no such disk"), "{error}");
    }

    #[test]
    fn a_stopped_daemon_could_say_goodbye() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done";
        let daemon = shell(script, &log);
        let words = daemon.log().clone();
        until("its first word", Duration::from_mins(1), || {
            let said = words.since(0);
            Ok(if said == "up\n" {
                Seen::Done(())
            } else {
                Seen::NotYet(said)
            })
        })
        .unwrap();
        let mark = words.end();
        assert!(daemon.stop().unwrap().success());
        assert_eq!(words.since(mark), "bye\n");
        assert_eq!(words.tail(1), "bye");
    }
}
