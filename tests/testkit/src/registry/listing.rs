//! Lists of referrers: filtered, in pages, or endless (OCI distribution specification 1.1, "Listing Referrers").

use bytes::Bytes;
use ratify_oci::{Descriptor, Digest, Index, media};

use crate::image::index;
use crate::registry::answer::Answer;
use crate::registry::fault::Fault;
use crate::registry::route::{Route, encode, query_value};

/// An OCI index with these entries.
pub(crate) fn index_bytes(referrers: &[Descriptor]) -> Bytes {
    let index = index(referrers.to_vec());
    serde_json::to_vec(&index).unwrap_or_default().into()
}

/// The entries of an OCI index; none, if it is not one.
pub(crate) fn entries(index: &[u8]) -> Vec<Descriptor> {
    let index: Option<Index> = serde_json::from_slice(index).ok();
    index.map(|index| index.manifests).unwrap_or_default()
}

/// A referrer of which there is no content.
pub(crate) fn synthetic(artifact_type: &str, number: usize) -> Descriptor {
    let digest = Digest::sha256(format!("referrer {number} of type {artifact_type}").as_bytes());
    let mut referrer = Descriptor::new(media::OCI_MANIFEST, digest, 700);
    referrer.artifact_type = Some(artifact_type.to_owned());
    referrer
}

/// Answer the referrers API.
pub(crate) fn answer(
    all: &[Descriptor],
    page_size: usize,
    route: &Route,
    query: &str,
    faults: &[Fault],
) -> Answer {
    let wanted = query_value(query, "artifactType");
    let unfiltered = faults.contains(&Fault::Unfiltered);
    let lie = faults.contains(&Fault::FilterLie);
    let matching: Vec<Descriptor> = all
        .iter()
        .filter(|referrer| {
            unfiltered || lie || wanted.is_none() || referrer.artifact_type == wanted
        })
        .cloned()
        .collect();
    let start: usize = query_value(query, "last")
        .and_then(|last| last.parse().ok())
        .unwrap_or(0);
    let end = start.saturating_add(page_size);
    let mut page: Vec<Descriptor> = matching
        .iter()
        .skip(start)
        .take(page_size)
        .cloned()
        .collect();
    let endless = faults.contains(&Fault::EndlessPages);
    if endless && page.is_empty() {
        page.push(synthetic(
            wanted.as_deref().unwrap_or("application/endless"),
            start,
        ));
    }
    let mut answer = Answer::ok(media::OCI_INDEX, index_bytes(&page));
    if wanted.is_some() && !unfiltered {
        answer = answer.header("oci-filters-applied", "artifactType");
    }
    let next = if endless {
        Some(end.min(start.saturating_add(page.len())))
    } else {
        (end < matching.len()).then_some(end)
    };
    match (foreign_link(faults), next) {
        (Some(url), _) => answer.header("link", &format!("<{url}>; rel=\"next\"")),
        (None, Some(next)) => answer.header("link", &own_link(route, wanted.as_deref(), next)),
        (None, None) => answer,
    }
}

fn foreign_link(faults: &[Fault]) -> Option<&str> {
    faults.iter().find_map(|fault| match fault {
        Fault::ForeignLink(url) => Some(url.as_str()),
        _ => None,
    })
}

fn own_link(route: &Route, artifact_type: Option<&str>, next: usize) -> String {
    let filter = artifact_type.map(|wanted| format!("artifactType={}&", encode(wanted)));
    let filter = filter.unwrap_or_default();
    let (repository, target) = (&route.repository, &route.target);
    format!("</v2/{repository}/referrers/{target}?{filter}last={next}>; rel=\"next\"")
}
