//! The server of the demo, put together as `ratify serve` does it, and a client that asks it as Gatekeeper does.

use std::error::Error as StdError;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use ratify_engine::{Dispatcher, DispatcherOptions};
use ratify_server::{
    Address, Configuration, ConnectionLimits, Health, Metrics, Server, ServerOptions, Services,
    TlsPaths,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;

use super::folder::{CLIENT, CLIENT_CA, Folder, SERVER_CA};
use crate::error::Error;
use crate::serve::{admission, page};

/// Where Gatekeeper asks.
pub(crate) const PATH: &str = "/ratify/gatekeeper/v1/verify";
/// What a request under way may take when the demo ends.
const GRACE: Duration = Duration::from_secs(1);

/// A server on a free port of loopback.
pub(crate) struct DemoServer {
    server: Server,
    dispatcher: Arc<Dispatcher>,
    configuration: watch::Sender<Arc<Configuration>>,
}

/// What came of one request.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    pub(crate) time: Duration,
}

impl DemoServer {
    /// Start it.
    pub(crate) async fn start(
        folder: &Folder,
        configuration: Configuration,
    ) -> Result<Self, Error> {
        let metrics = Arc::new(Metrics::new()?);
        let dispatcher = Arc::new(Dispatcher::new(DispatcherOptions::default(), None));
        let configuration = watch::Sender::new(Arc::new(configuration));
        let options = ServerOptions {
            address: Address::loopback(),
            tls: Some(TlsPaths::in_directory(
                folder.path(),
                Some(folder.at(CLIENT_CA)),
            )),
            health: None,
            metrics: None,
            limits: ConnectionLimits::default(),
        };
        let services = Services {
            admission: admission(configuration.subscribe(), &dispatcher, &metrics),
            health: page(&Arc::new(Health::new()), Health::answer),
            metrics: page(&metrics, Metrics::answer),
        };
        Ok(Self {
            server: Server::bind(options).await?.start(services),
            dispatcher,
            configuration,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.addresses().admission
    }

    /// Ask one question over TLS, with a client certificate.
    pub(crate) async fn ask(&self, folder: &Folder, question: &str) -> Result<Answered, Error> {
        ask(self.address(), folder, question)
            .await
            .map_err(|source| Error::DemoServer { source })
    }

    /// End it.
    pub(crate) async fn stop(self) {
        self.server.stop(GRACE).await;
        self.dispatcher.stop().await;
        drop(self.configuration);
    }
}

type Failure = Box<dyn StdError + Send + Sync>;

async fn ask(address: SocketAddr, folder: &Folder, question: &str) -> Result<Answered, Failure> {
    let connector = TlsConnector::from(Arc::new(client(folder)?));
    let request = Request::builder()
        .method(Method::POST)
        .uri(PATH)
        .header(header::HOST, address.to_string())
        .body(Full::new(Bytes::from(question.to_owned())))?;
    let begin = Instant::now();
    let stream = TcpStream::connect(address).await?;
    let stream = connector
        .connect(ServerName::from(address.ip()), stream)
        .await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        drop(sender);
        Ok::<_, hyper::Error>((head.status, body))
    };
    let (answer, _) = futures::join!(exchange, connection);
    let (status, body) = answer?;
    Ok(Answered {
        status,
        body: serde_json::from_slice(&body)?,
        time: begin.elapsed(),
    })
}

/// A client that trusts the demo's server and shows the demo's client certificate.
fn client(folder: &Folder) -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(folder, SERVER_CA)? {
        roots.add(authority)?;
    }
    let key = PrivateKeyDer::from_pem_slice(&fs::read(folder.at(CLIENT.1))?)?;
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates(folder, CLIENT.0)?, key)?;
    Ok(config)
}

fn certificates(folder: &Folder, name: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let text = fs::read(folder.at(name))?;
    let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>()?;
    Ok(certificates)
}
