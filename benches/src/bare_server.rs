//! The bare server: hyper and rustls with mutual TLS 1.3, that reads each request, parses nothing, and answers the same bytes.
//! The floor under every figure of a server.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// `bare-server ADDRESS FOLDER LENGTH`: the folder holds `tls/tls.crt`, `tls/tls.key` and `client-ca.crt`.
fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, folder, length] = arguments.as_slice() else {
        bail!("expected address, folder and length of the answer");
    };
    let tls = tls(Path::new(folder))?;
    let answer = Bytes::from(vec![b'.'; length.parse()?]);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address)
            .await
            .context("no such address")?;
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, tls.clone(), answer.clone()));
            }
        }
    })
}

async fn connection(stream: TcpStream, tls: TlsAcceptor, answer: Bytes) {
    // answers are small: waiting for more to send would only cost time
    let _still_works = stream.set_nodelay(true);
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer.clone();
        async move {
            // a body that breaks ends the connection anyway
            let _body = request.into_body().collect().await;
            Ok::<_, Infallible>(Response::new(Full::new(answer)))
        }
    });
    let _ended = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn tls(folder: &Path) -> Result<TlsAcceptor> {
    let mut clients = RootCertStore::empty();
    clients.add(CertificateDer::from_pem_file(folder.join("client-ca.crt"))?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(clients), Arc::clone(&provider))
            .build()?;
    let certificate = CertificateDer::from_pem_file(folder.join("tls/tls.crt"))?;
    let key = PrivateKeyDer::from_pem_file(folder.join("tls/tls.key"))?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
