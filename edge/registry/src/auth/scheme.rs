//! Which of the offered ways of logging in is taken.

use std::sync::Arc;

use ratify_http::Origin;
use url::Url;

use super::challenge::Challenge;
use crate::endpoint::Endpoint;
use crate::{Error, Unauthorized};

/// Scopes of one repository that are asked for together. Registries know two or three.
const MOST_SCOPES: usize = 8;
/// The longest service or scope that is passed on.
const LONGEST_TEXT: usize = 2_048;

/// How a repository wants to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scheme {
    Basic,
    Bearer(Arc<BearerScheme>),
}

/// Where tokens for a repository come from (distribution, "Token Authentication Specification").
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BearerScheme {
    pub(crate) realm: Url,
    pub(crate) realm_origin: Origin,
    pub(crate) service: Option<String>,
    /// Sorted, none twice.
    pub(crate) scopes: Vec<String>,
    /// All of that and the registry in one: what a token is good for.
    pub(crate) purpose: Arc<str>,
}

/// Take a bearer challenge if there is one, else a basic one. `before` is how the repository wanted to be asked until
/// now: scopes add up, so that requests that need different ones do not take the token from each other.
pub(crate) fn choose(
    challenges: &[Challenge],
    endpoint: &Endpoint,
    before: Option<&Scheme>,
) -> Result<Scheme, Error> {
    let of_scheme = |name: &str| challenges.iter().find(|challenge| challenge.scheme == name);
    if let Some(challenge) = of_scheme("bearer")
        && let Some(realm) = challenge.parameter("realm")
    {
        let mut scheme = bearer(challenge, realm, endpoint)?;
        if let Some(Scheme::Bearer(before)) = before {
            scheme.join(before, endpoint);
        }
        return Ok(Scheme::Bearer(Arc::new(scheme)));
    }
    if of_scheme("basic").is_some() {
        return Ok(Scheme::Basic);
    }
    Err(Error::Unauthorized {
        host: endpoint.authority(),
        why: Unauthorized::NoChallenge,
        remembered: false,
    })
}

fn bearer(challenge: &Challenge, realm: &str, endpoint: &Endpoint) -> Result<BearerScheme, Error> {
    let insecure = || Error::InsecureRealm {
        host: endpoint.authority(),
    };
    let mut realm = Url::parse(realm).map_err(|_| insecure())?;
    realm.set_fragment(None);
    let realm_origin = Origin::of(&realm).map_err(|_| insecure())?;
    if !realm_origin.is_secure() && endpoint.origin.is_secure() {
        return Err(insecure());
    }
    let text = |name: &str| {
        let value = challenge.parameter(name);
        value.filter(|value| !value.is_empty() && value.len() <= LONGEST_TEXT)
    };
    let own = endpoint.scope();
    let scopes = text("scope").unwrap_or(&own);
    let mut scheme = BearerScheme {
        realm,
        realm_origin,
        service: text("service").map(str::to_owned),
        scopes: scopes.split_ascii_whitespace().map(str::to_owned).collect(),
        purpose: Arc::default(),
    };
    scheme.tidy(endpoint);
    Ok(scheme)
}

impl BearerScheme {
    fn join(&mut self, before: &Self, endpoint: &Endpoint) {
        let same_place = self.realm == before.realm && self.service == before.service;
        if same_place && self.scopes.len() + before.scopes.len() <= MOST_SCOPES {
            self.scopes.extend(before.scopes.iter().cloned());
            self.tidy(endpoint);
        }
    }

    fn tidy(&mut self, endpoint: &Endpoint) {
        self.scopes.sort();
        self.scopes.dedup();
        self.scopes.truncate(MOST_SCOPES);
        self.purpose = self.purpose(endpoint);
    }

