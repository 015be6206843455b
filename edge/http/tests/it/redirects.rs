//! Redirects, and what they do to credentials (attack catalogue T-34).

use std::sync::{Arc, OnceLock};

use ratify_http::{Authorization, Body, Error, Method};

use crate::server::{Server, client, get, response};

fn to(location: impl std::fmt::Display) -> crate::server::Reply {
    response(
        "307 Temporary Redirect",
        &format!("location: {location}\r\n"),
        "elsewhere",
    )
}

#[tokio::test]
async fn att_34_a_redirect_to_the_same_origin_keeps_the_credential() {
    let server = Server::start(|number, _| match number {
        0 => to("/b"),
        _ => response("200 OK", "", "fine"),
    })
    .await;
    let mut request = get(&server, "/a");
    request.authorization = Some(Authorization::new("Bearer secret").unwrap());
    let answer = client().send(request).await.unwrap();
    assert_eq!(answer.url.path(), "/b");
    let heads = server.heads();
    assert_eq!(heads.len(), 2);
    assert!(
        heads
            .iter()
            .all(|head| head.contains("authorization: bearer secret"))
    );
}

#[tokio::test]
async fn att_34_a_redirect_to_another_origin_loses_the_credential_for_good() {
    let port = Arc::new(OnceLock::<u16>::new());
    let back = Arc::clone(&port);
    let other = Server::start(move |_, _| {
        let port = back.get().unwrap();
        to(format!("http://127.0.0.1:{port}/c"))
    });
    let other = other.await;
    let there = other.url("/b");
    let server = Server::start(move |number, _| match number {
        0 => to(&there),
        _ => response("200 OK", "", "fine"),
    })
    .await;
    port.set(server.port).unwrap();
    let mut request = get(&server, "/a");
    request.authorization = Some(Authorization::new("Bearer secret").unwrap());
    request.headers.insert("accept", "a/b".parse().unwrap());
    // A caller that puts the credential among the headers gets it nowhere.
    request
        .headers
        .insert("authorization", "Bearer other".parse().unwrap());
    client().send(request).await.unwrap();
    let (here, there) = (server.heads(), other.heads());
    assert_eq!((here.len(), there.len()), (2, 1));
    assert!(here[0].contains("authorization: bearer secret"));
    assert!(!there[0].contains("authorization") && there[0].contains("accept: a/b"));
    assert!(
        !here[1].contains("authorization"),
        "not even back where it came from"
    );
}

#[tokio::test]
async fn redirects_end_after_five() {
    let server = Server::start(|number, _| to(format!("/{number}"))).await;
    let lost = client().send(get(&server, "/")).await;
    assert!(
        matches!(lost, Err(Error::TooManyRedirects { limit: 5, .. })),
        "{lost:?}"
    );
    assert_eq!(server.heads().len(), 6);
}

#[tokio::test]
async fn a_redirect_without_a_usable_target_is_refused() {
    for headers in [
        "",
        "location: http://[\r\n",
        "location: ftp://a.example/\r\n",
        "location: http://u:p@127.0.0.1/\r\n",
    ] {
        let server = Server::start(move |_, _| response("302 Found", headers, "")).await;
        let refused = client().send(get(&server, "/")).await;
        assert!(
            matches!(refused, Err(Error::RedirectRefused { .. })),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn att_34_a_form_follows_no_redirect() {
    let server = Server::start(|_, _| {
        response(
            "307 Temporary Redirect",
            "location: /b\r\nconnection: close\r\n",
            "",
        )
    })
    .await;
    let mut request = get(&server, "/a");
    request.method = Method::Post;
    request.body = Body::form("refresh_token=secret");
    let refused = client().send(request).await;
    assert!(
        matches!(refused, Err(Error::RedirectRefused { .. })),
        "{refused:?}"
    );
    assert_eq!(server.heads().len(), 1);
}

#[tokio::test]
async fn a_304_is_an_answer() {
    let server = Server::start(|_, _| response("304 Not Modified", "location: /b\r\n", "")).await;
    assert_eq!(
        client()
            .send(get(&server, "/"))
            .await
            .unwrap()
            .status
            .as_u16(),
        304
    );
}
