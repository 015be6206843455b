//! Six keys in two formats that are accepted, and what attackers do to them: transplants (T-54), tampering (T-22),
//! permutation (T-44), arbitrary and mutated bytes (T-11, T-18, T-21), and the absence of spurious failures (T-59).

use std::sync::LazyLock;

use proptest::prelude::*;
use ratify_oci::{Descriptor, Digest, media};
use ratify_testkit::certs::{Authority, Chain};
use ratify_testkit::envelope::{Format, Value, payload};
use ratify_testkit::image::{Image, ImageIndex};
use ratify_testkit::keys::KeyKind;
use ratify_testkit::time::now_plus_days;
use ratify_verify::trust::StoreType;
use ratify_verify::{ReasonCode, Verdict};
use serde_json::json;

use crate::notation::{Scene, Shelf, assert_logged, assert_rejected, assert_verified};

/// A scene whose leaf has a key of that kind.
fn scene_of(kind: KeyKind) -> Scene {
    let root = Authority::of_kind("Acme Root", kind);
    let signer = root.leaf_of_kind("acme signer", kind);
    Scene::with_signer(root, signer)
}

#[test]
fn n_2_3_six_keys_in_two_formats_are_accepted() {
    for kind in KeyKind::ALL {
        let direct = scene_of(kind);
        let below = direct.root.intermediate("Acme CA");
        let mut nested = direct.clone();
        nested.signer = below.leaf_of_kind("acme signer", kind);
        for scene in [direct, nested] {
            for format in Format::ALL {
                let later = now_plus_days(1);
                let envelope = scene
                    .envelope(format)
                    .expiry(later)
                    .protected("x", Value::Bool(true));
                let signature = scene.attach(format, &envelope.build());
                assert_verified(&scene.judge_signature(&signature.clone().build()));
                assert_verified(&scene.judge_signature(&signature.with_artifact_type().build()));
            }
        }
    }
}

#[test]
fn images_of_every_manifest_type_can_be_signed() {
    for image in [
        Image::docker("web").descriptor().clone(),
        ImageIndex::new("web").descriptor().clone(),
    ] {
        let mut scene = Scene::new();
        scene.image = image;
        for format in Format::ALL {
            assert_verified(&scene.judge(format, &scene.envelope(format).build()));
        }
    }
}

#[test]
fn n_j_08_n_c_10_the_salt_is_as_long_as_the_hash() {
    let certificate = include_bytes!("../vectors/pss-salt/certificate.der").to_vec();
    let mut scene = Scene::new();
    scene.image = Descriptor::new(media::OCI_MANIFEST, Digest::sha256(b"salt"), 4);
    scene.stores[0].2 = vec![certificate];
    assert_verified(&scene.judge(
        Format::Jws,
        include_bytes!("../vectors/pss-salt/salt-32.jws.json"),
    ));
    assert_verified(&scene.judge(
        Format::Cose,
        include_bytes!("../vectors/pss-salt/salt-32.cose"),
    ));
    for (format, envelope) in [
        (
            Format::Jws,
            &include_bytes!("../vectors/pss-salt/salt-0.jws.json")[..],
        ),
        (
            Format::Jws,
            include_bytes!("../vectors/pss-salt/salt-20.jws.json"),
        ),
        (
            Format::Jws,
            include_bytes!("../vectors/pss-salt/salt-222.jws.json"),
        ),
        (
            Format::Cose,
            include_bytes!("../vectors/pss-salt/salt-0.cose"),
        ),
        (
            Format::Cose,
            include_bytes!("../vectors/pss-salt/salt-20.cose"),
        ),
        (
            Format::Cose,
            include_bytes!("../vectors/pss-salt/salt-222.cose"),
        ),
    ] {
        let finding = scene.judge(format, envelope);
        assert_rejected(&finding, ReasonCode::SignatureInvalid, "does not match");
    }
}

#[test]
fn att_54_a_signature_of_one_image_does_not_admit_another() {
    let scene = Scene::new();
    let mut other = scene.clone();
    other.image = Image::new("other").descriptor().clone();
    for format in Format::ALL {
        let envelope = scene.envelope(format).build();
        assert_verified(&scene.judge(format, &envelope));
        // the signature artifact as it is, listed for the other image
        let signature = scene.attach(format, &envelope).build();
        let finding = other.judge_signature(&signature);
        assert_rejected(
            &finding,
            ReasonCode::SubjectMismatch,
            other.image.digest.as_str(),
        );
        // its manifest rewritten to name the other image
        let finding = other.judge(format, &envelope);
        assert_rejected(
            &finding,
            ReasonCode::PayloadMismatch,
            other.image.digest.as_str(),
        );
        // and the payload rewritten as well
        let forged = scene
            .envelope(format)
            .build_with_swapped_payload(&payload(&other.image));
        let finding = other.judge(format, &forged);
        assert_rejected(&finding, ReasonCode::SignatureInvalid, "does not match");
        // an index does not vouch for its images, nor an image for its index
        let index = ImageIndex::new("web");
        let mut whole = scene.clone();
        whole.image = index.descriptor().clone();
        let mut part = scene.clone();
        part.image = index.images()[0].descriptor().clone();
        let finding = part.judge(format, &whole.envelope(format).build());
        assert_rejected(
            &finding,
            ReasonCode::PayloadMismatch,
            part.image.digest.as_str(),
        );
        let finding = whole.judge(format, &part.envelope(format).build());
        assert_rejected(
            &finding,
            ReasonCode::PayloadMismatch,
            whole.image.digest.as_str(),
        );
    }
}

