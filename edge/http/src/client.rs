//! The client: sends, repeats, follows, counts and gives up in time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use http::StatusCode;
use url::Url;

use crate::dial::Network;
use crate::hosts::{Gate, HostState, Hosts};
use crate::redirect::{self, MOST_REDIRECTS};
use crate::request::Method;
use crate::retry::{Failures, retry_after};
use crate::send::{Sending, repeatable};
use crate::{
    Authorization, Certificates, Concurrency, Error, ForwardedHeaders, Lookup, Observer, Origin,
    Phase, Proxies, Request, Response, Retries, Targets,
};

/// How the client behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the client calls itself.
    pub user_agent: String,
    /// The longest wait for a connection, TLS included. The deadline of a request ends it earlier.
    pub connect_timeout: Duration,
    /// Repetitions after failures that may pass.
    pub retries: Retries,
    /// Requests under way at once.
    pub concurrency: Concurrency,
    /// Where proxies are taken from.
    pub proxies: Proxies,
    /// Certificate authorities trusted for every host, beside those of the system.
    pub authorities: Option<Certificates>,
    /// Certificate authorities trusted for one host alone, beside the others. Keys as of [`Origin::authority`].
    pub authorities_of: HashMap<String, Certificates>,
    /// Which hosts may be asked.
    pub targets: Targets,
    /// How names become addresses, where no proxy is used.
    pub lookup: Lookup,
    /// Who is told of each request that goes out.
    pub observer: Option<Observer>,
}

impl Default for Options {
    /// `ratify/<version> (<os>/<arch>)`, 5 s to connect, the defaults of the rest, no extra authorities.
    fn default() -> Self {
        let (version, os) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS);
        let architecture = std::env::consts::ARCH;
        Self {
            user_agent: format!("ratify/{version} ({os}/{architecture})"),
            connect_timeout: Duration::from_secs(5),
            retries: Retries::default(),
            concurrency: Concurrency::default(),
            proxies: Proxies::default(),
            authorities: None,
            authorities_of: HashMap::new(),
            targets: Targets::default(),
            lookup: Lookup::default(),
            observer: None,
        }
    }
}

/// The client. Clones share connections, limits and pauses; a process needs one.
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    network: Arc<Network>,
    hosts: Hosts,
    total: Gate,
    retries: Retries,
    observer: Option<Observer>,
    sent: AtomicU64,
}

/// Where the next request goes, and with what.
pub(crate) struct Hop {
    pub(crate) url: Url,
    pub(crate) origin: Origin,
    pub(crate) authorization: Option<Authorization>,
    pub(crate) forwarded: Option<ForwardedHeaders>,
}

impl Client {
    /// A client with `options`. Loads nothing: certificate authorities are read when a TLS connection is first needed,
    /// so that images without any can still ask plain registries.
    pub fn new(options: &Options) -> Self {
        Self::on(Network::new(options), options)
    }

    /// A client of `network`.
    pub(crate) fn on(network: Network, options: &Options) -> Self {
        let network = Arc::new(network);
        Self(Arc::new(Inner {
            hosts: Hosts::new(options.concurrency.per_host, Arc::clone(&network)),
            network,
            total: Gate::new(options.concurrency.total),
            retries: options.retries,
            observer: options.observer.clone(),
            sent: AtomicU64::new(0),
        }))
    }

