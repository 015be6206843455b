//! COSE envelopes: `COSE_Sign1_Tagged` (N 3; RFC 9052 section 4.2).
//!
//! Only reading happens here; nothing read is believed before [`super::integrity`] has verified the signature. The
//! protected header and the payload are signed as received and never encoded anew (N C-09).

use std::collections::BTreeMap;

use super::attributes::{Attribute, Label, ProtectedHeader, TIMESTAMP_SIGNATURE};
use super::cbor::{CborError, Kind, Reader, Value, write_bytes_head};
use super::envelope::{HeaderAlgorithm, MAX_CHAIN, MAX_PROTECTED, Unverified};
use super::time::{self, TimeError};

/// CBOR tag of `COSE_Sign1_Tagged` (RFC 9052 table 1).
const SIGN1_TAG: u64 = 18;
/// CBOR tag of an epoch-based time (RFC 8949 section 3.4.2).
const EPOCH_TAG: u64 = 1;

/// Header labels (RFC 9052 table 3, RFC 9360 table 1).
const ALGORITHM: i64 = 1;
const CRITICAL: i64 = 2;
const CONTENT_TYPE: i64 = 3;
const X5CHAIN: i64 = 33;

/// The most parameters in each of the two headers. Real ones have at most seven.
const MAX_PARAMETERS: u64 = 128;

/// Which rule of the format an envelope breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum CoseError {
    /// N C-01, C-02.
    #[error("the {part} is not strict CBOR")]
    Cbor {
        /// `COSE envelope` or `protected header`.
        part: &'static str,
        /// What and where.
        source: CborError,
    },
    /// N C-01.
    #[error("the envelope has tag {0}, expected {SIGN1_TAG} (`COSE_Sign1`)")]
    NotSign1(u64),
    /// N C-01.
    #[error("the envelope is an array of {0}, expected of 4")]
    NotFour(u64),
    /// N P-04.
    #[error("the protected header has {0} bytes, expected at most {MAX_PROTECTED}")]
    HeaderTooLarge(usize),
    /// N P-04.
    #[error("the {part} has {found} parameters, expected at most {MAX_PARAMETERS}")]
    TooManyParameters {
        /// Which header.
        part: &'static str,
        /// How many there are.
        found: u64,
    },
    /// N C-02: a label twice in one header.
    #[error("the {part} has the label `{label}` twice")]
    LabelTwice {
        /// Which header.
        part: &'static str,
        /// Which label.
        label: Label,
    },
    /// N C-24.
    #[error("the label `{0}` is in the protected and in the unprotected header")]
    LabelInBoth(Label),
    /// N C-03: a label beyond 64 bits.
    #[error("the {0} has a label that is out of range")]
    LabelRange(&'static str),
    /// N C-08, C-05.
    #[error("the label {label} (`{name}`) is missing from the {part}")]
    Missing {
        /// Number.
        label: i64,
        /// Registered name.
        name: &'static str,
        /// Which header.
        part: &'static str,
    },
    /// N C-04.
    #[error("the payload is detached, expected it inside the envelope")]
    Detached,
    /// N C-04, C-12.
    #[error("the {0} is empty")]
    Empty(&'static str),
    /// N C-05, C-08, C-11, C-13, C-14.
    #[error("`{name}` is {found}, expected {expected}")]
    Type {
        /// Of which parameter.
        name: String,
        /// What it is.
        found: Kind,
        /// What it should be.
        expected: &'static str,
    },
    /// N C-02: tags are for the times alone.
    #[error("`{0}` has a tag, which only times may have")]
    Tagged(Label),
    /// N C-13: a reader that honours only one of the two headers must not differ from us.
    #[error("`crit` is in the unprotected header, expected in the protected one alone")]
    CriticalUnprotected,
    /// N C-18.
    #[error("`{name}` has {found}, expected tag {EPOCH_TAG} (seconds since 1970)")]
    TimeTag {
        /// Which time.
        name: String,
        /// `no tag` or the tag's number.
        found: String,
    },
    /// N C-19.
    #[error("`{name}` cannot be read")]
    Time {
        /// Which attribute.
        name: String,
        /// Why not.
        source: TimeError,
    },
    /// N C-05.
    #[error("`x5chain` is empty, expected the certificate chain")]
    NoCertificates,
    /// N K-19, P-04.
    #[error("`x5chain` has {0} certificates, expected at most {MAX_CHAIN}")]
    TooManyCertificates(usize),
}

type Parameters<'a> = BTreeMap<Label, Value<'a>>;

const ENVELOPE: &str = "COSE envelope";
const PROTECTED: &str = "protected header";
const UNPROTECTED: &str = "unprotected header";

fn cbor(part: &'static str) -> impl Fn(CborError) -> CoseError {
    move |source| CoseError::Cbor { part, source }
}

/// Read an envelope.
pub(super) fn parse(bytes: &[u8]) -> Result<Unverified, CoseError> {
    let broken = cbor(ENVELOPE);
    let mut reader = Reader::new(bytes);
    match reader.tag().map_err(&broken)? {
        SIGN1_TAG => {}
        other => return Err(CoseError::NotSign1(other)),
    }
    match reader.array().map_err(&broken)? {
        4 => {}
        other => return Err(CoseError::NotFour(other)),
    }
    let signed_header = reader.bytes().map_err(&broken)?;
    let unprotected = parameters(&mut reader, UNPROTECTED)?;
    let payload = reader.bytes_or_null().map_err(&broken)?;
    let payload = non_empty("payload", payload.ok_or(CoseError::Detached)?)?;
    let signature = non_empty("signature", reader.bytes().map_err(&broken)?)?;
    reader.end().map_err(&broken)?;

    let protected = protected_parameters(signed_header)?;
    if let Some(label) = protected
        .keys()
        .find(|label| unprotected.contains_key(label))
    {
        return Err(CoseError::LabelInBoth(label.clone()));
    }
    if unprotected.contains_key(&Label::Integer(CRITICAL)) {
        return Err(CoseError::CriticalUnprotected);
    }
    if let Some((label, _)) = unprotected
        .iter()
        .find(|(_, value)| value.kind() == Kind::Tag)
    {
        return Err(CoseError::Tagged(label.clone()));
    }
    Ok(Unverified {
        algorithm: algorithm(&protected)?,
        header: header(&protected)?,
        certificates: certificates(&protected, &unprotected)?,
        message: signed_structure(signed_header, payload),
        payload: payload.to_vec(),
        signature: signature.to_vec(),
        timestamp: timestamp(&unprotected),
    })
}

fn protected_parameters(bytes: &[u8]) -> Result<Parameters<'_>, CoseError> {
    if bytes.len() > MAX_PROTECTED {
        return Err(CoseError::HeaderTooLarge(bytes.len()));
    }
    // an empty byte string is an empty map (RFC 9052 section 3); what is missing then is found below
    if bytes.is_empty() {
        return Ok(Parameters::new());
    }
    let mut reader = Reader::new(bytes);
    let protected = parameters(&mut reader, PROTECTED)?;
    reader.end().map_err(cbor(PROTECTED))?;
    Ok(protected)
}

