//! How the measuring process speaks with the registry: one JSON value a line, an order and its answer.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

/// What the registry is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Make images in a repository.
    Make {
        repository: String,
        images: usize,
        signatures: usize,
    },
    /// Be like this from now on, forget all tokens, and count from zero.
    Behave(Behaviour),
    /// Say how much was asked.
    Count,
}

/// What the registry answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    Started(Started),
    Made(std::result::Result<Vec<Made>, String>),
    Done,
    Counted(Counts),
}

/// Where the registry listens and whom it trusts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Started {
    /// The port without TLS.
    pub(crate) plain: u16,
    /// The port with TLS.
    pub(crate) tls: u16,
    /// The root of every signature, in PEM.
    pub(crate) root: String,
    /// The root of the registry's TLS certificate, in PEM.
    pub(crate) tls_root: String,
}

/// One image that was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Made {
    pub(crate) tag: String,
    pub(crate) digest: String,
}

/// How the registry is.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Behaviour {
    /// From the arrival of a request to its answer, in milliseconds.
    pub(crate) delay_ms: u64,
    /// From the arrival of a connection to its first byte, in milliseconds.
    pub(crate) connect_ms: u64,
    /// Whether a bearer token is asked for; anybody gets one.
    pub(crate) token: bool,
    pub(crate) trouble: Trouble,
}

/// How the registry misbehaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Trouble {
    #[default]
    None,
    /// Each n-th request, challenges and tokens included, is answered with this status; 429 with `Retry-After: 1`.
    Every { nth: u64, status: u16 },
    /// No request is ever answered.
    Stall,
}

/// How much was asked since the last [`Order::Behave`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// All requests, of every kind.
    pub(crate) requests: u64,
    pub(crate) connections: u64,
    /// Requests that were answered 401.
    pub(crate) challenges: u64,
    /// Requests for a token.
    pub(crate) tokens: u64,
}

/// The registry as the measuring process sees it. Dropping it ends the process.
#[derive(Debug)]
pub(crate) struct Handle {
    child: Child,
    orders: ChildStdin,
    reports: BufReader<ChildStdout>,
    started: Started,
}

impl Handle {
    /// Start a registry: this very program again.
    pub(crate) fn start() -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut child = Command::new(program)
            .arg("registry")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the registry")?;
        let orders = child.stdin.take().context("no stdin")?;
        let mut reports = BufReader::new(child.stdout.take().context("no stdout")?);
        let Report::Started(started) = next(&mut reports)? else {
            bail!("the registry did not say where it listens");
        };
        Ok(Self {
            child,
            orders,
            reports,
            started,
        })
    }

    pub(crate) fn started(&self) -> &Started {
        &self.started
    }

    /// Make images with so many signatures each.
    pub(crate) fn make(
        &mut self,
        repository: &str,
        images: usize,
        signatures: usize,
    ) -> Result<Vec<Made>> {
        let order = Order::Make {
            repository: repository.to_owned(),
            images,
            signatures,
        };
        match self.order(&order)? {
            Report::Made(Ok(made)) => Ok(made),
            other => bail!("the registry made nothing: {other:?}"),
        }
    }

    pub(crate) fn behave(&mut self, behaviour: Behaviour) -> Result<()> {
        match self.order(&Order::Behave(behaviour))? {
            Report::Done => Ok(()),
            other => bail!("the registry did not obey: {other:?}"),
        }
    }

    pub(crate) fn counts(&mut self) -> Result<Counts> {
        match self.order(&Order::Count)? {
            Report::Counted(counts) => Ok(counts),
            other => bail!("the registry did not count: {other:?}"),
        }
    }

    fn order(&mut self, order: &Order) -> Result<Report> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.orders
            .write_all(&line)
            .context("cannot order the registry")?;
        next(&mut self.reports)
    }
}

fn next(reports: &mut BufReader<ChildStdout>) -> Result<Report> {
    let mut line = String::new();
    reports
        .read_line(&mut line)
        .context("cannot read from the registry")?;
    serde_json::from_str(&line).with_context(|| format!("not an answer: {line:?}"))
}

impl Drop for Handle {
    fn drop(&mut self) {
        // both fail only if it has ended already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
