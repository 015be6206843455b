//! Gatekeeper's side: TLS 1.3 with a client certificate, and bytes that can be sent one by one.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratify_testkit::certs::{Authority, Chain};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::contract::{Answered, Endpoint, Raw};

/// Longer than anything here takes; a test that hangs fails then.
const LONG: Duration = Duration::from_mins(1);

/// Somebody who may ask.
#[derive(Clone)]
pub(crate) struct Client {
    connector: TlsConnector,
    address: SocketAddr,
    patience: Duration,
}

/// One connection, spoken to byte by byte.
pub(crate) struct Wire {
    io: TlsStream<TcpStream>,
    read: Vec<u8>,
    began: Instant,
    patience: Duration,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Lost {
    /// Nobody listens.
    Refused,
    /// The connection broke.
    Broken(#[expect(dead_code, reason = "told by the one who panics over it")] io::Error),
}

impl Client {
    /// A client that trusts `servers` and shows the certificate of `who`, and waits for an answer from `address` no
    /// longer than `patience`.
    pub(crate) fn new(
        servers: &[&Authority],
        who: &Chain,
        address: SocketAddr,
        patience: Duration,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        for authority in servers {
            roots.add(authority.certificate().to_vec().into()).unwrap();
        }
        let certificates = who.certificates.iter().cloned().map(CertificateDer::from);
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(who.key.pkcs8_der()));
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(certificates.collect(), key)
            .unwrap();
        Self {
            connector: TlsConnector::from(Arc::new(config)),
            address,
            patience,
        }
    }

    /// The same client with another patience.
    pub(crate) fn patient(&self, patience: Duration) -> Self {
        Self {
            patience,
            ..self.clone()
        }
    }

    pub(crate) async fn connect(&self) -> Result<Wire, Lost> {
        let began = Instant::now();
        let Ok(stream) = TcpStream::connect(self.address).await else {
            return Err(Lost::Refused);
        };
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        let connected = timeout(LONG, self.connector.connect(name, stream)).await;
        Ok(Wire {
            io: connected.expect("a handshake should end")?,
            read: Vec::new(),
            began,
            patience: self.patience,
        })
    }

    /// One question on a connection of its own, which is closed then.
    pub(crate) async fn try_ask(
        &self,
        endpoint: Endpoint,
        keys: &[impl AsRef<str>],
    ) -> Result<Answered, Lost> {
        let mut wire = self.connect().await?;
        let (answered, _) = wire.ask(endpoint, keys).await?;
        let more = wire.rest().await;
        assert!(more.is_empty(), "after an answer came {more:?}");
        Ok(answered)
    }

    pub(crate) async fn verify(&self, keys: &[impl AsRef<str>]) -> Answered {
        self.try_ask(Endpoint::Verify, keys).await.unwrap()
    }

    pub(crate) async fn mutate(&self, keys: &[impl AsRef<str>]) -> Answered {
        self.try_ask(Endpoint::Mutate, keys).await.unwrap()
    }

    /// What is said of one image.
    pub(crate) async fn verdict(&self, key: &str) -> String {
        self.verify(&[key]).await.of_key(key)
    }
}

impl Wire {
    /// Ask, and wait for the answer. Whether the server says that it is the last on this connection.
    pub(crate) async fn ask(
        &mut self,
        endpoint: Endpoint,
        keys: &[impl AsRef<str>],
    ) -> io::Result<(Answered, bool)> {
        self.write(request(endpoint, &Endpoint::body(keys))).await?;
        let raw = self.answer().await?;
        self.began = Instant::now();
        let answered = Answered::of(endpoint, keys, &raw, self.patience);
        Ok((answered, raw.is_last()))
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.io.write_all(bytes.as_ref()).await?;
        self.io.flush().await
    }

    /// Read one answer.
    pub(crate) async fn answer(&mut self) -> io::Result<Raw> {
        let read = timeout(LONG, self.read_answer()).await;
        let (head, body) = read.expect("an answer should come")?;
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        Ok(Raw {
            status: status.ok_or(io::ErrorKind::InvalidData)?,
            head,
            body,
            took: self.began.elapsed(),
        })
    }

    async fn read_answer(&mut self) -> io::Result<(String, Vec<u8>)> {
        let end = loop {
            let end = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            match end {
                Some(end) => break end + 4,
                None => self.more().await?,
            }
        };
        let head = String::from_utf8(self.read.drain(..end).collect()).unwrap();
        let head = head.to_lowercase();
        let mut lines = head.split("\r\n");
        let length = lines.find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |text| text.parse().unwrap());
        while self.read.len() < length {
            self.more().await?;
        }
        Ok((head, self.read.drain(..length).collect()))
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.io.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Say that nothing more will be asked, and read what still comes.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        // a server that has closed already does not hear it
        let _ = self.io.shutdown().await;
        let read = timeout(LONG, async { while self.more().await.is_ok() {} });
        read.await.expect("the server should end the connection");
        self.read
    }
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// A request as Gatekeeper makes it.
pub(crate) fn request(endpoint: Endpoint, body: &[u8]) -> Vec<u8> {
    [head(endpoint, body.len()).as_bytes(), body].concat()
}

/// A request's head.
pub(crate) fn head(endpoint: Endpoint, length: usize) -> String {
    let path = endpoint.path();
    format!(
        "POST {path} HTTP/1.1\r\nhost: ratify\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}