    /// Two registries never share a token, nor do two services. Nothing in a header and no URL holds the end of a line;
    /// "no service" is told from "a service without name".
    fn purpose(&self, endpoint: &Endpoint) -> Arc<str> {
        let service = match &self.service {
            Some(service) => format!("={service}"),
            None => String::new(),
        };
        let mut parts = vec![endpoint.origin_key.as_ref(), self.realm.as_str(), &service];
        parts.extend(self.scopes.iter().map(String::as_str));
        parts.join("\n").into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use http::header::{HeaderMap, WWW_AUTHENTICATE};
    use ratify_oci::Reference;

    use super::*;
    use crate::endpoint::Endpoints;

    fn chosen(header: &str, before: Option<&Scheme>, plain: bool) -> Result<Scheme, Error> {
        let endpoints = Endpoints::new(HashMap::default(), plain, false);
        let reference: Reference = "reg.io/a/b:1".parse().unwrap();
        let endpoint = endpoints.of(reference.repository()).unwrap();
        let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, header.parse().unwrap())]);
        choose(&crate::auth::parse_challenges(&headers), &endpoint, before)
    }

    fn scopes(scheme: &Scheme) -> Vec<&str> {
        match scheme {
            Scheme::Basic => Vec::new(),
            Scheme::Bearer(scheme) => scheme.scopes.iter().map(String::as_str).collect(),
        }
    }

    #[test]
    fn oci_client_7_the_scope_of_the_challenge_counts() {
        let own = chosen("Bearer realm=\"https://reg.io/t\"", None, false).unwrap();
        assert_eq!(scopes(&own), ["repository:a/b:pull"]);
        let other = "Bearer realm=\"https://reg.io/t\",scope=\"x:y:z  a:b:c\"";
        let other = chosen(other, Some(&own), false).unwrap();
        assert_eq!(scopes(&other), ["a:b:c", "repository:a/b:pull", "x:y:z"]);
        let elsewhere = "Bearer realm=\"https://reg.io/u\",scope=\"x:y:z\"";
        assert_eq!(
            scopes(&chosen(elsewhere, Some(&own), false).unwrap()),
            ["x:y:z"]
        );
    }

    #[test]
    fn what_differs_in_anything_is_another_purpose() {
        let of = |header: &str, plain: bool| match chosen(header, None, plain).unwrap() {
            Scheme::Basic => panic!("no bearer"),
            Scheme::Bearer(scheme) => Arc::clone(&scheme.purpose),
        };
        let all = [
            of("Bearer realm=\"https://reg.io/t\"", false),
            of("Bearer realm=\"https://reg.io/t\"", true),
            of("Bearer realm=\"https://reg.io/u\"", false),
            of("Bearer realm=\"https://reg.io/t\",service=\"a\"", false),
            of("Bearer realm=\"https://reg.io/t\",scope=\"a\"", false),
            of("Bearer realm=\"https://reg.io/t\",scope=\"a b\"", false),
            of(
                "Bearer realm=\"https://reg.io/t\",service=\"a\",scope=\"b\"",
                false,
            ),
        ];
        let different: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        let again = of("Bearer scope=\"b a\",realm=\"https://reg.io/t\"", false);
        assert_eq!(again, all[5]);
    }

    #[test]
    fn bearer_is_taken_before_basic() {
        let both = "Basic realm=x, Bearer realm=\"https://reg.io/t\"";
        assert!(matches!(chosen(both, None, false), Ok(Scheme::Bearer(_))));
        assert_eq!(
            chosen("Bearer service=x, Basic realm=x", None, false).unwrap(),
            Scheme::Basic
        );
        for none in ["Negotiate", "Digest realm=x", ""] {
            let refused = chosen(none, None, false);
            let why = Unauthorized::NoChallenge;
            assert!(matches!(refused, Err(Error::Unauthorized { why: found, .. }) if found == why));
        }
    }

    #[test]
    fn att_34_a_realm_without_tls_or_with_a_user_is_not_asked() {
        for realm in [
            "http://reg.io/t",
            "https://u@reg.io/t",
            "ftp://reg.io/",
            "/t",
            "file:///x",
            "x",
        ] {
            let refused = chosen(&format!("Bearer realm=\"{realm}\""), None, false);
            assert!(
                matches!(refused, Err(Error::InsecureRealm { .. })),
                "{realm}: {refused:?}"
            );
        }
        assert!(chosen("Bearer realm=\"http://reg.io/t\"", None, true).is_ok());
    }
}
