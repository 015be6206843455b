//! What is remembered under one key never answers for another: registry, repository, tag, image, signature, type.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ratify_engine::{Limits, StoreError};
use ratify_oci::{Descriptor, Reference, media};
use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::Image;
use tokio::time::sleep;

use crate::fixture::told;
use crate::odd::{REPOSITORY, Scene, Setup, TTL};
use crate::shelf::Statement;

const STRANGER: &str = "x509.subject: C=US, ST=WA, O=Other";

/// Everybody may sign in the first repository, nobody whom we know in the second.
fn by_place(open: &'static str, closed: &'static str) -> Scene {
    let open = Statement {
        scope: open,
        ..Statement::default()
    };
    let closed = Statement {
        scope: closed,
        identity: STRANGER,
        ..Statement::default()
    };
    Scene::of(&Setup {
        statements: vec![open, closed],
        ..Setup::default()
    })
}

fn reads_all() -> Scene {
    Scene::of(&Setup {
        types: &["*"],
        ..Setup::default()
    })
}

/// Asks once, and again when the verdict has ended and signatures are still remembered.
async fn told_twice(scene: &Scene, change: impl FnOnce()) -> [String; 2] {
    let reference = scene.pinned();
    let first = told(&scene.ask(&reference).await);
    sleep(TTL).await;
    change();
    [first, told(&scene.ask(&reference).await)]
}

