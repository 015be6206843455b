//! Rules J-01 to J-27: each test breaks one thing of a JWS envelope that is accepted otherwise. What is changed before
//! signing is signed, so that the rule and not the signature refuses it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ratify_testkit::envelope::{Envelope, Format, JwsParts, Scheme, Value, headers};
use ratify_testkit::keys::{KeyKind, SigningKey, ecdsa_to_der};
use ratify_verify::{Finding, ReasonCode};
use serde_json::{Value as Json, json};

use crate::notation::{Scene, assert_rejected, assert_verified};

const MALFORMED: ReasonCode = ReasonCode::EnvelopeMalformed;

/// Writes the same bytes in another way.
type Spoil = fn(&str) -> String;

fn envelope(scene: &Scene) -> Envelope<'static> {
    scene.envelope(Format::Jws)
}

fn judge(scene: &Scene, bytes: impl AsRef<[u8]>) -> Finding {
    scene.judge(Format::Jws, bytes.as_ref())
}

fn judge_parts(scene: &Scene, parts: &JwsParts) -> Finding {
    judge(scene, parts.to_bytes())
}

/// Judge an accepted envelope after a change of its text that the signature does not cover.
#[track_caller]
fn assert_text_malformed(change: impl Fn(&str) -> String, said: &str) {
    let scene = Scene::new();
    let text = String::from_utf8(envelope(&scene).build()).unwrap();
    assert_verified(&judge(&scene, &text));
    let changed = change(&text);
    assert_ne!(changed, text, "the test changed nothing");
    assert_rejected(&judge(&scene, &changed), MALFORMED, said);
}

/// Judge an envelope whose protected header was changed and then signed.
fn judge_protected(edit: impl FnOnce(&mut Vec<(String, Json)>) + 'static) -> Finding {
    let scene = Scene::new();
    let bytes = envelope(&scene).edit_jws_protected(edit).build();
    judge(&scene, bytes)
}

fn set(name: &'static str, value: Json) -> impl FnOnce(&mut Vec<(String, Json)>) {
    move |members| {
        members.retain(|(one, _)| one != name);
        members.push((name.to_owned(), value));
    }
}

/// Sign these texts as they stand.
fn resign(scene: &Scene, parts: &mut JwsParts) {
    let message = format!("{}.{}", parts.protected, parts.payload);
    parts.signature = URL_SAFE_NO_PAD.encode(scene.signer.key.sign(message.as_bytes()));
}

#[test]
fn n_j_01_one_json_object_and_nothing_after_it() {
    assert_text_malformed(|text| format!("{text} {{}}"), "strict JSON");
    assert_text_malformed(|text| format!("{text}\0"), "strict JSON");
    assert_text_malformed(|text| format!("{text}]"), "strict JSON");
    assert_text_malformed(|text| format!("\u{feff}{text}"), "strict JSON");
    assert_text_malformed(|text| format!("[{text}]"), "an array, expected an object");
    assert_text_malformed(|text| text[..text.len() - 1].to_owned(), "strict JSON");
    assert_text_malformed(|_| String::new(), "strict JSON");
    assert_text_malformed(|_| "null".to_owned(), "null, expected an object");
    let scene = Scene::new();
    assert_rejected(&judge(&scene, b"\xff\xfe"), MALFORMED, "strict JSON");
    let text = String::from_utf8(envelope(&scene).build()).unwrap();
    assert_verified(&judge(&scene, format!(" \n{text}\r\n\t")));
}

#[test]
fn n_j_01_members_have_their_types() {
    let scene = Scene::new();
    for name in ["payload", "protected", "signature", "header"] {
        let whole: Json = serde_json::from_slice(&envelope(&scene).build()).unwrap();
        for other in [json!(null), json!(1), json!([]), json!(true)] {
            let mut changed = whole.clone();
            changed[name] = other;
            assert_rejected(&judge(&scene, changed.to_string()), MALFORMED, "expected a");
        }
        let mut missing = whole;
        missing.as_object_mut().unwrap().remove(name);
        let said = format!("`{name}` is missing");
        assert_rejected(&judge(&scene, missing.to_string()), MALFORMED, &said);
    }
}

