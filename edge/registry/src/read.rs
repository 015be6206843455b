//! Manifests and blobs: fetched, or taken from the descriptor, and always checked.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap};
use ratify_http::{Limit, Response};
use ratify_oci::{
    Content, ContentMismatch, Descriptor, Digest, Manifest, Reference, Repository, media,
};

use crate::client::{Inner, Resolved};
use crate::endpoint::Endpoint;
use crate::exchange::Ask;
use crate::{Deadline, Error, Malformation, Part};

const DIGEST_HEADER: &str = "docker-content-digest";

impl Inner {
    pub(crate) async fn resolve(
        &self,
        reference: &Reference,
        deadline: Deadline,
    ) -> Result<Resolved, Error> {
        let endpoint = self.endpoint(reference.repository())?;
        let accept = media::MANIFESTS.join(", ");
        let response = self
            .ask(&Ask {
                endpoint: &endpoint,
                url: endpoint.url("manifests", &reference.target().to_string()),
                part: Part::Manifest,
                accept: Some(&accept),
                limit: self.manifest_limit(),
                deadline,
            })
            .await?;
        let response = found(Part::Manifest, response)?;
        resolved(&endpoint, reference, &response)
    }

    pub(crate) async fn manifest(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        deadline: Deadline,
    ) -> Result<Content, Error> {
        let wanted = Wanted {
            part: Part::Manifest,
            kind: "manifests",
            accept: Some(&descriptor.media_type),
            limit: self.manifest_limit(),
        };
        self.content(repository, descriptor, &wanted, deadline)
            .await
    }

    pub(crate) async fn blob(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        limit: u64,
        deadline: Deadline,
    ) -> Result<Content, Error> {
        let wanted = Wanted {
            part: Part::Blob,
            kind: "blobs",
            accept: None,
            limit: Limit {
                of: "blobs",
                bytes: limit,
            },
        };
        self.content(repository, descriptor, &wanted, deadline)
            .await
    }

    pub(crate) async fn blob_by_digest(
        &self,
        repository: &Repository,
        digest: &Digest,
        limit: u64,
        deadline: Deadline,
    ) -> Result<Content, Error> {
        let endpoint = self.endpoint(repository)?;
        let part = Part::Blob;
        let response = self
            .ask(&Ask {
                endpoint: &endpoint,
                url: endpoint.url("blobs", digest.as_str()),
                part,
                accept: None,
                limit: Limit {
                    of: "blobs",
                    bytes: limit,
                },
                deadline,
            })
            .await?;
        let response = found(part, response)?;
        let content = Content::check_digest(digest, response.body);
        content.map_err(|source| mismatch(&endpoint, part, source))
    }

    async fn content(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        wanted: &Wanted<'_>,
        deadline: Deadline,
    ) -> Result<Content, Error> {
        let endpoint = self.endpoint(repository)?;
        let part = wanted.part;
        if descriptor.size > wanted.limit.bytes {
            let (host, limit) = (endpoint.authority(), wanted.limit);
            return Err(Error::TooLarge { host, part, limit });
        }
        if let Some(embedded) = &descriptor.data {
            return embedded_content(endpoint.authority(), part, descriptor, embedded);
        }
        let response = self
            .ask(&Ask {
                endpoint: &endpoint,
                url: endpoint.url(wanted.kind, descriptor.digest.as_str()),
                part,
                accept: wanted.accept,
                // What the descriptor says is the most that can be right.
                limit: Limit {
                    of: "its announced size",
                    bytes: descriptor.size,
                },
                deadline,
            })
            .await?;
        let response = found(part, response)?;
        if let Some(expected) = wanted.accept {
            served_as(&endpoint, part, &response.headers, &[expected])?;
        }
        let content = Content::check(descriptor, response.body);
        content.map_err(|source| mismatch(&endpoint, part, source))
    }

    pub(crate) fn manifest_limit(&self) -> Limit {
        Limit {
            of: "manifests",
            bytes: self.limits.manifest,
        }
    }
}

/// What a manifest and a blob differ in.
struct Wanted<'a> {
    part: Part,
    kind: &'static str,
    /// The media type that must be served, if that says anything: storage serves blobs as it likes.
    accept: Option<&'a str>,
    limit: Limit,
}

/// 200, or what else it means.
fn found(part: Part, response: Response) -> Result<Response, Error> {
    let status = response.status;
    let host = || {
        let origin = ratify_http::Origin::of(&response.url);
        origin.map_or_else(|_| String::new(), |origin| origin.authority())
    };
    match status {
        StatusCode::OK => Ok(response),
        StatusCode::NOT_FOUND => Err(Error::NotFound { host: host(), part }),
        _ => Err(Error::UnexpectedStatus {
            host: host(),
            part,
            status,
        }),
    }
}

/// The media type that was served, if it is one of `expected`; they are compared without parameters and case.
pub(crate) fn served_as<'a>(
    endpoint: &Endpoint,
    part: Part,
    headers: &HeaderMap,
    expected: &[&'a str],
) -> Result<&'a str, Error> {
    let served = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let served = media::essence(served.unwrap_or_default());
    let same = |expected: &&&str| served.eq_ignore_ascii_case(expected);
    expected.iter().find(same).copied().ok_or_else(|| {
        let shown = served.chars().take(200).collect();
        Error::Malformed {
            host: endpoint.authority(),
            part,
            source: Malformation::ContentType {
                found: shown,
                expected: expected.join("` or `"),
            },
        }
    })
}

fn resolved(
    endpoint: &Endpoint,
    reference: &Reference,
    response: &Response,
) -> Result<Resolved, Error> {
    let part = Part::Manifest;
    let malformed = |source| Error::Malformed {
        host: endpoint.authority(),
        part,
        source,
    };
    let bytes = response.body.clone();
    let checked = match expected_digest(reference, &response.headers).map_err(&malformed)? {
        Some(digest) => Content::check_digest(&digest, bytes),
        None => Ok(Content::hash(bytes)),
    };
    let content = checked.map_err(|source| mismatch(endpoint, part, source))?;
    let media_type = served_as(endpoint, part, &response.headers, &media::MANIFESTS)?;
    Manifest::parse(media_type, content.bytes())
        .map_err(|error| malformed(Malformation::Manifest(Arc::new(error))))?;
    let descriptor = Descriptor::new(media_type, content.digest().clone(), content.size());
    Ok(Resolved {
        descriptor,
        content,
    })
}

fn mismatch(endpoint: &Endpoint, part: Part, source: ContentMismatch) -> Error {
    let host = endpoint.authority();
    Error::Mismatch { host, part, source }
}

/// The digest the bytes must have: the one that was asked for, else the one the registry announces.
fn expected_digest(
    reference: &Reference,
    headers: &HeaderMap,
) -> Result<Option<Digest>, Malformation> {
    if let Some(digest) = reference.digest() {
        return Ok(Some(digest.clone()));
    }
    let Some(announced) = headers.get(DIGEST_HEADER) else {
        return Ok(None);
    };
    let announced = announced.to_str().map_err(|_| Malformation::DigestHeader)?;
    let digest = announced.parse().map_err(|_| Malformation::DigestHeader)?;
    Ok(Some(digest))
}

fn embedded_content(
    host: String,
    part: Part,
    descriptor: &Descriptor,
    embedded: &str,
) -> Result<Content, Error> {
    let Ok(bytes) = STANDARD.decode(embedded) else {
        let source = Malformation::EmbeddedData;
        return Err(Error::Malformed { host, part, source });
    };
    let content = Content::check(descriptor, Bytes::from(bytes));
    content.map_err(|source| Error::Mismatch { host, part, source })
}
