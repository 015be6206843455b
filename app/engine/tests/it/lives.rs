//! How long what is remembered lives: by both clocks, never beyond what it rests on, and not at all if it rests on nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;
use ratify_engine::Report;
use ratify_policy::Requirement;
use ratify_testkit::certs::Authority;
use ratify_testkit::time::{NOW, now_plus, now_plus_days};
use tokio::time::sleep;

use crate::fixture::told;
use crate::odd::{REPOSITORY, Scene, Setup, TTL};
use crate::shelf::{Statement, Trouble};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// What is told, and whether it is known from before.
fn known(report: &Report) -> (String, bool) {
    (told(report), report.remembered)
}

fn short(ttl: Duration) -> Setup {
    Setup {
        ttl,
        ..Setup::default()
    }
}

/// Only logs that it does not know the signer.
fn audit(ttl: Duration) -> Scene {
    Scene::of(&Setup {
        statements: vec![Statement {
            level: "audit",
            identity: "x509.subject: C=US, ST=WA, O=Other",
            ..Statement::default()
        }],
        ..short(ttl)
    })
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
async fn what_took_longer_than_it_lives_is_remembered_all_the_same() {
    let scene = Scene::of(&short(3 * SECOND));
    scene.sign();
    scene.odd.shelf.delay(1_500 * SECOND / 1_000);
    let reference = scene.pinned();
    let first = scene.ask(&reference).await;
    assert_eq!(told(&first), "undecided DEADLINE_EXCEEDED");
    sleep(5 * SECOND).await;
    let again = scene.ask_at(&reference, now_plus(7)).await;
    assert_eq!(known(&again), ("admit VERIFIED".to_owned(), true));
}

#[tokio::test(start_paused = true)]
async fn att_46_a_verdict_ends_with_the_first_signature_that_does() {
    let scene = Scene::new();
    for seconds in [3_000, 10, 2_000] {
        scene.sign_until(now_plus(seconds));
    }
    let reference = scene.pinned();
    assert_eq!(told(&scene.ask(&reference).await), "admit VERIFIED");
    assert!(scene.ask_at(&reference, now_plus(9)).await.remembered);
    let ended = scene.ask_at(&reference, now_plus(10)).await;
    assert_eq!(told(&ended), "deny SIGNATURE_EXPIRED");
}

#[tokio::test(start_paused = true)]
async fn att_46_a_remembered_signature_ends_when_it_does() {
    let scene = Scene::new();
    scene.sign_until(now_plus(400));
    let reference = scene.pinned();
    assert_eq!(told(&scene.ask(&reference).await), "admit VERIFIED");
    sleep(TTL).await;
    let still = scene.ask_at(&reference, now_plus(300)).await;
    assert_eq!(known(&still), ("admit VERIFIED".to_owned(), false));
    assert_eq!(scene.dispatcher.stats().signature_hits, 1);
    sleep(TTL).await;
    let ended = scene.ask_at(&reference, now_plus(600)).await;
    assert_eq!(told(&ended), "deny SIGNATURE_EXPIRED");
}

#[tokio::test(start_paused = true)]
async fn a_signature_is_remembered_for_a_day_and_told_of_once() {
    let scene = Scene::new();
    scene.sign();
    let reference = scene.pinned();
    let hours = |hours| Duration::from_hours(hours);
    for (wait, fetched, judged) in [(hours(0), 2, 1), (hours(23), 2, 1), (hours(1), 4, 2)] {
        sleep(wait).await;
        assert_eq!(told(&scene.ask(&reference).await), "admit VERIFIED");
        assert_eq!(scene.counts()[2], fetched);
        assert_eq!(scene.judged.load(Ordering::SeqCst), judged);
    }
}

#[tokio::test(start_paused = true)]
async fn decision_4_a_signature_accepted_with_failures_is_remembered_for_a_minute() {
    let scene = audit(TTL);
    scene.sign();
    let reference = scene.pinned();
    for fetched in [2, 4] {
        assert_eq!(told(&scene.ask(&reference).await), "admit LOGGED_FAILURES");
        assert_eq!(scene.counts()[2], fetched);
        sleep(MINUTE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_outlives_the_time_to_live_that_was_set() {
    let ttl = 1_500 * SECOND / 1_000;
    let (unenforced, denied, verified) =
        (audit(ttl), Scene::of(&short(ttl)), Scene::of(&short(ttl)));
    unenforced.sign();
    verified.sign();
    for scene in [unenforced, denied, verified] {
        let reference = Scene::tagged();
        assert!(!scene.ask(&reference).await.remembered);
        assert!(scene.ask(&reference).await.remembered);
        let [resolved, listed, _] = scene.counts();
        sleep(ttl).await;
        assert!(!scene.ask(&reference).await.remembered);
        let [resolved_again, listed_again, _] = scene.counts();
        assert_eq!((resolved + 1, listed + 1), (resolved_again, listed_again));
    }
}

#[tokio::test(start_paused = true)]
async fn with_no_time_to_live_not_even_a_signature_is_remembered() {
    let scene = Scene::of(&short(Duration::ZERO));
    scene.sign();
    for round in 1..=2 {
        let report = scene.ask(&Scene::tagged()).await;
        assert_eq!(known(&report), ("admit VERIFIED".to_owned(), false));
        assert_eq!(scene.counts(), [round, round, 2 * round]);
    }
    let stats = scene.dispatcher.stats();
    assert_eq!((stats.remembered_bytes, stats.signature_hits), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn memory_of_what_has_ended_is_given_back() {
    let scene = Scene::new();
    for number in 0..100 {
        let repository = format!("team/{number}");
        scene.odd.shelf.push(&repository, "v1", &scene.image);
        scene
            .ask(&scene.pinned_in(&format!("reg.example/{repository}")))
            .await;
    }
    assert_eq!(scene.dispatcher.stats().remembered, 100);
    sleep(MINUTE).await;
    scene.ask(&scene.pinned()).await;
    assert_eq!(scene.dispatcher.stats().remembered, 1);
}

#[tokio::test(start_paused = true)]
async fn a_signature_that_was_too_early_is_judged_anew() {
    let scene = Scene::new();
    scene.sign();
    let reference = scene.pinned();
    let early = scene.ask_at(&reference, now_plus_days(-100 * 365)).await;
    assert_eq!(told(&early), "deny CERTIFICATE_NOT_YET_VALID");
    sleep(MINUTE).await;
    assert_eq!(told(&scene.ask(&reference).await), "admit VERIFIED");
}

#[tokio::test(start_paused = true)]
async fn decision_5_a_signature_that_was_not_there_is_looked_for_again() {
    let scene = Scene::new();
    scene.sign();
    let listed = scene.odd.listed(REPOSITORY, &scene.image).await;
    scene
        .odd
        .set(|odd| odd.absent.insert(listed[0].digest.clone()));
    let reference = scene.pinned();
    let report = scene.ask(&reference).await;
    assert_eq!(told(&report), "deny SIGNATURE_UNAVAILABLE");
    scene.odd.set(|odd| odd.absent.clear());
    sleep(MINUTE).await;
    assert_eq!(told(&scene.ask(&reference).await), "admit VERIFIED");
}

#[tokio::test(start_paused = true)]
async fn a_rejected_signature_is_judged_anew_after_five_minutes() {
    let scene = Scene::new();
    let mallory = Authority::new("Mallory Root").leaf("acme signer");
    scene.odd.shelf.sign(REPOSITORY, &scene.image, &mallory);
    let reference = scene.pinned();
    for (wait, fetched) in [(0, 2), (4, 2), (1, 4)] {
        sleep(wait * MINUTE).await;
        assert_eq!(told(&scene.ask(&reference).await), "deny SIGNER_UNTRUSTED");
        assert_eq!(scene.counts()[2], fetched);
    }
}

#[tokio::test(start_paused = true)]
async fn a_denial_that_a_defect_had_a_part_in_is_not_remembered() {
    let scene = Scene::of(&Setup {
        requirement: Requirement::Any,
        ..Setup::default()
    });
    scene.sign();
    let mallory = Authority::new("Mallory Root").leaf("acme signer");
    scene.odd.shelf.sign(REPOSITORY, &scene.image, &mallory);
    // the first that is listed is the good one
    scene.odd.set(|odd| odd.defects = 1);
    let reference = scene.pinned();
    assert_eq!(told(&scene.ask(&reference).await), "deny SIGNER_UNTRUSTED");
    assert_eq!(told(&scene.ask(&reference).await), "admit VERIFIED");
}

#[tokio::test(start_paused = true)]
async fn decision_1_no_part_of_what_could_not_be_told_is_remembered() {
    let scene = Scene::new();
    scene.sign();
    let reference = Scene::tagged();
    scene.odd.shelf.trouble(Trouble::Down);
    let report = scene.ask(&reference).await;
    assert_eq!(told(&report), "undecided REGISTRY_UNREACHABLE");
    assert_eq!(scene.dispatcher.stats().remembered_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_points_to_a_known_image_needs_no_more_than_a_look() {
    let scene = Scene::new();
    scene.sign();
    assert_eq!(told(&scene.ask(&scene.pinned()).await), "admit VERIFIED");
    let [resolved, listed, fetched] = scene.counts();
    let report = scene.ask(&Scene::tagged()).await;
    assert_eq!(known(&report), ("admit VERIFIED".to_owned(), true));
    assert_eq!(scene.counts(), [resolved + 1, listed, fetched]);
    let stats = scene.dispatcher.stats();
    assert_eq!((stats.hits, stats.misses), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn decision_9_what_is_skipped_is_neither_asked_nor_remembered() {
    let scene = Scene::of(&Setup {
        statements: vec![Statement {
            level: "skip",
            ..Statement::default()
        }],
        ..Setup::default()
    });
    scene.odd.shelf.trouble(Trouble::Down);
    for _ in 0..2 {
        let report = scene.ask(&Scene::tagged()).await;
        assert_eq!(
            known(&report),
            ("admit SKIPPED_BY_POLICY".to_owned(), false)
        );
    }
    assert_eq!(scene.counts(), [0, 0, 0]);
    assert_eq!(scene.dispatcher.stats().remembered_bytes, 0);
}
