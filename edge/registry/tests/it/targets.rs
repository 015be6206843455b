//! Decision 30: what a server does not ask, whoever names it.

use std::net::IpAddr;

use ratify_http::Lookup;
use ratify_oci::Reference;
use ratify_registry::{Client, Error, FailureKind, Options, RegistryOptions};
use ratify_testkit::registry::{Auth, Bearer, Fault, Kind, Match, Registry, Times};

use crate::fixture::{Fixture, options, patient};

fn entry(host: String) -> RegistryOptions {
    RegistryOptions {
        host,
        plain_http: true,
        ..RegistryOptions::default()
    }
}

fn guarded(registries: Vec<RegistryOptions>) -> Options {
    Options {
        guarded: true,
        registries,
        ..options()
    }
}

fn client(registries: Vec<RegistryOptions>) -> Client {
    Client::new(guarded(registries)).unwrap()
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, Error>, to: &str, why: &str) {
    match outcome {
        Err(error @ Error::TargetRefused { .. }) => {
            assert_eq!(error.kind(), FailureKind::Unknown);
            let text = error.to_string();
            assert!(
                text.starts_with(&format!("`{to}` leads to {why}")),
                "{text}"
            );
            assert!(text.contains("`registries`"), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn att_34_a_loopback_registry_is_asked_only_if_it_is_configured() {
    let fixture = Fixture::new().await;
    let host = fixture.registry.host();
    let nobody = Fixture {
        client: client(Vec::new()),
        ..fixture
    };
    assert_refused(nobody.resolve().await, &host, "a loopback address");
    assert!(nobody.registry.requests().is_empty());
    let known = Fixture {
        client: client(vec![entry(host)]),
        ..nobody
    };
    known.everything().await.unwrap();
}

#[tokio::test]
async fn att_34_a_name_that_leads_to_loopback_is_not_asked() {
    let fixture = Fixture::new().await;
    let port = fixture
        .registry
        .host()
        .rsplit_once(':')
        .unwrap()
        .1
        .to_owned();
    let reference = format!("reg.example:{port}/team/app:v1");
    let reference: Reference = reference.parse().unwrap();
    let lookup = Lookup::new(|_| {
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        Box::pin(std::future::ready(Ok(vec![loopback])))
    });
    let mut options = guarded(Vec::new());
    options.plain_http_all = true;
    options.http.lookup = lookup.clone();
    let outcome = Client::new(options)
        .unwrap()
        .resolve(&reference, patient())
        .await;
    assert_refused(
        outcome,
        &format!("reg.example:{port}"),
        "a loopback address",
    );
    assert!(fixture.registry.requests().is_empty());

    let mut options = guarded(vec![entry(format!("reg.example:{port}"))]);
    options.http.lookup = lookup;
    let client = Client::new(options).unwrap();
    client.resolve(&reference, patient()).await.unwrap();
}

#[tokio::test]
async fn att_34_a_token_service_on_link_local_is_not_asked() {
    for (realm, host, why) in [
        (
            "http://169.254.169.254/token",
            "169.254.169.254:80",
            "a link-local address",
        ),
        (
            "http://127.0.0.1:9/token",
            "127.0.0.1:9",
            "a loopback address",
        ),
        (
            "https://localhost/token",
            "localhost:443",
            "a loopback address",
        ),
        (
            "http://metadata.google.internal/computeMetadata/v1/",
            "metadata.google.internal:80",
            "the metadata service of a cloud",
        ),
    ] {
        let bearer = Bearer {
            realm: Some(realm.to_owned()),
            ..Bearer::anonymous()
        };
        let fixture = Fixture::of(Registry::builder().auth(Auth::Bearer(bearer))).await;
        let client = client(vec![entry(fixture.registry.host())]);
        let fixture = Fixture { client, ..fixture };
        assert_refused(fixture.resolve().await, host, why);
    }
}

#[tokio::test]
async fn a_token_service_that_is_configured_is_asked() {
    let tokens = Registry::builder()
        .auth(Auth::Bearer(Bearer::anonymous()))
        .start()
        .await
        .unwrap();
    let bearer = Bearer {
        realm: Some(format!("{}/token", tokens.base_url())),
        ..Bearer::anonymous()
    };
    let fixture = Fixture::of(Registry::builder().auth(Auth::Bearer(bearer))).await;
    let mut known = entry(fixture.registry.host());
    known.token_hosts = vec![tokens.host()];
    let fixture = Fixture {
        client: client(vec![known]),
        ..fixture
    };
    // its tokens are of no use here, but it was asked for one
    fixture.resolve().await.unwrap_err();
    assert_eq!(tokens.count(Kind::Token), 1);
}

#[tokio::test]
async fn att_34_content_that_is_redirected_to_a_metadata_service_is_not_fetched() {
    for (to, host, why) in [
        (
            "http://169.254.169.254{path}",
            "169.254.169.254:80",
            "a link-local address",
        ),
        (
            "http://[fd00:ec2::254]{path}",
            "[fd00:ec2::254]:80",
            "the metadata service of a cloud",
        ),
    ] {
        let fixture = Fixture::new().await;
        fixture.registry.fault(
            Match::Kind(Kind::Blob),
            Times::Always,
            Fault::Redirect(to.to_owned(), 307),
        );
        let client = client(vec![entry(fixture.registry.host())]);
        let fixture = Fixture { client, ..fixture };
        let blob = fixture.blob(fixture.layer()).await;
        assert_refused(blob, host, why);
    }
}

#[tokio::test]
async fn a_mirror_is_configured_by_being_a_mirror() {
    let fixture = Fixture::new().await;
    let mirrored = RegistryOptions {
        mirror: Some(fixture.registry.host()),
        ..entry("reg.example".to_owned())
    };
    let mut options = guarded(vec![mirrored]);
    options.loopback_http = true;
    let client = Client::new(options).unwrap();
    let reference: Reference = "reg.example/team/app:v1".parse().unwrap();
    client.resolve(&reference, patient()).await.unwrap();
    assert_eq!(fixture.registry.requests().len(), 1);
}
