//! Thirteen things that a widely used client does wrong, each as a test of this one. (Three more stand beside the code
//! they are about: 6 with the logins, 7 with tokens and schemes, 10 with certificate bundles.)

use std::sync::Arc;

use ratify_http::Proxies;
use ratify_registry::{Client, Error, Login, Options, RegistryOptions, Source};
use ratify_testkit::certs::{Authority, Template};
use ratify_testkit::registry::{Auth, Bearer, Fault, Kind, Match, Registry, Times};

use crate::fixture::{
    Changing, Fixture, REPOSITORY, SIGNATURE, basic, client_with, options, patient,
};

#[tokio::test]
async fn oci_client_1_all_pages_are_read() {
    let fixture = Fixture::of(Registry::builder().page_size(1)).await;
    fixture
        .registry
        .many_referrers(REPOSITORY, fixture.image.descriptor(), SIGNATURE, 4);
    assert_eq!(fixture.referrers().await.unwrap().descriptors.len(), 5);
    assert_eq!(fixture.registry.count(Kind::Referrers), 5);
}

#[tokio::test]
async fn oci_client_2_a_missing_filter_header_does_not_let_others_in() {
    let fixture = Fixture::new().await;
    fixture
        .registry
        .fault(Match::Any, Times::Always, Fault::Unfiltered);
    let digest = &fixture.image.descriptor().digest;
    let none = fixture
        .client
        .referrers(&fixture.repository(), digest, Some("zzz"), patient())
        .await;
    assert!(none.unwrap().descriptors.is_empty());
}

#[tokio::test]
async fn oci_client_3_a_refusal_in_the_fallback_is_not_an_empty_list() {
    for status in [401, 403, 429, 500] {
        let fixture = Fixture::without_api().await;
        let kind = Match::Kind(Kind::ReferrersTag);
        fixture
            .registry
            .fault(kind, Times::Always, Fault::Status(status));
        let refused = fixture.referrers().await;
        assert!(refused.is_err(), "{status}: {refused:?}");
    }
}

#[tokio::test]
async fn oci_client_4_a_registry_that_does_not_know_the_path_falls_back() {
    for status in [400, 405] {
        let fixture = Fixture::without_api().await;
        fixture.registry.fault(
            Match::Kind(Kind::Referrers),
            Times::Always,
            Fault::Status(status),
        );
        assert_eq!(fixture.referrers().await.unwrap().source, Source::TagSchema);
    }
}

#[tokio::test]
async fn oci_client_5_new_credentials_replace_old_ones() {
    let fixture =
        Fixture::of(Registry::builder().auth(Auth::Bearer(Bearer::login("u", "new")))).await;
    let logins = Arc::new(Changing::new(basic("u", "old")));
    let mut options = options();
    options.logins = logins.clone();
    let client = Client::new(options).unwrap();
    assert!(client.resolve(&fixture.pinned(), patient()).await.is_err());
    logins.set(basic("u", "new"));
    client.resolve(&fixture.pinned(), patient()).await.unwrap();
    // And a token that was given for the new login does not serve the old one.
    logins.set(basic("u", "older"));
    assert!(client.resolve(&fixture.pinned(), patient()).await.is_err());
}

#[tokio::test]
async fn oci_client_6_a_failing_token_service_is_an_error_and_nothing_goes_out_without_token() {
    let fixture = Fixture::of(Registry::builder().auth(Auth::Bearer(Bearer::anonymous()))).await;
    fixture
        .registry
        .fault(Match::Kind(Kind::Token), Times::Always, Fault::Status(500));
    let failed = fixture.resolve().await;
    assert!(
        matches!(failed, Err(Error::ServerError { .. })),
        "{failed:?}"
    );
    assert_eq!(
        fixture.registry.count(Kind::Manifest),
        1,
        "only the one that was challenged"
    );
}

#[tokio::test]
async fn oci_client_7_identity_tokens_and_a_second_challenge_work() {
    let auth = Auth::Bearer(Bearer::identity_token("t"));
    let fixture = Fixture::with_login(auth, Login::IdentityToken("t".into())).await;
    fixture.resolve().await.unwrap();
    fixture.registry.revoke_tokens();
    fixture.resolve().await.unwrap();
    assert_eq!(fixture.registry.count(Kind::Token), 2);
}

