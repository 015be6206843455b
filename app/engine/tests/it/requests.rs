//! What one verdict asks of a registry, counted exactly.

use ratify_testkit::envelope::Format;
use ratify_testkit::image::{Image, SignatureManifest};
use ratify_testkit::registry::{Auth, Bearer, Kind, Registry};

use crate::fixture::{Fixture, REPOSITORY, told};

#[tokio::test]
async fn one_signature_costs_three_requests_and_the_subjects_own_check() {
    let fixture = Fixture::signed().await;
    for reference in [fixture.pinned(), fixture.tagged()] {
        fixture.registry.clear_requests();
        assert_eq!(
            told(&fixture.verify_reference(&reference).await),
            "admit VERIFIED"
        );
        let count = |kind| fixture.registry.count(kind);
        assert_eq!(count(Kind::Referrers), 1);
        assert_eq!(
            count(Kind::Manifest),
            2,
            "the subject and the signature manifest"
        );
        assert_eq!(count(Kind::Blob), 1, "the envelope");
        assert_eq!(fixture.registry.requests().len(), 4);
    }
}

#[tokio::test]
async fn a_token_costs_one_request_and_the_challenge_that_asks_for_it() {
    let fixture = Fixture::of(Registry::builder().auth(Auth::Bearer(Bearer::anonymous()))).await;
    fixture.sign();
    assert_eq!(
        told(&fixture.verify_reference(&fixture.tagged()).await),
        "admit VERIFIED"
    );
    assert_eq!(fixture.registry.count(Kind::Token), 1);
    assert_eq!(
        fixture.registry.requests().len(),
        6,
        "four, one 401 and one token"
    );

    // a second image of the repository: the token is known
    fixture.registry.clear_requests();
    assert_eq!(
        told(&fixture.verify_reference(&fixture.tagged()).await),
        "admit VERIFIED"
    );
    assert_eq!(fixture.registry.requests().len(), 4);
}

#[tokio::test]
async fn embedded_data_saves_the_fetch_of_the_envelope() {
    let fixture = Fixture::new().await;
    let envelope = fixture.envelope().build();
    let signature = SignatureManifest::new(fixture.image.descriptor(), Format::Jws, &envelope)
        .embed_data()
        .build();
    fixture.registry.attach(REPOSITORY, &signature);
    assert_eq!(told(&fixture.verify().await), "admit VERIFIED");
    assert_eq!(fixture.registry.count(Kind::Blob), 0);
    assert_eq!(fixture.registry.requests().len(), 3);
}

#[tokio::test]
async fn att_24_a_tag_is_resolved_once() {
    let fixture = Fixture::signed().await;
    let unsigned = Image::new("moved");
    let moved = fixture.registry.push_image(REPOSITORY, "other", &unsigned);
    let report = fixture.verify_reference(&fixture.tagged()).await;
    assert_eq!(
        report.subject.as_ref(),
        Some(&fixture.image.descriptor().digest)
    );
    let by_tag = fixture
        .registry
        .requests()
        .into_iter()
        .filter(|request| request.path.ends_with("/v1"));
    assert_eq!(by_tag.count(), 1);

    fixture.registry.set_tag(REPOSITORY, "v1", &moved);
    let report = fixture.verify_reference(&fixture.tagged()).await;
    assert_eq!(told(&report), "deny NO_SIGNATURE");
    assert_eq!(report.subject, Some(moved.digest));
}
