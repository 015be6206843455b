//! After 401 and 403 the same is not asked again at once; after 429 nobody asks.

use std::time::Duration;

use ratify_registry::{Client, Deadline, Error};
use ratify_testkit::registry::{Auth, Bearer, Fault, Match, Registry, Times};

use crate::fixture::{Fixture, basic, client_with, options, patient};

fn remembered(error: &Error) -> bool {
    match error {
        Error::Unauthorized { remembered, .. }
        | Error::Forbidden { remembered, .. }
        | Error::LoginWithheld { remembered, .. } => *remembered,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_403_is_answered_from_memory_for_the_same_repository() {
    let fixture = Fixture::new().await;
    fixture
        .registry
        .fault(Match::path("/team/app/"), Times::Always, Fault::Status(403));
    assert!(!remembered(&fixture.resolve().await.unwrap_err()));
    fixture.registry.clear_faults();
    for _ in 0..5 {
        let again = fixture.referrers().await.unwrap_err();
        assert!(remembered(&again), "{again}");
        assert!(again.to_string().contains("less than 10 s ago"), "{again}");
    }
    assert_eq!(fixture.registry.requests().len(), 1);

    // Whoever names a forbidden image must not shut out others.
    fixture
        .registry
        .push_image("other/app", "v1", &fixture.image);
    let other = fixture.registry.tagged("other/app", "v1").parse().unwrap();
    fixture.client.resolve(&other, patient()).await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_at_each_repository() {
    let fixture =
        Fixture::of(Registry::builder().auth(Auth::Bearer(Bearer::login("u", "p")))).await;
    let client = client_with(&fixture.registry, basic("u", "wrong"));
    for repository in ["a", "b", "c", "d"] {
        let reference = fixture.registry.tagged(repository, "v1").parse().unwrap();
        assert!(client.resolve(&reference, patient()).await.is_err());
    }
    assert_eq!(
        client.counts().token,
        1,
        "accounts are locked after a few wrong passwords"
    );
    let right = client_with(&fixture.registry, basic("u", "p"));
    right.resolve(&fixture.pinned(), patient()).await.unwrap();
}

#[tokio::test]
async fn the_pause_ends() {
    let mut options = options();
    options.refusal_pause = Duration::from_millis(1);
    let fixture = Fixture::with(Registry::builder(), options).await;
    fixture
        .registry
        .fault(Match::Any, Times::Once, Fault::Status(403));
    assert!(fixture.resolve().await.is_err());
    let resolved = async {
        while fixture.resolve().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), resolved)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_503_is_asked_four_times_and_a_503_that_passes_is_no_error() {
    let fixture = Fixture::new().await;
    fixture
        .registry
        .fault(Match::Any, Times::Always, Fault::Status(503));
    let failed = fixture.resolve().await.unwrap_err();
    assert!(
        matches!(failed, Error::ServerError { status, .. } if status.as_u16() == 503),
        "{failed:?}"
    );
    assert_eq!(fixture.registry.requests().len(), 4);
    fixture.registry.clear_faults();
    fixture.registry.clear_requests();
    fixture
        .registry
        .fault(Match::Any, Times::N(2), Fault::Status(503));
    fixture.resolve().await.unwrap();
    assert_eq!(fixture.registry.requests().len(), 3);
}

#[tokio::test]
async fn retry_after_a_day_gives_up_at_once_for_all() {
    let fixture = Fixture::new().await;
    let day = vec![("retry-after".to_owned(), "86400".to_owned())];
    fixture.registry.fault(
        Match::Any,
        Times::Always,
        Fault::StatusWithHeaders(429, day),
    );
    let start = tokio::time::Instant::now();
    for _ in 0..3 {
        let deadline = Deadline::after(Duration::from_secs(20));
        let limited = fixture
            .client
            .resolve(&fixture.pinned(), deadline)
            .await
            .unwrap_err();
        assert!(matches!(limited, Error::RateLimited(_)), "{limited:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(fixture.registry.requests().len(), 1);
}

#[tokio::test]
async fn a_429_that_passes_is_no_error() {
    let fixture = Fixture::new().await;
    let second = vec![("retry-after".to_owned(), "1".to_owned())];
    fixture.registry.fault(
        Match::Any,
        Times::Once,
        Fault::StatusWithHeaders(429, second),
    );
    fixture.resolve().await.unwrap();
    assert_eq!(fixture.registry.requests().len(), 2);
}

#[tokio::test]
async fn a_client_of_its_own_knows_nothing_of_others() {
    let fixture = Fixture::new().await;
    fixture
        .registry
        .fault(Match::Any, Times::Once, Fault::Status(403));
    assert!(fixture.resolve().await.is_err());
    let other = Client::new(options()).unwrap();
    other.resolve(&fixture.pinned(), patient()).await.unwrap();
}
