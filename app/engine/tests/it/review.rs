//! What shared and remembered work must not do: answer for another time, another digest or another caller's patience.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, join_all};
use jiff::{SignedDuration, Timestamp};
use ratify_engine::{
    CacheOptions, Deadline, Dispatcher, DispatcherOptions, Limits, Listing, Report, ScopeId,
    Snapshot, Store, StoreError,
};
use ratify_oci::{Descriptor, Digest, Reference, Repository};
use ratify_policy::{ConfigPolicy, Requirement};
use ratify_testkit::certs::{Authority, Chain};
use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::Image;
use ratify_testkit::time::{NOW, now_plus, now_plus_days};
use ratify_verify::{Answer, Need};
use tokio::time::{Instant, sleep};

use crate::fixture::told;
use crate::shelf::{Shelf, Statement, snapshot};

const REPOSITORY: &str = "team/app";
const TTL: Duration = Duration::from_mins(5);
const PATIENCE: Duration = Duration::from_secs(2);

/// A shelf with oddities.
#[derive(Clone, Default)]
struct Odd {
    shelf: Shelf,
    /// What every reference resolves to.
    always: Arc<Mutex<Option<Descriptor>>>,
    /// What is listed for every image, too.
    more: Arc<Mutex<Vec<Descriptor>>>,
    /// How many fetches are a defect of this program.
    defects: Arc<AtomicUsize>,
}

impl Store for Odd {
    fn name(&self) -> &'static str {
        "odd"
    }

    fn resolve<'a>(
        &'a self,
        reference: &'a Reference,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<Descriptor, StoreError>> {
        let always = self.always.lock().unwrap().clone();
        async move {
            let found = self.shelf.resolve(reference, deadline).await;
            always.map_or(found, Ok)
        }
        .boxed()
    }

    fn referrers<'a>(
        &'a self,
        repository: &'a Repository,
        subject: &'a Digest,
        artifact_type: Option<&'a str>,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        let more = self.more.lock().unwrap().clone();
        async move {
            let listing = self
                .shelf
                .referrers(repository, subject, artifact_type, deadline);
            let mut listing = listing.await?;
            listing.referrers.extend(more);
            Ok(listing)
        }
        .boxed()
    }

    fn fetch<'a>(
        &'a self,
        repository: &'a Repository,
        need: &'a Need,
        deadline: Deadline,
    ) -> BoxFuture<'a, Answer> {
        let left = |left: usize| left.checked_sub(1);
        let defect = self
            .defects
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left);
        assert!(defect.is_err(), "a defect, made on purpose");
        self.shelf.fetch(repository, need, deadline)
    }
}

struct Scene {
    odd: Odd,
    signer: Chain,
    image: Image,
    dispatcher: Dispatcher,
    snapshot: Arc<Snapshot>,
}

impl Scene {
    fn new() -> Self {
        Self::of(Requirement::All, DispatcherOptions::default(), 64 << 20)
    }

    fn of(requirement: Requirement, options: DispatcherOptions, bytes: u64) -> Self {
        let odd = Odd::default();
        let root = Authority::new("Acme Root");
        let image = Image::new("app");
        odd.shelf.push(REPOSITORY, "v1", &image);
        let policy = ConfigPolicy::new(BTreeMap::new(), requirement);
        let all = [Statement::default()];
        let plain = snapshot(&odd.shelf, &root, &all, policy.clone(), ScopeId::unique());
        let stores: Vec<Arc<dyn Store>> = vec![Arc::new(odd.clone())];
        let snapshot = Snapshot::new(
            plain.verifiers().to_vec(),
            stores,
            policy,
            Limits::default(),
            ScopeId::unique(),
        );
        let cache = Some(CacheOptions { ttl: TTL, bytes });
        let options = DispatcherOptions { cache, ..options };
        Self {
            odd,
            signer: root.leaf("acme signer"),
            image,
            dispatcher: Dispatcher::new(options, None),
            snapshot: Arc::new(snapshot.unwrap()),
        }
    }

    fn sign(&self) {
        self.odd.shelf.sign(REPOSITORY, &self.image, &self.signer);
    }