    /// Read the certificate authorities of the system and gather randomness now, in the background, so that the first TLS
    /// connection need not wait for that. Does nothing outside of a runtime.
    pub fn prepare(&self) {
        let network = Arc::clone(&self.0.network);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || network.prepare());
        }
    }

    /// How many requests went out, repetitions and redirects included.
    pub fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// Ask, and follow at most five redirects. The credential goes to the first origin alone: the first redirect to
    /// another scheme, host or port loses it, for good, and so it does what [`with_headers`](crate::with_headers) adds.
    pub async fn send(&self, request: Request<'_>) -> Result<Response, Error> {
        let origin = Origin::of(&request.url)?;
        let first_host = origin.authority();
        let mut hop = Hop {
            url: request.url.clone(),
            origin,
            authorization: request.authorization.clone(),
            forwarded: ForwardedHeaders::current(),
        };
        for _ in 0..=MOST_REDIRECTS {
            let response = self.0.ask(&hop, &request).await?;
            let Some((url, origin)) = redirect::target(&response)? else {
                return Ok(response);
            };
            if request.method == Method::Post {
                return Err(Error::RedirectRefused {
                    host: hop.origin.authority(),
                    reason: "another place a form that may hold a secret, which is not followed",
                });
            }
            let same = origin == hop.origin;
            hop = Hop {
                url,
                origin,
                authorization: hop.authorization.filter(|_| same),
                forwarded: hop.forwarded.filter(|_| same),
            };
        }
        Err(Error::TooManyRedirects {
            host: first_host,
            limit: MOST_REDIRECTS,
        })
    }
}

/// What one request led to.
enum Attempt {
    /// Something the caller gets as it is.
    Final(Result<Response, Error>),
    /// A failure that may pass.
    Passing {
        /// What the caller gets if it does not.
        otherwise: Result<Response, Error>,
        /// What the host asked for.
        retry_after: Option<Duration>,
    },
}

impl Inner {
    /// Ask one origin, again and again while that makes sense and there is time.
    async fn ask(&self, hop: &Hop, request: &Request<'_>) -> Result<Response, Error> {
        self.network.targets.check(&hop.origin)?;
        let host = self.hosts.state(&hop.origin);
        let mut failures = Failures::default();
        loop {
            let outcome = self.attempt(&host, hop, request).await;
            let (otherwise, asked) = match outcome {
                Attempt::Final(result) => return result,
                Attempt::Passing {
                    otherwise,
                    retry_after,
                } => (otherwise, retry_after),
            };
            failures.add(host.answers());
            let wait = asked.unwrap_or_else(|| self.retries.wait(failures.in_a_row()));
            if matches!(otherwise, Err(Error::RateLimited { .. })) {
                host.rate_limited(wait);
            }
            let may_repeat = request.method == Method::Get && self.retries.allow(failures);
            if !may_repeat || !request.deadline.allows(wait) {
                return otherwise;
            }
            tracing::debug!(host = host.authority(), ?failures, ?wait, "asking again");
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(&self, host: &HostState, hop: &Hop, request: &Request<'_>) -> Attempt {
        let place = async {
            let of_host = host.enter(request.deadline).await?;
            let of_process = request.deadline.bound(self.total.enter()).await;
            let of_process = of_process.map_err(|_| host.timeout(Phase::Turn))?;
            Ok((of_host, of_process))
        };
        let _places = match place.await {
            Ok(places) => places,
            Err(error) => return Attempt::Final(Err(error)),
        };
        let sending = Sending {
            host,
            hop,
            request,
            observer: self.observer.as_ref(),
            sent: &self.sent,
        };
        let result = sending.exchange().await;
        match result {
            Ok(response) => sort(host, response),
            Err(error @ (Error::Connect { .. } | Error::Broken { .. })) => Attempt::Passing {
                otherwise: Err(error),
                retry_after: None,
            },
            Err(error) => Attempt::Final(Err(error)),
        }
    }
}

fn sort(host: &HostState, response: Response) -> Attempt {
    let asked = retry_after(&response.headers, SystemTime::now());
    if response.status == StatusCode::TOO_MANY_REQUESTS {
        return Attempt::Passing {
            otherwise: Err(Error::RateLimited {
                host: host.authority().to_owned(),
                retry_after: asked,
            }),
            retry_after: asked,
        };
    }
    if repeatable(response.status) {
        return Attempt::Passing {
            otherwise: Ok(response),
            retry_after: asked,
        };
    }
    host.answered();
    Attempt::Final(Ok(response))
}
