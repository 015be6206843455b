//! Logins: basic, and bearer tokens from a token endpoint of the same server
//! (distribution's token specification: GET with basic credentials, POST as OAuth2 with a refresh token).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;

use crate::registry::answer::{Answer, Asked};
use crate::registry::route::{TOKEN_PATH, query_value, query_values};

/// How a client must log in.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Not at all.
    None,
    /// With name and password in each request.
    Basic(Login),
    /// With a token from the token endpoint.
    Bearer(Bearer),
}

/// A user name and its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

impl Login {
    /// A login.
    pub fn new(user: &str, password: &str) -> Self {
        Self {
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }

    /// The value of `Authorization` for this login.
    pub fn authorization(&self) -> String {
        let pair = format!("{}:{}", self.user, self.password);
        format!("Basic {}", STANDARD.encode(pair))
    }
}

/// How tokens are issued. Every member may be changed.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// Who gets a token; anybody if `None`.
    pub login: Option<Login>,
    /// The refresh token that is exchanged for an access token by POST.
    pub identity_token: Option<String>,
    /// How long a token holds, and is said to hold (`expires_in`).
    pub lifetime: Duration,
    /// Whether the token answer says `expires_in`.
    pub announce_lifetime: bool,
    /// Whether POST is understood; 405 if not.
    pub post: bool,
    /// The realm in the challenge, if not the token endpoint of this server.
    pub realm: Option<String>,
    /// The service in the challenge.
    pub service: String,
    /// The whole value of `WWW-Authenticate`, in place of the usual one.
    pub challenge: Option<String>,
}

impl Bearer {
    /// Anybody gets a token, which holds for five minutes.
    pub fn anonymous() -> Self {
        Self {
            login: None,
            identity_token: None,
            lifetime: Duration::from_mins(5),
            announce_lifetime: true,
            post: true,
            realm: None,
            service: "testkit".to_owned(),
            challenge: None,
        }
    }

    /// This login gets a token.
    pub fn login(user: &str, password: &str) -> Self {
        Self {
            login: Some(Login::new(user, password)),
            ..Self::anonymous()
        }
    }

    /// This refresh token is exchanged for a token.
    pub fn identity_token(token: &str) -> Self {
        Self {
            identity_token: Some(token.to_owned()),
            ..Self::anonymous()
        }
    }

    /// Whether anybody may have a token.
    fn is_open(&self) -> bool {
        self.login.is_none() && self.identity_token.is_none()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    issued: HashMap<String, Token>,
    count: u64,
}

#[derive(Debug)]
struct Token {
    scopes: Vec<String>,
    until: Instant,
}

impl Tokens {
    pub(crate) fn revoke(&mut self) {
        self.issued.clear();
    }

    fn issue(&mut self, scopes: Vec<String>, lifetime: Duration) -> String {
        self.count = self.count.wrapping_add(1);
        let mut random = [0_u8; 16];
        // a token that can be guessed is good enough for loopback, should there be no randomness
        let _unfilled = aws_lc_rs::rand::fill(&mut random);
        let token = format!("token-{}-{:032x}", self.count, u128::from_be_bytes(random));
        let until = Instant::now().checked_add(lifetime);
        let until = until.unwrap_or_else(Instant::now);
        self.issued.insert(token.clone(), Token { scopes, until });
        token
    }

    /// Whether the token holds for `repository` and `action`; if not, the error word of RFC 6750 section 3.1.
    fn check(&self, token: &str, repository: &str, action: &str) -> Result<(), &'static str> {
        let token = self.issued.get(token).ok_or("invalid_token")?;
        if token.until <= Instant::now() {
            return Err("invalid_token");
        }
        if repository.is_empty() || token.scopes.iter().any(|s| allows(s, repository, action)) {
            Ok(())
        } else {
            Err("insufficient_scope")
        }
    }
}

fn allows(scope: &str, repository: &str, action: &str) -> bool {
    let rest = scope.strip_prefix("repository:");
    let found = rest.and_then(|rest| rest.rsplit_once(':'));
    found.is_some_and(|(name, actions)| {
        name == repository && actions.split(',').any(|a| a == action || a == "*")
    })
}