#[tokio::test]
async fn oci_client_8_one_503_is_no_failure() {
    let fixture = Fixture::new().await;
    fixture
        .registry
        .fault(Match::Any, Times::EveryNth(2), Fault::Status(503));
    fixture.everything().await.unwrap();
}

#[tokio::test]
async fn oci_client_9_manifests_error_bodies_and_tokens_are_bounded() {
    let fixture = Fixture::new().await;
    fixture
        .registry
        .fault(Match::Any, Times::Always, Fault::EndlessBody);
    for reference in [fixture.tagged(), fixture.pinned()] {
        let refused = fixture.client.resolve(&reference, patient()).await;
        assert!(
            matches!(refused, Err(Error::TooLarge { .. })),
            "{refused:?}"
        );
    }
    fixture
        .registry
        .fault(Match::Any, Times::Always, Fault::Status(404));
    let missing = fixture.resolve().await;
    assert!(
        matches!(missing, Err(Error::NotFound { .. })),
        "{missing:?}"
    );
}

#[tokio::test]
async fn oci_client_10_options_that_cannot_be_kept_make_no_client() {
    let authority = Authority::new("CA");
    let certificates = ratify_registry::Certificates::from_pem(authority.pem().as_bytes()).unwrap();
    let contradiction = RegistryOptions {
        host: "reg.io".to_owned(),
        authorities: Some(certificates),
        plain_http: true,
        ..RegistryOptions::default()
    };
    for registries in [vec![contradiction], vec![RegistryOptions::default()]] {
        let options = Options {
            registries,
            ..Options::default()
        };
        assert!(Client::new(options).is_err());
    }
}

#[tokio::test]
async fn oci_client_11_the_client_says_who_it_is_and_keeps_a_total_deadline() {
    let mut options = options();
    "ratify/9.9 (test)".clone_into(&mut options.http.user_agent);
    options.http.proxies = Proxies::Off;
    let fixture = Fixture::with(Registry::builder(), options).await;
    fixture.resolve().await.unwrap();
    let agent = fixture.registry.requests()[0].user_agent.clone();
    assert_eq!(agent.as_deref(), Some("ratify/9.9 (test)"));
    fixture
        .registry
        .fault(Match::Any, Times::Always, Fault::Stall);
    let late = fixture
        .client
        .resolve(&fixture.pinned(), crate::fixture::soon())
        .await;
    assert!(matches!(late, Err(Error::Timeout(_))), "{late:?}");
}

#[tokio::test]
async fn oci_client_12_the_media_type_is_part_of_what_is_resolved() {
    let fixture = Fixture::new().await;
    let resolved = fixture.resolve().await.unwrap();
    assert!(resolved.descriptor.same_content(fixture.image.descriptor()));
}

#[tokio::test]
async fn oci_client_13_registries_with_different_authorities_share_one_client() {
    let mut fixtures = Vec::new();
    let mut options = options();
    for name in ["one", "two"] {
        let authority = Authority::new(name);
        let chain = authority.issue(&Template::tls_server(&["127.0.0.1"]));
        let fixture = Fixture::of(Registry::builder().tls(&chain)).await;
        options.registries.push(RegistryOptions {
            host: fixture.registry.host(),
            authorities: Some(
                ratify_registry::Certificates::from_pem(authority.pem().as_bytes()).unwrap(),
            ),
            ..RegistryOptions::default()
        });
        fixtures.push(fixture);
    }
    fixtures.push(Fixture::new().await);
    let client = Client::new(options).unwrap();
    for fixture in &fixtures {
        client.resolve(&fixture.pinned(), patient()).await.unwrap();
    }
    let anonymous = client_with(&fixtures[0].registry, Login::Anonymous);
    assert!(
        anonymous
            .resolve(&fixtures[0].pinned(), patient())
            .await
            .is_err()
    );
}
