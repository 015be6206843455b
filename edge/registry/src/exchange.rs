//! One question to a registry, with whatever login it takes.
//!
//! Nothing is sent before it was asked for: the first request to a repository carries no credential, and the challenge
//! that answers it says what to bring. A credential that is refused is replaced once, and then that is the answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, HeaderValue};
use http::{HeaderMap, StatusCode};
use ratify_http::{Authorization, Body, Limit, Method, Origin, Phase, Request, Response};
use secrecy::ExposeSecret;
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use crate::auth::{
    BearerScheme, KnownLogin, Refusal, Scheme, Token, TokenAnswer, TokenKey, choose,
    parse_challenges,
};
use crate::client::Inner;
use crate::endpoint::Endpoint;
use crate::{Deadline, Error, Login, Malformation, Part, Unauthorized};

/// How long it is remembered how a repository wants to be asked. A change costs one request more.
const SCHEME_KEPT: Duration = Duration::from_hours(1);
/// How this program calls itself at token services.
const CLIENT_ID: &str = "ratify";

/// One question.
pub(crate) struct Ask<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) url: Url,
    pub(crate) part: Part,
    pub(crate) accept: Option<&'a str>,
    pub(crate) limit: Limit,
    pub(crate) deadline: Deadline,
}

/// What is sent along with a request.
#[derive(Debug, Clone, Default)]
struct Credential {
    authorization: Option<Authorization>,
    /// The token, if it came from a token service and can be replaced.
    token: Option<Token>,
    /// The host of the token service that the login was held back from.
    withheld: Option<String>,
}

impl Credential {
    fn of_login(authorization: Authorization) -> Self {
        Self {
            authorization: Some(authorization),
            ..Self::default()
        }
    }

    /// Whether it is the login itself, which sending again would not change.
    fn is_login(&self) -> bool {
        self.authorization.is_some() && self.token.is_none()
    }
}

impl Inner {
    /// Ask. What comes back is an answer of the registry that is neither 401, 403, 429 nor 5xx.
    pub(crate) async fn ask(&self, ask: &Ask<'_>) -> Result<Response, Error> {
        let login = self.login(ask).await?;
        let host = &ask.endpoint.login_host;
        match self.ask_as(ask, &login).await {
            Err(error) if is_fresh_refusal(&error) && !login.login.is_anonymous() => {
                // The login may have been replaced since it was read; the same again would not help.
                let looked = ask.deadline.bound(self.logins.refused(host)).await;
                let again = match looked {
                    Ok(()) => self.login(ask).await?,
                    Err(_) => return Err(error),
                };
                if again.id == login.id {
                    Err(error)
                } else {
                    self.ask_as(ask, &again).await
                }
            }
            outcome => outcome,
        }
    }

    async fn login(&self, ask: &Ask<'_>) -> Result<KnownLogin, Error> {
        let host = &ask.endpoint.login_host;
        let login = ask.deadline.bound(self.logins.login(host)).await;
        let login = login.map_err(|_| login_timeout(ask.endpoint))?;
        let login = login.map_err(|source| Error::Login {
            host: host.clone(),
            source,
        })?;
        Ok(KnownLogin::from(login))
    }

    /// Ask with this login, unless it was refused a moment ago.
    async fn ask_as(&self, ask: &Ask<'_>, login: &KnownLogin) -> Result<Response, Error> {
        if let Some(refusal) = self.refusals.recent(ask.endpoint, &login.id) {
            return Err(refusal.error(ask.endpoint.authority(), true));
        }
        let outcome = self.converse(ask, login).await;
        if let Err(error) = &outcome
            && let Some(refusal) = refusal_of(error)
        {
            self.refusals.refused(ask.endpoint, &login.id, refusal);
        }
        outcome
    }

    /// Request, challenge, credential, request.
    async fn converse(&self, ask: &Ask<'_>, login: &KnownLogin) -> Result<Response, Error> {
        let endpoint = ask.endpoint;
        let key = &endpoint.key;
        let before = self.schemes.recall(key);
        let first = match &before {
            Some(scheme) => {
                let credential = self.credential(scheme, ask, login, None).await;
                // What was learnt once may be wrong by now: ask for a challenge next time.
                credential.inspect_err(|_| self.schemes.forget(key))?
            }
            None => Credential::default(),
        };
        let response = self.send(ask, &first).await?;
        let is_challenge =
            response.status == StatusCode::UNAUTHORIZED && endpoint.is_own(&response.url);
        if !is_challenge {
            return self.settle(ask, login, &first, response);
        }
        let challenges = parse_challenges(&response.headers);
        let scheme = choose(&challenges, endpoint, before.as_ref())?;
        let rejected = first.token.as_ref();
        let second = self.credential(&scheme, ask, login, rejected).await;
        let second = second.inspect_err(|_| self.schemes.forget(key))?;
        self.schemes.remember(Arc::clone(key), scheme, SCHEME_KEPT);
        if first.is_login() && second.is_login() {
            return self.settle(ask, login, &first, response);
        }
        let response = self.send(ask, &second).await?;
        self.settle(ask, login, &second, response)
    }