#[test]
fn n_j_02_no_name_twice_at_any_depth() {
    assert_text_malformed(
        |text| text.replacen('{', "{\"payload\":\"\",", 1),
        "`payload` occurs twice",
    );
    assert_text_malformed(
        |text| text.replacen("\"header\":{", "\"header\":{\"x5c\":[],", 1),
        "`x5c` occurs twice",
    );
    assert_text_malformed(
        |text| text.replacen("\"header\":{", "\"header\":{\"x\":{\"a\":1,\"a\":1},", 1),
        "`a` occurs twice",
    );
    let twice = |name: &'static str, value: Json| {
        judge_protected(move |members| members.push((name.to_owned(), value)))
    };
    assert_rejected(
        &twice("alg", json!("ES256")),
        MALFORMED,
        "`alg` occurs twice",
    );
    assert_rejected(
        &twice(headers::SIGNING_SCHEME, json!("notary.x509")),
        MALFORMED,
        "occurs twice",
    );
    let deep = judge_protected(|members| {
        let raw = serde_json::from_str("{\"a\":[{\"b\":1}]}").unwrap();
        members.push(("x".to_owned(), raw));
    });
    assert_verified(&deep);
}

#[test]
fn n_j_02_no_unknown_member_beside_the_four() {
    assert_text_malformed(|text| text.replacen('{', "{\"extra\":1,", 1), "`extra`");
    assert_text_malformed(|text| text.replacen('{', "{\"\":1,", 1), "member ``");
}

#[test]
fn n_j_02_no_name_that_differs_only_by_case() {
    assert_text_malformed(
        |text| text.replacen("\"payload\"", "\"Payload\"", 1),
        "`Payload` differs from `payload`",
    );
    assert_text_malformed(|text| text.replacen('{', "{\"HEADER\":{},", 1), "`HEADER`");
    assert_text_malformed(
        |text| text.replacen("\"header\":{", "\"header\":{\"X5C\":[],", 1),
        "`X5C`",
    );
    assert_text_malformed(
        |text| {
            let imitation = "\"header\":{\"io.cncf.notary.TimestampSignature\":\"\",";
            text.replacen("\"header\":{", imitation, 1)
        },
        "TimestampSignature",
    );
    for name in [
        "ALG",
        "Crit",
        "io.cncf.notary.Expiry",
        "io.cncf.notary.signingscheme",
    ] {
        let finding = judge_protected(move |m| m.push((name.to_owned(), json!("x"))));
        assert_rejected(&finding, MALFORMED, "only by case");
    }
}

#[test]
fn n_j_02_depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for (depth, good) in [(10, true), (17, false), (100_000, false)] {
        let scene = Scene::new();
        let text = String::from_utf8(envelope(&scene).build()).unwrap();
        let deep = format!("\"header\":{{\"x\":{},", nested(depth));
        let finding = judge(&scene, text.replacen("\"header\":{", &deep, 1));
        if good {
            assert_verified(&finding);
        } else {
            assert_rejected(&finding, MALFORMED, "nested deeper");
        }
    }
}

#[test]
fn n_p_04_the_protected_header_is_bounded() {
    let filled = |size| judge_protected(move |m| m.push(("x".to_owned(), json!("x".repeat(size)))));
    assert_verified(&filled(40_000));
    assert_rejected(&filled(65_536), MALFORMED, "the protected header has");
}

