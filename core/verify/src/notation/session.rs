//! One signature being judged: which content is asked for, in which order, and what an answer means.
//!
//! A listed signature that is missing, too large or other than its digest says is a definitive no: this candidate is
//! rejected and the next is tried (N D-10). One that could not be fetched is unknown and may be asked for again.

use jiff::Timestamp;
use ratify_oci::{Content, Descriptor};

use super::manifest::{self, SignatureLayer, SignatureManifestError};
use super::validations::{self, Context, Judgement};
use super::{MAX_ENVELOPE, MAX_MANIFEST, Verifier};
use crate::{Answer, Artifact, Finding, Need, Reason, ReasonCode, Step, Subject, Verdict};

/// One signature being judged.
#[derive(Debug)]
pub(crate) struct Session {
    verifier: Verifier,
    subject: Subject,
    artifact: Artifact,
    state: State,
}

#[derive(Debug)]
enum State {
    Start,
    /// The manifest was asked for.
    Manifest,
    /// The envelope was asked for.
    Envelope(Box<SignatureLayer>),
    Done(Box<Finding>),
}

impl Session {
    pub(super) fn new(verifier: Verifier, subject: Subject, artifact: Artifact) -> Self {
        Self {
            verifier,
            subject,
            artifact,
            state: State::Start,
        }
    }

    /// See [`crate::Session::step`].
    pub(crate) fn step(&mut self, answers: Vec<Answer>, now: Timestamp) -> Step {
        let next = match &self.state {
            State::Start => self.start(&answers),
            State::Manifest => self.read_manifest(answers),
            State::Envelope(layer) => self.judge_envelope(layer, answers, now),
            State::Done(finding) => return Step::Done((**finding).clone()),
        };
        self.state = next.unwrap_or_else(|verdict| {
            let judgement = Judgement::without_validations(verdict);
            self.done(judgement)
        });
        match &self.state {
            State::Start | State::Manifest => Step::Need(vec![Need::Manifest {
                descriptor: self.artifact.descriptor.clone(),
                limit: MAX_MANIFEST,
            }]),
            State::Envelope(layer) => Step::Need(vec![Need::Blob {
                descriptor: layer.descriptor.clone(),
                limit: MAX_ENVELOPE,
            }]),
            State::Done(finding) => Step::Done((**finding).clone()),
        }
    }

    fn start(&self, answers: &[Answer]) -> Result<State, Verdict> {
        if !answers.is_empty() {
            return Err(wrong_number(0, answers.len()));
        }
        if let Some(verdict) = self.verifier.static_verdict(&self.subject.repository) {
            return Err(verdict);
        }
        manifest::check_listed(&self.artifact.descriptor).map_err(|error| reject(&error))?;
        Ok(State::Manifest)
    }

    fn read_manifest(&self, answers: Vec<Answer>) -> Result<State, Verdict> {
        let content = content("manifest", &self.artifact.descriptor, answers)?;
        let layer = manifest::parse(&content, &self.subject.descriptor);
        let layer = layer.map_err(|error| reject(&error))?;
        manifest::check_listed_type(&self.artifact.descriptor).map_err(|error| reject(&error))?;
        Ok(State::Envelope(Box::new(layer)))
    }

    fn judge_envelope(
        &self,
        layer: &SignatureLayer,
        answers: Vec<Answer>,
        now: Timestamp,
    ) -> Result<State, Verdict> {
        let envelope = content("envelope", &layer.descriptor, answers)?;
        let judgement = validations::judge(
            layer.format,
            envelope.bytes(),
            &Context {
                statement: self.verifier.statement(&self.subject.repository)?,
                stores: self.verifier.stores(),
                subject: &self.subject.descriptor,
                now,
            },
        );
        Ok(self.done(judgement))
    }

    fn done(&self, judgement: Judgement) -> State {
        State::Done(Box::new(self.verifier.finding(&self.artifact, judgement)))
    }
}

/// The one content that was asked for, or the verdict that its absence means (N D-22, D-28; attack catalogue T-02).
fn content(part: &str, wanted: &Descriptor, mut answers: Vec<Answer>) -> Result<Content, Verdict> {
    let found = answers.len();
    let (Some(answer), true) = (answers.pop(), found == 1) else {
        return Err(wrong_number(1, found));
    };
    let digest = &wanted.digest;
    let rejected = |code, detail: String| Err(Verdict::Rejected(Reason::new(code, detail)));
    match answer {
        Answer::Content(content) if *content.digest() != *digest => rejected(
            ReasonCode::SignatureContentMismatch,
            format!(
                "the signature's {part} is `{}`, expected `{digest}`",
                content.digest()
            ),
        ),
        Answer::Content(content) if content.size() != wanted.size => rejected(
            ReasonCode::SignatureContentMismatch,
            format!(
                "the signature's {part} `{digest}` has {} bytes, expected {}",
                content.size(),
                wanted.size
            ),
        ),
        Answer::Content(content) => Ok(content),
        Answer::Absent => rejected(
            ReasonCode::SignatureUnavailable,
            format!("the signature's {part} `{digest}` is listed but not in the registry"),
        ),
        Answer::TooLarge => rejected(
            ReasonCode::SignatureUnavailable,
            format!("the signature's {part} `{digest}` is larger than it may be"),
        ),
        Answer::Mismatch(mismatch) => rejected(
            ReasonCode::SignatureContentMismatch,
            format!("the signature's {part}: {mismatch}"),
        ),
        Answer::Malformed(reason) => rejected(
            ReasonCode::SignatureUnavailable,
            format!("the signature's {part} `{digest}`: {}", reason.detail()),
        ),
        Answer::Failed(failure) => Err(Verdict::Unknown(failure.0)),
    }
}

fn reject(error: &SignatureManifestError) -> Verdict {
    Verdict::Rejected(Reason::from_error(error.code(), error))
}

fn wrong_number(expected: usize, found: usize) -> Verdict {
    Verdict::Rejected(Reason::new(
        ReasonCode::Internal,
        format!("{found} answers were given, expected {expected}"),
    ))
}
