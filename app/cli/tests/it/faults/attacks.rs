//! Named entries of the attack catalogue, from outside.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ratify_testkit::certs::Template;
use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::{Image, SignatureManifest};
use ratify_testkit::registry::{Fault, Kind, Match, Registry, Times};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn att_24_a_tag_moved_between_mutation_and_verification_changes_nothing() {
    let scene = Scene::new().await;
    let registry = &scene.rig.registry;
    let good = scene.signed("app");
    let serving = scene.start_remembering();
    let tagged = registry.tagged("app", "v1");
    let answered = serving.client.mutate(&[&tagged]).await;
    assert_eq!(answered.mutated(&tagged), Ok(good.as_str()));
    // now the tag points to something else
    let bad = registry.push_image("app", "v1", &Image::new("other"));
    let answered = serving.client.verify(&[&good]).await;
    assert_eq!(answered.of_key(&good), "admit VERIFIED");
    // whoever verifies the tag is told of the digest that the tag has now, as soon as it is looked at again
    sleep(Duration::from_millis(2_100)).await;
    let answered = serving.client.verify(&[&tagged]).await;
    assert_eq!(answered.of_key(&tagged), "deny NO_SIGNATURE");
    assert_eq!(answered.digest_of(&tagged), Some(bad.digest.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn att_24_a_tag_that_moves_all_the_time_admits_only_the_digest_that_was_judged() {
    let scene = Arc::new(Scene::new().await);
    let (good, _) = scene.rig.push_signed("app");
    let bad = scene
        .rig
        .registry
        .push_image("app", "v1", &Image::new("other"));
    // no memory, so that every question looks at the tag again
    let serving = scene.start(&[]);
    let stop = Arc::new(AtomicBool::new(false));
    let moving = tokio::spawn({
        let (scene, stop) = (Arc::clone(&scene), Arc::clone(&stop));
        let both = [good.clone(), bad.clone()];
        async move {
            for target in both.iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                scene.rig.registry.set_tag("app", "v1", target);
                sleep(Duration::from_micros(700)).await;
            }
        }
    });
    let latency = Fault::Latency(Duration::from_millis(1));
    scene
        .rig
        .registry
        .fault(Match::Kind(Kind::Referrers), Times::Always, latency);
    let tagged = scene.rig.tagged("app");
    let mut seen = BTreeSet::new();
    for _ in 0..300 {
        let answered = serving.client.verify(&[&tagged]).await;
        let digest = answered.digest_of(&tagged).unwrap().to_owned();
        let said = answered.of_key(&tagged);
        let expected = if digest == good.digest.as_str() {
            "admit VERIFIED"
        } else {
            assert_eq!(digest, bad.digest.as_str());
            "deny NO_SIGNATURE"
        };
        assert_eq!(said, expected, "{digest}");
        seen.insert(digest);
        let mutated = serving.client.mutate(&[&tagged]).await;
        let pinned = mutated.mutated(&tagged).unwrap();
        let said = serving.client.verdict(pinned).await;
        let expected = if pinned.ends_with(good.digest.as_str()) {
            "admit VERIFIED"
        } else {
            "deny NO_SIGNATURE"
        };
        assert_eq!(said, expected, "{pinned}");
    }
    stop.store(true, Ordering::Relaxed);
    moving.await.unwrap();
    assert_eq!(seen.len(), 2, "both were seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn att_25_a_remembered_verdict_is_of_the_digest_and_not_of_the_tag() {
    let scene = Scene::new().await;
    let registry = &scene.rig.registry;
    let good = scene.signed("app");
    let tagged = registry.tagged("app", "v1");
    let serving = scene.start(&["--cache-enabled", "--cache-ttl=1h"]);
    for _ in 0..3 {
        let answered = serving.client.verify(&[&tagged, &good]).await;
        assert_eq!(answered.of_key(&tagged), "admit VERIFIED");
        assert_eq!(answered.of_key(&good), "admit VERIFIED");
    }
    let bad = registry.push_image("app", "v1", &Image::new("other"));
    serving.until(&tagged, "deny NO_SIGNATURE").await;
    let answered = serving.client.verify(&[&tagged, &good]).await;
    assert_eq!(answered.digest_of(&tagged), Some(bad.digest.as_str()));
    assert_eq!(answered.of_key(&good), "admit VERIFIED");
    // a tag beside a digest counts for nothing
    let both = tagged.clone() + "@" + good.rsplit_once('@').unwrap().1;
    assert_eq!(serving.client.verdict(&both).await, "admit VERIFIED");
    // the same digest in another repository was never judged
    registry.push_image("team/copy", "v1", &Image::new("app"));
    let copy = registry.pinned("team/copy", Image::new("app").descriptor());
    assert_eq!(
        copy.rsplit_once('@').unwrap().1,
        good.rsplit_once('@').unwrap().1
    );
    assert_eq!(serving.client.verdict(&copy).await, "deny NO_SIGNATURE");
}

#[tokio::test(flavor = "multi_thread")]
async fn att_46_a_remembered_verdict_ends_with_the_certificate_it_rests_on() {
    let scene = Scene::new().await;
    let registry = &scene.rig.registry;
    let image = scene.rig.push("app");
    let now = Timestamp::now();
    let ends = now + SignedDuration::from_secs(5);
    let signer = Template::leaf("acme release").valid(now - SignedDuration::from_mins(1), ends);
    let signer = scene.rig.root.issue(&signer);
    let envelope = Envelope::new(Format::Jws, &signer, &image)
        .signing_time(Timestamp::from_second(now.as_second()).unwrap())
        .build();
    registry.attach(
        "app",
        &SignatureManifest::new(&image, Format::Jws, &envelope).build(),
    );
    let key = registry.pinned("app", &image);
    let serving = scene.start(&["--cache-enabled", "--cache-ttl=1h"]);
    let mut admitted = 0;
    loop {
        let before = Timestamp::now();
        let said = serving.client.verdict(&key).await;
        if said != "admit VERIFIED" {
            assert_eq!(said, "deny CERTIFICATE_EXPIRED");
            break;
        }
        // X.509 counts whole seconds, and the last one is inside
        assert!(
            before < ends + SignedDuration::from_secs(1),
            "admitted at {before}"
        );
        admitted += 1;
        sleep(Duration::from_millis(50)).await;
    }
    assert!(admitted > 3, "{admitted}");
    let hits = serving.metric("ratify_verdict_cache_hits_total").await;
    assert!(hits > 2, "most were remembered: {hits}");
}

/// Answers 404 to whoever asks, at every address of loopback.
async fn nothing_everywhere() -> u16 {
    let listener = TcpListener::bind(("0.0.0.0", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn att_18_whoever_makes_up_hosts_and_namespaces_makes_no_series() {
    let mut scene = Scene::new().await;
    let port = nothing_everywhere().await;
    let hosts: Vec<_> = (0..400)
        .map(|number| format!("127.1.{}.{}:{port}", number / 200, number % 200 + 1))
        .collect();
    scene.name_registries(&hosts);
    let serving = scene.start_remembering();
    let series = |metrics: &str| {
        metrics
            .lines()
            .filter(|line| !line.starts_with('#'))
            .count()
    };
    let mut bounded = 0;
    for round in 0..10 {
        let keys: Vec<_> = (0..500)
            .map(|number| {
                let (made_up, namespace) = (round * 500 + number, number);
                match hosts.get(number) {
                    Some(host) => format!("[ns-{made_up}]{host}/app-{made_up}:v1"),
                    // on this machine and not named, so nobody is asked
                    None => format!("[ns-{namespace}]127.9.{round}.{}:1/a:v1", number % 250),
                }
            })
            .collect();
        let answered = serving.client.verify(&keys).await;
        assert_eq!(answered.items.len(), 0);
        for key in keys.iter().take(5) {
            assert_eq!(answered.of_key(key), "undecided SUBJECT_NOT_FOUND");
        }
        let metrics = serving.metrics().await;
        if round == 1 {
            bounded = series(&metrics);
        }
        if round > 1 {
            assert_eq!(series(&metrics), bounded, "{metrics}");
        }
        assert!(metrics.len() < 128 * 1024, "{}", metrics.len());
    }
    let metrics = serving.metrics().await;
    let of_hosts = metrics
        .lines()
        .filter(|line| line.starts_with("ratify_registry_request_count"));
    assert_eq!(
        of_hosts.count(),
        201,
        "the first 200, and all others together"
    );
    assert!(metrics.contains("registry_host=\"other\""));
    assert!(!metrics.contains("ns-"), "a namespace is no label");
    assert!(!metrics.contains("app-"), "an image is no label");
}

/// What a registry answers instead of the truth for the one image, in every way that a client might believe.
#[tokio::test(flavor = "multi_thread")]
async fn att_54_a_signature_of_another_image_admits_nothing_however_it_is_served() {
    let scene = Scene::new().await;
    let registry = &scene.rig.registry;
    let (signed, signature) = scene.rig.push_signed("signed");
    let victim = scene.unsigned("victim");
    let serving = scene.start(&["--cache-enabled", "--cache-ttl=1s"]);
    let key = registry.pinned("victim", &victim);
    assert_eq!(serving.client.verdict(&key).await, "deny NO_SIGNATURE");
    // listed for an image that it does not name
    registry.attach_to("victim", &victim, &signature);
    serving.until(&key, "deny SUBJECT_MISMATCH").await;
    // the other image's manifest under the victim's digest
    let manifest = Image::new("signed").packed().bytes.to_vec();
    let lie = Match::path(victim.digest.as_str());
    registry.fault(lie, Times::Always, Fault::OtherBytes(manifest));
    for _ in 0..5 {
        let said = serving.client.verdict(&key).await;
        assert!(!said.starts_with("admit"), "{said}");
        sleep(Duration::from_millis(300)).await;
    }
    registry.clear_faults();
    let good = registry.pinned("signed", &signed);
    assert_eq!(serving.client.verdict(&good).await, "admit VERIFIED");
}

#[tokio::test(flavor = "multi_thread")]
async fn att_34_a_redirect_to_another_host_of_this_machine_is_not_followed() {
    let scene = Scene::new().await;
    let inner = Registry::start().await.unwrap();
    let key = scene.signed("app");
    let serving = scene.start(&[]);
    let to = Fault::Redirect(format!("{}{{path}}", inner.base_url()), 307);
    scene
        .rig
        .registry
        .fault(Match::Kind(Kind::Blob), Times::Always, to);
    assert_eq!(
        serving.client.verdict(&key).await,
        "undecided REGISTRY_UNREACHABLE"
    );
    assert_eq!(inner.requests(), []);
    scene.rig.registry.clear_faults();
    serving.until(&key, "admit VERIFIED").await;
}
