//! Signatures verify with aws-lc-rs, over bytes taken apart by `serde_json` and coset.

use std::time::Instant;

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use coset::TaggedCborSerializable;
use ratify_testkit::certs::{Authority, Chain};
use ratify_testkit::envelope::{Envelope, Format, Scheme, Value, headers, payload};
use ratify_testkit::image::{Image, SignatureManifest};
use ratify_testkit::keys::{KeyKind, SigningKey, ecdsa_to_der};
use ratify_testkit::time::{NOW, now_plus_days};
use x509_cert::der::{Decode, Encode};

fn algorithm(kind: KeyKind) -> &'static dyn VerificationAlgorithm {
    match kind {
        KeyKind::Rsa2048 => &signature::RSA_PSS_2048_8192_SHA256,
        KeyKind::Rsa3072 => &signature::RSA_PSS_2048_8192_SHA384,
        KeyKind::Rsa4096 => &signature::RSA_PSS_2048_8192_SHA512,
        KeyKind::P256 => &signature::ECDSA_P256_SHA256_FIXED,
        KeyKind::P384 => &signature::ECDSA_P384_SHA384_FIXED,
        KeyKind::P521 => &signature::ECDSA_P521_SHA512_FIXED,
    }
}

/// Verify with the key in a certificate.
fn verifies(kind: KeyKind, leaf: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let certificate = x509_cert::Certificate::from_der(leaf).unwrap();
    let info = certificate.tbs_certificate.subject_public_key_info;
    let key = match kind {
        KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => {
            info.subject_public_key.raw_bytes().to_vec()
        }
        _ => info.to_der().unwrap(),
    };
    let key = UnparsedPublicKey::new(algorithm(kind), key);
    key.verify(message, signature).is_ok()
}

fn jws_verifies(kind: KeyKind, envelope: &[u8]) -> bool {
    let json: serde_json::Value = serde_json::from_slice(envelope).unwrap();
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    let leaf = STANDARD
        .decode(json["header"]["x5c"][0].as_str().unwrap())
        .unwrap();
    let message = format!("{}.{}", text("protected"), text("payload"));
    let signature = URL_SAFE_NO_PAD.decode(text("signature")).unwrap();
    verifies(kind, &leaf, message.as_bytes(), &signature)
}

fn cose_verifies(kind: KeyKind, envelope: &[u8]) -> bool {
    let sign1 = coset::CoseSign1::from_tagged_slice(envelope).unwrap();
    let (_, chain) = &sign1.unprotected.rest[0];
    let leaf = chain.as_array().unwrap()[0].as_bytes().unwrap();
    sign1
        .verify_signature(b"", |signature, message| {
            verifies(kind, leaf, message, signature)
                .then_some(())
                .ok_or(())
        })
        .is_ok()
}

fn envelope_verifies(format: Format, kind: KeyKind, envelope: &[u8]) -> bool {
    match format {
        Format::Jws => jws_verifies(kind, envelope),
        Format::Cose => cose_verifies(kind, envelope),
    }
}

fn signer(kind: KeyKind) -> Chain {
    Authority::new("Root").leaf_of_kind("signer", kind)
}

#[test]
fn n_2_3_every_kind_of_key_signs_both_formats() {
    let image = Image::new("a");
    for kind in KeyKind::ALL {
        let signer = signer(kind);
        for format in Format::ALL {
            let envelope = || Envelope::new(format, &signer, image.descriptor());
            let good = envelope().build();
            assert!(envelope_verifies(format, kind, &good), "{kind} {format}");
            let bad = envelope().build_with_tampered_signature();
            assert!(!envelope_verifies(format, kind, &bad), "{kind} {format}");
            let other = payload(Image::new("b").descriptor());
            let swapped = envelope().build_with_swapped_payload(&other);
            assert!(
                !envelope_verifies(format, kind, &swapped),
                "{kind} {format}"
            );
        }
    }
}

