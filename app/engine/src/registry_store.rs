//! A registry as a [`Store`]: what its answers mean for a verdict is said here and nowhere else.

use std::error::Error as _;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use ratify_oci::{Descriptor, Digest, Reference, Repository};
use ratify_registry::{Client, Completeness, Deadline, Error, FailureKind};
use ratify_verify::{Answer, FetchFailure, Need, Reason, ReasonCode};

use crate::{Listing, Store, StoreError};

/// Any registry that the client reaches.
#[derive(Debug, Clone)]
pub struct RegistryStore {
    name: String,
    client: Client,
}

impl RegistryStore {
    /// A store of this name that asks with `client`.
    pub fn new(name: impl Into<String>, client: Client) -> Self {
        Self {
            name: name.into(),
            client,
        }
    }

    /// The client, for counts of requests.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl Store for RegistryStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn resolve<'a>(
        &'a self,
        reference: &'a Reference,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<Descriptor, StoreError>> {
        let resolve = self.client.resolve(reference, deadline);
        resolve
            .map(|resolved| {
                resolved
                    .map(|found| found.descriptor)
                    .map_err(|e| subject(&e))
            })
            .boxed()
    }

    fn referrers<'a>(
        &'a self,
        repository: &'a Repository,
        of: &'a Digest,
        artifact_type: Option<&'a str>,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        async move {
            match self
                .client
                .referrers(repository, of, artifact_type, deadline)
                .await
            {
                Ok(found) => Ok(Listing {
                    over_budget: over_budget(found.completeness),
                    referrers: found.descriptors,
                }),
                Err(error) => Err(StoreError::Unknown(reason_of(&error))),
            }
        }
        .boxed()
    }

    fn fetch<'a>(
        &'a self,
        repository: &'a Repository,
        need: &'a Need,
        deadline: Deadline,
    ) -> BoxFuture<'a, Answer> {
        async move {
            let content = match need {
                Need::Manifest { descriptor, .. } => {
                    self.client.manifest(repository, descriptor, deadline).await
                }
                Need::Blob { descriptor, limit } => {
                    self.client
                        .blob(repository, descriptor, *limit, deadline)
                        .await
                }
            };
            content.map_or_else(|error| answer(&error), Answer::Content)
        }
        .boxed()
    }

    fn blob<'a>(
        &'a self,
        repository: &'a Repository,
        digest: &'a Digest,
        limit: u64,
        deadline: Deadline,
    ) -> BoxFuture<'a, Answer> {
        let content = self
            .client
            .blob_by_digest(repository, digest, limit, deadline);
        content
            .map(|content| content.map_or_else(|error| answer(&error), Answer::Content))
            .boxed()
    }
}

fn over_budget(completeness: Completeness) -> Option<Reason> {
    match completeness {
        Completeness::Complete => None,
        Completeness::OverLimit { .. } => Some(Reason::new(
            ReasonCode::OverBudget,
            "the image has more referrers than are listed; the rest was not looked at",
        )),
    }
}

/// What a failed fetch of a listed artifact means (the table of HTTP answers: 404, too large, other bytes and nonsense
/// reject this candidate; everything else leaves open what it is).
fn answer(error: &Error) -> Answer {
    match error {
        Error::NotFound { .. } => Answer::Absent,
        Error::TooLarge { .. } => Answer::TooLarge,
        Error::Mismatch { source, .. } => Answer::Mismatch(source.clone()),
        _ if error.kind() == FailureKind::Content => Answer::Malformed(reason_of(error)),
        _ => Answer::Failed(FetchFailure(reason_of(error))),
    }
}

/// What a failure to resolve the subject means: it may have been pushed a second ago, so not found is not definitive.
fn subject(error: &Error) -> StoreError {
    match (error, error.kind()) {
        (Error::NotFound { .. }, _) => {
            StoreError::Unknown(Reason::new(ReasonCode::SubjectNotFound, sentence(error)))
        }
        (_, FailureKind::Content) => {
            StoreError::Definitive(Reason::new(ReasonCode::SubjectUnusable, sentence(error)))
        }
        (_, FailureKind::Unknown) => StoreError::Unknown(reason_of(error)),
    }
}

/// The reason code and text of a registry's failure.
pub fn reason_of(error: &Error) -> Reason {
    let code = match error {
        Error::Unauthorized { .. } | Error::LoginWithheld { .. } => {
            ReasonCode::RegistryUnauthorized
        }
        Error::Forbidden { .. } => ReasonCode::RegistryForbidden,
        Error::RateLimited(_) => ReasonCode::RegistryThrottled,
        Error::Timeout(_) => ReasonCode::RegistryTimeout,
        Error::Connect(_) | Error::Broken(_) | Error::TargetRefused { .. } => {
            ReasonCode::RegistryUnreachable
        }
        Error::Tls(_) => ReasonCode::RegistryTls,
        Error::Login { .. } => ReasonCode::CredentialUnavailable,
        _ => ReasonCode::RegistryError,
    };
    Reason::new(code, sentence(error))
}

/// The error and its causes in one line, each said once.
fn sentence(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    // a chain of causes is finite, but nothing here proves it
    for _ in 0..8 {
        let Some(found) = cause else { break };
        let more = found.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = found.source();
    }
    text
}
