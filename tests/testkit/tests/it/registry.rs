//! The registry when it tells the truth.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use ratify_oci::{Descriptor, Digest, media};
use ratify_testkit::certs::{Authority, Template};
use ratify_testkit::envelope::{Format, SIGNATURE_ARTIFACT_TYPE};
use ratify_testkit::image::{Image, ImageIndex, SignatureManifest};
use ratify_testkit::registry::{Auth, Bearer, Fault, Kind, Login, Match, Registry, Times};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;

use crate::client::{Reply, exchange, get, send};

fn signature(image: &Image, envelope: &[u8]) -> ratify_testkit::image::Signature {
    SignatureManifest::new(image.descriptor(), Format::Jws, envelope).build()
}

fn listed(reply: &Reply) -> Vec<Descriptor> {
    let index: ratify_oci::Index = serde_json::from_slice(&reply.body).unwrap();
    index.manifests
}

#[tokio::test]
async fn serves_manifests_blobs_and_tags() {
    let registry = Registry::start().await.unwrap();
    let image = Image::new("a");
    let pushed = registry.push_image("team/app", "v1", &image);
    assert_eq!(pushed, *image.descriptor());
    let digest = pushed.digest.as_str();
    for target in ["v1", digest] {
        let path = format!("/v2/team/app/manifests/{target}");
        let reply = get(&registry, &path).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.body, image.packed().bytes);
        assert_eq!(reply.header("content-type"), Some(media::OCI_MANIFEST));
        assert_eq!(reply.header("docker-content-digest"), Some(digest));
        let head = send(&registry, "HEAD", &path, &[], b"").await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        let length = image.packed().bytes.len().to_string();
        assert_eq!(head.header("content-length"), Some(length.as_str()));
        assert_eq!(head.header("docker-content-digest"), Some(digest));
    }
    for blob in &image.packed().blobs {
        let path = format!("/v2/team/app/blobs/{}", Digest::sha256(blob));
        assert_eq!(get(&registry, &path).await.body, *blob);
    }
    let tags = get(&registry, "/v2/team/app/tags/list").await.json();
    assert_eq!(
        tags,
        serde_json::json!({"name": "team/app", "tags": ["v1"]})
    );
    assert_eq!(get(&registry, "/v2/").await.status, 200);

    let check = |reply: Reply, code: &str| {
        assert_eq!(reply.status, 404);
        assert_eq!(reply.json()["errors"][0]["code"], code);
    };
    check(
        get(&registry, "/v2/team/app/manifests/v2").await,
        "MANIFEST_UNKNOWN",
    );
    check(
        get(&registry, "/v2/team/app/blobs/sha256:00").await,
        "BLOB_UNKNOWN",
    );
    check(
        get(&registry, "/v2/nobody/manifests/v1").await,
        "NAME_UNKNOWN",
    );
    registry.delete("team/app", &pushed);
    check(
        get(&registry, "/v2/team/app/manifests/v1").await,
        "MANIFEST_UNKNOWN",
    );
    registry.stop().await;
}

#[tokio::test]
async fn indexes_bring_their_images() {
    let registry = Registry::start().await.unwrap();
    let index = ImageIndex::new("a");
    registry.push_index("app", "v1", &index);
    assert_eq!(index.images().len(), 2);
    for image in index.images() {
        let path = format!("/v2/app/manifests/{}", image.descriptor().digest);
        assert_eq!(get(&registry, &path).await.body, image.packed().bytes);
    }
    let reply = get(&registry, "/v2/app/manifests/v1").await;
    assert_eq!(reply.header("content-type"), Some(media::OCI_INDEX));
    assert_eq!(
        listed(&reply)[1].platform.as_ref().unwrap().architecture,
        "arm64"
    );
}

