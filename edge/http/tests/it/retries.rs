//! What is asked again, how often, and what 429 does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ratify_http::{Body, Deadline, Error, Method, Request};
use tokio::time::Instant;

use crate::server::{LIMIT, Reply, Server, client, get, options, patient, response, soon};

#[tokio::test]
async fn a_503_is_asked_again_until_it_passes() {
    for status in [
        "502 Bad Gateway",
        "503 Service Unavailable",
        "504 Gateway Timeout",
    ] {
        let server = Server::start(move |number, _| match number {
            0 | 1 => response(status, "", "busy"),
            _ => response("200 OK", "", "fine"),
        })
        .await;
        let counter = AtomicU64::new(0);
        let mut request = get(&server, "/");
        request.counter = Some(&counter);
        let answer = client().send(request).await.unwrap();
        assert_eq!(&answer.body[..], b"fine");
        assert_eq!(
            (server.heads().len(), counter.load(Ordering::Relaxed)),
            (3, 3)
        );
    }
}

#[tokio::test]
async fn a_503_that_stays_is_the_answer_after_four_requests() {
    let server = Server::start(|_, _| response("503 Service Unavailable", "", "")).await;
    let answer = client().send(get(&server, "/")).await.unwrap();
    assert_eq!((answer.status.as_u16(), server.heads().len()), (503, 4));
}

#[tokio::test]
async fn a_host_that_refuses_every_third_request_answers_every_question() {
    for status in ["503 Service Unavailable", "429 Too Many Requests"] {
        let server = Server::start(move |number, _| match number % 3 {
            2 => response(status, "", ""),
            _ => response("200 OK", "", "fine"),
        })
        .await;
        let client = client();
        let asked = (0..300).map(|_| client.send(get(&server, "/")));
        for answer in futures::future::join_all(asked).await {
            assert_eq!(&answer.unwrap().body[..], b"fine", "{status}");
        }
        let others = server.heads().len() - 300;
        assert!((145..=152).contains(&others), "{others} were refused");
    }
}

#[tokio::test]
async fn a_question_that_alone_fails_is_given_up_after_eleven_requests() {
    let server = Server::start(|_, head| {
        if head.contains("/unlucky") {
            response("503 Service Unavailable", "", "")
        } else {
            response("200 OK", "", "fine")
        }
    })
    .await;
    let client = client();
    let others = async {
        loop {
            client.send(get(&server, "/lucky")).await.unwrap();
        }
    };
    let status = tokio::select! {
        answer = client.send(get(&server, "/unlucky")) => answer.unwrap().status.as_u16(),
        () = others => unreachable!(),
    };
    assert_eq!(status, 503);
    let heads = server.heads();
    let unlucky = heads.iter().filter(|head| head.contains("/unlucky"));
    assert!(
        (5..=11).contains(&unlucky.count()),
        "more often than where nobody is answered"
    );
}