#[test]
fn jws_has_the_four_members_and_the_headers_of_the_specification() {
    let image = Image::new("a");
    let signer = signer(KeyKind::P256);
    let envelope = Envelope::new(Format::Jws, &signer, image.descriptor())
        .expiry(now_plus_days(1))
        .protected_critical("x", Value::Bool(true))
        .timestamp_token(vec![1, 2, 3])
        .build();
    let json: serde_json::Value = serde_json::from_slice(&envelope).unwrap();
    let members: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(members, ["header", "payload", "protected", "signature"]);
    let part = |name: &str| {
        URL_SAFE_NO_PAD
            .decode(json[name].as_str().unwrap())
            .unwrap()
    };
    let protected: serde_json::Value = serde_json::from_slice(&part("protected")).unwrap();
    let expected = serde_json::json!({
        "alg": "ES256",
        "crit": ["io.cncf.notary.signingScheme", "io.cncf.notary.expiry", "x"],
        "cty": "application/vnd.cncf.notary.payload.v1+json",
        "io.cncf.notary.signingScheme": "notary.x509",
        "io.cncf.notary.signingTime": "2026-06-01T12:00:00Z",
        "io.cncf.notary.expiry": "2026-06-02T12:00:00Z",
        "x": true,
    });
    assert_eq!(protected, expected);
    let payload: serde_json::Value = serde_json::from_slice(&part("payload")).unwrap();
    let target = &payload["targetArtifact"];
    assert_eq!(target["digest"], image.descriptor().digest.as_str());
    assert_eq!(target.as_object().unwrap().len(), 3);
    assert_eq!(json["header"]["io.cncf.notary.timestampSignature"], "AQID");
    assert_eq!(json["header"]["x5c"].as_array().unwrap().len(), 2);
}

#[test]
fn cose_has_the_headers_of_the_specification() {
    let signer = signer(KeyKind::P384);
    let envelope = Envelope::new(Format::Cose, &signer, Image::new("a").descriptor())
        .scheme(Scheme::SigningAuthority)
        .build();
    assert_eq!(&envelope[..2], [0xd2, 0x84], "tag 18, array of four");
    let sign1 = coset::CoseSign1::from_tagged_slice(&envelope).unwrap();
    let protected = &sign1.protected.header;
    assert_eq!(protected.crit.len(), 2);
    let expected = coset::Algorithm::Assigned(coset::iana::Algorithm::ES384);
    assert_eq!(protected.alg, Some(expected));
    let time = protected
        .rest
        .iter()
        .find(|(label, _)| *label == coset::Label::Text(headers::AUTHENTIC_SIGNING_TIME.into()));
    let (tag, inner) = time.unwrap().1.as_tag().unwrap();
    let seconds: i128 = inner.as_integer().unwrap().into();
    assert_eq!((tag, seconds), (1, i128::from(NOW.as_second())));
    let (label, chain) = &sign1.unprotected.rest[0];
    assert_eq!(*label, coset::Label::Int(33));
    assert_eq!(chain.as_array().unwrap().len(), 2);
}

