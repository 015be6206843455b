use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::dial::Network;
use crate::{Client, Deadline, Error, Limit, Lookup, Options, Request, Response, Targets};

/// A proxy that answers every head with `answers`, one after the other, and keeps the heads.
struct FakeProxy {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl FakeProxy {
    async fn start(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, answers, Arc::clone(&seen)));
            }
        });
        Self { port, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// A client that uses it for everything but `none.example`.
    fn client(&self, options: &Options) -> Client {
        let matcher = Matcher::builder()
            .all(format!("http://user:pass@127.0.0.1:{}", self.port))
            .no("none.example")
            .build();
        let mut network = Network::new(options);
        network.proxies = ProxyTable(Some(matcher));
        Client::on(network, options)
    }
}

async fn talk(mut stream: TcpStream, answers: &[&str], seen: Arc<Mutex<Vec<String>>>) {
    for answer in answers {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        seen.lock().unwrap().push(head);
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn options() -> Options {
    let mut options = Options {
        // whoever looks a name up here has missed the proxy
        lookup: Lookup::new(|_| Box::pin(std::future::ready(Err(io::Error::other("looked up"))))),
        ..Options::default()
    };
    options.retries.most = 0;
    options
}

async fn ask(client: &Client, url: &str) -> Result<Response, Error> {
    let limit = Limit {
        of: "tests",
        bytes: 100,
    };
    let deadline = Deadline::after(std::time::Duration::from_mins(1));
    client
        .send(Request::get(Url::parse(url).unwrap(), limit, deadline))
        .await
}

const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine";

#[tokio::test]
async fn a_host_without_tls_is_asked_through_the_proxy_with_its_whole_url() {
    let proxy = FakeProxy::start(&[FINE, FINE]).await;
    let client = proxy.client(&options());
    for _ in 0..2 {
        let answer = ask(&client, "http://reg.example/v2/?x=y").await.unwrap();
        assert_eq!(&answer.body[..], b"fine");
    }
    let heads = proxy.heads();
    assert_eq!(heads.len(), 2, "over one connection");
    for head in heads {
        assert!(
            head.starts_with("GET http://reg.example/v2/?x=y HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(head.contains("host: reg.example\r\n"), "{head}");
        // user:pass
        assert!(
            head.contains("proxy-authorization: Basic dXNlcjpwYXNz\r\n"),
            "{head}"
        );
    }
}

#[tokio::test]
async fn a_host_with_tls_is_asked_through_a_tunnel() {
    // the proxy passes nothing on: what it gets next is the beginning of TLS
    let proxy = FakeProxy::start(&["HTTP/1.1 200 Connection established\r\n\r\n"]).await;
    let failed = ask(&proxy.client(&options()), "https://reg.example/v2/").await;
    assert!(
        matches!(
            failed,
            Err(Error::Connect { .. } | Error::Tls { .. } | Error::NoAuthorities { .. })
        ),
        "{failed:?}"
    );
    let heads = proxy.heads();
    let head = &heads[0];
    assert!(
        head.starts_with("CONNECT reg.example:443 HTTP/1.1\r\nHost: reg.example:443\r\n"),
        "{head}"
    );
    assert!(
        head.contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"),
        "{head}"
    );
    assert!(!head.contains("/v2/"), "{head}");
}

#[tokio::test]
async fn a_proxy_that_passes_nothing_on_is_a_connect_error_that_says_so() {
    for (answer, said) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "`407`",
        ),
        ("HTTP/1.1 503 Busy\r\n\r\n", "`503`"),
        ("SSH-2.0-OpenSSH\r\n\r\n", "answered"),
    ] {
        let answers: &'static [&'static str] = Box::leak(Box::new([answer]));
        let proxy = FakeProxy::start(answers).await;
        let failed = ask(&proxy.client(&options()), "https://reg.example/").await;
        let Err(Error::Connect { host, source }) = failed else {
            panic!("{failed:?}")
        };
        assert_eq!(host, "reg.example:443");
        let source = source.to_string();
        assert!(
            source.contains("proxy `127.0.0.1:") && source.contains(said),
            "{source}"
        );
    }
    let endless = "x".repeat(LONGEST_ANSWER * 2);
    let (near, mut far) = tokio::io::duplex(LONGEST_ANSWER * 4);
    far.write_all(endless.as_bytes()).await.unwrap();
    let mut near: Io = Box::new(near);
    assert!(head(&mut near).await.is_err());
}

#[tokio::test]
async fn loopback_and_exceptions_are_asked_directly() {
    let proxy = FakeProxy::start(&[FINE]).await;
    let server = FakeProxy::start(&[FINE]).await;
    let client = proxy.client(&options());
    ask(&client, &format!("http://127.0.0.1:{}/", server.port))
        .await
        .unwrap();
    let failed = ask(&client, "http://none.example/").await;
    assert!(
        matches!(&failed, Err(Error::Connect { source, .. }) if source.to_string() == "looked up"),
        "{failed:?}"
    );
    assert_eq!((proxy.heads().len(), server.heads().len()), (0, 1));
}

#[tokio::test]
async fn behind_a_proxy_literals_and_known_names_are_still_refused() {
    let proxy = FakeProxy::start(&[FINE]).await;
    let options = Options {
        targets: Targets::Guarded {
            allowed: HashSet::new(),
        },
        ..options()
    };
    let client = proxy.client(&options);
    for url in [
        "http://169.254.169.254/",
        "https://[fd00:ec2::254]/",
        "http://metadata.google.internal/",
        "http://localhost/",
    ] {
        let refused = ask(&client, url).await;
        assert!(
            matches!(refused, Err(Error::TargetRefused { .. })),
            "{url}: {refused:?}"
        );
    }
    // what a name means is for the proxy to say; and the proxy itself may be anywhere
    ask(&client, "http://reg.example/").await.unwrap();
    assert_eq!(proxy.heads().len(), 1);
}