    /// What `scheme` wants, if `login` can provide it.
    async fn credential(
        &self,
        scheme: &Scheme,
        ask: &Ask<'_>,
        login: &KnownLogin,
        rejected: Option<&Token>,
    ) -> Result<Credential, Error> {
        let unauthorized = |why| Error::Unauthorized {
            host: ask.endpoint.authority(),
            why,
            remembered: false,
        };
        match (scheme, &login.login) {
            (Scheme::Basic, Login::Anonymous) => Err(unauthorized(Unauthorized::NoLogin)),
            (Scheme::Basic, Login::Basic { user, password }) => {
                let basic = basic(user, password.expose_secret());
                let basic = basic.ok_or_else(|| unauthorized(Unauthorized::LoginRefused))?;
                Ok(Credential::of_login(basic))
            }
            (Scheme::Basic, Login::IdentityToken(_) | Login::RegistryToken(_)) => {
                Err(unauthorized(Unauthorized::NoPassword))
            }
            (Scheme::Bearer(_), Login::RegistryToken(token)) => {
                let bearer = bearer(token.expose_secret());
                let bearer = bearer.ok_or_else(|| unauthorized(Unauthorized::LoginRefused))?;
                Ok(Credential::of_login(bearer))
            }
            (Scheme::Bearer(scheme), _) => self.token(scheme, ask, login, rejected).await,
        }
    }

    /// A token of the token service, which sees the login only if it may.
    async fn token(
        &self,
        scheme: &BearerScheme,
        ask: &Ask<'_>,
        login: &KnownLogin,
        rejected: Option<&Token>,
    ) -> Result<Credential, Error> {
        let may_see = ask.endpoint.trusts_with_login(&scheme.realm_origin);
        let withheld = !may_see && !login.login.is_anonymous();
        let withheld = withheld.then(|| scheme.realm_origin.authority());
        let shown = if withheld.is_some() {
            KnownLogin::anonymous()
        } else {
            login.clone()
        };
        let key = TokenKey {
            purpose: Arc::clone(&scheme.purpose),
            login: shown.id.clone(),
        };
        let timeout = || login_timeout(ask.endpoint);
        let fetch = async || self.fetch_token(scheme, ask, &shown.login).await;
        let token = self
            .tokens
            .token(key, rejected, ask.deadline, timeout, fetch)
            .await;
        let token = token.map_err(|error| match (&withheld, refusal_of(&error)) {
            (Some(realm), Some(_)) => Error::LoginWithheld {
                host: ask.endpoint.authority(),
                realm: realm.clone(),
                remembered: false,
            },
            _ => error,
        })?;
        Ok(Credential {
            authorization: Some(token.authorization.clone()),
            token: Some(token),
            withheld,
        })
    }

    async fn fetch_token(
        &self,
        scheme: &BearerScheme,
        ask: &Ask<'_>,
        login: &Login,
    ) -> Result<(Authorization, Duration), Error> {
        let limit = Limit {
            of: "tokens",
            bytes: self.limits.token,
        };
        let mut request = Request::get(scheme.realm.clone(), limit, ask.deadline);
        request.kind = Part::Token.kind();
        request.counter = Some(self.counters.of(Part::Token));
        if let Login::IdentityToken(token) = login {
            request.method = Method::Post;
            request.body = Body::form(oauth2_form(scheme, token.expose_secret()));
        } else {
            request.url = token_url(scheme);
            if let Login::Basic { user, password } = login {
                request.authorization = basic(user, password.expose_secret());
            }
        }
        let host = scheme.realm_origin.authority();
        let response = self.http.send(request).await;
        let response = response.map_err(|error| Error::of_http(Part::Token, error))?;
        read_token(host, &response, login)
    }

    async fn send(&self, ask: &Ask<'_>, credential: &Credential) -> Result<Response, Error> {
        let mut request = Request::get(ask.url.clone(), ask.limit, ask.deadline);
        request.authorization = credential.authorization.clone();
        request.kind = ask.part.kind();
        request.counter = Some(self.counters.of(ask.part));
        if let Some(accept) = ask.accept {
            request.headers = accepting(accept);
        }
        let response = self.http.send(request).await;
        response.map_err(|error| Error::of_http(ask.part, error))
    }