/// Read a header: labels are integers or texts, none twice (N C-02, C-03).
fn parameters<'a>(
    reader: &mut Reader<'a>,
    part: &'static str,
) -> Result<Parameters<'a>, CoseError> {
    let broken = cbor(part);
    let found = reader.map().map_err(&broken)?;
    if found > MAX_PARAMETERS {
        return Err(CoseError::TooManyParameters { part, found });
    }
    let mut parameters = Parameters::new();
    for _ in 0..found {
        let label = match reader.key().map_err(&broken)? {
            Value::Integer(number) => Label::Integer(number),
            Value::Text(text) => Label::Text(text.to_owned()),
            _ => return Err(CoseError::LabelRange(part)),
        };
        let value = reader.tagged_value().map_err(&broken)?;
        if parameters.contains_key(&label) {
            return Err(CoseError::LabelTwice { part, label });
        }
        parameters.insert(label, value);
    }
    Ok(parameters)
}

/// Label 1: an integer in the protected header (N C-08).
fn algorithm(protected: &Parameters<'_>) -> Result<HeaderAlgorithm, CoseError> {
    match protected.get(&Label::Integer(ALGORITHM)) {
        Some(Value::Integer(number)) => Ok(HeaderAlgorithm::Cose(*number)),
        Some(other) => Err(wrong_type("alg", other, "an integer")),
        None => Err(CoseError::Missing {
            label: ALGORITHM,
            name: "alg",
            part: PROTECTED,
        }),
    }
}

fn header(protected: &Parameters<'_>) -> Result<ProtectedHeader, CoseError> {
    let content_type = match protected.get(&Label::Integer(CONTENT_TYPE)) {
        None => None,
        Some(Value::Text(text)) => Some((*text).to_owned()),
        Some(other) => return Err(wrong_type("content type", other, "a text string")),
    };
    let own = [ALGORITHM, CRITICAL, CONTENT_TYPE].map(Label::Integer);
    let others = protected.iter().filter(|(label, _)| !own.contains(label));
    let attributes: Result<BTreeMap<_, _>, _> = others
        .map(|(label, value)| Ok((label.clone(), attribute(label, value)?)))
        .collect();
    Ok(ProtectedHeader {
        content_type,
        critical: critical(protected)?,
        attributes: attributes?,
    })
}

