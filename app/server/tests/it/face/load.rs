//! More than can be done at once: turned away early, in order, and never those whom memory can answer.

use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use ratify_server::{RequestLimits, Timeouts};
use ratify_testkit::registry::{Fault, Match, Times};
use tokio::time::Instant;

use super::rig::{Rig, Setting, Signed, Told};

fn narrow(at_work: usize, waiting: usize) -> Setting {
    Setting {
        limits: RequestLimits {
            at_work,
            waiting,
            ..RequestLimits::default()
        },
        timeouts: Timeouts {
            verification: Duration::from_secs(3),
            mutation: Duration::from_secs(1),
        },
        ..Setting::default()
    }
}

#[tokio::test(start_paused = true)]
async fn requests_above_the_limits_are_turned_away_early() {
    let rig = Rig::told(Told, narrow(2, 3));
    let begin = Instant::now();
    let ask = async |n: usize| {
        let key = format!("stall{n}");
        let answered = rig.verify(&[key, "reg.io/BAD".to_owned()]).await;
        assert_eq!(answered.status, 200);
        assert_eq!(
            answered.items().len(),
            1,
            "what is decided is answered all the same"
        );
        (answered.system_error(), begin.elapsed())
    };
    let answers = join_all((0..8).map(ask)).await;
    let ended = |words: &str| -> Vec<Duration> {
        let with = answers.iter().filter(|(error, _)| error.contains(words));
        with.map(|(_, took)| *took).collect()
    };
    let full = ended("OVERLOADED: overloaded: 2 requests are being worked on and 3 wait");
    assert_eq!(full, [Duration::ZERO; 3], "at once");
    let waited = ended("OVERLOADED: overloaded: none of 2 requests");
    assert_eq!(waited.len(), 3);
    assert!(
        waited
            .iter()
            .all(|took| *took < Duration::from_millis(1_600)),
        "{waited:?}"
    );
    assert_eq!(ended("DEADLINE_EXCEEDED").len(), 2);
    assert_eq!(rig.metric("ratify_requests_shed_total{why=\"full\"}"), 3);
    assert_eq!(rig.metric("ratify_requests_shed_total{why=\"waited\"}"), 3);
    let errors = "ratify_system_error_count_total{error=\"OVERLOADED\",workload_namespace=\"\"}";
    assert_eq!(rig.metric(errors), 6);
}

#[tokio::test(start_paused = true)]
async fn mutate_turns_away_with_item_errors() {
    let rig = Rig::told(Told, narrow(1, 0));
    let rig = &rig;
    let answers = join_all(["stall1", "app1"].map(|key| async move {
        let key = [key];
        rig.mutate(&key).await
    }))
    .await;
    let error = answers[1].items()[0]["error"].as_str().unwrap().to_owned();
    assert!(
        error.starts_with("OVERLOADED: failed to get subject descriptor for image app1: "),
        "{error}"
    );
    assert_eq!(rig.mutate(&["app1"]).await.items()[0].get("error"), None);
}

#[tokio::test]
async fn what_memory_answers_does_not_queue() {
    let signed = Signed::new().await;
    signed.sign();
    let rig = signed.rig(narrow(1, 0).remembering());
    let admitted = [(true, "VERIFIED".to_owned())];
    assert_eq!(rig.verify(&[signed.pinned()]).await.verdicts(), admitted);
    signed
        .registry
        .fault(Match::Any, Times::Always, Fault::Stall);
    let other = signed.registry.tagged("team/other", "v1");
    let other = [other];
    let mut stalled = Box::pin(rig.verify(&other));
    assert!(stalled.as_mut().now_or_never().is_none());
    assert_eq!(rig.verify(&[signed.pinned()]).await.verdicts(), admitted);
    let pinned = rig.mutate(&[signed.pinned()]).await;
    assert_eq!(pinned.items()[0]["value"], signed.pinned());
    let error = rig.verify(&["reg.io/a"]).await.system_error();
    assert!(error.contains("OVERLOADED"), "the seat is taken: {error}");
    drop(stalled);
    // the seat came back with the request that was given up
    let error = rig.verify(&["127.0.0.1:1/a:v1"]).await.system_error();
    assert!(error.contains("REGISTRY_UNREACHABLE"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_request_of_a_thousand_keys_does_not_hold_up_one_of_one_key() {
    let rig = Rig::told(Told, narrow(8, 8));
    let many: Vec<_> = (0..1_000).map(|n| format!("stall{n}")).collect();
    let mut large = Box::pin(rig.verify(&many));
    assert!(large.as_mut().now_or_never().is_none());
    let begin = Instant::now();
    assert_eq!(rig.verify(&["app1"]).await.items().len(), 1);
    assert!(
        begin.elapsed() < Duration::from_millis(50),
        "{:?}",
        begin.elapsed()
    );
    let answered = large.await;
    assert!(answered.items().is_empty());
    let error = answered.system_error();
    assert!(
        error.len() <= 8 * 1024 && error.ends_with(" more"),
        "{error}"
    );
}
