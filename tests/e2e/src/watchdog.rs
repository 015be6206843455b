//! Ends the cluster when the test program dies without a chance to do so: killed, or by a time
//! limit of whoever started it.
//!
//! A small shell process holds the read end of a pipe. It learns which processes run, and when
//! the pipe closes it kills those that are left. In an ordinary end there are none.

use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};

/// Reads `+ <id>` and `- <id>`. A Ctrl-C reaches every process of the terminal, so this one must
/// not obey it: it has to see the end of the test program.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
ids=
while read -r sign id; do
    case $sign in
    +) ids="$ids $id" ;;
    -)
        left=
        for other in $ids; do
            [ "$other" = "$id" ] || left="$left $other"
        done
        ids=$left
        ;;
    esac
done
[ -z "$ids" ] || kill -KILL $ids
"#;

/// The watching process; shared by all who start processes.
#[derive(Debug, Clone)]
pub(crate) struct Watchdog(Arc<Mutex<Shell>>);

#[derive(Debug)]
struct Shell {
    child: Child,
    ids: Option<ChildStdin>,
}

impl Watchdog {
    /// Start watching.
    pub(crate) fn start() -> Result<Self> {
        let mut child = Command::new("sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start `sh`")?;
        let ids = child.stdin.take();
        Ok(Self(Arc::new(Mutex::new(Shell { child, ids }))))
    }

    /// This process runs.
    pub(crate) fn started(&self, id: u32) -> Result<()> {
        self.tell('+', id)
    }

    /// This process has ended and was waited for: its id may soon be another's.
    pub(crate) fn ended(&self, id: u32) {
        // if the shell is gone there is nobody to mislead
        let _ = self.tell('-', id);
    }

    fn tell(&self, sign: char, id: u32) -> Result<()> {
        let mut shell = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let ids = shell.ids.as_mut().context("the watchdog was let go")?;
        writeln!(ids, "{sign} {id}").context("the watchdog has died")
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.ids.take());
        // it ends now; only a child that was waited for is gone from the process table
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("600").spawn().unwrap()
    }

    #[test]
    fn what_still_runs_at_the_end_is_killed_and_what_ended_is_left_alone() {
        let (mut left, mut ended) = (sleeper(), sleeper());
        let watchdog = Watchdog::start().unwrap();
        watchdog.started(left.id()).unwrap();
        watchdog.started(ended.id()).unwrap();
        watchdog.ended(ended.id());
        drop(watchdog);
        // killed by a signal, so no exit status
        assert_eq!(left.wait().unwrap().code(), None);
        assert!(ended.try_wait().unwrap().is_none(), "it is another's now");
        ended.kill().unwrap();
        ended.wait().unwrap();
    }
}
