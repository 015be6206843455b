//! Many requests: shared work, deadlines, and what is remembered for whom.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use ratify_engine::{
    CacheOptions, Dispatcher, DispatcherOptions, Report, ScopeId, Snapshot, Stats, StoreError,
};
use ratify_oci::Reference;
use ratify_policy::ConfigPolicy;
use ratify_testkit::certs::{Authority, Chain};
use ratify_testkit::image::Image;
use ratify_testkit::time::NOW;
use ratify_verify::ReasonCode;
use tokio::time::{Instant, sleep};

use crate::fixture::told;
use crate::shelf::{Shelf, Statement, Trouble, snapshot};

const TTL: Duration = Duration::from_mins(5);
const PATIENCE: Duration = Duration::from_secs(2);
const REPOSITORY: &str = "team/app";

struct Scene {
    shelf: Shelf,
    root: Authority,
    signer: Chain,
    image: Image,
    dispatcher: Arc<Dispatcher>,
    snapshot: Arc<Snapshot>,
}

impl Scene {
    /// A signed image, everything remembered for five minutes.
    fn signed() -> Self {
        let scene = Self::of(DispatcherOptions {
            cache: Some(CacheOptions {
                ttl: TTL,
                bytes: 64 * 1024 * 1024,
            }),
            ..DispatcherOptions::default()
        });
        scene.shelf.sign(REPOSITORY, &scene.image, &scene.signer);
        scene
    }

    /// An unsigned image.
    fn of(options: DispatcherOptions) -> Self {
        let shelf = Shelf::default();
        let root = Authority::new("Acme Root");
        let signer = root.leaf("acme signer");
        let image = Image::new("app");
        shelf.push(REPOSITORY, "v1", &image);
        let all = [Statement::default()];
        let policy = ConfigPolicy::default();
        let snapshot = snapshot(&shelf, &root, &all, policy, ScopeId::unique());
        Self {
            shelf,
            root,
            signer,
            image,
            dispatcher: Arc::new(Dispatcher::new(options, None)),
            snapshot,
        }
    }

