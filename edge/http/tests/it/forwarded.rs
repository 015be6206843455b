//! Trace ids that are passed on.

use http::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use ratify_http::{ForwardedHeaders, with_headers};

use crate::server::{Server, client, get, response};

fn trace() -> ForwardedHeaders {
    let name = HeaderName::from_static("x-ms-correlation-request-id");
    ForwardedHeaders::new([(name, HeaderValue::from_static("4711"))]).unwrap()
}

const SENT: &str = "x-ms-correlation-request-id: 4711\r\n";

#[tokio::test]
async fn v_2_9_the_trace_id_is_sent_to_the_registry() {
    let server = Server::start(|number, _| match number {
        0 => response("503 Service Unavailable", "", ""),
        1 => response("307 Temporary Redirect", "location: /there\r\n", ""),
        _ => response("200 OK", "", ""),
    })
    .await;
    let client = client();
    with_headers(trace(), client.send(get(&server, "/")))
        .await
        .unwrap();
    client.send(get(&server, "/")).await.unwrap();
    let sent: Vec<_> = server
        .heads()
        .iter()
        .map(|head| head.contains(SENT))
        .collect();
    assert_eq!(
        sent,
        [true, true, true, false],
        "with repetitions and redirects, and not with what is asked later"
    );
}

#[tokio::test]
async fn att_34_whoever_is_redirected_to_gets_no_trace_id() {
    let last = Server::start(|_, _| response("200 OK", "", "")).await;
    let to = last.url("/");
    let first = Server::start(move |_, _| {
        response("307 Temporary Redirect", &format!("location: {to}\r\n"), "")
    })
    .await;
    with_headers(trace(), client().send(get(&first, "/")))
        .await
        .unwrap();
    assert!(first.heads()[0].contains(SENT));
    assert!(!last.heads()[0].contains("4711"));
}

#[tokio::test]
async fn what_the_question_itself_says_counts() {
    let server = Server::start(|_, _| response("200 OK", "", "")).await;
    let mut request = get(&server, "/");
    request.headers = HeaderMap::from_iter([
        (ACCEPT, HeaderValue::from_static("text/plain")),
        (
            HeaderName::from_static("x-ms-correlation-request-id"),
            HeaderValue::from_static("own"),
        ),
    ]);
    with_headers(trace(), client().send(request)).await.unwrap();
    let head = &server.heads()[0];
    assert!(
        head.contains("accept: text/plain\r\n") && !head.contains("*/*"),
        "{head}"
    );
    assert!(
        head.contains("request-id: own\r\n") && !head.contains("4711"),
        "{head}"
    );
}
