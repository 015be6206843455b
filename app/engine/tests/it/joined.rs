//! Work that others began: whom it answers, when it is done anew, and how it ends.

use std::time::Duration;

use futures::future::join_all;
use ratify_engine::{DispatcherOptions, StoreError};
use ratify_oci::Reference;
use ratify_testkit::time::{NOW, now_plus, now_plus_days};
use tokio::time::{Instant, sleep};

use crate::fixture::told;
use crate::odd::{PATIENCE, Scene, Setup};
use crate::shelf::Trouble;

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
    let listed = scene.counts()[1];
    let scene = Scene::new();
    scene.sign();
    scene.odd.shelf.delay(Duration::from_millis(100));
    let both = [2, 0].map(|seconds| scene.ask_at(&reference, now_plus(seconds)));
    for report in join_all(both).await {
        assert_eq!(told(&report), "admit VERIFIED");
    }
    assert_eq!((listed, scene.counts()[1]), (2, 1));
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
    assert_eq!(scene.counts(), [2, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn nobody_asks_a_store_when_the_work_is_at_its_end() {
    let options = DispatcherOptions {
        calls_per_request: 1,
        ..DispatcherOptions::default()
    };
    let scene = Scene::of(&Setup {
        options,
        ..Setup::default()
    });
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
    assert_eq!(scene.counts(), [1, 0, 0]);
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

#[tokio::test(start_paused = true)]
async fn work_that_ends_undecided_while_its_first_caller_waits_is_not_done_anew() {
    let scene = Scene::new();
    scene.odd.shelf.trouble(Trouble::Down);
    scene.odd.shelf.delay(Duration::from_millis(100));
    let reference = Scene::tagged();
    // each a little more patient than the one before
    let asked = (0..10_u32).map(|number| {
        let deadline = Instant::now() + PATIENCE + Duration::from_millis(10) * number;
        let call = scene.dispatcher.call(NOW, deadline);
        let (scene, reference) = (&scene, &reference);
        async move {
            let verified = scene.dispatcher.verify(&scene.snapshot, reference, &call);
            told(&verified.await)
        }
    });
    for told in join_all(asked).await {
        assert_eq!(told, "undecided REGISTRY_UNREACHABLE");
    }
    assert_eq!(scene.counts(), [1, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_decision_is_taken_over_whoever_has_left() {
    let scene = Scene::new();
    scene.sign();
    scene.odd.shelf.delay(Duration::from_millis(1_500));
    let reference = scene.pinned();
    let first = scene.ask(&reference).await;
    assert_eq!(told(&first), "undecided DEADLINE_EXCEEDED");
    assert_eq!(
        told(&scene.ask(&reference).await),
        "undecided DEADLINE_EXCEEDED"
    );
    let begin = Instant::now();
    assert_eq!(told(&scene.ask(&reference).await), "admit VERIFIED");
    assert_eq!(begin.elapsed(), Duration::from_millis(500));
    assert_eq!(scene.counts(), [1, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn what_others_gave_up_twice_is_told_as_they_were_told() {
    let scene = Scene::new();
    scene.odd.shelf.trouble(Trouble::Down);
    // the work ends just after the caller that began it has left, again and again
    scene.odd.shelf.delay(PATIENCE + Duration::from_millis(1));
    let reference = Scene::tagged();
    let slow = Instant::now() + 4 * PATIENCE;
    let (first, second, last) = futures::join!(
        scene.ask(&reference),
        async {
            sleep(PATIENCE + Duration::from_micros(500)).await;
            scene.ask(&reference).await
        },
        async {
            sleep(PATIENCE).await;
            let call = scene.dispatcher.call(NOW, slow);
            scene
                .dispatcher
                .verify(&scene.snapshot, &reference, &call)
                .await
        }
    );
    assert_eq!(told(&first), "undecided DEADLINE_EXCEEDED");
    assert_eq!(told(&second), "undecided DEADLINE_EXCEEDED");
    assert_eq!(told(&last), "undecided REGISTRY_UNREACHABLE");
    assert_eq!(scene.counts(), [2, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn work_has_the_patience_of_its_caller_and_some_time_more() {
    let scene = Scene::new();
    scene.sign();
    let begin = Instant::now();
    assert_eq!(told(&scene.ask(&Scene::tagged()).await), "admit VERIFIED");
    let given = scene.odd.set(|odd| std::mem::take(&mut odd.deadlines));
    assert_eq!(given.len(), 4, "looked up, listed, manifest, envelope");
    for deadline in given {
        assert_eq!(deadline.patience(), begin + PATIENCE);
        let outlive = DispatcherOptions::default().outlive;
        assert_eq!(deadline.instant(), begin + PATIENCE + outlive);
    }
}
