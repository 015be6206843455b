//! TLS: whom the client trusts, and for which host.

use std::sync::Arc;

use ratify_http::{Certificates, Client, Error, Origin};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use crate::server::{Reply, Server, get, options, response};

/// A certificate authority, and a server that it vouches for as 127.0.0.1.
async fn server(
    script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
) -> (Server, Certificates) {
    ratify_http::install_crypto_provider();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let certificates = Certificates::from_pem(authority.pem().as_bytes()).unwrap();
    (
        Server::start_with(Some(acceptor), script).await,
        certificates,
    )
}

fn authority_of(server: &Server) -> String {
    Origin::of(&server.url("/")).unwrap().authority()
}

#[tokio::test]
async fn an_unknown_authority_is_a_tls_error_and_not_asked_again() {
    let (server, _) = server(|_, _| response("200 OK", "", "")).await;
    let client = Client::new(&options());
    let refused = client.send(get(&server, "/")).await;
    assert!(
        matches!(
            refused,
            Err(Error::Tls { .. } | Error::NoAuthorities { .. })
        ),
        "{refused:?}"
    );
    assert!(client.sent() <= 1);
    assert!(server.heads().is_empty());
}

#[tokio::test]
async fn an_authority_is_trusted_for_its_own_host_alone() {
    let (one, certificates) = server(|_, _| response("200 OK", "", "one")).await;
    let mut options = options();
    options
        .authorities_of
        .insert(authority_of(&one), certificates.clone());
    let client = Client::new(&options);
    assert_eq!(&client.send(get(&one, "/")).await.unwrap().body[..], b"one");

    // The same authority, given for another port.
    let mut elsewhere = options_for("127.0.0.1:1", certificates);
    elsewhere.retries.most = 0;
    let refused = Client::new(&elsewhere).send(get(&one, "/")).await;
    assert!(
        matches!(
            refused,
            Err(Error::Tls { .. } | Error::NoAuthorities { .. })
        ),
        "{refused:?}"
    );
}

fn options_for(host: &str, certificates: Certificates) -> ratify_http::Options {
    let mut options = options();
    options.authorities_of.insert(host.to_owned(), certificates);
    options
}

#[tokio::test]
async fn an_authority_can_be_trusted_for_all_hosts() {
    let (one, certificates) = server(|_, _| response("200 OK", "", "one")).await;
    let mut options = options();
    options.authorities = Some(certificates);
    assert_eq!(
        &Client::new(&options)
            .send(get(&one, "/"))
            .await
            .unwrap()
            .body[..],
        b"one"
    );
}

#[tokio::test]
async fn att_34_https_never_leads_to_http() {
    let plain = Server::start(|_, _| response("200 OK", "", "gotcha")).await;
    let target = format!("location: {}\r\n", plain.url("/"));
    let (secure, certificates) = server(move |_, _| response("302 Found", &target, "")).await;
    let options = options_for(&authority_of(&secure), certificates);
    let refused = Client::new(&options).send(get(&secure, "/")).await;
    assert!(
        matches!(refused, Err(Error::RedirectRefused { .. })),
        "{refused:?}"
    );
    assert!(plain.heads().is_empty());
}
