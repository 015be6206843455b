//! How the client is set up, checked before anything is asked.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ratify_http::{Certificates, Origin};
use ratify_oci::Reference;
use url::Url;

use crate::{Anonymous, Logins};

/// What is known of one registry.
#[derive(Debug, Clone, Default)]
pub struct RegistryOptions {
    /// `host` or `host:port`, as references write it.
    pub host: String,
    /// Certificate authorities trusted for this registry, beside those of the system.
    pub authorities: Option<Certificates>,
    /// Ask without TLS.
    pub plain_http: bool,
    /// `host[:port][/prefix]` to ask in place of this registry; its own entry says how. Its login is its own.
    pub mirror: Option<String>,
    /// `host` or `host:port` of token services, always with TLS, that may see the login of this registry.
    pub token_hosts: Vec<String>,
}

/// The largest answers that are read, and the longest lists. (Table of limits in the configuration reference.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a manifest, and of one page of referrers (distribution and oras: 4 MiB).
    pub manifest: u64,
    /// Bytes of a token answer. A token travels in a header, and headers end at 8 to 64 KiB.
    pub token: u64,
    /// Referrers of one image that are listed, after the filter.
    pub referrers: usize,
    /// Pages of one listing.
    pub pages: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest: 4 * 1024 * 1024,
            token: 64 * 1024,
            referrers: 1_000,
            pages: 100,
        }
    }
}

/// How the client behaves.
#[derive(Clone)]
pub struct Options {
    /// Registries of which something is known.
    pub registries: Vec<RegistryOptions>,
    /// Ask every registry without TLS, unless certificate authorities are given for it (Ratify v1.4 `useHttp`).
    pub plain_http_all: bool,
    /// Ask loopback addresses and `localhost` without TLS, unless certificate authorities are given for them (command
    /// line; what Ratify v1.4 does always).
    pub loopback_http: bool,
    /// Where logins come from.
    pub logins: Arc<dyn Logins>,
    /// What is read at most.
    pub limits: Limits,
    /// Ask no host that leads to a loopback, link-local, metadata, multicast or broadcast address, but for the hosts,
    /// mirrors and token hosts of `registries` (server; see [`Targets::Guarded`](ratify_http::Targets::Guarded)).
    pub guarded: bool,
    /// How long a registry that answered 401 or 403 is not asked the same again.
    pub refusal_pause: Duration,
    /// Connections, retries, proxies. Authorities of single hosts are added from `registries`.
    pub http: ratify_http::Options,
}

impl Default for Options {
    /// No registries, TLS for all, no logins, a pause of 10 s.
    fn default() -> Self {
        Self {
            registries: Vec::new(),
            plain_http_all: false,
            loopback_http: false,
            logins: Arc::new(Anonymous),
            limits: Limits::default(),
            guarded: false,
            refusal_pause: Duration::from_secs(10),
            http: ratify_http::Options::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("registries", &self.registries)
            .field("plain_http_all", &self.plain_http_all)
            .field("loopback_http", &self.loopback_http)
            .field("limits", &self.limits)
            .field("guarded", &self.guarded)
            .field("refusal_pause", &self.refusal_pause)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}

/// What is wrong with the options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// Not `host` or `host:port`.
    #[error("registry host `{0}` is not a host name or address with an optional port")]
    Host(String),
    /// The same registry twice.
    #[error("registry `{0}` stands twice, expected one entry for each host")]
    Twice(String),
    /// With and without TLS at once.
    #[error("registry `{0}` has certificate authorities and plain http, expected one of them")]
    PlainHttpWithAuthorities(String),
    /// Not `host[:port][/prefix]`.
    #[error(
        "mirror `{mirror}` of registry `{host}` is not `host`, `host:port` or either with a path"
    )]
    Mirror {
        /// The registry.
        host: String,
        /// What was written.
        mirror: String,
    },
    /// Not `host` or `host:port`.
    #[error(
        "token host `{token_host}` of registry `{host}` is not a host name or address with an optional port"
    )]
    TokenHost {
        /// The registry.
        host: String,
        /// What was written.
        token_host: String,
    },
}

/// A mirror, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirror {
    /// `host` or `host:port`, lower case.
    pub(crate) host: String,
    /// What comes before the repository's name: empty, or a path that ends in `/`.
    pub(crate) prefix: String,
}

/// One registry, parsed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) plain_http: bool,
    pub(crate) has_authorities: bool,
    pub(crate) mirror: Option<Mirror>,
    pub(crate) token_origins: Vec<Origin>,
}

