//! JWS envelopes: flattened JSON serialisation with exactly four members (N 2; RFC 7515 section 7.2.2).
//!
//! Only reading happens here; nothing read is believed before [`super::integrity`] has verified the signature. The signed
//! text is used as received and never written anew (N 2, attack catalogue T-22).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::attributes::{
    AUTHENTIC_SIGNING_TIME, Attribute, EXPIRY, Label, ProtectedHeader, SIGNING_SCHEME,
    SIGNING_TIME, TIMESTAMP_SIGNATURE, VERIFICATION_PLUGIN, VERIFICATION_PLUGIN_MIN_VERSION,
};
use super::envelope::{HeaderAlgorithm, MAX_CHAIN, MAX_PROTECTED, Unverified};
use super::time::{self, TimeError};
use crate::json::{self, JsonError, Object, Value};

/// The deepest nesting of an envelope and of its protected header. Real ones have 3; extended attributes may nest.
const MAX_DEPTH: usize = 16;

/// The members of an envelope (N 2): all must be there and no others may.
const MEMBERS: [&str; 4] = ["payload", "protected", "header", "signature"];

/// The parameters of the protected header that mean something (N 2.2).
const PROTECTED: [&str; 9] = [
    "alg",
    "cty",
    "crit",
    SIGNING_SCHEME,
    SIGNING_TIME,
    AUTHENTIC_SIGNING_TIME,
    EXPIRY,
    VERIFICATION_PLUGIN,
    VERIFICATION_PLUGIN_MIN_VERSION,
];

/// The unprotected parameters that are read (N 2.1). The signing agent is not: it must not matter (SIG "unsigned
/// attributes"), and signatures with other spellings of its name exist.
const UNPROTECTED: [&str; 2] = ["x5c", TIMESTAMP_SIGNATURE];

