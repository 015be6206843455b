//! Where a registry is asked: which host, with or without TLS, and who may see its login.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ratify_http::Origin;
use ratify_oci::Repository;
use url::Url;

use crate::memory::Memory;
use crate::options::{Known, base_url, https_origin};

/// Token services of another name that belong to a registry known to everybody. They see the registry's login.
const KNOWN_TOKEN_HOSTS: [(&str, &str); 2] = [
    ("docker.io", "auth.docker.io"),
    ("registry.gitlab.com", "gitlab.com"),
];

/// The registry that is not where its name says.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// How long it is remembered where a repository is asked. Nothing changes it; this only lets go of what is not used.
const MADE_KEPT: Duration = Duration::from_hours(1);

/// All that is known of registries.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    known: HashMap<String, Known>,
    plain_http_all: bool,
    loopback_http: bool,
    /// Those that were asked for lately. Putting one together costs more than all the rest of a small request.
    made: Memory<Repository, Arc<Endpoint>>,
}

/// Where one repository is asked.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// The name logins are looked up under: `host` or `host:port`, lower case, `docker.io` for Docker Hub.
    pub(crate) login_host: String,
    /// Scheme, host and port: what the login is bound to.
    pub(crate) origin: Origin,
    /// The repository's name there.
    pub(crate) repository: String,
    /// Origin and repository in one: what is remembered of either is filed under it.
    pub(crate) key: Arc<str>,
    /// The same for the origin alone.
    pub(crate) origin_key: Arc<str>,
    authority: String,
    base: Url,
    token_origins: Vec<Origin>,
}

impl Endpoints {
    pub(crate) fn new(
        known: HashMap<String, Known>,
        plain_http_all: bool,
        loopback_http: bool,
    ) -> Self {
        Self {
            known,
            plain_http_all,
            loopback_http,
            made: Memory::default(),
        }
    }

    /// Where `repository` is asked, its mirror included; nothing if its registry makes no URL.
    pub(crate) fn of(&self, repository: &Repository) -> Option<Arc<Endpoint>> {
        if let Some(made) = self.made.recall(repository) {
            return Some(made);
        }
        let made = Arc::new(self.make(repository)?);
        self.made
            .remember(repository.clone(), Arc::clone(&made), MADE_KEPT);
        Some(made)
    }

    fn make(&self, repository: &Repository) -> Option<Endpoint> {
        let registry = repository.registry().to_ascii_lowercase();
        let mirror = self
            .known
            .get(&registry)
            .and_then(|known| known.mirror.as_ref());
        let (host, name) = match mirror {
            Some(mirror) => (
                mirror.host.clone(),
                format!("{}{}", mirror.prefix, repository.name()),
            ),
            None => (registry, repository.name().to_owned()),
        };
        let base = self.base(&host)?;
        let known_pairs = KNOWN_TOKEN_HOSTS
            .iter()
            .filter(|(registry, _)| *registry == host);
        let mut token_origins: Vec<_> =
            known_pairs.filter_map(|(_, to)| https_origin(to)).collect();
        if let Some(known) = self.known.get(&host) {
            token_origins.extend(known.token_origins.iter().cloned());
        }
        let origin = Origin::of(&base).ok()?;
        Some(Endpoint {
            key: format!("{origin}/{name}").into(),
            origin_key: origin.to_string().into(),
            authority: origin.authority(),
            origin,
            login_host: host,
            repository: name,
            base,
            token_origins,
        })
    }

    /// `scheme://host[:port]/` of the registry named `host`.
    fn base(&self, host: &str) -> Option<Url> {
        let address = Self::address(host);
        let scheme = if self.is_plain(host, address)? {
            "http"
        } else {
            "https"
        };
        base_url(scheme, address)
    }

    /// `host:port` of everything that somebody has configured: registries, mirrors and token services.
    pub(crate) fn configured(&self) -> HashSet<String> {
        let one = |(host, known): (&String, &Known)| {
            let mirror = known.mirror.as_ref().map(|mirror| mirror.host.as_str());
            let bases = [Some(host.as_str()), mirror].into_iter().flatten();
            let origins = bases.filter_map(|host| Origin::of(&self.base(host)?).ok());
            let mut all: Vec<_> = origins.collect();
            all.extend(known.token_origins.iter().cloned());
            all
        };
        let origins = self.known.iter().flat_map(one);
        origins.map(|origin| origin.authority()).collect()
    }

