//! Tokens: how many requests they cost, when they are replaced, who sees what.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, join_all, ready};
use ratify_registry::{
    Client, Error, FailureKind, Login, LoginError, Logins, Observer, Outcome, Unauthorized,
};
use ratify_testkit::registry::{Auth, Bearer, Fault, Kind, Match, Registry, Times};

use crate::fixture::{Changing, Fixture, basic, client_with, counts, options, patient};

#[tokio::test]
async fn a_token_costs_two_requests_and_serves_everything_in_the_repository() {
    let fixture = Fixture::with_login(Auth::Bearer(Bearer::login("u", "p")), basic("u", "p")).await;
    fixture.everything().await.unwrap();
    // The first 401, the token, and the four useful requests.
    assert_eq!(fixture.client.counts(), counts(3, 1, 1, 1));
    let requests = fixture.registry.requests();
    assert_eq!(requests.len(), 6);
    assert_eq!(
        requests[0].authorization, None,
        "nothing is sent before it was asked for"
    );
    assert_eq!(requests[1].kind, Kind::Token);
    assert!(
        requests[1]
            .authorization
            .as_ref()
            .unwrap()
            .starts_with("Basic ")
    );
    let query = requests[1].query.clone().unwrap();
    assert_eq!(
        query,
        "service=testkit&scope=repository%3Ateam%2Fapp%3Apull"
    );

    fixture.everything().await.unwrap();
    assert_eq!(
        fixture.client.counts(),
        counts(5, 2, 2, 1),
        "a second image: no 401, no token"
    );
}

#[tokio::test]
async fn an_anonymous_token_is_asked_for_without_credentials() {
    let fixture = Fixture::of(Registry::builder().auth(Auth::Bearer(Bearer::anonymous()))).await;
    fixture.everything().await.unwrap();
    assert_eq!(fixture.client.counts().total(), 6);
    assert_eq!(fixture.registry.requests()[1].authorization, None);
}

#[tokio::test]
async fn fifty_calls_share_one_token_request() {
    let fixture = Fixture::with_login(Auth::Bearer(Bearer::login("u", "p")), basic("u", "p")).await;
    let slow = Fault::Latency(Duration::from_millis(50));
    fixture
        .registry
        .fault(Match::Kind(Kind::Token), Times::Always, slow);
    let all = join_all((0..50).map(|_| fixture.resolve())).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(fixture.registry.count(Kind::Token), 1);
    fixture.registry.revoke_tokens();
    let all = join_all((0..50).map(|_| fixture.resolve())).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(
        fixture.registry.count(Kind::Token),
        2,
        "one refresh for all who were turned away"
    );
}

#[tokio::test]
async fn fifty_calls_share_one_failed_token_request() {
    let fixture =
        Fixture::with_login(Auth::Bearer(Bearer::login("u", "p")), basic("u", "wrong")).await;
    let slow = Fault::Latency(Duration::from_millis(100));
    fixture
        .registry
        .fault(Match::Kind(Kind::Token), Times::Always, slow);
    let all = join_all((0..50).map(|_| fixture.resolve())).await;
    assert!(all.iter().all(Result::is_err));
    assert!(
        fixture.registry.count(Kind::Token) <= 2,
        "{}",
        fixture.registry.count(Kind::Token)
    );
}

#[tokio::test]
async fn a_token_that_ended_is_replaced_and_the_request_sent_again() {
    let fixture = Fixture::with_login(Auth::Bearer(Bearer::login("u", "p")), basic("u", "p")).await;
    fixture.resolve().await.unwrap();
    fixture.registry.revoke_tokens();
    fixture.resolve().await.unwrap();
    assert_eq!(fixture.client.counts(), counts(4, 0, 0, 2));
}