/// Which rule of the format an envelope breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum JwsError {
    /// N J-01, J-02: not JSON, more than one value, or a name twice.
    #[error("the {part} is not strict JSON")]
    Json {
        /// `JWS envelope` or `protected header`.
        part: &'static str,
        /// What and where.
        source: JsonError,
    },
    /// N J-01, J-11.
    #[error("the {part} is {found}, expected an object")]
    NotAnObject {
        /// `JWS envelope` or `protected header`.
        part: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// N J-02, J-03.
    #[error(
        "the JWS envelope has the member `{0}`, expected `payload`, `protected`, `header` and `signature` alone (flattened JWS JSON)"
    )]
    UnknownMember(String),
    /// N J-02.
    #[error("`{found}` differs from `{known}` only by case")]
    CaseVariant {
        /// The name as written.
        found: String,
        /// The name it imitates.
        known: String,
    },
    /// N J-01, J-04, J-11.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// N J-01, J-11.
    #[error("`{name}` is {found}, expected {expected}")]
    Type {
        /// Of which member.
        name: String,
        /// What it is.
        found: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// N J-07: padding, white space, a foreign letter, or bits that should be zero.
    #[error("`{0}` is not base64url without padding")]
    Base64Url(&'static str),
    /// N 2.1.
    #[error("`{0}` is not standard base64 with padding")]
    Base64(String),
    /// N P-04.
    #[error("the protected header has {0} characters, expected at most {MAX_PROTECTED}")]
    HeaderTooLarge(usize),
    /// N J-04.
    #[error("`x5c` is empty, expected the certificate chain")]
    NoCertificates,
    /// N K-19, P-04.
    #[error("`x5c` has {0} certificates, expected at most {MAX_CHAIN}")]
    TooManyCertificates(usize),
    /// N J-20.
    #[error("`{0}` is empty")]
    Empty(&'static str),
    /// N J-26.
    #[error("`{name}` cannot be read")]
    Time {
        /// Which attribute.
        name: String,
        /// Why not.
        source: TimeError,
    },
}

/// Read an envelope.
pub(super) fn parse(bytes: &[u8]) -> Result<Unverified, JwsError> {
    let envelope = parse_object(bytes, "JWS envelope")?;
    refuse_case_variants(&envelope, &MEMBERS)?;
    if let Some((name, _)) = envelope.iter().find(|(name, _)| !MEMBERS.contains(name)) {
        return Err(JwsError::UnknownMember(name.chars().take(100).collect()));
    }
    let protected = text_member(&envelope, "protected")?;
    let payload = text_member(&envelope, "payload")?;
    let (algorithm, header) = parse_protected(protected)?;
    let unprotected = match required(&envelope, "header")? {
        Value::Object(unprotected) => unprotected,
        other => return Err(wrong_type("header", other, "an object")),
    };
    refuse_case_variants(unprotected, &UNPROTECTED)?;
    Ok(Unverified {
        algorithm,
        header,
        certificates: certificates(unprotected)?,
        message: [protected, ".", payload].concat().into_bytes(),
        payload: non_empty("payload", base64url("payload", payload)?)?,
        signature: non_empty(
            "signature",
            base64url("signature", text_member(&envelope, "signature")?)?,
        )?,
        timestamp: timestamp(unprotected)?,
    })
}

fn parse_object(bytes: &[u8], part: &'static str) -> Result<Object, JwsError> {
    let value = json::parse_strict(bytes, MAX_DEPTH);
    match value.map_err(|source| JwsError::Json { part, source })? {
        Value::Object(object) => Ok(object),
        other => Err(JwsError::NotAnObject {
            part,
            found: other.kind(),
        }),
    }
}

/// The protected header: its base64url must be canonical, its JSON strict, its known members of the right type (N J-11).
fn parse_protected(encoded: &str) -> Result<(HeaderAlgorithm, ProtectedHeader), JwsError> {
    if encoded.len() > MAX_PROTECTED {
        return Err(JwsError::HeaderTooLarge(encoded.len()));
    }
    let decoded = base64url("protected", encoded)?;
    let object = parse_object(&decoded, "protected header")?;
    refuse_case_variants(&object, &PROTECTED)?;
    let algorithm = HeaderAlgorithm::Jws(text_member(&object, "alg")?.to_owned());
    let content_type = match object.member("cty") {
        Some(_) => Some(text_member(&object, "cty")?.to_owned()),
        None => None,
    };
    let others = object
        .iter()
        .filter(|(name, _)| !matches!(*name, "alg" | "cty" | "crit"));
    let attributes: Result<BTreeMap<_, _>, _> = others
        .map(|(name, value)| Ok((Label::Text(name.to_owned()), attribute(name, value)?)))
        .collect();
    let header = ProtectedHeader {
        content_type,
        critical: critical(&object)?,
        attributes: attributes?,
    };
    Ok((algorithm, header))
}

fn attribute(name: &str, value: &Value) -> Result<Attribute, JwsError> {
    if Attribute::is_time(name) {
        let text = value
            .as_str()
            .ok_or_else(|| wrong_type(name, value, "a string"))?;
        let time = time::from_rfc3339(text);
        return time.map(Attribute::Time).map_err(|source| JwsError::Time {
            name: name.to_owned(),
            source,
        });
    }
    if Attribute::is_text(name) {
        return match value {
            Value::String(text) => Ok(Attribute::Text(text.clone())),
            other => Err(wrong_type(name, other, "a string")),
        };
    }
    Ok(Attribute::Unknown)
}

fn critical(header: &Object) -> Result<Vec<Label>, JwsError> {
    let entries = match header.member("crit") {
        None => &[],
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(other) => return Err(wrong_type("crit", other, "an array of strings")),
    };
    let label = |entry: &Value| match entry {
        Value::String(name) => Ok(Label::Text(name.clone())),
        other => Err(wrong_type("crit", other, "strings alone")),
    };
    entries.iter().map(label).collect()
}

/// The certificates in DER, leaf first (N 2.1, J-04).
fn certificates(unprotected: &Object) -> Result<Vec<Vec<u8>>, JwsError> {
    let entries = match required(unprotected, "x5c")? {
        Value::Array(entries) => entries,
        other => return Err(wrong_type("x5c", other, "an array of strings")),
    };
    match entries.len() {
        0 => return Err(JwsError::NoCertificates),
        1..=MAX_CHAIN => {}
        more => return Err(JwsError::TooManyCertificates(more)),
    }
    let certificate = |(index, entry): (usize, &Value)| match entry {
        Value::String(encoded) => STANDARD
            .decode(encoded)
            .map_err(|_| JwsError::Base64(format!("x5c[{index}]"))),
        other => Err(wrong_type("x5c", other, "strings alone")),
    };
    entries.iter().enumerate().map(certificate).collect()
}

fn timestamp(unprotected: &Object) -> Result<Option<Vec<u8>>, JwsError> {
    match unprotected.member(TIMESTAMP_SIGNATURE) {
        None => Ok(None),
        Some(Value::String(encoded)) => STANDARD
            .decode(encoded)
            .map(Some)
            .map_err(|_| JwsError::Base64(TIMESTAMP_SIGNATURE.to_owned())),
        Some(other) => Err(wrong_type(TIMESTAMP_SIGNATURE, other, "a string")),
    }
}

fn required<'a>(object: &'a Object, name: &'static str) -> Result<&'a Value, JwsError> {
    object.member(name).ok_or(JwsError::Missing(name))
}

fn text_member<'a>(object: &'a Object, name: &'static str) -> Result<&'a str, JwsError> {
    let value = required(object, name)?;
    value
        .as_str()
        .ok_or_else(|| wrong_type(name, value, "a string"))
}

fn base64url(name: &'static str, encoded: &str) -> Result<Vec<u8>, JwsError> {
    let decoded = URL_SAFE_NO_PAD.decode(encoded);
    decoded.map_err(|_| JwsError::Base64Url(name))
}

fn non_empty(name: &'static str, bytes: Vec<u8>) -> Result<Vec<u8>, JwsError> {
    if bytes.is_empty() {
        return Err(JwsError::Empty(name));
    }
    Ok(bytes)
}

fn refuse_case_variants(object: &Object, known: &[&str]) -> Result<(), JwsError> {
    match object.case_variant(known) {
        Some((found, known)) => Err(JwsError::CaseVariant {
            found: found.chars().take(100).collect(),
            known: known.to_owned(),
        }),
        None => Ok(()),
    }
}

fn wrong_type(name: &str, found: &Value, expected: &'static str) -> JwsError {
    JwsError::Type {
        name: name.to_owned(),
        found: found.kind(),
        expected,
    }
}
