//! A server with a service that does as the path says, certificates for it, and a client that can misbehave.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use ratify_server::{
    Arrival, ConnectionCounters, ConnectionLimits, Listener, Service, Stop, TlsFiles, TlsPaths,
    TlsState, serve,
};
use ratify_testkit::certs::{Authority, Chain, Extension, KeyUsage, Name, Template, oids};
use ratify_testkit::keys::{KeyKind, SigningKey};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes; a test that hangs fails then.
pub(super) const LONG: Duration = Duration::from_secs(20);
/// For tests in which no time-out is wanted however busy the machine is.
pub(super) fn patient() -> ConnectionLimits {
    ConnectionLimits {
        handshake: LONG,
        head: LONG,
        idle: LONG,
        ..ConnectionLimits::default()
    }
}

/// How often the TLS files are looked at in tests.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// Answers as the path says: `/wait` when [`Paths::let_go`] was called, `/panic` never, `/ignore` without reading the body,
/// `/large` with much, `/age` with the milliseconds since its time began, all else with the path and the body's length.
#[derive(Clone)]
pub(super) struct Paths {
    gate: Arc<Semaphore>,
    asked: Arc<AtomicU64>,
}

impl Paths {
    pub(super) fn new() -> Self {
        Self {
            gate: Arc::new(Semaphore::new(0)),
            asked: Arc::default(),
        }
    }

    /// Answer that many requests to `/wait`.
    pub(super) fn let_go(&self, requests: usize) {
        self.gate.add_permits(requests);
    }

    /// Requests that reached the service.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// Wait until so many requests reached the service.
    pub(super) async fn until_asked(&self, requests: u64) {
        until("requests reach the service", || self.asked() >= requests).await;
    }
}

impl Service for Paths {
    async fn answer(&self, request: Request<Incoming>, arrival: Arrival) -> Response<Full<Bytes>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let path = request.uri().path().to_owned();
        let text = match path.as_str() {
            "/panic" => panic!("asked to"),
            "/wait" => {
                self.gate.acquire().await.unwrap().forget();
                path
            }
            "/ignore" => path,
            "/large" => "x".repeat(32 * 1024 * 1024),
            "/age" => arrival.began.elapsed().as_millis().to_string(),
            "/peer" => arrival.peer.to_string(),
            _ => {
                let read = timeout(Duration::from_millis(300), request.into_body().collect()).await;
                match read {
                    Ok(Ok(body)) => format!("{path} {}", body.to_bytes().len()),
                    Ok(Err(_)) => return status(StatusCode::BAD_REQUEST),
                    Err(_) => return status(StatusCode::REQUEST_TIMEOUT),
                }
            }
        };
        Response::new(Full::from(text))
    }

    fn panicked(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from("{\"systemError\":\"panicked\"}"));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    }
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// A server that is served.
pub(super) struct Rig {
    pub(super) address: SocketAddr,
    pub(super) paths: Paths,
    pub(super) counters: Arc<ConnectionCounters>,
    pub(super) tls: Option<watch::Receiver<TlsState>>,
    pub(super) stop: Stop,
    pub(super) serving: JoinHandle<()>,
    files: CancellationToken,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.drain.cancel();
        self.stop.cut.cancel();
        self.files.cancel();
    }
}

impl Rig {
    /// Over plain HTTP.
    pub(super) async fn plain(limits: ConnectionLimits) -> Self {
        Self::start(limits, None).await
    }

    /// Over TLS.
    pub(super) async fn tls(limits: ConnectionLimits, paths: TlsPaths) -> Self {
        Self::start(limits, Some(TlsFiles::load(paths).unwrap())).await
    }

    async fn start(limits: ConnectionLimits, files: Option<TlsFiles>) -> Self {
        let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        let (address, paths) = (listener.address(), Paths::new());
        let (counters, stop) = (Arc::<ConnectionCounters>::default(), Stop::default());
        let tls = files.as_ref().map(TlsFiles::state);
        let end_of_files = CancellationToken::new();
        if let Some(files) = files {
            tokio::spawn(files.follow(LOOK, end_of_files.clone()));
        }
        let serving = tokio::spawn(serve(
            listener,
            tls.clone(),
            limits,
            Arc::clone(&counters),
            paths.clone(),
            stop.clone(),
        ));
        Self {
            address,
            paths,
            counters,
            tls,
            stop,
            serving,
            files: end_of_files,
        }
    }

    /// Connect in plain.
    pub(super) async fn connect(&self) -> Wire<TcpStream> {
        Wire::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// Wait until so many connections are open.
    pub(super) async fn until_open(&self, open: u64) {
        until("connections to be open", || {
            self.counters.counts().open == open
        })
        .await;
    }

    /// Wait until the state of TLS is as wanted.
    pub(super) async fn until_tls(&self, wanted: impl FnMut(&TlsState) -> bool) -> TlsState {
        let mut tls = self.tls.clone().unwrap();
        timeout(LONG, tls.wait_for(wanted))
            .await
            .expect("TLS should come to this state")
            .unwrap()
            .clone()
    }
}

/// Ask again and again until it is so.
pub(super) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !so() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Whether the server says that this was the last answer on the connection.
    pub(super) fn is_last(&self) -> bool {
        self.headers.get("connection").map(String::as_str) == Some("close")
    }
}

/// One connection of a client, spoken to byte by byte.
pub(super) struct Wire<Io> {
    pub(super) io: Io,
    read: Vec<u8>,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Wire<Io> {
    pub(super) fn new(io: Io) -> Self {
        let read = Vec::new();
        Self { io, read }
    }

    pub(super) async fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.io.write_all(bytes.as_ref()).await?;
        self.io.flush().await
    }

