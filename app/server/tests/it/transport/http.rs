//! HTTP/1.1 as clients speak it, good and bad.

use std::time::Duration;

use ratify_server::ConnectionLimits;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use super::rig::{Files, Rig, request};

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let rig = Rig::plain(ConnectionLimits::default()).await;
    let mut wire = rig.connect().await;
    for path in ["/first", "/second", "/third"] {
        let answer = wire.post(path, b"12345").await.unwrap();
        assert_eq!((answer.status, answer.text()), (200, &*format!("{path} 5")));
        assert!(!answer.is_last());
        assert!(answer.headers.contains_key("date"));
    }
    let peer = wire.post("/peer", b"").await.unwrap();
    assert_eq!(peer.text(), wire.io.local_addr().unwrap().to_string());
    let counts = rig.counters.counts();
    assert_eq!((counts.opened, counts.open, counts.requests), (1, 1, 4));
}

#[tokio::test]
async fn requests_sent_together_are_answered_in_order() {
    let rig = Rig::plain(ConnectionLimits::default()).await;
    let mut wire = rig.connect().await;
    let together = [
        request("/one", b"1"),
        request("/two", b"22"),
        request("/three", b""),
    ];
    wire.write(together.concat()).await.unwrap();
    for expected in ["/one 1", "/two 2", "/three 0"] {
        assert_eq!(wire.answer().await.unwrap().text(), expected);
    }
}

#[tokio::test]
async fn the_time_of_a_request_counts_from_the_connection_but_not_while_the_client_is_idle() {
    let files = Files::new();
    let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    let stream = tokio::net::TcpStream::connect(rig.address).await.unwrap();
    rig.until_open(1).await;
    sleep(Duration::from_millis(200)).await;
    let mut wire = files.trusted_client().over(stream).await.unwrap();
    let first = wire.post("/age", b"").await.unwrap();
    let age = |text: &str| text.parse::<u64>().unwrap();
    assert!(age(first.text()) >= 200, "{}", first.text());
    sleep(Duration::from_millis(200)).await;
    let second = wire.post("/age", b"").await.unwrap();
    assert!(age(second.text()) < 200, "{}", second.text());
}

#[tokio::test]
async fn a_client_that_waits_after_the_handshake_does_not_lose_its_time() {
    let files = Files::new();
    let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    let mut wire = files.trusted_client().connect(rig.address).await.unwrap();
    sleep(Duration::from_millis(300)).await;
    let first = wire.post("/age", b"").await.unwrap();
    assert!(
        first.text().parse::<u64>().unwrap() < 300,
        "{}",
        first.text()
    );
}

#[tokio::test]
async fn a_panic_is_an_answer_of_the_service_and_never_the_end_of_the_server() {
    let rig = Rig::plain(ConnectionLimits::default()).await;
    let mut wire = rig.connect().await;
    let answer = wire.post("/panic", b"").await.unwrap();
    assert_eq!(answer.status, 500);
    assert_eq!(answer.text(), "{\"systemError\":\"panicked\"}");
    assert_eq!(wire.post("/after", b"").await.unwrap().text(), "/after 0");
    assert_eq!(rig.counters.counts().panics, 1);
}

#[tokio::test]
async fn a_client_that_ends_its_side_after_the_request_still_gets_the_answer() {
    let rig = Rig::plain(ConnectionLimits::default()).await;
    let mut wire = rig.connect().await;
    wire.write(request("/wait", b"")).await.unwrap();
    wire.io.shutdown().await.unwrap();
    rig.paths.until_asked(1).await;
    rig.paths.let_go(1);
    assert_eq!(wire.answer().await.unwrap().text(), "/wait");
    wire.end().await.unwrap();
    rig.until_open(0).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_leaves_nothing_behind() {
    let rig = Rig::plain(ConnectionLimits::default()).await;
    for _ in 0..50 {
        let mut wire = rig.connect().await;
        wire.write(request("/wait", b"")).await.unwrap();
        // not a polite end but a reset
        socket2::SockRef::from(&wire.io)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        drop(wire);
    }
    rig.paths.until_asked(1).await;
    rig.paths.let_go(50);
    rig.until_open(0).await;
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_body_reaches_a_client_that_is_still_sending() {
    let rig = Rig::plain(ConnectionLimits::default()).await;
    let whole = request("/ignore", &vec![b'x'; 900 * 1024]);
    let (begin, rest) = whole.split_at(100 * 1024);
    for number in 1..=10 {
        let mut wire = rig.connect().await;
        wire.write(begin).await.unwrap();
        rig.paths.until_asked(number).await;
        // a reset would be an error here or below
        for part in rest.chunks(10 * 1024) {
            wire.write(part).await.unwrap();
        }
        assert_eq!(wire.answer().await.unwrap().text(), "/ignore");
        wire.end().await.unwrap();
    }
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let rig = Rig::plain(ConnectionLimits::default()).await;
    let many = "x: y\r\n".repeat(200);
    let long = format!("x: {}\r\n", "y".repeat(17 * 1024));
    let fits = format!("x: {}\r\n", "y".repeat(15 * 1024));
    for (headers, status) in [(many, 431), (long, 431), (fits, 200)] {
        let mut wire = rig.connect().await;
        let head = format!("POST / HTTP/1.1\r\nhost: r\r\n{headers}content-length: 0\r\n\r\n");
        wire.write(head).await.unwrap();
        assert_eq!(wire.answer().await.unwrap().status, status);
    }
    assert_eq!(rig.paths.asked(), 1);
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let rig = Rig::plain(ConnectionLimits::default()).await;
    for (bytes, status) in [
        (
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
            Some(400),
        ),
        // HTTP/2 without asking; its clients would not understand an answer
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", None),
        (
            b"POST / HTTP/1.1\r\nhost: r\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
            Some(400),
        ),
        (
            b"POST / HTTP/1.1\r\nhost: r\r\ncontent-length: x\r\n\r\n",
            Some(400),
        ),
    ] {
        let mut wire = rig.connect().await;
        wire.write(bytes).await.unwrap();
        assert_eq!(wire.answer().await.ok().map(|answer| answer.status), status);
        wire.end().await.unwrap();
    }
    assert_eq!(rig.paths.asked(), 0);
    rig.until_open(0).await;
}
