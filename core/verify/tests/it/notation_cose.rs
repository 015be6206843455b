//! Rules C-01 to C-24: each test breaks one thing of a COSE envelope that is accepted otherwise. What is changed before
//! signing is signed, so that the rule and not the signature refuses it.

use ratify_testkit::cbor::Cbor;
use ratify_testkit::certs::Template;
use ratify_testkit::envelope::{CoseParts, Envelope, Format, Scheme, Value, headers};
use ratify_testkit::keys::{KeyKind, SigningKey, ecdsa_to_der};
use ratify_verify::trust::StoreType;
use ratify_verify::{Finding, ReasonCode};
use serde_json::json;

use crate::notation::{Scene, assert_logged, assert_rejected, assert_verified};

const MALFORMED: ReasonCode = ReasonCode::EnvelopeMalformed;
const CRIT: Cbor = Cbor::Int(2);
const X5CHAIN: Cbor = Cbor::Int(33);

type Parameters = Vec<(Cbor, Cbor)>;

fn envelope(scene: &Scene) -> Envelope<'static> {
    scene.envelope(Format::Cose)
}

fn judge(scene: &Scene, bytes: impl AsRef<[u8]>) -> Finding {
    scene.judge(Format::Cose, bytes.as_ref())
}

/// Judge an accepted envelope after a change that the signature does not cover.
fn judge_parts(change: impl FnOnce(&mut CoseParts)) -> Finding {
    let scene = Scene::new();
    let mut parts = envelope(&scene).cose_parts();
    change(&mut parts);
    judge(&scene, parts.to_bytes())
}

/// Judge an envelope whose protected header was changed and then signed.
fn judge_protected(edit: impl FnOnce(&mut Parameters) + 'static) -> Finding {
    let scene = Scene::new();
    judge(&scene, envelope(&scene).edit_cose_protected(edit).build())
}

fn set(label: Cbor, value: Cbor) -> impl FnOnce(&mut Parameters) {
    move |parameters| {
        parameters.retain(|(one, _)| *one != label);
        parameters.push((label, value));
    }
}

fn remove(label: Cbor) -> impl FnOnce(&mut Parameters) {
    move |parameters| parameters.retain(|(one, _)| *one != label)
}

fn critical(names: &[&str]) -> Cbor {
    Cbor::Array(names.iter().copied().map(Cbor::text).collect())
}

/// An expiry with this value, marked critical.
fn expiry(value: Cbor) -> impl FnOnce(&mut Parameters) {
    move |parameters| {
        set(Cbor::text(headers::EXPIRY), value)(parameters);
        set(CRIT, critical(&[headers::SIGNING_SCHEME, headers::EXPIRY]))(parameters);
    }
}

fn tagged(tag: u64, value: Cbor) -> Cbor {
    Cbor::Tag(tag, Box::new(value))
}

#[test]
fn n_c_01_a_tagged_array_of_four_and_nothing_after_it() {
    let scene = Scene::new();
    let bytes = envelope(&scene).build();
    assert_eq!(bytes[..2], [0xd2, 0x84]);
    assert_verified(&judge(&scene, &bytes));
    assert_rejected(
        &judge_parts(|parts| parts.tag = None),
        MALFORMED,
        "expected a tag",
    );
    assert_rejected(
        &judge_parts(|parts| parts.tag = Some(98)),
        MALFORMED,
        "tag 98",
    );
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_rejected(&judge(&scene, longer), MALFORMED, "1 bytes follow");
    let shorter = &bytes[..bytes.len() - 1];
    assert_rejected(&judge(&scene, shorter), MALFORMED, "ends inside");
    assert_rejected(&judge(&scene, []), MALFORMED, "ends inside");
    let with_items = |change: fn(&mut Vec<Cbor>)| {
        let parts = envelope(&scene).cose_parts();
        let mut items = parts.items();
        change(&mut items);
        judge(&scene, parts.wrap(Cbor::Array(items)))
    };
    assert_rejected(
        &with_items(|items| items.push(Cbor::Null)),
        MALFORMED,
        "array of 5",
    );
    assert_rejected(
        &with_items(|items| drop(items.pop())),
        MALFORMED,
        "array of 3",
    );
    assert_rejected(
        &with_items(|items| items[1] = Cbor::Null),
        MALFORMED,
        "expected a map",
    );
    assert_rejected(
        &with_items(|items| items[3] = Cbor::Null),
        MALFORMED,
        "expected a byte string",
    );
    let twice = envelope(&scene).cose_parts();
    let inner = Cbor::Raw(twice.to_bytes());
    assert_rejected(
        &judge(&scene, twice.wrap(inner)),
        MALFORMED,
        "expected an array",
    );
}

