//! The signed payload: which image the signature is about (N 4).
//!
//! Called only with bytes whose signature was verified and, where the policy enforces it, whose signer is trusted (N Y-01).

use ratify_oci::{Descriptor, Digest, DigestError};

use crate::json::{self, JsonError, Object, Value};

/// The deepest nesting that is read: payload, artifact, annotations, and some for members nobody knows.
const MAX_DEPTH: usize = 16;

const TARGET: &str = "targetArtifact";

/// The members of a descriptor that mean something here.
const MEMBERS: [&str; 4] = ["mediaType", "digest", "size", "annotations"];

/// Why a payload does not speak of the image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PayloadError {
    /// N Y-08.
    #[error("the payload is not strict JSON")]
    Json(#[from] JsonError),
    /// N Y-02.
    #[error("`{name}` is {found}, expected {expected}")]
    Type {
        /// Which member.
        name: &'static str,
        /// What it is.
        found: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// N Y-02.
    #[error("the payload has no `{0}`")]
    Missing(&'static str),
    /// N Y-08.
    #[error("the payload has `{found}`, which differs from `{known}` only by case")]
    CaseVariant {
        /// The name as written.
        found: String,
        /// The name it imitates.
        known: String,
    },
    /// N Y-08.
    #[error("the payload's `digest` cannot be used")]
    Digest(#[from] DigestError),
    /// N Y-03.
    #[error(
        "the signature is about `{}` ({}, {} bytes), expected `{}` ({}, {} bytes)",
        .signed.digest, .signed.media_type, .signed.size, .judged.digest, .judged.media_type, .judged.size
    )]
    Mismatch {
        /// What was signed.
        signed: Box<Descriptor>,
        /// The image being judged.
        judged: Box<Descriptor>,
    },
}

/// Check that `payload` names exactly `subject`: media type, digest and size are equal, nothing else takes part (N Y-03).
pub(super) fn check(payload: &[u8], subject: &Descriptor) -> Result<(), PayloadError> {
    let signed = parse(payload)?;
    if signed.same_content(subject) {
        return Ok(());
    }
    let (signed, judged) = (Box::new(signed), Box::new(subject.clone()));
    Err(PayloadError::Mismatch { signed, judged })
}

/// Read the descriptor of the artifact that was signed. Members nobody knows are let pass and not acted on (N Y-08).
fn parse(payload: &[u8]) -> Result<Descriptor, PayloadError> {
    let value = json::parse_strict(payload, MAX_DEPTH)?;
    let object = object("payload", &value)?;
    refuse_case_variants(object, &[TARGET])?;
    let target = self::object(TARGET, required(object, TARGET)?)?;
    refuse_case_variants(target, &MEMBERS)?;
    let digest: Digest = text(target, "digest")?.parse()?;
    let size = required(target, "size")?;
    let size = size
        .as_u64()
        .ok_or_else(|| wrong_type("size", size, "a whole number that is not negative"))?;
    check_annotations(target)?;
    Ok(Descriptor::new(text(target, "mediaType")?, digest, size))
}

/// Annotations must be texts, or there must be none; what they say does not matter here (N Y-02, Y-05).
fn check_annotations(target: &Object) -> Result<(), PayloadError> {
    const EXPECTED: &str = "an object of strings";
    let annotations = match target.member("annotations") {
        None | Some(Value::Null) => return Ok(()),
        Some(annotations) => annotations,
    };
    let members = annotations
        .as_object()
        .ok_or_else(|| wrong_type("annotations", annotations, EXPECTED))?;
    match members.iter().find(|(_, value)| value.as_str().is_none()) {
        Some((_, value)) => Err(wrong_type("annotations", value, EXPECTED)),
        None => Ok(()),
    }
}

fn object<'a>(name: &'static str, value: &'a Value) -> Result<&'a Object, PayloadError> {
    value
        .as_object()
        .ok_or_else(|| wrong_type(name, value, "an object"))
}

fn text<'a>(object: &'a Object, name: &'static str) -> Result<&'a str, PayloadError> {
    let value = required(object, name)?;
    value
        .as_str()
        .ok_or_else(|| wrong_type(name, value, "a string"))
}

fn required<'a>(object: &'a Object, name: &'static str) -> Result<&'a Value, PayloadError> {
    object.member(name).ok_or(PayloadError::Missing(name))
}

fn refuse_case_variants(object: &Object, known: &[&str]) -> Result<(), PayloadError> {
    match object.case_variant(known) {
        Some((found, known)) => Err(PayloadError::CaseVariant {
            found: found.chars().take(100).collect(),
            known: known.to_owned(),
        }),
        None => Ok(()),
    }
}

fn wrong_type(name: &'static str, found: &Value, expected: &'static str) -> PayloadError {
    PayloadError::Type {
        name,
        found: found.kind(),
        expected,
    }
}