    /// Post a body to a path and read the answer.
    pub(super) async fn post(&mut self, path: &str, body: &[u8]) -> io::Result<Answer> {
        self.write(request(path, body)).await?;
        self.answer().await
    }

    /// Read one answer, which has a length.
    pub(super) async fn answer(&mut self) -> io::Result<Answer> {
        timeout(LONG, self.read_answer())
            .await
            .expect("an answer should come")
    }

    async fn read_answer(&mut self) -> io::Result<Answer> {
        let head = loop {
            let found = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            match found {
                Some(end) => break self.read.drain(..end + 4).collect::<Vec<u8>>(),
                None => self.more().await?,
            }
        };
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers: HashMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = headers
            .get("content-length")
            .map_or(0, |text| text.parse().unwrap());
        while self.read.len() < length {
            self.more().await?;
        }
        let body = self.read.drain(..length).collect();
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    async fn more(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        match self.io.read(&mut buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                self.read.extend_from_slice(&buffer[..length]);
                Ok(())
            }
        }
    }

    /// Wait for the end of the connection, ignoring what comes before: `Ok` if it was a clean one.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        let ended = timeout(LONG, async {
            while self.io.read(&mut buffer).await? > 0 {}
            Ok(())
        });
        ended.await.expect("the server should end the connection")
    }
}

/// A request as Gatekeeper makes it.
pub(super) fn request(path: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nhost: ratify\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A server certificate for this machine.
pub(super) fn server_chain(authority: &Authority, kind: KeyKind) -> Chain {
    authority.issue(&Template::tls_server(&["localhost", "127.0.0.1"]).key_kind(kind))
}

/// A client certificate as Gatekeeper's webhook has it (A 4.4): for servers and for clients.
pub(super) fn client_template() -> Template {
    Template::blank(
        Name::empty().with("CN", "gatekeeper-webhook-service.gatekeeper-system.svc"),
        SigningKey::new(KeyKind::P256),
    )
    .with(Extension::key_usage(&[
        KeyUsage::DigitalSignature,
        KeyUsage::KeyEncipherment,
    ]))
    .with(Extension::extended_key_usage(&[
        oids::SERVER_AUTH,
        oids::CLIENT_AUTH,
    ]))
    .with(Extension::subject_alt_name(&[
        "gatekeeper-webhook-service.gatekeeper-system.svc",
    ]))
}

/// The usual files: a server certificate of one authority, and another as the client CA.
pub(super) struct Files {
    pub(super) directory: TempDir,
    pub(super) server_authority: Authority,
    pub(super) client_authority: Authority,
    pub(super) client: Chain,
}

impl Files {
    pub(super) fn new() -> Self {
        let client_authority = Authority::new("Gatekeeper CA");
        let files = Self {
            directory: tempfile::tempdir().unwrap(),
            server_authority: Authority::new("Ratify CA"),
            client: client_authority.issue(&client_template()),
            client_authority,
        };
        files.write_pair(&server_chain(&files.server_authority, KeyKind::P256));
        files.write("ca.crt", files.client_authority.pem());
        files
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.at(name), text).unwrap();
    }

    pub(super) fn write_pair(&self, chain: &Chain) {
        self.write("tls.crt", chain.pem());
        self.write("tls.key", chain.key_pem());
    }

    /// With client certificates.
    pub(super) fn paths(&self) -> TlsPaths {
        TlsPaths::in_directory(self.directory.path(), Some(self.at("ca.crt")))
    }

    /// Without.
    pub(super) fn paths_without_client_ca(&self) -> TlsPaths {
        TlsPaths::in_directory(self.directory.path(), None)
    }

    /// A client that trusts this server and shows the usual certificate.
    pub(super) fn trusted_client(&self) -> Client {
        Client::new(&[&self.server_authority], Some(&self.client))
    }
}

/// Put a file there as editors and `kubectl cp` do: written elsewhere and renamed.
pub(super) fn rename_over(path: &Path, text: &str) {
    let next = path.with_extension("next");
    fs::write(&next, text).unwrap();
    fs::rename(&next, path).unwrap();
}

/// A client over TLS.
#[derive(Clone)]
pub(super) struct Client {
    connector: TlsConnector,
}

impl Client {
    pub(super) fn new(trusted: &[&Authority], identity: Option<&Chain>) -> Self {
        Self::of_version(trusted, identity, &rustls::version::TLS13)
    }

    pub(super) fn of_version(
        trusted: &[&Authority],
        identity: Option<&Chain>,
        version: &'static SupportedProtocolVersion,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        for authority in trusted {
            roots.add(authority.certificate().to_vec().into()).unwrap();
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(chain) => {
                let certificates = chain.certificates.iter().cloned().map(CertificateDer::from);
                let key = PrivatePkcs8KeyDer::from(chain.key.pkcs8_der());
                builder
                    .with_client_auth_cert(certificates.collect(), PrivateKeyDer::Pkcs8(key))
                    .unwrap()
            }
        };
        let connector = TlsConnector::from(Arc::new(config));
        Self { connector }
    }

    pub(super) async fn connect(
        &self,
        address: SocketAddr,
    ) -> io::Result<Wire<TlsStream<TcpStream>>> {
        self.over(TcpStream::connect(address).await?).await
    }

    pub(super) async fn over(&self, stream: TcpStream) -> io::Result<Wire<TlsStream<TcpStream>>> {
        let name = ServerName::try_from("localhost").unwrap();
        let connected = timeout(LONG, self.connector.connect(name, stream)).await;
        Ok(Wire::new(connected.expect("a handshake should end")?))
    }

    /// One request on a connection of its own. With TLS 1.3 a client learns only now that its certificate was refused.
    pub(super) async fn ask(&self, address: SocketAddr) -> io::Result<Answer> {
        self.connect(address).await?.post("/asked", b"body").await
    }
}
