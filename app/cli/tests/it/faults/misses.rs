//! Ten thousand deadlines missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::contract::Endpoint;
use super::figure;
use super::scene::{Scene, Serving};
use super::{Client, Resources};

/// Gatekeepers that ask at once.
const CALLERS: u64 = 128;

/// Miss deadlines until `numbers` says `end`.
async fn miss(client: Client, host: String, numbers: Arc<AtomicU64>, end: u64) {
    let mut wire = client.connect().await.unwrap();
    loop {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        if number >= end {
            return;
        }
        let key = format!("{host}/team/app-{number}:v1");
        let (answered, _) = wire.ask(Endpoint::Verify, &[&key]).await.unwrap();
        let said = answered.of_key(&key);
        assert_eq!(said, "undecided DEADLINE_EXCEEDED");
    }
}

async fn misses(serving: &Serving, host: &str, numbers: &Arc<AtomicU64>, end: u64) -> Resources {
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        // the machine may be slow; late is what the server's own clock says
        let client = serving.client.patient(Duration::from_secs(5));
        callers.spawn(miss(client, host.to_owned(), Arc::clone(numbers), end));
    }
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
        // each caller took one number more than it asked for
        numbers.fetch_min(end, Ordering::Relaxed);
    }
    serving.resources()
}

#[tokio::test(flavor = "multi_thread")]
async fn att_49_ten_thousand_missed_deadlines_leave_memory_threads_and_tasks_flat() {
    let mut scene = Scene::new().await;
    scene.patience(Duration::from_millis(300));
    // the kernel accepts for it, and nobody ever reads
    let stalled = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let host = stalled.local_addr().unwrap().to_string();
    scene.name_registries(std::slice::from_ref(&host));
    let good = scene.signed("app");
    let serving = scene.start_remembering();
    let begin = Instant::now();
    let numbers = Arc::<AtomicU64>::default();
    let early = misses(&serving, &host, &numbers, 2_000).await;
    let late = misses(&serving, &host, &numbers, 10_000).await;
    figure(format_args!(
        "10,000 missed deadlines in {:?}: {early:?} after 2,000, {late:?} after all",
        begin.elapsed()
    ));
    assert!(
        late.resident < early.resident + 4 * 1024,
        "{early:?} {late:?}"
    );
    assert!(late.threads <= early.threads + 2, "{early:?} {late:?}");
    assert_eq!(serving.metric("ratify_deadline_misses_total").await, 10_000);
    assert!(
        serving
            .metric("ratify_images_in_work{awaited=\"no\"}")
            .await
            <= 512
    );
    assert_eq!(
        serving
            .client
            .patient(Duration::from_secs(5))
            .verdict(&good)
            .await,
        "admit VERIFIED"
    );
    serving.until_idle().await;
    let after = serving.resources();
    assert!(
        after.resident < early.resident + 4 * 1024,
        "{early:?} {after:?}"
    );
    // late is what the server's own clock says, and how late depends on what else the machine does
    let within =
        |bucket: &str| format!("ratify_verification_request_millisecond_bucket{{le=\"{bucket}\"}}");
    let all = serving
        .metric("ratify_verification_request_millisecond_count")
        .await;
    let in_time = serving.metric(&within("300")).await;
    figure(format_args!("{in_time} of {all} answers within 300 ms"));
    assert!(in_time * 2 > all, "{in_time} of {all}");
    assert_eq!(serving.metric(&within("4900")).await, all);
}
