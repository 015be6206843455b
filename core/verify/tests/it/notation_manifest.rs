//! Rules D-01 and D-20 to D-32: the signature as an artifact in the registry.

use bytes::Bytes;
use ratify_oci::{Content, Descriptor, Digest, media};
use ratify_testkit::envelope::Format;
use ratify_testkit::image::{Image, Signature, THUMBPRINT_ANNOTATION};
use ratify_verify::notation::{MAX_ENVELOPE, MAX_MANIFEST, SIGNATURE_ARTIFACT_TYPE};
use ratify_verify::{
    Accepted, Answer, Basis, FetchFailure, Finding, Need, Reason, ReasonCode, Step, Verdict,
};
use serde_json::json;

use crate::notation::{Scene, Shelf, assert_rejected, assert_verified};

fn signed(scene: &Scene) -> Signature {
    scene
        .attach(Format::Jws, &scene.envelope(Format::Jws).build())
        .build()
}

/// A manifest of these bytes with the envelope of `signature`.
fn judge_bytes(scene: &Scene, signature: &Signature, manifest: String) -> Finding {
    let mut shelf = Shelf::of(signature);
    let bytes = Bytes::from(manifest);
    let size = u64::try_from(bytes.len()).unwrap();
    let listed = Descriptor::new(media::OCI_MANIFEST, Digest::sha256(&bytes), size);
    shelf.put(bytes);
    scene.drive(listed, &mut shelf)
}

fn text(signature: &Signature) -> String {
    String::from_utf8(signature.packed().bytes.to_vec()).unwrap()
}

#[test]
fn n_d_01_skip_is_accepted_without_asking_the_registry() {
    let mut scene = Scene::new().level("skip", &json!({}));
    scene.statement["trustStores"] = json!([]);
    scene.statement["trustedIdentities"] = json!([]);
    let verifier = scene.verifier();
    let reference = scene.subject().repository.at(Digest::sha256(b"any"));
    let finding = verifier.without_artifacts(reference.repository()).unwrap();
    assert_eq!(finding.artifact, None);
    assert_eq!(&*finding.artifact_type, SIGNATURE_ARTIFACT_TYPE);
    let basis = finding.verdict.accepted().map(Accepted::basis);
    assert_eq!(basis, Some(&Basis::Skipped));

    let mut shelf = Shelf::default();
    let finding = scene.drive(signed(&scene).referrer(), &mut shelf);
    assert_eq!(
        finding.verdict.accepted().map(Accepted::basis),
        Some(&Basis::Skipped)
    );
    assert_eq!(shelf.asked, []);
}

#[test]
fn n_d_01_no_statement_is_rejected_without_asking_the_registry() {
    let mut scene = Scene::new();
    scene.statement["registryScopes"] = json!(["registry.example.com/other"]);
    let reference = scene.subject().repository.at(Digest::sha256(b"any"));
    let finding = scene
        .verifier()
        .without_artifacts(reference.repository())
        .unwrap();
    assert_rejected(
        &finding,
        ReasonCode::NoTrustPolicy,
        "registry.example.com/web",
    );
    let mut shelf = Shelf::default();
    let finding = scene.drive(signed(&scene).referrer(), &mut shelf);
    assert_rejected(
        &finding,
        ReasonCode::NoTrustPolicy,
        "registry.example.com/web",
    );
    assert_eq!(shelf.asked, []);

    let strict = Scene::new();
    assert_eq!(
        strict.verifier().without_artifacts(reference.repository()),
        None
    );
}

#[test]
fn n_d_10_what_is_missing_is_rejected_and_what_failed_is_unknown() {
    let scene = Scene::new();
    let signature = signed(&scene);
    let layer = signature.manifest().layers[0].digest.clone();
    for digest in [signature.descriptor().digest.clone(), layer] {
        let mut shelf = Shelf::of(&signature);
        shelf.answers.remove(&digest);
        let finding = scene.drive(signature.referrer(), &mut shelf);
        assert_rejected(&finding, ReasonCode::SignatureUnavailable, digest.as_str());

        shelf.answers.insert(digest.clone(), Answer::TooLarge);
        let finding = scene.drive(signature.referrer(), &mut shelf);
        assert_rejected(&finding, ReasonCode::SignatureUnavailable, "larger");

        let throttled = Reason::new(ReasonCode::RegistryThrottled, "429");
        let failed = Answer::Failed(FetchFailure(throttled.clone()));
        shelf.answers.insert(digest, failed);
        let finding = scene.drive(signature.referrer(), &mut shelf);
        assert_eq!(finding.verdict, Verdict::Unknown(throttled));
    }
}

