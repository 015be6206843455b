//! A minute as a busy cluster spends it: two hundred new TLS connections a second, each with one question whose answer is
//! remembered. Not one error, and the server takes no more memory at the end than after a quarter of the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

use crate::faults::{Client, Endpoint, Resources, Scene, Serving, figure};

const RATE: u32 = 200;
const CONNECTIONS: u32 = RATE * 60;
/// Clients that were answered stay so long, as Gatekeeper before 3.22 does for ever. More would need more descriptors than
/// many systems give a process.
const STAYS: Duration = Duration::from_secs(1);
/// Connections that wait for their answer at once, so that a slow machine is asked more slowly and not ever more.
const AT_ONCE: usize = 64;
/// The least rate that counts, on a machine that does other things too.
const LEAST: f64 = 100.0;

/// What came of it.
struct Soaked {
    took: Duration,
    /// From connecting to the answer, the shortest first.
    times: Vec<Duration>,
    /// After a quarter.
    early: Resources,
    late: Resources,
}

async fn one(client: Client, key: Arc<str>, places: Arc<Semaphore>) -> Duration {
    let place = places.acquire().await.unwrap();
    let mut wire = client.connect().await.unwrap();
    let (answered, _) = wire.ask(Endpoint::Verify, &[&*key]).await.unwrap();
    assert_eq!(answered.of_key(&key), "admit VERIFIED");
    drop(place);
    sleep(STAYS).await;
    assert!(wire.rest().await.is_empty());
    answered.took
}

async fn soak(serving: &Serving, key: &Arc<str>) -> Soaked {
    let client = serving.client.patient(Duration::from_secs(20));
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let (mut asked, mut times) = (JoinSet::new(), Vec::new());
    // late ticks are made up for
    let mut ticks = interval(Duration::from_secs(1) / RATE);
    let begin = Instant::now();
    let mut early = None;
    for number in 0..CONNECTIONS {
        ticks.tick().await;
        while places.available_permits() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        asked.spawn(one(client.clone(), Arc::clone(key), Arc::clone(&places)));
        while let Some(ended) = asked.try_join_next() {
            times.push(ended.unwrap());
        }
        if number == CONNECTIONS / 4 {
            early = Some(serving.resources());
        }
    }
    let (took, late) = (begin.elapsed(), serving.resources());
    while let Some(ended) = asked.join_next().await {
        times.push(ended.unwrap());
    }
    times.sort_unstable();
    Soaked {
        took,
        times,
        early: early.unwrap(),
        late,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_of_two_hundred_new_connections_a_second() {
    let scene = Scene::new().await;
    let key: Arc<str> = scene.signed("app").into();
    let serving = scene.start(&["--cache-enabled", "--cache-ttl=1h"]);
    assert_eq!(serving.client.verdict(&key).await, "admit VERIFIED");
    let Soaked {
        took,
        times,
        early,
        late,
    } = soak(&serving, &key).await;
    let rate = f64::from(CONNECTIONS) / took.as_secs_f64();
    figure(format_args!(
        "{CONNECTIONS} connections in {took:?}, {rate:.0} a second; half answered within {:?}, 99 of 100 within {:?}, all \
         within {:?}; {early:?} after a quarter, {late:?} at the end",
        times[times.len() / 2],
        times[times.len() * 99 / 100],
        times[times.len() - 1],
    ));
    assert!(rate > LEAST, "{rate:.0} connections a second");
    assert!(
        late.resident < early.resident + 4 * 1024,
        "{early:?} {late:?}"
    );
    assert!(late.threads <= early.threads + 1, "{early:?} {late:?}");
    let all = u64::from(CONNECTIONS) + 1;
    for (series, expected) in [
        ("ratify_tls_handshakes_total", all),
        ("ratify_tls_handshakes_total{result=\"success\"}", all),
        ("ratify_verdict_cache_hits_total", all - 1),
        ("ratify_verdict_cache_misses_total", 1),
        ("ratify_panics_total", 0),
        ("ratify_requests_shed_total", 0),
    ] {
        assert_eq!(serving.metric(series).await, expected, "{series}");
    }
    serving.until_idle().await;
}