#[tokio::test]
async fn a_registry_that_takes_no_token_is_asked_twice_and_no_more() {
    let fixture = Fixture::with_login(Auth::Bearer(Bearer::login("u", "p")), basic("u", "p")).await;
    let nonsense = Fault::OtherBytes(br#"{"token":"nonsense"}"#.to_vec());
    fixture
        .registry
        .fault(Match::Kind(Kind::Token), Times::Always, nonsense);
    let refused = fixture.resolve().await.unwrap_err();
    assert!(
        matches!(
            refused,
            Error::Unauthorized {
                why: Unauthorized::LoginRefused,
                ..
            }
        ),
        "{refused:?}"
    );
    assert_eq!(fixture.client.counts(), counts(2, 0, 0, 1));
}

#[tokio::test]
async fn an_identity_token_is_exchanged_by_post() {
    let auth = Auth::Bearer(Bearer::identity_token("refresh me"));
    let fixture = Fixture::with_login(auth, Login::IdentityToken("refresh me".into())).await;
    fixture.everything().await.unwrap();
    assert_eq!(fixture.client.counts().total(), 6);
    let request = &fixture.registry.requests()[1];
    assert_eq!(
        (request.method.as_str(), request.kind),
        ("POST", Kind::Token)
    );
    assert_eq!(
        request.form.as_deref(),
        Some(
            "grant_type=refresh_token&service=testkit&client_id=ratify&scope=repository%3Ateam%2Fapp%3Apull&refresh_token=refresh+me"
        )
    );
    assert_eq!(
        (&request.query, &request.authorization),
        (&None, &None),
        "no secret in a URL"
    );
}

#[tokio::test]
async fn a_registry_token_is_sent_as_it_is() {
    let fixture = Fixture::of(Registry::builder().auth(Auth::Bearer(Bearer::anonymous()))).await;
    fixture.resolve().await.unwrap();
    let token = fixture
        .registry
        .requests()
        .pop()
        .unwrap()
        .authorization
        .unwrap();
    let token = token.strip_prefix("Bearer ").unwrap().to_owned();
    let client = client_with(&fixture.registry, Login::RegistryToken(token.into()));
    client.resolve(&fixture.pinned(), patient()).await.unwrap();
    assert_eq!(client.counts(), counts(2, 0, 0, 0));

    let client = client_with(&fixture.registry, Login::RegistryToken("wrong".into()));
    let refused = client
        .resolve(&fixture.pinned(), patient())
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            Error::Unauthorized {
                why: Unauthorized::LoginRefused,
                ..
            }
        ),
        "{refused:?}"
    );
    assert_eq!(client.counts(), counts(2, 0, 0, 0));
}

#[tokio::test]
async fn basic_is_sent_with_each_request_once_it_was_asked_for() {
    let login = ratify_testkit::registry::Login::new("u", "p");
    let fixture = Fixture::with_login(Auth::Basic(login), basic("u", "p")).await;
    fixture.everything().await.unwrap();
    assert_eq!(fixture.client.counts().total(), 5);
    assert_eq!(fixture.registry.requests()[0].authorization, None);

    let wrong = client_with(&fixture.registry, basic("u", "q"));
    let refused = wrong
        .resolve(&fixture.pinned(), patient())
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            Error::Unauthorized {
                why: Unauthorized::LoginRefused,
                ..
            }
        ),
        "{refused:?}"
    );
    assert_eq!(wrong.counts().total(), 2, "the same again would not help");

    for (login, why, requests) in [
        (Login::Anonymous, Unauthorized::NoLogin, 1),
        (
            Login::IdentityToken("t".into()),
            Unauthorized::NoPassword,
            1,
        ),
    ] {
        let client = client_with(&fixture.registry, login);
        let refused = client
            .resolve(&fixture.pinned(), patient())
            .await
            .unwrap_err();
        assert!(
            matches!(refused, Error::Unauthorized { why: found, .. } if found == why),
            "{refused:?}"
        );
        assert_eq!(
            (client.counts().total(), refused.kind()),
            (requests, FailureKind::Unknown)
        );
    }
}

/// Bearer tokens from the token service of another registry: another port, so another origin.
async fn with_foreign_realm(login: Login) -> (Fixture, Registry) {
    let service = Registry::builder().auth(Auth::Bearer(Bearer::anonymous()));
    let service = service.start().await.unwrap();
    let mut bearer = Bearer::anonymous();
    bearer.realm = Some(format!("{}/token", service.base_url()));
    let fixture = Fixture::with_login(Auth::Bearer(bearer), login).await;
    (fixture, service)
}