#[tokio::test]
async fn referrers_are_filtered_and_paged() {
    let registry = Registry::builder().page_size(2).start().await.unwrap();
    let image = Image::new("a");
    let subject = registry.push_image("app", "v1", &image);
    for number in 0..4_u8 {
        registry.attach("app", &signature(&image, &[number]));
    }
    registry.many_referrers("app", &subject, "application/other", 1);
    let path = format!("/v2/app/referrers/{}", subject.digest);
    let whole = format!("{path}?artifactType=application%2Fvnd.cncf.notary.signature");
    let first = get(&registry, &whole).await;
    assert_eq!(first.header("oci-filters-applied"), Some("artifactType"));
    assert_eq!(first.header("content-type"), Some(media::OCI_INDEX));
    assert_eq!(listed(&first).len(), 2);
    let link = first.header("link").unwrap();
    let next = link
        .strip_prefix('<')
        .unwrap()
        .strip_suffix(">; rel=\"next\"")
        .unwrap();
    let second = get(&registry, next).await;
    assert_eq!(listed(&second).len(), 2);
    assert_eq!(second.header("link"), None);
    let all: Vec<_> = [listed(&first), listed(&second)].concat();
    assert!(
        all.iter()
            .all(|r| r.artifact_type.as_deref() == Some(SIGNATURE_ARTIFACT_TYPE))
    );
    let manifest = get(&registry, &format!("/v2/app/manifests/{}", all[0].digest)).await;
    assert_eq!(manifest.status, 200);

    let unfiltered = get(&registry, &path).await;
    assert_eq!(unfiltered.header("oci-filters-applied"), None);
    let nothing = get(
        &registry,
        &format!("/v2/app/referrers/{}", Digest::sha256(b"x")),
    )
    .await;
    assert_eq!((nothing.status, listed(&nothing).len()), (200, 0));
    assert_eq!(registry.count(Kind::Referrers), 4);
    assert_eq!(registry.count(Kind::Manifest), 1);
    registry.clear_requests();
    assert!(registry.requests().is_empty());
}

#[tokio::test]
async fn without_the_api_referrers_stand_under_a_tag() {
    let registry = Registry::builder()
        .referrers_api(false)
        .start()
        .await
        .unwrap();
    let image = Image::new("a");
    let subject = registry.push_image("app", "v1", &image);
    let path = format!("/v2/app/referrers/{}", subject.digest);
    assert_eq!(get(&registry, &path).await.status, 404);
    let tag = format!("/v2/app/manifests/{}", subject.digest.referrers_tag());
    assert_eq!(get(&registry, &tag).await.status, 404);
    let attached = registry.attach("app", &signature(&image, b"1"));
    registry.attach("app", &signature(&image, b"2"));
    let reply = get(&registry, &tag).await;
    assert_eq!(reply.header("content-type"), Some(media::OCI_INDEX));
    assert_eq!(listed(&reply).len(), 2);
    assert_eq!(listed(&reply)[0].digest, attached.digest);
    assert_eq!(registry.count(Kind::ReferrersTag), 2);

    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"a/b","digest":"{}","size":1}}]}}"#,
        Digest::sha256(b"pushed by a client")
    );
    let kind = [("content-type", media::OCI_INDEX)];
    let put = send(&registry, "PUT", &tag, &kind, index.as_bytes()).await;
    assert_eq!(put.status, 201);
    registry.attach("app", &signature(&image, b"3"));
    assert_eq!(listed(&get(&registry, &tag).await).len(), 4);
}

#[tokio::test]
async fn ten_thousand_referrers_are_listed_at_once() {
    for api in [true, false] {
        let registry = Registry::builder()
            .referrers_api(api)
            .start()
            .await
            .unwrap();
        let subject = registry.push_image("app", "v1", &Image::new("a"));
        registry.many_referrers("app", &subject, SIGNATURE_ARTIFACT_TYPE, 10_000);
        let path = if api {
            format!("/v2/app/referrers/{}", subject.digest)
        } else {
            format!("/v2/app/manifests/{}", subject.digest.referrers_tag())
        };
        assert_eq!(listed(&get(&registry, &path).await).len(), 10_000);
    }
}

#[tokio::test]
async fn basic_login_is_asked_for_and_logged() {
    let login = Login::new("user", "pass");
    let auth = Auth::Basic(login.clone());
    let registry = Registry::builder().auth(auth).start().await.unwrap();
    let refused = get(&registry, "/v2/").await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.header("www-authenticate"),
        Some("Basic realm=\"testkit\"")
    );
    let right = login.authorization();
    let reply = send(&registry, "GET", "/v2/", &[("authorization", &right)], b"").await;
    assert_eq!(reply.status, 200);
    let wrong = Login::new("user", "word").authorization();
    let reply = send(&registry, "GET", "/v2/", &[("authorization", &wrong)], b"").await;
    assert_eq!(reply.status, 401);
    let log = registry.requests();
    assert_eq!(log[0].authorization, None);
    assert_eq!(log[1].authorization, Some(right));
    assert_eq!(
        log.iter().map(|r| r.status).collect::<Vec<_>>(),
        [Some(401), Some(200), Some(401)]
    );
}

async fn with_token(registry: &Registry, path: &str, token: &serde_json::Value) -> Reply {
    let value = format!("Bearer {}", token.as_str().unwrap());
    send(registry, "GET", path, &[("authorization", &value)], b"").await
}

