//! The attack catalogue at the face: nothing that goes wrong admits an image, and nothing is left without an answer.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::join_all;
use http_body_util::BodyExt;
use hyper::body::Frame;
use proptest::prelude::*;
use ratify_server::{Arrival, RequestLimits, Timeouts};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::rig::{
    Answered, MUTATE, REPOSITORY, Rig, Setting, Signed, Told, VERIFY, arrival, request_of,
};

/// Every requested key has exactly one item at its place among the items, or none and is named in `systemError`.
fn assert_complete<K: AsRef<str>>(keys: &[K], answered: &Answered) {
    assert_eq!(answered.status, 200, "{answered:?}");
    let (items, error) = (answered.items(), answered.system_error());
    let mut items = items.iter().peekable();
    for key in keys {
        let key = key.as_ref();
        if items.next_if(|item| item["key"] == key).is_some() {
            continue;
        }
        let named = error.contains(&format!("{key}: ")) || error.ends_with(" more");
        assert!(named, "{key} has no item and is not in `{error}`");
    }
    assert_eq!(
        items.next(),
        None,
        "an item that was not asked for, or out of order"
    );
}

/// What was said of each key.
fn told(keys: &[String], answered: &Answered) -> BTreeMap<String, String> {
    let items = answered.items();
    let of = |key: &String| {
        let item = items.iter().find(|item| item["key"] == key.as_str());
        let said = if let Some(item) = item {
            format!("{} {}", item["value"]["isSuccess"], item["value"]["code"])
        } else {
            let error = answered.system_error();
            let of_key = error
                .split("; ")
                .find_map(|one| one.strip_prefix(key.as_str()));
            format!("undecided {}", of_key.unwrap().split(": ").nth(1).unwrap())
        };
        (key.clone(), said)
    };
    keys.iter().map(of).collect()
}