#[test]
fn n_c_02_no_indefinite_lengths() {
    let scene = Scene::new();
    let parts = envelope(&scene).cose_parts();
    let items = parts.items();
    let array = parts.wrap(Cbor::IndefiniteArray(items.clone()));
    assert_rejected(&judge(&scene, array), MALFORMED, "indefinite");
    for (index, item) in [
        (0, Cbor::IndefiniteBytes(vec![parts.protected.clone()])),
        (1, Cbor::IndefiniteMap(parts.unprotected.clone())),
        (
            2,
            Cbor::IndefiniteBytes(parts.payload.clone().into_iter().collect()),
        ),
        (3, Cbor::IndefiniteBytes(vec![parts.signature.clone()])),
    ] {
        let mut items = items.clone();
        items[index] = item;
        let finding = judge(&scene, parts.wrap(Cbor::Array(items)));
        assert_rejected(&finding, MALFORMED, "indefinite");
    }
    // signed, so that nothing but the form is wrong
    let mut inner = Vec::new();
    let _ = envelope(&scene)
        .edit_cose_protected(|p| inner.clone_from(p))
        .build();
    let protected = Cbor::IndefiniteMap(inner).to_bytes();
    let finding = judge(&scene, envelope(&scene).protected_bytes(protected).build());
    assert_rejected(&finding, MALFORMED, "indefinite");
    let nested = judge_protected(|p| p.push((Cbor::text("x"), Cbor::IndefiniteArray(vec![]))));
    assert_rejected(&nested, MALFORMED, "indefinite");
}

#[test]
fn n_c_02_no_label_twice() {
    let scheme = Cbor::text(headers::SIGNING_SCHEME);
    let twice = judge_protected(move |p| p.push((scheme, Cbor::text("notary.x509"))));
    assert_rejected(&twice, MALFORMED, "twice");
    let twice = judge_protected(|p| p.push((Cbor::Int(1), Cbor::Int(-7))));
    assert_rejected(&twice, MALFORMED, "`1` twice");
    let twice = judge_parts(|parts| {
        let chain = parts.unprotected[0].clone();
        parts.unprotected.push(chain);
    });
    assert_rejected(&twice, MALFORMED, "`33` twice");
    let nested = Cbor::Map(vec![(Cbor::Int(1), Cbor::Null), (Cbor::Int(1), Cbor::Null)]);
    let nested = judge_protected(move |p| p.push((Cbor::text("x"), nested)));
    assert_rejected(&nested, MALFORMED, "occurs twice in one map");
    // the number 1 and the text "1" are two labels
    assert_verified(&judge_protected(|p| {
        p.push((Cbor::text("1"), Cbor::Int(-7)));
    }));
}

#[test]
fn n_c_02_shortest_heads_only() {
    // 33 as two bytes of argument: the same number, other bytes
    let finding = judge_parts(|parts| parts.unprotected[0].0 = Cbor::Raw(vec![0x19, 0, 33]));
    assert_rejected(&finding, MALFORMED, "shortest");
    let finding = judge_protected(|p| p.push((Cbor::text("x"), Cbor::Raw(vec![0x18, 1]))));
    assert_rejected(&finding, MALFORMED, "shortest");
    let scene = Scene::new();
    let parts = envelope(&scene).cose_parts();
    let mut items = parts.items();
    let payload = parts.payload.clone().unwrap();
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    items[2] = Cbor::Raw([&[0x5a], length.as_slice(), &payload].concat());
    let finding = judge(&scene, parts.wrap(Cbor::Array(items)));
    assert_rejected(&finding, MALFORMED, "shortest");
}

