//! The words of an envelope: media types, header names, formats, schemes, values (N 0.2, 2.1, 2.2, 5).

use std::fmt;

use jiff::Timestamp;

/// `artifactType` of a signature manifest, and config media type of its older form (N 0.2).
pub const SIGNATURE_ARTIFACT_TYPE: &str = "application/vnd.cncf.notary.signature";
/// Media type of a JWS envelope.
pub const JWS_MEDIA_TYPE: &str = "application/jose+json";
/// Media type of a COSE envelope.
pub const COSE_MEDIA_TYPE: &str = "application/cose";
/// Content type of the payload.
pub const PAYLOAD_CONTENT_TYPE: &str = "application/vnd.cncf.notary.payload.v1+json";

/// Names of header parameters, the same in both formats (N 2.1, 2.2).
pub mod headers {
    /// The signing scheme.
    pub const SIGNING_SCHEME: &str = "io.cncf.notary.signingScheme";
    /// When the signer says it signed.
    pub const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
    /// When the signing authority says it signed.
    pub const AUTHENTIC_SIGNING_TIME: &str = "io.cncf.notary.authenticSigningTime";
    /// When the signature ends.
    pub const EXPIRY: &str = "io.cncf.notary.expiry";
    /// The plugin that must take part in verification.
    pub const VERIFICATION_PLUGIN: &str = "io.cncf.notary.verificationPlugin";
    /// A time-stamp token over the signature, unprotected.
    pub const TIMESTAMP_SIGNATURE: &str = "io.cncf.notary.timestampSignature";
    /// What software signed, unprotected.
    pub const SIGNING_AGENT: &str = "io.cncf.notary.signingAgent";
}

/// The two envelope formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON web signature, flattened JSON form.
    Jws,
    /// CBOR object signing: tagged `COSE_Sign1`.
    Cose,
}

impl Format {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Jws, Self::Cose];

    /// Media type of an envelope in this format.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jws => JWS_MEDIA_TYPE,
            Self::Cose => COSE_MEDIA_TYPE,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jws => "JWS",
            Self::Cose => "COSE",
        })
    }
}

/// A signing scheme (N section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// `notary.x509`.
    X509,
    /// `notary.x509.signingAuthority`.
    SigningAuthority,
    /// Anything else, spelled so.
    Other(String),
}

impl Scheme {
    /// How it is spelled in the header.
    pub fn as_str(&self) -> &str {
        match self {
            Self::X509 => "notary.x509",
            Self::SigningAuthority => "notary.x509.signingAuthority",
            Self::Other(text) => text,
        }
    }
}

/// A header value that both formats can carry.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text.
    Text(String),
    /// An integer.
    Int(i64),
    /// A boolean.
    Bool(bool),
    /// An instant: RFC 3339 text in JWS, tag 1 in COSE.
    Time(Timestamp),
    /// Bytes: standard base64 text in JWS, a byte string in COSE.
    Bytes(Vec<u8>),
    /// A list of texts.
    Texts(Vec<String>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
