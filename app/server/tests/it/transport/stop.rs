//! Stopping: politely, and at once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ratify_server::ConnectionLimits;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::rig::{Client, Files, LONG, Rig, Wire, patient, request, until};

/// Wait for the server's end.
async fn ended(rig: &mut Rig) {
    let ended = timeout(LONG, &mut rig.serving).await;
    ended.expect("the server should end").unwrap();
}

#[tokio::test]
async fn with_nobody_there_it_stops_at_once() {
    let mut rig = Rig::plain(ConnectionLimits::default()).await;
    let start = Instant::now();
    rig.stop.drain.cancel();
    ended(&mut rig).await;
    assert!(start.elapsed() < Duration::from_millis(250));
    TcpStream::connect(rig.address).await.unwrap_err();
}

#[tokio::test]
async fn what_is_under_way_is_finished_and_what_is_idle_is_closed() {
    let files = Files::new();
    let mut rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    let client = files.trusted_client();
    let mut idle = client.connect(rig.address).await.unwrap();
    idle.post("/", b"").await.unwrap();
    let mut busy = client.connect(rig.address).await.unwrap();
    busy.write(request("/wait", b"")).await.unwrap();
    rig.paths.until_asked(2).await;
    rig.stop.drain.cancel();
    idle.end().await.unwrap();
    drop(idle);
    rig.until_open(1).await;
    TcpStream::connect(rig.address).await.unwrap_err();
    assert!(!rig.serving.is_finished());
    rig.paths.let_go(1);
    let answer = busy.answer().await.unwrap();
    assert_eq!(answer.text(), "/wait");
    assert!(answer.is_last());
    busy.end().await.unwrap();
    drop(busy);
    ended(&mut rig).await;
    assert_eq!(rig.counters.counts().cut, 0);
}

#[tokio::test]
async fn a_request_that_an_idle_client_sends_while_the_server_stops_is_answered() {
    let files = Files::new();
    let mut rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    let mut wire = files.trusted_client().connect(rig.address).await.unwrap();
    wire.post("/", b"").await.unwrap();
    // a client that is connected but has not asked yet is about to
    let mut fresh = files.trusted_client().connect(rig.address).await.unwrap();
    until("two handshakes", || rig.counters.counts().handshakes == 2).await;
    rig.stop.drain.cancel();
    for wire in [&mut wire, &mut fresh] {
        let answer = wire.post("/", b"").await.unwrap();
        assert_eq!(answer.status, 200);
        assert!(answer.is_last());
        wire.end().await.unwrap();
    }
    drop((wire, fresh));
    ended(&mut rig).await;
}

#[tokio::test]
async fn what_does_not_end_is_cut_off() {
    let mut rig = Rig::plain(ConnectionLimits::default()).await;
    let mut busy = rig.connect().await;
    busy.write(request("/wait", b"")).await.unwrap();
    rig.paths.until_asked(1).await;
    rig.stop.drain.cancel();
    let waited = timeout(Duration::from_millis(500), &mut rig.serving).await;
    waited.unwrap_err();
    rig.stop.cut.cancel();
    ended(&mut rig).await;
    assert_eq!(rig.counters.counts().cut, 1);
    assert_eq!(rig.counters.counts().open, 0);
    busy.answer().await.unwrap_err();
}

#[tokio::test]
async fn silent_connections_do_not_hold_up_the_end() {
    let files = Files::new();
    let mut rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    let client = files.trusted_client();
    let _silent = client.connect(rig.address).await.unwrap();
    until("a handshake", || rig.counters.counts().handshakes == 1).await;
    let start = Instant::now();
    rig.stop.drain.cancel();
    ended(&mut rig).await;
    assert!(start.elapsed() < Duration::from_secs(3));
}

/// An idle connection is kept for 300 ms when the server stops; on a busy machine a client may take longer.
const DAWDLING: Duration = Duration::from_millis(250);

/// Ask until nobody listens. Whoever is connected and does not dawdle gets an answer.
async fn hammer_until_refused(
    client: Client,
    address: SocketAddr,
    answers: Arc<AtomicU64>,
) -> io::Result<()> {
    while let Ok(stream) = TcpStream::connect(address).await {
        let mut wire = client.over(stream).await?;
        let mut answered = Instant::now();
        loop {
            let asking = wire.post("/asked", b"body").await;
            if asking.is_err() && answered.elapsed() >= DAWDLING {
                break;
            }
            let answer = asking?;
            answers.fetch_add(1, Ordering::Relaxed);
            answered = Instant::now();
            if answer.is_last() {
                break;
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_loses_nothing() {
    for _ in 0..10 {
        let files = Files::new();
        let mut rig = Rig::tls(patient(), files.paths()).await;
        let answers = Arc::<AtomicU64>::default();
        let mut clients = JoinSet::new();
        for _ in 0..6 {
            clients.spawn(hammer_until_refused(
                files.trusted_client(),
                rig.address,
                Arc::clone(&answers),
            ));
        }
        until("some answers", || answers.load(Ordering::Relaxed) >= 200).await;
        rig.stop.drain.cancel();
        ended(&mut rig).await;
        while let Some(ended) = clients.join_next().await {
            ended.unwrap().unwrap();
        }
        let counts = rig.counters.counts();
        assert_eq!(counts.requests, answers.load(Ordering::Relaxed));
        assert_eq!((counts.cut, counts.open), (0, 0));
    }
}

/// On one thread nothing is accepted while this test does not wait.
#[tokio::test]
async fn connections_that_wait_to_be_accepted_when_the_server_stops_are_served() {
    let mut rig = Rig::plain(patient()).await;
    rig.connect().await.post("/", b"").await.unwrap();
    let waiting: Vec<_> = (0..20)
        .map(|_| std::net::TcpStream::connect(rig.address).unwrap())
        .collect();
    rig.stop.drain.cancel();
    assert_eq!(rig.counters.counts().opened, 1);
    for stream in waiting {
        stream.set_nonblocking(true).unwrap();
        let mut wire = Wire::new(TcpStream::from_std(stream).unwrap());
        let answer = wire.post("/asked", b"").await.unwrap();
        assert_eq!(answer.status, 200);
        assert!(answer.is_last());
    }
    ended(&mut rig).await;
    assert_eq!(rig.counters.counts().requests, 21);
}
