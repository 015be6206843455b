//! What the registry keeps: manifests, blobs, tags, lists of referrers. Keeps lies as well as truths.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use ratify_oci::Descriptor;

#[derive(Debug, Default)]
pub(crate) struct Content {
    repositories: BTreeMap<String, Repository>,
}

#[derive(Debug, Default)]
struct Repository {
    /// By digest: media type and bytes.
    manifests: HashMap<String, (String, Bytes)>,
    /// By digest.
    blobs: HashMap<String, Bytes>,
    /// Tag to digest.
    tags: BTreeMap<String, String>,
    /// By digest of the subject.
    referrers: HashMap<String, Vec<Descriptor>>,
}

/// A manifest as found under a tag or digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) digest: String,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

impl Content {
    fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    pub(crate) fn put_manifest(
        &mut self,
        repository: &str,
        digest: &str,
        media_type: &str,
        bytes: Bytes,
    ) {
        let manifests = &mut self.repository(repository).manifests;
        manifests.insert(digest.to_owned(), (media_type.to_owned(), bytes));
    }

    pub(crate) fn put_blob(&mut self, repository: &str, digest: &str, bytes: Bytes) {
        let blobs = &mut self.repository(repository).blobs;
        blobs.insert(digest.to_owned(), bytes);
    }

    pub(crate) fn set_tag(&mut self, repository: &str, tag: &str, digest: &str) {
        let tags = &mut self.repository(repository).tags;
        tags.insert(tag.to_owned(), digest.to_owned());
    }

    /// Forget a manifest, blob or tag. Says whether there was one.
    pub(crate) fn delete(&mut self, repository: &str, target: &str) -> bool {
        let repository = self.repository(repository);
        let manifest = repository.manifests.remove(target).is_some();
        let blob = repository.blobs.remove(target).is_some();
        let tag = repository.tags.remove(target).is_some();
        manifest || blob || tag
    }

    /// Add referrers that are not listed yet, and hand out the whole list.
    pub(crate) fn add_referrers(
        &mut self,
        repository: &str,
        subject: &str,
        more: Vec<Descriptor>,
    ) -> &[Descriptor] {
        let referrers = &mut self.repository(repository).referrers;
        let list = referrers.entry(subject.to_owned()).or_default();
        let known: std::collections::HashSet<String> = list
            .iter()
            .map(|old| old.digest.as_str().to_owned())
            .collect();
        list.extend(
            more.into_iter()
                .filter(|new| !known.contains(new.digest.as_str())),
        );
        list
    }

    pub(crate) fn referrers(&self, repository: &str, subject: &str) -> &[Descriptor] {
        let repository = self.repositories.get(repository);
        let list = repository.and_then(|repository| repository.referrers.get(subject));
        list.map_or(&[], Vec::as_slice)
    }

    pub(crate) fn has_repository(&self, repository: &str) -> bool {
        self.repositories.contains_key(repository)
    }

    pub(crate) fn manifest(&self, repository: &str, target: &str) -> Option<Stored> {
        let repository = self.repositories.get(repository)?;
        let digest = repository.tags.get(target).map_or(target, String::as_str);
        let (media_type, bytes) = repository.manifests.get(digest)?;
        Some(Stored {
            digest: digest.to_owned(),
            media_type: media_type.clone(),
            bytes: bytes.clone(),
        })
    }

    pub(crate) fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        self.repositories
            .get(repository)?
            .blobs
            .get(digest)
            .cloned()
    }

    pub(crate) fn tags(&self, repository: &str) -> Option<Vec<String>> {
        let repository = self.repositories.get(repository)?;
        Some(repository.tags.keys().cloned().collect())
    }
}
