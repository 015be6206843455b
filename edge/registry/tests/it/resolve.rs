//! What a reference means.

use ratify_oci::{ContentMismatch, Digest, DigestAlgorithm, media};
use ratify_registry::{Error, FailureKind, Malformation, Part};
use ratify_testkit::image::{Image, ImageIndex};
use ratify_testkit::registry::{Fault, Kind, Match, Times};

use crate::fixture::{Fixture, REPOSITORY, counts, patient};

#[tokio::test]
async fn n_d_04_the_descriptor_is_made_of_the_bytes() {
    let fixture = Fixture::new().await;
    for reference in [fixture.tagged(), fixture.pinned()] {
        let resolved = fixture.client.resolve(&reference, patient()).await.unwrap();
        assert_eq!(&resolved.descriptor, fixture.image.descriptor());
        assert_eq!(resolved.content.bytes(), &fixture.image.packed().bytes);
    }
    assert_eq!(fixture.client.counts(), counts(2, 0, 0, 0));
    let requests = fixture.registry.requests();
    assert!(requests.iter().all(|request| request.method == "GET"));
    let accept = requests[0].accept.clone().unwrap();
    assert!(media::MANIFESTS.iter().all(|one| accept.contains(one)));
    assert!(
        requests[0]
            .user_agent
            .as_ref()
            .unwrap()
            .starts_with("ratify/")
    );
}

#[tokio::test]
async fn indexes_and_docker_images_resolve() {
    let fixture = Fixture::new().await;
    let index = ImageIndex::new("multi");
    let docker = Image::docker("old");
    fixture.registry.push_index(REPOSITORY, "multi", &index);
    fixture.registry.push_image(REPOSITORY, "old", &docker);
    for (tag, descriptor) in [("multi", index.descriptor()), ("old", docker.descriptor())] {
        let reference = fixture.registry.tagged(REPOSITORY, tag).parse().unwrap();
        let resolved = fixture.client.resolve(&reference, patient()).await.unwrap();
        assert_eq!(&resolved.descriptor, descriptor);
    }
}

#[tokio::test]
async fn n_d_03_other_bytes_for_a_digest_are_refused() {
    let fixture = Fixture::new().await;
    fixture.registry.fault(
        Match::Kind(Kind::Manifest),
        Times::Always,
        Fault::WrongBytes,
    );
    for reference in [fixture.tagged(), fixture.pinned()] {
        let refused = fixture
            .client
            .resolve(&reference, patient())
            .await
            .unwrap_err();
        let mismatch = matches!(
            refused,
            Error::Mismatch {
                source: ContentMismatch::Digest { .. },
                part: Part::Manifest,
                ..
            }
        );
        assert!(mismatch, "{refused:?}");
        assert_eq!(refused.kind(), FailureKind::Content);
    }
}

#[tokio::test]
async fn a_registry_that_announces_no_digest_is_hashed_and_one_that_announces_nonsense_refused() {
    let fixture = Fixture::new().await;
    let header = "docker-content-digest".to_owned();
    fixture
        .registry
        .fault(Match::Any, Times::Once, Fault::NoHeader(header));
    let resolved = fixture
        .client
        .resolve(&fixture.tagged(), patient())
        .await
        .unwrap();
    assert_eq!(&resolved.descriptor, fixture.image.descriptor());

    fixture.registry.clear_faults();
    let sha512 = Digest::of(DigestAlgorithm::Sha512, &fixture.image.packed().bytes);
    let long = Fault::DigestHeader(sha512.to_string());
    fixture.registry.fault(Match::Any, Times::Once, long);
    let resolved = fixture
        .client
        .resolve(&fixture.tagged(), patient())
        .await
        .unwrap();
    assert_eq!(resolved.descriptor.digest, sha512);

    for nonsense in ["md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:12", "", "x"] {
        fixture.registry.clear_faults();
        let fault = Fault::DigestHeader(nonsense.to_owned());
        fixture.registry.fault(Match::Any, Times::Always, fault);
        let refused = fixture.client.resolve(&fixture.tagged(), patient()).await;
        let digest_header = matches!(
            refused,
            Err(Error::Malformed {
                source: Malformation::DigestHeader,
                ..
            })
        );
        assert!(digest_header, "{nonsense}: {refused:?}");
        fixture.resolve().await.unwrap(); // with a digest in hand the header says nothing
    }
}

#[tokio::test]
async fn att_35_the_type_that_is_served_must_be_the_type_of_the_bytes() {
    let fixture = Fixture::new().await;
    for served in [
        media::OCI_INDEX,
        media::DOCKER_MANIFEST,
        "text/html",
        "",
        "application/json",
    ] {
        fixture.registry.clear_faults();
        let fault = Fault::ContentType(served.to_owned());
        fixture.registry.fault(Match::Any, Times::Always, fault);
        let refused = fixture.resolve().await;
        assert!(
            matches!(
                refused,
                Err(Error::Malformed {
                    part: Part::Manifest,
                    ..
                })
            ),
            "{served}: {refused:?}"
        );
    }
    fixture.registry.clear_faults();
    let none = Fault::NoHeader("content-type".to_owned());
    fixture.registry.fault(Match::Any, Times::Once, none);
    assert!(matches!(
        fixture.resolve().await,
        Err(Error::Malformed { .. })
    ));
    let parameter = format!("{}; charset=utf-8", media::OCI_MANIFEST.to_uppercase());
    fixture
        .registry
        .fault(Match::Any, Times::Once, Fault::ContentType(parameter));
    assert_eq!(
        fixture.resolve().await.unwrap().descriptor.media_type,
        media::OCI_MANIFEST
    );
}

#[tokio::test]
async fn what_is_no_manifest_is_refused() {
    let fixture = Fixture::new().await;
    let bytes = b"{\"schemaVersion\":1}".to_vec();
    let other = fixture
        .registry
        .push_manifest(REPOSITORY, Some("odd"), media::OCI_MANIFEST, bytes);
    let reference = fixture.registry.pinned(REPOSITORY, &other).parse().unwrap();
    let refused = fixture.client.resolve(&reference, patient()).await;
    let manifest = matches!(
        refused,
        Err(Error::Malformed {
            source: Malformation::Manifest(_),
            ..
        })
    );
    assert!(manifest, "{refused:?}");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let fixture = Fixture::new().await;
    for missing in ["team/app:v2", "team/other:v1"] {
        let reference = format!("{}/{missing}", fixture.registry.host())
            .parse()
            .unwrap();
        let refused = fixture.client.resolve(&reference, patient()).await;
        assert!(
            matches!(
                refused,
                Err(Error::NotFound {
                    part: Part::Manifest,
                    ..
                })
            ),
            "{refused:?}"
        );
    }
}
