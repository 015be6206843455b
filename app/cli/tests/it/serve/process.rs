//! A server process: started, listened to, asked, ended.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ratify_oci::Descriptor;
use serde_json::{Value, json};

use crate::rig::Rig;

/// Far longer than anything takes, for machines that do other things too.
const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const VERIFY: &str = "/ratify/gatekeeper/v1/verify";
pub(crate) const MUTATE: &str = "/ratify/gatekeeper/v1/mutate";

/// A running server.
pub(crate) struct Process {
    child: Child,
    log: Arc<Log>,
}

/// What it has logged.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

/// An answer over plain HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Process {
    /// Start a server on free ports of loopback, and wait until it answers.
    pub(crate) fn start(rig: &Rig, flags: &[&str]) -> Self {
        let process = Self::spawn(command(rig, flags));
        process.address();
        process
    }

    /// Start whatever `command` says, and listen to its log.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Log::default());
        let heard = Arc::clone(&log);
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in stderr.lines() {
                heard.lines.lock().unwrap().push(line.unwrap());
                heard.more.notify_all();
            }
        });
        Self { child, log }
    }

    /// Where Gatekeeper asks.
    pub(crate) fn address(&self) -> SocketAddr {
        self.told("starting server at ")
    }

    /// Where the kubelet asks.
    pub(crate) fn health(&self) -> SocketAddr {
        self.told("serving health at ")
    }

    /// Where Prometheus asks.
    pub(crate) fn metrics(&self) -> SocketAddr {
        let address: SocketAddr = self.told("serving metrics at ");
        (std::net::Ipv4Addr::LOCALHOST, address.port()).into()
    }

    fn told(&self, words: &str) -> SocketAddr {
        let line = self.wait_for(words);
        let rest = line.split(words).nth(1).unwrap();
        let address = rest.split([' ', '"']).next().unwrap();
        address.parse().unwrap()
    }

    /// The first line with these words, now or later.
    #[track_caller]
    pub(crate) fn wait_for(&self, words: &str) -> String {
        self.wait_for_nth(words, 0)
    }

    /// The line with these words after so many others.
    #[track_caller]
    pub(crate) fn wait_for_nth(&self, words: &str, nth: usize) -> String {
        let find = |lines: &[String]| {
            let mut found = lines.iter().filter(|line| line.contains(words));
            found.nth(nth).cloned()
        };
        let lines = self.log.lines.lock().unwrap();
        let wait = |lines: &mut Vec<String>| find(lines).is_none();
        let (lines, _) = self
            .log
            .more
            .wait_timeout_while(lines, PATIENCE, wait)
            .unwrap();
        find(&lines).unwrap_or_else(|| panic!("no line with `{words}` in {lines:#?}"))
    }

    /// Everything that was logged up to now.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lines.lock().unwrap().clone()
    }

    /// What the system calls it.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let killed = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
    }

    /// Wait for the end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        wait_until("the process ends", || self.child.try_wait().unwrap())
    }

    /// SIGTERM, and the end that must follow: status 0.
    pub(crate) fn stop(mut self) -> Vec<String> {
        self.signal("-TERM");
        assert_eq!(self.ended().code(), Some(0), "{:#?}", self.log());
        self.wait_for("ratify server shutdown complete");
        self.log()
    }

    /// Ask about images.
    pub(crate) fn ask(&self, path: &str, keys: &[&str]) -> Value {
        let answer = post(self.address(), path, &question(keys));
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Whether the one image is admitted; `None` if that could not be told.
    pub(crate) fn verdict(&self, key: &str) -> Option<bool> {
        verdict(&self.ask(VERIFY, &[key]))
    }

    /// What `/readyz` says.
    pub(crate) fn readiness(&self) -> Answer {
        get(self.health(), "/readyz")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // in vain if it has ended
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `ratify serve` with free ports of loopback for all it listens on, and the configuration of the rig.
pub(crate) fn command(rig: &Rig, flags: &[&str]) -> Command {
    let mut command = rig.command(&[
        "serve",
        "--http",
        "127.0.0.1:0",
        "--health-port",
        "127.0.0.1:0",
    ]);
    command.arg("-c").arg(rig.config_path()).args(flags);
    command
}

/// The rig's configuration as a server needs it: it asks registries of its own machine only if they are named.
pub(crate) fn config(rig: &Rig) -> Value {
    let mut config = rig.config();
    config["store"]["plugins"][0]["registries"] =
        json!([{ "host": rig.registry.host(), "plainHttp": true }]);
    config
}

/// A rig with a server's configuration, and an image `app` with a good signature.
pub(crate) async fn rig() -> (Rig, Descriptor) {
    let rig = Rig::new().await;
    rig.write_config(&config(&rig));
    let (image, _) = rig.push_signed("app");
    (rig, image)
}

/// The body of a request.
pub(crate) fn question(keys: &[&str]) -> String {
    json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": { "keys": keys },
    })
    .to_string()
}

/// Whether the one item of an answer says yes; `None` if there is no item.
pub(crate) fn verdict(answer: &Value) -> Option<bool> {
    let item = answer["response"]["items"].get(0)?;
    Some(item["value"]["isSuccess"].as_bool().unwrap())
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    exchange(
        address,
        &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
    )
    .unwrap()
}

pub(crate) fn post(address: SocketAddr, path: &str, body: &str) -> Answer {
    try_post(address, path, body).unwrap()
}

pub(crate) fn try_post(address: SocketAddr, path: &str, body: &str) -> std::io::Result<Answer> {
    let length = body.len();
    exchange(
        address,
        &format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nx-trace: from-outside\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        ),
    )
}

fn exchange(address: SocketAddr, request: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok(Answer {
        status: status.ok_or(std::io::ErrorKind::InvalidData)?,
        body: body.to_owned(),
    })
}

/// Ask again and again until there is something.
#[track_caller]
pub(crate) fn wait_until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Replace a file by renaming another.
pub(crate) fn replace(path: &Path, content: impl AsRef<[u8]>) {
    let new = path.with_extension("new");
    std::fs::write(&new, content).unwrap();
    std::fs::rename(new, path).unwrap();
}
