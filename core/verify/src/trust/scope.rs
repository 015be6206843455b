//! Registry scopes: which repositories a statement of a trust policy is about (N section 6.3). Compared whole, never by
//! prefix (attack catalogue T-60).

use std::fmt;
use std::net::Ipv4Addr;

use ratify_oci::Repository;

/// The longest scope: registry (255 as in DNS, and a port), slash, repository (255).
const MAX_SCOPE: usize = 520;

/// Hosts that are the registry `docker.io` under another name (N P-06).
const DOCKER_HUB_ALIASES: [&str; 3] = [
    "index.docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
];

/// Why a text is not a registry scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// A `*` that does not stand alone (N R-04).
    #[error("`{0}` has a `*` in it; only `*` alone is a wildcard")]
    Wildcard(String),
    /// Not `registry/repository` (N R-05).
    #[error(
        "`{0}` is not a full repository such as `registry.example.com/team/app`, without scheme, tag or digest"
    )]
    Form(String),
}

/// One scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Scope {
    /// `*`: every repository that no other statement names.
    Global,
    /// One repository.
    Repository(CanonicalRepository),
}

/// A repository whose registry is written in one way only, so that another spelling of the same registry cannot slip past
/// a statement (N P-06): lower case, without the default ports 80 and 443, Docker Hub as `docker.io`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct CanonicalRepository(String);

impl fmt::Display for CanonicalRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Scope {
    /// Read one element of `registryScopes`.
    pub(super) fn parse(text: &str) -> Result<Self, ScopeError> {
        let shown = || text.chars().take(100).collect::<String>();
        if text == "*" {
            return Ok(Self::Global);
        }
        if text.contains('*') {
            return Err(ScopeError::Wildcard(shown()));
        }
        let parts = text
            .split_once('/')
            .filter(|(_, name)| text.len() <= MAX_SCOPE && is_repository(name));
        parts
            .and_then(|(registry, name)| canonical(registry, name))
            .map(Self::Repository)
            .ok_or_else(|| ScopeError::Form(shown()))
    }
}

impl CanonicalRepository {
    /// The canonical form of a repository that is judged; `None` if no scope could name it (an IPv6 literal, or an IPv4
    /// address in another spelling than four decimal numbers): such a repository has no trust policy, not even `*`
    /// (N R-05).
    pub(super) fn of(repository: &Repository) -> Option<Self> {
        canonical(repository.registry(), repository.name())
    }

    /// Whether no normalised reference names it: `docker.io/nginx` is always `docker.io/library/nginx` (N R-07).
    pub(super) fn is_unreachable(&self) -> bool {
        let path = self.0.strip_prefix("docker.io/");
        path.is_some_and(|path| !path.contains('/'))
    }
}

fn canonical(registry: &str, name: &str) -> Option<CanonicalRepository> {
    let (host, port) = match registry.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (registry, None),
    };
    let host = host.to_ascii_lowercase();
    if !is_host(&host) {
        return None;
    }
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse::<u16>().ok().filter(|port| *port != 0)?)
        }
        Some(_) => return None,
    };
    let host = if DOCKER_HUB_ALIASES.contains(&host.as_str()) {
        "docker.io"
    } else {
        &host
    };
    Some(CanonicalRepository(match port {
        // which of the two is the default depends on how the registry is reached, which is not known here; to take both
        // for it can only join statements, and two that become one are an error of the document
        None | Some(80 | 443) => format!("{host}/{name}"),
        Some(port) => format!("{host}:{port}/{name}"),
    }))
}

/// Labels of letters, digits and inner hyphens; what ends in a number must be an IPv4 address of four decimal numbers,
/// because resolvers read `10.1` and `0x0a000001` as addresses, too.
fn is_host(host: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(inner)
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x");
    let number = last.bytes().all(|b| b.is_ascii_digit())
        || hex.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    host.split('.').all(label) && (!number || host.parse::<Ipv4Addr>().is_ok())
}

/// Components of lower-case letters and digits, joined by `.`, `_`, `__` or any run of `-`, with slashes between.
fn is_repository(name: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separator =
        |run: &str| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|byte| byte == b'-');
    name.split('/').all(|component| {
        component.starts_with(alphanumeric)
            && component.ends_with(alphanumeric)
            && component.split(alphanumeric).all(separator)
    })
}
