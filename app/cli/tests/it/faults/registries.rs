//! Registries that stall, refuse, break off and lie. Whatever one does: the other keys get their verdict, its own key
//! gets none or a denial, in time, and as soon as it tells the truth again its image is admitted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::{Image, Signature, SignatureManifest};
use ratify_testkit::registry::{Fault, Kind, Match, Registry, Times};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::figure;
use super::scene::{SHORT, Scene, Serving};
use crate::rig::signature;

/// Long before the deadline, of which the server has 17 s where nothing else is said.
const AT_ONCE: Duration = Duration::from_secs(6);

/// A server over two registries: one that is good, one that is not.
struct Two {
    scene: Scene,
    serving: Serving,
    bad: Registry,
    good: String,
    images: AtomicUsize,
}

impl Two {
    /// Nothing is remembered for long.
    async fn new() -> Self {
        Self::of(Scene::new().await, "--cache-ttl=1s").await
    }

    /// The deadline comes before the bad registry does. What is known of the good one is remembered.
    async fn short(patience: Duration) -> Self {
        let mut scene = Scene::new().await;
        scene.patience(patience);
        Self::of(scene, "--cache-ttl=1h").await
    }

    async fn of(mut scene: Scene, remember: &str) -> Self {
        let bad = Registry::start().await.unwrap();
        scene.name_registries(&[bad.host()]);
        let good = scene.signed("good");
        let serving = scene.start(&["--cache-enabled", remember]);
        serving.until(&good, "admit VERIFIED").await;
        Self {
            scene,
            serving,
            bad,
            good,
            images: AtomicUsize::new(0),
        }
    }

    /// A signed image of the bad registry about which nothing is remembered.
    fn image(&self) -> String {
        let name = format!("app-{}", self.images.fetch_add(1, Ordering::Relaxed));
        let image = Image::new(&name);
        self.bad.push_image(&name, "v1", &image);
        let signature = signature(&self.scene.rig.root, image.descriptor());
        self.bad.attach(&name, &signature);
        self.bad.tagged(&name, "v1")
    }

    /// Ask for an image of each, and for something that is no image. What is said of the bad one, and after what time.
    async fn ask(&self, key: &str) -> (String, Duration) {
        let keys = [&self.good, key, "reg.io/BAD"];
        let answered = self.serving.client.verify(&keys).await;
        assert_eq!(answered.of_key(&self.good), "admit VERIFIED");
        assert_eq!(answered.of_key("reg.io/BAD"), "deny REFERENCE_INVALID");
        (answered.of_key(key), answered.took)
    }

