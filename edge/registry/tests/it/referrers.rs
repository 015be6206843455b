//! Who refers to a subject: pages, filters, limits, the tag schema.

use std::time::Duration;

use ratify_oci::{Digest, media};
use ratify_registry::{Client, Completeness, Error, FailureKind, Malformation, Source};
use ratify_testkit::image::Image;
use ratify_testkit::registry::{Fault, Kind, Match, Registry, Times};

use crate::fixture::{Fixture, REPOSITORY, SIGNATURE, counts, options, patient, soon};

const OTHER: &str = "application/vnd.example.other";

#[tokio::test]
async fn the_filter_is_asked_for() {
    let fixture = Fixture::new().await;
    let listed = fixture.referrers().await.unwrap();
    assert_eq!(
        (listed.source, listed.completeness),
        (Source::Api, Completeness::Complete)
    );
    let request = &fixture.registry.requests()[0];
    let digest = &fixture.image.descriptor().digest;
    assert_eq!(request.path, format!("/v2/{REPOSITORY}/referrers/{digest}"));
    let query = request.query.clone().unwrap();
    assert_eq!(
        query,
        "artifactType=application%2Fvnd.cncf.notary.signature"
    );
    assert_eq!(request.accept.as_deref(), Some(media::OCI_INDEX));
}

#[tokio::test]
async fn n_d_05_a_registry_that_does_not_filter_is_filtered() {
    for fault in [Fault::Unfiltered, Fault::FilterLie] {
        let fixture = Fixture::new().await;
        let subject = fixture.image.descriptor();
        fixture
            .registry
            .many_referrers(REPOSITORY, subject, OTHER, 7);
        fixture.registry.fault(Match::Any, Times::Always, fault);
        let listed = fixture.referrers().await.unwrap();
        assert_eq!(listed.descriptors, [fixture.signature.referrer()]);
        let repository = fixture.repository();
        let all = fixture
            .client
            .referrers(&repository, &subject.digest, None, patient())
            .await;
        assert_eq!(all.unwrap().descriptors.len(), 8);
    }
}

#[tokio::test]
async fn a_signature_on_page_two_is_found() {
    let fixture = Fixture::of(Registry::builder().page_size(2)).await;
    let image = Image::new("other");
    fixture.registry.push_image(REPOSITORY, "v2", &image);
    fixture
        .registry
        .many_referrers(REPOSITORY, image.descriptor(), OTHER, 3);
    let last = fixture.signature.referrer();
    fixture
        .registry
        .list_referrer(REPOSITORY, image.descriptor(), last.clone());
    fixture
        .registry
        .fault(Match::Any, Times::Always, Fault::Unfiltered);
    let listed = fixture
        .client
        .referrers(
            &fixture.repository(),
            &image.descriptor().digest,
            Some(SIGNATURE),
            patient(),
        )
        .await
        .unwrap();
    assert_eq!(listed.descriptors, [last]);
    assert_eq!(fixture.client.counts(), counts(0, 2, 0, 0));
}

#[tokio::test]
async fn att_03_ten_thousand_referrers_are_over_the_limit() {
    for page_size in [usize::MAX, 100] {
        let fixture = Fixture::of(Registry::builder().page_size(page_size)).await;
        let subject = fixture.image.descriptor();
        fixture
            .registry
            .many_referrers(REPOSITORY, subject, SIGNATURE, 10_000);
        let listed = fixture.referrers().await.unwrap();
        let of = "referrers";
        assert_eq!(
            listed.completeness,
            Completeness::OverLimit { of, limit: 1_000 }
        );
        assert_eq!(listed.descriptors.len(), 1_000);
        assert!(fixture.client.counts().total() <= 11);
    }
}

#[tokio::test]
async fn exactly_as_many_as_the_limit_are_complete() {
    let mut options = options();
    options.limits.referrers = 3;
    let fixture = Fixture::with(Registry::builder(), options).await;
    let subject = fixture.image.descriptor();
    fixture
        .registry
        .many_referrers(REPOSITORY, subject, SIGNATURE, 2);
    // Others do not count: whoever can push could hide signatures behind them.
    fixture
        .registry
        .many_referrers(REPOSITORY, subject, OTHER, 50);
    fixture
        .registry
        .fault(Match::Any, Times::Always, Fault::Unfiltered);
    let listed = fixture.referrers().await.unwrap();
    assert_eq!(
        (listed.descriptors.len(), listed.completeness),
        (3, Completeness::Complete)
    );
    fixture
        .registry
        .many_referrers(REPOSITORY, subject, SIGNATURE, 3);
    let listed = fixture.referrers().await.unwrap();
    assert!(matches!(
        listed.completeness,
        Completeness::OverLimit { limit: 3, .. }
    ));
}