#[tokio::test]
async fn att_34_a_foreign_realm_sees_no_secret() {
    for login in [
        basic("u", "hunter2"),
        Login::IdentityToken("hunter2".into()),
    ] {
        let (fixture, service) = with_foreign_realm(login).await;
        let refused = fixture.resolve().await.unwrap_err();
        let realm = service.host();
        assert!(
            matches!(&refused, Error::LoginWithheld { realm: found, .. } if *found == realm),
            "{refused:?}"
        );
        assert_eq!(refused.kind(), FailureKind::Unknown);
        let asked = service.requests();
        assert_eq!(
            asked.len(),
            1,
            "an anonymous token may do for public images"
        );
        assert!(asked[0].authorization.is_none() && asked[0].form.is_none());
        let all = fixture.registry.requests().into_iter().chain(asked);
        let all: Vec<_> = all.map(|request| format!("{request:?}")).collect();
        assert!(all.iter().all(|request| !request.contains("hunter2")));
        assert!(
            !all.iter().any(|request| request.contains("dTpodW50ZXIy")),
            "u:hunter2 in base64"
        );
    }
}

#[tokio::test]
async fn att_34_a_foreign_realm_that_was_configured_may_see_the_login() {
    // Token hosts always have TLS, so the one that is configured here is not this one without TLS.
    let (fixture, service) = with_foreign_realm(basic("u", "p")).await;
    let mut options = options();
    options.logins = Arc::new(ratify_registry::FixedLogins::new([(
        fixture.registry.host(),
        basic("u", "p"),
    )]));
    options.registries = vec![ratify_registry::RegistryOptions {
        host: fixture.registry.host(),
        plain_http: true,
        token_hosts: vec![service.host()],
        ..ratify_registry::RegistryOptions::default()
    }];
    let client = Client::new(options).unwrap();
    let refused = client
        .resolve(&fixture.pinned(), patient())
        .await
        .unwrap_err();
    assert!(
        matches!(refused, Error::LoginWithheld { .. }),
        "{refused:?}"
    );
    assert!(
        service
            .requests()
            .iter()
            .all(|request| request.authorization.is_none())
    );
}

#[tokio::test]
async fn challenges_that_lead_nowhere_are_unknown() {
    for challenge in [
        "Negotiate",
        "Bearer realm=\"ftp://127.0.0.1/token\"",
        "Bearer realm=\"http://u:p@127.0.0.1/token\"",
        "Bearer service=\"no realm\"",
        "\"",
    ] {
        let mut bearer = Bearer::anonymous();
        bearer.challenge = Some(challenge.to_owned());
        let fixture = Fixture::of(Registry::builder().auth(Auth::Bearer(bearer))).await;
        let refused = fixture.resolve().await.unwrap_err();
        let expected = matches!(
            refused,
            Error::Unauthorized { .. } | Error::InsecureRealm { .. }
        );
        assert!(expected, "{challenge}: {refused:?}");
        assert_eq!(refused.kind(), FailureKind::Unknown);
        assert_eq!(fixture.client.counts(), counts(1, 0, 0, 0));
    }
}

