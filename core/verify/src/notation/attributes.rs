//! The signed attributes of an envelope and the rules on them, the same for JWS and COSE (N 2.2, C-11 to C-22).
//!
//! The parsers fill a [`ProtectedHeader`]; [`SignedAttributes`] can only be made from one whose signature was verified
//! before and that breaks no rule. Nothing here trusts a time: under `notary.x509` the signing time is not even kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

/// The content type of the payload (SIG "payload"; N 0.2).
pub(super) const PAYLOAD_TYPE: &str = "application/vnd.cncf.notary.payload.v1+json";

pub(super) const SIGNING_SCHEME: &str = "io.cncf.notary.signingScheme";
pub(super) const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
pub(super) const AUTHENTIC_SIGNING_TIME: &str = "io.cncf.notary.authenticSigningTime";
pub(super) const EXPIRY: &str = "io.cncf.notary.expiry";
pub(super) const VERIFICATION_PLUGIN: &str = "io.cncf.notary.verificationPlugin";
pub(super) const VERIFICATION_PLUGIN_MIN_VERSION: &str =
    "io.cncf.notary.verificationPluginMinVersion";
pub(super) const TIMESTAMP_SIGNATURE: &str = "io.cncf.notary.timestampSignature";

const X509: &str = "notary.x509";
const X509_SIGNING_AUTHORITY: &str = "notary.x509.signingAuthority";

/// The most entries of `crit`. The specification knows five names; signers add one or two of their own.
pub(super) const MAX_CRITICAL: usize = 64;

/// The name of a header parameter: text, or in COSE also a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    Integer(i64),
    Text(String),
}

impl Label {
    fn is(&self, name: &str) -> bool {
        matches!(self, Self::Text(text) if text == name)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// The value of a header parameter, as far as a rule asks for it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Attribute {
    Text(String),
    Time(Timestamp),
    /// The value of a parameter nobody here knows.
    Unknown,
}

impl Attribute {
    /// Whether the specification says that the parameter `name` is a time; all others that are known are text.
    pub(super) fn is_time(name: &str) -> bool {
        matches!(name, SIGNING_TIME | AUTHENTIC_SIGNING_TIME | EXPIRY)
    }

    /// Whether the parameter `name` is a text.
    pub(super) fn is_text(name: &str) -> bool {
        matches!(
            name,
            SIGNING_SCHEME | VERIFICATION_PLUGIN | VERIFICATION_PLUGIN_MIN_VERSION
        )
    }
}

/// The protected header as parsed: types are right, rules are not applied yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ProtectedHeader {
    /// `cty` in JWS, label 3 in COSE.
    pub(super) content_type: Option<String>,
    /// `crit` in JWS, label 2 in COSE; empty if absent.
    pub(super) critical: Vec<Label>,
    /// Everything but the algorithm, the content type and `crit`.
    pub(super) attributes: BTreeMap<Label, Attribute>,
}

