//! Trust policies: which signers are trusted for which repositories, and how strictly (N section 6).
//!
//! A document is read whole or not at all: one bad statement invalidates every other (N L-06). Nothing in a policy can be
//! changed once it is read (N P-30).

mod error;
mod members;
mod read;

use std::collections::HashMap;

use ratify_oci::Repository;

pub use error::{PolicyFault, TrustPolicyError, TrustPolicyWarning};

use crate::Validation;
use crate::trust::identity::TrustedIdentities;
use crate::trust::level::{Action, Level};
use crate::trust::scope::CanonicalRepository;
use crate::trust::store::StoreType;

/// A trust policy document, version 1.0, for OCI artifacts.
#[derive(Debug, Clone)]
pub struct TrustPolicy {
    statements: Vec<Statement>,
    /// Place in `statements` by scope.
    by_repository: HashMap<CanonicalRepository, usize>,
    /// Place of the statement with scope `*`.
    global: Option<usize>,
}

/// A policy that was read, and what a person should know about it.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The policy.
    pub policy: TrustPolicy,
    /// In the order of the document.
    pub warnings: Vec<TrustPolicyWarning>,
}

/// When a time-stamp is looked at (N V-09).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VerifyTimestamp {
    /// Whenever the statement names a `tsa` store.
    #[default]
    Always,
    /// Only if a certificate of the chain has expired.
    AfterCertExpiry,
}

/// One statement of a trust policy.
#[derive(Debug, Clone)]
pub struct Statement {
    name: String,
    level: Level,
    overrides: Vec<(Validation, Action)>,
    verify_timestamp: VerifyTimestamp,
    stores: Vec<(StoreType, String)>,
    identities: TrustedIdentities,
}

impl TrustPolicy {
    /// Read a document.
    ///
    /// # Errors
    /// The first rule it breaks (N L-05, V-01 to V-14, R-01 to R-05, I-01 to I-12), with the path of the member.
    pub fn parse(document: &[u8]) -> Result<Parsed, TrustPolicyError> {
        read::document(document)
    }

    /// The statement for `repository`: the one with exactly this scope, else the one with scope `*`, else none (N section
    /// 6.3, "selection"). Spellings of one registry are one registry (N P-06): case, the port 443, names of Docker Hub.
    /// A repository that no scope can name (an IPv6 registry) has no statement, not even `*`.
    pub fn select(&self, repository: &Repository) -> Option<&Statement> {
        let canonical = CanonicalRepository::of(repository)?;
        let place = self.by_repository.get(&canonical).copied();
        self.statements.get(place.or(self.global)?)
    }

    /// All statements in the order of the document.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

impl Statement {
    /// Its name, unique in the document.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its level, before overrides.
    pub fn level(&self) -> Level {
        self.level
    }

    /// What is done about a failure of `validation`: the level's row of N section 8, or what `override` says (N V-08).
    pub fn action(&self, validation: Validation) -> Action {
        let mut overrides = self.overrides.iter();
        overrides
            .find_map(|(one, action)| (*one == validation).then_some(*action))
            .unwrap_or_else(|| self.level.action(validation))
    }

    /// Whether nothing is looked at (level `skip`).
    pub fn is_skip(&self) -> bool {
        self.level == Level::Skip
    }

    /// The names of its trust stores of the type `kind`, each once (N V-14).
    pub fn stores(&self, kind: StoreType) -> impl Iterator<Item = &str> {
        let stores = self.stores.iter();
        stores.filter_map(move |(one, name)| (*one == kind).then_some(name.as_str()))
    }

    /// Whom it trusts.
    pub fn identities(&self) -> &TrustedIdentities {
        &self.identities
    }

    /// When a time-stamp is looked at.
    pub fn verify_timestamp(&self) -> VerifyTimestamp {
        self.verify_timestamp
    }
}
