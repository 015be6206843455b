//! Opening a connection: find the addresses, connect, pass a proxy, agree on TLS and on which HTTP to speak.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use url::Host;

use crate::connection::{Connection, Io, Protocol};
use crate::error::{Cause, chain};
use crate::lookup::harmless;
use crate::proxy::{Proxy, ProxyTable, tunnel};
use crate::targets::Danger;
use crate::tls::Trust;
use crate::{Error, Lookup, Options, Origin, Targets};

/// How long one address may take before the next one is tried beside it (RFC 8305 section 5: 250 ms).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);
/// How long addresses are used for more connections to the same host. Connections that are opened together share one
/// question; a name that moves is followed at once.
const ADDRESSES_KEPT: Duration = Duration::from_secs(1);
/// When the system asks whether a silent peer is still there, and how often.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// What all connections of a client have in common.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) user_agent: Option<HeaderValue>,
    connect_timeout: Duration,
    pub(crate) proxies: ProxyTable,
    pub(crate) targets: Targets,
    lookup: Lookup,
    trust: Trust,
}

/// How one host is reached.
#[derive(Debug)]
pub(crate) struct Dialer {
    network: Arc<Network>,
    origin: Origin,
    proxy: Option<Proxy>,
    addresses: Mutex<Option<LookedUp>>,
}

/// The addresses that were found last, or why there are none.
#[derive(Debug)]
struct LookedUp {
    when: Instant,
    found: Result<Vec<IpAddr>, Error>,
}

impl Network {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            user_agent: HeaderValue::from_str(&options.user_agent).ok(),
            connect_timeout: options.connect_timeout,
            proxies: ProxyTable::new(options.proxies),
            targets: options.targets.clone(),
            lookup: options.lookup.clone(),
            trust: Trust::new(options.authorities.clone(), options.authorities_of.clone()),
        }
    }

    /// Do what the first TLS connection would have to do. Blocks for milliseconds.
    pub(crate) fn prepare(&self) {
        self.trust.prepare();
    }
}

impl Dialer {
    pub(crate) fn new(network: Arc<Network>, origin: Origin) -> Self {
        let proxy = network.proxies.of(&origin);
        Self {
            network,
            origin,
            proxy,
            addresses: Mutex::default(),
        }
    }

    /// The proxy that is sent whole URLs, as it is for hosts without TLS.
    pub(crate) fn forwarding_proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|_| !self.origin.is_secure())
    }

    /// Open a connection within the connect time-out.
    pub(crate) async fn dial(&self) -> Result<Connection, Error> {
        let within = tokio::time::timeout(self.network.connect_timeout, self.open());
        within.await.unwrap_or_else(|_| {
            let text = "no connection within the connect time-out";
            let timeout = io::Error::new(io::ErrorKind::TimedOut, text);
            Err(self.connect_error(&timeout))
        })
    }

    async fn open(&self) -> Result<Connection, Error> {
        let (io, protocol) = if self.origin.is_secure() {
            let authority = self.origin.authority();
            // reading certificate authorities, once, takes as long as connecting
            let config = self.network.trust.config(&authority, true);
            let (io, config) = tokio::try_join!(self.connect(), config)?;
            self.agree_on_tls(io, config).await?
        } else {
            (self.connect().await?, Protocol::One)
        };
        let opened = Connection::open(io, protocol).await;
        opened.map_err(|error| self.connect_error(&error))
    }

    /// Bytes to the host, or to a proxy that passes them on.
    async fn connect(&self) -> Result<Io, Error> {
        let Some(proxy) = &self.proxy else {
            let addresses = self.addresses().await?;
            let port = self.origin.port();
            let stream = connect(addresses, port).await;
            let stream = stream.map_err(|error| self.connect_error(&error))?;
            return Ok(Box::new(stream));
        };
        let io = self.connect_to_proxy(proxy).await?;
        if !self.origin.is_secure() {
            return Ok(io);
        }
        let (authority, user_agent) = (self.origin.authority(), &self.network.user_agent);
        let tunnel = tunnel(io, &authority, proxy, user_agent.as_ref()).await;
        tunnel.map_err(|error| self.connect_error(&error))
    }

    /// The host's addresses, those that must not be asked left out. Whoever waits for somebody else's question shares the
    /// answer.
    async fn addresses(&self) -> Result<Vec<IpAddr>, Error> {
        let name = match self.origin.host() {
            // a literal that must not be asked was refused before
            Host::Ipv4(address) => return Ok(vec![IpAddr::V4(*address)]),
            Host::Ipv6(address) => return Ok(vec![IpAddr::V6(*address)]),
            Host::Domain(name) => name,
        };
        let came = Instant::now();
        let mut known = self.addresses.lock().await;
        if let Some(LookedUp { when, found }) = &*known {
            let kept = found.is_ok() && when.elapsed() < ADDRESSES_KEPT;
            if kept || *when > came {
                return found.clone();
            }
        }
        let found = self.look_up(name).await;
        *known = Some(LookedUp {
            when: Instant::now(),
            found: found.clone(),
        });
        found
    }

    async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, Error> {
        let found = self.network.lookup.addresses(name).await;
        let found = found.map_err(|error| self.connect_error(&error))?;
        if !self.network.targets.guards(&self.origin) {
            return Ok(found);
        }
        harmless(found).map_err(|danger: Danger| Error::TargetRefused {
            host: self.origin.authority(),
            reason: danger.name(),
        })
    }

    async fn connect_to_proxy(&self, proxy: &Proxy) -> Result<Io, Error> {
        let addresses = match proxy.host() {
            Host::Ipv4(address) => Ok(vec![IpAddr::V4(*address)]),
            Host::Ipv6(address) => Ok(vec![IpAddr::V6(*address)]),
            Host::Domain(name) => self.network.lookup.addresses(name).await,
        };
        let connected = match addresses {
            Ok(addresses) => connect(addresses, proxy.port()).await,
            Err(error) => Err(error),
        };
        let stream = connected.map_err(|error| {
            let text = format!("proxy `{}`: {error}", proxy.authority());
            self.connect_error(&io::Error::new(error.kind(), text))
        })?;
        if !proxy.is_secure() {
            return Ok(Box::new(stream));
        }
        let name = server_name(proxy.host());
        let name = name.ok_or_else(|| self.connect_error(&io::Error::other("name of proxy")))?;
        let config = self.network.trust.config(proxy.authority(), false).await?;
        let io = TlsConnector::from(config).connect(name, stream).await;
        Ok(Box::new(io.map_err(|error| self.tls_error(&error))?))
    }

    async fn agree_on_tls(
        &self,
        io: Io,
        config: Arc<ClientConfig>,
    ) -> Result<(Io, Protocol), Error> {
        let name = server_name(self.origin.host()).ok_or_else(|| Error::Url {
            host: self.origin.authority(),
            reason: "has a host that no certificate can name",
        })?;
        let stream = TlsConnector::from(config).connect(name, io).await;
        let stream = stream.map_err(|error| self.tls_error(&error))?;
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Protocol::Two,
            _ => Protocol::One,
        };
        Ok((Box::new(stream), protocol))
    }

    /// What went wrong while TLS was agreed on: with TLS, or below it.
    fn tls_error(&self, error: &io::Error) -> Error {
        if !chain(error).any(<dyn std::error::Error>::is::<rustls::Error>) {
            return self.connect_error(error);
        }
        Error::Tls {
            host: self.origin.authority(),
            source: Cause::of(error),
        }
    }

    fn connect_error(&self, error: &(dyn std::error::Error + 'static)) -> Error {
        Error::Connect {
            host: self.origin.authority(),
            source: Cause::of(error),
        }
    }
}