/// Which rule on signed attributes is broken. All but the last two mean a malformed envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AttributeError {
    /// N C-11, J-25.
    #[error("the content type is {}, expected `{PAYLOAD_TYPE}`", quoted(.0.as_deref()))]
    ContentType(Option<String>),
    /// N J-15, C-13.
    #[error("`crit` is missing or empty, expected at least `{SIGNING_SCHEME}`")]
    NoCritical,
    /// N P-04.
    #[error("`crit` has {found} entries, expected at most {MAX_CRITICAL}")]
    TooManyCritical {
        /// How many there are.
        found: usize,
    },
    /// N J-16, C-15.
    #[error("`crit` lists `{0}` twice")]
    CriticalTwice(Label),
    /// N J-16, C-13: a name that is no parameter of the protected header.
    #[error("`crit` lists `{0}`, which is not in the protected header")]
    CriticalAbsent(Label),
    /// N J-16, C-15: a name that must not be listed.
    #[error("`crit` lists `{0}`, which must not be marked critical")]
    CriticalForbidden(Label),
    /// N J-17, C-14, PG-01, PG-02.
    #[error("`crit` does not list `{0}`, which must be marked critical")]
    NotCritical(&'static str),
    /// N J-12, C-14, C-16, T-01.
    #[error("the signing scheme is {}, expected `{X509}` or `{X509_SIGNING_AUTHORITY}`", quoted(.0.as_deref()))]
    Scheme(Option<String>),
    /// N J-14, J-21, C-17.
    #[error("`{attribute}` is missing, expected under the signing scheme `{scheme}`")]
    TimeMissing {
        /// Which time.
        attribute: &'static str,
        /// The scheme in use.
        scheme: &'static str,
    },
    /// N J-13, J-14, C-20.
    #[error("`{attribute}` is there, but must not be under the signing scheme `{scheme}`")]
    TimeForbidden {
        /// Which time.
        attribute: &'static str,
        /// The scheme in use.
        scheme: &'static str,
    },
    /// N J-22.
    #[error("the expiry {expiry} is not later than the signing time {signed}")]
    ExpiryBeforeSigning {
        /// `io.cncf.notary.expiry`.
        expiry: Timestamp,
        /// The signing time of the scheme.
        signed: Timestamp,
    },
    /// N PG-01, PG-02.
    #[error("`{0}` is blank, expected a name or version")]
    Blank(&'static str),
    /// N PG-03: the equivalent of running the plugin is to refuse (SIG "verification plugin").
    #[error("the signature demands the verification plugin `{0}`")]
    PluginRequired(String),
    /// N J-27, C-23, P-01.
    #[error("the critical attribute `{0}` is not understood")]
    CriticalUnknown(Label),
}

fn quoted(text: Option<&str>) -> String {
    text.map_or_else(
        || "missing".to_owned(),
        |text| format!("`{}`", text.chars().take(200).collect::<String>()),
    )
}

/// The signing scheme with the only time that a decision may rest on (N 5, T-06).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// `notary.x509`: the signing time is a claim of the signer and is not kept.
    X509,
    /// `notary.x509.signingAuthority`: the authority vouches for the time.
    SigningAuthority {
        /// `io.cncf.notary.authenticSigningTime`.
        signed_at: Timestamp,
    },
}

/// Signed attributes that keep every rule. Those that are not understood are not critical.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SignedAttributes {
    /// How it was signed.
    pub(super) scheme: Scheme,
    /// When the signature ends, if it does.
    pub(super) expiry: Option<Timestamp>,
}

impl SignedAttributes {
    /// Apply every rule on the header as a whole.
    pub(super) fn check(header: &ProtectedHeader) -> Result<Self, AttributeError> {
        if header.content_type.as_deref() != Some(PAYLOAD_TYPE) {
            return Err(AttributeError::ContentType(header.content_type.clone()));
        }
        let critical = critical_labels(header)?;
        let (scheme, signed_at) = header.scheme()?;
        let expiry = header.time(EXPIRY);
        require_critical(header, &critical)?;
        if let Some(expiry) = expiry.filter(|expiry| *expiry <= signed_at) {
            let signed = signed_at;
            return Err(AttributeError::ExpiryBeforeSigning { expiry, signed });
        }
        refuse_plugin(header)?;
        let understood = [SIGNING_SCHEME, AUTHENTIC_SIGNING_TIME, EXPIRY];
        let unknown = |label: &&&Label| !understood.iter().any(|name| label.is(name));
        match critical.iter().find(unknown) {
            Some(label) => Err(AttributeError::CriticalUnknown((*label).clone())),
            None => Ok(Self { scheme, expiry }),
        }
    }
}

