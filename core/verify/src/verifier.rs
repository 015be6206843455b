//! The verifiers there are: a closed list.

use ratify_oci::{Descriptor, Repository};

use crate::session::{Kind, Session};
use crate::verdict::{Finding, Verdict};
use crate::{Reason, ReasonCode, notation};

/// The image being judged, resolved once: every later step speaks of this digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Where it lies.
    pub repository: Repository,
    /// Media type, digest and size of its manifest, from the hashed bytes.
    pub descriptor: Descriptor,
}

/// Something that refers to the subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its manifest, as listed.
    pub descriptor: Descriptor,
}

impl Artifact {
    /// The artifact type as listed; empty where the listing names none.
    pub fn artifact_type(&self) -> &str {
        self.descriptor.artifact_type.as_deref().unwrap_or_default()
    }
}

/// A configured verifier.
#[derive(Debug, Clone)]
pub enum Verifier {
    /// Notary Project signatures.
    Notation(notation::Verifier),
    /// Configured, but cannot be run by this program: it reads its artifact types all the same, and rejects.
    Unavailable(Unavailable),
}

/// A verifier that exists in the configuration but cannot be built: never unmatched, never an acceptance.
#[derive(Debug, Clone)]
pub struct Unavailable {
    /// Name in the configuration.
    pub name: String,
    /// Type in the configuration.
    pub verifier_type: String,
    /// Artifact types it would read; `*` reads all.
    pub artifact_types: Vec<String>,
    /// Why it cannot be run.
    pub reason: Reason,
}

impl Unavailable {
    /// Why `verifier_type` cannot be run, as a reason.
    pub fn because(detail: impl std::fmt::Display) -> Reason {
        Reason::new(ReasonCode::VerifierUnavailable, detail)
    }
}

impl Verifier {
    /// Name in the configuration. Verifiers are used in the order of their names.
    pub fn name(&self) -> &str {
        match self {
            Self::Notation(verifier) => verifier.name(),
            Self::Unavailable(verifier) => &verifier.name,
        }
    }

    /// Type in the configuration, such as `notation`.
    pub fn verifier_type(&self) -> &str {
        match self {
            Self::Notation(_) => notation::VERIFIER_TYPE,
            Self::Unavailable(verifier) => &verifier.verifier_type,
        }
    }

    /// The artifact types it reads; `*` reads all.
    pub fn artifact_types(&self) -> &[String] {
        match self {
            Self::Notation(verifier) => verifier.artifact_types(),
            Self::Unavailable(verifier) => &verifier.artifact_types,
        }
    }

    /// Whether it judges artifacts of this type.
    pub fn reads(&self, artifact: &Artifact) -> bool {
        self.reads_type(artifact.artifact_type())
    }

    /// The same by the type alone.
    pub fn reads_type(&self, artifact_type: &str) -> bool {
        let mut types = self.artifact_types().iter();
        types.any(|one| one == "*" || one == artifact_type)
    }

    /// A finding that needs no artifact and no registry: a trust policy of level `skip`, or none for this repository.
    pub fn without_artifacts(&self, repository: &Repository) -> Option<Finding> {
        match self {
            Self::Notation(verifier) => verifier.without_artifacts(repository),
            Self::Unavailable(_) => None,
        }
    }

    /// Start to judge `artifact`, which was listed for `subject`.
    pub fn begin(&self, subject: &Subject, artifact: &Artifact) -> Session {
        match self {
            Self::Notation(verifier) => {
                Session(Kind::Notation(Box::new(verifier.begin(subject, artifact))))
            }
            Self::Unavailable(verifier) => Session(Kind::Decided(Box::new(Finding {
                verifier: verifier.name.as_str().into(),
                verifier_type: verifier.verifier_type.as_str().into(),
                artifact: Some(artifact.descriptor.digest.clone()),
                artifact_type: artifact.artifact_type().into(),
                verdict: Verdict::Rejected(verifier.reason.clone()),
                signer: None,
                validations: Vec::new(),
            }))),
        }
    }
}