/// All registries, parsed: by host in lower case.
pub(crate) fn parse(
    registries: &[RegistryOptions],
) -> Result<HashMap<String, Known>, OptionsError> {
    let mut known = HashMap::new();
    let mut seen = HashSet::new();
    for registry in registries {
        let origin = https_origin(&registry.host)
            .ok_or_else(|| OptionsError::Host(registry.host.clone()))?;
        if !seen.insert(origin) {
            return Err(OptionsError::Twice(registry.host.clone()));
        }
        known.insert(registry.host.to_ascii_lowercase(), parse_one(registry)?);
    }
    Ok(known)
}

fn parse_one(registry: &RegistryOptions) -> Result<Known, OptionsError> {
    let host = || registry.host.clone();
    if registry.plain_http && registry.authorities.is_some() {
        return Err(OptionsError::PlainHttpWithAuthorities(host()));
    }
    let mirror = match &registry.mirror {
        None => None,
        Some(text) => Some(mirror(text).ok_or_else(|| OptionsError::Mirror {
            host: host(),
            mirror: text.clone(),
        })?),
    };
    let token_origins = registry.token_hosts.iter().map(|text| {
        https_origin(text).ok_or_else(|| OptionsError::TokenHost {
            host: host(),
            token_host: text.clone(),
        })
    });
    Ok(Known {
        plain_http: registry.plain_http,
        has_authorities: registry.authorities.is_some(),
        mirror,
        token_origins: token_origins.collect::<Result<_, _>>()?,
    })
}

/// `host` or `host:port` as an origin with TLS.
pub(crate) fn https_origin(host: &str) -> Option<Origin> {
    let url = base_url("https", host)?;
    Origin::of(&url).ok()
}

/// `scheme://host/`, if `host` is nothing but a host with an optional port.
pub(crate) fn base_url(scheme: &str, host: &str) -> Option<Url> {
    let grammar = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
    let url = Url::parse(&format!("{scheme}://{host}/")).ok()?;
    (!host.is_empty() && host.chars().all(grammar)).then_some(url)
}

fn mirror(text: &str) -> Option<Mirror> {
    let (host, path) = text.split_once('/').unwrap_or((text, ""));
    https_origin(host)?;
    let path = path.trim_end_matches('/');
    let prefix = if path.is_empty() {
        String::new()
    } else {
        // Whatever can stand before a repository's name is itself a repository's name.
        format!("registry.invalid/{path}")
            .parse::<Reference>()
            .ok()?;
        if path.contains([':', '@']) {
            return None;
        }
        format!("{path}/")
    };
    Some(Mirror {
        host: host.to_ascii_lowercase(),
        prefix,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(host: &str) -> RegistryOptions {
        RegistryOptions {
            host: host.to_owned(),
            ..RegistryOptions::default()
        }
    }

    #[test]
    fn hosts_are_hosts() {
        for good in [
            "reg.io",
            "reg.io:5000",
            "Reg.IO",
            "127.0.0.1:1",
            "[::1]:5000",
            "localhost",
        ] {
            assert!(parse(&[registry(good)]).is_ok(), "{good}");
        }
        for bad in [
            "",
            "https://reg.io",
            "reg.io/",
            "reg.io/a",
            "u@reg.io",
            "reg.io:99999",
            "reg io",
            "reg.io?x",
            "reg.io#",
            "[::1",
        ] {
            let refused = parse(&[registry(bad)]);
            assert_eq!(refused.err(), Some(OptionsError::Host(bad.to_owned())));
        }
    }

    #[test]
    fn one_entry_for_each_host() {
        let twice = parse(&[registry("reg.io"), registry("REG.io:443")]);
        assert_eq!(
            twice.err(),
            Some(OptionsError::Twice("REG.io:443".to_owned()))
        );
    }

    #[test]
    fn mirrors_may_have_a_prefix() {
        let known = |text: &str| mirror(text).map(|mirror| (mirror.host, mirror.prefix));
        let pair = |host: &str, prefix: &str| Some((host.to_owned(), prefix.to_owned()));
        assert_eq!(known("Mirror.io"), pair("mirror.io", ""));
        assert_eq!(known("mirror.io:5000/"), pair("mirror.io:5000", ""));
        assert_eq!(known("mirror.io/hub/x/"), pair("mirror.io", "hub/x/"));
        for bad in [
            "",
            "/",
            "https://mirror.io",
            "mirror.io/..",
            "mirror.io/a:b",
            "mirror.io/A",
            "u@mirror.io/a",
        ] {
            assert_eq!(known(bad), None, "`{bad}`");
        }
    }
}