#[test]
fn n_d_20_only_an_oci_image_manifest_is_a_signature() {
    let scene = Scene::new();
    let mut shelf = Shelf::default();
    for media_type in [
        media::OCI_ARTIFACT,
        media::OCI_INDEX,
        media::DOCKER_MANIFEST,
        "application/vnd.oci.image.manifest.v1+json; charset=utf-8",
        "",
    ] {
        let mut listed = signed(&scene).referrer();
        listed.media_type = media_type.to_owned();
        let finding = scene.drive(listed, &mut shelf);
        assert_rejected(&finding, ReasonCode::SignatureManifestInvalid, "media type");
    }
    assert_eq!(shelf.asked, [], "refused by the listing alone");
}

#[test]
fn n_d_21_a_manifest_has_at_most_4_mib() {
    let scene = Scene::new();
    let mut listed = signed(&scene).referrer();
    listed.size = MAX_MANIFEST + 1;
    let mut shelf = Shelf::default();
    let finding = scene.drive(listed.clone(), &mut shelf);
    assert_rejected(&finding, ReasonCode::SignatureUnavailable, "4194305 bytes");
    assert_eq!(shelf.asked, []);

    listed.size = MAX_MANIFEST;
    scene.drive(listed.clone(), &mut shelf);
    let need = Need::Manifest {
        descriptor: listed,
        limit: 4 * 1024 * 1024,
    };
    assert_eq!(shelf.asked, [need], "the read is capped as well");
}

#[test]
fn n_d_22_other_bytes_than_asked_for_are_refused() {
    let scene = Scene::new();
    let signature = signed(&scene);
    let other = Answer::Content(Content::hash(Bytes::from_static(b"{}")));
    let layer = signature.manifest().layers[0].digest.clone();
    for digest in [signature.descriptor().digest.clone(), layer] {
        let mut shelf = Shelf::of(&signature);
        shelf.answers.insert(digest.clone(), other.clone());
        let finding = scene.drive(signature.referrer(), &mut shelf);
        assert_rejected(
            &finding,
            ReasonCode::SignatureContentMismatch,
            "expected `sha256:",
        );

        let wanted = Descriptor::new("", digest.clone(), 2);
        let mismatch = Content::check(&wanted, Bytes::from_static(b"{}")).unwrap_err();
        shelf.answers.insert(digest, Answer::Mismatch(mismatch));
        let finding = scene.drive(signature.referrer(), &mut shelf);
        assert_rejected(&finding, ReasonCode::SignatureContentMismatch, "hashes to");
    }
    // the right digest with a size that the descriptor denies
    let mut listed = signature.referrer();
    listed.size += 1;
    let finding = scene.drive(listed, &mut Shelf::of(&signature));
    assert_rejected(
        &finding,
        ReasonCode::SignatureContentMismatch,
        "bytes, expected",
    );
    let lying = scene
        .attach(Format::Jws, &scene.envelope(Format::Jws).build())
        .edit(|manifest| manifest.layers[0].size -= 1)
        .build();
    let finding = scene.judge_signature(&lying);
    assert_rejected(
        &finding,
        ReasonCode::SignatureContentMismatch,
        "bytes, expected",
    );
}

#[test]
fn n_d_23_an_artifact_type_goes_with_the_empty_config() {
    let scene = Scene::new();
    for format in Format::ALL {
        let envelope = scene.envelope(format).build();
        let form = || scene.attach(format, &envelope).with_artifact_type();
        assert_verified(&scene.judge_signature(&form().build()));

        for other in [
            "",
            "application/vnd.cncf.notary.signature2",
            "application/spdx+json",
        ] {
            let signature = form().edit(|m| m.artifact_type = Some(other.to_owned()));
            let finding = scene.judge_signature(&signature.build());
            assert_rejected(
                &finding,
                ReasonCode::SignatureManifestInvalid,
                "artifact type `",
            );
        }
        // notation and Ratify 1.4 let these pass (N 16); the specification does not
        for config in [
            SIGNATURE_ARTIFACT_TYPE,
            "application/vnd.oci.image.config.v1+json",
        ] {
            let signature = form().edit(|m| m.config.media_type = config.to_owned());
            let finding = scene.judge_signature(&signature.build());
            assert_rejected(
                &finding,
                ReasonCode::SignatureManifestInvalid,
                "config of type",
            );
        }
    }
}

#[test]
fn n_d_24_without_artifact_type_the_config_says_what_it_is() {
    let scene = Scene::new();
    let envelope = scene.envelope(Format::Jws).build();
    let form = || scene.attach(Format::Jws, &envelope);
    assert_eq!(form().build().manifest().artifact_type, None);
    assert_verified(&scene.judge_signature(&form().build()));
    for config in [
        media::OCI_EMPTY,
        "application/vnd.oci.image.config.v1+json",
        "",
    ] {
        let signature = form().edit(|m| m.config.media_type = config.to_owned());
        let finding = scene.judge_signature(&signature.build());
        assert_rejected(
            &finding,
            ReasonCode::SignatureManifestInvalid,
            "config of type",
        );
    }
}

