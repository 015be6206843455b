//! Rules Y-01 to Y-09: the signed payload against the image, in both formats. Every payload here is signed.

use ratify_oci::{Descriptor, Digest, media};
use ratify_testkit::envelope::Format;
use ratify_testkit::image::Image;
use ratify_verify::{Finding, ReasonCode, Validation};
use serde_json::{Value as Json, json};

use crate::notation::{Scene, assert_rejected, assert_verified, outcome};

const INVALID: ReasonCode = ReasonCode::PayloadInvalid;

/// What is signed when nothing is wrong.
fn target(scene: &Scene) -> Json {
    json!({
        "mediaType": scene.image.media_type,
        "digest": scene.image.digest.as_str(),
        "size": scene.image.size,
    })
}

fn judge_all(scene: &Scene, payload: &str) -> Vec<Finding> {
    Format::ALL
        .map(|format| scene.judge(format, &scene.envelope(format).payload(payload).build()))
        .into()
}

#[track_caller]
fn assert_payload(scene: &Scene, payload: &(impl ToString + ?Sized), said: &str) {
    for finding in judge_all(scene, &payload.to_string()) {
        assert_rejected(&finding, INVALID, said);
    }
}

#[track_caller]
fn assert_good(scene: &Scene, payload: &(impl ToString + ?Sized)) {
    for finding in judge_all(scene, &payload.to_string()) {
        assert_verified(&finding);
    }
}

#[test]
fn n_y_01_an_untrusted_signers_payload_is_not_read() {
    let scene = Scene::new();
    let mut stranger = Scene::new();
    stranger.image = scene.image.clone();
    for format in Format::ALL {
        let envelope = stranger.envelope(format).payload("not json").build();
        let finding = scene.judge(format, &envelope);
        assert_rejected(&finding, ReasonCode::SignerUntrusted, "acme signer");
        let tampered = scene
            .envelope(format)
            .build_with_swapped_payload(b"not json");
        let finding = scene.judge(format, &tampered);
        assert_rejected(&finding, ReasonCode::SignatureInvalid, "does not match");
    }
}

#[test]
fn n_y_02_media_type_digest_and_size_are_required() {
    let scene = Scene::new();
    assert_good(&scene, &json!({ "targetArtifact": target(&scene) }));
    assert_payload(&scene, &"{}", "no `targetArtifact`");
    for other in [json!(null), json!([]), json!("x"), json!(1)] {
        let payload = json!({ "targetArtifact": other });
        assert_payload(&scene, &payload, "`targetArtifact` is ");
    }
    for name in ["mediaType", "digest", "size"] {
        let mut missing = target(&scene);
        missing.as_object_mut().unwrap().remove(name);
        let said = format!("no `{name}`");
        assert_payload(&scene, &json!({ "targetArtifact": missing }), &said);
        for other in [json!(null), json!([]), json!({}), json!(true)] {
            let mut changed = target(&scene);
            changed[name] = other;
            let said = format!("`{name}` is ");
            assert_payload(&scene, &json!({ "targetArtifact": changed }), &said);
        }
    }
}

#[test]
fn n_y_02_annotations_are_texts() {
    let scene = Scene::new();
    for (annotations, good) in [
        (json!({}), true),
        (json!(null), true),
        (json!({ "a": "b" }), true),
        (json!({ "a": 1 }), false),
        (json!({ "a": null }), false),
        (json!({ "a": { "b": "c" } }), false),
        (json!([]), false),
        (json!("a"), false),
    ] {
        let mut changed = target(&scene);
        changed["annotations"] = annotations;
        let payload = json!({ "targetArtifact": changed });
        if good {
            assert_good(&scene, &payload);
        } else {
            assert_payload(&scene, &payload, "`annotations` is ");
        }
    }
}

#[test]
fn n_y_03_media_type_digest_and_size_equal_the_image() {
    let scene = Scene::new();
    let other_digest = Image::new("other").descriptor().digest.to_string();
    for (name, value) in [
        ("mediaType", json!(media::DOCKER_MANIFEST)),
        ("mediaType", json!(media::OCI_INDEX)),
        ("mediaType", json!("")),
        ("mediaType", json!(media::OCI_MANIFEST.to_uppercase())),
        ("digest", json!(other_digest)),
        ("size", json!(scene.image.size + 1)),
        ("size", json!(0)),
        ("size", json!(u64::MAX)),
    ] {
        let mut changed = target(&scene);
        changed[name] = value;
        for finding in judge_all(&scene, &json!({ "targetArtifact": changed }).to_string()) {
            assert_rejected(
                &finding,
                ReasonCode::PayloadMismatch,
                "the signature is about",
            );
        }
    }
    // what takes no part
    let mut more = target(&scene);
    more["urls"] = json!(["https://example.com"]);
    more["data"] = json!("e30=");
    more["platform"] = json!({ "os": "plan9", "architecture": "mips" });
    more["artifactType"] = json!("x/y");
    assert_good(&scene, &json!({ "targetArtifact": more }));
}

