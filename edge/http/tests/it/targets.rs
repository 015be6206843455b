//! Hosts that are never asked: decision 30, "loopback, link-local and metadata addresses are refused".

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ratify_http::{Client, Error, Lookup, Observer, Options, Outcome, Request, Targets};
use url::Url;

use crate::server::{LIMIT, Server, get, options, patient, response};

fn guarded(allowed: &[String]) -> Options {
    Options {
        targets: Targets::Guarded {
            allowed: allowed.iter().cloned().collect(),
        },
        ..options()
    }
}

fn authority(server: &Server) -> String {
    format!("127.0.0.1:{}", server.port)
}

type Answers = &'static [&'static [&'static str]];

/// A name server that says these addresses, one list after the other, the last for ever. An empty list: it fails.
fn lookup(answers: Answers, asked: Arc<AtomicUsize>) -> Lookup {
    Lookup::new(move |_| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        let answer = answers.get(number).or(answers.last()).unwrap();
        let addresses: Vec<IpAddr> = answer.iter().map(|text| text.parse().unwrap()).collect();
        Box::pin(std::future::ready(Ok(addresses)))
    })
}

fn refused(outcome: Result<ratify_http::Response, Error>) -> (String, &'static str) {
    match outcome {
        Err(Error::TargetRefused { host, reason }) => (host, reason),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_loopback_address_is_asked_only_where_it_is_configured() {
    let server = Server::start(|_, _| response("200 OK", "", "fine")).await;
    let client = Client::new(&guarded(&[]));
    let (host, reason) = refused(client.send(get(&server, "/")).await);
    assert_eq!((host, reason), (authority(&server), "a loopback address"));
    assert_eq!((server.heads().len(), client.sent()), (0, 0));

    let client = Client::new(&guarded(&[authority(&server)]));
    client.send(get(&server, "/")).await.unwrap();
    assert_eq!(server.heads().len(), 1);
}

#[tokio::test]
async fn att_34_a_redirect_to_a_metadata_service_is_not_followed() {
    let other = Server::start(|_, _| response("200 OK", "", "secret")).await;
    let own = authority(&other);
    for (to, reason) in [
        (
            "http://169.254.169.254/latest/meta-data/",
            "a link-local address",
        ),
        ("http://[fd00:ec2::254]/", "the metadata service of a cloud"),
        (
            "http://metadata.google.internal/",
            "the metadata service of a cloud",
        ),
        ("http://[::ffff:a9fe:a9fe]/", "a link-local address"),
        ("http://2852039166/", "a link-local address"),
        ("http://localhost:9/", "a loopback address"),
        (&format!("http://{own}/"), "a loopback address"),
    ] {
        let location = format!("location: {to}\r\n");
        let server =
            Server::start(move |_, _| response("307 Temporary Redirect", &location, "")).await;
        let client = Client::new(&guarded(&[authority(&server)]));
        let (_, found) = refused(client.send(get(&server, "/")).await);
        assert_eq!(found, reason, "{to}");
        assert_eq!((server.heads().len(), other.heads().len()), (1, 0), "{to}");
    }
}

/// Where a name may lead.
const ASTRAY: [(Answers, &str); 6] = [
    (&[&["127.0.0.1"]], "a loopback address"),
    (&[&["::1", "127.0.0.1"]], "a loopback address"),
    (&[&["::ffff:127.0.0.1"]], "a loopback address"),
    (&[&["0.0.0.0"]], "an unspecified address"),
    (&[&["169.254.169.254"]], "a link-local address"),
    (&[&["fd00:ec2::254"]], "the metadata service of a cloud"),
];

#[tokio::test]
async fn a_name_is_judged_by_the_addresses_that_are_connected_to() {
    let server = Server::start(|_, _| response("200 OK", "", "secret")).await;
    let url = Url::parse(&format!("http://reg.example:{}/", server.port)).unwrap();
    let request = || Request::get(url.clone(), LIMIT, patient());
    for (answers, reason) in ASTRAY {
        let asked = Arc::default();
        let mut options = guarded(&[]);
        options.lookup = lookup(answers, Arc::clone(&asked));
        let (host, found) = refused(Client::new(&options).send(request()).await);
        assert_eq!(host, format!("reg.example:{}", server.port));
        assert_eq!(found, reason, "{answers:?}");
        assert_eq!(asked.load(Ordering::Relaxed), 1, "refused for good");
    }
    assert_eq!(server.heads().len(), 0);

    let asked = Arc::default();
    let mut options = guarded(&[format!("reg.example:{}", server.port)]);
    options.lookup = lookup(&[&["127.0.0.1"]], asked);
    Client::new(&options).send(request()).await.unwrap();
    assert_eq!(server.heads().len(), 1, "somebody has named it");
}

#[tokio::test]
async fn a_name_is_judged_anew_at_each_connection() {
    let server = Server::start(|_, _| response("200 OK", "connection: close\r\n", "secret")).await;
    let url = Url::parse(&format!("http://reg.example:{}/", server.port)).unwrap();
    let asked = Arc::default();
    let mut options = guarded(&[]);
    // nothing harmless can be connected to in a test, so the first look-ups fail and the next one leads astray
    options.lookup = lookup(&[&[], &[], &["127.0.0.1"]], Arc::clone(&asked));
    let client = Client::new(&options);
    let outcome = client.send(Request::get(url, LIMIT, patient())).await;
    assert_eq!(refused(outcome).1, "a loopback address");
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    assert_eq!(server.heads().len(), 0);
}

/// The same name with and without leave never shares a connection.
#[tokio::test]
async fn leave_for_one_port_is_no_leave_for_another() {
    let (one, two) = (
        Server::start(|_, _| response("200 OK", "", "")).await,
        Server::start(|_, _| response("200 OK", "", "")).await,
    );
    let client = Client::new(&guarded(&[authority(&one)]));
    client.send(get(&one, "/")).await.unwrap();
    refused(client.send(get(&two, "/")).await);
    client.send(get(&one, "/")).await.unwrap();
    assert_eq!((one.heads().len(), two.heads().len()), (2, 0));
}

#[tokio::test]
async fn an_observer_hears_of_a_name_that_led_astray() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let mut options = guarded(&[]);
    options.lookup = lookup(&[&["127.0.0.1"]], Arc::default());
    options.observer = Some(Observer::new(move |exchange| {
        notes.lock().unwrap().push(exchange.outcome);
    }));
    let url = Url::parse("http://reg.example:9/").unwrap();
    refused(
        Client::new(&options)
            .send(Request::get(url, LIMIT, patient()))
            .await,
    );
    assert_eq!(*seen.lock().unwrap(), [Outcome::Failed("refused")]);
}
