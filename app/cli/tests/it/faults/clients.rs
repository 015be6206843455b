//! Clients that leave in the middle, or never come to the point.

use std::time::{Duration, Instant};

use ratify_testkit::registry::{Fault, Kind, Match, Times};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::client::{Wire, head, request};
use super::contract::Endpoint;
use super::median;
use super::scene::{SHORT, Scene, Serving};

const VERIFY: Endpoint = Endpoint::Verify;

/// Where a client leaves.
#[derive(Debug, Clone, Copy)]
enum Leaving {
    AfterHandshake,
    InHead,
    BeforeBody,
    InBody,
    BeforeAnswer,
}

/// Do as much as `leaving` says, then be gone.
async fn leave(serving: &Serving, key: &str, leaving: Leaving) {
    let mut wire = serving.client.connect().await.unwrap();
    let body = Endpoint::body(&[key]);
    let whole = request(VERIFY, &body);
    let head = head(VERIFY, body.len());
    let length = match leaving {
        Leaving::AfterHandshake => 0,
        Leaving::InHead => 20,
        Leaving::BeforeBody => head.len(),
        Leaving::InBody => head.len() + body.len() / 2,
        Leaving::BeforeAnswer => whole.len(),
    };
    wire.write(&whole[..length]).await.unwrap();
    // the server sees what was sent before it sees the end
    sleep(Duration::from_millis(30)).await;
    drop(wire);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_leave_take_nothing_along_and_the_next_one_is_answered() {
    let scene = Scene::new().await;
    let key = scene.signed("app");
    let serving = scene.start_remembering();
    scene.rig.registry.fault(
        Match::Any,
        Times::Always,
        Fault::Latency(Duration::from_millis(200)),
    );
    for leaving in [
        Leaving::AfterHandshake,
        Leaving::InHead,
        Leaving::BeforeBody,
        Leaving::InBody,
        Leaving::BeforeAnswer,
    ] {
        futures::future::join_all((0..20).map(|_| leave(&serving, &key, leaving))).await;
        let said = serving.client.verdict(&key).await;
        assert_eq!(said, "admit VERIFIED", "{leaving:?}");
        serving.until_idle().await;
    }
    assert_eq!(serving.metric("ratify_panics_total").await, 0);
    assert_eq!(serving.client.verdict(&key).await, "admit VERIFIED");
}

#[tokio::test(flavor = "multi_thread")]
async fn att_57_the_second_caller_gets_the_result_of_what_the_first_one_began() {
    let scene = Scene::new().await;
    let key = scene.signed("app");
    let serving = scene.start_remembering();
    let registry = &scene.rig.registry;
    registry.fault(
        Match::Kind(Kind::Referrers),
        Times::Always,
        Fault::Latency(Duration::from_millis(700)),
    );
    let mut first = serving.client.connect().await.unwrap();
    let asked = request(VERIFY, &Endpoint::body(&[&key]));
    first.write(asked).await.unwrap();
    while registry.count(Kind::Referrers) == 0 {
        sleep(Duration::from_millis(2)).await;
    }
    let second = serving.client.verdict(&key);
    let leave = async {
        sleep(Duration::from_millis(200)).await;
        drop(first);
    };
    let (said, ()) = tokio::join!(second, leave);
    assert_eq!(said, "admit VERIFIED");
    assert_eq!(registry.count(Kind::Referrers), 1, "joined, not begun anew");
    serving.until_idle().await;
}

/// Send one byte after the other, until that is not possible any more.
async fn trickle(mut wire: Wire, bytes: Vec<u8>) -> Duration {
    let begin = Instant::now();
    for byte in bytes.iter().cycle() {
        if wire.write([*byte]).await.is_err() {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    begin.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_keep_nobody_waiting_and_are_ended() {
    let mut scene = Scene::new().await;
    scene.patience(SHORT);
    let key = scene.signed("app");
    let serving = scene.start(&["--cache-enabled", "--cache-ttl=1h"]);
    serving.until(&key, "admit VERIFIED").await;
    let mut slow = JoinSet::new();
    for number in 0..100 {
        let client = serving.client.clone();
        slow.spawn(async move {
            let mut wire = client.connect().await.unwrap();
            if number % 2 == 0 {
                let endless = "POST /ratify/gatekeeper/v1/verify HTTP/1.1\r\nx: ";
                wire.write(endless).await.unwrap();
                return trickle(wire, b"slow".to_vec()).await;
            }
            // a head in time and a body without end
            wire.write(head(VERIFY, 1 << 19)).await.unwrap();
            let begin = Instant::now();
            let raw = {
                let trickle = async {
                    loop {
                        sleep(Duration::from_millis(50)).await;
                    }
                };
                tokio::select! {
                    raw = wire.answer() => raw.unwrap(),
                    () = trickle => unreachable!(),
                }
            };
            // an answer about no key at all, which denies
            let no_keys: [&str; 0] = [];
            let patience = SHORT;
            let answered = super::contract::Answered::of(VERIFY, &no_keys, &raw, patience);
            assert!(answered.items.is_empty());
            let error = answered.system_error;
            assert!(
                error.contains("DEADLINE_EXCEEDED: the request was not received whole"),
                "{error}"
            );
            begin.elapsed()
        });
    }
    let (begin, mut times) = (Instant::now(), Vec::new());
    while begin.elapsed() < Duration::from_secs(4) {
        let answered = serving.client.verify(&[&key]).await;
        assert_eq!(answered.of_key(&key), "admit VERIFIED");
        times.push(answered.took);
    }
    let middle = median(times);
    assert!(middle < Duration::from_millis(500), "{middle:?}");
    let ended = timeout(Duration::from_secs(30), async {
        while let Some(lasted) = slow.join_next().await {
            let lasted = lasted.unwrap();
            assert!(lasted < Duration::from_secs(15), "{lasted:?}");
        }
    });
    ended.await.expect("slow clients should be ended");
    serving.until_idle().await;
    let slow = serving
        .metric("ratify_connections_ended_total{why=\"slow_head\"}")
        .await;
    assert_eq!(slow, 50);
}
