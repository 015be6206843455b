//! `ratify discover` and `ratify resolve`.

use ratify_oci::Descriptor;
use ratify_testkit::image::{Image, SignatureManifest};
use ratify_testkit::registry::{Fault, Kind, Match, Times};

use crate::rig::{Rig, SIGNATURE};

/// A signature, and something attached to it.
fn nested(rig: &Rig, repository: &str) -> (Descriptor, Descriptor, Descriptor) {
    let (image, signature) = rig.push_signed(repository);
    let about = signature.descriptor();
    let note = SignatureManifest::of_media_type(about, "text/plain", b"note");
    let note = note
        .edit(|manifest| "text/nested".clone_into(&mut manifest.config.media_type))
        .build();
    rig.registry.attach(repository, &note);
    (image, about.clone(), note.descriptor().clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn v_1_4_the_tree_is_that_of_v1_4() {
    let rig = Rig::new().await;
    let (_, signature, note) = nested(&rig, "app");
    let subject = rig.tagged("app");
    let ran = rig.run(&["discover", "-s", &subject]);
    let expected = format!(
        "{subject}\n└── oras\n    └── [{SIGNATURE}]{}\n        └── [text/nested]{}\n\n",
        signature.digest, note.digest
    );
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (Some(0), expected.as_str()),
        "{ran:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn v_1_4_the_flat_list_is_that_of_v1_4() {
    let rig = Rig::new().await;
    let (image, signature, note) = nested(&rig, "app");
    let value = rig
        .run(&[
            "discover",
            "--flat",
            "-s",
            &rig.registry.pinned("app", &image),
        ])
        .json();
    assert_eq!(value[0]["storeName"], "oras");
    let listed: Vec<_> = value[0]["References"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["digest"].as_str().unwrap())
        .collect();
    assert_eq!(listed, [note.digest.as_str(), signature.digest.as_str()]);
    rig.push("plain");
    let plain = rig.run(&["discover", "--flat", "-s", &rig.tagged("plain")]);
    assert_eq!(
        plain.stdout,
        "[\n  {\n    \"storeName\": \"oras\"\n  }\n]\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn artifact_types_are_filtered_at_every_level() {
    let rig = Rig::new().await;
    let (_, signature, note) = nested(&rig, "app");
    let only = rig
        .run(&["discover", "-s", &rig.tagged("app"), "-t", SIGNATURE])
        .stdout;
    assert!(
        only.contains(signature.digest.as_str()) && !only.contains(note.digest.as_str()),
        "{only}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_list_is_never_printed() {
    let rig = Rig::new().await;
    nested(&rig, "app");
    rig.registry.fault(
        Match::Kind(Kind::Referrers),
        Times::After(1),
        Fault::Status(403),
    );
    let ran = rig.run(&["discover", "-s", &rig.tagged("app")]);
    ran.assert_refused("REGISTRY_FORBIDDEN: ");
    assert!(ran.stderr.contains("\nhint: "), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn resolve_prints_the_digest_and_nothing_else() {
    let rig = Rig::new().await;
    let image = rig.registry.push_image("app", "v1", &Image::new("app"));
    let ran = rig.run(&["resolve", "-s", &rig.tagged("app")]);
    assert_eq!(
        (ran.status, ran.stdout, ran.stderr.as_str()),
        (Some(0), format!("{}\n", image.digest), "")
    );
    rig.run(&["resolve", "-s", &rig.tagged("nosuch")])
        .assert_refused("SUBJECT_NOT_FOUND: ");
    rig.run(&["discover", "-s", &rig.tagged("nosuch")])
        .assert_refused("SUBJECT_NOT_FOUND: ");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_can_be_shown_is_said() {
    let rig = Rig::new().await;
    let image = rig.push("app");
    rig.registry.many_referrers("app", &image, SIGNATURE, 1_500);
    let ran = rig.run(&["discover", "-s", &rig.tagged("app")]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(ran.stdout.matches(SIGNATURE).count(), 1_000);
    assert!(
        ran.stderr
            .contains("store `oras` lists more than is shown: at most 1000 artifacts"),
        "{}",
        ran.stderr
    );
}