    /// Sort the statuses that mean the same whatever was asked.
    fn settle(
        &self,
        ask: &Ask<'_>,
        login: &KnownLogin,
        credential: &Credential,
        response: Response,
    ) -> Result<Response, Error> {
        let own = ask.endpoint.is_own(&response.url);
        let host = || {
            let origin = Origin::of(&response.url);
            origin.map_or_else(|_| String::new(), |origin| origin.authority())
        };
        let shown = credential.authorization.is_some()
            && credential.withheld.is_none()
            && !login.login.is_anonymous();
        let refusal = match (response.status.as_u16(), &credential.withheld) {
            (401 | 403, _) if !own => None, // storage behind a redirect knows no logins
            (401 | 403, Some(realm)) => Some(Refusal::Withheld(realm.clone())),
            (401, None) if shown => Some(Refusal::Unauthorized(Unauthorized::LoginRefused)),
            (401, None) => Some(Refusal::Unauthorized(Unauthorized::NoLogin)),
            (403, None) => Some(Refusal::Forbidden),
            _ => None,
        };
        if let Some(refusal) = refusal {
            return Err(refusal.error(host(), false));
        }
        let status = response.status;
        if status.is_server_error() {
            let host = host();
            return Err(Error::ServerError { host, status });
        }
        if matches!(status.as_u16(), 401 | 403) {
            let (host, part) = (host(), ask.part);
            return Err(Error::UnexpectedStatus { host, part, status });
        }
        if shown {
            self.refusals.accepted(ask.endpoint, &login.id);
        }
        Ok(response)
    }
}

fn is_fresh_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::Unauthorized {
            remembered: false,
            why: Unauthorized::LoginRefused,
            ..
        } | Error::Forbidden {
            remembered: false,
            ..
        }
    )
}

fn refusal_of(error: &Error) -> Option<Refusal> {
    match error {
        Error::Unauthorized { why, .. } => Some(Refusal::Unauthorized(*why)),
        Error::Forbidden { .. } => Some(Refusal::Forbidden),
        Error::LoginWithheld { realm, .. } => Some(Refusal::Withheld(realm.clone())),
        _ => None,
    }
}

fn login_timeout(endpoint: &Endpoint) -> Error {
    Error::Timeout(ratify_http::Error::Timeout {
        host: endpoint.authority(),
        phase: Phase::Login,
    })
}

fn accepting(media_types: &str) -> HeaderMap {
    // A type from a listing may hold anything; one that is no header value is not asked for, and will not match.
    let value = HeaderValue::from_str(media_types).ok();
    value.map(|value| (ACCEPT, value)).into_iter().collect()
}

/// `Basic` (RFC 7617). A colon in the name would move the border to the password.
fn basic(user: &str, password: &str) -> Option<Authorization> {
    if user.contains(':') {
        return None;
    }
    let pair = Zeroizing::new(format!("{user}:{password}"));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    Authorization::new(&value).ok()
}

fn bearer(token: &str) -> Option<Authorization> {
    let value = Zeroizing::new(format!("Bearer {token}"));
    Authorization::new(&value).ok()
}

/// `GET` with the scopes as parameters (distribution, "Token Authentication Specification").
fn token_url(scheme: &BearerScheme) -> Url {
    let mut url = scheme.realm.clone();
    {
        let mut query = url.query_pairs_mut();
        if let Some(service) = &scheme.service {
            query.append_pair("service", service);
        }
        for scope in &scheme.scopes {
            query.append_pair("scope", scope);
        }
    }
    url
}

/// `POST` with a refresh token (distribution, "OAuth2 Token Authentication").
fn oauth2_form(scheme: &BearerScheme, refresh_token: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token");
    if let Some(service) = &scheme.service {
        form.append_pair("service", service);
    }
    form.append_pair("client_id", CLIENT_ID);
    form.append_pair("scope", &scheme.scopes.join(" "));
    form.append_pair("refresh_token", refresh_token);
    form.finish()
}

fn read_token(
    host: String,
    response: &Response,
    login: &Login,
) -> Result<(Authorization, Duration), Error> {
    let status = response.status;
    let why = if login.is_anonymous() {
        Unauthorized::NoLogin
    } else {
        Unauthorized::LoginRefused
    };
    match status.as_u16() {
        200 => {}
        401 => return Err(Refusal::Unauthorized(why).error(host, false)),
        403 => return Err(Refusal::Forbidden.error(host, false)),
        500..=599 => return Err(Error::ServerError { host, status }),
        _ => {
            let part = Part::Token;
            return Err(Error::UnexpectedStatus { host, part, status });
        }
    }
    let answer = TokenAnswer::parse(&response.body, SystemTime::now());
    let usable = answer.and_then(|answer| {
        let authorization = bearer(answer.token.expose_secret())?;
        Some((authorization, answer.useful))
    });
    usable.ok_or(Error::Malformed {
        host,
        part: Part::Token,
        source: Malformation::Token,
    })
}
