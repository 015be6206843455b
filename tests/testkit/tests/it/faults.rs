//! The registry when it lies.

use std::time::{Duration, Instant};

use ratify_oci::Descriptor;
use ratify_testkit::envelope::{Format, SIGNATURE_ARTIFACT_TYPE};
use ratify_testkit::image::{Image, SignatureManifest};
use ratify_testkit::registry::{Auth, Bearer, Fault, Kind, Match, Registry, Times};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{PATIENCE, Reply, get, parse, request, send};

const MANIFEST: &str = "/v2/app/manifests/v1";

/// A registry with one image, that lies always.
async fn liar(fault: Fault) -> (Registry, Image) {
    let registry = Registry::start().await.unwrap();
    let image = Image::new("a");
    registry.push_image("app", "v1", &image);
    registry.fault(Match::Any, Times::Always, fault);
    (registry, image)
}

async fn lie(fault: Fault) -> (Reply, Vec<u8>) {
    let (registry, image) = liar(fault).await;
    (
        get(&registry, MANIFEST).await,
        image.packed().bytes.to_vec(),
    )
}

/// What arrives within a moment of a connection that stays open.
async fn first_bytes(registry: &Registry, wanted: usize) -> (Reply, TcpStream) {
    let mut stream = TcpStream::connect(registry.host()).await.unwrap();
    stream
        .write_all(&request("GET", MANIFEST, &[], b""))
        .await
        .unwrap();
    let mut bytes = Vec::new();
    let reading = async {
        while parse(&bytes, None).body.len() < wanted {
            assert_ne!(
                stream.read_buf(&mut bytes).await.unwrap(),
                0,
                "connection closed"
            );
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap();
    (parse(&bytes, None), stream)
}

#[tokio::test]
async fn statuses_come_with_their_headers() {
    for status in [403, 404, 429, 500, 503] {
        let (reply, _) = lie(Fault::Status(status)).await;
        assert_eq!(reply.status, status);
        assert!(reply.json()["errors"][0]["code"].is_string());
    }
    let headers = vec![("Retry-After".to_owned(), "7".to_owned())];
    let (reply, _) = lie(Fault::StatusWithHeaders(429, headers)).await;
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (429, Some("7"))
    );
    assert_eq!(reply.json()["errors"][0]["code"], "TOOMANYREQUESTS");
}

#[tokio::test]
async fn bytes_are_changed_as_asked() {
    let (reply, truth) = lie(Fault::WrongBytes).await;
    let differing = reply
        .body
        .iter()
        .zip(&truth)
        .filter(|(a, b)| a != b)
        .count();
    assert_eq!((reply.body.len(), differing), (truth.len(), 1));
    let (reply, truth) = lie(Fault::ExtraByte).await;
    assert_eq!(reply.body, [truth.as_slice(), b"\n"].concat());
    assert_eq!(
        reply.header("content-length"),
        Some(reply.body.len().to_string().as_str())
    );
    let (reply, _) = lie(Fault::OtherBytes(b"{}".to_vec())).await;
    assert_eq!(reply.body, b"{}");
    assert_eq!(
        reply.header("content-type"),
        Some(ratify_oci::media::OCI_MANIFEST)
    );
}

#[tokio::test]
async fn headers_lie_as_asked() {
    let (reply, _) = lie(Fault::ContentType("text/html".into())).await;
    assert_eq!(reply.header("content-type"), Some("text/html"));
    let (reply, _) = lie(Fault::DigestHeader("sha256:00".into())).await;
    assert_eq!(reply.header("docker-content-digest"), Some("sha256:00"));
    let (reply, _) = lie(Fault::NoHeader("docker-content-digest".into())).await;
    assert_eq!(reply.header("docker-content-digest"), None);
    let (reply, _) = lie(Fault::Header("x-odd".into(), "1".into())).await;
    assert_eq!(reply.header("x-odd"), Some("1"));
    let (reply, _) = lie(Fault::Redirect("http://other.test{path}".into(), 307)).await;
    assert_eq!(reply.status, 307);
    let expected = format!("http://other.test{MANIFEST}");
    assert_eq!(reply.header("location"), Some(expected.as_str()));
}

#[tokio::test]
async fn truncated_bodies_announce_more_than_they_send() {
    let (reply, truth) = lie(Fault::Truncate(10)).await;
    assert_eq!(reply.body, truth[..10]);
    assert_eq!(
        reply.header("content-length"),
        Some(truth.len().to_string().as_str())
    );
}

#[tokio::test]
async fn reset_ends_without_an_answer() {
    let (registry, _) = liar(Fault::Reset).await;
    let reply = get(&registry, MANIFEST).await;
    assert_eq!(reply.status, 0);
    assert_eq!(reply.error, Some(std::io::ErrorKind::ConnectionReset));
    assert_eq!(registry.requests()[0].status, None);
}

#[tokio::test]
async fn stalls_leave_the_connection_open() {
    let (registry, _) = liar(Fault::Stall).await;
    let mut stream = TcpStream::connect(registry.host()).await.unwrap();
    stream
        .write_all(&request("GET", MANIFEST, &[], b""))
        .await
        .unwrap();
    while registry.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let silence = tokio::time::timeout(Duration::from_millis(50), stream.read_u8()).await;
    assert!(
        silence.is_err(),
        "neither an answer nor an end: {silence:?}"
    );

    let (registry, image) = liar(Fault::StallBody(10)).await;
    let (reply, mut stream) = first_bytes(&registry, 10).await;
    assert_eq!(reply.body, image.packed().bytes[..10]);
    let silence = tokio::time::timeout(Duration::from_millis(50), stream.read_u8()).await;
    assert!(
        silence.is_err(),
        "neither more bytes nor an end: {silence:?}"
    );
}

#[tokio::test]
async fn endless_bodies_do_not_end() {
    let (registry, _) = liar(Fault::EndlessBody).await;
    let (reply, _) = first_bytes(&registry, 5_000_000).await;
    assert_eq!(reply.header("content-length"), None);
}

#[tokio::test]
async fn latency_is_waited_for() {
    let (registry, _) = liar(Fault::Latency(Duration::from_millis(30))).await;
    let start = Instant::now();
    assert_eq!(get(&registry, MANIFEST).await.status, 200);
    assert!(start.elapsed() >= Duration::from_millis(30));
}

async fn statuses(times: Times, rounds: usize) -> Vec<u16> {
    let registry = Registry::start().await.unwrap();
    registry.fault(Match::Any, times, Fault::Status(503));
    let mut found = Vec::new();
    for _ in 0..rounds {
        found.push(get(&registry, "/v2/").await.status);
    }
    found
}

#[tokio::test]
async fn faults_happen_as_often_as_asked() {
    assert_eq!(statuses(Times::Always, 2).await, [503, 503]);
    assert_eq!(statuses(Times::Once, 3).await, [503, 200, 200]);
    assert_eq!(statuses(Times::N(2), 4).await, [503, 503, 200, 200]);
    assert_eq!(statuses(Times::EveryNth(2), 4).await, [200, 503, 200, 503]);
    assert_eq!(statuses(Times::After(2), 4).await, [200, 200, 503, 503]);
}

#[tokio::test]
async fn faults_happen_to_whom_they_are_for() {
    let registry = Registry::start().await.unwrap();
    let image = Image::new("a");
    registry.push_image("app", "v1", &image);
    registry.fault(Match::Kind(Kind::Blob), Times::Always, Fault::Status(500));
    registry.fault(Match::path("/v2/other/"), Times::Always, Fault::Status(418));
    assert_eq!(get(&registry, MANIFEST).await.status, 200);
    assert_eq!(get(&registry, "/v2/app/blobs/sha256:0").await.status, 500);
    assert_eq!(get(&registry, "/v2/other/manifests/v1").await.status, 418);
    registry.clear_faults();
    assert_eq!(get(&registry, "/v2/app/blobs/sha256:0").await.status, 404);
}

#[tokio::test]
async fn the_token_endpoint_can_fail() {
    let auth = Auth::Bearer(Bearer::anonymous());
    let registry = Registry::builder().auth(auth).start().await.unwrap();
    registry.fault(Match::Any, Times::Once, Fault::Status(503));
    assert_eq!(
        get(&registry, MANIFEST).await.status,
        401,
        "the login comes first"
    );
    assert_eq!(get(&registry, "/token").await.status, 503);
    assert_eq!(get(&registry, "/token").await.status, 200);
}

fn listed(reply: &Reply) -> Vec<Descriptor> {
    let index: ratify_oci::Index = serde_json::from_slice(&reply.body).unwrap();
    index.manifests
}

/// A registry with one signature and one other referrer, and the path that lists the signatures.
async fn lister(fault: Fault) -> (Registry, String) {
    let (registry, image) = liar(fault).await;
    let envelope = SignatureManifest::new(image.descriptor(), Format::Jws, b"x").build();
    registry.attach("app", &envelope);
    registry.many_referrers("app", image.descriptor(), "application/other", 1);
    let digest = &image.descriptor().digest;
    let path = format!("/v2/app/referrers/{digest}?artifactType={SIGNATURE_ARTIFACT_TYPE}");
    (registry, path)
}

#[tokio::test]
async fn filters_are_left_out_or_lied_about() {
    let (registry, path) = lister(Fault::Unfiltered).await;
    let reply = get(&registry, &path).await;
    assert_eq!(
        (listed(&reply).len(), reply.header("oci-filters-applied")),
        (2, None)
    );
    let (registry, path) = lister(Fault::FilterLie).await;
    let reply = get(&registry, &path).await;
    let header = reply.header("oci-filters-applied");
    assert_eq!((listed(&reply).len(), header), (2, Some("artifactType")));
}

#[tokio::test]
async fn pages_without_end_and_elsewhere() {
    let (registry, mut path) = lister(Fault::EndlessPages).await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let reply = get(&registry, &path).await;
        assert!(!listed(&reply).is_empty());
        seen.extend(listed(&reply).into_iter().map(|r| r.digest));
        let link = reply.header("link").unwrap().to_owned();
        path = link[1..].split('>').next().unwrap().to_owned();
    }
    assert_eq!(seen.len(), 20, "each page has a new referrer");
    let (registry, path) = lister(Fault::ForeignLink("http://evil.test/next".into())).await;
    let reply = get(&registry, &path).await;
    assert_eq!(
        reply.header("link"),
        Some("<http://evil.test/next>; rel=\"next\"")
    );
}

#[tokio::test]
async fn nonsense_is_answered_or_refused_but_never_ends_the_server() {
    let registry = Registry::start().await.unwrap();
    for path in [
        "/",
        "/v2/%",
        "/v2/a/referrers/",
        "/v2//manifests/",
        "/v2/a/tags/list?last=%ff",
    ] {
        let status = get(&registry, path).await.status;
        assert!([400, 404].contains(&status), "{path}: {status}");
    }
    for method in ["POST", "PATCH", "PUT", "DELETE", "BREW"] {
        assert!(
            send(&registry, method, "/v2/a/referrers/x", &[], b"x")
                .await
                .status
                >= 400
        );
    }
    let mut stream = TcpStream::connect(registry.host()).await.unwrap();
    stream
        .write_all(b"\x16\x03\x01 not http at all\r\n\r\n")
        .await
        .unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(get(&registry, "/v2/").await.status, 200);
}