#[test]
fn n_j_03_only_the_flattened_form_is_read() {
    let scene = Scene::new();
    let parts = envelope(&scene).jws_parts();
    let whole: Json = serde_json::from_slice(&parts.to_bytes()).unwrap();
    let one = json!({
        "protected": whole["protected"], "header": whole["header"], "signature": whole["signature"],
    });
    let general = json!({ "payload": whole["payload"], "signatures": [one] });
    assert_rejected(
        &judge(&scene, general.to_string()),
        MALFORMED,
        "`signatures`",
    );
    let compact = format!("{}.{}.{}", parts.protected, parts.payload, parts.signature);
    assert_rejected(&judge(&scene, compact), MALFORMED, "strict JSON");
}

#[test]
fn n_j_04_a_chain_is_there() {
    let scene = Scene::new();
    let with = |x5c: Option<Json>| {
        let mut parts = envelope(&scene).jws_parts();
        parts.header.retain(|(name, _)| name != "x5c");
        parts.header.extend(x5c.map(|x5c| ("x5c".to_owned(), x5c)));
        judge_parts(&scene, &parts)
    };
    let chain: Vec<String> = scene
        .signer
        .certificates
        .iter()
        .map(|c| STANDARD.encode(c))
        .collect();
    assert_verified(&with(Some(json!(chain))));
    assert_rejected(&with(None), MALFORMED, "`x5c` is missing");
    assert_rejected(&with(Some(json!([]))), MALFORMED, "`x5c` is empty");
    assert_rejected(&with(Some(json!(chain[0]))), MALFORMED, "expected an array");
    assert_rejected(&with(Some(json!([1]))), MALFORMED, "expected strings");
    let url_safe: Vec<String> = scene
        .signer
        .certificates
        .iter()
        .map(|c| URL_SAFE_NO_PAD.encode(c))
        .collect();
    assert_rejected(&with(Some(json!(url_safe))), MALFORMED, "standard base64");
    let broken = chain[0].replacen('M', "\nM", 1);
    assert_rejected(&with(Some(json!([broken]))), MALFORMED, "`x5c[0]`");
}

#[test]
fn n_j_05_the_leaf_is_a_certificate() {
    let scene = Scene::new();
    let mut certificates = scene.signer.certificates.clone();
    certificates[0] = b"not a certificate".to_vec();
    let finding = judge(&scene, envelope(&scene).certificates(certificates).build());
    assert_rejected(&finding, ReasonCode::ChainInvalid, "certificate 0 ");
}

#[test]
fn n_j_06_the_signature_verifies_with_the_leaf_key() {
    let scene = Scene::new();
    let invalid = ReasonCode::SignatureInvalid;
    let tampered = envelope(&scene).build_with_tampered_signature();
    assert_rejected(&judge(&scene, tampered), invalid, "does not match");
    let stranger = SigningKey::fresh(KeyKind::P256);
    let forged = envelope(&scene).key(&stranger).build();
    assert_rejected(&judge(&scene, forged), invalid, "does not match");
    let mut parts = envelope(&scene).jws_parts();
    parts.protected = envelope(&scene)
        .protected("x", Value::Int(1))
        .jws_parts()
        .protected;
    assert_rejected(&judge_parts(&scene, &parts), invalid, "does not match");
    let mut short = envelope(&scene).jws_parts();
    short.signature = URL_SAFE_NO_PAD.encode(&short.signature_bytes()[1..]);
    assert_rejected(&judge_parts(&scene, &short), invalid, "does not match");
}

#[test]
fn n_j_06_algorithms_outside_the_table_are_never_looked_up() {
    let scene = Scene::new();
    for alg in [
        "none", "None", "", "HS256", "RS256", "ES256K", "EdDSA", "Ed25519", "es256", "ES256 ",
    ] {
        let finding = judge(&scene, envelope(&scene).algorithm(alg.into()).build());
        assert_rejected(&finding, ReasonCode::SignatureInvalid, &format!("`{alg}`"));
    }
    let mut unsigned = envelope(&scene).algorithm("none".into()).jws_parts();
    unsigned.signature = String::new();
    assert_rejected(
        &judge_parts(&scene, &unsigned),
        MALFORMED,
        "`signature` is empty",
    );
}

