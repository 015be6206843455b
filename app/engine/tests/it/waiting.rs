//! The answer comes at the deadline, and a defect is a denial.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use ratify_engine::{
    Deadline, Engine, Limits, Listing, Progress, ScopeId, Snapshot, Store, StoreError,
};
use ratify_oci::{Descriptor, Digest, Reference, Repository};
use ratify_policy::{ConfigPolicy, Requirement};
use ratify_testkit::registry::{Fault, Kind, Match, Times};
use ratify_testkit::time::NOW;
use ratify_verify::{Answer, Need, Reason, ReasonCode};
use tokio::time::Instant;

use crate::fixture::{Fixture, told};

#[tokio::test]
async fn att_49_a_stalled_registry_is_undecided_at_the_deadline() {
    for kind in [Kind::Manifest, Kind::Referrers, Kind::Blob] {
        let mut fixture = Fixture::signed().await;
        fixture.patience = Duration::from_millis(300);
        fixture
            .registry
            .fault(Match::Kind(kind), Times::Always, Fault::Stall);
        let begin = Instant::now();
        let told = told(&fixture.verify().await);
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "the deadline was 300 ms"
        );
        assert!(
            ["undecided REGISTRY_TIMEOUT", "undecided DEADLINE_EXCEEDED"].contains(&told.as_str()),
            "{kind:?}: {told}"
        );
    }
}

#[tokio::test]
async fn any_admits_with_an_acceptance_in_hand_though_another_signature_stalls() {
    let mut fixture = Fixture::signed().await.requirement(Requirement::Any);
    fixture.patience = Duration::from_millis(500);
    let stalled = fixture.attach(b"{}");
    fixture.registry.fault(
        Match::path(stalled.descriptor().digest.to_string()),
        Times::Always,
        Fault::Stall,
    );
    assert_eq!(told(&fixture.verify().await), "admit VERIFIED");
    let all = fixture.requirement(Requirement::All);
    assert!(told(&all.verify().await).starts_with("undecided"));
}

#[tokio::test]
async fn progress_is_told_in_order() {
    let fixture = Fixture::signed().await;
    fixture.attach(b"{}");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = {
        let seen = Arc::clone(&seen);
        move |progress| seen.lock().unwrap().push(progress)
    };
    let deadline = Instant::now() + fixture.patience;
    fixture
        .engine()
        .verify(&fixture.pinned(), NOW, deadline, &sink)
        .await;
    let digest = fixture.image.descriptor().digest.clone();
    let expected = [
        Progress::Resolved(digest),
        Progress::Listed(2),
        Progress::Judged,
        Progress::Judged,
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// A store in which one part fails as told.
struct Broken {
    subject: Descriptor,
    listing: Result<Listing, StoreError>,
}

impl Store for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn resolve<'a>(
        &'a self,
        _: &'a Reference,
        _: Deadline,
    ) -> BoxFuture<'a, Result<Descriptor, StoreError>> {
        let subject = self.subject.clone();
        async move { Ok(subject) }.boxed()
    }

    fn referrers<'a>(
        &'a self,
        _: &'a Repository,
        _: &'a Digest,
        _: Option<&'a str>,
        _: Deadline,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        let listing = self.listing.clone();
        async move { listing }.boxed()
    }

    fn fetch<'a>(&'a self, _: &'a Repository, _: &'a Need, _: Deadline) -> BoxFuture<'a, Answer> {
        async { panic!("a defect, made on purpose") }.boxed()
    }
}

async fn told_with(fixture: &Fixture, broken: Broken) -> String {
    let engine = fixture.engine();
    let known = engine.snapshot();
    let stores: Vec<Arc<dyn Store>> = vec![Arc::new(broken)];
    let policy = ConfigPolicy::default();
    let snapshot = Snapshot::new(
        known.verifiers().to_vec(),
        stores,
        policy,
        Limits::default(),
        ScopeId::unique(),
    )
    .unwrap();
    let deadline = Instant::now() + fixture.patience;
    let engine = Engine::new(Arc::new(snapshot));
    told(
        &engine
            .verify(&fixture.pinned(), NOW, deadline, &|_| {})
            .await,
    )
}

#[tokio::test]
async fn att_21_a_panic_is_a_denial() {
    let fixture = Fixture::signed().await;
    let subject = fixture.image.descriptor().clone();
    let referrers = vec![fixture.sign().referrer()];
    let listing = Ok(Listing {
        referrers,
        over_budget: None,
    });
    assert_eq!(
        told_with(&fixture, Broken { subject, listing }).await,
        "deny INTERNAL"
    );
}

#[tokio::test]
async fn att_27_a_failed_listing_is_never_unsigned() {
    let fixture = Fixture::signed().await;
    let subject = fixture.image.descriptor().clone();
    let listing = Err(StoreError::Unknown(Reason::new(
        ReasonCode::RegistryForbidden,
        "no",
    )));
    assert_eq!(
        told_with(&fixture, Broken { subject, listing }).await,
        "undecided REGISTRY_FORBIDDEN"
    );
}