    /// The host that is asked for the registry named `host`.
    pub(crate) fn address(host: &str) -> &str {
        if host.eq_ignore_ascii_case(DOCKER_HUB) {
            DOCKER_HUB_HOST
        } else {
            host
        }
    }

    /// Whether `host` is asked without TLS: never where certificate authorities are given for it.
    fn is_plain(&self, host: &str, address: &str) -> Option<bool> {
        let known = self.known.get(host);
        if known.is_some_and(|known| known.has_authorities) {
            return Some(false);
        }
        let loopback = self.loopback_http && https_origin(address)?.is_loopback();
        Some(self.plain_http_all || known.is_some_and(|known| known.plain_http) || loopback)
    }
}

impl Endpoint {
    /// `<base>/v2/<repository>/<kind>/<target>`. Both grammars (repository; tag or digest) need no escaping.
    pub(crate) fn url(&self, kind: &str, target: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("/v2/{}/{kind}/{target}", self.repository));
        url
    }

    /// `host:port`.
    pub(crate) fn authority(&self) -> String {
        self.authority.clone()
    }

    /// Whether `url` is of this registry: same scheme, host and port.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        url.scheme() == self.base.scheme()
            && url.host() == self.base.host()
            && url.port_or_known_default() == self.base.port_or_known_default()
    }

    /// The scope that reading needs where the challenge names none (distribution, "Token Scope Documentation").
    pub(crate) fn scope(&self) -> String {
        format!("repository:{}:pull", self.repository)
    }

    /// Whether a token service at `origin` may see the login: it is the registry itself, belongs to it as everybody
    /// knows, or was configured (attack catalogue T-34).
    pub(crate) fn trusts_with_login(&self, origin: &Origin) -> bool {
        self.origin == *origin || self.token_origins.contains(origin)
    }
}

#[cfg(test)]
mod tests {
    use ratify_oci::Reference;

    use super::*;
    use crate::RegistryOptions;
    use crate::options::parse;

    fn url(endpoints: &Endpoints, reference: &str) -> String {
        let reference: Reference = reference.parse().unwrap();
        let endpoint = endpoints.of(reference.repository()).unwrap();
        endpoint
            .url("manifests", &reference.target().to_string())
            .to_string()
    }

    fn entry(host: &str) -> RegistryOptions {
        RegistryOptions {
            host: host.to_owned(),
            ..RegistryOptions::default()
        }
    }

    #[test]
    fn tls_unless_told_otherwise() {
        let endpoints = Endpoints::default();
        for (reference, to) in [
            ("reg.io/a:1", "https://reg.io/v2/a/manifests/1"),
            ("Reg.io:5000/a:1", "https://reg.io:5000/v2/a/manifests/1"),
            (
                "nginx",
                "https://registry-1.docker.io/v2/library/nginx/manifests/latest",
            ),
            (
                "localhost:5000/a:1",
                "https://localhost:5000/v2/a/manifests/1",
            ),
            ("[::1]:5000/a:1", "https://[::1]:5000/v2/a/manifests/1"),
        ] {
            assert_eq!(url(&endpoints, reference), to);
        }
        let endpoints = Endpoints::new(HashMap::new(), true, false);
        assert_eq!(
            url(&endpoints, "reg.io/a:1"),
            "http://reg.io/v2/a/manifests/1"
        );
        let mut plain = entry("plain.io:80");
        plain.plain_http = true;
        let endpoints = Endpoints::new(parse(&[plain]).unwrap(), false, false);
        assert_eq!(
            url(&endpoints, "plain.io:80/a:1"),
            "http://plain.io/v2/a/manifests/1"
        );
        assert_eq!(
            url(&endpoints, "plain.io/a:1"),
            "https://plain.io/v2/a/manifests/1"
        );
    }

