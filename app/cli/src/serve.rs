//! `ratify serve`: the pieces of a server, put together.

mod descriptors;
mod follow;
mod settings;
mod stamps;

#[cfg(feature = "demo")]
pub(crate) use follow::configuration;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use ratify_config::{Environment, LoadOptions, Loaded};
use ratify_engine::{Dispatcher, DispatcherOptions};
use ratify_http::{Exchange, Observer, Outcome};
use ratify_server::{
    Addresses, Arrival, Bound, Configuration, Face, Health, Metrics, RequestLimits, Server,
    ServerOptions, Service, Services, StartError, TlsPaths,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::args::Serve;
use crate::error::{Error, Status};
use crate::logs::{self, ServerLog};
use crate::wait::StopSignals;
use follow::{Files, Follower, Source};
use settings::Settings;

/// How long requests under way may take when the process is asked to end (v1.4: V 1.4).
const GRACE: Duration = Duration::from_secs(6);

/// Serve until a signal says otherwise.
pub(crate) async fn serve(args: &Serve, debug: bool) -> Result<Status, Error> {
    let settings = Settings::of(args)?;
    let mut signals = StopSignals::listen()?;
    let metrics = Arc::new(Metrics::new()?);
    let health = Arc::new(Health::new());
    let (files, loaded) = load(source(&settings, &metrics), &mut signals).await?;
    let log = ServerLog::start(loaded.formatter, debug)?;
    logs::tell_defects();
    settings::tell_features();
    descriptors::raise();
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let follower = Follower::new(
        loaded,
        Arc::clone(&metrics),
        Arc::clone(&health),
        log.formatting(),
    );
    let Some(options) = settings.server else {
        tracing::info!("no `--http` address was given, so there is nothing to serve");
        return Ok(Status::Done);
    };
    let dispatcher = dispatcher(settings.dispatcher, &metrics);
    let clients = Clients::of(&options);
    let bound = bind(options, settings.health_is_default).await?;
    clients.warn(&bound);
    tell(&bound, &metrics, &health);
    let services = Services {
        admission: admission(follower.current(), &dispatcher, &metrics),
        health: page(&health, Health::answer),
        metrics: page(&metrics, Metrics::answer),
    };
    let server = bound.start(services);
    health.listening();
    tell_pages(server.addresses());
    let stop = CancellationToken::new();
    let following = tokio::spawn(follower.follow(files, stop.clone()));
    let ended = run(server, following, &mut signals, &health, &stop).await;
    dispatcher.stop().await;
    ended.map(|()| Status::Done)
}

/// Read the configuration for the first time, unless somebody asks for the end while a disk does not answer.
async fn load(source: Source, signals: &mut StopSignals) -> Result<(Files, Loaded), Error> {
    let loading = tokio::task::spawn_blocking(move || Files::load(source));
    tokio::select! {
        loaded = loading => match loaded {
            Ok(loaded) => Ok(loaded?),
            Err(_) => Err(Error::PartEnded { part: "what reads the configuration" }),
        },
        () = signals.next() => Err(Error::Interrupted),
    }
}

/// The configuration, and how a server reads it: whoever names an image also chooses which host is asked, so hosts of
/// this machine and its surroundings are asked only if the configuration names them (decision 30).
fn source(settings: &Settings, metrics: &Arc<Metrics>) -> Source {
    let metrics = Arc::clone(metrics);
    let observer = Observer::new(move |exchange: &Exchange<'_>| {
        let outcome = match exchange.outcome {
            Outcome::Status(status) => Ok(status),
            Outcome::Failed(why) => Err(why),
        };
        metrics.registry_request(exchange.host, exchange.kind, outcome);
    });
    Source {
        path: settings.config.clone(),
        environment: Environment::of_process(),
        options: LoadOptions {
            allow_loopback_http: false,
            guarded: true,
            observer: Some(observer),
            ..LoadOptions::default()
        },
    }
}

fn dispatcher(options: DispatcherOptions, metrics: &Arc<Metrics>) -> Arc<Dispatcher> {
    let of_judged = Arc::clone(metrics);
    let judged = Arc::new(move |finding: &_, time| of_judged.judged(finding, time));
    let dispatcher = Arc::new(Dispatcher::new(options, Some(judged)));
    metrics.follow(&dispatcher);
    dispatcher
}