#[tokio::test]
async fn bearer_tokens_hold_for_their_scope_and_time() {
    let auth = Auth::Bearer(Bearer::login("user", "pass"));
    let registry = Registry::builder().auth(auth).start().await.unwrap();
    registry.push_image("app", "v1", &Image::new("a"));
    registry.push_image("other", "v1", &Image::new("a"));
    let challenge = get(&registry, "/v2/app/manifests/v1").await;
    assert_eq!(challenge.status, 401);
    let expected = format!(
        "Bearer realm=\"{}/token\",service=\"testkit\",scope=\"repository:app:pull\"",
        registry.base_url()
    );
    assert_eq!(
        challenge.header("www-authenticate"),
        Some(expected.as_str())
    );

    let path = "/token?service=testkit&scope=repository%3Aapp%3Apull";
    assert_eq!(get(&registry, path).await.status, 401);
    let login = Login::new("user", "pass").authorization();
    let reply = send(&registry, "GET", path, &[("authorization", &login)], b"")
        .await
        .json();
    assert_eq!(reply["expires_in"], 300);
    let token = &reply["token"];
    let good = with_token(&registry, "/v2/app/manifests/v1", token).await;
    assert_eq!(good.status, 200);
    let other = with_token(&registry, "/v2/other/manifests/v1", token).await;
    assert_eq!(other.status, 401);
    assert!(
        other
            .header("www-authenticate")
            .unwrap()
            .contains("insufficient_scope")
    );
    registry.revoke_tokens();
    let late = with_token(&registry, "/v2/app/manifests/v1", token).await;
    assert!(
        late.header("www-authenticate")
            .unwrap()
            .contains("invalid_token")
    );
    assert_eq!(registry.count(Kind::Token), 2);
}

#[tokio::test]
async fn a_token_without_lifetime_is_no_token() {
    let mut bearer = Bearer::anonymous();
    bearer.lifetime = Duration::ZERO;
    let registry = Registry::builder()
        .auth(Auth::Bearer(bearer))
        .start()
        .await
        .unwrap();
    let token = get(&registry, "/token?scope=repository:app:pull")
        .await
        .json();
    let reply = with_token(&registry, "/v2/app/tags/list", &token["token"]).await;
    assert_eq!(reply.status, 401);
}

#[tokio::test]
async fn identity_tokens_are_exchanged_by_post() {
    let auth = Auth::Bearer(Bearer::identity_token("refresh"));
    let registry = Registry::builder().auth(auth).start().await.unwrap();
    registry.push_image("app", "v1", &Image::new("a"));
    let form =
        b"grant_type=refresh_token&refresh_token=refresh&service=testkit&scope=repository:app:pull";
    let reply = send(&registry, "POST", "/token", &[], form).await;
    assert_eq!(reply.status, 200);
    let token = &reply.json()["access_token"];
    assert_eq!(
        with_token(&registry, "/v2/app/manifests/v1", token)
            .await
            .status,
        200
    );
    let form = b"grant_type=refresh_token&refresh_token=other&scope=repository:app:pull";
    assert_eq!(
        send(&registry, "POST", "/token", &[], form).await.status,
        401
    );
    let form = registry.requests()[0].form.clone().unwrap();
    assert!(form.contains("grant_type=refresh_token"));
}

#[tokio::test]
async fn clients_can_push() {
    let registry = Registry::start().await.unwrap();
    let image = Image::new("a");
    registry.push_image("app", "v1", &image);
    let signature = signature(&image, b"envelope");
    for blob in &signature.packed().blobs {
        let digest = Digest::sha256(blob);
        let start = send(&registry, "POST", "/v2/app/blobs/uploads/", &[], b"").await;
        assert_eq!(start.status, 202);
        let location = start.header("location").unwrap();
        let (left, right) = blob.split_at(1);
        let patch = send(&registry, "PATCH", location, &[], left).await;
        assert_eq!(patch.status, 202);
        let wrong = format!("{location}?digest={}", Digest::sha256(b"other"));
        let put = format!("{location}?digest={digest}");
        let done = send(&registry, "PUT", &put, &[], right).await;
        assert_eq!(done.status, 201);
        assert_eq!(send(&registry, "PUT", &wrong, &[], b"").await.status, 404);
        let once = format!("/v2/app/blobs/uploads/?digest={}", Digest::sha256(b"other"));
        let lie = send(&registry, "POST", &once, &[], blob).await;
        assert_eq!(lie.json()["errors"][0]["code"], "DIGEST_INVALID");
        let stored = get(&registry, &format!("/v2/app/blobs/{digest}")).await;
        assert_eq!(stored.body, *blob);
    }
    let path = format!("/v2/app/manifests/{}", signature.descriptor().digest);
    let kind = [("content-type", media::OCI_MANIFEST)];
    let put = send(&registry, "PUT", &path, &kind, &signature.packed().bytes).await;
    assert_eq!(put.status, 201);
    assert_eq!(
        put.header("oci-subject"),
        Some(image.descriptor().digest.as_str())
    );
    let list = get(
        &registry,
        &format!("/v2/app/referrers/{}", image.descriptor().digest),
    )
    .await;
    assert_eq!(listed(&list), [signature.referrer()]);
    let bad = send(&registry, "PUT", &path, &kind, b"{}").await;
    assert_eq!(bad.json()["errors"][0]["code"], "DIGEST_INVALID");
    let bad = send(&registry, "PUT", "/v2/app/manifests/x", &kind, b"no").await;
    assert_eq!(bad.json()["errors"][0]["code"], "MANIFEST_INVALID");
    for path in ["/v2/app/manifests/v1", &path] {
        assert_eq!(send(&registry, "DELETE", path, &[], b"").await.status, 202);
        assert_eq!(get(&registry, path).await.status, 404);
    }
}

