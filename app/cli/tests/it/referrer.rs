//! `ratify referrer show-blob` and `show-manifest`.

use ratify_oci::media;
use ratify_testkit::registry::{Fault, Kind, Match, Times};

use crate::rig::{Rig, run};

#[tokio::test(flavor = "multi_thread")]
async fn show_blob_writes_the_bytes_as_they_are() {
    let rig = Rig::new().await;
    rig.push("app");
    let bytes = [0_u8, 159, 146, 150, b'\n', 27, b'['];
    let blob = rig.registry.push_blob("app", bytes.to_vec());
    let args = [
        "referrer",
        "show-blob",
        "-s",
        &rig.tagged("app"),
        "-d",
        blob.digest.as_str(),
        "--store",
        "oras",
    ];
    let mut command = rig.command(&args);
    let output = command.arg("-c").arg(rig.config_path()).output().unwrap();
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(0), bytes.as_slice()),
        "{output:?}"
    );
    rig.registry
        .fault(Match::Kind(Kind::Blob), Times::Always, Fault::WrongBytes);
    rig.run(&args)
        .assert_refused("SIGNATURE_CONTENT_MISMATCH: ");
}

#[tokio::test(flavor = "multi_thread")]
async fn v_1_4_show_manifest_prints_what_was_meant() {
    let rig = Rig::new().await;
    let (image, signature) = rig.push_signed("app");
    let digest = signature.descriptor().digest.as_str();
    let ran = rig.run(&[
        "referrer",
        "show-manifest",
        "-s",
        &rig.tagged("app"),
        "--digest",
        digest,
        "--store",
        "oras",
    ]);
    let value = ran.json();
    assert_eq!(
        (&value["mediaType"], &value["artifactType"]),
        (&media::OCI_MANIFEST.into(), &crate::rig::SIGNATURE.into())
    );
    assert_eq!(value["subject"]["digest"], image.digest.as_str());
    assert_eq!(value["blobs"][0]["mediaType"], "application/jose+json");
    assert!(ran.stdout.starts_with("{\n  \"mediaType\": "), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shown_is_said_in_one_sentence() {
    let rig = Rig::new().await;
    rig.push("app");
    let absent = format!("sha256:{}", "0".repeat(64));
    let subject = rig.tagged("app");
    for command in ["show-blob", "show-manifest"] {
        let refuse = |args: &[&str], sentence: &str| {
            rig.run(&[&["referrer", command], args].concat())
                .assert_refused(sentence);
        };
        refuse(
            &["-d", &absent, "--store", "oras"],
            "subject parameter is required",
        );
        refuse(
            &["-s", &subject, "--store", "oras"],
            "digest parameter is required",
        );
        refuse(
            &["-s", &subject, "-d", &absent],
            "store name parameter is required",
        );
        refuse(
            &["-s", &subject, "-d", "sha256:12", "--store", "oras"],
            "the digest of the subject is invalid: digest `sha256:12` is malformed",
        );
        refuse(
            &["-s", &subject, "-d", &absent, "--store", "x"],
            "cannot find store with name x, the configuration has `oras`",
        );
        refuse(&["-s", &subject, "-d", &absent, "--store", "oras"], "S");
    }
    // v1.4 panics here
    let help = run(rig.command(&["referrer", "show-blob", "--help"]));
    assert!(
        help.status == Some(0) && help.stdout.contains("-d, --digest"),
        "{help:?}"
    );
}
