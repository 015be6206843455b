//! Trusted identities: which subjects of signing certificates a statement of a trust policy trusts (N section 6.5).
//!
//! The subject is compared attribute by attribute out of the DER, never as text (N P-14, I-24).

use crate::trust::certificate::Certificate;
use crate::trust::distinguished_name::{DistinguishedName, DistinguishedNameError};
use crate::trust::name::{AttributeType, Name};

/// The prefix of identities that are compared with the subject (N I-03).
const SUBJECT_PREFIX: &str = "x509.subject";

/// The trusted identities of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedIdentities(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// `*`: whoever the trust store vouches for (N I-01).
    Any,
    /// Subjects; identities that only a plugin could check are not among them (N I-03).
    Subjects(Vec<DistinguishedName>),
}

/// Why a text is not a trusted identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityFormError {
    /// An empty text (N I-02).
    #[error("the identity is empty")]
    Empty,
    /// Neither `*` nor `prefix:value` (N I-02).
    #[error("`{0}` has no prefix, expected `x509.subject: C=..., ST=..., O=...` or `*`")]
    NoPrefix(String),
    /// The name after `x509.subject:` (N I-04 to I-12).
    #[error(transparent)]
    Name(#[from] DistinguishedNameError),
}

/// Why a certificate's subject is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// No identity of the statement can be compared with a subject (N I-03).
    #[error(
        "no trusted identity starts with `x509.subject:`, and plugins that could check others are not run"
    )]
    NoSubjects,
    /// The subject has an attribute that has no name in identities (N I-24).
    #[error("the subject `{subject}` has the attribute {attribute}, which no identity can name")]
    UnknownAttribute {
        /// The subject, RFC 4514.
        subject: String,
        /// Dotted object identifier of the attribute.
        attribute: String,
    },
    /// The subject has an attribute twice (N I-21, I-24).
    #[error("the subject `{subject}` has the attribute `{attribute}` twice")]
    Repeated {
        /// The subject, RFC 4514.
        subject: String,
        /// The attribute.
        attribute: AttributeType,
    },
    /// The subject lacks an attribute that every identity names (N I-21).
    #[error(
        "the subject `{subject}` lacks the attribute `{attribute}`; `C`, `ST` and `O` are required"
    )]
    Missing {
        /// The subject, RFC 4514.
        subject: String,
        /// The attribute.
        attribute: AttributeType,
    },
    /// The subject has a value that is not text, or holds a NUL (N I-25), or `=#` (N I-21).
    #[error("the subject `{subject}` has a value of `{attribute}` that is not plain text")]
    NotText {
        /// The subject, RFC 4514.
        subject: String,
        /// The attribute.
        attribute: AttributeType,
    },
    /// The subject is well-formed and none of the trusted ones (N I-22).
    #[error(
        "the subject `{subject}` is none of the trusted identities; nearest is `{nearest}`, which wants {difference}"
    )]
    NotTrusted {
        /// The subject, RFC 4514.
        subject: String,
        /// The identity with the fewest differences.
        nearest: String,
        /// The first difference: which attribute, expected and found.
        difference: String,
    },
}

/// One identity as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    Any,
    Subject(DistinguishedName),
    /// For a plugin: never matches here (N I-03).
    Foreign,
}

impl Identity {
    /// Read one element of `trustedIdentities`.
    pub(super) fn parse(text: &str) -> Result<Self, IdentityFormError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if text.is_empty() {
            return Err(IdentityFormError::Empty);
        }
        let (prefix, value) = text
            .split_once(':')
            .ok_or_else(|| IdentityFormError::NoPrefix(text.chars().take(100).collect()))?;
        if prefix != SUBJECT_PREFIX {
            return Ok(Self::Foreign);
        }
        Ok(Self::Subject(DistinguishedName::parse(value)?))
    }
}

impl TrustedIdentities {
    /// Any subject.
    pub(super) fn any() -> Self {
        Self(Kind::Any)
    }

    /// These subjects; none means that nobody is trusted.
    pub(super) fn subjects(names: Vec<DistinguishedName>) -> Self {
        Self(Kind::Subjects(names))
    }

    /// Whether every subject is trusted (`*`).
    pub fn is_any(&self) -> bool {
        self.0 == Kind::Any
    }

    /// Whether the subject of `leaf` is trusted. Only the leaf counts (N I-20); one identity that matches is enough
    /// (N I-23); their order makes no difference.
    ///
    /// # Errors
    /// The subject is of a form that no identity may match (N I-21), or none matches.
    pub fn check(&self, leaf: &Certificate) -> Result<(), IdentityError> {
        let names = match &self.0 {
            Kind::Any => return Ok(()),
            Kind::Subjects(names) if names.is_empty() => return Err(IdentityError::NoSubjects),
            Kind::Subjects(names) => names,
        };
        let subject = Subject::read(leaf.subject())?;
        let differences = |name: &DistinguishedName| {
            let wanted = name.attributes();
            wanted
                .filter(|(kind, value)| subject.value(kind) != Some(value))
                .count()
        };
        let nearest = names.iter().map(|name| (differences(name), name));
        match nearest.min_by_key(|(count, _)| *count) {
            Some((0, _)) => Ok(()),
            Some((_, name)) => Err(IdentityError::NotTrusted {
                subject: leaf.subject().to_string(),
                nearest: name.to_string(),
                difference: subject.first_difference(name),
            }),
            None => Err(IdentityError::NoSubjects),
        }
    }
}

/// The subject of a leaf that may be compared: named attributes, each once, all of them text.
struct Subject<'a>(Vec<(AttributeType, &'a str)>);

impl<'a> Subject<'a> {
    /// Multi-valued RDNs are taken apart: seen on the reference implementation, which flattens them (N section 16).
    fn read(name: &'a Name) -> Result<Self, IdentityError> {
        let subject = || name.to_string();
        let mut all: Vec<(AttributeType, &str)> = Vec::new();
        for attribute in name.attributes() {
            let Some(kind) = attribute.kind() else {
                return Err(IdentityError::UnknownAttribute {
                    subject: subject(),
                    attribute: attribute.type_name().to_owned(),
                });
            };
            if all.iter().any(|(taken, _)| *taken == kind) {
                return Err(IdentityError::Repeated {
                    subject: subject(),
                    attribute: kind,
                });
            }
            let text = attribute.text().filter(|text| !text.contains("=#"));
            let text = text.ok_or_else(|| IdentityError::NotText {
                subject: subject(),
                attribute: kind,
            })?;
            all.push((kind, text));
        }
        let found = Self(all);
        for required in [
            AttributeType::Country,
            AttributeType::State,
            AttributeType::Organization,
        ] {
            let value = found.value(required.as_str());
            if value.is_none_or(str::is_empty) {
                return Err(IdentityError::Missing {
                    subject: subject(),
                    attribute: required,
                });
            }
        }
        Ok(found)
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        let mut all = self.0.iter();
        all.find_map(|(kind, value)| (kind.as_str() == name).then_some(*value))
    }

    fn first_difference(&self, name: &DistinguishedName) -> String {
        let mut wanted = name.attributes();
        let first = wanted.find(|(kind, value)| self.value(kind) != Some(value));
        match first.map(|(kind, value)| (kind, value, self.value(kind))) {
            Some((kind, value, Some(found))) => format!("`{kind}={value}` where it has `{found}`"),
            Some((kind, value, None)) => format!("`{kind}={value}`, which it lacks"),
            None => String::new(),
        }
    }
}
