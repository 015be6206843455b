//! Which hosts may be asked at all: never this machine, its links or the metadata service of its cloud, unless somebody
//! who may configure this program has named that host.
//!
//! Whoever names an image names hosts, and so does a registry that redirects or sends for a token. From inside a cluster
//! those reach services that trust whoever can speak to them. Private networks stay open: registries live there.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Host;

use crate::{Error, Origin};

/// Which hosts may be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Targets {
    /// All. For a program whose user may reach them anyway.
    #[default]
    Any,
    /// None that leads to a loopback, link-local, metadata, multicast, broadcast or unspecified address, in whatever
    /// spelling or IPv6 form. A name is judged by the addresses that are connected to, so that a name server which
    /// changes its mind gains nothing. Where a proxy is used, the proxy looks names up, and only addresses that stand in
    /// URLs and well-known names are judged here: what else it reaches is for the proxy to say.
    Guarded {
        /// Hosts that are asked wherever they lead: `host:port`, as of [`Origin::authority`].
        allowed: HashSet<String>,
    },
}

impl Targets {
    /// Whether `origin` may be asked only where its addresses are harmless.
    pub(crate) fn guards(&self, origin: &Origin) -> bool {
        match self {
            Self::Any => false,
            Self::Guarded { allowed } => !allowed.contains(&origin.authority()),
        }
    }

    /// Refuse what can be told from the URL alone.
    pub(crate) fn check(&self, origin: &Origin) -> Result<(), Error> {
        if !self.guards(origin) {
            return Ok(());
        }
        let danger = match origin.host() {
            Host::Domain(name) => Danger::of_name(name),
            Host::Ipv4(address) => Danger::of_address(IpAddr::V4(*address)),
            Host::Ipv6(address) => Danger::of_address(IpAddr::V6(*address)),
        };
        danger.map_or(Ok(()), |danger| {
            Err(Error::TargetRefused {
                host: origin.authority(),
                reason: danger.name(),
            })
        })
    }
}

/// Why an address is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("leads to {}", self.name())]
pub(crate) enum Danger {
    Loopback,
    Unspecified,
    LinkLocal,
    Metadata,
    Multicast,
    Broadcast,
}

/// Metadata services outside of the link-local networks: Alibaba Cloud, Azure (wire server), Oracle Cloud.
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];
/// The same in IPv6: Google Cloud.
const METADATA_V6: [Ipv6Addr; 1] = [Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

/// Names that mean this machine (RFC 6761 section 6.3, and what systems put into `/etc/hosts`).
const LOOPBACK_NAMES: [&str; 4] = [
    "localhost",
    "localhost.localdomain",
    "ip6-localhost",
    "ip6-loopback",
];
/// Names that clouds give their metadata service.
const METADATA_NAMES: [&str; 5] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
];

impl Danger {
    /// In words, to stand after "leads to".
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Loopback => "a loopback address",
            Self::Unspecified => "an unspecified address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "the metadata service of a cloud",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "a broadcast address",
        }
    }

    pub(crate) fn of_address(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Option<Self> {
        let [first, ..] = address.octets();
        if address.is_loopback() {
            Some(Self::Loopback)
        } else if first == 0 {
            Some(Self::Unspecified) // "this network" (RFC 1122): Linux takes 0.0.0.0 for itself
        } else if METADATA_V4.contains(&address) {
            Some(Self::Metadata)
        } else if address.is_link_local() {
            Some(Self::LinkLocal)
        } else if address.is_multicast() {
            Some(Self::Multicast)
        } else if address.is_broadcast() {
            Some(Self::Broadcast)
        } else {
            None
        }
    }

    fn of_v6(address: Ipv6Addr) -> Option<Self> {
        if address.is_loopback() {
            Some(Self::Loopback)
        } else if address.is_unspecified() {
            Some(Self::Unspecified)
        } else if address.is_multicast() {
            Some(Self::Multicast)
        } else if address.is_unicast_link_local() {
            Some(Self::LinkLocal)
        } else if is_metadata(address) {
            Some(Self::Metadata)
        } else {
            embedded(address).and_then(Self::of_v4)
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if LOOPBACK_NAMES.contains(&name.as_str()) || name.ends_with(".localhost") {
            Some(Self::Loopback)
        } else if METADATA_NAMES.contains(&name.as_str()) {
            Some(Self::Metadata)
        } else {
            None
        }
    }
}

/// AWS keeps all its local services (metadata, pod identity, name and time service) in `fd00:ec2::/32`.
fn is_metadata(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [0xfd00, 0x0ec2, ..]) || METADATA_V6.contains(&address)
}

/// The IPv4 address that an IPv6 address stands for: IPv4-mapped and -compatible (RFC 4291 section 2.5.5), NAT64
/// (RFC 6052 and RFC 8215, both with a prefix of 96 bits) and 6to4 (RFC 3056).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let in_two = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low] // IPv4-translated (RFC 2765)
        | [0x0064, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x0064, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => Some(in_two(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