    #[test]
    fn what_is_configured_is_registries_mirrors_and_token_hosts_with_their_ports() {
        let mut plain = entry("plain.io");
        plain.plain_http = true;
        let mut mirrored = entry("Reg.io:5000");
        mirrored.mirror = Some("plain.io/hub".to_owned());
        mirrored.token_hosts = vec!["auth.io:8443".to_owned(), "auth.io".to_owned()];
        let registries = [plain, mirrored, entry("docker.io"), entry("[::1]")];
        let endpoints = Endpoints::new(parse(&registries).unwrap(), false, false);
        let mut configured: Vec<_> = endpoints.configured().into_iter().collect();
        configured.sort();
        let expected = [
            "[::1]:443",
            "auth.io:443",
            "auth.io:8443",
            "plain.io:80",
            "reg.io:5000",
            "registry-1.docker.io:443",
        ];
        assert_eq!(configured, expected);
    }

    #[test]
    fn loopback_without_tls_is_decided_on_the_parsed_host() {
        let endpoints = Endpoints::new(HashMap::new(), false, true);
        for plain in [
            "localhost:5000/a",
            "127.0.0.1:5000/a",
            "127.1.2.3/a",
            "[::1]:5000/a",
        ] {
            assert!(url(&endpoints, plain).starts_with("http://"), "{plain}");
        }
        // Ratify v1.4 looks for these words anywhere in the reference, and so drops TLS for an attacker's choice.
        for secure in [
            "127.0.0.1.evil.io/a",
            "evil.io/127.0.0.1",
            "localhost.evil.io/a",
            "[::2]:1/a",
        ] {
            assert!(url(&endpoints, secure).starts_with("https://"), "{secure}");
        }
        let known = Known {
            has_authorities: true,
            ..Known::default()
        };
        let known = HashMap::from([("localhost:5000".to_owned(), known)]);
        let endpoints = Endpoints::new(known, true, true);
        assert!(url(&endpoints, "localhost:5000/a").starts_with("https://"));
    }

    #[test]
    fn a_mirror_is_asked_with_its_own_name_and_login() {
        let mut hub = entry("docker.io");
        hub.mirror = Some("mirror.io:5000/hub".to_owned());
        let mut mirror = entry("mirror.io:5000");
        mirror.plain_http = true;
        let endpoints = Endpoints::new(parse(&[hub, mirror]).unwrap(), false, false);
        assert_eq!(
            url(&endpoints, "nginx:1"),
            "http://mirror.io:5000/v2/hub/library/nginx/manifests/1"
        );
        let reference: Reference = "nginx".parse().unwrap();
        let endpoint = endpoints.of(reference.repository()).unwrap();
        assert_eq!(endpoint.login_host, "mirror.io:5000");
        assert_eq!(endpoint.scope(), "repository:hub/library/nginx:pull");
    }

    #[test]
    fn att_34_who_may_see_the_login() {
        let mut gitlab = entry("registry.example");
        gitlab.token_hosts = vec!["gitlab.example".to_owned()];
        let endpoints = Endpoints::new(parse(&[gitlab]).unwrap(), false, false);
        let trusts = |registry: &str, realm: &str| {
            let reference: Reference = format!("{registry}/a/b").parse().unwrap();
            let endpoint = endpoints.of(reference.repository()).unwrap();
            endpoint.trusts_with_login(&Origin::of(&Url::parse(realm).unwrap()).unwrap())
        };
        assert!(trusts("reg.io", "https://reg.io/token"));
        assert!(trusts("docker.io", "https://auth.docker.io/token"));
        assert!(trusts(
            "registry.example",
            "https://gitlab.example/jwt/auth"
        ));
        for (registry, realm) in [
            ("reg.io", "https://auth.docker.io/token"),
            ("reg.io", "https://auth.reg.io/token"),
            ("reg.io", "https://reg.io:8443/token"),
            ("reg.io", "http://reg.io/token"),
            ("reg.io", "https://reg.io.evil.io/token"),
            ("docker.io", "https://auth.docker.io.evil.io/token"),
            ("docker.io", "https://docker.io/token"),
            ("docker.io.evil.io", "https://auth.docker.io/token"),
            ("registry.example", "http://gitlab.example/jwt/auth"),
            ("registry.example", "https://gitlab.example:8443/jwt/auth"),
        ] {
            assert!(!trusts(registry, realm), "{registry}: {realm}");
        }
    }
}