#[test]
fn n_j_07_base64url_has_one_spelling() {
    let scene = Scene::new();
    // lengths that leave bits over, so that they can be set
    let payload = |n: usize| {
        let mut payload = ratify_testkit::envelope::payload(&scene.image);
        payload.resize(payload.len() + n, b' ');
        payload
    };
    let pad = (0..3).find(|n| payload(*n).len() % 3 == 1).unwrap();
    let parts = (0..3)
        .map(|n| {
            let filler = Value::Text("x".repeat(n));
            let envelope = envelope(&scene)
                .payload(payload(pad))
                .protected("filler", filler);
            envelope.jws_parts()
        })
        .find(|parts| parts.protected.len() % 4 == 2)
        .unwrap();
    assert_verified(&judge_parts(&scene, &parts));
    let spoil: [(&str, Spoil); 6] = [
        ("padding", |text| format!("{text}==")),
        ("a line break", |text| {
            format!("{}\n{}", &text[..8], &text[8..])
        }),
        ("a carriage return", |text| format!("{text}\r\n")),
        ("a blank", |text| format!(" {text}")),
        ("bits after the end", |text| {
            let (head, last) = text.split_at(text.len() - 1);
            let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let place = alphabet.find(last).unwrap();
            format!("{head}{}", &alphabet[place + 1..place + 2])
        }),
        ("the other alphabet", |text| {
            format!("{}+{}", &text[..8], &text[9..])
        }),
    ];
    for (what, spoil) in spoil {
        let mut protected = parts.clone();
        protected.protected = spoil(&protected.protected);
        resign(&scene, &mut protected);
        let mut payload = parts.clone();
        payload.payload = spoil(&payload.payload);
        resign(&scene, &mut payload);
        let mut signature = parts.clone();
        signature.signature = spoil(&signature.signature);
        for (name, parts) in [
            ("protected", protected),
            ("payload", payload),
            ("signature", signature),
        ] {
            let finding = judge_parts(&scene, &parts);
            let said = format!("`{name}` is not base64url");
            assert_rejected(&finding, MALFORMED, &said);
            assert_eq!(finding.signer, None, "{what}");
        }
    }
}

#[test]
fn n_j_09_ecdsa_signatures_have_a_fixed_length() {
    for kind in KeyKind::ELLIPTIC {
        let mut scene = Scene::new();
        scene.signer = scene.root.leaf_of_kind("acme signer", kind);
        let mut parts = envelope(&scene).jws_parts();
        assert_verified(&judge_parts(&scene, &parts));
        parts.signature = URL_SAFE_NO_PAD.encode(ecdsa_to_der(&parts.signature_bytes()));
        let finding = judge_parts(&scene, &parts);
        assert_rejected(&finding, ReasonCode::SignatureInvalid, "does not match");
    }
}

#[test]
fn n_j_10_a_payload_that_is_no_object_is_refused_though_signed() {
    let scene = Scene::new();
    for payload in ["hello", "[]", "null", "\"{}\""] {
        let finding = judge(&scene, envelope(&scene).payload(payload).build());
        assert_rejected(&finding, ReasonCode::PayloadInvalid, "payload");
    }
}

