//! One configuration, immutable.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ratify_policy::ConfigPolicy;
use ratify_verify::Verifier;

use crate::Store;

/// How much of an image is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Artifacts judged per image and verifier (Notation's own limit for signatures: 100).
    pub artifacts_per_verifier: usize,
    /// Artifacts of one image judged at the same time.
    pub concurrent_artifacts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            artifacts_per_verifier: 100,
            concurrent_artifacts: 64,
        }
    }
}

/// What tells one effective configuration from another: equal content has equal ids, and nothing that is remembered
/// under one id is ever answered under another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeId([u8; 32]);

impl ScopeId {
    /// The id of a configuration: a hash over everything that can change a verdict.
    pub fn new(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The bytes of the id.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// An id that no other configuration of this process has, for those whose content was not hashed.
    pub fn unique() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut id = [0; 32];
        let number = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (place, byte) in id.iter_mut().zip(number) {
            *place = byte;
        }
        Self(id)
    }
}

/// Verifiers, stores and policy as one request sees them.
#[derive(Clone)]
pub struct Snapshot {
    scope: ScopeId,
    verifiers: Vec<Verifier>,
    stores: Vec<Arc<dyn Store>>,
    policy: ConfigPolicy,
    limits: Limits,
}

/// Why a snapshot cannot be made. The texts are those of v1.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// No store.
    #[error("referrer store config should have at least one store")]
    NoStore,
    /// No verifier.
    #[error("verifiers config should have at least one verifier")]
    NoVerifier,
}

impl Snapshot {
    /// A snapshot. Verifiers and stores are put in the order of their names, so that the verdict does not depend on the
    /// order of a file or map.
    pub fn new(
        mut verifiers: Vec<Verifier>,
        mut stores: Vec<Arc<dyn Store>>,
        policy: ConfigPolicy,
        limits: Limits,
        scope: ScopeId,
    ) -> Result<Self, SnapshotError> {
        if stores.is_empty() {
            return Err(SnapshotError::NoStore);
        }
        if verifiers.is_empty() {
            return Err(SnapshotError::NoVerifier);
        }
        verifiers.sort_by(|a, b| a.name().cmp(b.name()));
        stores.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(Self {
            scope,
            verifiers,
            stores,
            policy,
            limits,
        })
    }

    /// What tells it from another configuration.
    pub fn scope(&self) -> ScopeId {
        self.scope
    }

    /// The verifiers in the order of their names.
    pub fn verifiers(&self) -> &[Verifier] {
        &self.verifiers
    }

    /// The stores in the order of their names.
    pub fn stores(&self) -> &[Arc<dyn Store>] {
        &self.stores
    }

    /// The policy.
    pub fn policy(&self) -> &ConfigPolicy {
        &self.policy
    }

    /// How much is looked at.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The one artifact type that all verifiers read, if it is one: then the registry need list nothing else.
    pub(crate) fn only_artifact_type(&self) -> Option<&str> {
        let mut types = self.verifiers.iter().flat_map(Verifier::artifact_types);
        let first = types.next().filter(|first| *first != "*")?;
        types.all(|other| other == first).then_some(first)
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stores: Vec<&str> = self.stores.iter().map(|store| store.name()).collect();
        let verifiers: Vec<&str> = self.verifiers.iter().map(Verifier::name).collect();
        f.debug_struct("Snapshot")
            .field("verifiers", &verifiers)
            .field("stores", &stores)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
