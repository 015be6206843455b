//! What verifiers say of a repository without looking at any image of it.

use std::sync::Arc;

use ratify_oci::Repository;
use ratify_policy::Findings;
use ratify_verify::{Finding, Verifier};

use crate::Snapshot;
use crate::run::Judgement;

/// One entry per verifier, by its place in the snapshot: names need not differ.
pub(crate) struct Fixed {
    said: Vec<Option<Finding>>,
    /// Whether the verifier of that place is the first that reads the type it speaks of.
    first: Vec<bool>,
}

impl Fixed {
    /// What the verifiers of `snapshot` say of `repository`. Per artifact type only the first verifier has a say, as over
    /// artifacts.
    pub(crate) fn of(snapshot: &Snapshot, repository: &Repository) -> Self {
        let verifiers = snapshot.verifiers();
        let said: Vec<_> = verifiers
            .iter()
            .map(|one| one.without_artifacts(repository))
            .collect();
        let first = |(place, finding): (usize, &Option<Finding>)| {
            finding.as_ref().is_some_and(|finding| {
                let reads = |one: &Verifier| one.reads_type(&finding.artifact_type);
                verifiers.iter().position(reads) == Some(place)
            })
        };
        let first = said.iter().enumerate().map(first).collect();
        Self { said, first }
    }

    /// The judgement, if every verifier has said all it will say without looking.
    pub(crate) fn judgement(self, snapshot: &Snapshot) -> Option<Judgement> {
        if !self.said.iter().all(Option::is_some) {
            return None;
        }
        let findings = Findings {
            findings: self.into_findings().collect(),
            ..Findings::default()
        };
        Some(Judgement::of(snapshot, None, findings))
    }

    /// Whether the verifier of that place has accepted without looking.
    pub(crate) fn skips(&self, place: usize) -> bool {
        let said = self.said.get(place).and_then(Option::as_ref);
        said.is_some_and(|finding| finding.verdict.accepted().is_some())
    }

    /// The acceptances.
    pub(crate) fn into_accepted(self) -> impl Iterator<Item = Arc<Finding>> {
        self.into_findings()
            .filter(|finding| finding.verdict.accepted().is_some())
    }

    fn into_findings(self) -> impl Iterator<Item = Arc<Finding>> {
        let said = self.said.into_iter().zip(self.first);
        said.filter_map(|(finding, first)| finding.filter(|_| first).map(Arc::new))
    }
}