#[test]
fn n_j_11_the_protected_header_is_an_object_of_the_right_types() {
    let scene = Scene::new();
    for header in ["", "x", "{", "{} {}", "{'alg':1}"] {
        let finding = judge(&scene, envelope(&scene).protected_bytes(header).build());
        assert_rejected(&finding, MALFORMED, "protected header");
    }
    for header in ["[]", "null", "\"x\"", "7"] {
        let finding = judge(&scene, envelope(&scene).protected_bytes(header).build());
        assert_rejected(&finding, MALFORMED, "protected header is");
    }
    for name in [
        "alg",
        "cty",
        headers::SIGNING_SCHEME,
        headers::SIGNING_TIME,
        headers::AUTHENTIC_SIGNING_TIME,
        headers::EXPIRY,
        headers::VERIFICATION_PLUGIN,
        "io.cncf.notary.verificationPluginMinVersion",
    ] {
        for value in [json!(null), json!(1), json!(["x"]), json!({}), json!(true)] {
            let said = format!("`{name}` is ");
            assert_rejected(&judge_protected(set(name, value)), MALFORMED, &said);
        }
    }
    let without = judge_protected(|members| members.retain(|(name, _)| name != "alg"));
    assert_rejected(&without, MALFORMED, "`alg` is missing");
}

#[test]
fn n_j_12_the_scheme_is_one_of_two() {
    let scene = Scene::new();
    for scheme in [
        "",
        "notary.X509",
        "notary.x509 ",
        "notary.default",
        "notary.x509.signingauthority",
    ] {
        let finding = judge(
            &scene,
            envelope(&scene)
                .scheme(Scheme::Other(scheme.into()))
                .build(),
        );
        assert_rejected(&finding, MALFORMED, "signing scheme is `");
    }
    let finding = judge_protected(|members| {
        members.retain(|(name, _)| name != headers::SIGNING_SCHEME && name != "crit");
        members.push(("crit".to_owned(), json!([headers::EXPIRY])));
        members.push((headers::EXPIRY.to_owned(), json!("2099-01-01T00:00:00Z")));
    });
    assert_rejected(&finding, MALFORMED, "signing scheme is missing");
}

#[test]
fn n_j_13_no_authentic_time_under_x509() {
    let scene = Scene::new();
    let both = envelope(&scene).authentic_signing_time(scene.now);
    assert_rejected(&judge(&scene, both.build()), MALFORMED, "must not be under");
}

#[test]
fn n_j_14_an_authentic_time_and_no_other_under_a_signing_authority() {
    let mut scene = Scene::new();
    scene.stores[0].0 = ratify_verify::trust::StoreType::SigningAuthority;
    scene.statement["trustStores"] = json!(["signingAuthority:acme"]);
    let authority = || envelope(&scene).scheme(Scheme::SigningAuthority);
    assert_verified(&judge(&scene, authority().build()));
    let both = authority().signing_time(scene.now).build();
    assert_rejected(&judge(&scene, both), MALFORMED, "must not be under");
    let neither = authority().authentic_signing_time(None).build();
    assert_rejected(&judge(&scene, neither), MALFORMED, "is missing");
}

#[test]
fn n_j_15_crit_is_there_and_not_empty() {
    let scene = Scene::new();
    let empty = envelope(&scene).critical(&[]).build();
    assert_rejected(
        &judge(&scene, empty),
        MALFORMED,
        "`crit` is missing or empty",
    );
    let missing = judge_protected(|members| members.retain(|(name, _)| name != "crit"));
    assert_rejected(&missing, MALFORMED, "`crit` is missing or empty");
    for crit in [json!(headers::SIGNING_SCHEME), json!({}), json!(null)] {
        assert_rejected(
            &judge_protected(set("crit", crit)),
            MALFORMED,
            "expected an array",
        );
    }
    let mixed = json!([headers::SIGNING_SCHEME, 1]);
    assert_rejected(
        &judge_protected(set("crit", mixed)),
        MALFORMED,
        "expected strings",
    );
}

#[test]
fn n_j_16_crit_lists_only_what_may_be_listed() {
    let scene = Scene::new();
    let scheme = headers::SIGNING_SCHEME;
    for (second, said) in [
        ("alg", "must not be marked critical"),
        ("cty", "must not be marked critical"),
        ("crit", "must not be marked critical"),
        (headers::SIGNING_TIME, "must not be marked critical"),
        (headers::EXPIRY, "not in the protected header"),
        ("absent", "not in the protected header"),
        ("x5c", "not in the protected header"),
        (scheme, "twice"),
    ] {
        let finding = judge(&scene, envelope(&scene).critical(&[scheme, second]).build());
        assert_rejected(&finding, MALFORMED, said);
    }
    let many: Vec<Json> = (0..64)
        .map(|n| json!(format!("name{n}")))
        .chain([json!(scheme)])
        .collect();
    assert_rejected(
        &judge_protected(set("crit", json!(many))),
        MALFORMED,
        "65 entries",
    );
}