#[tokio::test]
async fn n_d_08_pages_without_end_are_over_the_limit() {
    let fixture = Fixture::new().await;
    fixture
        .registry
        .fault(Match::Any, Times::Always, Fault::EndlessPages);
    let listed = fixture.referrers().await.unwrap();
    let of = "pages of referrers";
    assert_eq!(
        listed.completeness,
        Completeness::OverLimit { of, limit: 100 }
    );
    assert_eq!(fixture.client.counts(), counts(0, 100, 0, 0));
}

#[tokio::test]
async fn att_34_a_next_page_at_another_host_is_not_asked() {
    let elsewhere = Registry::start().await.unwrap();
    let urls = [
        format!("{}/v2/x/referrers/y", elsewhere.base_url()),
        format!("//{}/v2/x", elsewhere.host()),
        "https://127.0.0.1/v2/x".to_owned(),
        "file:///etc/passwd".to_owned(),
    ];
    for url in urls {
        let fixture = Fixture::new().await;
        fixture
            .registry
            .fault(Match::Any, Times::Always, Fault::ForeignLink(url));
        let refused = fixture.referrers().await.unwrap_err();
        let foreign = matches!(
            refused,
            Error::Malformed {
                source: Malformation::ForeignLink,
                ..
            }
        );
        assert!(foreign, "{refused:?}");
        assert_eq!(refused.kind(), FailureKind::Unknown);
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_link_that_cannot_be_read_is_not_the_last_page() {
    let fixture = Fixture::new().await;
    let fault = Fault::Header("link".to_owned(), "/v2/x; rel=\"next\"".to_owned());
    fixture.registry.fault(Match::Any, Times::Always, fault);
    let refused = fixture.referrers().await;
    let link = matches!(
        refused,
        Err(Error::Malformed {
            source: Malformation::Link,
            ..
        })
    );
    assert!(link, "{refused:?}");
}

#[tokio::test]
async fn a_page_that_fails_fails_the_listing() {
    let fixture = Fixture::of(Registry::builder().page_size(2)).await;
    fixture
        .registry
        .many_referrers(REPOSITORY, fixture.image.descriptor(), SIGNATURE, 5);
    for status in [404, 400, 405, 403, 500] {
        fixture.registry.clear_faults();
        let kind = Match::Kind(Kind::Referrers);
        fixture
            .registry
            .fault(kind, Times::After(1), Fault::Status(status));
        let client = Client::new(options()).unwrap();
        let digest = &fixture.image.descriptor().digest;
        let refused = client
            .referrers(&fixture.repository(), digest, Some(SIGNATURE), patient())
            .await;
        let refused = refused.expect_err("page 2 is no reason for the tag schema");
        assert_eq!(
            refused.kind(),
            FailureKind::Unknown,
            "{status}: {refused:?}"
        );
    }
    assert_eq!(fixture.registry.count(Kind::ReferrersTag), 0);
}

#[tokio::test]
async fn the_tag_schema_is_read_where_there_is_no_api() {
    let fixture = Fixture::without_api().await;
    let subject = fixture.image.descriptor();
    fixture
        .registry
        .many_referrers(REPOSITORY, subject, OTHER, 3);
    let listed = fixture.referrers().await.unwrap();
    assert_eq!(listed.descriptors, [fixture.signature.referrer()]);
    assert_eq!(
        (listed.source, listed.completeness),
        (Source::TagSchema, Completeness::Complete)
    );
    assert_eq!(fixture.client.counts(), counts(0, 2, 0, 0));
    let tag = format!("/v2/{REPOSITORY}/manifests/sha256-{}", subject.digest.hex());
    assert_eq!(fixture.registry.requests()[1].path, tag);

    fixture
        .registry
        .many_referrers(REPOSITORY, subject, SIGNATURE, 2_000);
    let listed = fixture.referrers().await.unwrap();
    assert!(matches!(
        listed.completeness,
        Completeness::OverLimit { limit: 1_000, .. }
    ));
}

#[tokio::test]
async fn a_second_image_of_a_registry_without_api_saves_the_probe() {
    let fixture = Fixture::without_api().await;
    fixture.referrers().await.unwrap();
    let image = Image::new("second");
    fixture.registry.push_image("another/app", "v1", &image);
    let signature = fixture.signature.referrer();
    fixture
        .registry
        .list_referrer("another/app", image.descriptor(), signature.clone());
    fixture.registry.clear_requests();
    let reference: ratify_oci::Reference = fixture
        .registry
        .pinned("another/app", image.descriptor())
        .parse()
        .unwrap();
    let listed = fixture
        .client
        .referrers(
            reference.repository(),
            &image.descriptor().digest,
            Some(SIGNATURE),
            patient(),
        )
        .await
        .unwrap();
    assert_eq!(
        (listed.descriptors, listed.source),
        (vec![signature], Source::TagSchema)
    );
    assert_eq!(fixture.registry.requests().len(), 1);
}

#[tokio::test]
async fn none_is_said_only_after_api_and_tag_were_asked() {
    let fixture = Fixture::without_api().await;
    fixture.referrers().await.unwrap();
    let unsigned = Digest::sha256(b"unsigned");
    for _ in 0..2 {
        fixture.registry.clear_requests();
        let listed = fixture
            .client
            .referrers(&fixture.repository(), &unsigned, Some(SIGNATURE), patient())
            .await
            .unwrap();
        assert!(listed.descriptors.is_empty());
        assert_eq!(listed.completeness, Completeness::Complete);
        let requests = fixture.registry.requests();
        let kinds: Vec<_> = requests.iter().map(|request| request.kind).collect();
        assert_eq!(kinds, [Kind::ReferrersTag, Kind::Referrers]);
    }
}

#[tokio::test]
async fn a_404_for_one_repository_says_nothing_about_the_registry() {
    let fixture = Fixture::new().await;
    let nowhere = format!("{}/no/such:v1", fixture.registry.host());
    let nowhere: ratify_oci::Reference = nowhere.parse().unwrap();
    let digest = &fixture.image.descriptor().digest;
    fixture.registry.fault(
        Match::path("/no/such/referrers"),
        Times::Always,
        Fault::Status(404),
    );
    let none = fixture
        .client
        .referrers(nowhere.repository(), digest, Some(SIGNATURE), patient())
        .await;
    assert!(none.unwrap().descriptors.is_empty());
    fixture.registry.clear_requests();
    assert_eq!(fixture.referrers().await.unwrap().source, Source::Api);
    assert_eq!(fixture.registry.requests().len(), 1);
}

#[tokio::test]
async fn a_registry_that_got_the_api_meanwhile_is_noticed() {
    let fixture = Fixture::without_api().await;
    fixture.referrers().await.unwrap();
    // The same port cannot be restarted with other settings: the API appears as a fault that tells the truth.
    let index = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media::OCI_INDEX,
        "manifests": [fixture.signature.referrer()],
    });
    let fresh = Digest::sha256(b"pushed after the upgrade");
    let path = || Match::path(format!("referrers/{fresh}"));
    fixture.registry.fault(
        path(),
        Times::Always,
        Fault::Redirect("/v2/x/manifests/upgraded".to_owned(), 307),
    );
    fixture
        .registry
        .push_manifest("x", Some("upgraded"), media::OCI_INDEX, index.to_string());
    for expected in [2, 1] {
        fixture.registry.clear_requests();
        let listed = fixture
            .client
            .referrers(&fixture.repository(), &fresh, Some(SIGNATURE), patient())
            .await
            .unwrap();
        assert_eq!((listed.descriptors.len(), listed.source), (1, Source::Api));
        let kinds = fixture.registry.requests();
        let listings = kinds
            .iter()
            .filter(|one| !one.path.starts_with("/v2/x/"))
            .count();
        assert_eq!(listings, expected);
    }
}

#[tokio::test]
async fn a_large_page_is_refused() {
    let mut options = options();
    options.limits.manifest = 2_000;
    let fixture = Fixture::with(Registry::builder(), options).await;
    fixture
        .registry
        .many_referrers(REPOSITORY, fixture.image.descriptor(), SIGNATURE, 50);
    let refused = fixture.referrers().await.unwrap_err();
    assert!(matches!(refused, Error::TooLarge { .. }), "{refused:?}");
    assert_eq!(
        refused.kind(),
        FailureKind::Unknown,
        "too large a list is not a rejected list"
    );
}

#[tokio::test]
async fn a_slow_listing_ends_with_the_deadline() {
    let fixture = Fixture::new().await;
    let slow = Fault::Latency(Duration::from_millis(60));
    fixture.registry.fault(Match::Any, Times::Always, slow);
    fixture
        .registry
        .fault(Match::Any, Times::Always, Fault::EndlessPages);
    let digest = &fixture.image.descriptor().digest;
    let late = fixture
        .client
        .referrers(&fixture.repository(), digest, Some(SIGNATURE), soon())
        .await;
    assert!(matches!(late, Err(Error::Timeout(_))), "{late:?}");
}
