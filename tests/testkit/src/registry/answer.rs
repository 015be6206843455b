//! Truthful answers (OCI distribution specification 1.1). Faults come on top, elsewhere.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use ratify_oci::Digest;

use crate::registry::fault::Fault;
use crate::registry::route::Route;
use crate::registry::server::Shared;
use crate::registry::{Kind, auth, listing, upload};

/// Status, headers and whole body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A request taken apart.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) route: &'a Route,
    pub(crate) query: &'a str,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) authorization: Option<&'a str>,
    pub(crate) body: Bytes,
}

impl Asked<'_> {
    pub(crate) fn writes(&self) -> bool {
        !matches!(*self.method, Method::GET | Method::HEAD)
    }
}

impl Answer {
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn ok(media_type: &str, body: Bytes) -> Self {
        let mut answer = Self::empty(StatusCode::OK).header("content-type", media_type);
        answer.body = body;
        answer
    }

    pub(crate) fn json(body: &serde_json::Value) -> Self {
        Self::ok("application/json", body.to_string().into())
    }

    /// An error as the specification wants it ("Error Codes").
    pub(crate) fn error(status: StatusCode, code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "errors": [{ "code": code, "message": message }] });
        let mut answer = Self::json(&body);
        answer.status = status;
        answer
    }

    /// Set a header; a name or value that HTTP does not allow is left out.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            self.headers.insert(name, value);
        }
        self
    }
}

/// Answer a request that may be answered.
pub(crate) fn answer(shared: &Shared, asked: &Asked<'_>, faults: &[Fault]) -> Answer {
    let route = asked.route;
    let repository = route.repository.as_str();
    match (route.kind, asked.method) {
        (Kind::Ping, _) => Answer::json(&serde_json::json!({}))
            .header("docker-distribution-api-version", "registry/2.0"),
        (Kind::Token, method) => {
            let request = auth::TokenRequest {
                post: *method == Method::POST,
                query: asked.query,
                form: &String::from_utf8_lossy(&asked.body),
                authorization: asked.authorization,
            };
            auth::issue(&shared.settings.auth, &mut shared.tokens(), &request)
        }
        (Kind::Manifest | Kind::ReferrersTag, &Method::PUT) => {
            upload::manifest(&mut shared.content(), asked, shared.settings.referrers_api)
        }
        (Kind::Manifest | Kind::ReferrersTag | Kind::Blob, &Method::DELETE) => {
            if shared.content().delete(repository, &route.target) {
                Answer::empty(StatusCode::ACCEPTED)
            } else {
                Answer::error(
                    StatusCode::NOT_FOUND,
                    "MANIFEST_UNKNOWN",
                    "nothing to delete",
                )
            }
        }
        (Kind::Upload, &Method::POST | &Method::PATCH | &Method::PUT) => {
            upload::blob(&mut shared.content(), &mut shared.uploads(), asked)
        }
        (_, &Method::GET | &Method::HEAD) => read(shared, asked, faults),
        _ => Answer::error(
            StatusCode::METHOD_NOT_ALLOWED,
            "UNSUPPORTED",
            "not supported",
        ),
    }
}

fn read(shared: &Shared, asked: &Asked<'_>, faults: &[Fault]) -> Answer {
    let (repository, target) = (asked.route.repository.as_str(), asked.route.target.as_str());
    let content = shared.content();
    let unknown = |code: &str| {
        let code = if content.has_repository(repository) {
            code
        } else {
            "NAME_UNKNOWN"
        };
        Answer::error(StatusCode::NOT_FOUND, code, "not found")
    };
    match asked.route.kind {
        Kind::Manifest | Kind::ReferrersTag => match content.manifest(repository, target) {
            Some(stored) => Answer::ok(&stored.media_type, stored.bytes)
                .header("docker-content-digest", &stored.digest),
            None => unknown("MANIFEST_UNKNOWN"),
        },
        Kind::Blob => match content.blob(repository, target) {
            Some(bytes) => Answer::ok("application/octet-stream", bytes)
                .header("docker-content-digest", target),
            None => unknown("BLOB_UNKNOWN"),
        },
        Kind::Referrers if target.parse::<Digest>().is_err() => {
            Answer::error(StatusCode::BAD_REQUEST, "DIGEST_INVALID", "not a digest")
        }
        Kind::Referrers if shared.settings.referrers_api => {
            let all = content.referrers(repository, target);
            let page_size = shared.settings.page_size;
            listing::answer(all, page_size, asked.route, asked.query, faults)
        }
        Kind::Tags => match content.tags(repository) {
            Some(tags) => Answer::json(&serde_json::json!({ "name": repository, "tags": tags })),
            None => unknown("NAME_UNKNOWN"),
        },
        _ => Answer::error(StatusCode::NOT_FOUND, "NOT_FOUND", "no such endpoint"),
    }
}