#[test]
fn n_j_17_crit_lists_what_must_be_listed() {
    let mut scene = Scene::new();
    scene.statement["trustStores"] = json!(["ca:acme", "signingAuthority:acme"]);
    let later = ratify_testkit::time::now_plus_days(1);
    let (scheme, expiry) = (headers::SIGNING_SCHEME, headers::EXPIRY);
    let authentic = headers::AUTHENTIC_SIGNING_TIME;
    let expiring = || envelope(&scene).expiry(later);
    assert_verified(&judge(&scene, expiring().build()));
    let finding = judge(&scene, expiring().critical(&[scheme]).build());
    assert_rejected(&finding, MALFORMED, &format!("does not list `{expiry}`"));
    let finding = judge(&scene, expiring().critical(&[expiry]).build());
    assert_rejected(&finding, MALFORMED, &format!("does not list `{scheme}`"));
    let authority = envelope(&scene).scheme(Scheme::SigningAuthority);
    let finding = judge(&scene, authority.critical(&[scheme]).build());
    assert_rejected(&finding, MALFORMED, &format!("does not list `{authentic}`"));
}

#[test]
fn n_j_19_every_certificate_parses() {
    let scene = Scene::new();
    for index in 0..scene.signer.certificates.len() {
        let mut certificates = scene.signer.certificates.clone();
        certificates[index].truncate(100);
        let finding = judge(&scene, envelope(&scene).certificates(certificates).build());
        assert_rejected(
            &finding,
            ReasonCode::ChainInvalid,
            &format!("certificate {index} "),
        );
    }
}

#[test]
fn n_j_20_payload_and_signature_are_not_empty() {
    let scene = Scene::new();
    let finding = judge(&scene, envelope(&scene).payload("").build());
    assert_rejected(&finding, MALFORMED, "`payload` is empty");
    let mut parts = envelope(&scene).jws_parts();
    parts.signature.clear();
    assert_rejected(
        &judge_parts(&scene, &parts),
        MALFORMED,
        "`signature` is empty",
    );
}

#[test]
fn n_j_21_a_signing_time_is_there_and_not_zero() {
    let scene = Scene::new();
    let without = envelope(&scene).signing_time(None).build();
    assert_rejected(
        &judge(&scene, without),
        MALFORMED,
        "signingTime` is missing",
    );
    for zero in ["0001-01-01T00:00:00Z", "0001-01-01T01:00:00+01:00"] {
        let finding = judge_protected(set(headers::SIGNING_TIME, json!(zero)));
        assert_rejected(&finding, MALFORMED, "zero time");
    }
}

#[test]
fn n_j_22_an_expiry_is_later_than_the_signing_time() {
    let scene = Scene::new();
    let later = ratify_testkit::time::now_plus(1);
    assert_verified(&judge(&scene, envelope(&scene).expiry(later).build()));
    for expiry in [scene.now, ratify_testkit::time::now_plus(-1)] {
        let finding = judge(&scene, envelope(&scene).expiry(expiry).build());
        assert_rejected(&finding, MALFORMED, "is not later than the signing time");
    }
}

#[test]
fn n_j_23_the_chain_keeps_its_rules() {
    let scene = Scene::new();
    let mut swapped = scene.signer.certificates.clone();
    swapped.swap(1, 2);
    let finding = judge(&scene, envelope(&scene).certificates(swapped).build());
    assert_rejected(&finding, ReasonCode::ChainInvalid, "chain");
    let mut short = scene.signer.certificates.clone();
    short.pop();
    let finding = judge(&scene, envelope(&scene).certificates(short).build());
    assert_rejected(&finding, ReasonCode::ChainInvalid, "chain");
}