impl ProtectedHeader {
    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.get(&Label::Text(name.to_owned()))
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.attribute(name) {
            Some(Attribute::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        match self.attribute(name) {
            Some(Attribute::Time(time)) => Some(*time),
            _ => None,
        }
    }

    /// The scheme, and the time of signing that it names (N J-12 to J-14, J-21, C-16, C-17, C-20).
    fn scheme(&self) -> Result<(Scheme, Timestamp), AttributeError> {
        let (scheme, wanted, forbidden) = match self.text(SIGNING_SCHEME) {
            Some(X509) => (X509, SIGNING_TIME, AUTHENTIC_SIGNING_TIME),
            Some(X509_SIGNING_AUTHORITY) => {
                (X509_SIGNING_AUTHORITY, AUTHENTIC_SIGNING_TIME, SIGNING_TIME)
            }
            other => return Err(AttributeError::Scheme(other.map(str::to_owned))),
        };
        if self.attribute(forbidden).is_some() {
            let attribute = forbidden;
            return Err(AttributeError::TimeForbidden { attribute, scheme });
        }
        let attribute = wanted;
        let signed_at = self
            .time(wanted)
            .ok_or(AttributeError::TimeMissing { attribute, scheme })?;
        let scheme = match scheme {
            X509 => Scheme::X509,
            _ => Scheme::SigningAuthority { signed_at },
        };
        Ok((scheme, signed_at))
    }
}

/// The entries of `crit`: some, not too many, none twice, each in the header, none that must not be (N J-15, J-16, C-13,
/// C-15). `alg`, `cty` and `crit` itself are never in `attributes`, nor are COSE's labels 1 to 3.
fn critical_labels(header: &ProtectedHeader) -> Result<BTreeSet<&Label>, AttributeError> {
    let found = header.critical.len();
    if found == 0 {
        return Err(AttributeError::NoCritical);
    }
    if found > MAX_CRITICAL {
        return Err(AttributeError::TooManyCritical { found });
    }
    let mut critical = BTreeSet::new();
    for label in &header.critical {
        let forbidden = match label {
            // the common header parameters of RFC 9052 table 3 are understood by definition
            Label::Integer(number) => (0..=8).contains(number),
            Label::Text(name) => matches!(name.as_str(), "alg" | "cty" | "crit" | SIGNING_TIME),
        };
        if forbidden {
            return Err(AttributeError::CriticalForbidden(label.clone()));
        }
        if !header.attributes.contains_key(label) {
            return Err(AttributeError::CriticalAbsent(label.clone()));
        }
        if !critical.insert(label) {
            return Err(AttributeError::CriticalTwice(label.clone()));
        }
    }
    Ok(critical)
}

/// What is there and changes the verdict must be listed (N J-17, C-14, PG-01, PG-02).
fn require_critical(
    header: &ProtectedHeader,
    critical: &BTreeSet<&Label>,
) -> Result<(), AttributeError> {
    let must = [
        SIGNING_SCHEME,
        AUTHENTIC_SIGNING_TIME,
        EXPIRY,
        VERIFICATION_PLUGIN,
        VERIFICATION_PLUGIN_MIN_VERSION,
    ];
    let listed = |name: &str| critical.iter().any(|label| label.is(name));
    let missing = |name: &&&str| header.attribute(name).is_some() && !listed(name);
    match must.iter().find(missing) {
        Some(name) => Err(AttributeError::NotCritical(name)),
        None => Ok(()),
    }
}

/// Plugins are not run, so a signature that needs one is refused (N PG-01 to PG-04).
fn refuse_plugin(header: &ProtectedHeader) -> Result<(), AttributeError> {
    for name in [VERIFICATION_PLUGIN, VERIFICATION_PLUGIN_MIN_VERSION] {
        if header.text(name).is_some_and(|text| text.trim().is_empty()) {
            return Err(AttributeError::Blank(name));
        }
    }
    match header.text(VERIFICATION_PLUGIN) {
        Some(plugin) => Err(AttributeError::PluginRequired(plugin.to_owned())),
        None => Ok(()),
    }
}