    fn sign_until(&self, expiry: Timestamp) {
        let target = self.image.descriptor();
        let envelope = Envelope::new(Format::Jws, &self.signer, target).expiry(expiry);
        self.odd
            .shelf
            .attach(REPOSITORY, &self.image, &envelope.build());
    }

    fn tagged() -> Reference {
        let registry = "reg.example";
        format!("{registry}/{REPOSITORY}:v1").parse().unwrap()
    }

    fn pinned(&self) -> Reference {
        let digest = self.image.descriptor().digest.clone();
        Self::tagged().repository().at(digest)
    }

    async fn ask(&self, reference: &Reference) -> Report {
        self.ask_at(reference, NOW).await
    }

    async fn ask_at(&self, reference: &Reference, now: Timestamp) -> Report {
        let call = self.dispatcher.call(now, Instant::now() + PATIENCE);
        self.dispatcher
            .verify(&self.snapshot, reference, &call)
            .await
    }
}

#[tokio::test(start_paused = true)]
async fn att_25_joined_work_never_answers_for_a_time_at_which_its_signature_has_expired() {
    let scene = Scene::new();
    scene.sign_until(now_plus(5));
    scene.odd.shelf.delay(Duration::from_millis(100));
    let reference = scene.pinned();
    let [before, at, after] = [4, 5, 6].map(|seconds| scene.ask_at(&reference, now_plus(seconds)));
    let (before, at, after) = futures::join!(before, at, after);
    assert_eq!(told(&before), "admit VERIFIED");
    assert_eq!(told(&at), "deny SIGNATURE_EXPIRED");
    assert_eq!(told(&after), "deny SIGNATURE_EXPIRED");
}

