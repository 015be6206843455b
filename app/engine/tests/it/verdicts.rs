//! One image, one thing wrong: each has its own code.

use std::time::Duration;

use jiff::SignedDuration;
use ratify_policy::Requirement;
use ratify_testkit::certs::{Authority, Template};
use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::{Image, SignatureManifest};
use ratify_testkit::registry::{Fault, Kind, Match, Registry, Times};
use ratify_testkit::time::NOW;

use crate::fixture::{Fixture, REPOSITORY, told};

async fn expect(fixture: &Fixture, expected: &str) {
    let report = fixture.verify().await;
    assert_eq!(told(&report), expected, "{report:#?}");
}

#[tokio::test]
async fn signed_in_either_format_with_either_listing() {
    for api in [true, false] {
        for format in [Format::Jws, Format::Cose] {
            let fixture = Fixture::of(Registry::builder().referrers_api(api)).await;
            let image = fixture.image.descriptor();
            let envelope = Envelope::new(format, &fixture.signer, image).build();
            let signature = SignatureManifest::new(image, format, &envelope).build();
            fixture.registry.attach(REPOSITORY, &signature);
            expect(&fixture, "admit VERIFIED").await;
        }
    }
}

#[tokio::test]
async fn unsigned() {
    expect(&Fixture::new().await, "deny NO_SIGNATURE").await;
}

#[tokio::test]
async fn untrusted_root() {
    let mut fixture = Fixture::new().await;
    fixture.signer = Authority::new("Stranger").leaf("acme signer");
    fixture.sign();
    expect(&fixture, "deny SIGNER_UNTRUSTED").await;
}