fn short() -> Setting {
    Setting {
        timeouts: Timeouts {
            verification: Duration::from_millis(2_900),
            mutation: Duration::from_millis(950),
        },
        ..Setting::default()
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn att_51_every_key_has_one_item_or_a_system_error(
        keys in prop::collection::vec(
            prop_oneof![
                "(panic|stall|down|missing|bad|app)[0-9]{1,2}",
                "\\[[a-z]{0,3}\\](panic|stall|down|missing|bad|app)[0-9]",
                "reg.io/(down|bad)1@sha256:[0-9a-f]{64}",
                any::<String>(),
            ],
            0..24,
        ),
    ) {
        block_on(async {
            let rig = Rig::told(Told, short());
            let answered = rig.verify(&keys).await;
            assert_complete(&keys, &answered);
            for item in answered.items() {
                let value = &item["value"];
                assert_eq!(value["isSuccess"], false, "nothing here may run: {item}");
                for text in ["traceID", "timestamp", "code", "version"] {
                    assert!(value[text].as_str().is_some_and(|text| !text.is_empty()), "{item}");
                }
                assert!(item.get("error").is_none(), "{item}");
            }
            let answered = rig.mutate(&keys).await;
            let items = answered.items();
            assert_eq!(items.len(), keys.len());
            assert_complete(&keys, &answered);
            for item in &items {
                let (value, error) = (item.get("value"), item.get("error"));
                assert!(value.is_some() != error.is_some(), "one of the two: {item}");
            }
            assert_eq!(answered.system_error(), "");
        });
    }

    #[test]
    fn att_51_random_bodies_never_admit(body in prop::collection::vec(any::<u8>(), 0..300)) {
        block_on(async {
            let rig = Rig::told(Told, short());
            for path in [VERIFY, MUTATE] {
                let answered = rig.send(path, body.clone()).await;
                assert!(matches!(answered.status, 200 | 400));
                assert!(!answered.text.contains("\"isSuccess\":true"));
                assert_eq!(answered.status == 400, !answered.system_error().is_empty());
            }
        });
    }
}

#[tokio::test]
async fn att_44_the_order_of_keys_changes_no_verdict() {
    let signed = Signed::new().await;
    signed.sign();
    let stranger = ratify_testkit::certs::Authority::new("Mallory Root").leaf("mallory");
    let (unsigned, foreign) = (
        ratify_testkit::image::Image::new("unsigned"),
        ratify_testkit::image::Image::new("foreign"),
    );
    signed.registry.push_image("team/unsigned", "v1", &unsigned);
    signed.registry.push_image("team/foreign", "v1", &foreign);
    signed.sign_in("team/foreign", &foreign, &stranger);
    let keys = [
        signed.tagged(),
        signed.registry.tagged("team/unsigned", "v1"),
        signed.registry.pinned("team/foreign", foreign.descriptor()),
        signed.registry.tagged(REPOSITORY, "gone"),
        "reg.io/BAD".to_owned(),
    ];
    let rig = signed.rig(Setting::default());
    let expected = [
        "true \"VERIFIED\"",
        "false \"NO_SIGNATURE\"",
        "false \"SIGNER_UNTRUSTED\"",
        "undecided SUBJECT_NOT_FOUND",
        "false \"REFERENCE_INVALID\"",
    ];
    let expected: BTreeMap<_, _> = keys
        .iter()
        .cloned()
        .zip(expected.map(str::to_owned))
        .collect();
    for order in permutations(keys.to_vec()) {
        let answered = rig.verify(&order).await;
        assert_complete(&order, &answered);
        assert_eq!(told(&order, &answered), expected);
    }
    let twice: Vec<_> = keys.iter().chain(&keys).cloned().collect();
    let answered = rig.verify(&twice).await;
    assert_complete(&twice, &answered);
    assert_eq!(
        answered.system_error().matches("SUBJECT_NOT_FOUND").count(),
        1
    );
}

fn permutations(items: Vec<String>) -> Vec<Vec<String>> {
    if items.len() < 2 {
        return vec![items];
    }
    let mut all = Vec::new();
    for place in 0..items.len() {
        let mut rest = items.clone();
        let first = rest.remove(place);
        all.extend(permutations(rest).into_iter().map(|mut rest| {
            rest.insert(0, first.clone());
            rest
        }));
    }
    all
}

#[tokio::test(start_paused = true)]
async fn att_49_the_answer_comes_before_the_deadline_with_what_is_decided() {
    let rig = Rig::told(Told, short());
    let begin = Instant::now();
    let keys = ["reg.io/BAD", "stall1", "app1", "stall2", "down1"];
    let answered = rig.verify(&keys).await;
    let took = begin.elapsed();
    assert!(took < Duration::from_millis(2_900), "{took:?}");
    assert!(
        took > Duration::from_millis(2_800),
        "{took:?}: the time is used"
    );
    assert_complete(&keys, &answered);
    assert_eq!(answered.items().len(), 2);
    let error = answered.system_error();
    assert!(error.starts_with("stall1: DEADLINE_EXCEEDED: "), "{error}");
    assert!(error.contains("; stall2: DEADLINE_EXCEEDED: "), "{error}");
    let last = "; down1: REGISTRY_UNREACHABLE: connection refused";
    assert!(error.ends_with(last), "{error}");
    assert_eq!(rig.metric("ratify_deadline_misses_total"), 2);

    let begin = Instant::now();
    let answered = rig.mutate(&["stall1", "app1"]).await;
    assert!(
        begin.elapsed() < Duration::from_millis(950),
        "{:?}",
        begin.elapsed()
    );
    let items = answered.items();
    let error = items[0]["error"].as_str().unwrap();
    assert!(
        error.starts_with("DEADLINE_EXCEEDED: failed to get subject descriptor for image stall1: "),
        "{error}"
    );
    assert!(
        items[1]["value"]
            .as_str()
            .unwrap()
            .starts_with("docker.io/library/app1@sha256:")
    );
    assert_eq!(
        answered.system_error(),
        "",
        "a mutator can do with the other images what it wants"
    );
}

#[tokio::test(start_paused = true)]
async fn att_49_time_on_the_way_counts() {
    let rig = Rig::told(Told, short());
    tokio::time::advance(Duration::from_secs(10)).await;
    let ask = |late: Duration| {
        let arrival = Arrival {
            began: Instant::now().checked_sub(late).unwrap(),
            ..arrival()
        };
        let request = http::Request::post(VERIFY);
        let body = request_of(&["stall1"]);
        let request = request.body(http_body_util::Full::new(bytes::Bytes::from(body)));
        rig.face.answer(request.unwrap(), arrival)
    };
    let begin = Instant::now();
    assert_eq!(ask(Duration::from_secs(2)).await.status(), 200);
    assert!(
        begin.elapsed() < Duration::from_millis(900),
        "{:?}",
        begin.elapsed()
    );
    let begin = Instant::now();
    assert_eq!(ask(Duration::from_secs(5)).await.status(), 200);
    assert!(
        begin.elapsed() < Duration::from_millis(5),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn att_49_ten_thousand_deadline_misses_leave_nothing() {
    let rig = Rig::told(
        Told,
        Setting {
            limits: RequestLimits {
                at_work: 100,
                ..RequestLimits::default()
            },
            ..short()
        },
    );
    for round in 0..100 {
        let keys: Vec<_> = (0..100).map(|n| [format!("stall{round}{n:02}")]).collect();
        let begin = Instant::now();
        for answered in join_all(keys.iter().map(|key| rig.verify(key))).await {
            let error = answered.system_error();
            assert!(
                error.contains("DEADLINE_EXCEEDED") || error.contains("OVERLOADED"),
                "{error}"
            );
            assert!(answered.items().is_empty());
        }
        assert!(begin.elapsed() < Duration::from_millis(2_900));
        let alive = Handle::current().metrics().num_alive_tasks();
        assert!(alive < 1_000, "{alive} tasks after {round} rounds");
    }
    assert_eq!(
        rig.metric("ratify_requests_in_flight{endpoint=\"verify\"}"),
        0
    );
    tokio::time::sleep(Duration::from_secs(30)).await;
    let alive = Handle::current().metrics().num_alive_tasks();
    assert_eq!(alive, 0, "what outlives its request ends, too");
    assert_eq!(rig.dispatcher.stats().running, 0);
    assert_eq!(
        rig.verify(&["app1"]).await.verdicts().len(),
        1,
        "and all seats are free"
    );
}

#[tokio::test(start_paused = true)]
async fn att_21_a_panic_denies_its_key_and_no_other() {
    let rig = Rig::told(Told, short());
    let keys = ["app1", "panic1", "missing1", "panic2", "bad1"];
    let answered = rig.verify(&keys).await;
    assert_complete(&keys, &answered);
    let told = told(&keys.map(str::to_owned), &answered);
    assert_eq!(told["panic1"], "false \"INTERNAL\"");
    assert_eq!(told["panic2"], "false \"INTERNAL\"");
    assert_eq!(told["bad1"], "false \"SUBJECT_UNUSABLE\"");
    assert_eq!(told["missing1"], "undecided SUBJECT_NOT_FOUND");
    assert!(told["app1"].starts_with("false"), "{told:?}");
    assert_eq!(rig.metric("ratify_panics_total{where=\"judging\"}"), 2);

    let answered = rig.mutate(&["panic3", "app2"]).await;
    let items = answered.items();
    assert!(
        items[0]["error"]
            .as_str()
            .unwrap()
            .starts_with("INTERNAL: "),
        "{answered:?}"
    );
    assert!(items[0].get("value").is_none());
    assert!(items[1].get("error").is_none());
    assert_eq!(rig.verify(&["app1"]).await.status, 200, "the process lives");
}

/// A body whose reading panics, in place of any defect outside of the work on an image.
struct Panicking;

impl hyper::body::Body for Panicking {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        panic!("on purpose")
    }
}

#[tokio::test]
async fn att_21_a_panic_outside_of_images_denies_the_request() {
    let rig = Rig::told(Told, short());
    for (path, idempotent) in [(VERIFY, ""), (MUTATE, "\"idempotent\":true,")] {
        let request = http::Request::post(path).body(Panicking).unwrap();
        let response = rig.face.answer(request, arrival()).await;
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let expected = format!(
            "{{\"apiVersion\":\"externaldata.gatekeeper.sh/v1alpha1\",\"kind\":\"ProviderResponse\",\"response\":\
             {{{idempotent}\"systemError\":\"operation failed with error INTERNAL: a part of this program failed while \
             answering; that denies\"}}}}\n"
        );
        assert_eq!(String::from_utf8(body.to_vec()).unwrap(), expected);
    }
    assert_eq!(rig.metric("ratify_panics_total{where=\"answering\"}"), 2);
    let in_flight = "ratify_requests_in_flight{endpoint=\"verify\"}";
    assert_eq!(rig.metric(in_flight), 0);
}

#[tokio::test]
async fn att_45_a_configuration_that_changes_under_a_request_is_not_mixed() {
    let signed = Signed::new().await;
    signed.sign();
    let setting = Setting::default();
    let rig = signed.rig(setting);
    assert_eq!(
        rig.verify(&[signed.pinned()]).await.verdicts(),
        [(true, "VERIFIED".to_owned())]
    );
    let stranger = Signed::new().await;
    let level = serde_json::json!({ "level": "strict" });
    let other = stranger.configuration(&level, setting.timeouts);
    rig.configuration.send(std::sync::Arc::new(other)).unwrap();
    let verdicts = rig.verify(&[signed.pinned()]).await.verdicts();
    assert_eq!(
        verdicts,
        [(false, "SIGNER_UNTRUSTED".to_owned())],
        "the next request sees the new one"
    );
}