#[test]
fn knobs_change_what_they_say_and_stay_signed() {
    let image = Image::new("a");
    let signer = signer(KeyKind::P256);
    let new = |format| Envelope::new(format, &signer, image.descriptor());
    let twice = new(Format::Jws).edit_jws_protected(|members| members.push(members[0].clone()));
    let envelope = twice.build();
    assert!(jws_verifies(KeyKind::P256, &envelope));
    let json: serde_json::Value = serde_json::from_slice(&envelope).unwrap();
    let protected = URL_SAFE_NO_PAD
        .decode(json["protected"].as_str().unwrap())
        .unwrap();
    let protected = String::from_utf8(protected).unwrap();
    assert_eq!(
        protected.matches(r#""alg":"ES256""#).count(),
        2,
        "{protected}"
    );

    let twice = new(Format::Cose).edit_cose_protected(|entries| entries.push(entries[0].clone()));
    let parts = twice.cose_parts();
    assert!(
        coset::ProtectedHeader::from_cbor_bstr(coset::cbor::Value::Bytes(parts.protected.clone()))
            .is_err()
    );
    assert_eq!(parts.protected[0], 0xa6, "six entries, one of them twice");

    let bare = new(Format::Cose)
        .without_scheme()
        .signing_time(None)
        .content_type(None);
    let bare = coset::CoseSign1::from_tagged_slice(&bare.critical(&["x"]).build()).unwrap();
    assert!(bare.protected.header.rest.is_empty() && bare.protected.header.content_type.is_none());

    let stranger = new(Format::Jws)
        .key(&SigningKey::fresh(KeyKind::P256))
        .build();
    assert!(
        !jws_verifies(KeyKind::P256, &stranger),
        "another key signed"
    );
    let raw = new(Format::Jws).protected_bytes("{}").build();
    assert!(
        jws_verifies(KeyKind::P256, &raw),
        "raw bytes are signed too"
    );
}

#[test]
fn every_fixed_signature_turns_into_a_der_signature() {
    let key = SigningKey::new(KeyKind::P521);
    let info = x509_cert::spki::SubjectPublicKeyInfoRef::from_der(key.public_key_info()).unwrap();
    let point = info.subject_public_key.raw_bytes();
    let public = UnparsedPublicKey::new(&signature::ECDSA_P521_SHA512_ASN1, point);
    for round in 0..300_u16 {
        let message = round.to_be_bytes();
        let der = ecdsa_to_der(&key.sign(&message));
        public.verify(&message, &der).unwrap();
    }
}

#[test]
fn kept_rsa_keys_are_kept_and_slots_differ() {
    let info = |slot| {
        SigningKey::in_slot(KeyKind::Rsa2048, slot)
            .public_key_info()
            .to_vec()
    };
    assert_eq!(info(0), info(0));
    assert_ne!(info(0), info(1));
    assert!(
        SigningKey::new(KeyKind::Rsa2048)
            .pkcs8_pem()
            .starts_with("-----BEGIN PRIVATE KEY-----\n")
    );
}

#[test]
fn signature_manifests_have_both_forms() {
    let image = Image::new("a");
    let signer = signer(KeyKind::P256);
    let legacy = SignatureManifest::new(image.descriptor(), Format::Jws, b"envelope");
    let modern = legacy.clone().with_artifact_type().build();
    let legacy = legacy.thumbprints(&signer).build();
    let json: serde_json::Value = serde_json::from_slice(&legacy.packed().bytes).unwrap();
    assert_eq!(
        json["config"]["mediaType"],
        "application/vnd.cncf.notary.signature"
    );
    assert!(json.get("artifactType").is_none());
    assert_eq!(
        json["subject"]["digest"],
        image.descriptor().digest.as_str()
    );
    let prints = json["annotations"]["io.cncf.notary.x509chain.thumbprint#S256"].as_str();
    let prints: Vec<String> = serde_json::from_str(prints.unwrap()).unwrap();
    assert_eq!(prints[0], ratify_oci::Digest::sha256(signer.leaf()).hex());
    assert_eq!(
        legacy.referrer().artifact_type.as_deref(),
        Some("application/vnd.cncf.notary.signature")
    );
    assert_eq!(
        modern.manifest().config.media_type,
        "application/vnd.oci.empty.v1+json"
    );
    assert_eq!(
        modern.manifest().config.digest.as_str(),
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    );
    assert_eq!(
        modern.referrer().artifact_type.as_deref(),
        Some("application/vnd.cncf.notary.signature")
    );
}

#[test]
fn a_signed_image_takes_few_milliseconds() {
    // the quickest of several, so that a busy machine does not count
    let each = (0..20).map(|_| {
        let start = Instant::now();
        let signer = Authority::new("Root").leaf("signer");
        Envelope::new(Format::Jws, &signer, Image::new("a").descriptor()).build();
        start.elapsed()
    });
    let quickest = each.min().unwrap();
    assert!(quickest.as_millis() < 10, "took {quickest:?}");
}