fn attribute(label: &Label, value: &Value<'_>) -> Result<Attribute, CoseError> {
    let name = match label {
        Label::Text(name) => name.as_str(),
        Label::Integer(_) => "",
    };
    if Attribute::is_time(name) {
        return epoch(name, value).map(Attribute::Time);
    }
    match value {
        Value::Tagged(..) => Err(CoseError::Tagged(label.clone())),
        Value::Text(text) if Attribute::is_text(name) => Ok(Attribute::Text((*text).to_owned())),
        other if Attribute::is_text(name) => Err(wrong_type(name, other, "a text string")),
        _ => Ok(Attribute::Unknown),
    }
}

/// A time: tag 1 around an integer or a floating-point number (N C-18, C-19).
fn epoch(name: &str, value: &Value<'_>) -> Result<jiff::Timestamp, CoseError> {
    let wrong_tag = |found| CoseError::TimeTag {
        name: name.to_owned(),
        found,
    };
    let number = match value {
        Value::Tagged(EPOCH_TAG, number) => number,
        Value::Tagged(other, _) => return Err(wrong_tag(format!("tag {other}"))),
        _ => return Err(wrong_tag("no tag".to_owned())),
    };
    let time = match **number {
        Value::Integer(seconds) => time::from_epoch_seconds(seconds),
        Value::Float(seconds) => time::from_epoch_float(seconds),
        Value::Other(Kind::Integer) => Err(TimeError::OutOfRange),
        ref other => return Err(wrong_type(name, other, "a number")),
    };
    time.map_err(|source| CoseError::Time {
        name: name.to_owned(),
        source,
    })
}

/// Label 2: an array of labels (N C-13).
fn critical(protected: &Parameters<'_>) -> Result<Vec<Label>, CoseError> {
    let entries = match protected.get(&Label::Integer(CRITICAL)) {
        None => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries,
        Some(other) => return Err(wrong_type("crit", other, "an array")),
    };
    let label = |entry: &Value<'_>| match entry {
        Value::Integer(number) => Ok(Label::Integer(*number)),
        Value::Text(name) => Ok(Label::Text((*name).to_owned())),
        other => Err(wrong_type("crit", other, "integers and text strings alone")),
    };
    entries.iter().map(label).collect()
}

/// Label 33, in either header: an array, never a single byte string (N C-05).
fn certificates(
    protected: &Parameters<'_>,
    unprotected: &Parameters<'_>,
) -> Result<Vec<Vec<u8>>, CoseError> {
    let label = Label::Integer(X5CHAIN);
    let entries = match unprotected.get(&label).or_else(|| protected.get(&label)) {
        Some(Value::Array(entries)) => entries,
        Some(other) => return Err(wrong_type("x5chain", other, "an array of byte strings")),
        None => {
            return Err(CoseError::Missing {
                label: X5CHAIN,
                name: "x5chain",
                part: UNPROTECTED,
            });
        }
    };
    match entries.len() {
        0 => return Err(CoseError::NoCertificates),
        1..=MAX_CHAIN => {}
        more => return Err(CoseError::TooManyCertificates(more)),
    }
    let certificate = |entry: &Value<'_>| match entry {
        Value::Bytes(der) => Ok(der.to_vec()),
        other => Err(wrong_type("x5chain", other, "byte strings alone")),
    };
    entries.iter().map(certificate).collect()
}

/// The time-stamp token; one of the wrong type counts as missing (N C-21).
fn timestamp(unprotected: &Parameters<'_>) -> Option<Vec<u8>> {
    match unprotected.get(&Label::Text(TIMESTAMP_SIGNATURE.to_owned())) {
        Some(Value::Bytes(token)) => Some(token.to_vec()),
        _ => None,
    }
}

/// `["Signature1", protected, external_aad = h'', payload]` (RFC 9052 section 4.4; N C-09).
fn signed_structure(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32 + protected.len() + payload.len());
    bytes.extend_from_slice(b"\x84\x6aSignature1");
    write_bytes_head(&mut bytes, protected.len());
    bytes.extend_from_slice(protected);
    write_bytes_head(&mut bytes, 0);
    write_bytes_head(&mut bytes, payload.len());
    bytes.extend_from_slice(payload);
    bytes
}

fn non_empty<'a>(name: &'static str, bytes: &'a [u8]) -> Result<&'a [u8], CoseError> {
    if bytes.is_empty() {
        return Err(CoseError::Empty(name));
    }
    Ok(bytes)
}

fn wrong_type(name: &str, found: &Value<'_>, expected: &'static str) -> CoseError {
    CoseError::Type {
        name: name.to_owned(),
        found: found.kind(),
        expected,
    }
}
