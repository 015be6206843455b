//! Pushes, good enough for `notation`, `oras` and `crane` (OCI distribution specification 1.1, "Push").

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};
use ratify_oci::{Digest, media};
use serde::Deserialize;

use crate::image::describe;
use crate::registry::answer::{Answer, Asked};
use crate::registry::content::Content;
use crate::registry::route::query_value;

#[derive(Debug, Default)]
pub(crate) struct Uploads {
    open: HashMap<String, BytesMut>,
    count: u64,
}

/// POST, PATCH and PUT below `/blobs/uploads/`.
pub(crate) fn blob(content: &mut Content, uploads: &mut Uploads, asked: &Asked<'_>) -> Answer {
    let repository = asked.route.repository.as_str();
    let digest = query_value(asked.query, "digest");
    if *asked.method == Method::POST {
        let mount = query_value(asked.query, "mount").zip(query_value(asked.query, "from"));
        if let Some((digest, from)) = mount
            && let Some(bytes) = content.blob(&from, &digest)
        {
            content.put_blob(repository, &digest, bytes);
            return created(&format!("/v2/{repository}/blobs/{digest}"));
        }
        if let Some(digest) = digest {
            return finish(content, repository, &digest, asked.body.clone());
        }
        uploads.count = uploads.count.wrapping_add(1);
        let id = uploads.count.to_string();
        uploads.open.insert(id.clone(), BytesMut::new());
        return accepted(repository, &id, 0);
    }
    let id = asked.route.target.as_str();
    let Some(open) = uploads.open.get_mut(id) else {
        let message = "no such upload";
        return Answer::error(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", message);
    };
    open.extend_from_slice(&asked.body);
    match digest {
        Some(digest) if *asked.method == Method::PUT => {
            let bytes = uploads.open.remove(id).unwrap_or_default().freeze();
            finish(content, repository, &digest, bytes)
        }
        _ => accepted(repository, id, open.len()),
    }
}

fn finish(content: &mut Content, repository: &str, digest: &str, bytes: Bytes) -> Answer {
    let known: Option<Digest> = digest.parse().ok();
    let right = known.is_some_and(|known| Digest::of(known.algorithm(), &bytes) == known);
    if !right {
        let message = "the bytes have another digest";
        return Answer::error(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message);
    }
    content.put_blob(repository, digest, bytes);
    created(&format!("/v2/{repository}/blobs/{digest}")).header("docker-content-digest", digest)
}

fn created(location: &str) -> Answer {
    Answer::empty(StatusCode::CREATED).header("location", location)
}

fn accepted(repository: &str, id: &str, received: usize) -> Answer {
    Answer::empty(StatusCode::ACCEPTED)
        .header("location", &format!("/v2/{repository}/blobs/uploads/{id}"))
        .header("docker-upload-uuid", id)
        .header("range", &format!("0-{}", received.saturating_sub(1)))
}

/// The members of a manifest that make it a referrer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pushed {
    artifact_type: Option<String>,
    config: Option<Typed>,
    subject: Option<Subject>,
    annotations: Option<std::collections::BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Typed {
    media_type: String,
}

#[derive(Deserialize)]
struct Subject {
    digest: String,
}

/// PUT of a manifest. With the referrers API, a manifest that names a subject is listed at once.
pub(crate) fn manifest(content: &mut Content, asked: &Asked<'_>, referrers_api: bool) -> Answer {
    let (repository, target) = (&asked.route.repository, asked.route.target.as_str());
    let media_type = media::essence(asked.content_type.unwrap_or(media::OCI_MANIFEST));
    let bytes = asked.body.clone();
    let mut descriptor = describe(media_type, &bytes);
    let is_digest = target.contains(':');
    if is_digest && target != descriptor.digest.as_str() {
        let message = "the bytes have another digest";
        return Answer::error(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message);
    }
    let Ok(pushed) = serde_json::from_slice::<Pushed>(&bytes) else {
        return Answer::error(
            StatusCode::BAD_REQUEST,
            "MANIFEST_INVALID",
            "not a manifest",
        );
    };
    let digest = descriptor.digest.as_str().to_owned();
    content.put_manifest(repository, &digest, media_type, bytes);
    if !is_digest {
        content.set_tag(repository, target, &digest);
    }
    let answer = created(&format!("/v2/{repository}/manifests/{digest}"))
        .header("docker-content-digest", &digest);
    match pushed.subject {
        Some(subject) if referrers_api => {
            let config_type = pushed.config.map(|config| config.media_type);
            descriptor.artifact_type = pushed.artifact_type.or(config_type);
            descriptor.annotations = pushed.annotations.unwrap_or_default();
            content.add_referrers(repository, &subject.digest, vec![descriptor]);
            answer.header("oci-subject", &subject.digest)
        }
        _ => answer,
    }
}