#[tokio::test(start_paused = true)]
async fn joined_work_of_a_clock_that_was_set_back_meanwhile_is_done_anew() {
    let scene = Scene::new();
    scene.sign();
    scene.odd.shelf.delay(Duration::from_millis(100));
    let reference = scene.pinned();
    let (wrong, right) = futures::join!(
        scene.ask_at(&reference, now_plus_days(100 * 365)),
        scene.ask(&reference)
    );
    assert_eq!(told(&wrong), "deny CERTIFICATE_EXPIRED");
    assert_eq!(told(&right), "admit VERIFIED");
    // requests that merely overlap share the work, whichever is the older
    let listed = scene.odd.shelf.counts.read()[1];
    let scene = Scene::new();
    scene.sign();
    scene.odd.shelf.delay(Duration::from_millis(100));
    let both = [2, 0].map(|seconds| scene.ask_at(&reference, now_plus(seconds)));
    for report in join_all(both).await {
        assert_eq!(told(&report), "admit VERIFIED");
    }
    assert_eq!((listed, scene.odd.shelf.counts.read()[1]), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn att_57_work_that_ended_without_its_first_callers_patience_is_done_anew_for_the_next() {
    for by_tag in [false, true] {
        let scene = Scene::new();
        scene.sign();
        scene.odd.shelf.delay(Duration::from_hours(1));
        let reference = if by_tag {
            Scene::tagged()
        } else {
            scene.pinned()
        };
        let first = scene.ask(&reference).await;
        assert_eq!(told(&first), "undecided DEADLINE_EXCEEDED");
        sleep(Duration::from_secs(9)).await;
        assert_eq!(scene.dispatcher.stats().outliving, 1);
        // the registry is well again, but for the call that is stuck
        scene.odd.shelf.delay(Duration::from_millis(10));
        let second = scene.ask(&reference).await;
        assert_eq!(told(&second), "admit VERIFIED", "by tag: {by_tag}");
    }
}

#[tokio::test(start_paused = true)]
async fn decision_1_a_registry_that_stays_away_is_asked_by_one_more_piece_of_work_and_not_for_ever()
{
    let scene = Scene::new();
    scene.odd.shelf.delay(Duration::from_hours(1));
    let reference = Scene::tagged();
    scene.ask(&reference).await;
    sleep(Duration::from_secs(9)).await;
    let begin = Instant::now();
    let second = scene.ask(&reference).await;
    assert_eq!(told(&second), "undecided DEADLINE_EXCEEDED");
    assert_eq!(begin.elapsed(), PATIENCE);
    assert_eq!(scene.odd.shelf.counts.read(), [2, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn nobody_asks_a_store_when_the_work_is_at_its_end() {
    let options = DispatcherOptions {
        calls_per_request: 1,
        ..DispatcherOptions::default()
    };
    let scene = Scene::of(Requirement::All, options, 64 << 20);
    scene.odd.shelf.delay(Duration::from_hours(1));
    let call = scene.dispatcher.call(NOW, Instant::now() + PATIENCE);
    let references: Vec<Reference> = (0..5)
        .map(|number| format!("reg.example/team/{number}:v1").parse().unwrap())
        .collect();
    let asked = references
        .iter()
        .map(|one| scene.dispatcher.resolve(&scene.snapshot, one, &call));
    for resolved in join_all(asked).await {
        assert!(matches!(resolved, Err(StoreError::Unknown(_))));
    }
    sleep(Duration::from_secs(11)).await;
    assert_eq!(scene.dispatcher.stats().running, 0);
    assert_eq!(scene.odd.shelf.counts.read(), [1, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_denial_that_a_defect_had_a_part_in_is_not_remembered() {
    let scene = Scene::of(Requirement::Any, DispatcherOptions::default(), 64 << 20);
    scene.sign();
    let mallory = Authority::new("Mallory Root").leaf("acme signer");
    scene.odd.shelf.sign(REPOSITORY, &scene.image, &mallory);
    // the first that is listed is the good one
    scene.odd.defects.store(1, Ordering::SeqCst);
    let reference = scene.pinned();
    assert_eq!(told(&scene.ask(&reference).await), "deny SIGNER_UNTRUSTED");
    assert_eq!(told(&scene.ask(&reference).await), "admit VERIFIED");
}

#[tokio::test(start_paused = true)]
async fn att_24_a_store_that_finds_something_else_under_a_digest_is_not_believed() {
    let scene = Scene::new();
    let good = Image::new("good");
    scene.odd.shelf.sign(REPOSITORY, &good, &scene.signer);
    *scene.odd.always.lock().unwrap() = Some(good.descriptor().clone());
    let subject = good.descriptor().digest.clone();
    let tagged = Scene::tagged();
    let shelf = &scene.odd.shelf;
    let deadline = Deadline::after(PATIENCE);
    let signatures = shelf.referrers(tagged.repository(), &subject, None, deadline);
    *scene.odd.more.lock().unwrap() = signatures.await.unwrap().referrers;
    let report = scene.ask(&scene.pinned()).await;
    assert_eq!(told(&report), "deny SUBJECT_UNUSABLE");
    let call = scene.dispatcher.call(NOW, Instant::now() + PATIENCE);
    let resolved = scene
        .dispatcher
        .resolve(&scene.snapshot, &scene.pinned(), &call)
        .await;
    assert!(matches!(resolved, Err(StoreError::Definitive(_))));
}

#[tokio::test(start_paused = true)]
async fn a_verdict_ends_by_the_clock_on_the_wall_too() {
    // the clock that never jumps stands still while a machine sleeps
    let scene = Scene::new();
    scene.sign();
    let reference = scene.pinned();
    assert!(!scene.ask(&reference).await.remembered);
    assert!(scene.ask_at(&reference, now_plus(60)).await.remembered);
    let later = NOW + SignedDuration::from_hours(1);
    assert!(!scene.ask_at(&reference, later).await.remembered);
}

#[tokio::test(start_paused = true)]
async fn after_the_end_nothing_outlives() {
    let scene = Scene::new();
    scene.odd.shelf.delay(Duration::from_hours(1));
    scene.ask(&scene.pinned()).await;
    assert_eq!(scene.dispatcher.stats().outliving, 1);
    scene.dispatcher.stop().await;
    let stats = scene.dispatcher.stats();
    assert_eq!((stats.running, stats.outliving), (0, 0));
}
