//! The load generator: the same request many times, on one connection or on a new one each, one after the other.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::rig::client_config;
use crate::wire::Connection;

/// What to send, as the words of a command line.
#[derive(Debug, Clone)]
pub(crate) struct Load<'a> {
    pub(crate) address: SocketAddr,
    /// The rig's folder, where the certificates are.
    pub(crate) folder: &'a Path,
    /// A new connection for each request.
    pub(crate) connect_each: bool,
    pub(crate) requests: usize,
    /// How many images each answer must allow; 0: answers are not looked at.
    pub(crate) images: usize,
    /// A file with the body of the request.
    pub(crate) body: &'a Path,
    /// The core to keep to.
    pub(crate) core: usize,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// The length of an answer's body.
    pub(crate) answer: usize,
}

impl Load<'_> {
    /// Run it in a process of its own, to its end.
    pub(crate) fn send(&self) -> Result<Outcome> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new("taskset");
        command.arg("-c").arg(self.core.to_string()).arg(program);
        let output = command
            .arg("load")
            .arg(self.address.to_string())
            .arg(self.folder)
            .arg(if self.connect_each { "new" } else { "kept" })
            .arg(self.requests.to_string())
            .arg(self.images.to_string())
            .arg(self.body)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start the load generator")?;
        if !output.status.success() {
            bail!("the load generator failed");
        }
        serde_json::from_slice(&output.stdout).context("not what the load generator says")
    }
}

/// The other side: this process is the load generator.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let [address, folder, mode, requests, images, body] = words else {
        bail!("expected six words, found {}", words.len());
    };
    let tls = client_config(Path::new(folder))?;
    let address = address.parse().context("not an address")?;
    let (requests, images): (usize, usize) = (requests.parse()?, images.parse()?);
    let body = std::fs::read(body).context("cannot read the body")?;
    let mut kept = None;
    let mut answer = 0;
    for _ in 0..requests {
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => Connection::open(address, &tls)?,
        };
        let reply = connection.post(&body)?;
        answer = reply.body.len();
        if images > 0 {
            let understood = Answer::read(&reply.body);
            if !understood
                .as_ref()
                .is_ok_and(|answer| answer.allows(images))
            {
                bail!("expected {images} allowed images, found {understood:?}");
            }
        }
        if *mode == "kept" {
            kept = Some(connection);
        }
    }
    println!("{}", serde_json::to_string(&Outcome { answer })?);
    Ok(())
}
