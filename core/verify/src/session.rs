//! The plug board: a verifier says what it needs, somebody else fetches, the verifier goes on.

use jiff::Timestamp;
use ratify_oci::{Content, ContentMismatch, Descriptor};

use crate::verdict::Finding;
use crate::{Reason, notation};

/// Something a verifier must have before it can go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// A manifest of the subject's repository.
    Manifest {
        /// Which.
        descriptor: Descriptor,
        /// The most bytes it may have.
        limit: u64,
    },
    /// A blob of the subject's repository.
    Blob {
        /// Which.
        descriptor: Descriptor,
        /// The most bytes it may have.
        limit: u64,
    },
}

/// What came of a [`Need`]. A failed fetch is an answer too: the verifier decides what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The content, hashed and found to be what was asked for.
    Content(Content),
    /// There is no such content (404).
    Absent,
    /// It is larger than the limit of the need.
    TooLarge,
    /// Other bytes came than the digest or size names.
    Mismatch(ContentMismatch),
    /// What came cannot be what was asked for: another content type, embedded data that is no base64.
    Malformed(Reason),
    /// It could not be fetched; whether it exists is not known.
    Failed(FetchFailure),
}

/// Why something could not be fetched: a [`Reason`] with one of the registry codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchFailure(pub Reason);

/// Where a session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Fetch these and call [`Session::step`] with one answer for each, in this order.
    Need(Vec<Need>),
    /// The end.
    Done(Finding),
}

/// One verifier at work on one artifact.
#[derive(Debug)]
pub struct Session(pub(crate) Kind);

#[derive(Debug)]
pub(crate) enum Kind {
    Notation(Box<notation::Session>),
    Decided(Box<Finding>),
}

impl Session {
    /// Go on with the `answers` to the last needs (none at first). `now` is the time of the request and must be the same
    /// in every step of a session.
    ///
    /// A wrong number of answers is a rejection, never a panic.
    pub fn step(&mut self, answers: Vec<Answer>, now: Timestamp) -> Step {
        match &mut self.0 {
            Kind::Notation(session) => session.step(answers, now),
            Kind::Decided(finding) => Step::Done((**finding).clone()),
        }
    }
}