#[tokio::test]
async fn wrong_identity() {
    let fixture = Fixture::signed()
        .await
        .identities(r#"["x509.subject: C=US, ST=WA, O=Somebody else"]"#);
    expect(&fixture, "deny IDENTITY_UNTRUSTED").await;
}

#[tokio::test]
async fn wrong_scope_is_told_without_asking_the_registry() {
    let fixture = Fixture::signed().await.scope("registry.example/other");
    expect(&fixture, "deny NO_TRUST_POLICY").await;
    assert_eq!(fixture.registry.requests(), []);
}

#[tokio::test]
async fn skipped_without_asking_the_registry() {
    let fixture = Fixture::new().await.level(r#"{"level":"skip"}"#);
    expect(&fixture, "admit SKIPPED_BY_POLICY").await;
    assert_eq!(fixture.registry.requests(), []);
}

#[tokio::test]
async fn expired_signature_is_a_denial_or_said_aloud() {
    let mut fixture = Fixture::new().await;
    let expiry = NOW + SignedDuration::from_hours(1);
    fixture.attach(&fixture.envelope().expiry(expiry).build());
    expect(&fixture, "admit VERIFIED").await;
    fixture.now = expiry;
    expect(&fixture, "deny SIGNATURE_EXPIRED").await;
    expect(
        &fixture.level(r#"{"level":"permissive"}"#),
        "admit LOGGED_FAILURES",
    )
    .await;
}

#[tokio::test]
async fn expired_certificate() {
    let mut fixture = Fixture::signed().await;
    fixture.now = "2999-01-01T00:00:00Z".parse().unwrap();
    expect(&fixture, "deny CERTIFICATE_EXPIRED").await;
}

#[tokio::test]
async fn certificate_not_yet_valid() {
    let mut fixture = Fixture::new().await;
    let (from, to) = (
        NOW + SignedDuration::from_hours(24),
        NOW + SignedDuration::from_hours(48),
    );
    fixture.signer = fixture
        .root
        .issue(&Template::leaf("acme signer").valid(from, to));
    fixture.sign();
    expect(&fixture, "deny CERTIFICATE_NOT_YET_VALID").await;
}

#[tokio::test]
async fn tampered_signature_payload_and_header() {
    let fixture = Fixture::new().await;
    fixture.attach(&fixture.envelope().build_with_tampered_signature());
    expect(&fixture, "deny SIGNATURE_INVALID").await;

    let fixture = Fixture::new().await;
    let other = ratify_testkit::envelope::payload(Image::new("other").descriptor());
    fixture.attach(&fixture.envelope().build_with_swapped_payload(&other));
    expect(&fixture, "deny SIGNATURE_INVALID").await;

    let fixture = Fixture::new().await;
    let text = String::from_utf8(fixture.envelope().build()).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let stranger = fixture
        .envelope()
        .expiry(NOW + SignedDuration::from_hours(1))
        .build();
    let stranger: serde_json::Value = serde_json::from_slice(&stranger).unwrap();
    json["protected"] = stranger["protected"].clone();
    fixture.attach(&serde_json::to_vec(&json).unwrap());
    expect(&fixture, "deny SIGNATURE_INVALID").await;
}

#[tokio::test]
async fn att_54_a_signature_copied_from_another_image() {
    let fixture = Fixture::new().await;
    let other = Image::new("other");
    let envelope = Envelope::new(Format::Jws, &fixture.signer, other.descriptor()).build();
    // the envelope under a manifest that names our image
    fixture.attach(&envelope);
    expect(&fixture, "deny PAYLOAD_MISMATCH").await;
}

#[tokio::test]
async fn n_d_25_a_signature_manifest_of_another_subject() {
    let fixture = Fixture::new().await;
    let other = Image::new("other");
    let envelope = fixture.envelope().build();
    let signature = SignatureManifest::new(other.descriptor(), Format::Jws, &envelope).build();
    fixture
        .registry
        .attach_to(REPOSITORY, fixture.image.descriptor(), &signature);
    expect(&fixture, "deny SUBJECT_MISMATCH").await;
}

#[tokio::test]
async fn n_d_26_two_layers() {
    let fixture = Fixture::new().await;
    let envelope = fixture.envelope().build();
    let signature = SignatureManifest::new(fixture.image.descriptor(), Format::Jws, &envelope)
        .with_layer(Format::Jws.media_type(), &envelope)
        .build();
    fixture.registry.attach(REPOSITORY, &signature);
    expect(&fixture, "deny SIGNATURE_MANIFEST_INVALID").await;
}

#[tokio::test]
async fn a_good_signature_beside_a_bad_one() {
    let fixture = Fixture::signed().await;
    fixture.attach(b"{}");
    expect(&fixture, "deny ENVELOPE_MALFORMED").await;
    expect(&fixture.requirement(Requirement::Any), "admit VERIFIED").await;
}

#[tokio::test]
async fn att_02_digest_lies_of_the_registry() {
    for (kind, expected) in [
        (Kind::Blob, "deny SIGNATURE_CONTENT_MISMATCH"),
        (Kind::Manifest, "deny SUBJECT_UNUSABLE"),
    ] {
        let fixture = Fixture::signed().await;
        fixture
            .registry
            .fault(Match::Kind(kind), Times::Always, Fault::WrongBytes);
        expect(&fixture, expected).await;
    }
    let fixture = Fixture::new().await;
    let signature = fixture.sign();
    let digest = signature.descriptor().digest.to_string();
    fixture
        .registry
        .fault(Match::path(digest), Times::Always, Fault::WrongBytes);
    expect(&fixture, "deny SIGNATURE_CONTENT_MISMATCH").await;
}

#[tokio::test]
async fn a_listed_signature_that_is_not_there() {
    let fixture = Fixture::new().await;
    let signature = fixture.sign();
    fixture.registry.delete(REPOSITORY, signature.descriptor());
    fixture
        .registry
        .list_referrer(REPOSITORY, fixture.image.descriptor(), signature.referrer());
    expect(&fixture, "deny SIGNATURE_UNAVAILABLE").await;
}

#[tokio::test]
async fn decision_5_a_listed_signature_that_is_served_as_something_else_is_rejected() {
    let fixture = Fixture::new().await;
    let signature = fixture.sign();
    let digest = signature.descriptor().digest.to_string();
    let lie = Fault::ContentType("text/html".into());
    fixture
        .registry
        .fault(Match::path(digest), Times::Always, lie);
    expect(&fixture, "deny SIGNATURE_UNAVAILABLE").await;
}

#[tokio::test]
async fn a_signature_listed_under_another_type_counts_for_neither() {
    let fixture = Fixture::new().await;
    let signature = fixture.sign();
    let mut listed = signature.referrer();
    listed.artifact_type = Some("application/spdx+json".to_owned());
    let subject = fixture.image.descriptor();
    let artifact = ratify_verify::Artifact { descriptor: listed };
    let engine = fixture.engine();
    let verifier = &engine.snapshot().verifiers()[0];
    let of = ratify_verify::Subject {
        repository: fixture.pinned().repository().clone(),
        descriptor: subject.clone(),
    };
    let mut session = verifier.begin(&of, &artifact);
    session.step(Vec::new(), fixture.now);
    let packed = signature.packed();
    let content = ratify_oci::Content::check(&packed.descriptor, packed.bytes.clone()).unwrap();
    let step = session.step(vec![ratify_verify::Answer::Content(content)], fixture.now);
    let ratify_verify::Step::Done(finding) = step else {
        panic!("asked for the envelope: {step:?}");
    };
    let code = finding.verdict.reason().map(ratify_verify::Reason::code);
    assert_eq!(
        code,
        Some(ratify_verify::ReasonCode::SignatureManifestInvalid)
    );
}

#[tokio::test]
async fn subject_not_found_may_have_been_pushed_a_second_ago() {
    let fixture = Fixture::signed().await;
    let missing = fixture
        .registry
        .tagged(REPOSITORY, "no-such-tag")
        .parse()
        .unwrap();
    let report = fixture.verify_reference(&missing).await;
    assert_eq!(told(&report), "undecided SUBJECT_NOT_FOUND");
}

#[tokio::test]
async fn the_signature_on_page_two_alone() {
    let fixture = Fixture::of(Registry::builder().page_size(2)).await;
    fixture.registry.fault(
        Match::Kind(Kind::Referrers),
        Times::Always,
        Fault::Unfiltered,
    );
    fixture.registry.many_referrers(
        REPOSITORY,
        fixture.image.descriptor(),
        "application/vnd.example.other",
        3,
    );
    fixture.sign();
    expect(&fixture, "admit VERIFIED").await;
    assert_eq!(fixture.registry.count(Kind::Referrers), 2);
}

#[tokio::test]
async fn what_the_registry_refuses_is_never_unsigned() {
    let table = [
        (Fault::Status(401), "undecided REGISTRY_UNAUTHORIZED"),
        (Fault::Status(403), "undecided REGISTRY_FORBIDDEN"),
        (retry_after("86400"), "undecided REGISTRY_THROTTLED"),
        (Fault::Status(500), "undecided REGISTRY_ERROR"),
        (Fault::Status(503), "undecided REGISTRY_ERROR"),
        (
            Fault::OtherBytes(b"<html>".to_vec()),
            "undecided REGISTRY_ERROR",
        ),
        (
            Fault::ContentType("text/html".into()),
            "undecided REGISTRY_ERROR",
        ),
        (
            Fault::Redirect("http://other.example{path}".into(), 307),
            "undecided",
        ),
    ];
    for (fault, expected) in table {
        let mut fixture = Fixture::signed().await;
        fixture.patience = Duration::from_secs(5);
        fixture
            .registry
            .fault(Match::Kind(Kind::Referrers), Times::Always, fault.clone());
        let report = fixture.verify().await;
        assert!(
            told(&report).starts_with(expected),
            "{fault:?}: {report:#?}"
        );
    }
}

#[tokio::test]
async fn a_503_that_passes_is_ridden_out() {
    let fixture = Fixture::signed().await;
    fixture
        .registry
        .fault(Match::Any, Times::Once, Fault::Status(503));
    expect(&fixture, "admit VERIFIED").await;
}

fn retry_after(seconds: &str) -> Fault {
    Fault::StatusWithHeaders(429, vec![("Retry-After".into(), seconds.into())])
}

#[tokio::test]
async fn att_16_bodies_that_break_off_or_never_end() {
    let table = [
        (
            Kind::Blob,
            Fault::Truncate(10),
            "undecided REGISTRY_UNREACHABLE",
        ),
        (Kind::Blob, Fault::EndlessBody, "deny SIGNATURE"),
        (Kind::Blob, Fault::ExtraByte, "deny SIGNATURE"),
        (
            Kind::Referrers,
            Fault::EndlessBody,
            "undecided REGISTRY_ERROR",
        ),
        (
            Kind::Referrers,
            Fault::Truncate(10),
            "undecided REGISTRY_UNREACHABLE",
        ),
        (Kind::Manifest, Fault::EndlessBody, "deny SUBJECT_UNUSABLE"),
    ];
    for (kind, fault, expected) in table {
        let fixture = Fixture::signed().await;
        fixture
            .registry
            .fault(Match::Kind(kind), Times::Always, fault.clone());
        let report = fixture.verify().await;
        assert!(
            told(&report).starts_with(expected),
            "{kind:?} {fault:?}: {report:#?}"
        );
    }
}

#[tokio::test]
async fn att_03_ten_thousand_referrers() {
    let other = "application/vnd.example.other";
    let fixture = Fixture::signed().await;
    fixture
        .registry
        .many_referrers(REPOSITORY, fixture.image.descriptor(), other, 10_000);
    expect(&fixture, "admit VERIFIED").await;

    let fixture = Fixture::signed().await;
    let types = ratify_verify::notation::SIGNATURE_ARTIFACT_TYPE;
    fixture
        .registry
        .many_referrers(REPOSITORY, fixture.image.descriptor(), types, 10_000);
    expect(&fixture, "deny OVER_BUDGET").await;
    assert!(
        fixture.registry.count(Kind::Manifest) <= 102,
        "at most 100 signatures are looked at"
    );
}
