//! Redirects and TLS: where credentials and content may come from (attack catalogue T-34).

use std::sync::Arc;

use ratify_registry::{Certificates, Client, Error, FailureKind, FixedLogins, RegistryOptions};
use ratify_testkit::certs::{Authority, Template};
use ratify_testkit::registry::{Auth, Bearer, Fault, Kind, Login, Match, Registry, Times};

use crate::fixture::{ENVELOPE, Fixture, REPOSITORY, basic, options, patient};

fn to(registry: &Registry) -> Fault {
    Fault::Redirect(format!("{}{{path}}", registry.base_url()), 307)
}

#[tokio::test]
async fn att_34_storage_behind_a_redirect_sees_no_credential() {
    let storage = Registry::start().await.unwrap();
    storage.push_blob(REPOSITORY, ENVELOPE);
    for auth in [
        Auth::Bearer(Bearer::login("u", "p")),
        Auth::Basic(Login::new("u", "p")),
    ] {
        storage.clear_requests();
        let fixture = Fixture::with_login(auth, basic("u", "p")).await;
        fixture
            .registry
            .fault(Match::Kind(Kind::Blob), Times::Always, to(&storage));
        assert_eq!(
            fixture.blob(fixture.layer()).await.unwrap().bytes(),
            ENVELOPE
        );
        let seen = storage.requests();
        assert_eq!((seen.len(), &seen[0].authorization), (1, &None));
    }
}

#[tokio::test]
async fn att_34_storage_behind_a_redirect_cannot_ask_for_a_login() {
    let auth = Auth::Basic(Login::new("u", "p"));
    let storage = Registry::builder()
        .auth(auth.clone())
        .start()
        .await
        .unwrap();
    let fixture = Fixture::with_login(auth, basic("u", "p")).await;
    fixture
        .registry
        .fault(Match::Kind(Kind::Blob), Times::Always, to(&storage));
    let refused = fixture.blob(fixture.layer()).await.unwrap_err();
    assert!(
        matches!(refused, Error::UnexpectedStatus { .. }),
        "{refused:?}"
    );
    assert_eq!(refused.kind(), FailureKind::Unknown);
    assert!(
        storage
            .requests()
            .iter()
            .all(|request| request.authorization.is_none())
    );
    fixture.resolve().await.unwrap(); // and the registry itself is not blamed
}

#[tokio::test]
async fn att_02_storage_behind_a_redirect_is_checked_like_the_registry() {
    let storage = Registry::start().await.unwrap();
    storage.push_blob(REPOSITORY, ENVELOPE);
    storage.fault(Match::Any, Times::Always, Fault::WrongBytes);
    let fixture = Fixture::new().await;
    fixture
        .registry
        .fault(Match::Kind(Kind::Blob), Times::Always, to(&storage));
    assert!(matches!(
        fixture.blob(fixture.layer()).await,
        Err(Error::Mismatch { .. })
    ));
}

#[tokio::test]
async fn redirects_without_end_are_unknown() {
    let fixture = Fixture::new().await;
    let here = Fault::Redirect("{path}".to_owned(), 302);
    fixture.registry.fault(Match::Any, Times::Always, here);
    let lost = fixture.resolve().await.unwrap_err();
    assert!(matches!(lost, Error::Redirect(_)), "{lost:?}");
    assert_eq!(
        (lost.kind(), fixture.registry.requests().len()),
        (FailureKind::Unknown, 6)
    );
}

/// A registry with TLS, and options that know its authority.
async fn secure(auth: Auth) -> (Fixture, Authority) {
    let authority = Authority::new("Test TLS");
    let chain = authority.issue(&Template::tls_server(&["127.0.0.1", "localhost"]));
    let fixture = Fixture::of(Registry::builder().tls(&chain).auth(auth)).await;
    (fixture, authority)
}

fn client_for(fixture: &Fixture, authority: &Authority) -> Client {
    let host = fixture.registry.host();
    let mut options = options();
    options.logins = Arc::new(FixedLogins::new([(host.clone(), basic("u", "p"))]));
    options.registries = vec![RegistryOptions {
        host,
        authorities: Some(Certificates::from_pem(authority.pem().as_bytes()).unwrap()),
        ..RegistryOptions::default()
    }];
    Client::new(options).unwrap()
}