    fn under(&self, statements: &[Statement<'_>]) -> Arc<Snapshot> {
        let policy = ConfigPolicy::default();
        snapshot(
            &self.shelf,
            &self.root,
            statements,
            policy,
            ScopeId::unique(),
        )
    }

    fn tagged() -> Reference {
        format!("reg.example/{REPOSITORY}:v1").parse().unwrap()
    }

    fn pinned(&self) -> Reference {
        self.pinned_in(REPOSITORY)
    }

    fn pinned_in(&self, repository: &str) -> Reference {
        let digest = &self.image.descriptor().digest;
        format!("reg.example/{repository}@{digest}")
            .parse()
            .unwrap()
    }

    async fn ask(&self, reference: &Reference) -> Report {
        self.ask_at(&self.snapshot, reference, NOW).await
    }

    async fn ask_at(
        &self,
        snapshot: &Arc<Snapshot>,
        reference: &Reference,
        now: Timestamp,
    ) -> Report {
        let call = self.dispatcher.call(now, Instant::now() + PATIENCE);
        self.dispatcher.verify(snapshot, reference, &call).await
    }

    fn stats(&self) -> Stats {
        self.dispatcher.stats()
    }

    fn counts(&self) -> [usize; 3] {
        self.shelf.counts.read()
    }
}

#[tokio::test(start_paused = true)]
async fn att_25_a_verdict_is_remembered_by_digest_and_never_by_tag() {
    let scene = Scene::signed();
    let report = scene.ask(&Scene::tagged()).await;
    assert_eq!(
        (told(&report).as_str(), report.remembered),
        ("admit VERIFIED", false)
    );
    assert_eq!(scene.counts(), [1, 1, 2]);
    // by digest: known, and nothing is asked
    let report = scene.ask(&scene.pinned()).await;
    assert_eq!(
        (told(&report).as_str(), report.remembered),
        ("admit VERIFIED", true)
    );
    assert_eq!(report.reference, scene.pinned());
    assert_eq!(scene.counts(), [1, 1, 2]);

    // the tag moves to an unsigned image: as soon as the tag is looked up again the old verdict is of no use
    let other = Image::new("other");
    scene.shelf.push(REPOSITORY, "v1", &other);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(
        told(&scene.ask(&Scene::tagged()).await),
        "deny NO_SIGNATURE"
    );
    assert_eq!(told(&scene.ask(&scene.pinned()).await), "admit VERIFIED");
}

#[tokio::test(start_paused = true)]
async fn att_25_a_verdict_of_one_scope_or_repository_never_serves_another() {
    let scene = Scene::signed();
    assert_eq!(told(&scene.ask(&scene.pinned()).await), "admit VERIFIED");

    // another configuration, in which nobody is trusted to sign this
    let strict = scene.under(&[Statement {
        identity: "x509.subject: C=US, ST=WA, O=Other",
        ..Statement::default()
    }]);
    let report = scene.ask_at(&strict, &scene.pinned(), NOW).await;
    assert_eq!(told(&report), "deny IDENTITY_UNTRUSTED");
    // and it does not disturb the first
    assert!(scene.ask(&scene.pinned()).await.remembered);

    // the same digest in another repository, where it has no signature
    scene.shelf.push("other/app", "v1", &scene.image);
    let copy = scene.pinned_in("other/app");
    assert_eq!(told(&scene.ask(&copy).await), "deny NO_SIGNATURE");
}

#[tokio::test(start_paused = true)]
async fn att_25_a_signature_of_one_repository_is_judged_anew_in_another() {
    let scene = Scene::signed();
    scene.shelf.push("other/app", "v1", &scene.image);
    scene.shelf.sign("other/app", &scene.image, &scene.signer);
    let by_place = scene.under(&[
        Statement {
            scope: "reg.example/team/app",
            ..Statement::default()
        },
        Statement {
            scope: "reg.example/other/app",
            identity: "x509.subject: C=US, ST=WA, O=Other",
            ..Statement::default()
        },
    ]);
    let here = scene.ask_at(&by_place, &scene.pinned(), NOW).await;
    assert_eq!(told(&here), "admit VERIFIED");
    let there = scene
        .ask_at(&by_place, &scene.pinned_in("other/app"), NOW)
        .await;
    assert_eq!(told(&there), "deny IDENTITY_UNTRUSTED");
    assert_eq!(scene.stats().signature_hits, 0);
}

#[tokio::test(start_paused = true)]
async fn att_25_a_tag_of_one_scope_never_serves_another() {
    let scene = Scene::signed();
    let elsewhere = Shelf::default();
    let other = Image::new("other");
    elsewhere.push(REPOSITORY, "v1", &other);
    let all = [Statement::default()];
    let there = snapshot(
        &elsewhere,
        &scene.root,
        &all,
        ConfigPolicy::default(),
        ScopeId::unique(),
    );
    let call = scene.dispatcher.call(NOW, Instant::now() + PATIENCE);
    let mut digests = Vec::new();
    for snapshot in [&scene.snapshot, &there] {
        let found = scene
            .dispatcher
            .resolve(snapshot, &Scene::tagged(), &call)
            .await;
        digests.push(found.unwrap().digest);
    }
    assert_eq!(digests[0], scene.image.descriptor().digest);
    assert_eq!(digests[1], other.descriptor().digest);
}

#[tokio::test(start_paused = true)]
async fn att_46_a_verdict_ends_when_a_certificate_or_its_time_does() {
    let scene = Scene::signed();
    assert_eq!(told(&scene.ask(&scene.pinned()).await), "admit VERIFIED");
    let expired = NOW + SignedDuration::from_hours(24 * 365 * 100);
    let report = scene
        .ask_at(&scene.snapshot, &scene.pinned(), expired)
        .await;
    assert_eq!(told(&report), "deny CERTIFICATE_EXPIRED");
    // nor does it hold for a time before it was made
    let earlier = NOW - SignedDuration::from_hours(24 * 365 * 100);
    let report = scene
        .ask_at(&scene.snapshot, &scene.pinned(), earlier)
        .await;
    assert_eq!(told(&report), "deny CERTIFICATE_NOT_YET_VALID");
    // and what was said of that time says nothing of this one
    assert_eq!(told(&scene.ask(&scene.pinned()).await), "admit VERIFIED");
    // and `--cache-ttl` ends it too
    assert!(scene.ask(&scene.pinned()).await.remembered);
    sleep(TTL).await;
    assert!(!scene.ask(&scene.pinned()).await.remembered);
}

#[tokio::test(start_paused = true)]
async fn after_the_verdicts_time_only_listing_is_asked_again() {
    let scene = Scene::signed();
    scene.ask(&scene.pinned()).await;
    sleep(TTL).await;
    let [resolved, listed, fetched] = scene.counts();
    let report = scene.ask(&scene.pinned()).await;
    assert_eq!(told(&report), "admit VERIFIED");
    assert_eq!(report.findings[0].signer.as_ref().unwrap().subject, {
        let again = scene.ask(&scene.pinned()).await;
        again.findings[0].signer.as_ref().unwrap().subject.clone()
    });
    assert_eq!(scene.counts(), [resolved + 1, listed + 1, fetched]);
    assert_eq!(scene.stats().signature_hits, 1);
}

#[tokio::test(start_paused = true)]
async fn att_46_a_new_bad_signature_is_seen_when_the_verdict_is_made_anew() {
    let scene = Scene::signed();
    scene.ask(&scene.pinned()).await;
    let mallory = Authority::new("Mallory Root").leaf("acme signer");
    scene.shelf.sign(REPOSITORY, &scene.image, &mallory);
    sleep(TTL).await;
    assert_eq!(
        told(&scene.ask(&scene.pinned()).await),
        "deny SIGNER_UNTRUSTED"
    );
}

#[tokio::test(start_paused = true)]
async fn decision_1_what_could_not_be_told_is_asked_again() {
    let scene = Scene::signed();
    scene.shelf.trouble(Trouble::Down);
    for _ in 0..2 {
        let report = scene.ask(&scene.pinned()).await;
        assert_eq!(told(&report), "undecided REGISTRY_UNREACHABLE");
    }
    scene.shelf.trouble(Trouble::None);
    assert_eq!(told(&scene.ask(&scene.pinned()).await), "admit VERIFIED");
}

#[tokio::test(start_paused = true)]
async fn a_denial_is_not_remembered_longer_than_a_minute() {
    let scene = Scene::signed();
    let unsigned = Image::new("unsigned");
    scene.shelf.push("team/new", "v1", &unsigned);
    let reference: Reference = format!("reg.example/team/new@{}", unsigned.descriptor().digest)
        .parse()
        .unwrap();
    assert_eq!(told(&scene.ask(&reference).await), "deny NO_SIGNATURE");
    scene.shelf.sign("team/new", &unsigned, &scene.signer);
    assert_eq!(told(&scene.ask(&reference).await), "deny NO_SIGNATURE");
    sleep(Duration::from_mins(1)).await;
    assert_eq!(told(&scene.ask(&reference).await), "admit VERIFIED");
}

#[tokio::test(start_paused = true)]
async fn decision_4_an_acceptance_with_failures_lives_a_minute_at_most() {
    let scene = Scene::signed();
    // `audit` only logs that the signer is not trusted
    let audit = scene.under(&[Statement {
        level: "audit",
        identity: "x509.subject: C=US, ST=WA, O=Other",
        ..Statement::default()
    }]);
    let reference = scene.pinned();
    let first = scene.ask_at(&audit, &reference, NOW).await;
    assert_eq!(told(&first), "admit LOGGED_FAILURES");
    assert!(scene.ask_at(&audit, &reference, NOW).await.remembered);
    sleep(Duration::from_mins(1)).await;
    assert!(!scene.ask_at(&audit, &reference, NOW).await.remembered);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_remembered_when_nothing_may_be() {
    for cache in [
        None,
        Some(CacheOptions {
            ttl: Duration::ZERO,
            bytes: 1 << 20,
        }),
    ] {
        let scene = Scene::of(DispatcherOptions {
            cache,
            ..DispatcherOptions::default()
        });
        for round in 1..=2 {
            assert!(!scene.ask(&scene.pinned()).await.remembered);
            assert_eq!(scene.counts(), [round, round, 0]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_image_asked_for_at_once_is_judged_once() {
    let scene = Scene::signed();
    scene.shelf.delay(Duration::from_millis(100));
    let (tagged, pinned) = (Scene::tagged(), scene.pinned());
    let asked = (0..50).map(|number| scene.ask(if number % 2 == 0 { &tagged } else { &pinned }));
    for report in join_all(asked).await {
        assert_eq!(told(&report), "admit VERIFIED");
    }
    // once by tag, once by digest, side by side; listed and judged once
    assert_eq!(scene.counts(), [2, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn att_24_mutation_and_verification_share_one_look_at_the_tag() {
    let scene = Scene::signed();
    let call = scene.dispatcher.call(NOW, Instant::now() + PATIENCE);
    let tagged = Scene::tagged();
    let resolved = scene.dispatcher.resolve(&scene.snapshot, &tagged, &call);
    let digest = resolved.await.unwrap().digest;
    let mutated = tagged.repository().at(digest);
    assert_eq!(told(&scene.ask(&mutated).await), "admit VERIFIED");
    assert_eq!(scene.counts(), [1, 1, 2], "the mutation's look was enough");
}

#[tokio::test(start_paused = true)]
async fn att_48_at_once_under_different_policies() {
    let scene = Scene::signed();
    scene.shelf.delay(Duration::from_millis(20));
    let strict = scene.under(&[Statement {
        identity: "x509.subject: C=US, ST=WA, O=Other",
        ..Statement::default()
    }]);
    let reference = scene.pinned();
    let asked = (0..100).map(|number| {
        let snapshot = if number % 2 == 0 {
            &scene.snapshot
        } else {
            &strict
        };
        scene.ask_at(snapshot, &reference, NOW)
    });
    for (number, report) in join_all(asked).await.iter().enumerate() {
        let expected = ["admit VERIFIED", "deny IDENTITY_UNTRUSTED"][number % 2];
        assert_eq!(told(report), expected);
    }
    assert_eq!(scene.counts(), [2, 2, 4]);
}

#[tokio::test(start_paused = true)]
async fn att_49_an_answer_comes_at_the_deadline_and_the_work_goes_on() {
    let scene = Scene::signed();
    // four calls one after the other: longer than patience, shorter than what may outlive it
    scene.shelf.delay(Duration::from_millis(1_500));
    let begin = Instant::now();
    let report = scene.ask(&Scene::tagged()).await;
    assert_eq!(begin.elapsed(), PATIENCE);
    assert_eq!(told(&report), "undecided DEADLINE_EXCEEDED");
    let why = report.reason().unwrap().detail();
    assert!(
        why.contains("listing its signatures in registry `reg.example`"),
        "{why}"
    );
    assert_eq!(scene.stats().outliving, 1);

    sleep(Duration::from_secs(5)).await;
    let report = scene.ask(&scene.pinned()).await;
    assert_eq!(
        (told(&report).as_str(), report.remembered),
        ("admit VERIFIED", true)
    );
    let stats = scene.stats();
    assert_eq!(
        (stats.running, stats.outliving, stats.deadline_misses),
        (0, 0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn att_57_a_second_caller_survives_the_first_ones_leaving() {
    let scene = Scene::signed();
    scene.shelf.delay(Duration::from_millis(400));
    let reference = scene.pinned();
    let first = tokio::time::timeout(Duration::from_millis(100), scene.ask(&reference)).await;
    assert!(first.is_err(), "left");
    let stats = scene.stats();
    assert_eq!((stats.running, stats.outliving), (1, 1));
    let report = scene.ask(&reference).await;
    assert_eq!(told(&report), "admit VERIFIED");
    assert_eq!(scene.counts(), [1, 1, 2], "joined, not begun anew");
    assert_eq!(scene.stats().running, 0);
}

#[tokio::test(start_paused = true)]
async fn work_outlives_its_request_for_a_bounded_time() {
    let scene = Scene::signed();
    scene.shelf.delay(Duration::from_hours(1));
    let report = scene.ask(&scene.pinned()).await;
    assert_eq!(told(&report), "undecided DEADLINE_EXCEEDED");
    sleep(Duration::from_millis(9_900)).await;
    assert_eq!(scene.stats().outliving, 1);
    sleep(Duration::from_millis(200)).await;
    let stats = scene.stats();
    assert_eq!((stats.running, stats.outliving), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn att_49_ten_thousand_missed_deadlines_leave_nothing_behind() {
    let scene = Scene::signed();
    scene.shelf.delay(Duration::from_hours(1));
    let handle = tokio::runtime::Handle::current();
    for round in 0..10 {
        let references: Vec<Reference> = (0..1_000)
            .map(|number| {
                let image = Image::new(&format!("{round}-{number}"));
                let digest = &image.descriptor().digest;
                format!("reg.example/{REPOSITORY}@{digest}")
                    .parse()
                    .unwrap()
            })
            .collect();
        let call = scene.dispatcher.call(NOW, Instant::now() + PATIENCE);
        let asked = references
            .iter()
            .map(|one| scene.dispatcher.verify(&scene.snapshot, one, &call));
        for report in join_all(asked).await {
            assert_eq!(told(&report), "undecided DEADLINE_EXCEEDED");
        }
        let stats = scene.stats();
        assert!(stats.outliving <= 256 && stats.running <= 256, "{stats:?}");
    }
    assert_eq!(scene.stats().deadline_misses, 10_000);
    sleep(Duration::from_secs(11)).await;
    let stats = scene.stats();
    assert_eq!((stats.running, stats.outliving), (0, 0));
    tokio::task::yield_now().await;
    assert_eq!(handle.metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn att_21_a_panic_is_a_denial_that_is_counted_and_not_remembered() {
    let scene = Scene::signed();
    scene.shelf.trouble(Trouble::Panic);
    for reference in [scene.pinned(), Scene::tagged()] {
        assert_eq!(told(&scene.ask(&reference).await), "deny INTERNAL");
    }
    assert_eq!(scene.stats().panics, 2);
    scene.shelf.trouble(Trouble::None);
    assert_eq!(told(&scene.ask(&scene.pinned()).await), "admit VERIFIED");
}

#[tokio::test(start_paused = true)]
async fn one_request_has_a_bounded_number_of_calls_under_way() {
    let scene = Scene::of(DispatcherOptions {
        calls_per_request: 8,
        ..DispatcherOptions::default()
    });
    scene.shelf.delay(Duration::from_millis(1));
    let call = scene.dispatcher.call(NOW, Instant::now() + PATIENCE);
    let references: Vec<Reference> = (0..200)
        .map(|number| {
            let repository = format!("team/{number}");
            scene.shelf.push(&repository, "v1", &scene.image);
            scene.pinned_in(&repository)
        })
        .collect();
    let asked = references
        .iter()
        .map(|one| scene.dispatcher.verify(&scene.snapshot, one, &call));
    for report in join_all(asked).await {
        assert_eq!(told(&report), "deny NO_SIGNATURE");
    }
    assert_eq!(scene.shelf.counts.most_at_once.load(Ordering::SeqCst), 8);
}

#[tokio::test(start_paused = true)]
async fn after_the_end_nothing_is_begun() {
    let scene = Scene::signed();
    scene.shelf.delay(Duration::from_secs(1));
    let waiting = {
        let (dispatcher, snapshot, reference) = (
            Arc::clone(&scene.dispatcher),
            Arc::clone(&scene.snapshot),
            scene.pinned(),
        );
        tokio::spawn(async move {
            let call = dispatcher.call(NOW, Instant::now() + PATIENCE);
            dispatcher.verify(&snapshot, &reference, &call).await
        })
    };
    sleep(Duration::from_millis(10)).await;
    scene.dispatcher.stop().await;
    assert!(told(&waiting.await.unwrap()).starts_with("undecided "));
    assert!(told(&scene.ask(&scene.pinned()).await).starts_with("undecided "));
    let call = scene.dispatcher.call(NOW, Instant::now() + PATIENCE);
    let resolved = scene
        .dispatcher
        .resolve(&scene.snapshot, &Scene::tagged(), &call)
        .await;
    assert!(
        matches!(resolved, Err(StoreError::Unknown(why)) if why.code() == ReasonCode::Overloaded)
    );
}

#[tokio::test(start_paused = true)]
async fn memory_for_what_is_remembered_has_a_bound() {
    let bytes = 256 * 1024;
    let scene = Scene::of(DispatcherOptions {
        cache: Some(CacheOptions { ttl: TTL, bytes }),
        ..DispatcherOptions::default()
    });
    for number in 0..2_000 {
        let repository = format!("team/{number}");
        scene.shelf.push(&repository, "v1", &scene.image);
        scene.ask(&scene.pinned_in(&repository)).await;
    }
    let stats = scene.stats();
    assert!(
        stats.remembered > 10 && stats.remembered_bytes <= bytes,
        "{stats:?}"
    );
}