#[test]
fn n_y_03_the_digest_is_compared_with_its_algorithm() {
    let mut scene = Scene::new();
    let bytes = b"a manifest under two names";
    let by = |algorithm| {
        let size = u64::try_from(bytes.len()).unwrap();
        Descriptor::new(media::OCI_MANIFEST, Digest::of(algorithm, bytes), size)
    };
    let sha256 = by(ratify_oci::DigestAlgorithm::Sha256);
    scene.image = by(ratify_oci::DigestAlgorithm::Sha512);
    assert_good(&scene, &json!({ "targetArtifact": target(&scene) }));
    let mut changed = target(&scene);
    changed["digest"] = json!(sha256.digest.as_str());
    for finding in judge_all(&scene, &json!({ "targetArtifact": changed }).to_string()) {
        assert_rejected(&finding, ReasonCode::PayloadMismatch, "sha256:");
    }
}

#[test]
fn n_y_05_annotations_take_no_part_without_wanted_metadata() {
    let scene = Scene::new();
    let mut annotated = target(&scene);
    annotated["annotations"] = json!({ "io.wabbit-networks.buildId": "123" });
    assert_good(&scene, &json!({ "targetArtifact": annotated }));
}

#[test]
fn n_y_08_strict_json_only() {
    let scene = Scene::new();
    let good = json!({ "targetArtifact": target(&scene) }).to_string();
    let target = target(&scene).to_string();
    for bad in [
        format!("{good}{good}"),
        format!("{good} x"),
        format!("[{good}]"),
        good[1..].to_owned(),
        "\"x\"".to_owned(),
        "null".to_owned(),
        " ".to_owned(),
    ] {
        assert_payload(&scene, &bad, "payload");
    }
    let twice = format!("{{\"targetArtifact\":{{}},\"targetArtifact\":{target}}}");
    assert_payload(&scene, &twice, "`targetArtifact` occurs twice");
    let inner = target.strip_prefix('{').unwrap();
    let twice = format!("{{\"targetArtifact\":{{\"size\":1,{inner}}}");
    assert_payload(&scene, &twice, "`size` occurs twice");
    let escaped = format!("{{\"targetArtifact\":{{\"s\\u0069ze\":1,{inner}}}");
    assert_payload(&scene, &escaped, "`size` occurs twice");
    let deep = format!(
        "{{\"x\":{}{},\"targetArtifact\":{target}}}",
        "[".repeat(20),
        "]".repeat(20)
    );
    assert_payload(&scene, &deep, "nested deeper");
    for format in Format::ALL {
        let envelope = scene
            .envelope(format)
            .payload(&b"{\"a\":\"\xff\"}"[..])
            .build();
        assert_rejected(&scene.judge(format, &envelope), INVALID, "strict JSON");
    }
}

#[test]
fn n_y_08_no_name_that_differs_only_by_case() {
    let scene = Scene::new();
    let other = json!({ "mediaType": "x", "digest": "y", "size": 0 });
    for name in ["TargetArtifact", "targetartifact", "TARGETARTIFACT"] {
        let payload = json!({ "targetArtifact": target(&scene), name: other });
        assert_payload(&scene, &payload, "only by case");
    }
    for name in ["MediaType", "Digest", "SIZE", "Annotations"] {
        let mut changed = target(&scene);
        changed[name] = json!("x");
        assert_payload(
            &scene,
            &json!({ "targetArtifact": changed }),
            "only by case",
        );
    }
}

#[test]
fn n_y_08_sizes_and_digests_have_one_spelling() {
    let scene = Scene::new();
    let size = scene.image.size;
    let whole = json!({ "targetArtifact": target(&scene) }).to_string();
    let member = format!("\"size\":{size}");
    for bad in [
        format!("\"size\":-{size}"),
        format!("\"size\":{size}.0"),
        format!("\"size\":{size}e0"),
        format!("\"size\":\"{size}\""),
        "\"size\":18446744073709551616".to_owned(),
    ] {
        assert_payload(&scene, &whole.replacen(&member, &bad, 1), "`size` is ");
    }
    let hex = scene.image.digest.hex();
    for bad in [
        hex.to_owned(),
        format!("sha256:{}", hex.to_uppercase()),
        format!("SHA256:{hex}"),
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{hex}00"),
        format!("sha512:{hex}"),
        format!("sha1:{}", &hex[..40]),
        format!("sha256:{hex} "),
        String::new(),
    ] {
        let mut changed = target(&scene);
        changed["digest"] = json!(bad);
        assert_payload(&scene, &json!({ "targetArtifact": changed }), "digest");
    }
}

#[test]
fn n_y_08_unknown_members_are_let_pass_and_not_acted_on() {
    let scene = Scene::new();
    let mut more = target(&scene);
    more["com.example.note"] = json!({ "digest": "sha256:00" });
    let payload = json!({ "targetArtifact": more, "targetArtifacts": [], "subject": null });
    assert_good(&scene, &payload);
}

#[test]
fn n_y_09_no_level_lets_a_payload_of_another_image_pass() {
    let other = Image::new("other");
    for level in ["strict", "permissive", "audit"] {
        let scene = Scene::new().level(level, &json!({}));
        for format in Format::ALL {
            let payload = ratify_testkit::envelope::payload(other.descriptor());
            let finding = scene.judge(format, &scene.envelope(format).payload(payload).build());
            assert_rejected(
                &finding,
                ReasonCode::PayloadMismatch,
                other.descriptor().digest.as_str(),
            );
            assert_eq!(
                outcome(&finding, Validation::Expiry),
                None,
                "the work ends there"
            );
        }
    }
}
