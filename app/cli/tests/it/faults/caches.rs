//! What is remembered for one login, repository, registry or configuration never serves another: one test per memory.
//! (Verdicts, tags and signatures of one scope are tested with the engine, where time can be turned.)

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::{Image, SignatureManifest};
use ratify_testkit::registry::{Auth, Bearer, Fault, Kind, Match, Registry, Request, Times};
use serde_json::json;
use tokio::time::sleep;

use super::scene::{Scene, Serving};
use crate::serve::process::replace;

/// The same image with the same signature in all these repositories.
fn copies(scene: &Scene, registry: &Registry, repositories: &[&str]) -> Vec<String> {
    let image = Image::new("app");
    let signer = scene.rig.root.leaf("acme release");
    let envelope = Envelope::new(Format::Jws, &signer, image.descriptor()).build();
    let signature = SignatureManifest::new(image.descriptor(), Format::Jws, &envelope).build();
    let push = |repository: &&str| {
        registry.push_image(repository, "v1", &image);
        registry.attach(repository, &signature);
        registry.pinned(repository, image.descriptor())
    };
    repositories.iter().map(push).collect()
}

fn remembering(scene: &Scene) -> Serving {
    scene.start(&["--cache-enabled", "--cache-ttl=1h"])
}

#[tokio::test(flavor = "multi_thread")]
async fn att_37_content_of_one_repository_never_serves_another() {
    for embedded in [false, true] {
        let scene = Scene::new().await;
        let registry = &scene.rig.registry;
        let image = Image::new("app");
        let signer = scene.rig.root.leaf("acme release");
        let envelope = Envelope::new(Format::Jws, &signer, image.descriptor()).build();
        let manifest = SignatureManifest::new(image.descriptor(), Format::Jws, &envelope);
        let manifest = if embedded {
            manifest.embed_data()
        } else {
            manifest
        };
        let signature = manifest.build();
        for repository in ["open/app", "closed/app"] {
            registry.push_image(repository, "v1", &image);
            registry.attach(repository, &signature);
        }
        let open = registry.pinned("open/app", image.descriptor());
        let closed = registry.pinned("closed/app", image.descriptor());
        // nothing of it may be read: neither the image, nor its signature, nor the envelope
        registry.fault(
            Match::path("/closed/app/"),
            Times::Always,
            Fault::Status(403),
        );
        let serving = remembering(&scene);
        for _ in 0..3 {
            let answered = serving.client.verify(&[&open, &closed]).await;
            assert_eq!(answered.of_key(&open), "admit VERIFIED");
            assert_eq!(answered.of_key(&closed), "undecided REGISTRY_FORBIDDEN");
            let mutated = serving
                .client
                .mutate(&[registry.tagged("closed/app", "v1")])
                .await;
            let said = mutated.mutated(&registry.tagged("closed/app", "v1"));
            assert!(
                said.unwrap_err().starts_with("REGISTRY_FORBIDDEN: "),
                "{said:?}"
            );
        }
        // the blobs alone: the digest of each is known from the other repository
        registry.clear_faults();
        let blobs = Match::path("/closed/app/blobs/");
        registry.fault(blobs, Times::Always, Fault::Status(403));
        let serving = remembering(&scene);
        let answered = serving.client.verify(&[&open, &closed]).await;
        assert_eq!(answered.of_key(&open), "admit VERIFIED");
        // what is embedded in a manifest that may be read may be read with it
        let said = if embedded {
            "admit VERIFIED"
        } else {
            "undecided REGISTRY_FORBIDDEN"
        };
        assert_eq!(answered.of_key(&closed), said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn att_25_a_verdict_of_one_registry_never_serves_another() {
    let mut scene = Scene::new().await;
    let second = Registry::start().await.unwrap();
    scene.name_registries(&[second.host()]);
    let key = copies(&scene, &scene.rig.registry, &["team/app"]).remove(0);
    second.push_image("team/app", "v1", &Image::new("app"));
    let elsewhere = second.pinned("team/app", Image::new("app").descriptor());
    let serving = remembering(&scene);
    for _ in 0..2 {
        let answered = serving.client.verify(&[&key, &elsewhere]).await;
        assert_eq!(answered.of_key(&key), "admit VERIFIED");
        assert_eq!(answered.of_key(&elsewhere), "deny NO_SIGNATURE");
    }
}

/// Tokens that were shown for requests about a repository.
fn shown(requests: &[Request], repository: &str) -> BTreeSet<String> {
    let about = requests.iter().filter(|one| one.path.contains(repository));
    about.filter_map(|one| one.authorization.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_one_repository_never_serves_another() {
    let login = Bearer::login("acme", "first");
    let scene = Scene::of(Registry::builder().auth(Auth::Bearer(login))).await;
    fs::create_dir(scene.at(".docker")).unwrap();
    write_login(&scene, "first");
    let registry = &scene.rig.registry;
    let keys = copies(&scene, registry, &["team/one", "team/two"]);
    let serving = remembering(&scene);
    let answered = serving.client.verify(&keys).await;
    for key in &keys {
        assert_eq!(answered.of_key(key), "admit VERIFIED");
    }
    let requests = registry.requests();
    let (one, two) = (shown(&requests, "team/one"), shown(&requests, "team/two"));
    assert!(!one.is_empty() && !two.is_empty());
    assert!(one.is_disjoint(&two), "{one:?} {two:?}");
    assert_eq!(registry.count(Kind::Token), 2);
}

fn write_login(scene: &Scene, password: &str) {
    let host = scene.rig.registry.host();
    let login = ratify_testkit::registry::Login::new("acme", password);
    let auth = login.authorization();
    let auth = auth.strip_prefix("Basic ").unwrap();
    let config = json!({ "auths": { host: { "auth": auth } } });
    replace(&scene.at(".docker/config.json"), config.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_remembered_under_one_login_serves_another() {
    let login = Bearer::login("acme", "first");
    let scene = Scene::of(Registry::builder().auth(Auth::Bearer(login))).await;
    fs::create_dir(scene.at(".docker")).unwrap();
    write_login(&scene, "first");
    let registry = &scene.rig.registry;
    let key = copies(&scene, registry, &["team/app"]).remove(0);
    let tagged = registry.tagged("team/app", "v1");
    let serving = remembering(&scene);
    let answered = serving.client.verify(&[&key, &tagged]).await;
    assert_eq!(answered.of_key(&key), "admit VERIFIED");
    let tokens = shown(&registry.requests(), "team/app");
    // the login is taken away; its token would hold for five minutes, the verdict for an hour
    write_login(&scene, "second");
    registry.clear_requests();
    let said = async {
        loop {
            let said = serving.client.verdict(&key).await;
            if said != "admit VERIFIED" {
                return said;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let said = tokio::time::timeout(Duration::from_secs(10), said).await;
    assert_eq!(
        said.expect("the login should count"),
        "undecided REGISTRY_UNAUTHORIZED"
    );
    for key in [&key, &tagged] {
        let said = serving.client.verdict(key).await;
        assert_eq!(said, "undecided REGISTRY_UNAUTHORIZED");
    }
    let mutated = serving.client.mutate(&[&tagged]).await;
    assert!(mutated.mutated(&tagged).is_err(), "{mutated:?}");
    let after = shown(&registry.requests(), "team/app");
    assert!(
        after.is_disjoint(&tokens),
        "an old token went out: {after:?}"
    );
    // and back
    write_login(&scene, "first");
    serving.until(&key, "admit VERIFIED").await;
}