#[test]
fn att_54_a_signature_does_not_move_to_another_repository() {
    // the payload names no repository, so the statement of the repository decides whom to trust
    let mut scene = Scene::new();
    let envelope = scene.envelope(Format::Jws).build();
    scene.statement["trustStores"] = json!(["ca:theirs"]);
    let theirs = Authority::new("Their Root").certificate().to_vec();
    scene.stores.push((StoreType::Ca, "theirs", vec![theirs]));
    let finding = scene.judge(Format::Jws, &envelope);
    assert_rejected(&finding, ReasonCode::SignerUntrusted, "`theirs`");
}

#[test]
fn att_22_nothing_signed_can_be_changed() {
    for kind in KeyKind::ALL {
        let scene = scene_of(kind);
        let later = now_plus_days(1);
        for format in Format::ALL {
            let signed = || scene.envelope(format).expiry(later);
            assert_verified(&scene.judge(format, &signed().build()));
            let invalid = ReasonCode::SignatureInvalid;
            let tampered = scene.judge(format, &signed().build_with_tampered_signature());
            assert_rejected(&tampered, invalid, "does not match");
            let mut spaced = payload(&scene.image);
            spaced.push(b' ');
            let swapped = scene.judge(format, &signed().build_with_swapped_payload(&spaced));
            assert_rejected(&swapped, invalid, "does not match");
        }
        let longer = || scene.envelope(Format::Jws).expiry(now_plus_days(2));
        let mut jws = scene.envelope(Format::Jws).expiry(later).jws_parts();
        jws.protected = longer().jws_parts().protected;
        let finding = scene.judge(Format::Jws, &jws.to_bytes());
        assert_rejected(&finding, ReasonCode::SignatureInvalid, "does not match");
        let longer = scene.envelope(Format::Cose).expiry(now_plus_days(2));
        let mut cose = scene.envelope(Format::Cose).expiry(later).cose_parts();
        cose.protected = longer.cose_parts().protected;
        let finding = scene.judge(Format::Cose, &cose.to_bytes());
        assert_rejected(&finding, ReasonCode::SignatureInvalid, "does not match");
    }
}

#[test]
fn att_22_a_chain_by_somebody_else_does_not_lend_its_name() {
    let scene = Scene::new();
    let evil = Authority::new("Evil Root").leaf("acme signer");
    for format in Format::ALL {
        // signed by the stranger, the trusted chain attached
        let borrowed = scene.envelope(format).key(&evil.key).build();
        let finding = scene.judge(format, &borrowed);
        assert_rejected(&finding, ReasonCode::SignatureInvalid, "does not match");
        // signed by the stranger, whose leaf stands in front of the trusted chain
        let mut certificates = scene.signer.certificates.clone();
        certificates[0] = evil.leaf().to_vec();
        let mixed = scene
            .envelope(format)
            .key(&evil.key)
            .certificates(certificates);
        let finding = scene.judge(format, &mixed.build());
        assert_rejected(&finding, ReasonCode::ChainInvalid, "certificate 0");
        // the whole chain of the stranger with the trusted root after it
        let mut certificates = evil.certificates.clone();
        certificates.push(scene.root.certificate().to_vec());
        let appended = scene
            .envelope(format)
            .key(&evil.key)
            .certificates(certificates);
        let finding = scene.judge(format, &appended.build());
        assert_rejected(&finding, ReasonCode::ChainInvalid, "certificate 1");
    }
}