#[test]
fn n_j_24_the_key_chooses_the_algorithm() {
    for kind in KeyKind::ALL {
        let mut scene = Scene::new();
        scene.signer = scene.root.leaf_of_kind("acme signer", kind);
        for other in KeyKind::ALL.into_iter().filter(|other| *other != kind) {
            let alg = other.jws_algorithm();
            let finding = judge(&scene, envelope(&scene).algorithm(alg.into()).build());
            assert_rejected(&finding, ReasonCode::SignatureInvalid, &format!("`{alg}`"));
        }
    }
}

#[test]
fn n_j_25_the_content_type_is_that_of_a_payload() {
    let scene = Scene::new();
    for content_type in [
        "application/json",
        "application/vnd.cncf.notary.payload.v1+JSON",
        "application/vnd.cncf.notary.payload.v1+json ",
        "",
    ] {
        let changed = envelope(&scene)
            .content_type(Some(content_type.into()))
            .build();
        assert_rejected(&judge(&scene, changed), MALFORMED, "content type is `");
    }
    let without = envelope(&scene).content_type(None).build();
    assert_rejected(
        &judge(&scene, without),
        MALFORMED,
        "content type is missing",
    );
}

#[test]
fn n_j_26_times_are_rfc_3339() {
    let good = |time: &str| judge_protected(set(headers::SIGNING_TIME, json!(time)));
    for time in [
        "2026-06-01T04:00:00-08:00",
        "2026-06-01T20:00:00+08:00",
        "2026-06-01T12:00:00.25Z",
        "0001-01-01T00:00:01Z",
    ] {
        assert_verified(&good(time));
    }
    for time in [
        "2026-06-01",
        "2026-06-01T12:00:60Z",
        "2026-06-01T12:00:00",
        "1780315200",
        "",
    ] {
        assert_rejected(&good(time), MALFORMED, "RFC 3339");
    }
    for (time, said) in [
        ("0000-06-01T12:00:00Z", "years 1 to 9999"),
        ("9999-12-31T23:59:59-01:00", "years 1 to 9999"),
        ("0001-01-01T00:00:00Z", "zero time"),
    ] {
        let finding = judge_protected(move |members| {
            set(headers::EXPIRY, json!(time))(members);
            set("crit", json!([headers::SIGNING_SCHEME, headers::EXPIRY]))(members);
        });
        assert_rejected(&finding, MALFORMED, said);
    }
}

#[test]
fn n_j_27_an_unknown_critical_attribute_always_fails() {
    for level in ["strict", "permissive", "audit"] {
        let scene = Scene::new().level(level, &json!({}));
        let unknown = envelope(&scene).protected_critical("com.example.approved", "yes".into());
        let finding = judge(&scene, unknown.build());
        let code = ReasonCode::CriticalAttributeUnknown;
        assert_rejected(&finding, code, "`com.example.approved`");
        let known = envelope(&scene).protected("com.example.approved", "yes".into());
        assert_verified(&judge(&scene, known.build()));
    }
}

#[test]
fn n_2_1_unprotected_members_nobody_reads_are_tolerated() {
    let scene = Scene::new();
    for (name, value) in [
        ("io.cncf.notary.SigningAgent", json!("Notation/1.0.0")),
        ("io.cncf.notary.signingAgent", json!(7)),
        ("io.cncf.notary.expiry", json!("2000-01-01T00:00:00Z")),
        ("kid", json!({ "a": [1, null] })),
    ] {
        let mut parts = envelope(&scene).signing_agent(None).jws_parts();
        parts.header.push((name.to_owned(), value));
        assert_verified(&judge_parts(&scene, &parts));
    }
}
