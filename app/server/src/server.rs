//! The whole server: the listener that Gatekeeper asks, and beside it those for health and metrics.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::transport::{
    Address, BindError, ConnectionCounters, ConnectionLimits, Listener, Service, Stop,
    TlsFileError, TlsFiles, TlsPaths, TlsState, serve,
};

/// How often the TLS files are looked at. A new certificate is in use within this time and that of reading it; looking
/// costs three calls to `stat`.
const LOOK_AT_FILES: Duration = Duration::from_millis(500);
/// How long the side listeners may take to finish what they answer.
const SIDE_GRACE: Duration = Duration::from_secs(1);

/// Where and how to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerOptions {
    /// For Gatekeeper.
    pub address: Address,
    /// `None`: plain HTTP.
    pub tls: Option<TlsPaths>,
    /// For health, plain HTTP; `None`: not at all.
    pub health: Option<Address>,
    /// For metrics, plain HTTP; `None`: not at all.
    pub metrics: Option<Address>,
    /// Of the listener for Gatekeeper.
    pub limits: ConnectionLimits,
}

/// What answers on each listener.
#[derive(Debug, Clone)]
pub struct Services<Admission, Health, Metrics> {
    /// What Gatekeeper asks.
    pub admission: Admission,
    /// Health. Never asked if there is no such listener.
    pub health: Health,
    /// Metrics. Never asked if there is no such listener.
    pub metrics: Metrics,
}

/// Where a server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// For Gatekeeper.
    pub admission: SocketAddr,
    /// For health.
    pub health: Option<SocketAddr>,
    /// For metrics.
    pub metrics: Option<SocketAddr>,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no certificate to serve with.
    #[error(transparent)]
    Tls(#[from] TlsFileError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// A server that listens and does not answer yet. Clients that connect meanwhile wait.
#[derive(Debug)]
pub struct Bound {
    admission: Listener,
    health: Option<Listener>,
    metrics: Option<Listener>,
    tls: Option<TlsFiles>,
    limits: ConnectionLimits,
    counters: Arc<ConnectionCounters>,
}

/// A server that answers.
#[derive(Debug)]
pub struct Server {
    addresses: Addresses,
    counters: Arc<ConnectionCounters>,
    admission: JoinSet<()>,
    side: JoinSet<()>,
    stop: Stop,
    stop_side: Stop,
    stop_files: CancellationToken,
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Connections of Gatekeeper that were cut off at the end of the grace period, most with a request under way.
    pub cut: u64,
}

impl Server {
    /// Read the TLS files and listen.
    ///
    /// # Errors
    /// The certificate or its key is missing or bad, or an address cannot be listened on.
    pub async fn bind(options: ServerOptions) -> Result<Bound, StartError> {
        let tls = options.tls.map(TlsFiles::load).transpose()?;
        let admission = Listener::bind(&options.address).await?;
        Ok(Bound {
            admission,
            health: bind_side(options.health.as_ref()).await?,
            metrics: bind_side(options.metrics.as_ref()).await?,
            tls,
            limits: options.limits,
            counters: Arc::default(),
        })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Returns only if a part of the server ended that should not: a bug. The process should end then, so that it is
    /// started again, rather than look alive and answer nobody.
    pub async fn failed(&mut self) -> Option<JoinError> {
        let ended = tokio::select! {
            Some(ended) = self.admission.join_next() => ended,
            Some(ended) = self.side.join_next() => ended,
            else => return None,
        };
        ended.err()
    }

    /// Accept no more requests, finish those under way within `grace`, and cut off what is left then. Health and metrics
    /// go on until that is done.
    pub async fn stop(mut self, grace: Duration) -> Stopped {
        tracing::info!("shutting down ratify server...");
        drain(&mut self.admission, &self.stop, grace).await;
        self.stop_files.cancel();
        drain(&mut self.side, &self.stop_side, SIDE_GRACE).await;
        let cut = self.counters.counts().cut;
        tracing::info!(cut, "ratify server shutdown complete");
        Stopped { cut }
    }
}

impl Bound {
    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        Addresses {
            admission: self.admission.address(),
            health: self.health.as_ref().map(Listener::address),
            metrics: self.metrics.as_ref().map(Listener::address),
        }
    }

    /// How TLS is doing, now and later; `None` for plain HTTP.
    pub fn tls(&self) -> Option<watch::Receiver<TlsState>> {
        self.tls.as_ref().map(TlsFiles::state)
    }

    /// What happens to the connections of Gatekeeper.
    pub fn connections(&self) -> Arc<ConnectionCounters> {
        Arc::clone(&self.counters)
    }

    /// Begin to answer. Must be called within a Tokio runtime.
    pub fn start<A: Service, H: Service, M: Service>(self, services: Services<A, H, M>) -> Server {
        let addresses = self.addresses();
        let tls = self.tls();
        let (stop, stop_side) = (Stop::default(), Stop::default());
        let stop_files = CancellationToken::new();
        let (mut admission, mut side) = (JoinSet::new(), JoinSet::new());
        tracing::info!("starting server at {}", addresses.admission);
        admission.spawn(serve(
            self.admission,
            tls,
            self.limits,
            Arc::clone(&self.counters),
            services.admission,
            stop.clone(),
        ));
        if let Some(files) = self.tls {
            tracing::info!("starting server using TLS: {files}");
            tracing::info!("Starting TLS certificate watcher");
            side.spawn(files.follow(LOOK_AT_FILES, stop_files.clone()));
        }
        if let Some(listener) = self.health {
            side.spawn(serve_side(listener, services.health, stop_side.clone()));
        }
        if let Some(listener) = self.metrics {
            side.spawn(serve_side(listener, services.metrics, stop_side.clone()));
        }
        Server {
            addresses,
            counters: self.counters,
            admission,
            side,
            stop,
            stop_side,
            stop_files,
        }
    }
}

async fn bind_side(address: Option<&Address>) -> Result<Option<Listener>, BindError> {
    match address {
        None => Ok(None),
        Some(address) => Listener::bind(address).await.map(Some),
    }
}

async fn serve_side<S: Service>(listener: Listener, service: S, stop: Stop) {
    let limits = ConnectionLimits::side();
    serve(listener, None, limits, Arc::default(), service, stop).await;
}

/// Stop politely, and after `grace` at once.
async fn drain(tasks: &mut JoinSet<()>, stop: &Stop, grace: Duration) {
    stop.drain.cancel();
    let ended = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, ended).await.is_err() {
        stop.cut.cancel();
        while tasks.join_next().await.is_some() {}
    }
}
