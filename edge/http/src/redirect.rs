//! Where a redirect leads, and whether to follow it.

use std::fmt;

use http::header::{HeaderValue, LOCATION};
use url::{Host, Url};

use crate::{Error, Response};

/// The most redirects of one question (Go's `net/http` follows ten, browsers twenty; registries need one or two).
pub(crate) const MOST_REDIRECTS: u32 = 5;

/// Scheme, host and port: what a credential is bound to (RFC 6454).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    host: Host,
    port: u16,
}

impl Origin {
    /// The origin of `url`, which must be `http` or `https`, must have a host, and must not name a user: the transport
    /// would send that name as a credential.
    pub fn of(url: &Url) -> Result<Self, Error> {
        let refuse = |reason| Error::Url {
            host: url.host_str().unwrap_or_default().to_owned(),
            reason,
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("has another scheme"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("names a user"));
        }
        let host = url.host().ok_or_else(|| refuse("has no host"))?.to_owned();
        let port = url
            .port_or_known_default()
            .ok_or_else(|| refuse("has no port"))?;
        Ok(Self {
            scheme: url.scheme().to_owned(),
            host,
            port,
        })
    }

    /// Whether the scheme is `https`.
    pub fn is_secure(&self) -> bool {
        self.scheme == "https"
    }

    /// Whether the host is this machine: a loopback address, or `localhost`. Decided on the parsed host.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The host as messages name it (RFC 9110 section 7.2): with the port, unless that is the scheme's own.
    pub(crate) fn name(&self) -> HeaderValue {
        let own = matches!(
            (self.scheme.as_str(), self.port),
            ("https", 443) | ("http", 80)
        );
        let name = if own {
            self.host.to_string()
        } else {
            self.authority()
        };
        // The parser of URLs leaves nothing in a host that a header could not hold.
        HeaderValue::from_str(&name).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// `host:port`, the port always written.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Where `response` redirects to, or nothing if it is no redirect. `https` never leads to `http` (decided here, not by
/// the caller): an eavesdropper could answer in the name of the target.
pub(crate) fn target(response: &Response) -> Result<Option<(Url, Origin)>, Error> {
    if !matches!(response.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let from = Origin::of(&response.url)?;
    let refuse = |reason| Error::RedirectRefused {
        host: from.authority(),
        reason,
    };
    let location = response
        .headers
        .get(LOCATION)
        .and_then(|location| location.to_str().ok())
        .ok_or_else(|| refuse("nowhere: its `Location` is missing or unreadable"))?;
    let mut to = response
        .url
        .join(location)
        .map_err(|_| refuse("something that is not a URL"))?;
    to.set_fragment(None);
    let origin = Origin::of(&to).map_err(|_| {
        refuse("a URL that is not plain `https` or `http`, has no host, or names a user")
    })?;
    if from.is_secure() && !origin.is_secure() {
        return Err(refuse("a place without TLS, which is not followed"));
    }
    Ok(Some((to, origin)))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn redirect(from: &str, location: &str) -> Result<Option<String>, Error> {
        let response = Response {
            status: StatusCode::TEMPORARY_REDIRECT,
            headers: HeaderMap::from_iter([(LOCATION, location.parse().unwrap())]),
            body: Bytes::new(),
            url: Url::parse(from).unwrap(),
        };
        target(&response).map(|to| to.map(|(url, _)| url.to_string()))
    }

    #[test]
    fn redirects_are_resolved_against_where_they_came_from() {
        let from = "https://a.example/v2/x?y=z";
        for (location, to) in [
            ("/other", "https://a.example/other"),
            ("other", "https://a.example/v2/other"),
            ("//b.example/x", "https://b.example/x"),
            ("https://b.example:8443/x#f", "https://b.example:8443/x"),
        ] {
            assert_eq!(redirect(from, location).unwrap().as_deref(), Some(to));
        }
        let up = redirect("http://a.example/", "https://a.example/").unwrap();
        assert_eq!(up.as_deref(), Some("https://a.example/"));
    }

    #[test]
    fn att_34_redirects_that_are_refused() {
        for location in [
            "http://a.example/",
            "http://b.example/",
            "https://user@b.example/",
            "https://user:password@b.example/",
            "file:///etc/passwd",
            "ftp://b.example/",
            "https://",
        ] {
            let refused = redirect("https://a.example/", location);
            assert!(
                matches!(refused, Err(Error::RedirectRefused { .. })),
                "`{location}`: {refused:?}"
            );
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = |url: &str| Origin::of(&Url::parse(url).unwrap());
        let one = origin("https://A.example/x").unwrap();
        assert_eq!(one, origin("https://a.example:443/y?z").unwrap());
        for other in [
            "http://a.example/",
            "https://a.example:444/",
            "https://b.example/",
            "https://a.example./",
        ] {
            assert_ne!(one, origin(other).unwrap(), "{other}");
        }
        assert!(matches!(
            origin("https://u@a.example/"),
            Err(Error::Url { .. })
        ));
    }

    #[test]
    fn loopback_is_decided_on_the_parsed_host() {
        let loopback = |url: &str| Origin::of(&Url::parse(url).unwrap()).unwrap().is_loopback();
        for yes in [
            "http://127.0.0.1:1/",
            "http://127.1/",
            "http://[::1]/",
            "http://LocalHost/",
        ] {
            assert!(loopback(yes), "{yes}");
        }
        for no in [
            "http://localhost.example/",
            "http://127.0.0.1.example/",
            "http://[::2]/",
            "http://128.0.0.1/",
        ] {
            assert!(!loopback(no), "{no}");
        }
    }
}
