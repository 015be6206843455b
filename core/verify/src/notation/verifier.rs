//! The configured verifier: a trust policy and the trust stores it names.

use std::sync::Arc;

use ratify_oci::Repository;

use super::session::Session;
use super::validations::Judgement;
use super::{SIGNATURE_ARTIFACT_TYPE, VERIFIER_TYPE};
use crate::trust::{Statement, TrustPolicy, TrustStores};
use crate::{Accepted, Artifact, Finding, Reason, ReasonCode, Subject, Verdict};

/// Why a verifier cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifierError {
    /// The name is empty; findings could not be told apart.
    #[error("the verifier has no name")]
    NoName,
    /// It would read nothing, so an image would pass or fail without it.
    #[error(
        "the verifier `{0}` has no artifact types, expected at least `{SIGNATURE_ARTIFACT_TYPE}`"
    )]
    NoArtifactTypes(String),
}

/// Judges Notary Project signatures by a trust policy. Immutable; clones share what they hold.
#[derive(Debug, Clone)]
pub struct Verifier(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: Arc<str>,
    verifier_type: Arc<str>,
    artifact_types: Vec<String>,
    /// The same, to share with findings.
    shared_types: Vec<Arc<str>>,
    policy: TrustPolicy,
    stores: TrustStores,
}

impl Verifier {
    /// A verifier called `name` in the configuration that reads `artifact_types` (`*` reads all).
    ///
    /// A store that `policy` names and `stores` lacks is no error: signatures that need it are rejected (N S-09).
    pub fn new(
        name: impl Into<String>,
        artifact_types: Vec<String>,
        policy: TrustPolicy,
        stores: TrustStores,
    ) -> Result<Self, VerifierError> {
        let name = name.into();
        if name.is_empty() {
            return Err(VerifierError::NoName);
        }
        if artifact_types.iter().all(String::is_empty) {
            return Err(VerifierError::NoArtifactTypes(name));
        }
        let shared_types = artifact_types.iter().map(|one| one.as_str().into());
        Ok(Self(Arc::new(Inner {
            name: name.into(),
            verifier_type: VERIFIER_TYPE.into(),
            shared_types: shared_types.collect(),
            artifact_types,
            policy,
            stores,
        })))
    }

    /// Name in the configuration.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The artifact types it reads; `*` reads all.
    pub fn artifact_types(&self) -> &[String] {
        &self.0.artifact_types
    }

    /// The finding that holds for every image of `repository`, whatever is attached to it: accepted where the trust policy
    /// says `skip`, rejected where it has no statement (N D-01). `None` if signatures must be looked at.
    pub fn without_artifacts(&self, repository: &Repository) -> Option<Finding> {
        let verdict = self.static_verdict(repository)?;
        Some(Finding {
            verifier: Arc::clone(&self.0.name),
            verifier_type: Arc::clone(&self.0.verifier_type),
            artifact: None,
            artifact_type: self.shared(SIGNATURE_ARTIFACT_TYPE),
            verdict,
            signer: None,
            validations: Vec::new(),
        })
    }

    /// Start to judge `artifact`, which was listed for `subject`.
    pub(crate) fn begin(&self, subject: &Subject, artifact: &Artifact) -> Session {
        Session::new(self.clone(), subject.clone(), artifact.clone())
    }

    pub(super) fn static_verdict(&self, repository: &Repository) -> Option<Verdict> {
        match self.statement(repository) {
            Ok(statement) if statement.is_skip() => Some(Verdict::Accepted(Accepted::skipped())),
            Ok(_) => None,
            Err(verdict) => Some(verdict),
        }
    }

    pub(super) fn statement(&self, repository: &Repository) -> Result<&Statement, Verdict> {
        self.0.policy.select(repository).ok_or_else(|| {
            Verdict::Rejected(Reason::new(
                ReasonCode::NoTrustPolicy,
                format!(
                    "no trust policy statement of the verifier `{}` has `{repository}` or `*` in its scopes",
                    self.0.name
                ),
            ))
        })
    }

    pub(super) fn stores(&self) -> &TrustStores {
        &self.0.stores
    }

    fn shared(&self, artifact_type: &str) -> Arc<str> {
        let mut types = self.0.shared_types.iter();
        let known = types.find(|one| &***one == artifact_type);
        known.map_or_else(|| artifact_type.into(), Arc::clone)
    }

    pub(super) fn finding(&self, artifact: &Artifact, judgement: Judgement) -> Finding {
        Finding {
            verifier: Arc::clone(&self.0.name),
            verifier_type: Arc::clone(&self.0.verifier_type),
            artifact: Some(artifact.descriptor.digest.clone()),
            artifact_type: self.shared(artifact.artifact_type()),
            verdict: judgement.verdict,
            signer: judgement.signer.map(Arc::new),
            validations: judgement.validations,
        }
    }
}
