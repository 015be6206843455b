//! Judging one artifact: ask the verifier, fetch, answer, until it is done.

use std::sync::Arc;

use futures::future::join_all;
use jiff::Timestamp;
use ratify_verify::{
    Answer, Artifact, FetchFailure, Finding, Reason, ReasonCode, Step, Subject, Verdict, Verifier,
};
use tokio::time::{Instant, timeout_at};

use crate::Store;

/// How often a verifier may ask before it must have decided (architecture: at most eight rounds).
const MAX_ROUNDS: usize = 8;

/// One artifact, the verifier that judges it and the store it was listed by.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) verifier: Verifier,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) subject: Arc<Subject>,
    pub(crate) artifact: Artifact,
    pub(crate) now: Timestamp,
    pub(crate) deadline: Instant,
}

impl Task {
    /// Judge. Always ends at the deadline, with a finding in every case.
    pub(crate) async fn run(self) -> Finding {
        let mut session = self.verifier.begin(&self.subject, &self.artifact);
        let mut answers = Vec::new();
        for _ in 0..MAX_ROUNDS {
            match session.step(answers, self.now) {
                Step::Done(finding) => return finding,
                Step::Need(needs) => {
                    let fetches = needs.iter().map(|need| async {
                        let fetch = self
                            .store
                            .fetch(&self.subject.repository, need, self.deadline);
                        timeout_at(self.deadline, fetch)
                            .await
                            .unwrap_or_else(|_| too_late())
                    });
                    answers = join_all(fetches).await;
                }
            }
        }
        let text = format!("the verifier asked more than {MAX_ROUNDS} times without deciding");
        self.finding(Verdict::Rejected(Reason::new(ReasonCode::Internal, text)))
    }

    /// A finding about this artifact that no verifier made.
    pub(crate) fn finding(&self, verdict: Verdict) -> Finding {
        Finding {
            verifier: self.verifier.name().to_owned(),
            verifier_type: self.verifier.verifier_type().to_owned(),
            artifact: Some(self.artifact.descriptor.clone()),
            artifact_type: self.artifact.artifact_type().to_owned(),
            verdict,
            signer: None,
            validations: Vec::new(),
        }
    }
}

fn too_late() -> Answer {
    Answer::Failed(FetchFailure(Reason::new(
        ReasonCode::DeadlineExceeded,
        "time ran out while fetching a signature",
    )))
}
