//! Who is told of what went out.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ratify_http::{Client, Observer, Outcome, Request};

use crate::server::{LIMIT, Reply, Server, get, options, patient, response, soon};

type Seen = Arc<Mutex<Vec<(String, &'static str, Outcome)>>>;

fn observed() -> (Client, Seen) {
    let seen = Seen::default();
    let mut options = options();
    let notes = Arc::clone(&seen);
    options.observer = Some(Observer::new(move |exchange| {
        let note = (exchange.host.to_owned(), exchange.kind, exchange.outcome);
        notes.lock().unwrap().push(note);
    }));
    (Client::new(&options), seen)
}

fn outcomes(seen: &Seen) -> Vec<Outcome> {
    let seen = seen.lock().unwrap();
    seen.iter().map(|(_, _, outcome)| *outcome).collect()
}

#[tokio::test]
async fn each_request_is_told_once_repetitions_and_redirects_included() {
    let last = Server::start(|_, _| response("404 Not Found", "", "")).await;
    let to = last.url("/x?secret");
    let first = Server::start(move |number, _| match number {
        0 => response("503 Service Unavailable", "connection: close\r\n", ""),
        1 => response("429 Too Many Requests", "connection: close\r\n", ""),
        2 => Reply::SendAndClose(Vec::new()),
        _ => response("307 Temporary Redirect", &format!("location: {to}\r\n"), ""),
    })
    .await;
    let (client, seen) = observed();
    let mut request = get(&first, "/");
    request.kind = "blob";
    client.send(request).await.unwrap();
    let (first, last) = (
        format!("127.0.0.1:{}", first.port),
        format!("127.0.0.1:{}", last.port),
    );
    let expected = [
        (first.clone(), "blob", Outcome::Status(503)),
        (first.clone(), "blob", Outcome::Status(429)),
        (first.clone(), "blob", Outcome::Failed("broken")),
        (first, "blob", Outcome::Status(307)),
        (last, "blob", Outcome::Status(404)),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
    assert_eq!(client.sent(), 5);
}

#[tokio::test]
async fn failures_are_told_in_a_word() {
    let stalling = Server::start(|_, _| Reply::SendAndStall(Vec::new())).await;
    let (client, seen) = observed();
    let mut request = get(&stalling, "/");
    request.deadline = soon();
    client.send(request).await.unwrap_err();
    assert_eq!(outcomes(&seen), [Outcome::Failed("timeout")]);

    let (client, seen) = observed();
    let gone = stalling.url("/");
    drop(stalling);
    client
        .send(Request::get(gone, LIMIT, patient()))
        .await
        .unwrap_err();
    assert_eq!(outcomes(&seen), [Outcome::Failed("connect"); 4]);
    assert_eq!(seen.lock().unwrap()[0].1, "other", "unless it is said");
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_any_more_is_told_too() {
    let stalling = Server::start(|_, _| Reply::SendAndStall(Vec::new())).await;
    let (client, seen) = observed();
    let send = client.send(get(&stalling, "/"));
    let cut = tokio::time::timeout(Duration::from_millis(200), send).await;
    assert!(cut.is_err());
    assert_eq!(outcomes(&seen), [Outcome::Failed("cancelled")]);
}
