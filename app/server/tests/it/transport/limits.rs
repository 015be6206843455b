//! Clients that are slow, silent, or too many.

use std::time::Duration;

use ratify_server::ConnectionLimits;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::rig::{Files, Rig, Wire, request, until};

/// So short that a test need not wait long.
fn short() -> ConnectionLimits {
    ConnectionLimits {
        handshake: Duration::from_millis(300),
        head: Duration::from_millis(300),
        idle: Duration::from_millis(500),
        ..ConnectionLimits::default()
    }
}

/// Send a byte now and then until the server has had enough; how long that took.
async fn trickle(wire: &mut Wire<TcpStream>) -> Duration {
    let start = Instant::now();
    while wire.write(b"x").await.is_ok() && start.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(20)).await;
    }
    start.elapsed()
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_ended() {
    let files = Files::new();
    let rig = Rig::tls(short(), files.paths()).await;
    let mut silent = rig.connect().await;
    let mut slow = rig.connect().await;
    // the beginning of a handshake record of 512 bytes
    slow.write(b"\x16\x03\x01\x02\x00").await.unwrap();
    let start = Instant::now();
    let took = trickle(&mut slow).await;
    assert!(took >= Duration::from_millis(150), "{took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    let _ = silent.end().await;
    assert!(start.elapsed() < Duration::from_secs(3));
    until("two time-outs", || {
        rig.counters.counts().handshake_failures.timeout == 2
    })
    .await;
    assert_eq!(rig.counters.counts().open, 0);
}

#[tokio::test]
async fn a_head_that_never_ends_is_ended_on_a_new_connection_and_on_a_used_one() {
    let rig = Rig::plain(short()).await;
    let mut new = rig.connect().await;
    new.write(b"POST / HTTP/1.1\r\nx: ").await.unwrap();
    assert!(trickle(&mut new).await < Duration::from_secs(3));
    let mut used = rig.connect().await;
    used.post("/", b"").await.unwrap();
    used.write(b"POST / HTTP/1.1\r\nx: ").await.unwrap();
    assert!(trickle(&mut used).await < Duration::from_secs(3));
    let mut silent = rig.connect().await;
    let _ = silent.end().await;
    rig.until_open(0).await;
    assert_eq!(rig.counters.counts().head_timeouts, 3);
    assert_eq!(rig.paths.asked(), 1);
}

#[tokio::test]
async fn a_body_that_never_ends_costs_the_request_its_time_and_no_more() {
    let rig = Rig::plain(short()).await;
    let mut wire = rig.connect().await;
    wire.write(b"POST / HTTP/1.1\r\nhost: r\r\ncontent-length: 1000\r\n\r\n")
        .await
        .unwrap();
    trickle(&mut wire).await;
    rig.until_open(0).await;
    assert_eq!(rig.paths.asked(), 1);
}

#[tokio::test]
async fn an_idle_connection_is_closed_cleanly_and_not_before_its_time() {
    let files = Files::new();
    let limits = ConnectionLimits {
        idle: Duration::from_millis(1500),
        ..ConnectionLimits::default()
    };
    let rig = Rig::tls(limits, files.paths()).await;
    let mut wire = files.trusted_client().connect(rig.address).await.unwrap();
    for _ in 0..4 {
        wire.post("/", b"").await.unwrap();
        // together longer than the time-out, each shorter
        sleep(Duration::from_millis(500)).await;
    }
    wire.post("/", b"").await.unwrap();
    let start = Instant::now();
    // over TLS an end without goodbye would be an error
    wire.end().await.unwrap();
    let idle = start.elapsed();
    assert!(idle >= Duration::from_millis(1300), "{idle:?}");
    assert!(idle < Duration::from_secs(5), "{idle:?}");
    drop(wire);
    rig.until_open(0).await;
    assert_eq!(rig.counters.counts().idle_closed, 1);
}

#[tokio::test]
async fn a_request_under_way_is_not_idle() {
    let rig = Rig::plain(short()).await;
    let mut wire = rig.connect().await;
    wire.write(request("/wait", b"")).await.unwrap();
    rig.paths.until_asked(1).await;
    sleep(Duration::from_millis(800)).await;
    rig.paths.let_go(1);
    assert_eq!(wire.answer().await.unwrap().text(), "/wait");
    assert_eq!(wire.post("/", b"").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_given_up() {
    let rig = Rig::plain(short()).await;
    let mut wire = rig.connect().await;
    wire.write(request("/large", b"")).await.unwrap();
    rig.paths.until_asked(1).await;
    rig.until_open(0).await;
    // a part of the answer came, then the end
    let mut read = Vec::new();
    let _ = wire.io.read_to_end(&mut read).await;
    assert!(!read.is_empty());
    assert!(read.len() < 32 * 1024 * 1024);
}

#[tokio::test]
async fn a_client_that_reads_gets_all_of_a_large_answer() {
    let rig = Rig::plain(ConnectionLimits::default()).await;
    let mut wire = rig.connect().await;
    let answer = wire.post("/large", b"").await.unwrap();
    assert_eq!(answer.body.len(), 32 * 1024 * 1024);
}

#[tokio::test]
async fn one_connection_too_many_takes_the_place_of_the_longest_idle() {
    let limits = ConnectionLimits {
        connections: 3,
        ..ConnectionLimits::default()
    };
    let rig = Rig::plain(limits).await;
    let mut wires = Vec::new();
    for _ in 0..3 {
        let mut wire = rig.connect().await;
        wire.post("/", b"").await.unwrap();
        wires.push(wire);
        sleep(Duration::from_millis(60)).await;
    }
    // now the second is the longest idle
    wires[0].post("/again", b"").await.unwrap();
    let mut newcomer = rig.connect().await;
    assert_eq!(newcomer.post("/new", b"").await.unwrap().status, 200);
    let _ = wires[1].end().await;
    assert_eq!(wires[0].post("/", b"").await.unwrap().status, 200);
    assert_eq!(wires[2].post("/", b"").await.unwrap().status, 200);
    let counts = rig.counters.counts();
    assert_eq!(
        (counts.evicted, counts.refused_full, counts.open),
        (1, 0, 3)
    );
}

#[tokio::test]
async fn a_request_under_way_never_gives_up_its_place() {
    let limits = ConnectionLimits {
        connections: 2,
        ..ConnectionLimits::default()
    };
    let rig = Rig::plain(limits).await;
    let mut busy = Vec::new();
    for number in 1..=2 {
        let mut wire = rig.connect().await;
        wire.write(request("/wait", b"")).await.unwrap();
        rig.paths.until_asked(number).await;
        busy.push(wire);
    }
    let mut newcomer = rig.connect().await;
    let _ = newcomer.write(request("/new", b"")).await;
    assert!(newcomer.answer().await.is_err());
    assert_eq!(rig.counters.counts().refused_full, 1);
    rig.paths.let_go(2);
    for wire in &mut busy {
        assert_eq!(wire.answer().await.unwrap().text(), "/wait");
    }
    // there is room again
    let mut newcomer = rig.connect().await;
    assert_eq!(newcomer.post("/new", b"").await.unwrap().status, 200);
}

#[tokio::test]
async fn newcomers_do_not_take_the_last_place_from_each_other() {
    let limits = ConnectionLimits {
        connections: 2,
        ..ConnectionLimits::default()
    };
    let rig = Rig::plain(limits).await;
    let mut busy = rig.connect().await;
    busy.write(request("/wait", b"")).await.unwrap();
    rig.paths.until_asked(1).await;
    // one after the other is accepted before the first can ask
    let streams: Vec<_> = (0..5)
        .map(|_| std::net::TcpStream::connect(rig.address).unwrap())
        .collect();
    let mut answered = 0;
    for stream in streams {
        stream.set_nonblocking(true).unwrap();
        let mut wire = Wire::new(TcpStream::from_std(stream).unwrap());
        if wire.post("/", b"").await.is_ok() {
            answered += 1;
        }
    }
    assert!(answered >= 1);
    assert!(rig.counters.counts().refused_full >= 1);
}

#[tokio::test]
async fn a_flood_of_silent_connections_keeps_no_good_client_out() {
    let files = Files::new();
    let limits = ConnectionLimits {
        connections: 16,
        ..ConnectionLimits::default()
    };
    let rig = Rig::tls(limits, files.paths()).await;
    let client = files.trusted_client();
    let mut silent = Vec::new();
    for _ in 0..10 {
        for _ in 0..8 {
            silent.push(TcpStream::connect(rig.address).await.unwrap());
        }
        // a connection that has just come keeps its place for a moment
        sleep(Duration::from_millis(60)).await;
        assert_eq!(client.ask(rig.address).await.unwrap().status, 200);
    }
    let counts = rig.counters.counts();
    assert!(counts.open <= 17, "{counts:?}");
    assert!(counts.evicted >= 60, "{counts:?}");
    assert_eq!(counts.refused_full, 0);
}
