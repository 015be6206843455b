//! How many connections are opened, when they are used again, and who hears of one that fails.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use ratify_http::{Certificates, Client, Deadline, Error, Lookup, Method, Request};
use ratify_testkit::certs::{Authority, Template};
use ratify_testkit::registry::{Builder, Fault, Match, Registry, Times};
use tokio::net::TcpListener;
use tokio::time::Instant;
use url::Url;

use crate::server::{LIMIT, Reply, Server, client, get, options, patient, response};

fn question(registry: &Registry) -> Request<'static> {
    let url = format!("{}/v2/", registry.base_url());
    Request::get(Url::parse(&url).unwrap(), LIMIT, patient())
}

/// A registry that speaks HTTP/2, and a client that trusts it.
async fn with_http2(builder: Builder) -> (Registry, Client) {
    let authority = Authority::new("test");
    let chain = authority.issue(&Template::tls_server(&["127.0.0.1"]));
    let registry = builder.tls(&chain).start().await.unwrap();
    let mut options = options();
    options.authorities = Some(Certificates::from_pem(authority.pem().as_bytes()).unwrap());
    (registry, Client::new(&options))
}

async fn all_fine(client: &Client, registry: &Registry, count: usize) {
    let asked = (0..count).map(|_| client.send(question(registry)));
    for answer in join_all(asked).await {
        assert_eq!(answer.unwrap().status.as_u16(), 200);
    }
}

#[tokio::test]
async fn http2_takes_one_connection_however_many_ask_at_once() {
    let (registry, client) = with_http2(Registry::builder()).await;
    all_fine(&client, &registry, 80).await;
    all_fine(&client, &registry, 80).await;
    assert_eq!(registry.connections(), 1);
    assert_eq!(client.sent(), 160);
}

#[tokio::test]
async fn a_full_http2_connection_gets_another_one_beside_it() {
    let far = Registry::builder().delay(Duration::from_millis(30));
    let (registry, client) = with_http2(far).await;
    // more than a host must bear on one connection
    all_fine(&client, &registry, 250).await;
    all_fine(&client, &registry, 250).await;
    let connections = registry.connections();
    assert!((2..=4).contains(&connections), "{connections}");
}

#[tokio::test]
async fn a_few_questions_at_once_get_a_connection_each_and_use_it_again() {
    let registry = Registry::builder().delay(Duration::from_millis(30));
    let registry = registry.start().await.unwrap();
    let client = client();
    for _ in 0..3 {
        all_fine(&client, &registry, 5).await;
    }
    assert_eq!(registry.connections(), 5);
}

#[tokio::test]
async fn a_host_far_away_gets_as_many_connections_as_there_are_questions() {
    let registry = Registry::builder().delay(Duration::from_millis(300));
    let registry = registry.start().await.unwrap();
    let client = client();
    let start = Instant::now();
    all_fine(&client, &registry, 60).await;
    let elapsed = start.elapsed();
    assert_eq!(registry.connections(), 60);
    assert!(elapsed < Duration::from_millis(900), "{elapsed:?}");
}

#[tokio::test]
async fn one_question_after_the_other_takes_one_connection_whatever_the_answer() {
    let registry = Registry::start().await.unwrap();
    for status in [503, 429, 404, 403] {
        registry.fault(Match::Any, Times::Once, Fault::Status(status));
        let client = client();
        registry.clear_requests();
        let before = registry.connections();
        let answer = client.send(question(&registry)).await.unwrap();
        assert!([200, status].contains(&answer.status.as_u16()));
        client.send(question(&registry)).await.unwrap();
        assert_eq!(registry.connections() - before, 1, "{status}");
        registry.clear_faults();
    }
}

#[tokio::test]
async fn a_kept_connection_that_has_ended_costs_nothing() {
    // it says nothing of closing, and closes after the answer
    let server = Server::start(|_, _| {
        Reply::SendAndClose(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec())
    })
    .await;
    let mut options = options();
    options.retries.most = 0;
    let client = Client::new(&options);
    for _ in 0..50 {
        client.send(get(&server, "/")).await.unwrap();
    }
}

