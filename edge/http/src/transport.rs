//! Connections: one pool for each way of reaching hosts (whom to trust, which proxy), built when first needed.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::error::Cause;
use crate::hosts::lock;
use crate::lookup::harmless;
use crate::{Certificates, Error, Lookup, Origin, Targets, install_crypto_provider};

/// How long an unused connection is kept. Registries and load balancers close theirs after 60 s or more.
const IDLE: Duration = Duration::from_secs(55);
/// Unused connections kept for one host (Ratify v1.4: 100).
const IDLE_PER_HOST: usize = 100;

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

/// One way of reaching hosts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Route {
    /// TLS, or none: without it no certificate authorities are loaded.
    secure: bool,
    /// Passing by the proxies.
    direct: bool,
    /// Connecting to harmless addresses alone. Never together with a proxy, which has addresses of its own.
    guarded: bool,
    /// `host:port`, where that host has its own certificate authorities.
    own_authorities: Option<String>,
}

/// The pools.
#[derive(Debug)]
pub(crate) struct Transports {
    user_agent: String,
    connect_timeout: Duration,
    /// The proxies, if any are to be used.
    proxies: Option<Matcher>,
    targets: Targets,
    lookup: Lookup,
    authorities: Option<Certificates>,
    authorities_of: HashMap<String, Certificates>,
    built: Mutex<HashMap<Route, reqwest::Client>>,
}

impl Transports {
    pub(crate) fn new(options: &crate::Options) -> Self {
        install_crypto_provider();
        Self {
            user_agent: options.user_agent.clone(),
            connect_timeout: options.connect_timeout,
            proxies: (options.proxies == Proxies::Environment).then(Matcher::from_system),
            targets: options.targets.clone(),
            lookup: options.lookup.clone(),
            authorities: options.authorities.clone(),
            authorities_of: options.authorities_of.clone(),
            built: Mutex::default(),
        }
    }

    /// Refuse what can be told without looking up a name.
    pub(crate) fn check(&self, origin: &Origin) -> Result<(), Error> {
        self.targets.check(origin)
    }

    /// Whether no proxy stands between.
    fn is_direct(&self, origin: &Origin) -> bool {
        let Some(proxies) = self.proxies.as_ref().filter(|_| !origin.is_loopback()) else {
            return true;
        };
        // An origin that is no URI reaches nothing either way; then the guard stays on.
        let uri = origin.to_string().parse::<http::Uri>();
        uri.map_or(true, |uri| proxies.intercept(&uri).is_none())
    }

    /// The pool for `origin`. There are at most two for each configured host and six more.
    pub(crate) fn to(&self, origin: &Origin) -> Result<reqwest::Client, Error> {
        let authority = origin.authority();
        let own = origin.is_secure() && self.authorities_of.contains_key(&authority);
        let direct = self.is_direct(origin);
        let route = Route {
            secure: origin.is_secure(),
            direct,
            guarded: direct && self.targets.guards(origin),
            own_authorities: own.then(|| authority.clone()),
        };
        let mut built = lock(&self.built);
        if let Some(client) = built.get(&route) {
            return Ok(client.clone());
        }
        let client = self.build(&route, &authority)?;
        built.insert(route, client.clone());
        Ok(client)
    }

    fn build(&self, route: &Route, authority: &str) -> Result<reqwest::Client, Error> {
        let setup = |error: &reqwest::Error| Error::Setup {
            source: Cause::of(error),
        };
        if !route.secure {
            // A proxy may itself be reached over TLS; without authorities to load, only that fails, and later.
            let with_authorities = if route.direct {
                None
            } else {
                self.builder(route)?.build().ok()
            };
            return with_authorities.map_or_else(
                || {
                    let none = self.builder(route)?.tls_certs_only([]);
                    none.build().map_err(|error| setup(&error))
                },
                Ok,
            );
        }
        self.builder(route)?
            .build()
            .map_err(|error| Error::NoAuthorities {
                host: authority.to_owned(),
                source: Cause::of(&error),
            })
    }

    fn builder(&self, route: &Route) -> Result<reqwest::ClientBuilder, Error> {
        let own = route
            .own_authorities
            .as_ref()
            .and_then(|host| self.authorities_of.get(host));
        let extra = [self.authorities.as_ref(), own]
            .into_iter()
            .flatten()
            .flat_map(Certificates::der)
            .map(reqwest::Certificate::from_der)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Error::Setup {
                source: Cause::of(&error),
            })?;
        let builder = reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .tls_certs_merge(extra)
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false);
        if !route.direct {
            return Ok(builder);
        }
        let (lookup, guarded) = (self.lookup.clone(), route.guarded);
        Ok(builder
            .no_proxy()
            .dns_resolver(Resolver { lookup, guarded }))
    }
}

/// Looks names up for a pool, at the moment of connecting: what is judged here is what is connected to.
#[derive(Debug)]
struct Resolver {
    lookup: Lookup,
    guarded: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, guarded) = (self.lookup.clone(), self.guarded);
        Box::pin(async move {
            let mut found = lookup.addresses(name.as_str()).await?;
            if guarded {
                found = harmless(found)?;
            }
            let addresses = found.into_iter().map(|ip| SocketAddr::new(ip, 0));
            let addresses: Addrs = Box::new(addresses);
            Ok(addresses)
        })
    }
}
