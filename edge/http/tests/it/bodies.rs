//! Bodies: too long, too short, late, packed.

use ratify_http::{Cause, Error, Phase};

use crate::server::{LIMIT, Reply, Server, client, get, response, soon};

#[tokio::test]
async fn a_body_arrives_as_it_was_sent() {
    let server = Server::start(|_, _| response("200 OK", "x-y: z\r\n", "hello")).await;
    let client = client();
    let answer = client.send(get(&server, "/a?b=c")).await.unwrap();
    assert_eq!(&answer.body[..], b"hello");
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["x-y"]),
        (200, &"z".parse().unwrap())
    );
    assert_eq!(client.sent(), 1);
    let head = &server.heads()[0];
    assert!(head.starts_with("get /a?b=c http/1.1\r\n"), "{head}");
    assert!(head.contains("user-agent: ratify/0"), "{head}");
}

#[tokio::test]
async fn att_16_an_announced_length_over_the_limit_is_refused_before_reading() {
    // Nothing follows the head: whoever reads on waits for ever.
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n".to_vec();
    let server = Server::start(move |_, _| Reply::SendAndStall(head.clone())).await;
    let refused = client().send(get(&server, "/")).await;
    assert!(
        matches!(&refused, Err(Error::TooLarge { limit, .. }) if *limit == LIMIT),
        "{refused:?}"
    );
    let text = refused.unwrap_err().to_string();
    assert!(
        text.ends_with("is larger than the limit for test bodies of 1000 bytes"),
        "{text}"
    );
}

#[tokio::test]
async fn att_16_an_endless_body_is_cut_at_the_limit() {
    for head in [
        &b"HTTP/1.1 200 OK\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffff\r\n",
    ] {
        let server = Server::start(|_, _| Reply::SendEndlessly(head.to_vec())).await;
        let refused = client().send(get(&server, "/")).await;
        assert!(
            matches!(refused, Err(Error::TooLarge { .. })),
            "{refused:?}"
        );
        assert_eq!(server.heads().len(), 1, "asking again would not help");
    }
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read() {
    let server = Server::start(|_, _| response("200 OK", "", &"x".repeat(1000))).await;
    assert_eq!(
        client().send(get(&server, "/")).await.unwrap().body.len(),
        1000
    );
}

#[tokio::test]
async fn one_byte_more_than_the_limit_is_refused_though_no_length_was_announced() {
    let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1001)).into_bytes();
    let server = Server::start(move |_, _| Reply::SendAndClose(long.clone())).await;
    let refused = client().send(get(&server, "/")).await;
    assert!(
        matches!(refused, Err(Error::TooLarge { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_body_that_ends_early_is_asked_for_again_and_then_an_error() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello".to_vec();
    let server = Server::start(move |_, _| Reply::SendAndClose(cut.clone())).await;
    let broken = client().send(get(&server, "/")).await;
    assert!(matches!(broken, Err(Error::Broken { .. })), "{broken:?}");
    assert_eq!(server.heads().len(), 4);
}

#[tokio::test]
async fn a_stalled_answer_and_a_stalled_body_end_with_the_deadline() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello";
    for (bytes, phase) in [(&b""[..], Phase::Answer), (half, Phase::Body)] {
        let server = Server::start(|_, _| Reply::SendAndStall(bytes.to_vec())).await;
        let mut request = get(&server, "/");
        request.deadline = soon();
        let late = client().send(request).await;
        assert!(
            matches!(&late, Err(Error::Timeout { phase: found, .. }) if *found == phase),
            "{late:?}"
        );
    }
}

#[tokio::test]
async fn att_16_packed_bodies_stay_packed_and_are_not_asked_for() {
    let server =
        Server::start(|_, _| response("200 OK", "content-encoding: gzip\r\n", "packed")).await;
    assert_eq!(
        &client().send(get(&server, "/")).await.unwrap().body[..],
        b"packed"
    );
    assert!(!server.heads()[0].contains("accept-encoding"));
}

#[tokio::test]
async fn the_body_of_a_refusal_is_kept_short() {
    let long = "x".repeat(100_000);
    let server = Server::start(move |_, _| response("404 Not Found", "", &long)).await;
    let answer = client().send(get(&server, "/")).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.body.len()),
        (404, 16 * 1024)
    );
}

#[tokio::test]
async fn what_is_not_http_is_an_error() {
    let server = Server::start(|_, _| Reply::SendAndClose(b"SSH-2.0-OpenSSH\r\n".to_vec())).await;
    let broken = client().send(get(&server, "/")).await;
    let Err(Error::Broken { source, .. }) = broken else {
        panic!("{broken:?}")
    };
    assert!(
        !Cause::to_string(&source).contains("http://"),
        "no URL in messages: {source}"
    );
}
