//! Manifests and blobs: whatever the registry sends, only the right bytes come through.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ratify_oci::{ContentMismatch, Descriptor, Digest, media};
use ratify_registry::{Error, FailureKind, Malformation, Part};
use ratify_testkit::registry::{Fault, Kind, Match, Times};

use crate::fixture::{ENVELOPE, Fixture, counts, patient, soon};

#[tokio::test]
async fn requests_are_counted_exactly() {
    let fixture = Fixture::new().await;
    fixture.everything().await.unwrap();
    assert_eq!(fixture.client.counts(), counts(2, 1, 1, 0));
    assert_eq!(fixture.client.counts().total(), 4);
    assert_eq!(fixture.registry.requests().len(), 4);
    assert_eq!(
        fixture.registry.connections(),
        1,
        "the connection is used again"
    );
}

#[tokio::test]
async fn att_02_lies_about_content_are_refused() {
    let fixture = Fixture::new().await;
    for (fault, part) in [
        (Fault::WrongBytes, "digest"),
        (Fault::OtherBytes(b"{}".to_vec()), "size"),
        (Fault::OtherBytes(Vec::new()), "size"),
        (Fault::ExtraByte, "large"),
        (Fault::EndlessBody, "large"),
    ] {
        for kind in [Kind::Manifest, Kind::Blob] {
            fixture.registry.clear_faults();
            fixture
                .registry
                .fault(Match::Kind(kind), Times::Always, fault.clone());
            let refused = if kind == Kind::Manifest {
                fixture.manifest(fixture.signature.descriptor()).await
            } else {
                fixture.blob(fixture.layer()).await
            };
            let refused = refused.unwrap_err();
            let found = match &refused {
                Error::Mismatch {
                    source: ContentMismatch::Digest { .. },
                    ..
                } => "digest",
                Error::Mismatch {
                    source: ContentMismatch::Size { .. },
                    ..
                } => "size",
                Error::TooLarge { limit, .. } if limit.of == "its announced size" => "large",
                other => panic!("{other:?}"),
            };
            assert_eq!(found, part, "{fault:?} of {kind:?}");
            assert_eq!(refused.kind(), FailureKind::Content);
        }
    }
}

#[tokio::test]
async fn att_16_a_descriptor_that_lies_about_the_size() {
    let fixture = Fixture::new().await;
    let mut layer = fixture.layer().clone();
    layer.size -= 1;
    assert!(matches!(
        fixture.blob(&layer).await,
        Err(Error::TooLarge { .. })
    ));
    layer.size += 2;
    assert!(matches!(
        fixture.blob(&layer).await,
        Err(Error::Mismatch { .. })
    ));
    let asked = fixture.registry.requests().len();
    layer.size = 4097;
    let refused = fixture.blob(&layer).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .ends_with("limit for blobs of 4096 bytes"),
        "{refused}"
    );
    let mut manifest = fixture.signature.descriptor().clone();
    manifest.size = 4 * 1024 * 1024 + 1;
    let refused = fixture.manifest(&manifest).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .ends_with("limit for manifests of 4194304 bytes"),
        "{refused}"
    );
    assert_eq!(refused.kind(), FailureKind::Content);
    assert_eq!(
        fixture.registry.requests().len(),
        asked,
        "refused without a request"
    );
}

#[tokio::test]
async fn att_35_a_manifest_of_another_type_than_its_descriptor_is_refused() {
    let fixture = Fixture::new().await;
    let mut descriptor = fixture.signature.descriptor().clone();
    media::OCI_INDEX.clone_into(&mut descriptor.media_type);
    let refused = fixture.manifest(&descriptor).await;
    let other_type = matches!(
        refused,
        Err(Error::Malformed {
            source: Malformation::ContentType { .. },
            part: Part::Manifest,
            ..
        })
    );
    assert!(other_type, "{refused:?}");
    "no header\nvalue".clone_into(&mut descriptor.media_type);
    assert!(matches!(
        fixture.manifest(&descriptor).await,
        Err(Error::Malformed { .. })
    ));
}

