//! One HTTP request, enough to see that a loopback server answers.
//!
//! Not a client: the counterparts and the product bring their own.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Time for one answer of a server that already accepts connections.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// Bytes of an answer that are read: a status line and a few headers.
const ANSWER_BYTES: u64 = 64 * 1024;

/// The status of `GET path` at `address`.
pub(crate) fn status(address: SocketAddr, path: &str) -> Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_DEADLINE)
        .with_context(|| format!("cannot connect to `{address}`"))?;
    stream
        .set_read_timeout(Some(ANSWER_DEADLINE))
        .context("cannot set a time-out")?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .context("cannot send a request")?;
    let mut answer = Vec::new();
    stream
        .take(ANSWER_BYTES)
        .read_to_end(&mut answer)
        .context("cannot read an answer")?;
    let answer = String::from_utf8_lossy(&answer);
    let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    code.with_context(|| format!("`{address}` did not answer in HTTP"))
}