#[tokio::test]
async fn a_token_service_that_fails_is_unknown_and_says_what_failed() {
    for (fault, expected) in [
        (Fault::Status(403), "denies access"),
        (Fault::Status(500), "failed with status 500"),
        (Fault::Status(404), "request for a token with status 404"),
        (Fault::OtherBytes(b"{}".to_vec()), "token of"),
        (Fault::OtherBytes(b"hunter2".to_vec()), "token of"),
        (
            Fault::OtherBytes(br#"{"token":"line\nbreak"}"#.to_vec()),
            "token of",
        ),
        (Fault::EndlessBody, "limit for tokens of 65536 bytes"),
        (Fault::Reset, "broke before"),
    ] {
        let fixture =
            Fixture::of(Registry::builder().auth(Auth::Bearer(Bearer::anonymous()))).await;
        fixture
            .registry
            .fault(Match::Kind(Kind::Token), Times::Always, fault.clone());
        let failed = fixture.resolve().await.unwrap_err();
        assert!(failed.to_string().contains(expected), "{fault:?}: {failed}");
        assert!(!format!("{failed:?}").contains("hunter2"));
        assert_eq!(failed.kind(), FailureKind::Unknown);
    }
}

#[tokio::test]
async fn a_token_service_that_failed_is_not_asked_again_unless_the_registry_names_it_again() {
    let fixture = Fixture::of(Registry::builder().auth(Auth::Bearer(Bearer::anonymous()))).await;
    fixture.resolve().await.unwrap();
    fixture.registry.revoke_tokens();
    let token = Match::Kind(Kind::Token);
    fixture
        .registry
        .fault(token, Times::Always, Fault::Status(500));
    assert!(fixture.resolve().await.is_err());
    fixture.registry.clear_faults();
    fixture.registry.clear_requests();
    fixture.resolve().await.unwrap();
    let requests = fixture.registry.requests();
    let kinds: Vec<_> = requests.iter().map(|request| request.kind).collect();
    assert_eq!(kinds, [Kind::Manifest, Kind::Token, Kind::Manifest]);
    assert_eq!(requests[0].authorization, None);
}

#[tokio::test]
async fn how_a_repository_wants_to_be_asked_is_found_out_again_when_that_has_failed() {
    let fixture =
        Fixture::of(Registry::builder().auth(Auth::Bearer(Bearer::login("u", "p")))).await;
    let logins = Arc::new(Changing::new(basic("u", "p")));
    let mut options = options();
    options.logins = logins.clone();
    let client = Client::new(options).unwrap();
    client.resolve(&fixture.pinned(), patient()).await.unwrap();
    logins.set(basic("u", "wrong"));
    assert!(client.resolve(&fixture.pinned(), patient()).await.is_err());
    logins.set(basic("u", "p"));
    fixture.registry.clear_requests();
    client.resolve(&fixture.pinned(), patient()).await.unwrap();
    let requests = fixture.registry.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].authorization, None);
}

/// Logins that are replaced when they are refused.
struct Rotating(Mutex<Vec<Login>>);

impl Logins for Rotating {
    fn login<'a>(&'a self, _host: &'a str) -> BoxFuture<'a, Result<Login, LoginError>> {
        ready(Ok(self.0.lock().unwrap()[0].clone())).boxed()
    }

    fn refused<'a>(&'a self, _host: &'a str) -> BoxFuture<'a, ()> {
        let mut logins = self.0.lock().unwrap();
        if logins.len() > 1 {
            logins.remove(0);
        }
        ready(()).boxed()
    }
}

#[tokio::test]
async fn a_login_that_was_replaced_meanwhile_is_tried_at_once() {
    let fixture =
        Fixture::of(Registry::builder().auth(Auth::Bearer(Bearer::login("u", "new")))).await;
    let mut options = options();
    options.logins = Arc::new(Rotating(Mutex::new(vec![
        basic("u", "old"),
        basic("u", "new"),
    ])));
    let client = Client::new(options).unwrap();
    client.resolve(&fixture.pinned(), patient()).await.unwrap();
}

/// A source of logins that is down.
struct Broken;

impl Logins for Broken {
    fn login<'a>(&'a self, _host: &'a str) -> BoxFuture<'a, Result<Login, LoginError>> {
        ready(Err(LoginError::HelperName("x".to_owned()))).boxed()
    }
}

#[tokio::test]
async fn oci_client_6_a_login_that_cannot_be_found_out_is_not_anonymous() {
    let fixture = Fixture::new().await;
    let mut options = options();
    options.logins = Arc::new(Broken);
    let client = Client::new(options).unwrap();
    let refused = client
        .resolve(&fixture.pinned(), patient())
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::Login { .. }), "{refused:?}");
    assert_eq!(refused.kind(), FailureKind::Unknown);
    assert!(fixture.registry.requests().is_empty());
}

#[tokio::test]
async fn an_observer_hears_what_each_request_was_for() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let mut options = options();
    options.http.observer = Some(Observer::new(move |exchange| {
        let note = (exchange.kind, exchange.outcome);
        notes.lock().unwrap().push(note);
    }));
    let builder = Registry::builder().auth(Auth::Bearer(Bearer::anonymous()));
    let fixture = Fixture::with(builder, options).await;
    fixture.everything().await.unwrap();
    let expected = [
        ("manifest", 401),
        ("token", 200),
        ("manifest", 200),
        ("referrers", 200),
        ("manifest", 200),
        ("blob", 200),
    ];
    let expected = expected.map(|(kind, status)| (kind, Outcome::Status(status)));
    assert_eq!(*seen.lock().unwrap(), expected);
}