fn server_name(host: &Host) -> Option<ServerName<'static>> {
    Some(match host {
        Host::Domain(name) => ServerName::try_from(name.clone()).ok()?,
        Host::Ipv4(address) => ServerName::IpAddress(IpAddr::V4(*address).into()),
        Host::Ipv6(address) => ServerName::IpAddress(IpAddr::V6(*address).into()),
    })
}

/// Connect to the first of `addresses` that answers: both families in turn, each a moment after the one before
/// (RFC 8305, "Happy Eyeballs").
async fn connect(addresses: Vec<IpAddr>, port: u16) -> io::Result<TcpStream> {
    let mut left = in_turn(addresses);
    let mut attempts = JoinSet::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "no address");
    loop {
        match left.pop_front() {
            Some(ip) if left.is_empty() && attempts.is_empty() => {
                return attempt(SocketAddr::new(ip, port)).await; // the only one: no task
            }
            Some(ip) => {
                attempts.spawn(attempt(SocketAddr::new(ip, port)));
            }
            None if attempts.is_empty() => return Err(failure),
            None => {}
        }
        let ended = if left.is_empty() {
            attempts.join_next().await
        } else {
            let ended = tokio::time::timeout(NEXT_ADDRESS, attempts.join_next());
            ended.await.unwrap_or_default()
        };
        match ended {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => failure = error,
            Some(Err(error)) => failure = io::Error::other(error),
            None => {}
        }
    }
}

async fn attempt(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // Questions are small, and the next one waits for the answer.
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE);
    if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&keepalive) {
        tracing::debug!(%error, "connection without keep-alive");
    }
    Ok(stream)
}

/// The families in turn, beginning with that of the first address, which the system likes best.
fn in_turn(addresses: Vec<IpAddr>) -> VecDeque<IpAddr> {
    let first_is_v4 = addresses.first().is_some_and(IpAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv4() == first_is_v4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = VecDeque::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return ordered;
        }
        ordered.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let parse = |texts: &[&str]| -> Vec<IpAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let ordered = in_turn(parse(&["::1", "::2", "::3", "10.0.0.1", "10.0.0.2"]));
        let expected = parse(&["::1", "10.0.0.1", "::2", "10.0.0.2", "::3"]);
        assert_eq!(ordered, expected);
        assert!(in_turn(Vec::new()).is_empty());
    }

    #[tokio::test]
    async fn the_next_address_is_tried_when_one_refuses() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        // nobody listens at the first two
        let found = connect(addresses(&["127.0.0.2", "::1", "127.0.0.1"]), port).await;
        assert_eq!(found.unwrap().peer_addr().unwrap().port(), port);
        let none = connect(addresses(&["127.0.0.2", "::1"]), port).await;
        assert!(none.is_err());
        assert!(connect(Vec::new(), port).await.is_err());
    }
}
