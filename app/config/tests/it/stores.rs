//! How registries are reached, shown by the verdict over a signed image.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ratify_config::LoadOptions;
use ratify_http::Observer;
use ratify_testkit::certs::{Authority, Template};
use ratify_testkit::envelope::Scheme;
use ratify_testkit::image::Image;
use ratify_testkit::registry::{Auth, Kind, Login, Registry};
use serde_json::{Value, json};

use crate::home::{minimal, set};
use crate::signed::{REPOSITORY, Signed};

const VERIFIED: &str = "admit VERIFIED";
const COSIGN: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

/// The least configuration, with these members in its store.
fn with_store(members: &Value) -> Value {
    let mut store = json!({ "name": "oras" });
    store
        .as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    set(minimal(), "/store/plugins/0", store)
}

fn trusting(signed: &Signed) {
    signed.home.write("certs/root.pem", signed.root.pem());
}

#[tokio::test]
async fn v_d_23_plain_http_is_for_registries_that_are_named_or_for_all_or_for_loopback() {
    let signed = Signed::new().await;
    trusting(&signed);
    let named = json!({ "registries": [{ "host": signed.registry.host(), "plainHttp": true }] });
    let another = json!({ "registries": [{ "host": "reg.example", "plainHttp": true }] });
    let mirrored = json!({ "registries": [
        { "host": "reg.example", "mirror": signed.registry.host() },
        { "host": signed.registry.host(), "plainHttp": true },
    ] });
    for (store, loopback, admitted) in [
        (json!({}), true, true),
        (named, false, true),
        (json!({ "useHttp": true }), false, true),
        (mirrored, false, true),
        (json!({}), false, false),
        (another, false, false),
    ] {
        let options = LoadOptions {
            allow_loopback_http: loopback,
            ..LoadOptions::default()
        };
        let verdict = signed
            .verdict_of(signed.load_with(with_store(&store), &options))
            .await;
        assert_eq!(verdict == VERIFIED, admitted, "{store} {verdict}");
        assert!(
            admitted || verdict.starts_with("undecided REGISTRY_"),
            "{store} {verdict}"
        );
    }
}

#[tokio::test]
async fn d_19_a_registry_with_its_own_authority_is_reached_by_file_or_text() {
    let authority = Authority::new("registry root");
    let server = authority.issue(&Template::tls_server(&["127.0.0.1"]));
    let signed = Signed::unsigned(Registry::builder().tls(&server)).await;
    signed.sign(Scheme::X509);
    trusting(&signed);
    signed.home.write("ca.pem", authority.pem());
    let host = signed.registry.host();
    let entry =
        |member: &str, value: &str| json!({ "registries": [{ "host": host, member: value }] });
    let other = Authority::new("other root").pem();
    for (store, verdict) in [
        (entry("caFile", "~/ca.pem"), VERIFIED),
        (entry("caBundle", &authority.pem()), VERIFIED),
        (entry("caBundle", &other), "undecided REGISTRY_TLS"),
    ] {
        let loaded = signed.load(with_store(&store));
        assert_eq!(signed.verdict_of(loaded).await, verdict, "{store}");
    }
}

#[tokio::test]
async fn v_5_4_logins_come_from_the_docker_configuration_that_is_named() {
    let login = Login::new("somebody", "secret");
    let signed = Signed::unsigned(Registry::builder().auth(Auth::Basic(login))).await;
    signed.sign(Scheme::X509);
    trusting(&signed);
    // base64 of `somebody:secret`
    let auths = json!({ "auths": { signed.registry.host(): { "auth": "c29tZWJvZHk6c2VjcmV0" } } });
    signed.home.write("logins.json", auths.to_string());
    let named = |path: &str| {
        with_store(&json!({ "authProvider": { "name": "dockerConfig", "configPath": path } }))
    };
    assert_eq!(signed.verdict(named("~/logins.json")).await, VERIFIED);
    assert_eq!(
        signed.verdict(named("~/docker.json")).await,
        "undecided REGISTRY_UNAUTHORIZED"
    );
    assert_eq!(
        signed.verdict(named("~/none.json")).await,
        "undecided CREDENTIAL_UNAVAILABLE"
    );
}

/// The least configuration and a verifier for Cosign signatures.
fn with_cosign(enabled: bool) -> Value {
    let mut config = with_store(&json!({ "cosignEnabled": enabled }));
    let verifiers = config
        .pointer_mut("/verifier/plugins")
        .unwrap()
        .as_array_mut()
        .unwrap();
    verifiers.push(json!({ "name": "cosign", "artifactTypes": COSIGN }));
    config
}

#[tokio::test]
async fn v_5_2_a_cosign_signature_under_its_tag_is_not_overlooked() {
    let signed = Signed::new().await;
    trusting(&signed);
    assert_eq!(
        signed.verdict(with_cosign(true)).await,
        VERIFIED,
        "there is none"
    );
    let tag = format!("sha256-{}.sig", signed.image.descriptor().digest.hex());
    let signature = Image::new("what a signature looks like is not looked at");
    signed.registry.push_image(REPOSITORY, &tag, &signature);
    assert_eq!(
        signed.verdict(with_cosign(true)).await,
        "deny VERIFIER_UNAVAILABLE"
    );
    assert_eq!(
        signed.verdict(with_cosign(false)).await,
        VERIFIED,
        "v1.4 does not look either"
    );
}

#[tokio::test]
async fn the_cosign_tag_is_not_asked_for_where_nobody_reads_it() {
    let signed = Signed::new().await;
    trusting(&signed);
    let config = with_store(&json!({ "cosignEnabled": true }));
    assert_eq!(signed.verdict(config).await, VERIFIED);
    let without = signed.registry.count(Kind::Manifest);
    signed.registry.clear_requests();
    assert_eq!(signed.verdict(with_cosign(true)).await, VERIFIED);
    assert_eq!(signed.registry.count(Kind::Manifest), without + 1);
}

#[tokio::test]
async fn decision_30_a_guarded_client_asks_registries_on_this_machine_only_if_they_are_named() {
    let signed = Signed::new().await;
    trusting(&signed);
    let guarded = LoadOptions {
        guarded: true,
        ..LoadOptions::default()
    };
    let named = json!({ "registries": [{ "host": signed.registry.host(), "plainHttp": true }] });
    let plain = json!({ "useHttp": true });
    for (store, verdict) in [(named, VERIFIED), (plain, "undecided REGISTRY_UNREACHABLE")] {
        let loaded = signed.load_with(with_store(&store), &guarded);
        signed.registry.clear_requests();
        assert_eq!(signed.verdict_of(loaded).await, verdict, "{store}");
        let asked = !signed.registry.requests().is_empty();
        assert_eq!(asked, verdict == VERIFIED, "{store}");
    }
}

#[tokio::test]
async fn an_observer_hears_of_each_request() {
    let signed = Signed::new().await;
    trusting(&signed);
    let heard = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&heard);
    let options = LoadOptions {
        allow_loopback_http: true,
        observer: Some(Observer::new(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        })),
        ..LoadOptions::default()
    };
    let loaded = signed.load_with(with_store(&json!({})), &options);
    assert_eq!(signed.verdict_of(loaded).await, VERIFIED);
    assert_eq!(
        heard.load(Ordering::Relaxed),
        signed.registry.requests().len()
    );
}