/// The 401, if the request may not go on.
pub(crate) fn refusal(
    auth: &Auth,
    tokens: &Tokens,
    base_url: &str,
    asked: &Asked<'_>,
) -> Option<Answer> {
    match auth {
        Auth::None => None,
        Auth::Basic(login) => {
            let right = asked.authorization == Some(login.authorization().as_str());
            (!right).then(|| unauthorized("Basic realm=\"testkit\""))
        }
        Auth::Bearer(bearer) => {
            let action = if asked.writes() { "push" } else { "pull" };
            let token = asked
                .authorization
                .and_then(|value| value.strip_prefix("Bearer "));
            let repository = asked.route.repository.as_str();
            let checked = token.map(|token| tokens.check(token, repository, action));
            if checked == Some(Ok(())) {
                return None;
            }
            let error = checked.and_then(Result::err);
            Some(unauthorized(&challenge(bearer, base_url, asked, error)))
        }
    }
}

fn unauthorized(challenge: &str) -> Answer {
    Answer::error(
        StatusCode::UNAUTHORIZED,
        "UNAUTHORIZED",
        "authentication required",
    )
    .header("www-authenticate", challenge)
}

fn challenge(bearer: &Bearer, base_url: &str, asked: &Asked<'_>, error: Option<&str>) -> String {
    if let Some(challenge) = &bearer.challenge {
        return challenge.clone();
    }
    let own = format!("{base_url}{TOKEN_PATH}");
    let realm = bearer.realm.as_ref().unwrap_or(&own);
    let mut text = format!("Bearer realm=\"{realm}\",service=\"{}\"", bearer.service);
    if !asked.route.repository.is_empty() {
        let actions = if asked.writes() { "pull,push" } else { "pull" };
        text.extend([
            ",scope=\"repository:",
            &asked.route.repository,
            ":",
            actions,
            "\"",
        ]);
    }
    if let Some(error) = error {
        text.extend([",error=\"", error, "\""]);
    }
    text
}

/// A request at the token endpoint.
pub(crate) struct TokenRequest<'a> {
    pub(crate) post: bool,
    pub(crate) query: &'a str,
    pub(crate) form: &'a str,
    pub(crate) authorization: Option<&'a str>,
}

/// Issue a token, or refuse.
pub(crate) fn issue(auth: &Auth, tokens: &mut Tokens, request: &TokenRequest<'_>) -> Answer {
    let Auth::Bearer(bearer) = auth else {
        return Answer::error(StatusCode::NOT_FOUND, "NOT_FOUND", "no tokens here");
    };
    if request.post && !bearer.post {
        let refusal = "POST is not understood";
        return Answer::error(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", refusal);
    }
    let granted = bearer.is_open() || granted(bearer, request);
    if !granted {
        return Answer::error(
            StatusCode::UNAUTHORIZED,
            "UNAUTHORIZED",
            "wrong credentials",
        );
    }
    let parameters = if request.post {
        request.form
    } else {
        request.query
    };
    let scopes = query_values(parameters, "scope");
    let scopes = scopes
        .iter()
        .flat_map(|scope| scope.split(' '))
        .map(str::to_owned);
    let token = tokens.issue(scopes.collect(), bearer.lifetime);
    let mut answer = serde_json::json!({ "token": token, "access_token": token });
    if let (true, Some(object)) = (bearer.announce_lifetime, answer.as_object_mut()) {
        object.insert("expires_in".to_owned(), bearer.lifetime.as_secs().into());
    }
    Answer::json(&answer)
}

fn granted(bearer: &Bearer, request: &TokenRequest<'_>) -> bool {
    if !request.post {
        let wanted = bearer.login.as_ref().map(Login::authorization);
        return wanted.is_some() && wanted.as_deref() == request.authorization;
    }
    let field = |name: &str| query_value(request.form, name);
    match field("grant_type").as_deref() {
        Some("refresh_token") => {
            bearer.identity_token.is_some() && field("refresh_token") == bearer.identity_token
        }
        Some("password") => bearer.login.as_ref().is_some_and(|login| {
            field("username").as_deref() == Some(login.user.as_str())
                && field("password").as_deref() == Some(login.password.as_str())
        }),
        _ => false,
    }
}
