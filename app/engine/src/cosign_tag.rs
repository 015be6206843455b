//! Cosign signatures that hang on a tag and not on the referrers list (V 5.2, `cosignEnabled` of v1.4).
//!
//! Whoever configures a verifier for Cosign signatures must not be told "there is none" because nobody looked: a bad
//! signature that was never listed would be a signature that was never judged.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use ratify_oci::{Descriptor, Digest, Reference, Repository};
use ratify_verify::{Answer, Need, ReasonCode};

use crate::{Deadline, Listing, Store, StoreError};

/// The artifact type under which v1.4 lists what it finds at the tag.
pub const COSIGN_ARTIFACT_TYPE: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

/// A store that also lists what lies under the tag `<algorithm>-<digest>.sig` of the subject's repository, as an artifact
/// of type [`COSIGN_ARTIFACT_TYPE`]. One request more for each listing.
pub struct CosignTagStore {
    inner: Arc<dyn Store>,
}

impl CosignTagStore {
    /// `inner`, with the signature tag.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner }
    }

    /// What lies under the tag. A tag that is not there is no artifact; everything else that goes wrong leaves the
    /// listing incomplete.
    async fn tagged(
        &self,
        repository: &Repository,
        subject: &Digest,
        deadline: Deadline,
    ) -> Result<Option<Descriptor>, StoreError> {
        let Some(tag) = signature_tag(repository, subject) else {
            return Ok(None);
        };
        match self.inner.resolve(&tag, deadline).await {
            Ok(found) => Ok(Some(Descriptor {
                artifact_type: Some(COSIGN_ARTIFACT_TYPE.to_owned()),
                ..found
            })),
            Err(error) if error.reason().code() == ReasonCode::SubjectNotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// `<repository>:<algorithm>-<hex>.sig`; `None` where the digest is too long for a tag, so that no such tag can exist.
fn signature_tag(repository: &Repository, subject: &Digest) -> Option<Reference> {
    let algorithm = subject.algorithm().as_str();
    format!("{repository}:{algorithm}-{}.sig", subject.hex())
        .parse()
        .ok()
}

impl Store for CosignTagStore {
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
        async move {
            let listing = self
                .inner
                .referrers(repository, subject, artifact_type, deadline);
            if artifact_type.is_some_and(|wanted| wanted != COSIGN_ARTIFACT_TYPE) {
                return listing.await;
            }
            let (listing, tagged) =
                futures::join!(listing, self.tagged(repository, subject, deadline));
            let mut listing = listing?;
            listing.referrers.extend(tagged?);
            Ok(listing)
        }
        .boxed()
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

#[cfg(test)]
mod tests {
    use std::future::ready;

    use ratify_verify::Reason;

    use super::*;

    const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    /// Lists one artifact, and answers one reference.
    struct Table {
        tag: String,
        answer: Result<(), ReasonCode>,
    }

    fn descriptor() -> Descriptor {
        Descriptor::new(
            "application/vnd.oci.image.manifest.v1+json",
            DIGEST.parse().unwrap(),
            2,
        )
    }

    impl Store for Table {
        fn name(&self) -> &'static str {
            "table"
        }

        fn resolve<'a>(
            &'a self,
            reference: &'a Reference,
            _: Deadline,
        ) -> BoxFuture<'a, Result<Descriptor, StoreError>> {
            let unknown = |code| StoreError::Unknown(Reason::new(code, "no"));
            let answer = if reference.to_string() == self.tag {
                self.answer.map(|()| descriptor()).map_err(unknown)
            } else {
                Err(unknown(ReasonCode::SubjectNotFound))
            };
            ready(answer).boxed()
        }

        fn referrers<'a>(
            &'a self,
            _: &'a Repository,
            _: &'a Digest,
            _: Option<&'a str>,
            _: Deadline,
        ) -> BoxFuture<'a, Result<Listing, StoreError>> {
            let referrers = vec![descriptor()];
            ready(Ok(Listing {
                referrers,
                over_budget: None,
            }))
            .boxed()
        }

        fn fetch<'a>(
            &'a self,
            _: &'a Repository,
            _: &'a Need,
            _: Deadline,
        ) -> BoxFuture<'a, Answer> {
            ready(Answer::Absent).boxed()
        }
    }

    async fn listed(
        answer: Result<(), ReasonCode>,
        wanted: Option<&str>,
    ) -> Result<Vec<Option<String>>, ReasonCode> {
        let tag = format!("reg.io/a:{}.sig", DIGEST.replace(':', "-"));
        let store = CosignTagStore::new(Arc::new(Table { tag, answer }));
        let image: Reference = "reg.io/a".parse().unwrap();
        let deadline = Deadline::after(std::time::Duration::from_mins(1));
        let subject = DIGEST.parse().unwrap();
        let listing = store
            .referrers(image.repository(), &subject, wanted, deadline)
            .await;
        let listing = listing.map_err(|error| error.reason().code())?;
        Ok(listing
            .referrers
            .into_iter()
            .map(|one| one.artifact_type)
            .collect())
    }

    #[tokio::test]
    async fn v_5_2_what_lies_under_the_signature_tag_is_listed() {
        let cosign = Some(COSIGN_ARTIFACT_TYPE.to_owned());
        assert_eq!(listed(Ok(()), None).await, Ok(vec![None, cosign.clone()]));
        assert_eq!(
            listed(Ok(()), Some(COSIGN_ARTIFACT_TYPE)).await,
            Ok(vec![None, cosign])
        );
        assert_eq!(
            listed(Ok(()), Some("application/spdx+json")).await,
            Ok(vec![None])
        );
    }

    #[tokio::test]
    async fn v_5_2_no_tag_is_no_signature_and_any_other_failure_is_not() {
        assert_eq!(
            listed(Err(ReasonCode::SubjectNotFound), None).await,
            Ok(vec![None])
        );
        for code in [ReasonCode::RegistryForbidden, ReasonCode::RegistryTimeout] {
            assert_eq!(listed(Err(code), None).await, Err(code), "{code:?}");
        }
    }

    #[test]
    fn a_digest_too_long_for_a_tag_has_none() {
        let long = format!("sha512:{}", "a".repeat(128));
        let image: Reference = "reg.io/a".parse().unwrap();
        assert_eq!(
            signature_tag(image.repository(), &long.parse().unwrap()),
            None
        );
    }
}
