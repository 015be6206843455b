//! `verifier` as written (V 11, K 4.1).

use ratify_verify::json::Value;

use crate::error::Misplaced;
use crate::fields::{Fields, LeftOver, Spec};
use crate::place::Place;

/// `verifier`.
#[derive(Debug, Default)]
pub(crate) struct VerifiersSpec {
    pub(crate) plugins: Vec<(Place, VerifierSpec)>,
}

impl Spec for VerifiersSpec {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Misplaced> {
        fields.text("version")?;
        fields.texts("pluginBinDirs")?;
        Ok(Self {
            plugins: fields.objects("plugins")?,
        })
    }
}

/// One of `verifier.plugins`.
#[derive(Debug)]
pub(crate) enum VerifierSpec {
    /// Notary Project signatures.
    Notation(NotationSpec),
    /// A type that this program does not have.
    Other(OtherSpec),
}

/// A verifier of type `notation`.
#[derive(Debug)]
pub(crate) struct NotationSpec {
    pub(crate) name: String,
    /// Whether `type` is written, and not only `name`.
    pub(crate) type_is_written: bool,
    /// Comma-separated; `None` if nothing is written.
    pub(crate) artifact_types: Option<String>,
    pub(crate) verification_certs: Vec<(Place, String)>,
    pub(crate) verification_cert_stores: Option<Value>,
    pub(crate) trust_policy_doc: Option<Value>,
}

/// A verifier of another type. Its parameters are its own.
#[derive(Debug)]
pub(crate) struct OtherSpec {
    pub(crate) name: String,
    /// Whether `type` is written, and not only `name`.
    pub(crate) type_is_written: bool,
    pub(crate) verifier_type: String,
    /// Comma-separated; `None` if nothing is written.
    pub(crate) artifact_types: Option<String>,
    /// It is of a type that is available, but wants its artifacts' own artifacts judged, which is not.
    pub(crate) nested: bool,
}

impl Spec for VerifierSpec {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Misplaced> {
        let name = fields.required_text("name", "the name of the verifier")?;
        let written = fields.text("type")?.filter(|text| !text.is_empty());
        let type_is_written = written.is_some();
        let verifier_type = written.unwrap_or_else(|| name.clone());
        let artifact_types = fields.text("artifactTypes")?;
        fields.text("version")?;
        if verifier_type != ratify_verify::notation::VERIFIER_TYPE {
            return Ok(Self::Other(OtherSpec {
                name,
                type_is_written,
                verifier_type,
                artifact_types,
                nested: false,
            }));
        }
        // v1.4 would judge what refers to the signature by the whole policy, and deny where nothing does
        if fields
            .text("nestedReferences")?
            .is_some_and(|text| !text.is_empty())
        {
            return Ok(Self::Other(OtherSpec {
                name,
                type_is_written,
                verifier_type,
                artifact_types,
                nested: true,
            }));
        }
        if fields.any("source")?.is_some() {
            fields.warn("source", "has no effect: `notation` is built in");
        }
        Ok(Self::Notation(NotationSpec {
            name,
            type_is_written,
            artifact_types,
            verification_certs: fields.texts("verificationCerts")?,
            verification_cert_stores: fields.any("verificationCertStores")?,
            trust_policy_doc: fields.any("trustPolicyDoc")?,
        }))
    }

    fn left_over(&self) -> LeftOver {
        match self {
            Self::Notation(_) => LeftOver::Warn,
            Self::Other(_) => LeftOver::Keep,
        }
    }
}

impl VerifierSpec {
    /// The name of the verifier, if its type is written beside it.
    pub(crate) fn typed_name(&self) -> Option<&str> {
        let (name, typed) = match self {
            Self::Notation(spec) => (&spec.name, spec.type_is_written),
            Self::Other(spec) => (&spec.name, spec.type_is_written),
        };
        typed.then_some(name)
    }
}
