//! Decision 5: what each HTTP answer means. One row, one test.

use ratify_registry::{Client, Error, FailureKind, Part, Source};
use ratify_testkit::registry::{Fault, Kind, Match, Registry, Times};

use crate::fixture::{Fixture, SIGNATURE, options, patient, soon};

#[tokio::test]
async fn decision_5_subject_404_is_not_found() {
    let fixture = Fixture::new().await;
    fixture
        .registry
        .delete("team/app", fixture.image.descriptor());
    let missing = fixture.resolve().await.unwrap_err();
    assert!(
        matches!(
            missing,
            Error::NotFound {
                part: Part::Manifest,
                ..
            }
        ),
        "{missing:?}"
    );
}

#[tokio::test]
async fn decision_5_referrers_404_400_405_means_tag_schema() {
    for status in [404, 400, 405] {
        let fixture = Fixture::without_api().await;
        fixture.registry.fault(
            Match::Kind(Kind::Referrers),
            Times::Always,
            Fault::Status(status),
        );
        let listed = fixture.referrers().await.unwrap();
        assert_eq!(listed.source, Source::TagSchema, "{status}");
        assert_eq!(listed.descriptors, [fixture.signature.referrer()]);
    }
}

#[tokio::test]
async fn decision_5_fallback_tag_404_means_none() {
    let fixture = Fixture::without_api().await;
    fixture.registry.fault(
        Match::Kind(Kind::ReferrersTag),
        Times::Always,
        Fault::Status(404),
    );
    let listed = fixture.referrers().await.unwrap();
    assert!(listed.descriptors.is_empty());
}

/// 401, 403, 429, 5xx and silence, at each place where they could be taken for an absence.
#[tokio::test]
async fn decision_5_refusals_and_failures_anywhere_are_unknown() {
    let (with_api, without) = (Fixture::new().await, Fixture::without_api().await);
    let day = vec![("retry-after".to_owned(), "86400".to_owned())];
    for (fixture, kind) in [
        (&with_api, Kind::Manifest),
        (&with_api, Kind::Referrers),
        (&without, Kind::ReferrersTag),
        (&with_api, Kind::Blob),
    ] {
        for (fault, expected) in [
            (Fault::Status(401), "unauthorized"),
            (Fault::Status(403), "forbidden"),
            (Fault::StatusWithHeaders(429, day.clone()), "limited"),
            (Fault::Status(500), "server"),
            (Fault::Status(502), "server"),
            (Fault::Status(503), "server"),
            (Fault::Status(599), "server"),
            (Fault::Status(402), "unexpected"),
            (Fault::Status(204), "unexpected"),
            (Fault::Status(304), "unexpected"),
            (Fault::Reset, "broken"),
            (Fault::Truncate(3), "broken"),
            (Fault::Stall, "late"),
        ] {
            let place = Match::Kind(kind);
            fixture.registry.clear_faults();
            fixture.registry.fault(place, Times::Always, fault.clone());
            let Some(failed) = ask(fixture, kind, fault == Fault::Stall).await else {
                panic!("{fault:?} at {kind:?} was taken for an answer")
            };
            assert_eq!(meaning(&failed), expected, "{fault:?} at {kind:?}");
            assert_eq!(failed.kind(), FailureKind::Unknown, "{fault:?} at {kind:?}");
        }
    }
}

/// Ask by a client that remembers nothing.
async fn ask(fixture: &Fixture, kind: Kind, briefly: bool) -> Option<Error> {
    let client = Client::new(options()).unwrap();
    let deadline = if briefly { soon() } else { patient() };
    let repository = fixture.repository();
    let digest = &fixture.image.descriptor().digest;
    let wanted = Some(SIGNATURE);
    match kind {
        Kind::Manifest => client.resolve(&fixture.pinned(), deadline).await.err(),
        Kind::Blob => {
            let blob = client.blob(&repository, fixture.layer(), 4096, deadline);
            blob.await.err()
        }
        _ => {
            let listed = client.referrers(&repository, digest, wanted, deadline);
            listed.await.err()
        }
    }
}

fn meaning(error: &Error) -> &'static str {
    match error {
        Error::Unauthorized { .. } => "unauthorized",
        Error::Forbidden { .. } => "forbidden",
        Error::RateLimited(_) => "limited",
        Error::ServerError { .. } => "server",
        Error::UnexpectedStatus { .. } => "unexpected",
        Error::Broken(_) => "broken",
        Error::Timeout(_) => "late",
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn decision_5_nobody_listening_is_unknown() {
    let fixture = Fixture::new().await;
    let (reference, client) = (fixture.pinned(), fixture.client.clone());
    fixture.registry.stop().await;
    let refused = client.resolve(&reference, patient()).await.unwrap_err();
    assert!(matches!(refused, Error::Connect(_)), "{refused:?}");
    assert_eq!(refused.kind(), FailureKind::Unknown);
}

#[tokio::test]
async fn decision_5_listing_of_the_wrong_type_or_broken_json_is_unknown() {
    for (builder, kind) in [
        (Registry::builder(), Kind::Referrers),
        (Registry::builder().referrers_api(false), Kind::ReferrersTag),
    ] {
        let fixture = Fixture::of(builder).await;
        for fault in [
            Fault::ContentType("application/json".into()),
            Fault::ContentType("text/html".into()),
            Fault::ContentType("application/vnd.oci.image.manifest.v1+json".into()),
            Fault::NoHeader("content-type".into()),
            Fault::OtherBytes(b"{".to_vec()),
            Fault::OtherBytes(b"<html>".to_vec()),
            Fault::OtherBytes(b"[]".to_vec()),
            Fault::OtherBytes(b"{}".to_vec()),
            Fault::OtherBytes(Vec::new()),
            Fault::OtherBytes(br#"{"schemaVersion":2,"manifests":[{"size":-1}]}"#.to_vec()),
        ] {
            fixture.registry.clear_faults();
            fixture
                .registry
                .fault(Match::Kind(kind), Times::Always, fault.clone());
            let refused = fixture.referrers().await;
            let Err(
                error @ Error::Malformed {
                    part: Part::Listing,
                    ..
                },
            ) = refused
            else {
                panic!("{fault:?}: {refused:?}")
            };
            assert_eq!(error.kind(), FailureKind::Unknown);
        }
    }
}