#[tokio::test]
async fn a_500_and_a_403_are_answers() {
    for status in [
        "500 Internal Server Error",
        "403 Forbidden",
        "404 Not Found",
    ] {
        let server = Server::start(move |_, _| response(status, "", "")).await;
        client().send(get(&server, "/")).await.unwrap();
        assert_eq!(server.heads().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_reset_connection_is_asked_again() {
    let server = Server::start(|number, _| match number {
        0 => Reply::SendAndClose(Vec::new()),
        _ => response("200 OK", "", "fine"),
    })
    .await;
    assert_eq!(
        &client().send(get(&server, "/")).await.unwrap().body[..],
        b"fine"
    );
    assert_eq!(server.heads().len(), 2);
}

#[tokio::test]
async fn nobody_listening_is_a_connect_error_after_four_tries() {
    let server = Server::start(|_, _| response("200 OK", "", "")).await;
    let url = server.url("/");
    drop(server);
    let client = client();
    let refused = client.send(Request::get(url, LIMIT, patient())).await;
    let Err(Error::Connect { source, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(source.io(), Some(std::io::ErrorKind::ConnectionRefused));
    assert_eq!(client.sent(), 4);
}

#[tokio::test]
async fn a_form_is_sent_once() {
    let server =
        Server::start(|_, _| response("503 Service Unavailable", "connection: close\r\n", ""))
            .await;
    let mut request = get(&server, "/");
    request.method = Method::Post;
    request.body = Body::form("a=b");
    assert_eq!(client().send(request).await.unwrap().status.as_u16(), 503);
    let heads = server.heads();
    assert_eq!(heads.len(), 1);
    assert!(heads[0].contains("content-type: application/x-www-form-urlencoded"));
}

#[tokio::test]
async fn a_429_waits_as_long_as_it_says() {
    let server = Server::start(|number, _| match number {
        0 => response("429 Too Many Requests", "retry-after: 1\r\n", ""),
        _ => response("200 OK", "", "fine"),
    })
    .await;
    let start = Instant::now();
    client().send(get(&server, "/")).await.unwrap();
    assert!(
        start.elapsed() >= Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(server.heads().len(), 2);
}

#[tokio::test]
async fn a_429_without_end_gives_up_after_four_requests() {
    let server = Server::start(|_, _| response("429 Too Many Requests", "", "")).await;
    let limited = client().send(get(&server, "/")).await;
    assert!(
        matches!(
            limited,
            Err(Error::RateLimited {
                retry_after: None,
                ..
            })
        ),
        "{limited:?}"
    );
    assert_eq!(server.heads().len(), 4);
}

#[tokio::test]
async fn a_429_for_a_day_gives_up_at_once_and_others_are_not_sent() {
    let server =
        Server::start(|_, _| response("429 Too Many Requests", "retry-after: 86400\r\n", "")).await;
    let client = client();
    let start = Instant::now();
    for _ in 0..3 {
        let mut request = get(&server, "/");
        request.deadline = Deadline::after(Duration::from_secs(20));
        let limited = client.send(request).await;
        assert!(
            matches!(limited, Err(Error::RateLimited { .. })),
            "{limited:?}"
        );
    }
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(
        server.heads().len(),
        1,
        "one pause for the host, not one for each request"
    );
}

#[tokio::test]
async fn no_repetition_outlives_the_deadline() {
    let server =
        Server::start(|_, _| response("503 Service Unavailable", "retry-after: 5\r\n", "")).await;
    let mut request = get(&server, "/");
    request.deadline = soon();
    let start = Instant::now();
    assert_eq!(client().send(request).await.unwrap().status.as_u16(), 503);
    assert!(start.elapsed() < Duration::from_secs(3));
    assert_eq!(server.heads().len(), 1);
}

#[tokio::test]
async fn no_repetition_outlives_the_patience() {
    for (status, header) in [
        ("503 Service Unavailable", "retry-after: 5\r\n"),
        ("429 Too Many Requests", "retry-after: 5\r\n"),
    ] {
        let server = Server::start(move |_, _| response(status, header, "")).await;
        let client = client();
        let start = Instant::now();
        for _ in 0..2 {
            let mut request = get(&server, "/");
            let patience = Instant::now() + Duration::from_secs(1);
            request.deadline = patient().with_patience(patience);
            let outcome = client.send(request).await;
            assert!(
                !matches!(&outcome, Ok(answer) if answer.status.is_success()),
                "{outcome:?}"
            );
        }
        assert!(start.elapsed() < Duration::from_secs(3), "{status}");
        let most = if status.starts_with("429") { 1 } else { 2 };
        assert_eq!(server.heads().len(), most, "{status}");
    }
}

#[tokio::test]
async fn an_answer_under_way_may_outlive_the_patience() {
    let server = Server::start(|_, _| response("200 OK", "", "fine")).await;
    let mut request = get(&server, "/");
    request.deadline = patient().with_patience(Instant::now());
    assert_eq!(&client().send(request).await.unwrap().body[..], b"fine");
}

#[tokio::test]
async fn no_more_than_so_many_at_once() {
    let server = Server::start(|_, head| {
        if head.contains("/stall") {
            Reply::SendAndStall(Vec::new())
        } else {
            response("200 OK", "", "")
        }
    })
    .await;
    for (per_host, total) in [(1, 9), (9, 1)] {
        let mut options = options();
        options.concurrency = ratify_http::Concurrency { per_host, total };
        let client = ratify_http::Client::new(&options);
        let mut stalled = get(&server, "/stall");
        stalled.deadline = Deadline::after(Duration::from_millis(600));
        let mut second = get(&server, "/free");
        second.deadline = soon();
        let (stalled, second) = tokio::join!(client.send(stalled), client.send(second));
        assert!(matches!(stalled, Err(Error::Timeout { .. })));
        let waited = matches!(
            &second,
            Err(Error::Timeout {
                phase: ratify_http::Phase::Turn,
                ..
            })
        );
        assert!(waited, "{second:?}");
        client.send(get(&server, "/free")).await.unwrap();
    }
}
