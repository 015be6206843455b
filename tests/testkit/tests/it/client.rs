//! A client that shows every byte: one request per connection over plain TCP or TLS.

use std::collections::BTreeMap;
use std::time::Duration;

use ratify_testkit::registry::Registry;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// A test that takes longer than this hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What came back, until the server closed the connection.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// Whether the connection ended with a reset or the like.
    pub(crate) error: Option<std::io::ErrorKind>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) async fn get(registry: &Registry, path: &str) -> Reply {
    send(registry, "GET", path, &[], b"").await
}

pub(crate) async fn send(
    registry: &Registry,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Reply {
    let mut stream = TcpStream::connect(registry.host()).await.unwrap();
    let reply = exchange(&mut stream, method, path, headers, body);
    tokio::time::timeout(PATIENCE, reply).await.unwrap()
}

pub(crate) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Reply {
    stream
        .write_all(&request(method, path, headers, body))
        .await
        .unwrap();
    let mut bytes = Vec::new();
    let error = stream
        .read_to_end(&mut bytes)
        .await
        .err()
        .map(|error| error.kind());
    parse(&bytes, error)
}

pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.extend(["content-length: ", &body.len().to_string(), "\r\n\r\n"]);
    [text.as_bytes(), body].concat()
}

pub(crate) fn parse(bytes: &[u8], error: Option<std::io::ErrorKind>) -> Reply {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Reply {
            error,
            ..Reply::default()
        };
    };
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_ascii_lowercase(), value.to_owned())
    });
    Reply {
        status,
        headers: headers.collect(),
        body: bytes[end + 4..].to_vec(),
        error,
    }
}