#[test]
fn n_d_25_subject_must_match() {
    let scene = Scene::new();
    let envelope = scene.envelope(Format::Cose).build();
    let judged = scene.image.clone();
    let with = |subject| {
        scene.judge_signature(
            &scene
                .attach(Format::Cose, &envelope)
                .subject(subject)
                .build(),
        )
    };
    assert_verified(&with(Some(judged.clone())));
    assert_rejected(
        &with(None),
        ReasonCode::SignatureManifestInvalid,
        "no subject",
    );

    let mut other_type = judged.clone();
    other_type.media_type = media::DOCKER_MANIFEST.to_owned();
    let mut other_size = judged.clone();
    other_size.size += 1;
    let mut other_digest = judged.clone();
    other_digest.digest = Image::new("other").descriptor().digest.clone();
    for subject in [other_type, other_size, other_digest] {
        assert_rejected(
            &with(Some(subject)),
            ReasonCode::SubjectMismatch,
            "is attached to",
        );
    }
    // what is not part of the comparison
    let mut annotated = judged;
    annotated.annotations.insert("a".into(), "b".into());
    annotated.artifact_type = Some("x/y".to_owned());
    assert_verified(&with(Some(annotated)));
}

#[test]
fn n_d_26_exactly_one_layer() {
    let scene = Scene::new();
    let envelope = scene.envelope(Format::Jws).build();
    let two = scene.attach(Format::Jws, &envelope);
    let two = two.with_layer(Format::Jws.media_type(), &envelope).build();
    let finding = scene.judge_signature(&two);
    assert_rejected(&finding, ReasonCode::SignatureManifestInvalid, "2 layers");
    let none = scene
        .attach(Format::Jws, &envelope)
        .edit(|m| m.layers.clear());
    let finding = scene.judge_signature(&none.build());
    assert_rejected(&finding, ReasonCode::SignatureManifestInvalid, "0 layers");
}

#[test]
fn n_d_27_a_layer_of_another_type_is_no_envelope() {
    let scene = Scene::new();
    let envelope = scene.envelope(Format::Jws).build();
    for media_type in [
        "application/jose",
        "Application/jose+json",
        "application/jose+json; charset=utf-8",
        "application/cose; cose-type=\"cose-sign1\"",
        "application/octet-stream",
        "",
    ] {
        let signature = scene
            .attach(Format::Jws, &envelope)
            .edit(|m| m.layers[0].media_type = media_type.to_owned())
            .build();
        let mut shelf = Shelf::of(&signature);
        let finding = scene.drive(signature.referrer(), &mut shelf);
        assert_rejected(
            &finding,
            ReasonCode::EnvelopeUnsupported,
            "application/cose",
        );
        assert_eq!(shelf.asked.len(), 1, "the layer is not asked for");
    }
}

#[test]
fn n_d_28_an_envelope_has_at_most_4_mib() {
    let scene = Scene::new();
    let envelope = scene.envelope(Format::Jws).build();
    let sized = |size| {
        let signature = scene
            .attach(Format::Jws, &envelope)
            .edit(|m| m.layers[0].size = size)
            .build();
        let mut shelf = Shelf::of(&signature);
        let finding = scene.drive(signature.referrer(), &mut shelf);
        (finding, shelf.asked)
    };
    let (finding, asked) = sized(MAX_ENVELOPE + 1);
    assert_rejected(&finding, ReasonCode::SignatureUnavailable, "4194305 bytes");
    assert_eq!(asked.len(), 1);
    let (_, asked) = sized(MAX_ENVELOPE);
    let limit = asked.last().map(|need| match need {
        Need::Blob { limit, .. } | Need::Manifest { limit, .. } => *limit,
    });
    assert_eq!(limit, Some(4 * 1024 * 1024));
}

#[test]
fn n_d_29_only_manifest_and_envelope_are_asked_for() {
    let scene = Scene::new();
    let signature = signed(&scene);
    let mut shelf = Shelf::of(&signature);
    assert_verified(&scene.drive(signature.referrer(), &mut shelf));
    let [
        Need::Manifest {
            descriptor: manifest,
            ..
        },
        Need::Blob {
            descriptor: blob, ..
        },
    ] = shelf.asked.as_slice()
    else {
        panic!("{:?}", shelf.asked);
    };
    assert_eq!(*manifest, signature.referrer());
    assert_eq!(*blob, signature.manifest().layers[0]);
}

