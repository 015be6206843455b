//! Runs a counterpart: to its end with a deadline, or as a server until it is dropped.
//!
//! Nothing here sleeps to let something happen: a server says where it listens, and a command is
//! waited for.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Time for a command to end. The longest (Ratify 1.4.4) takes about two seconds on an idle
/// machine; a busy one with two cores gets thirty times that.
pub(crate) const COMMAND_DEADLINE: Duration = Duration::from_mins(1);

/// Time for a server to say where it listens, by the same measure.
const START_DEADLINE: Duration = Duration::from_mins(1);

/// How often a running command is asked whether it has ended.
const POLL: Duration = Duration::from_millis(5);

/// Lines of a server's output that are kept for the message when it fails.
const KEPT_LINES: usize = 20;

/// What a command left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit status; `None` if a signal ended it.
    pub code: Option<i32>,
    /// All it wrote to stdout.
    pub stdout: String,
    /// All it wrote to stderr.
    pub stderr: String,
}

impl Outcome {
    /// Did it exit with status 0?
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// The outcome, if the exit status was 0; else an error that shows the output.
    pub fn expect_success(self) -> Result<Self> {
        if !self.success() {
            bail!(
                "expected exit status 0, found {:?}; stdout: {}; stderr: {}",
                self.code,
                self.stdout,
                self.stderr
            );
        }
        Ok(self)
    }

    /// What was written to stdout, as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout)
            .with_context(|| format!("stdout is not JSON: {}", self.stdout))
    }
}

/// Run `command` to its end, or kill it at `deadline`.
pub fn run(mut command: Command, deadline: Duration) -> Result<Outcome> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = Running::spawn(&mut command)?;
    let stdout = collect(child.0.stdout.take());
    let stderr = collect(child.0.stderr.take());
    let end = Instant::now() + deadline;
    let status = loop {
        if let Some(status) = child.0.try_wait().context("cannot wait for a process")? {
            break status;
        }
        if Instant::now() >= end {
            bail!("`{name}` did not end within {deadline:?} and was killed");
        }
        thread::sleep(POLL);
    };
    Ok(Outcome {
        code: status.code(),
        stdout: text(stdout),
        stderr: text(stderr),
    })
}

/// A thread that reads a pipe to its end.
fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // a pipe that breaks leaves what was read so far, which is what the test then shows
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn text(reader: thread::JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()
}

/// A child process that does not outlive its owner.
#[derive(Debug)]
struct Running(Child);

impl Running {
    fn spawn(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
            .spawn()
            .map(Self)
            .with_context(|| format!("cannot start `{name}`"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // both fail only if the process has ended already, which is what they are for
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Running,
    address: SocketAddr,
}

impl Server {
    /// Start `command` and wait for the line from which `announced` reads its address.
    pub(crate) fn start(
        mut command: Command,
        announced: fn(&str) -> Option<SocketAddr>,
    ) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut process = Running::spawn(&mut command)?;
        let (sender, lines) = channel();
        forward(process.0.stdout.take(), sender.clone());
        forward(process.0.stderr.take(), sender);
        let address = await_announcement(&lines, announced)
            .with_context(|| format!("`{name}` did not say where it listens"))?;
        // the forwarding threads go on emptying the pipes, so that the server never blocks on one
        Ok(Self { process, address })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.0.id()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A thread that sends each line of a pipe, and reads on when nobody listens any more.
fn forward(pipe: Option<impl Read + Send + 'static>, lines: Sender<String>) {
    thread::spawn(move || {
        for line in pipe
            .into_iter()
            .flat_map(|pipe| BufReader::new(pipe).lines().map_while(Result::ok))
        {
            // the receiver is gone once the address is known
            let _ = lines.send(line);
        }
    });
}

fn await_announcement(
    lines: &Receiver<String>,
    announced: fn(&str) -> Option<SocketAddr>,
) -> Result<SocketAddr> {
    let end = Instant::now() + START_DEADLINE;
    let mut seen = VecDeque::new();
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let Ok(line) = lines.recv_timeout(left) else {
            bail!("it ended, or said nothing for {START_DEADLINE:?}; last lines: {seen:?}");
        };
        if let Some(address) = announced(&line) {
            return Ok(address);
        }
        if seen.len() == KEPT_LINES {
            seen.pop_front();
        }
        seen.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn an_outcome_keeps_both_streams_and_the_status() {
        let outcome = run(shell("echo out; echo err >&2; exit 3"), COMMAND_DEADLINE).unwrap();
        assert_eq!(outcome.code, Some(3));
        assert_eq!(
            (outcome.stdout.as_str(), outcome.stderr.as_str()),
            ("out\n", "err\n")
        );
        assert!(
            outcome
                .expect_success()
                .unwrap_err()
                .to_string()
                .contains("found Some(3)")
        );
    }

    #[test]
    fn a_command_that_hangs_is_killed() {
        let error = run(shell("exec sleep 600"), Duration::from_millis(50)).unwrap_err();
        assert!(
            error.to_string().contains("did not end within 50ms"),
            "{error}"
        );
    }

    #[test]
    fn a_server_that_dies_is_reported_with_its_words() {
        let error = Server::start(shell("echo no such disk >&2"), |_| None).unwrap_err();
        assert!(format!("{error:#}").contains("no such disk"), "{error:#}");
    }

    #[test]
    fn a_dropped_server_is_gone() {
        let server = Server::start(shell("echo 127.0.0.1:$$; exec sleep 600"), |line| {
            // the port stands for the process id here, so ids above 65535 need the remainder
            let id: u32 = line.rsplit(':').next()?.parse().ok()?;
            let port = u16::try_from(id % 65536).ok()?;
            Some(SocketAddr::from(([127, 0, 0, 1], port)))
        })
        .unwrap();
        let id = server.id();
        drop(server);
        // the child was waited for, so its id names no process of ours any more
        assert!(
            !shell(&format!("kill -0 {id}"))
                .output()
                .unwrap()
                .status
                .success()
        );
    }
}