#[tokio::test]
async fn embedded_data_saves_the_request_and_is_checked_like_fetched_bytes() {
    let fixture = Fixture::new().await;
    let with = |data: &str| Descriptor {
        data: Some(data.to_owned()),
        ..fixture.layer().clone()
    };
    let good = fixture
        .blob(&with(&STANDARD.encode(ENVELOPE)))
        .await
        .unwrap();
    assert_eq!(good.bytes(), ENVELOPE);
    let other = STANDARD.encode(br#"{"an":"envelopE"}"#);
    assert!(matches!(
        fixture.blob(&with(&other)).await,
        Err(Error::Mismatch { .. })
    ));
    for (data, size) in [(STANDARD.encode(b"{}"), 2), (String::new(), 0)] {
        let mut descriptor = with(&data);
        assert!(matches!(
            fixture.blob(&descriptor).await,
            Err(Error::Mismatch { .. })
        ));
        descriptor.size = size;
        assert!(matches!(
            fixture.blob(&descriptor).await,
            Err(Error::Mismatch { .. })
        ));
    }
    let broken = fixture.blob(&with("!!!")).await;
    let is_broken = matches!(
        broken,
        Err(Error::Malformed {
            source: Malformation::EmbeddedData,
            ..
        })
    );
    assert!(is_broken, "{broken:?}");
    let manifest = Descriptor {
        data: Some(STANDARD.encode(&fixture.signature.packed().bytes)),
        ..fixture.signature.descriptor().clone()
    };
    fixture.manifest(&manifest).await.unwrap();
    assert_eq!(fixture.client.counts().total(), 0);
}

#[tokio::test]
async fn a_listed_manifest_or_blob_that_is_gone_is_a_rejected_candidate() {
    let fixture = Fixture::new().await;
    let mut descriptor = fixture.layer().clone();
    descriptor.digest = Digest::sha256(b"other");
    for gone in [
        fixture.blob(&descriptor).await,
        fixture.manifest(&descriptor).await,
    ] {
        let gone = gone.unwrap_err();
        assert!(matches!(gone, Error::NotFound { .. }), "{gone:?}");
        assert_eq!(gone.kind(), FailureKind::Content);
    }
}

#[tokio::test]
async fn truncated_and_stalled_bodies_are_unknown() {
    let fixture = Fixture::new().await;
    for fault in [Fault::Truncate(5), Fault::Reset] {
        fixture.registry.clear_faults();
        fixture.registry.clear_requests();
        fixture.registry.fault(Match::Any, Times::Always, fault);
        let broken = fixture.blob(fixture.layer()).await.unwrap_err();
        assert!(matches!(broken, Error::Broken(_)), "{broken:?}");
        assert_eq!(broken.kind(), FailureKind::Unknown);
        assert_eq!(
            fixture.registry.requests().len(),
            4,
            "asked again three times"
        );
    }
    for fault in [Fault::Stall, Fault::StallBody(5)] {
        fixture.registry.clear_faults();
        fixture.registry.fault(Match::Any, Times::Always, fault);
        let repository = fixture.repository();
        let late = fixture
            .client
            .blob(&repository, fixture.layer(), 4096, soon())
            .await;
        let late = late.unwrap_err();
        assert!(matches!(late, Error::Timeout(_)), "{late:?}");
        assert_eq!(late.kind(), FailureKind::Unknown);
    }
    fixture.registry.clear_faults();
    fixture
        .registry
        .fault(Match::Any, Times::Once, Fault::Reset);
    let repository = fixture.repository();
    let healed = fixture
        .client
        .blob(&repository, fixture.layer(), 4096, patient())
        .await;
    assert_eq!(healed.unwrap().bytes(), ENVELOPE);
}
