//! Where to listen, written as Go programs write it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Where to listen: an address or host name, or nothing for all interfaces, and a port (0: any free one).
///
/// ```
/// use ratify_server::Address;
///
/// for good in [":6001", "127.0.0.1:0", "[::1]:6001", "localhost:6001"] {
///     assert!(good.parse::<Address>().is_ok(), "{good}");
/// }
/// assert!("6001".parse::<Address>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: Host,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// All interfaces, IPv6 and IPv4.
    All,
    /// One address.
    Ip(IpAddr),
    /// Whatever the resolver says.
    Name(String),
}

/// Why text is not a listen address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No colon, so no port.
    #[error("`{0}` has no port; expected `host:port` or `:port`, such as `:6001`")]
    NoPort(String),
    /// Not a port number.
    #[error("`{port}` in `{address}` is not a port; expected a number from 0 to 65535")]
    Port {
        /// All of it.
        address: String,
        /// The part after the last colon.
        port: String,
    },
    /// Several colons without brackets.
    #[error(
        "`{0}` has too many colons; an IPv6 address is written in brackets, such as `[::1]:6001`"
    )]
    TooManyColons(String),
    /// Brackets around something else than an IPv6 address.
    #[error("`{host}` in `{address}` is not an IPv6 address")]
    NotIpv6 {
        /// All of it.
        address: String,
        /// The part in brackets.
        host: String,
    },
    /// Not a host name.
    #[error("`{host}` in `{address}` is neither an IP address nor a host name")]
    Host {
        /// All of it.
        address: String,
        /// The part before the port.
        host: String,
    },
}

impl Address {
    /// All interfaces, IPv6 and IPv4.
    pub fn all_interfaces(port: u16) -> Self {
        Self {
            host: Host::All,
            port,
        }
    }

    /// Any free port of this machine alone.
    pub fn loopback() -> Self {
        Self {
            host: Host::Ip(Ipv4Addr::LOCALHOST.into()),
            port: 0,
        }
    }

    /// The socket addresses it stands for, in the order they are tried.
    pub(super) async fn candidates(&self) -> std::io::Result<Vec<SocketAddr>> {
        match &self.host {
            Host::All => Ok(vec![
                SocketAddr::from((Ipv6Addr::UNSPECIFIED, self.port)),
                SocketAddr::from(([0, 0, 0, 0], self.port)),
            ]),
            Host::Ip(ip) => Ok(vec![SocketAddr::new(*ip, self.port)]),
            Host::Name(name) => {
                let mut found: Vec<SocketAddr> =
                    tokio::net::lookup_host((name.as_str(), self.port))
                        .await?
                        .collect();
                // as Go: a name that is both listens on IPv4
                found.sort_by_key(SocketAddr::is_ipv6);
                Ok(found)
            }
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| AddressError::NoPort(text.to_owned()))?;
        if text.ends_with(']') {
            return Err(AddressError::NoPort(text.to_owned()));
        }
        let host = read_host(text, host)?;
        Ok(Self {
            host,
            port: read_port(text, port)?,
        })
    }
}

/// The port; none is any free one, as in Go. Only digits: `u16` would take a sign.
fn read_port(address: &str, port: &str) -> Result<u16, AddressError> {
    if port.is_empty() {
        return Ok(0);
    }
    if port.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(number) = port.parse()
    {
        return Ok(number);
    }
    Err(AddressError::Port {
        address: address.to_owned(),
        port: port.to_owned(),
    })
}

fn read_host(address: &str, host: &str) -> Result<Host, AddressError> {
    if host.is_empty() {
        return Ok(Host::All);
    }
    if let Some(inner) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return inner
            .parse::<Ipv6Addr>()
            .map(|ip| Host::Ip(IpAddr::V6(ip)))
            .map_err(|_| AddressError::NotIpv6 {
                address: address.to_owned(),
                host: inner.to_owned(),
            });
    }
    if host.contains(':') {
        return Err(AddressError::TooManyColons(address.to_owned()));
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(Host::Ip(ip));
    }
    if is_host_name(host) {
        return Ok(Host::Name(host.to_owned()));
    }
    Err(AddressError::Host {
        address: address.to_owned(),
        host: host.to_owned(),
    })
}

/// Labels of letters, digits, `-` and `_`, at most 253 bytes (RFC 1123 section 2.1). The last label is not a number, so
/// that a mistyped IPv4 address is not asked of a resolver.
fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    let last_is_number = name
        .rsplit('.')
        .next()
        .is_none_or(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    name.len() <= 253 && !last_is_number && name.split('.').all(label)
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::All => write!(formatter, ":{}", self.port),
            Host::Ip(ip) => write!(formatter, "{}", SocketAddr::new(*ip, self.port)),
            Host::Name(name) => write!(formatter, "{name}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> String {
        text.parse::<Address>()
            .map_or_else(|error| error.to_string(), |address| address.to_string())
    }

    #[test]
    fn go_style_addresses_are_read() {
        for (text, expected) in [
            (":6001", ":6001"),
            (":", ":0"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("127.0.0.1:", "127.0.0.1:0"),
            ("0.0.0.0:6001", "0.0.0.0:6001"),
            ("[::1]:6001", "[::1]:6001"),
            ("[::]:65535", "[::]:65535"),
            ("localhost:6001", "localhost:6001"),
            (
                "ratify.gatekeeper-system:6001",
                "ratify.gatekeeper-system:6001",
            ),
        ] {
            assert_eq!(printed(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_says_what_was_expected() {
        for (text, expected) in [
            ("", "has no port"),
            ("6001", "has no port"),
            ("localhost", "has no port"),
            ("[::1]", "has no port"),
            ("::1:6001", "written in brackets"),
            ("[::1:6001", "written in brackets"),
            (":65536", "not a port"),
            (":+1", "not a port"),
            (":http", "not a port"),
            (":6001 ", "not a port"),
            ("[127.0.0.1]:1", "not an IPv6 address"),
            ("[]:1", "not an IPv6 address"),
            ("256.0.0.1:1", "neither an IP address nor a host name"),
            ("http//x:1", "neither an IP address nor a host name"),
            (" :1", "neither an IP address nor a host name"),
            ("*:1", "neither an IP address nor a host name"),
            ("a..b:1", "neither an IP address nor a host name"),
        ] {
            let found = printed(text);
            assert!(found.contains(expected), "{text}: {found}");
        }
    }

    #[tokio::test]
    async fn all_interfaces_are_tried_as_ipv6_first() {
        let candidates = Address::all_interfaces(7).candidates().await.unwrap();
        assert_eq!(
            candidates,
            ["[::]:7".parse().unwrap(), "0.0.0.0:7".parse().unwrap()]
        );
    }
}