#[tokio::test]
async fn a_registry_with_its_own_authority_is_asked_with_tls_even_on_loopback() {
    let (fixture, authority) = secure(Auth::Bearer(Bearer::login("u", "p"))).await;
    let client = client_for(&fixture, &authority);
    let fixture = Fixture { client, ..fixture };
    fixture.everything().await.unwrap();
    assert_eq!(fixture.client.counts().total(), 6);
}

#[tokio::test]
async fn a_registry_with_an_unknown_authority_is_unknown() {
    let (fixture, _) = secure(Auth::None).await;
    let mut options = options();
    options.loopback_http = false;
    let client = Client::new(options).unwrap();
    let refused = client
        .resolve(&fixture.pinned(), patient())
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::Tls(_)), "{refused:?}");
    assert_eq!(refused.kind(), FailureKind::Unknown);
    let wrong = client_for(
        &fixture,
        &Authority::of_kind("Other", ratify_testkit::keys::KeyKind::P384),
    );
    assert!(matches!(
        wrong.resolve(&fixture.pinned(), patient()).await,
        Err(Error::Tls(_))
    ));
}

#[tokio::test]
async fn att_34_tls_never_leads_to_plain_http() {
    let plain = Registry::start().await.unwrap();
    let (fixture, authority) = secure(Auth::None).await;
    let client = client_for(&fixture, &authority);
    fixture
        .registry
        .fault(Match::Any, Times::Always, to(&plain));
    let refused = client
        .resolve(&fixture.pinned(), patient())
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::Redirect(_)), "{refused:?}");
    assert!(plain.requests().is_empty());
}

#[tokio::test]
async fn att_34_tls_never_leads_to_a_token_service_without_it() {
    let plain = Registry::builder().auth(Auth::Bearer(Bearer::login("u", "p")));
    let plain = plain.start().await.unwrap();
    let mut bearer = Bearer::login("u", "p");
    bearer.realm = Some(format!("{}/token", plain.base_url()));
    let (fixture, authority) = secure(Auth::Bearer(bearer)).await;
    let client = client_for(&fixture, &authority);
    let refused = client
        .resolve(&fixture.pinned(), patient())
        .await
        .unwrap_err();
    assert!(
        matches!(refused, Error::InsecureRealm { .. }),
        "{refused:?}"
    );
    assert!(plain.requests().is_empty());
}

#[tokio::test]
async fn att_34_a_configured_token_service_sees_the_login() {
    let authority = Authority::new("Test TLS");
    let chain = authority.issue(&Template::tls_server(&["127.0.0.1"]));
    let builder = Registry::builder().tls(&chain);
    let service = builder
        .auth(Auth::Bearer(Bearer::login("u", "p")))
        .start()
        .await
        .unwrap();
    let mut bearer = Bearer::login("u", "p");
    bearer.realm = Some(format!("{}/token", service.base_url()));
    let fixture = Fixture::of(Registry::builder().tls(&chain).auth(Auth::Bearer(bearer))).await;
    let entry = |host: String, token_hosts| RegistryOptions {
        host,
        authorities: Some(Certificates::from_pem(authority.pem().as_bytes()).unwrap()),
        token_hosts,
        ..RegistryOptions::default()
    };
    for (listed, seen) in [(false, 0), (true, 1)] {
        let token_hosts = if listed {
            vec![service.host()]
        } else {
            Vec::new()
        };
        let mut options = options();
        let host = fixture.registry.host();
        options.logins = Arc::new(FixedLogins::new([(host.clone(), basic("u", "p"))]));
        options.registries = vec![entry(host, token_hosts), entry(service.host(), Vec::new())];
        let client = Client::new(options).unwrap();
        service.clear_requests();
        // Either way the token of another registry is not taken here.
        assert!(client.resolve(&fixture.pinned(), patient()).await.is_err());
        let with_login = service
            .requests()
            .iter()
            .filter(|one| one.authorization.is_some())
            .count();
        assert_eq!(with_login, seen);
    }
}

#[tokio::test]
async fn a_mirror_is_asked_in_place_of_the_registry() {
    let fixture = Fixture::new().await;
    fixture
        .registry
        .push_image("hub/library/nginx", "1", &fixture.image);
    let mut options = options();
    options.registries = vec![RegistryOptions {
        host: "docker.io".to_owned(),
        mirror: Some(format!("{}/hub", fixture.registry.host())),
        ..RegistryOptions::default()
    }];
    let client = Client::new(options).unwrap();
    let resolved = client
        .resolve(&"nginx:1".parse().unwrap(), patient())
        .await
        .unwrap();
    assert_eq!(&resolved.descriptor, fixture.image.descriptor());
}