#[test]
fn att_44_no_order_of_a_chain_but_one_is_accepted() {
    let scene = Scene::new();
    let [leaf, middle, root] = [0, 1, 2].map(|at| scene.signer.certificates[at].clone());
    for order in [
        vec![&leaf, &root, &middle],
        vec![&middle, &leaf, &root],
        vec![&middle, &root, &leaf],
        vec![&root, &leaf, &middle],
        vec![&root, &middle, &leaf],
        vec![&leaf, &middle],
        vec![&leaf, &root],
        vec![&leaf, &leaf, &middle, &root],
        vec![&leaf, &middle, &middle, &root],
        vec![&leaf, &middle, &root, &root],
        vec![&leaf],
    ] {
        let certificates: Vec<_> = order.into_iter().cloned().collect();
        for format in Format::ALL {
            let envelope = scene
                .envelope(format)
                .certificates(certificates.clone())
                .build();
            let finding = scene.judge(format, &envelope);
            let Verdict::Rejected(reason) = &finding.verdict else {
                panic!("{finding:#?}");
            };
            let code = reason.code();
            let leaf_first = certificates.first() == Some(&leaf);
            let expected = if leaf_first {
                ReasonCode::ChainInvalid
            } else {
                ReasonCode::SignatureInvalid
            };
            assert_eq!(code, expected, "{reason}");
        }
    }
}

#[test]
fn att_44_the_order_of_stores_statements_and_identities_changes_nothing() {
    let scene = Scene::new();
    let stranger = Authority::new("Stranger").certificate().to_vec();
    let good = scene.stores[0].2[0].clone();
    let envelope = scene.envelope(Format::Cose).build();
    for (stores, certificates) in [
        (
            json!(["ca:a", "ca:b"]),
            vec![good.clone(), stranger.clone()],
        ),
        (json!(["ca:b", "ca:a"]), vec![good, stranger.clone()]),
    ] {
        for reversed in [false, true] {
            let mut scene = scene.clone();
            let mut certificates = certificates.clone();
            if reversed {
                certificates.reverse();
            }
            scene.statement["trustStores"] = stores.clone();
            scene.stores = vec![
                (StoreType::Ca, "a", certificates),
                (StoreType::Ca, "b", vec![stranger.clone()]),
            ];
            assert_verified(&scene.judge(Format::Cose, &envelope));
        }
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the environment says how long the test may take, not what it tests"
)]
fn att_59_random_signatures_never_fail() {
    let rounds = if std::env::var_os("RATIFY_SLOW").is_some() {
        10_000
    } else {
        300
    };
    let kinds = [
        (KeyKind::P256, rounds / 2),
        (KeyKind::P384, rounds / 8),
        (KeyKind::P521, rounds / 8),
        (KeyKind::Rsa2048, rounds / 8),
        (KeyKind::Rsa3072, rounds / 16),
        (KeyKind::Rsa4096, rounds / 16),
    ];
    for (kind, rounds) in kinds {
        let scene = scene_of(kind);
        let verifier = scene.verifier();
        for round in 0..rounds {
            let format = Format::ALL[round % 2];
            // every round signs other bytes with another nonce or salt
            let number = Value::Int(i64::try_from(round).unwrap());
            let envelope = scene.envelope(format).protected("round", number).build();
            let signature = scene.attach(format, &envelope).build();
            let listed = signature.referrer();
            let finding = scene.drive_with(&verifier, listed, &mut Shelf::of(&signature));
            assert_verified(&finding);
        }
    }
}

#[test]
fn att_22_no_single_bit_can_be_changed() {
    // without unsigned members that are tolerated, and where only integrity and the payload stand in the way
    let (scene, envelopes) = &*GOOD;
    let verifier = scene.verifier();
    for (format, envelope) in Format::ALL.into_iter().zip(envelopes) {
        for at in 0..envelope.len() {
            // one bit after the other, and the one that makes another case of a letter
            for bit in [1 << (at % 8), 0x20] {
                let mut changed = envelope.clone();
                changed[at] ^= bit;
                let signature = scene.attach(format, &changed).build();
                let mut registry = Shelf::of(&signature);
                let finding = scene.drive_with(&verifier, signature.referrer(), &mut registry);
                let rejected = matches!(finding.verdict, Verdict::Rejected(_));
                assert!(rejected, "{format}, byte {at} ^ {bit:#x}: {finding:#?}");
            }
        }
    }
}

#[test]
fn att_05_an_expired_signature_is_denied_or_visibly_logged() {
    let mut scene = Scene::new();
    scene.now = now_plus_days(2);
    for format in Format::ALL {
        let envelope = scene.envelope(format).expiry(now_plus_days(1)).build();
        let code = ReasonCode::SignatureExpired;
        assert_rejected(
            &scene.judge(format, &envelope),
            code,
            "2026-06-02T12:00:00Z",
        );
        let permissive = scene.clone().level("permissive", &json!({}));
        assert_logged(&permissive.judge(format, &envelope), &[code]);
    }
}