#[test]
fn n_c_02_tags_are_for_times_alone() {
    let finding = judge_protected(|p| p.push((Cbor::text("x"), tagged(1, Cbor::Int(0)))));
    assert_rejected(&finding, MALFORMED, "`x` has a tag");
    let array = Cbor::Array(vec![tagged(1, Cbor::Int(0))]);
    let finding = judge_protected(move |p| p.push((Cbor::text("x"), array)));
    assert_rejected(&finding, MALFORMED, "tag 1 where no tag");
    let finding = judge_parts(|parts| {
        let value = tagged(1, Cbor::Int(0));
        parts.unprotected.push((Cbor::text("x"), value));
    });
    assert_rejected(&finding, MALFORMED, "`x` has a tag");
    let finding = judge_parts(|parts| {
        let chain = parts.unprotected[0].1.clone();
        parts.unprotected[0].1 = tagged(1, chain);
    });
    assert_rejected(&finding, MALFORMED, "`33` has a tag");
    let scene = Scene::new();
    let parts = envelope(&scene).cose_parts();
    let mut items = parts.items();
    items[2] = tagged(24, items[2].clone());
    let finding = judge(&scene, parts.wrap(Cbor::Array(items)));
    assert_rejected(&finding, MALFORMED, "a tag, expected a byte string");
}

#[test]
fn n_c_02_depth_and_counts_are_bounded() {
    let nested = |depth: usize| (0..depth).fold(Cbor::Null, |inner, _| Cbor::Array(vec![inner]));
    let deep = move |depth| judge_protected(move |p| p.push((Cbor::text("x"), nested(depth))));
    assert_verified(&deep(32));
    assert_rejected(&deep(33), MALFORMED, "nested deeper");
    let many = Cbor::Array(vec![Cbor::Null; 16_384]);
    let finding = judge_protected(move |p| p.push((Cbor::text("x"), many)));
    assert_rejected(&finding, MALFORMED, "data items");
    let crowd = |count| {
        judge_parts(move |parts| {
            parts
                .unprotected
                .extend((0..count).map(|n| (Cbor::Int(1_000 + n), Cbor::Null)));
        })
    };
    assert_verified(&crowd(126));
    assert_rejected(&crowd(127), MALFORMED, "129 parameters");
    let large = judge_protected(|p| p.push((Cbor::text("x"), Cbor::Bytes(vec![0; 65_536]))));
    assert_rejected(&large, MALFORMED, "protected header has");
}

