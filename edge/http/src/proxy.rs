//! Proxies: which one stands before a host, and how to get through it.

use std::io;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::{Host, Url};

use crate::Origin;
use crate::connection::Io;

/// The longest answer of a proxy to `CONNECT` that is read.
const LONGEST_ANSWER: usize = 8 * 1024;

/// Where proxies are taken from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Proxies {
    /// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, upper or lower case. Loopback is always asked directly,
    /// as Go's `ProxyFromEnvironment` does.
    #[default]
    Environment,
    /// No proxy at all.
    Off,
}

/// The proxies of this process.
#[derive(Debug)]
pub(crate) struct ProxyTable(Option<Matcher>);

/// One proxy.
#[derive(Clone)]
pub(crate) struct Proxy {
    host: Host,
    port: u16,
    authority: String,
    secure: bool,
    /// The login in its URL.
    authorization: Option<HeaderValue>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proxy({})", self.authority)
    }
}

impl ProxyTable {
    pub(crate) fn new(proxies: Proxies) -> Self {
        Self((proxies == Proxies::Environment).then(Matcher::from_system))
    }

    /// The proxy before `origin`.
    pub(crate) fn of(&self, origin: &Origin) -> Option<Proxy> {
        let matcher = self.0.as_ref().filter(|_| !origin.is_loopback())?;
        let uri: Uri = origin.to_string().parse().ok()?;
        let found = matcher.intercept(&uri)?;
        let url = Url::parse(&found.uri().to_string()).ok()?;
        let (host, port) = (url.host()?.to_owned(), url.port_or_known_default()?);
        Some(Proxy {
            authority: format!("{host}:{port}"),
            host,
            port,
            secure: url.scheme() == "https",
            authorization: found.basic_auth().cloned(),
        })
    }
}

impl Proxy {
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether the proxy itself is spoken to over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }

    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

/// Have `proxy`, at the other end of `io`, pass bytes on to `authority` (RFC 9110 section 9.3.6).
pub(crate) async fn tunnel(
    mut io: Io,
    authority: &str,
    proxy: &Proxy,
    user_agent: Option<&HeaderValue>,
) -> io::Result<Io> {
    let mut question =
        format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    let headers = [
        ("User-Agent", user_agent),
        ("Proxy-Authorization", proxy.authorization()),
    ];
    for (name, value) in headers {
        if let Some(value) = value {
            question.extend_from_slice(name.as_bytes());
            question.extend_from_slice(b": ");
            question.extend_from_slice(value.as_bytes());
            question.extend_from_slice(b"\r\n");
        }
    }
    question.extend_from_slice(b"\r\n");
    io.write_all(&question).await?;
    io.flush().await?;
    let answer = head(&mut io).await?;
    let status = answer.split(|byte| *byte == b' ').nth(1);
    if answer.starts_with(b"HTTP/1.") && status.is_some_and(|status| status.starts_with(b"2")) {
        return Ok(io);
    }
    let status = String::from_utf8_lossy(status.unwrap_or_default());
    let status: String = status.chars().take(3).collect();
    Err(io::Error::other(format!(
        "proxy `{}` answered `{status}` when asked to connect",
        proxy.authority()
    )))
}

/// The head of an answer. Nothing comes after it before the other side has spoken, so it is read to its very end.
async fn head(io: &mut Io) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut part = [0; 512];
    while !head.ends_with(b"\r\n\r\n") {
        let count = io.read(&mut part).await?;
        head.extend(part.iter().take(count));
        if count == 0 || head.len() > LONGEST_ANSWER {
            let text = "proxy gave no answer of HTTP when asked to connect";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
    }
    Ok(head)
}

#[cfg(test)]
mod tests;