    /// With this fault exactly this is said, within `within`; without it the image is admitted.
    async fn says(&self, requests: Match, fault: Fault, verdict: &str, within: Duration) {
        let (key, what) = (self.image(), format!("{requests:?} {fault:?}"));
        self.bad.fault(requests, Times::Always, fault);
        let (said, took) = self.ask(&key).await;
        assert_eq!(said, verdict, "{what}");
        assert!(took < within, "{what}: {took:?}");
        self.bad.clear_faults();
        self.serving.until(&key, "admit VERIFIED").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn att_49_a_registry_that_never_answers_is_undecided_at_the_deadline() {
    let two = Two::short(SHORT).await;
    let stalled = "undecided DEADLINE_EXCEEDED";
    two.says(Match::Any, Fault::Stall, stalled, AT_ONCE).await;
    let kinds = [Kind::Manifest, Kind::Referrers, Kind::Blob].map(Match::Kind);
    for kind in kinds {
        two.says(kind, Fault::StallBody(20), stalled, AT_ONCE).await;
    }
    assert!(two.serving.metric("ratify_deadline_misses_total").await >= 4);
    two.serving.until_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_registry_is_waited_for_and_the_work_goes_on_after_the_deadline() {
    let two = Two::short(Duration::from_secs(5)).await;
    let slow = |milliseconds| {
        let latency = Fault::Latency(Duration::from_millis(milliseconds));
        two.bad.fault(Match::Any, Times::Always, latency);
    };
    slow(150);
    let (said, took) = two.ask(&two.image()).await;
    assert_eq!(said, "admit VERIFIED", "{took:?}");
    two.bad.clear_faults();
    // tag, listing, manifest and envelope one after the other: longer than the deadline
    slow(1_500);
    let key = two.image();
    let (said, took) = two.ask(&key).await;
    assert_eq!(said, "undecided DEADLINE_EXCEEDED");
    assert!(took > Duration::from_secs(4), "{took:?}: the time is used");
    let begin = Instant::now();
    two.serving.until(&key, "admit VERIFIED").await;
    let waited = begin.elapsed();
    assert!(
        waited < Duration::from_secs(5),
        "{waited:?}: the work was begun anew"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_always_throttles_is_undecided_at_once() {
    let two = Two::new().await;
    let throttled = "undecided REGISTRY_THROTTLED";
    two.says(Match::Any, Fault::Status(429), throttled, AT_ONCE)
        .await;
    let day = vec![("retry-after".to_owned(), "86400".to_owned())];
    let day = Fault::StatusWithHeaders(429, day);
    two.bad.fault(Match::Any, Times::Always, day);
    let (said, took) = two.ask(&two.image()).await;
    assert_eq!(said, throttled);
    assert!(took < AT_ONCE, "{took:?}");
    // nobody asks during the pause that the registry wants, and everybody is told at once
    two.bad.clear_requests();
    for _ in 0..20 {
        let (said, took) = two.ask(&two.image()).await;
        assert_eq!(said, throttled);
        assert!(took < AT_ONCE, "{took:?}");
    }
    assert_eq!(two.bad.requests(), []);
    assert!(!two.serving.metrics().await.contains("REGISTRY_TIMEOUT"));
}

/// Ask for `images` images of five signatures each, while every third request fails so. After what time they are admitted.
async fn every_third(images: usize, fault: Fault) -> Duration {
    let scene = Scene::new().await;
    let keys: Vec<_> = (0..images)
        .map(|number| scene.signed_often(&format!("app-{number}"), 5))
        .collect();
    let serving = scene.start(&[]);
    let registry = &scene.rig.registry;
    registry.fault(Match::Any, Times::EveryNth(3), fault);
    let answered = serving.client.verify(&keys).await;
    for key in &keys {
        let said = answered.of_key(key);
        assert_eq!(said, "admit VERIFIED", "{}", answered.system_error);
    }
    answered.took
}

/// Whatever the machine does besides, one of three attempts takes no longer than `most`, and each ends well.
async fn within(most: Duration, images: usize, fault: Fault) {
    let mut all = Vec::new();
    while all.len() < 3 && all.iter().all(|took| *took >= most) {
        all.push(every_third(images, fault.clone()).await);
    }
    figure(format_args!(
        "{fault:?} to every third request, {images} x 5: {all:?}"
    ));
    assert!(all.iter().any(|took| *took < most), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_to_every_third_request_changes_no_verdict() {
    within(Duration::from_millis(3_100), 1, Fault::Status(429)).await;
    within(Duration::from_secs(5), 10, Fault::Status(429)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_503_to_every_third_request_changes_no_verdict() {
    within(Duration::from_millis(1_800), 1, Fault::Status(503)).await;
    within(Duration::from_secs(5), 10, Fault::Status(503)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn decision_5_a_registry_that_is_ill_or_refuses_is_undecided() {
    let two = Two::new().await;
    for status in [500, 501, 502, 503, 504, 507, 599] {
        let fault = Fault::Status(status);
        two.says(Match::Any, fault, "undecided REGISTRY_ERROR", AT_ONCE)
            .await;
    }
    for kind in [Kind::Referrers, Kind::Blob] {
        let fault = Fault::Status(500);
        two.says(
            Match::Kind(kind),
            fault,
            "undecided REGISTRY_ERROR",
            AT_ONCE,
        )
        .await;
    }
    let forbidden = Fault::Status(403);
    two.bad
        .fault(Match::Kind(Kind::Blob), Times::Always, forbidden);
    assert_eq!(
        two.ask(&two.image()).await.0,
        "undecided REGISTRY_FORBIDDEN"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_are_undecided() {
    let two = Two::new().await;
    let broken = "undecided REGISTRY_UNREACHABLE";
    two.says(Match::Any, Fault::Reset, broken, AT_ONCE).await;
    for kind in [Kind::Manifest, Kind::Referrers, Kind::Blob] {
        let requests = Match::Kind(kind);
        two.says(requests, Fault::Truncate(20), broken, AT_ONCE)
            .await;
    }
}

/// Somebody who accepts connections and then does as told.
struct Odd {
    host: String,
    task: JoinHandle<()>,
}

impl Drop for Odd {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Do `misbehave` with each connection, which stays open until the end.
async fn odd<F: Future<Output = TcpStream> + Send>(
    misbehave: impl Fn(TcpStream) -> F + Send + 'static,
) -> Odd {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(misbehave(stream).await);
        }
    });
    Odd { host, task }
}

async fn read_head(stream: &mut TcpStream) {
    let mut buffer = [0; 4096];
    let read = stream.read(&mut buffer).await.unwrap_or_default();
    assert!(read < buffer.len());
}

/// Everything that is no registry, and what is to be said of an image there.
async fn oddities() -> Vec<(Odd, &'static str)> {
    let half_closed = odd(|mut stream| async {
        // its side is ended without a word, ours stays open
        read_head(&mut stream).await;
        stream.shutdown().await.unwrap();
        stream
    });
    let half_answered = odd(|mut stream| async {
        read_head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").await;
        stream.shutdown().await.unwrap();
        stream
    });
    let garbage = odd(|mut stream| async {
        read_head(&mut stream).await;
        let _ = stream.write_all(&[0xff; 512]).await;
        stream
    });
    let endless_head = odd(|mut stream| async {
        read_head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        // more than the sockets hold, so it ends with the connection
        while stream.write_all(&[b'a'; 8192]).await.is_ok() {}
        stream
    });
    let silent = odd(|stream| async { stream });
    let nobody = odd(|stream| async { stream }).await;
    nobody.task.abort();
    vec![
        (half_closed.await, "REGISTRY_UNREACHABLE"),
        (half_answered.await, "REGISTRY_UNREACHABLE"),
        (garbage.await, "REGISTRY_UNREACHABLE"),
        (endless_head.await, "REGISTRY_UNREACHABLE"),
        (nobody, "REGISTRY_UNREACHABLE"),
        (silent.await, "DEADLINE_EXCEEDED"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_registry_is_undecided_and_in_time() {
    let oddities = oddities().await;
    let odd: Vec<_> = oddities
        .iter()
        .map(|(odd, code)| (odd.host.clone(), *code))
        .collect();
    let hosts: Vec<_> = odd.iter().map(|(host, _)| host.clone()).collect();
    let mut scene = Scene::new().await;
    scene.name_registries(&hosts);
    scene.patience(SHORT);
    let good = scene.signed("good");
    let serving = scene.start_remembering();
    let digest = good.rsplit_once('@').unwrap().1;
    let mut keys = vec![good.clone()];
    for (host, _) in &odd {
        keys.push(format!("{host}/a:v1"));
        keys.push(format!("{host}/b@{digest}"));
    }
    let answered = serving.client.verify(&keys).await;
    assert_eq!(answered.of_key(&good), "admit VERIFIED");
    for (host, code) in &odd {
        for key in keys.iter().filter(|key| key.starts_with(host.as_str())) {
            assert_eq!(answered.of_key(key), format!("undecided {code}"), "{key}");
        }
    }
    // each alone as well, because the last one keeps the others waiting
    for (host, code) in &odd {
        let said = serving.client.verdict(&format!("{host}/c:v1")).await;
        assert_eq!(said, format!("undecided {code}"));
    }
    let mutated = serving.client.mutate(&keys).await;
    for (host, code) in &odd {
        let error = mutated.mutated(&format!("{host}/a:v1")).unwrap_err();
        assert!(error.starts_with(&format!("{code}: ")), "{error}");
    }
    serving.until_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn att_02_a_registry_that_lies_about_bytes_admits_nothing() {
    let two = Two::new().await;
    let other = format!("sha256:{}", "0".repeat(64));
    let of = |kind| Match::Kind(kind);
    for (requests, fault, verdict) in [
        (
            of(Kind::Manifest),
            Fault::DigestHeader(other),
            "deny SUBJECT_UNUSABLE",
        ),
        (
            of(Kind::Manifest),
            Fault::WrongBytes,
            "deny SUBJECT_UNUSABLE",
        ),
        (
            of(Kind::Manifest),
            Fault::OtherBytes(b"{}".to_vec()),
            "deny SUBJECT_UNUSABLE",
        ),
        (
            of(Kind::Referrers),
            Fault::OtherBytes(b"{}".to_vec()),
            "undecided REGISTRY_ERROR",
        ),
        (
            of(Kind::Referrers),
            Fault::OtherBytes(b"[".to_vec()),
            "undecided REGISTRY_ERROR",
        ),
        (
            of(Kind::Referrers),
            Fault::ContentType("text/html".to_owned()),
            "undecided REGISTRY_ERROR",
        ),
        (
            of(Kind::Blob),
            Fault::WrongBytes,
            "deny SIGNATURE_CONTENT_MISMATCH",
        ),
        (
            of(Kind::Blob),
            Fault::ExtraByte,
            "deny SIGNATURE_UNAVAILABLE",
        ),
        (
            of(Kind::Blob),
            Fault::OtherBytes(b"{}".to_vec()),
            "deny SIGNATURE_CONTENT_MISMATCH",
        ),
    ] {
        two.says(requests, fault, verdict, AT_ONCE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn att_16_bodies_without_end_and_packed_bodies_take_no_memory() {
    let two = Two::new().await;
    assert_eq!(two.ask(&two.image()).await.0, "admit VERIFIED");
    let before = two.serving.resources().resident;
    for (kind, verdict) in [
        (Kind::Manifest, "deny SUBJECT_UNUSABLE"),
        (Kind::Referrers, "undecided REGISTRY_ERROR"),
        (Kind::Blob, "deny SIGNATURE_UNAVAILABLE"),
    ] {
        let requests = Match::Kind(kind);
        two.says(requests, Fault::EndlessBody, verdict, AT_ONCE)
            .await;
    }
    let packed = || Fault::Header("content-encoding".to_owned(), "gzip".to_owned());
    // bytes count as they come, whatever is said of them
    two.bad.fault(Match::Any, Times::Always, packed());
    assert_eq!(two.ask(&two.image()).await.0, "admit VERIFIED");
    let bomb = bomb();
    for number in 0..4 {
        let name = format!("bomb-{number}");
        let image = Image::new(&name);
        two.bad.push_image(&name, "v1", &image);
        let manifest = SignatureManifest::new(image.descriptor(), Format::Jws, &bomb);
        two.bad.attach(&name, &manifest.build());
        let (said, _) = two.ask(&two.bad.tagged(&name, "v1")).await;
        assert_eq!(said, "deny ENVELOPE_MALFORMED");
    }
    two.bad.clear_faults();
    let requests = Match::Kind(Kind::Manifest);
    let lie = Fault::OtherBytes(bomb);
    two.bad.fault(requests.clone(), Times::Always, packed());
    two.says(requests, lie, "deny SUBJECT_UNUSABLE", AT_ONCE)
        .await;
    let grown = two.serving.resources().resident.saturating_sub(before);
    assert!(grown < 24 * 1024, "{grown} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn att_16_a_descriptor_that_lies_about_the_size_admits_nothing() {
    let two = Two::new().await;
    for (name, size) in [
        ("none", 0),
        ("less", 1),
        ("more", 1 << 20),
        ("most", 1 << 60),
    ] {
        let image = Image::new(name);
        two.bad.push_image(name, "v1", &image);
        let signer = two.scene.rig.root.leaf("acme release");
        let envelope = Envelope::new(Format::Jws, &signer, image.descriptor()).build();
        let signature = SignatureManifest::new(image.descriptor(), Format::Jws, &envelope)
            .edit(|manifest| manifest.layers[0].size = size)
            .build();
        two.bad.attach(name, &signature);
        let (said, took) = two.ask(&two.bad.tagged(name, "v1")).await;
        assert!(said.starts_with("deny "), "{name}: {said}");
        assert!(took < AT_ONCE, "{name}: {took:?}");
        // and the referrer's own size
        let name = format!("listed-{name}");
        let image = Image::new(&name);
        two.bad.push_image(&name, "v1", &image);
        let signature = signature_of(&two, &image);
        two.bad.push(&name, None, signature.packed());
        let mut referrer = signature.referrer();
        referrer.size = size;
        two.bad.list_referrer(&name, image.descriptor(), referrer);
        let (said, took) = two.ask(&two.bad.tagged(&name, "v1")).await;
        assert!(said.starts_with("deny "), "{name}: {said}");
        assert!(took < AT_ONCE, "{name}: {took:?}");
    }
}

fn signature_of(two: &Two, image: &Image) -> Signature {
    signature(&two.scene.rig.root, image.descriptor())
}

/// A gzip stream (RFC 1952) of 64 MiB of zeros in stored-less form: one block of fixed codes that repeats 258 zeros again
/// and again (RFC 1951 section 3.2.6).
fn bomb() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(1, 1); // the last block
    bits.put(0b01, 2); // fixed codes
    bits.code(0x30, 8); // the literal 0
    for _ in 0..(64 * 1024 * 1024 / 258) {
        bits.code(0b1100_0101, 8); // length 258
        bits.code(0, 5); // distance 1
    }
    bits.code(0, 7); // the end
    let mut stream = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    stream.extend(bits.bytes);
    stream.extend([0; 8]); // a reader finds out that the sums are wrong after it has unpacked all
    stream
}

/// Bits, the first in the lowest place of each byte (RFC 1951 section 3.1.1).
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    fn put(&mut self, value: u32, count: usize) {
        for place in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = u8::from(value >> place & 1 == 1);
            *self.bytes.last_mut().unwrap() |= bit << (self.used % 8);
            self.used += 1;
        }
    }

    /// A Huffman code, whose first bit is its highest.
    fn code(&mut self, code: u32, length: usize) {
        for place in (0..length).rev() {
            self.put(code >> place & 1, 1);
        }
    }
}