#[test]
fn n_c_03_the_protected_header_is_a_map_with_int_or_text_labels() {
    let scene = Scene::new();
    let raw = |bytes: Vec<u8>| judge(&scene, envelope(&scene).protected_bytes(bytes).build());
    assert_rejected(&raw(Vec::new()), MALFORMED, "`alg`");
    assert_rejected(&raw(Cbor::Map(Vec::new()).to_bytes()), MALFORMED, "`alg`");
    assert_rejected(
        &raw(Cbor::Array(Vec::new()).to_bytes()),
        MALFORMED,
        "expected a map",
    );
    assert_rejected(&raw(vec![0xa0, 0x00]), MALFORMED, "1 bytes follow");
    for label in [
        Cbor::Bytes(vec![1]),
        Cbor::Null,
        Cbor::Float(1.0),
        Cbor::Array(vec![]),
    ] {
        let finding = judge_protected(move |p| p.push((label, Cbor::Null)));
        assert_rejected(&finding, MALFORMED, "as a map key");
    }
    let huge = Cbor::Raw(vec![0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    let finding = judge_protected(move |p| p.push((huge, Cbor::Null)));
    assert_rejected(&finding, MALFORMED, "out of range");
    let not_utf8 = Cbor::Raw(vec![0x61, 0xff]);
    let finding = judge_protected(move |p| p.push((not_utf8, Cbor::Null)));
    assert_rejected(&finding, MALFORMED, "not UTF-8");
}

#[test]
fn n_c_04_the_payload_is_inside_and_not_empty() {
    assert_rejected(
        &judge_parts(|parts| parts.payload = None),
        MALFORMED,
        "detached",
    );
    let scene = Scene::new();
    let empty = envelope(&scene).payload("").build();
    assert_rejected(&judge(&scene, empty), MALFORMED, "payload is empty");
}

#[test]
fn n_c_05_x5chain_is_an_array_in_one_of_the_headers() {
    let scene = Scene::new();
    let leaf = Cbor::Bytes(scene.signer.leaf().to_vec());
    let with = |chain: Option<Cbor>| {
        judge_parts(move |parts| {
            parts.unprotected.remove(0);
            parts
                .unprotected
                .extend(chain.map(|chain| (X5CHAIN, chain)));
        })
    };
    assert_rejected(&with(None), MALFORMED, "33 (`x5chain`) is missing");
    assert_rejected(
        &with(Some(leaf)),
        MALFORMED,
        "expected an array of byte strings",
    );
    assert_rejected(
        &with(Some(Cbor::Array(vec![]))),
        MALFORMED,
        "`x5chain` is empty",
    );
    let texts = Cbor::Array(vec![Cbor::text("x")]);
    assert_rejected(&with(Some(texts)), MALFORMED, "expected byte strings alone");

    // in the protected header it is as good (COSE:185), in both it is not
    let chain: Vec<Cbor> = scene
        .signer
        .certificates
        .iter()
        .cloned()
        .map(Cbor::Bytes)
        .collect();
    let protect = set(X5CHAIN, Cbor::Array(chain));
    let mut parts = envelope(&scene).edit_cose_protected(protect).cose_parts();
    assert_rejected(
        &judge(&scene, parts.to_bytes()),
        MALFORMED,
        "`33` is in the protected and",
    );
    parts.unprotected.remove(0);
    assert_verified(&judge(&scene, parts.to_bytes()));
}

#[test]
fn n_c_05_a_chain_has_at_most_ten_certificates() {
    for format in Format::ALL {
        let scene = Scene::new();
        let chain = vec![scene.signer.leaf().to_vec(); 11];
        let finding = scene.judge(format, &scene.envelope(format).certificates(chain).build());
        assert_rejected(&finding, MALFORMED, "11 certificates, expected at most 10");
    }
    let mut authority = Scene::new().root;
    let root = authority.clone();
    for n in 0..8 {
        authority = authority.intermediate(&format!("Acme CA {n}"));
    }
    let scene = Scene::with_signer(root, authority.leaf("acme signer"));
    assert_eq!(scene.signer.certificates.len(), 10);
    assert_verified(&judge(&scene, envelope(&scene).build()));
}

#[test]
fn n_c_06_the_leaf_is_a_certificate() {
    let scene = Scene::new();
    let mut certificates = scene.signer.certificates.clone();
    certificates[0].push(0);
    let finding = judge(&scene, envelope(&scene).certificates(certificates).build());
    assert_rejected(&finding, ReasonCode::ChainInvalid, "certificate 0 ");
}

#[test]
fn n_c_07_the_leaf_key_is_one_of_the_table() {
    // an Ed25519 key (RFC 8410) in an otherwise good leaf
    let mut ed25519 = vec![0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
    ed25519.extend([7; 32]);
    let mut scene = Scene::new();
    let mut leaf = Template::leaf("acme signer");
    leaf.public_key_info = Some(ed25519);
    scene.signer = scene.root.issue(&leaf);
    for format in Format::ALL {
        let finding = scene.judge(format, &scene.envelope(format).build());
        assert_rejected(&finding, ReasonCode::ChainInvalid, "Ed25519");
    }
}

#[test]
fn n_c_08_the_algorithm_is_protected_and_that_of_the_key() {
    for kind in KeyKind::ALL {
        let mut scene = Scene::new();
        scene.signer = scene.root.leaf_of_kind("acme signer", kind);
        for other in KeyKind::ALL.into_iter().filter(|other| *other != kind) {
            let algorithm = Value::Int(other.cose_algorithm());
            let finding = judge(&scene, envelope(&scene).algorithm(algorithm).build());
            let said = format!("`{}`", other.cose_algorithm());
            assert_rejected(&finding, ReasonCode::SignatureInvalid, &said);
        }
    }
    let scene = Scene::new();
    // HS256, EdDSA, ES256K, RS256, reserved
    for unknown in [5, -8, -47, -257, 0, i64::MIN] {
        let finding = judge(
            &scene,
            envelope(&scene).algorithm(Value::Int(unknown)).build(),
        );
        assert_rejected(
            &finding,
            ReasonCode::SignatureInvalid,
            &format!("`{unknown}`"),
        );
    }
    let finding = judge(&scene, envelope(&scene).algorithm("ES256".into()).build());
    assert_rejected(&finding, MALFORMED, "`alg` is a text string");
    let mut parts = envelope(&scene)
        .edit_cose_protected(remove(Cbor::Int(1)))
        .cose_parts();
    assert_rejected(
        &judge(&scene, parts.to_bytes()),
        MALFORMED,
        "(`alg`) is missing",
    );
    parts.unprotected.push((Cbor::Int(1), Cbor::Int(-7)));
    assert_rejected(
        &judge(&scene, parts.to_bytes()),
        MALFORMED,
        "(`alg`) is missing",
    );
}

#[test]
fn n_c_09_the_signature_covers_header_and_payload_as_received() {
    let scene = Scene::new();
    let invalid = ReasonCode::SignatureInvalid;
    let tampered = envelope(&scene).build_with_tampered_signature();
    assert_rejected(&judge(&scene, tampered), invalid, "does not match");
    let other = ratify_testkit::image::Image::new("other");
    let payload = ratify_testkit::envelope::payload(other.descriptor());
    let swapped = envelope(&scene).build_with_swapped_payload(&payload);
    assert_rejected(&judge(&scene, swapped), invalid, "does not match");
    let forged = envelope(&scene)
        .key(&SigningKey::fresh(KeyKind::P256))
        .build();
    assert_rejected(&judge(&scene, forged), invalid, "does not match");
    let mut parts = envelope(&scene).cose_parts();
    parts.protected = envelope(&scene)
        .protected("x", Value::Int(1))
        .cose_parts()
        .protected;
    assert_rejected(&judge(&scene, parts.to_bytes()), invalid, "does not match");
    // the order of labels is the signer's
    let mut reversed = envelope(&scene)
        .edit_cose_protected(|p| p.reverse())
        .cose_parts();
    assert_verified(&judge(&scene, reversed.to_bytes()));
    reversed.protected = envelope(&scene).cose_parts().protected;
    assert_rejected(
        &judge(&scene, reversed.to_bytes()),
        invalid,
        "does not match",
    );
}

#[test]
fn n_c_10_ecdsa_signatures_have_a_fixed_length() {
    for kind in KeyKind::ELLIPTIC {
        let mut scene = Scene::new();
        scene.signer = scene.root.leaf_of_kind("acme signer", kind);
        let mut parts = envelope(&scene).cose_parts();
        assert_verified(&judge(&scene, parts.to_bytes()));
        parts.signature = ecdsa_to_der(&parts.signature);
        let finding = judge(&scene, parts.to_bytes());
        assert_rejected(&finding, ReasonCode::SignatureInvalid, "does not match");
    }
}

#[test]
fn n_c_11_the_content_type_is_a_text_and_that_of_a_payload() {
    let scene = Scene::new();
    let with = |content_type| judge(&scene, envelope(&scene).content_type(content_type).build());
    assert_rejected(&with(None), MALFORMED, "content type is missing");
    assert_rejected(
        &with(Some(Value::Int(50))),
        MALFORMED,
        "`content type` is an integer",
    );
    let other = Some("application/json".into());
    assert_rejected(
        &with(other),
        MALFORMED,
        "content type is `application/json`",
    );
}

#[test]
fn n_c_12_the_signature_is_not_empty() {
    let finding = judge_parts(|parts| parts.signature.clear());
    assert_rejected(&finding, MALFORMED, "signature is empty");
}

#[test]
fn n_c_13_crit_is_protected_and_lists_what_is_there() {
    let scheme = headers::SIGNING_SCHEME;
    assert_rejected(
        &judge_protected(remove(CRIT)),
        MALFORMED,
        "missing or empty",
    );
    let empty = judge_protected(set(CRIT, Cbor::Array(vec![])));
    assert_rejected(&empty, MALFORMED, "missing or empty");
    let text = judge_protected(set(CRIT, Cbor::text(scheme)));
    assert_rejected(&text, MALFORMED, "expected an array");
    let bytes = Cbor::Array(vec![Cbor::Bytes(scheme.into())]);
    assert_rejected(
        &judge_protected(set(CRIT, bytes)),
        MALFORMED,
        "`crit` is a byte string",
    );
    let absent = judge_protected(set(CRIT, critical(&[scheme, "absent"])));
    assert_rejected(
        &absent,
        MALFORMED,
        "`absent`, which is not in the protected header",
    );
    let unprotected = Scene::new();
    let mut parts = envelope(&unprotected).cose_parts();
    parts.unprotected.push((Cbor::text("u"), Cbor::Null));
    assert_verified(&judge(&unprotected, parts.to_bytes()));
    let listed = judge_protected(set(CRIT, critical(&[scheme, headers::SIGNING_AGENT])));
    assert_rejected(&listed, MALFORMED, "which is not in the protected header");

    let scene = Scene::new();
    let mut parts = envelope(&scene)
        .edit_cose_protected(remove(CRIT))
        .cose_parts();
    parts.unprotected.push((CRIT, critical(&[scheme])));
    assert_rejected(
        &judge(&scene, parts.to_bytes()),
        MALFORMED,
        "`crit` is in the unprotected",
    );
}

#[test]
fn n_c_14_scheme_times_and_expiry_are_critical() {
    let scene = Scene::new();
    let later = ratify_testkit::time::now_plus_days(1);
    let (scheme, expiry) = (headers::SIGNING_SCHEME, headers::EXPIRY);
    let expiring = || envelope(&scene).expiry(later);
    assert_verified(&judge(&scene, expiring().build()));
    let finding = judge(&scene, expiring().critical(&[scheme]).build());
    assert_rejected(&finding, MALFORMED, &format!("does not list `{expiry}`"));
    let finding = judge(&scene, expiring().critical(&[expiry]).build());
    assert_rejected(&finding, MALFORMED, &format!("does not list `{scheme}`"));
    let authority = envelope(&scene).scheme(Scheme::SigningAuthority);
    let finding = judge(&scene, authority.critical(&[scheme]).build());
    assert_rejected(
        &finding,
        MALFORMED,
        "does not list `io.cncf.notary.authenticSigningTime`",
    );
    let number = judge_protected(set(Cbor::text(scheme), Cbor::Int(1)));
    assert_rejected(&number, MALFORMED, "is an integer, expected a text string");
}

#[test]
fn n_c_15_crit_does_not_list_the_common_labels() {
    for label in 0..=8 {
        let finding = judge_protected(move |parameters| {
            if label > 3 {
                parameters.push((Cbor::Int(label), Cbor::Bytes(vec![1])));
            }
            let listed = vec![Cbor::text(headers::SIGNING_SCHEME), Cbor::Int(label)];
            set(CRIT, Cbor::Array(listed))(parameters);
        });
        assert_rejected(&finding, MALFORMED, "must not be marked critical");
    }
    let scheme = headers::SIGNING_SCHEME;
    let twice = judge_protected(set(CRIT, critical(&[scheme, scheme])));
    assert_rejected(&twice, MALFORMED, "twice");
    let many = Cbor::Array((0..65).map(|n| Cbor::Int(1_000 + n)).collect());
    assert_rejected(&judge_protected(set(CRIT, many)), MALFORMED, "65 entries");
}

#[test]
fn n_c_16_the_scheme_is_one_of_two() {
    let scene = Scene::new();
    let other = envelope(&scene)
        .scheme(Scheme::Other("notary.x510".into()))
        .build();
    assert_rejected(
        &judge(&scene, other),
        MALFORMED,
        "signing scheme is `notary.x510`",
    );
}

#[test]
fn n_c_17_the_time_of_the_scheme_is_there() {
    let scene = Scene::new();
    let without = envelope(&scene).signing_time(None).build();
    assert_rejected(
        &judge(&scene, without),
        MALFORMED,
        "signingTime` is missing",
    );
    let authority = envelope(&scene).scheme(Scheme::SigningAuthority);
    let without = authority.authentic_signing_time(None).build();
    assert_rejected(
        &judge(&scene, without),
        MALFORMED,
        "authenticSigningTime` is missing",
    );
}

#[test]
fn n_c_18_times_are_tag_1_over_a_number() {
    let later = ratify_testkit::time::now_plus_days(1);
    assert_verified(&judge_protected(expiry(Cbor::epoch(later))));
    let seconds = later.as_second();
    let fraction = Cbor::Raw([&[0xfb], 1_800_000_000.5_f64.to_be_bytes().as_slice()].concat());
    assert_verified(&judge_protected(expiry(tagged(1, fraction))));
    for (value, said) in [
        (Cbor::Int(seconds), "no tag"),
        (Cbor::text("2099-01-01T00:00:00Z"), "no tag"),
        (tagged(0, Cbor::text("2099-01-01T00:00:00Z")), "tag 0"),
        (tagged(100, Cbor::Int(20_000)), "tag 100"),
        (
            tagged(1, Cbor::text("1")),
            "a text string, expected a number",
        ),
        (tagged(1, Cbor::Null), "null, expected a number"),
        (
            tagged(1, tagged(1, Cbor::Int(seconds))),
            "tag 1 where no tag",
        ),
        (Cbor::Null, "no tag"),
    ] {
        assert_rejected(&judge_protected(expiry(value)), MALFORMED, said);
    }
}

#[test]
fn n_c_19_a_time_is_a_finite_number_of_our_era() {
    for (number, said) in [
        (Cbor::Float(f64::NAN), "finite"),
        (Cbor::Float(f64::INFINITY), "finite"),
        (Cbor::Float(f64::NEG_INFINITY), "finite"),
        (Cbor::Raw(vec![0xf9, 0x7e, 0x00]), "finite"),
        (Cbor::Float(1e300), "years 1 to 9999"),
        (Cbor::Int(i64::MAX), "years 1 to 9999"),
        (Cbor::Int(i64::MIN), "years 1 to 9999"),
        (
            Cbor::Raw([&[0x1b], [0xff; 8].as_slice()].concat()),
            "years 1 to 9999",
        ),
        (Cbor::Int(-62_135_596_800), "zero time"),
    ] {
        let time = Cbor::text(headers::SIGNING_TIME);
        let signed = judge_protected(set(time, tagged(1, number.clone())));
        assert_rejected(&signed, MALFORMED, said);
        let expiring = judge_protected(expiry(tagged(1, number)));
        assert_rejected(&expiring, MALFORMED, said);
    }
}

#[test]
fn n_c_20_only_the_time_of_the_scheme() {
    let scene = Scene::new();
    let both = envelope(&scene).authentic_signing_time(scene.now).build();
    assert_rejected(&judge(&scene, both), MALFORMED, "must not be under");
    let authority = envelope(&scene).scheme(Scheme::SigningAuthority);
    let both = authority.signing_time(scene.now).build();
    assert_rejected(&judge(&scene, both), MALFORMED, "must not be under");
}

#[test]
fn n_c_21_a_time_stamp_of_the_wrong_type_is_a_missing_one() {
    let mut scene = Scene::new().level("strict", &json!({ "authenticTimestamp": "log" }));
    scene.stores.push((
        StoreType::Tsa,
        "tsa",
        vec![scene.root.certificate().to_vec()],
    ));
    scene.statement["trustStores"] = json!(["ca:acme", "tsa:tsa"]);
    for (value, code) in [
        (Value::Bytes(vec![1]), ReasonCode::TimestampNotSupported),
        (Value::Bytes(vec![]), ReasonCode::TimestampMissing),
        (Value::Text("x".into()), ReasonCode::TimestampMissing),
    ] {
        let stamped = envelope(&scene).unprotected(headers::TIMESTAMP_SIGNATURE, value);
        assert_logged(&judge(&scene, stamped.build()), &[code]);
    }
    // unsigned and never a reason to fail
    let scene = Scene::new();
    for agent in [Value::Int(1), Value::Bytes(vec![0xff]), Value::Bool(true)] {
        let signed = envelope(&scene).signing_agent(None);
        let signed = signed.unprotected(headers::SIGNING_AGENT, agent);
        assert_verified(&judge(&scene, signed.build()));
    }
}

#[test]
fn n_c_22_the_rules_of_jws_headers_hold_as_well() {
    let scene = Scene::new();
    let expired = envelope(&scene).expiry(scene.now).build();
    assert_rejected(
        &judge(&scene, expired),
        MALFORMED,
        "not later than the signing time",
    );
    let mut swapped = scene.signer.certificates.clone();
    swapped.swap(1, 2);
    let finding = judge(&scene, envelope(&scene).certificates(swapped).build());
    assert_rejected(&finding, ReasonCode::ChainInvalid, "chain");
    let unknown = envelope(&scene).protected_critical("com.example.x", Value::Bool(true));
    let code = ReasonCode::CriticalAttributeUnknown;
    assert_rejected(&judge(&scene, unknown.build()), code, "`com.example.x`");
    let tolerated = envelope(&scene).protected("com.example.x", Value::Bool(true));
    assert_verified(&judge(&scene, tolerated.build()));
}

#[test]
fn n_c_23_a_critical_integer_label_nobody_knows_fails() {
    for label in [9, 32, 33, 34, 1_000, -1, -65_537] {
        let scene = Scene::new();
        let chain: Vec<Cbor> = scene
            .signer
            .certificates
            .iter()
            .cloned()
            .map(Cbor::Bytes)
            .collect();
        let mut parts = envelope(&scene)
            .edit_cose_protected(move |parameters| {
                parameters.push((Cbor::Int(label), Cbor::Array(chain)));
                let listed = vec![Cbor::text(headers::SIGNING_SCHEME), Cbor::Int(label)];
                set(CRIT, Cbor::Array(listed))(parameters);
            })
            .cose_parts();
        if label == 33 {
            parts.unprotected.remove(0);
        }
        let finding = judge(&scene, parts.to_bytes());
        let code = ReasonCode::CriticalAttributeUnknown;
        assert_rejected(&finding, code, &format!("`{label}`"));
    }
    assert_verified(&judge_protected(|p| p.push((Cbor::Int(1_000), Cbor::Null))));
}

#[test]
fn n_c_24_no_label_in_both_headers() {
    for label in [
        Cbor::Int(3),
        Cbor::text(headers::SIGNING_SCHEME),
        Cbor::text("x"),
    ] {
        let scene = Scene::new();
        let x = envelope(&scene).protected("x", Value::Int(1));
        let mut parts = x.cose_parts();
        parts.unprotected.push((label, Cbor::Null));
        let finding = judge(&scene, parts.to_bytes());
        assert_rejected(
            &finding,
            MALFORMED,
            "in the protected and in the unprotected header",
        );
    }
}
