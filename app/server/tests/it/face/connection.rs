//! Clients that leave in the middle.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ratify_server::RequestLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;

use super::rig::{Rig, Setting, Told, VERIFY, arrival, request_of};

fn rig() -> Arc<Rig> {
    Arc::new(Rig::told(
        Told,
        Setting {
            limits: RequestLimits {
                at_work: 1,
                waiting: 0,
                ..RequestLimits::default()
            },
            ..Setting::default()
        },
    ))
}

/// A connection to the face of `rig`, and what serves it.
fn connect(rig: &Arc<Rig>) -> (DuplexStream, JoinHandle<()>) {
    let (client, server) = duplex(64 * 1024);
    let rig = Arc::clone(rig);
    let serve = async move {
        let answer = service_fn(|request| async {
            Ok::<_, Infallible>(rig.face.answer(request, arrival()).await)
        });
        // a client that leaves is an error of its connection and of nothing else
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(server), answer)
            .await;
    };
    (client, tokio::spawn(serve))
}

fn head(length: usize) -> String {
    format!("POST {VERIFY} HTTP/1.1\r\nHost: ratify\r\nContent-Length: {length}\r\n\r\n")
}

async fn in_flight(rig: &Rig, expected: u64) {
    let name = "ratify_requests_in_flight{endpoint=\"verify\"}";
    let reached = async {
        while rig.metric(name) != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reached)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_frees_its_seat() {
    let rig = rig();
    let (mut client, served) = connect(&rig);
    let body = request_of(&["stall1"]);
    let request = head(body.len()) + &body;
    client.write_all(request.as_bytes()).await.unwrap();
    in_flight(&rig, 1).await;
    let error = rig.verify(&["app1"]).await.system_error();
    assert!(error.contains("OVERLOADED"), "the seat is taken: {error}");
    drop(client);
    served.await.unwrap();
    in_flight(&rig, 0).await;
    assert_eq!(rig.verify(&["app1"]).await.items().len(), 1);
    assert_eq!(
        rig.metric("ratify_requests_cut_off_total{endpoint=\"verify\"}"),
        1
    );
}

#[tokio::test]
async fn a_client_that_leaves_within_the_body_leaves_nothing() {
    let rig = rig();
    let (mut client, served) = connect(&rig);
    let request = head(1_000) + "{\"request\":{\"keys\":[\"app1\"";
    client.write_all(request.as_bytes()).await.unwrap();
    in_flight(&rig, 1).await;
    drop(client);
    served.await.unwrap();
    in_flight(&rig, 0).await;
}

#[tokio::test]
async fn a_body_cut_short_is_no_request() {
    let rig = rig();
    let (mut client, _served) = connect(&rig);
    let request = head(1_000) + "{\"request\":{\"keys\":[\"app1\"]}}";
    client.write_all(request.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
        "{answer}"
    );
}

#[tokio::test]
async fn an_answer_goes_over_the_wire_with_its_length() {
    let rig = rig();
    let (mut client, _served) = connect(&rig);
    let body = request_of(&["reg.io/BAD"]);
    let request = head(body.len()).replace("Host", "Connection: close\r\nHost") + &body;
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        head.contains(&format!("content-length: {}", body.len())),
        "{head}"
    );
    assert!(
        head.contains("content-type: text/plain; charset=utf-8"),
        "{head}"
    );
    assert!(body.ends_with("}}\n"));
}
