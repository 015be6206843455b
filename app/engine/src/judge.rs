//! Judging one artifact: ask the verifier, fetch, answer, until it is done.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use ratify_verify::{
    Answer, Artifact, FetchFailure, Finding, Need, Reason, ReasonCode, Step, Subject, Verdict,
    Verifier,
};
use tokio::time::Instant;

use crate::Store;
use crate::memory::Key;
use crate::run::Run;

/// How often a verifier may ask before it must have decided (architecture: at most eight rounds).
const MAX_ROUNDS: usize = 8;

/// One artifact, the verifier that judges it and the store it was listed by.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) verifier: Verifier,
    /// The verifier's place in the snapshot.
    pub(crate) place: usize,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) subject: Arc<Subject>,
    pub(crate) artifact: Artifact,
    pub(crate) run: Run,
}

/// What came of one artifact.
pub(crate) struct Judged {
    pub(crate) finding: Arc<Finding>,
    /// How long it took, fetching included; `None` if an earlier judgement was taken over.
    pub(crate) took: Option<Duration>,
}

impl Judged {
    fn now(finding: Arc<Finding>, begin: Instant) -> Self {
        Self {
            finding,
            took: Some(begin.elapsed()),
        }
    }
}

impl Task {
    /// Judge, or remember. Always ends at the deadline, with a finding in every case.
    pub(crate) async fn run(self) -> Judged {
        let begin = Instant::now();
        let Some(memo) = self.run.memo.clone() else {
            let (finding, _) = self.judge().await;
            return Judged::now(Arc::new(finding), begin);
        };
        let key = Key::of_signature(self.run.snapshot.scope(), &self);
        if let Some(finding) = memo.find(key, self.run.now) {
            return Judged {
                finding,
                took: None,
            };
        }
        let (finding, only_content) = self.judge().await;
        let finding = memo.slim(finding);
        if only_content {
            memo.keep(key, &finding, self.run.now);
        }
        Judged::now(finding, begin)
    }

    /// The finding, and whether nothing but hashed content led to it.
    async fn judge(&self) -> (Finding, bool) {
        let mut session = self.verifier.begin(&self.subject, &self.artifact);
        let mut answers = Vec::new();
        let mut only_content = true;
        for _ in 0..MAX_ROUNDS {
            match session.step(answers, self.run.now) {
                Step::Done(finding) => return (finding, only_content),
                Step::Need(needs) => {
                    answers = join_all(needs.iter().map(|need| self.fetch(need))).await;
                    only_content &= answers
                        .iter()
                        .all(|answer| matches!(answer, Answer::Content(_)));
                }
            }
        }
        let text = format!("the verifier asked more than {MAX_ROUNDS} times without deciding");
        let reason = Reason::new(ReasonCode::Internal, text);
        (self.finding(Verdict::Rejected(reason)), false)
    }

    async fn fetch(&self, need: &Need) -> Answer {
        let repository = &self.subject.repository;
        let fetch = || self.store.fetch(repository, need, self.run.deadline);
        self.run.seated(fetch).await.unwrap_or_else(too_late)
    }

    /// A finding about this artifact that no verifier made.
    pub(crate) fn finding(&self, verdict: Verdict) -> Finding {
        Finding {
            verifier: self.verifier.name().into(),
            verifier_type: self.verifier.verifier_type().into(),
            artifact: Some(self.artifact.descriptor.digest.clone()),
            artifact_type: self.artifact.artifact_type().into(),
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
