//! URLs that are never asked.

use ratify_http::{Error, Request};
use url::Url;

use crate::server::{LIMIT, client, patient};

#[tokio::test]
async fn att_34_urls_with_a_user_or_another_scheme_are_not_asked() {
    let client = client();
    for url in [
        "ftp://a.example/",
        "file:///etc/passwd",
        "data:text/plain,x",
        "https://u@a.example/",
        "https://u:p@a.example/",
    ] {
        let url = Url::parse(url).unwrap();
        let refused = client.send(Request::get(url, LIMIT, patient())).await;
        assert!(matches!(refused, Err(Error::Url { .. })), "{refused:?}");
    }
    assert_eq!(client.sent(), 0);
}
