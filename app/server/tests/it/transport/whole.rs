//! All listeners together.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use ratify_server::{
    Arrival, ConnectionLimits, Server, ServerOptions, Services, StartError, TlsPaths,
};
use tokio::net::TcpStream;

use super::rig::{Files, Paths, Wire, request};

fn options(tls: Option<TlsPaths>) -> ServerOptions {
    ServerOptions {
        address: "127.0.0.1:0".parse().unwrap(),
        tls,
        health: Some("127.0.0.1:0".parse().unwrap()),
        metrics: Some("127.0.0.1:0".parse().unwrap()),
        limits: ConnectionLimits::default(),
    }
}

async fn health(_: Request<Incoming>, _: Arrival) -> Response<Full<Bytes>> {
    Response::new(Full::from("ok"))
}

async fn metrics(_: Request<Incoming>, _: Arrival) -> Response<Full<Bytes>> {
    Response::new(Full::from("# metrics"))
}

async fn asked(address: std::net::SocketAddr) -> String {
    let mut wire = Wire::new(TcpStream::connect(address).await.unwrap());
    wire.post("/", b"").await.unwrap().text().to_owned()
}

#[tokio::test]
async fn gatekeeper_is_served_over_tls_and_health_and_metrics_in_plain() {
    let files = Files::new();
    let bound = Server::bind(options(Some(files.paths()))).await.unwrap();
    assert!(bound.tls().is_some());
    let (connections, paths) = (bound.connections(), Paths::new());
    let server = bound.start(Services {
        admission: paths.clone(),
        health,
        metrics,
    });
    let addresses = server.addresses();
    let client = files.trusted_client();
    let answer = client.ask(addresses.admission).await.unwrap();
    assert_eq!(answer.text(), "/asked 4");
    assert_eq!(asked(addresses.health.unwrap()).await, "ok");
    assert_eq!(asked(addresses.metrics.unwrap()).await, "# metrics");
    assert_eq!(connections.counts().requests, 1);

    // while it stops, health goes on
    let mut busy = client.connect(addresses.admission).await.unwrap();
    busy.write(request("/wait", b"")).await.unwrap();
    paths.until_asked(2).await;
    let stopping = tokio::spawn(server.stop(Duration::from_secs(10)));
    while TcpStream::connect(addresses.admission).await.is_ok() {}
    assert_eq!(asked(addresses.health.unwrap()).await, "ok");
    paths.let_go(1);
    assert_eq!(busy.answer().await.unwrap().text(), "/wait");
    drop(busy);
    assert_eq!(stopping.await.unwrap().cut, 0);
    TcpStream::connect(addresses.health.unwrap())
        .await
        .unwrap_err();
    TcpStream::connect(addresses.metrics.unwrap())
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_stop_takes_no_longer_than_its_grace() {
    let bound = Server::bind(options(None)).await.unwrap();
    let paths = Paths::new();
    let server = bound.start(Services {
        admission: paths.clone(),
        health,
        metrics,
    });
    let stream = TcpStream::connect(server.addresses().admission)
        .await
        .unwrap();
    let mut wire = Wire::new(stream);
    wire.write(request("/wait", b"")).await.unwrap();
    paths.until_asked(1).await;
    let start = tokio::time::Instant::now();
    assert_eq!(server.stop(Duration::from_millis(300)).await.cut, 1);
    let took = start.elapsed();
    assert!(
        took >= Duration::from_millis(300) && took < Duration::from_secs(3),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_server_that_works_has_not_failed() {
    let bound = Server::bind(options(None)).await.unwrap();
    let mut server = bound.start(Services {
        admission: health,
        health,
        metrics,
    });
    let address = server.addresses().admission;
    let failed = tokio::time::timeout(Duration::from_millis(200), server.failed());
    let (failed, answer) = tokio::join!(failed, asked(address));
    failed.unwrap_err();
    assert_eq!(answer, "ok");
}

#[tokio::test]
async fn no_certificate_or_no_port_is_no_start() {
    let files = Files::new();
    let nowhere = TlsPaths::in_directory(&files.at("nowhere"), None);
    let error = Server::bind(options(Some(nowhere))).await.unwrap_err();
    assert!(matches!(error, StartError::Tls(_)), "{error:?}");
    let first = Server::bind(options(None)).await.unwrap();
    let mut second = options(None);
    second.metrics = Some(first.addresses().admission.to_string().parse().unwrap());
    let error = Server::bind(second).await.unwrap_err();
    assert!(matches!(error, StartError::Bind(_)), "{error:?}");
}
