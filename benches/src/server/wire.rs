//! A client of external data on one connection: TLS 1.3 with a client certificate, HTTP/1.1, one request at a time, blocking.
//!
//! It looks at bytes, because some answers that are measured here end early or hold more than one document.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;

/// Longer than any server here may take.
const READ_TIMEOUT: Duration = Duration::from_mins(2);

/// Where images are verified.
const PATH: &str = "/ratify/gatekeeper/v1/verify";

/// One connection to a server.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    /// Bytes that came and were not looked at yet.
    left: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// From the first byte sent to the last one read.
    pub(crate) wall: Duration,
}

impl Connection {
    /// Connect and shake hands.
    pub(crate) fn open(address: SocketAddr, tls: &Arc<ClientConfig>) -> Result<Self> {
        let tcp = TcpStream::connect(address).context("cannot connect")?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(READ_TIMEOUT))?;
        let name = ServerName::from(address.ip());
        let client = ClientConnection::new(Arc::clone(tls), name)?;
        let mut stream = StreamOwned::new(client, tcp);
        while stream.conn.is_handshaking() {
            stream
                .conn
                .complete_io(&mut stream.sock)
                .context("the handshake failed")?;
        }
        Ok(Self {
            stream,
            left: Vec::new(),
        })
    }

    /// Ask, and read the whole answer.
    pub(crate) fn post(&mut self, body: &[u8]) -> Result<Reply> {
        let mut request = format!(
            "POST {PATH} HTTP/1.1\r\nHost: ratify\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        let start = Instant::now();
        self.stream
            .write_all(&request)
            .and_then(|()| self.stream.flush())
            .context("cannot send a request")?;
        let head = self.head()?;
        let body = self.body(&head)?;
        let wall = start.elapsed();
        Ok(Reply {
            status: head.status,
            body,
            wall,
        })
    }

    /// Whether the server sent more than its answer.
    pub(crate) fn has_more(&self) -> bool {
        !self.left.is_empty()
    }

    fn head(&mut self) -> Result<Head> {
        loop {
            if let Some(end) = find(&self.left, b"\r\n\r\n") {
                let rest = self.left.split_off(end.saturating_add(4));
                let head = std::mem::replace(&mut self.left, rest);
                return Head::parse(&head);
            }
            self.more()?;
        }
    }

    fn body(&mut self, head: &Head) -> Result<Vec<u8>> {
        match head.length {
            Some(length) => self.take(length),
            None => self.chunks(),
        }
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16)
                .with_context(|| format!("not the size of a chunk: {line:?}"))?;
            let chunk = self.take(size)?;
            body.extend_from_slice(&chunk);
            if !self.line()?.is_empty() {
                bail!("a chunk is longer than it says");
            }
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = find(&self.left, b"\r\n") {
                let rest = self.left.split_off(end.saturating_add(2));
                let mut line = std::mem::replace(&mut self.left, rest);
                line.truncate(end);
                return String::from_utf8(line).context("not text");
            }
            self.more()?;
        }
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.left.len() < length {
            self.more()?;
        }
        let rest = self.left.split_off(length);
        Ok(std::mem::replace(&mut self.left, rest))
    }

    fn more(&mut self) -> Result<()> {
        let mut buffer = [0_u8; 16 * 1024];
        let read = match self.stream.read(&mut buffer) {
            Ok(0) => bail!("the answer ended early"),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                bail!("the answer ended early")
            }
            Err(error) => return Err(error).context("cannot read the answer"),
        };
        self.left
            .extend_from_slice(buffer.get(..read).unwrap_or_default());
        Ok(())
    }
}

/// The part of an answer's head that says how to read on.
#[derive(Debug)]
struct Head {
    status: u16,
    /// `None` for chunks.
    length: Option<usize>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes).context("a head that is no text")?;
        let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("not an answer: {text:?}"))?;
        let mut length = None;
        let mut chunked = false;
        for line in text.split("\r\n").skip(1) {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse().context("not a length")?);
            }
            chunked |= name.eq_ignore_ascii_case("transfer-encoding")
                && value.trim().eq_ignore_ascii_case("chunked");
        }
        if length.is_none() && !chunked {
            bail!("an answer without an end: {text:?}");
        }
        Ok(Self { status, length })
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// A request for these images.
pub(crate) fn request(keys: &[String]) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(&serde_json::json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": { "keys": keys },
    }))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_says_how_long_the_body_is() {
        let head = Head::parse(b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n").unwrap();
        assert_eq!((head.status, head.length), (200, Some(12)));
        let head = Head::parse(b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        assert_eq!((head.status, head.length), (500, None));
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(Head::parse(b"hello\r\n\r\n").is_err());
    }
}