#[test]
fn n_d_30_thumbprints_are_a_hint_that_changes_nothing() {
    let scene = Scene::new();
    let envelope = scene.envelope(Format::Jws).build();
    for print in [None, Some("[]"), Some("nonsense"), Some("[\"00\"]")] {
        let signature = scene.attach(Format::Jws, &envelope).edit(|m| {
            m.annotations.remove(THUMBPRINT_ANNOTATION);
            let print = print.map(|print| (THUMBPRINT_ANNOTATION.to_owned(), print.to_owned()));
            m.annotations.extend(print);
        });
        assert_verified(&scene.judge_signature(&signature.build()));
    }
    // and the right ones do not make an untrusted signature trusted
    let stranger = Scene::new();
    let foreign = stranger.envelope(Format::Jws).build();
    let finding = scene.judge(Format::Jws, &foreign);
    assert_rejected(&finding, ReasonCode::SignerUntrusted, "acme signer");
}

#[test]
fn n_d_31_the_layer_type_says_how_to_read_it() {
    let scene = Scene::new();
    let jws = scene.envelope(Format::Jws).build();
    let cose = scene.envelope(Format::Cose).build();
    let finding = scene.judge(Format::Cose, &jws);
    assert_rejected(&finding, ReasonCode::EnvelopeMalformed, "COSE");
    let finding = scene.judge(Format::Jws, &cose);
    assert_rejected(&finding, ReasonCode::EnvelopeMalformed, "JWS");
}

#[test]
fn n_d_32_annotations_of_the_manifest_are_unsigned_and_ignored() {
    let scene = Scene::new();
    let expired = scene
        .envelope(Format::Jws)
        .signing_time(scene.now - jiff::SignedDuration::from_hours(2));
    let expired = expired
        .expiry(scene.now - jiff::SignedDuration::from_hours(1))
        .build();
    for (name, value) in [
        ("io.cncf.notary.expiry", "2099-01-01T00:00:00Z"),
        (
            "io.cncf.notary.signingScheme",
            "notary.x509.signingAuthority",
        ),
    ] {
        let signature = scene
            .attach(Format::Jws, &expired)
            .edit(|m| drop(m.annotations.insert(name.to_owned(), value.to_owned())));
        let finding = scene.judge_signature(&signature.build());
        assert_rejected(&finding, ReasonCode::SignatureExpired, "expired at");
    }
}

#[test]
fn n_p_09_a_manifest_that_readers_read_differently_is_refused() {
    let scene = Scene::new();
    let signature = signed(&scene);
    let manifest = text(&signature);
    assert_verified(&judge_bytes(&scene, &signature, manifest.clone()));
    let inner = manifest.strip_prefix('{').unwrap();
    for prefix in [
        "{\"schemaVersion\":2,",
        "{\"subject\":null,",
        "{\"Subject\":null,",
        "{\"LAYERS\":[],",
        "{\"x\":{\"a\":1,\"a\":2},",
        "{\"manifests\":[],",
        "{\"x\":[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]],",
    ] {
        let finding = judge_bytes(&scene, &signature, format!("{prefix}{inner}"));
        assert_rejected(&finding, ReasonCode::SignatureManifestInvalid, "manifest");
    }
    for whole in [
        format!("{manifest} {{}}"),
        format!("[{manifest}]"),
        String::new(),
        "null".into(),
    ] {
        let finding = judge_bytes(&scene, &signature, whole);
        assert_rejected(&finding, ReasonCode::SignatureManifestInvalid, "manifest");
    }
    assert_verified(&judge_bytes(
        &scene,
        &signature,
        format!("{{\"x\":[1],{inner}"),
    ));
}

#[test]
fn att_21_a_wrong_number_of_answers_is_a_rejection() {
    let scene = Scene::new();
    let signature = signed(&scene);
    let artifact = ratify_verify::Artifact {
        descriptor: signature.referrer(),
    };
    let begin = || scene.verifier().begin(&scene.subject(), &artifact);
    let content = || Answer::Content(Content::hash(signature.packed().bytes.clone()));
    for answers in [vec![], vec![content(), content()]] {
        let mut session = begin();
        assert!(matches!(session.step(Vec::new(), scene.now), Step::Need(_)));
        let Step::Done(finding) = session.step(answers, scene.now) else {
            panic!("the session goes on");
        };
        assert_rejected(&finding, ReasonCode::Internal, "answers");
    }
    let Step::Done(finding) = begin().step(vec![content()], scene.now) else {
        panic!("the session goes on");
    };
    assert_rejected(&finding, ReasonCode::Internal, "1 answers");
}
