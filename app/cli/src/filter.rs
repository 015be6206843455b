//! `--artifactType`: a store that lists only some types.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ratify_engine::{Deadline, Listing, ScopeId, Snapshot, SnapshotError, Store, StoreError};
use ratify_oci::{Descriptor, Digest, Reference, Repository};
use ratify_verify::{Answer, Need};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// `snapshot`, with stores that list only artifacts of the given types; unchanged if none is given.
pub(crate) fn only(
    snapshot: Snapshot,
    artifact_types: &[String],
) -> Result<Snapshot, SnapshotError> {
    if artifact_types.is_empty() {
        return Ok(snapshot);
    }
    let types: Arc<[String]> = artifact_types.into();
    let filtered = |store: &Arc<dyn Store>| -> Arc<dyn Store> {
        Arc::new(Filtered {
            inner: Arc::clone(store),
            types: Arc::clone(&types),
        })
    };
    let stores = snapshot.stores().iter().map(filtered).collect();
    let verifiers = snapshot.verifiers().to_vec();
    Snapshot::new(
        verifiers,
        stores,
        snapshot.policy().clone(),
        snapshot.limits(),
        // another view of the same configuration
        ScopeId::unique(),
    )
}

struct Filtered {
    inner: Arc<dyn Store>,
    types: Arc<[String]>,
}

impl Filtered {
    fn keeps(&self, descriptor: &Descriptor) -> bool {
        let found = descriptor.artifact_type.as_deref().unwrap_or_default();
        self.types.iter().any(|wanted| wanted == found)
    }

    /// The one type the registry can be asked for, if it is only one.
    fn single(&self) -> Option<&str> {
        match &*self.types {
            [one] => Some(one),
            _ => None,
        }
    }
}

impl Store for Filtered {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn resolve<'a>(
        &'a self,
        reference: &'a Reference,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<Descriptor, StoreError>> {
        self.inner.resolve(reference, deadline)
    }

    fn referrers<'a>(
        &'a self,
        repository: &'a Repository,
        subject: &'a Digest,
        artifact_type: Option<&'a str>,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        Box::pin(async move {
            let asked = artifact_type.or_else(|| self.single());
            let mut listing = self
                .inner
                .referrers(repository, subject, asked, deadline)
                .await?;
            listing
                .referrers
                .retain(|descriptor| self.keeps(descriptor));
            Ok(listing)
        })
    }

    fn fetch<'a>(
        &'a self,
        repository: &'a Repository,
        need: &'a Need,
        deadline: Deadline,
    ) -> BoxFuture<'a, Answer> {
        self.inner.fetch(repository, need, deadline)
    }

    fn blob<'a>(
        &'a self,
        repository: &'a Repository,
        digest: &'a Digest,
        limit: u64,
        deadline: Deadline,
    ) -> BoxFuture<'a, Answer> {
        self.inner.blob(repository, digest, limit, deadline)
    }
}