#[tokio::test(start_paused = true)]
async fn att_25_the_very_same_signature_is_judged_by_the_policy_of_each_repository() {
    // another path in the registry, and the same path in another registry
    for other in ["reg.example/other/app", "other.example/team/app"] {
        let scene = by_place("reg.example/team/app", other);
        let target = scene.image.descriptor();
        let envelope = Envelope::new(Format::Jws, &scene.signer, target).build();
        for repository in [REPOSITORY, "other/app"] {
            scene.odd.shelf.push(repository, "v1", &scene.image);
            scene.odd.shelf.attach(repository, &scene.image, &envelope);
        }
        let listed = scene.odd.listed(REPOSITORY, &scene.image).await;
        assert_eq!(listed, scene.odd.listed("other/app", &scene.image).await);
        for _ in 0..2 {
            let here = scene.ask(&scene.pinned()).await;
            assert_eq!(told(&here), "admit VERIFIED");
            let there = scene.ask(&scene.pinned_in(other)).await;
            assert_eq!(told(&there), "deny IDENTITY_UNTRUSTED", "{other}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn att_25_what_a_tag_points_to_is_remembered_for_that_tag_alone() {
    let scene = Scene::new();
    let one = scene.resolve(&Scene::tagged()).await.unwrap();
    let other = Image::new("other").descriptor().clone();
    scene.odd.set(|odd| odd.resolved = Some(other.clone()));
    assert_eq!(scene.resolve(&Scene::tagged()).await.unwrap(), one);
    for name in [
        "reg.example/team/app:v2",
        "reg.example/team/app2:v1",
        "other.example/team/app:v1",
        "reg.example:5000/team/app:v1",
    ] {
        let reference: Reference = name.parse().unwrap();
        assert_eq!(scene.resolve(&reference).await.unwrap(), other, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn att_25_a_signature_of_one_image_is_judged_anew_for_another() {
    let scene = Scene::new();
    scene.sign();
    let listed = scene.odd.listed(REPOSITORY, &scene.image).await;
    let other = Image::new("other");
    scene.odd.shelf.push(REPOSITORY, "v2", &other);
    scene.odd.set(|odd| odd.listed = Some(listed));
    assert_eq!(told(&scene.ask(&scene.pinned()).await), "admit VERIFIED");
    let other = Scene::tagged()
        .repository()
        .at(other.descriptor().digest.clone());
    assert_eq!(told(&scene.ask(&other).await), "deny SUBJECT_MISMATCH");
}

#[tokio::test(start_paused = true)]
async fn att_35_a_signature_is_judged_anew_when_the_image_is_said_to_be_of_another_type() {
    let scene = Scene::new();
    scene.sign();
    let subject = Descriptor {
        media_type: media::DOCKER_MANIFEST.to_owned(),
        ..scene.image.descriptor().clone()
    };
    let change = || scene.odd.set(|odd| odd.resolved = Some(subject));
    let told = told_twice(&scene, change).await;
    assert_eq!(told, ["admit VERIFIED", "deny SUBJECT_MISMATCH"]);
}

#[tokio::test(start_paused = true)]
async fn att_46_a_signature_is_judged_anew_when_it_is_listed_otherwise() {
    fn as_index(one: &mut Descriptor) {
        one.media_type = media::OCI_INDEX.to_owned();
    }
    fn as_something(one: &mut Descriptor) {
        one.artifact_type = Some("application/x.other".to_owned());
    }
    fn as_huge(one: &mut Descriptor) {
        one.size = 1 << 40;
    }
    type Change = fn(&mut Descriptor);
    let changes: [(Change, &str); 3] = [
        (as_index, "deny SIGNATURE_MANIFEST_INVALID"),
        (as_something, "deny SIGNATURE_MANIFEST_INVALID"),
        (as_huge, "deny SIGNATURE_UNAVAILABLE"),
    ];
    for (change, denied) in changes {
        let scene = reads_all();
        scene.sign();
        let good = scene.odd.listed(REPOSITORY, &scene.image).await;
        let mut bad = good.clone();
        bad.iter_mut().for_each(change);
        let list = |listed: &[Descriptor]| {
            let listed = listed.to_vec();
            scene.odd.set(|odd| odd.listed = Some(listed));
        };
        let told = told_twice(&scene, || list(&bad)).await;
        assert_eq!(told, ["admit VERIFIED", denied]);
        // and back, before the rejection has ended
        sleep(TTL / 5).await;
        list(&good);
        assert_eq!(
            self::told(&scene.ask(&scene.pinned()).await),
            "admit VERIFIED"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_manifest_under_two_types_is_two_claims_and_listed_twice_it_is_one() {
    let scene = reads_all();
    scene.sign();
    let listed = scene.odd.listed(REPOSITORY, &scene.image).await;
    let twice = [listed.clone(), listed.clone()].concat();
    scene.odd.set(|odd| odd.listed = Some(twice));
    let report = scene.ask(&scene.pinned()).await;
    assert_eq!(told(&report), "admit VERIFIED");
    assert_eq!(report.findings.len(), 1);

    sleep(TTL).await;
    let mut other = listed.clone();
    other[0].artifact_type = Some("application/x.other".to_owned());
    let both = [listed, other].concat();
    scene.odd.set(|odd| odd.listed = Some(both));
    let report = scene.ask(&scene.pinned()).await;
    assert_eq!(told(&report), "deny SIGNATURE_MANIFEST_INVALID");
    assert_eq!(report.findings.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn decision_2_all_is_not_satisfied_by_the_artifacts_within_the_limit() {
    for (signatures, expected) in [(2, "admit VERIFIED"), (3, "deny OVER_BUDGET")] {
        let scene = Scene::of(&Setup {
            limits: Limits {
                artifacts_per_verifier: 2,
                ..Limits::default()
            },
            ..Setup::default()
        });
        for _ in 0..signatures {
            scene.sign();
        }
        let report = scene.ask(&scene.pinned()).await;
        assert_eq!(told(&report), expected);
        assert_eq!(report.findings.len(), signatures);
    }
}

#[tokio::test(start_paused = true)]
async fn artifacts_of_one_image_are_judged_a_few_at_a_time() {
    let scene = Scene::of(&Setup {
        limits: Limits {
            concurrent_artifacts: 3,
            ..Limits::default()
        },
        ..Setup::default()
    });
    for _ in 0..10 {
        scene.sign();
    }
    scene.odd.shelf.delay(Duration::from_millis(1));
    assert_eq!(told(&scene.ask(&scene.pinned()).await), "admit VERIFIED");
    let most = &scene.odd.shelf.counts.most_at_once;
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn att_24_a_store_that_finds_something_else_under_a_digest_is_not_believed() {
    let scene = Scene::new();
    let good = Image::new("good");
    scene.odd.shelf.sign(REPOSITORY, &good, &scene.signer);
    let listed = scene.odd.listed(REPOSITORY, &good).await;
    scene.odd.set(|odd| {
        odd.resolved = Some(good.descriptor().clone());
        odd.listed = Some(listed);
    });
    let report = scene.ask(&scene.pinned()).await;
    assert_eq!(told(&report), "deny SUBJECT_UNUSABLE");
    let resolved = scene.resolve(&scene.pinned()).await;
    assert!(matches!(resolved, Err(StoreError::Definitive(_))));
}