/// Listen. v1.4 runs without metrics if their port is taken (V 7), and in file mode it has no health: neither is a reason
/// not to decide whether images may run.
async fn bind(mut options: ServerOptions, health_is_default: bool) -> Result<Bound, Error> {
    loop {
        let error = match Server::bind(options.clone()).await {
            Ok(bound) => return Ok(bound),
            Err(StartError::Bind(error)) => error,
            Err(error) => return Err(error.into()),
        };
        let address = Some(error.address());
        let dispensable = if health_is_default && options.health.as_ref() == address {
            options.health = None;
            "health"
        } else if options.metrics.as_ref() == address {
            options.metrics = None;
            "metrics"
        } else {
            return Err(StartError::Bind(error).into());
        };
        let error = Error::from(StartError::Bind(error)).sentence();
        tracing::error!("serving without {dispensable}: {error}");
    }
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clients {
    /// Whoever has a certificate.
    Known,
    /// Everybody, over TLS.
    Everybody,
    /// Everybody, and whoever is on the way can change the answer.
    Unprotected,
}

impl Clients {
    fn of(options: &ServerOptions) -> Self {
        match &options.tls {
            None => Self::Unprotected,
            Some(TlsPaths {
                client_ca: None, ..
            }) => Self::Everybody,
            Some(_) => Self::Known,
        }
    }

    /// Say what is open to others than this machine (V D-15).
    fn warn(self, bound: &Bound) {
        if bound.addresses().admission.ip().is_loopback() {
            return;
        }
        match self {
            Self::Known => {}
            Self::Everybody => tracing::warn!(
                "without `--ca-cert-file` the server answers every client that reaches it"
            ),
            Self::Unprotected => tracing::warn!(
                "without `--cert-dir` the server speaks plain HTTP: whoever is between it and Gatekeeper can turn a denial into an admission"
            ),
        }
    }
}

/// Let health and metrics know how TLS and connections are doing.
fn tell(bound: &Bound, metrics: &Metrics, health: &Health) {
    metrics.follow_connections(&bound.connections());
    if let Some(tls) = bound.tls() {
        metrics.follow_tls(tls.clone());
        health.follow_tls(tls);
    }
}

/// What answers Gatekeeper.
pub(crate) fn admission(
    configuration: watch::Receiver<Arc<Configuration>>,
    dispatcher: &Arc<Dispatcher>,
    metrics: &Arc<Metrics>,
) -> impl Service {
    let (dispatcher, metrics) = (Arc::clone(dispatcher), Arc::clone(metrics));
    let limits = RequestLimits::default();
    let face = Arc::new(Face::new(configuration, dispatcher, metrics, limits));
    move |request: Request<Incoming>, arrival: Arrival| {
        let face = Arc::clone(&face);
        async move { face.answer(request, arrival).await }
    }
}

/// What answers whoever asks for a page that is there at once.
pub(crate) fn page<T: Send + Sync + 'static>(
    of: &Arc<T>,
    answer: fn(&T, &Method, &str) -> Response<Full<Bytes>>,
) -> impl Service {
    let of = Arc::clone(of);
    move |request: Request<Incoming>, _: Arrival| {
        std::future::ready(answer(&of, request.method(), request.uri().path()))
    }
}

fn tell_pages(addresses: Addresses) {
    if let Some(health) = addresses.health {
        tracing::info!("serving health at {health}");
    }
    if let Some(metrics) = addresses.metrics {
        tracing::info!("serving metrics at {metrics}");
    }
}

/// Run until a signal, or until a part ends that should not; then stop. A second signal ends it at once.
async fn run(
    mut server: Server,
    mut following: JoinHandle<()>,
    signals: &mut StopSignals,
    health: &Health,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let ended = tokio::select! {
        () = signals.next() => Ok(()),
        _ = server.failed() => Err(Error::PartEnded { part: "a listener" }),
        _ = &mut following => Err(Error::PartEnded { part: "what follows the configuration" }),
    };
    health.stopping();
    stop.cancel();
    tokio::select! {
        _ = server.stop(GRACE) => {}
        () = signals.next() => return Err(Error::Interrupted),
    }
    if ended.is_ok() {
        // it was told to stop, and does not wait for a file that is being read
        let _ = following.await;
    }
    ended
}