/// Registry and client of one private authority.
async fn over_tls(protocols: &[&[u8]]) -> (Registry, tokio_rustls::TlsConnector) {
    let authority = Authority::new("TLS Root");
    let server = authority.issue(&Template::tls_server(&["127.0.0.1", "localhost"]));
    let registry = Registry::builder().tls(&server).start().await.unwrap();
    registry.push_image("app", "v1", &Image::new("a"));
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from(authority.certificate().to_vec()))
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    (registry, tokio_rustls::TlsConnector::from(Arc::new(config)))
}

#[tokio::test]
async fn tls_is_served_with_the_given_chain() {
    let (registry, connector) = over_tls(&[]).await;
    for name in ["127.0.0.1", "localhost"] {
        let tcp = TcpStream::connect(registry.host()).await.unwrap();
        let name = ServerName::try_from(name).unwrap();
        let mut stream = connector.connect(name, tcp).await.unwrap();
        let reply = exchange(&mut stream, "GET", "/v2/app/manifests/v1", &[], b"").await;
        assert_eq!(reply.status, 200);
    }
    assert!(registry.base_url().starts_with("https://127.0.0.1:"));
    assert_eq!(registry.connections(), 2);
    registry.stop().await;
}

#[tokio::test]
async fn http_2_is_spoken_when_asked_for_and_has_faults_too() {
    let (registry, connector) = over_tls(&[b"h2"]).await;
    let tcp = TcpStream::connect(registry.host()).await.unwrap();
    let stream = connector
        .connect(ServerName::try_from("localhost").unwrap(), tcp)
        .await
        .unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (mut client, connection) = hyper::client::conn::http2::handshake(
        hyper_util::rt::TokioExecutor::new(),
        hyper_util::rt::TokioIo::new(stream),
    )
    .await
    .unwrap();
    let driver = tokio::spawn(connection);
    let url = format!("{}/v2/app/manifests/v1", registry.base_url());
    let request = || {
        let request = http::Request::get(&url);
        request
            .body(http_body_util::Empty::<bytes::Bytes>::new())
            .unwrap()
    };
    let truth = Image::new("a").packed().bytes.clone();
    for fault in [None, Some(Fault::Truncate(10)), Some(Fault::Reset), None] {
        registry.clear_faults();
        let healthy = fault.is_none();
        if let Some(fault) = fault {
            registry.fault(Match::Any, Times::Always, fault);
        }
        let body = match client.send_request(request()).await {
            Ok(reply) => reply.into_body().collect().await.ok(),
            Err(_) => None,
        };
        let body = body.map(http_body_util::Collected::to_bytes);
        assert_eq!(body.as_ref() == Some(&truth), healthy, "{body:?}");
        assert!(healthy || body.is_none(), "{body:?}");
    }
    let hosts = registry.requests().into_iter().map(|request| request.host);
    assert!(hosts.into_iter().all(|host| host == Some(registry.host())));
    assert_eq!(registry.connections(), 1);
    driver.abort();
}

#[tokio::test]
async fn stopping_closes_the_port_even_with_a_stalled_request() {
    let registry = Registry::start().await.unwrap();
    registry.fault(Match::Any, Times::Always, Fault::Stall);
    let host = registry.host();
    let mut stream = TcpStream::connect(&host).await.unwrap();
    let asked = tokio::spawn(async move { exchange(&mut stream, "GET", "/v2/", &[], b"").await });
    while registry.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    registry.stop().await;
    assert_eq!(asked.await.unwrap().status, 0, "no answer came");
    assert!(TcpStream::connect(&host).await.is_err());
}
