//! Where images and what refers to them lie.

use futures::future::BoxFuture;
use ratify_oci::{Descriptor, Digest, Reference, Repository};
use ratify_verify::{Answer, FetchFailure, Need, Reason, ReasonCode};

use crate::Deadline;

/// Why a store could not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// It is certain that the content is bad (the registry answered with other bytes, a manifest of no known kind).
    Definitive(Reason),
    /// It could not be told.
    Unknown(Reason),
}

impl StoreError {
    /// Why.
    pub fn reason(&self) -> &Reason {
        match self {
            Self::Definitive(reason) | Self::Unknown(reason) => reason,
        }
    }
}

/// What refers to a subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The referrers, in the order of the store.
    pub referrers: Vec<Descriptor>,
    /// Why there may be more than these: the limit was reached.
    pub over_budget: Option<Reason>,
}

/// A place to resolve, list and fetch from. Real: a registry; in tests: a table.
pub trait Store: Send + Sync {
    /// Name in the configuration. Stores are used in the order of their names.
    fn name(&self) -> &str;

    /// What the reference points to now. Media type, digest and size come from bytes that were read and hashed.
    fn resolve<'a>(
        &'a self,
        reference: &'a Reference,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<Descriptor, StoreError>>;

    /// What refers to `subject`; only artifacts of type `artifact_type`, if given.
    fn referrers<'a>(
        &'a self,
        repository: &'a Repository,
        subject: &'a Digest,
        artifact_type: Option<&'a str>,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<Listing, StoreError>>;

    /// Fetch what a verifier needs.
    fn fetch<'a>(
        &'a self,
        repository: &'a Repository,
        need: &'a Need,
        deadline: Deadline,
    ) -> BoxFuture<'a, Answer>;

    /// A blob of which nothing but the digest is known, of at most `limit` bytes. For people who ask for one; verifiers
    /// know the size too. A store that cannot answer this says so.
    fn blob<'a>(
        &'a self,
        repository: &'a Repository,
        digest: &'a Digest,
        limit: u64,
        deadline: Deadline,
    ) -> BoxFuture<'a, Answer> {
        let _ = (repository, digest, limit, deadline);
        let text = format!("store `{}` cannot fetch by digest alone", self.name());
        let reason = Reason::new(ReasonCode::SignatureUnavailable, text);
        Box::pin(async { Answer::Failed(FetchFailure(reason)) })
    }
}