#[test]
fn att_35_a_signature_manifest_is_of_one_kind() {
    let scene = Scene::new();
    let signature = scene
        .attach(Format::Jws, &scene.envelope(Format::Jws).build())
        .build();
    let manifest = String::from_utf8(signature.packed().bytes.to_vec()).unwrap();
    let mut registry = Shelf::of(&signature);
    for (from, to) in [
        ("{", "{\"manifests\":[],"),
        ("{", "{\"blobs\":[],"),
        (media::OCI_MANIFEST, media::OCI_INDEX),
        (media::OCI_MANIFEST, media::DOCKER_MANIFEST),
        ("\"schemaVersion\":2", "\"schemaVersion\":1"),
    ] {
        let changed = manifest.replacen(from, to, 1).into_bytes();
        assert_ne!(changed, signature.packed().bytes);
        let listed = ratify_testkit::image::describe(media::OCI_MANIFEST, &changed);
        registry.put(changed.into());
        let finding = scene.drive(listed, &mut registry);
        assert_rejected(&finding, ReasonCode::SignatureManifestInvalid, "manifest");
    }
}

#[test]
fn att_18_a_small_envelope_cannot_take_much_memory() {
    let scene = Scene::new();
    let text = String::from_utf8(scene.envelope(Format::Jws).build()).unwrap();
    let zeros = format!("\"header\":{{\"x\":[{}0],", "0,".repeat(1_000_000));
    let finding = scene.judge(
        Format::Jws,
        text.replacen("\"header\":{", &zeros, 1).as_bytes(),
    );
    assert_rejected(
        &finding,
        ReasonCode::EnvelopeMalformed,
        "more than 100000 values",
    );
}

/// A good envelope of each format, made once for all properties.
static GOOD: LazyLock<(Scene, [Vec<u8>; 2])> = LazyLock::new(|| {
    let root = Authority::new("Acme Root");
    // at level audit nothing but integrity and payload stands in the way
    let signer: Chain = root.leaf("acme signer");
    let scene = Scene::with_signer(root, signer).level("audit", &json!({}));
    let envelopes = Format::ALL.map(|format| scene.envelope(format).signing_agent(None).build());
    (scene, envelopes)
});

proptest! {
    #[test]
    fn att_21_arbitrary_bytes_are_rejected(bytes: Vec<u8>, jws: bool) {
        let format = Format::ALL[usize::from(jws)];
        let finding = GOOD.0.judge(format, &bytes);
        prop_assert!(matches!(finding.verdict, Verdict::Rejected(_)));
    }

    #[test]
    fn att_21_arbitrary_signed_payloads_and_headers_are_rejected(bytes: Vec<u8>, jws: bool) {
        let format = Format::ALL[usize::from(jws)];
        let scene = &GOOD.0;
        let finding = scene.judge(format, &scene.envelope(format).payload(bytes.clone()).build());
        prop_assert!(matches!(finding.verdict, Verdict::Rejected(_)));
        let finding = scene.judge(format, &scene.envelope(format).protected_bytes(bytes).build());
        prop_assert!(matches!(finding.verdict, Verdict::Rejected(_)));
    }

    #[test]
    fn att_21_arbitrary_manifests_are_rejected(bytes: Vec<u8>) {
        let mut shelf = Shelf::default();
        let listed = ratify_testkit::image::describe(media::OCI_MANIFEST, &bytes);
        shelf.put(bytes.into());
        let finding = GOOD.0.drive(listed, &mut shelf);
        prop_assert!(matches!(finding.verdict, Verdict::Rejected(_)));
    }

    /// Without unsigned members that are tolerated, every byte matters: any change is refused.
    #[test]
    fn att_22_a_changed_byte_is_never_accepted(jws: bool, at: prop::sample::Index, to: u8) {
        let format = Format::ALL[usize::from(jws)];
        let (scene, envelopes) = &*GOOD;
        let mut bytes = envelopes[usize::from(jws)].clone();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        let finding = scene.judge(format, &bytes);
        prop_assert!(matches!(finding.verdict, Verdict::Rejected(_)), "byte {at} set to {to}: {finding:#?}");
    }

    #[test]
    fn att_22_a_cut_or_longer_envelope_is_never_accepted(jws: bool, at: prop::sample::Index, more in prop::collection::vec(33_u8.., 0..4)) {
        let format = Format::ALL[usize::from(jws)];
        let (scene, envelopes) = &*GOOD;
        let whole = &envelopes[usize::from(jws)];
        let cut = at.index(whole.len());
        let finding = scene.judge(format, &whole[..cut]);
        prop_assert!(matches!(finding.verdict, Verdict::Rejected(_)));
        prop_assume!(!more.is_empty());
        let inserted = [&whole[..cut], &more, &whole[cut..]].concat();
        let finding = scene.judge(format, &inserted);
        prop_assert!(matches!(finding.verdict, Verdict::Rejected(_)), "{finding:#?}");
        let appended = [whole.as_slice(), &more].concat();
        let finding = scene.judge(format, &appended);
        prop_assert!(matches!(finding.verdict, Verdict::Rejected(_)), "{finding:#?}");
    }
}