/// The end of a kept connection and a question may cross on the way.
#[tokio::test]
async fn a_kept_connection_that_ends_without_an_answer_is_replaced_at_once() {
    for method in [Method::Get, Method::Post] {
        let server = Server::start(|number, _| match number {
            1 => Reply::SendAndClose(Vec::new()),
            _ => response("200 OK", "", "fine"),
        })
        .await;
        let mut options = options();
        options.retries.most = 0;
        let client = Client::new(&options);
        client.send(get(&server, "/")).await.unwrap();
        let mut second = get(&server, "/");
        second.method = method;
        let outcome = client.send(second).await;
        if method == Method::Get {
            assert_eq!(&outcome.unwrap().body[..], b"fine");
            assert_eq!(client.sent(), 3);
        } else {
            // it may have done what it was to do
            assert!(matches!(outcome, Err(Error::Broken { .. })), "{outcome:?}");
            assert_eq!(server.heads().len(), 2);
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_said_to_end_is_not_used_again() {
    for headers in ["connection: close\r\n", "connection: Keep-Alive, CLOSE\r\n"] {
        let server = Server::start(move |_, _| response("200 OK", headers, "")).await;
        let client = client();
        client.send(get(&server, "/")).await.unwrap();
        client.send(get(&server, "/")).await.unwrap();
        assert_eq!((server.heads().len(), client.sent()), (2, 2), "{headers}");
    }
}

/// A host that accepts and never says a word.
async fn silent() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            held.push(stream);
        }
    });
    (address, accepted)
}

#[tokio::test]
async fn one_attempt_to_agree_on_tls_fails_for_all_who_wait() {
    let (address, accepted) = silent().await;
    let mut options = options();
    options.connect_timeout = Duration::from_millis(200);
    options.retries.most = 0;
    let authority = Authority::new("test");
    options.authorities = Some(Certificates::from_pem(authority.pem().as_bytes()).unwrap());
    let client = Client::new(&options);
    let url = Url::parse(&format!("https://{address}/")).unwrap();
    let start = Instant::now();
    let asked = (0..50).map(|_| client.send(Request::get(url.clone(), LIMIT, patient())));
    for outcome in join_all(asked).await {
        let Err(Error::Connect { source, .. }) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(source.io(), Some(std::io::ErrorKind::TimedOut));
    }
    assert_eq!(accepted.load(Ordering::Relaxed), 1);
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
}

#[tokio::test]
async fn connections_that_are_opened_together_share_one_look_up() {
    let registry = Registry::builder().delay(Duration::from_millis(50));
    let registry = registry.start().await.unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let mut options = options();
    let count = Arc::clone(&asked);
    options.lookup = Lookup::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    });
    let client = Client::new(&options);
    let (_, port) = registry.base_url().rsplit_once(':').unwrap();
    let url = Url::parse(&format!("http://reg.example:{port}/v2/")).unwrap();
    let all = (0..20).map(|_| client.send(Request::get(url.clone(), LIMIT, patient())));
    for answer in join_all(all).await {
        assert_eq!(answer.unwrap().status.as_u16(), 200);
    }
    assert!(registry.connections() > 8);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_question_that_is_given_up_leaves_the_others_alone() {
    let registry = Registry::builder().delay(Duration::from_millis(50));
    let (registry, client) = with_http2(registry).await;
    let plain = Registry::builder().delay(Duration::from_millis(50));
    let plain = plain.start().await.unwrap();
    for registry in [&registry, &plain] {
        let hasty = (0..20).map(|number| {
            let time = Duration::from_millis(number * 5);
            tokio::time::timeout(time, client.send(question(registry)))
        });
        let (_, ()) = tokio::join!(join_all(hasty), all_fine(&client, registry, 20));
        all_fine(&client, registry, 20).await;
    }
}

#[tokio::test]
async fn an_http2_connection_that_is_gone_is_replaced() {
    let (registry, client) = with_http2(Registry::builder()).await;
    all_fine(&client, &registry, 5).await;
    registry.fault(Match::Any, Times::Once, Fault::Reset);
    // a stream is reset, which is a failure that may pass
    all_fine(&client, &registry, 1).await;
    all_fine(&client, &registry, 5).await;
}

#[tokio::test]
async fn a_silent_http2_connection_is_not_given_to_others() {
    let (registry, client) = with_http2(Registry::builder()).await;
    all_fine(&client, &registry, 1).await;
    registry.fault(Match::Any, Times::Once, Fault::Stall);
    let mut hasty = question(&registry);
    hasty.deadline = Deadline::after(Duration::from_millis(200));
    let outcome = client.send(hasty).await;
    assert!(matches!(outcome, Err(Error::Timeout { .. })), "{outcome:?}");
    all_fine(&client, &registry, 3).await;
    assert_eq!(registry.connections(), 2);
}
