//! Verifiers of type `notation`, and those that cannot be run.

use std::collections::BTreeSet;

use ratify_verify::json::Value;
use ratify_verify::notation::{SIGNATURE_ARTIFACT_TYPE, VERIFIER_TYPE, Verifier};
use ratify_verify::trust::{StoreType, TrustPolicy, TrustPolicyError};
use ratify_verify::{Unavailable, Verifier as AnyVerifier};

use crate::Environment;
use crate::error::{Misplaced, Problem};
use crate::fields::{Notes, unexpected};
use crate::place::{Place, shown};
use crate::readers::{EVERY_TYPE, artifact_types};
use crate::spec::{NotationSpec, OtherSpec};
use crate::trust_stores::{NamedStores, Sources};

const TRUST_POLICY: &str = "trustPolicyDoc";

/// Everything a notation verifier needs, parsed; no certificate has been read yet.
#[derive(Debug)]
struct NotationConfig<'e> {
    name: String,
    artifact_types: Vec<String>,
    policy: TrustPolicy,
    sources: Sources<'e>,
}

/// The verifier that `spec`, found at `place`, describes. Reads the certificates it needs.
pub(crate) fn verifier(
    place: &Place,
    spec: NotationSpec,
    environment: &Environment,
    notes: &mut Notes,
) -> Result<AnyVerifier, Misplaced> {
    let config = NotationConfig::parse(place, spec, environment, notes)?;
    let stores = config.sources.fill(&stores_of(&config.policy), notes)?;
    let verifier = Verifier::new(config.name, config.artifact_types, config.policy, stores);
    verifier
        .map(AnyVerifier::Notation)
        .map_err(|error| Problem::from(error).at(place.clone()))
}

/// A verifier of a type that this program does not have: it reads its artifact types all the same, and rejects them.
pub(crate) fn unavailable(place: &Place, spec: OtherSpec, notes: &mut Notes) -> AnyVerifier {
    let types = artifact_types(
        spec.artifact_types.as_deref(),
        EVERY_TYPE,
        &place.member("artifactTypes"),
        notes,
    );
    let (name, verifier_type) = (shown(&spec.name), shown(&spec.verifier_type));
    let reason = if spec.nested {
        format!("verifier `{name}` has `nestedReferences`, which is not available in this version")
    } else {
        format!(
            "verifier `{name}` is of type `{verifier_type}`, which is not available in this version, expected `{VERIFIER_TYPE}`"
        )
    };
    notes.warn(
        place,
        format!("{reason}; every artifact it reads is rejected"),
    );
    AnyVerifier::Unavailable(Unavailable {
        name: spec.name,
        verifier_type: spec.verifier_type,
        artifact_types: types,
        reason: Unavailable::because(reason),
    })
}

impl<'e> NotationConfig<'e> {
    fn parse(
        place: &Place,
        spec: NotationSpec,
        environment: &'e Environment,
        notes: &mut Notes,
    ) -> Result<Self, Misplaced> {
        let types_place = place.member("artifactTypes");
        let types = spec.artifact_types;
        let types = types.filter(|types| !types.trim_matches([',', ' ', '\t']).is_empty());
        let types = types.ok_or_else(|| {
            const EXPECTED: &str = "artifact types separated by commas, such as `application/vnd.cncf.notary.signature`";
            Problem::Missing { expected: EXPECTED }.at(types_place.clone())
        })?;
        let artifact_types =
            artifact_types(Some(&types), SIGNATURE_ARTIFACT_TYPE, &types_place, notes);
        let stores_place = place.member("verificationCertStores");
        let named = spec
            .verification_cert_stores
            .map(|value| NamedStores::parse(&stores_place, value));
        Ok(Self {
            name: spec.name,
            artifact_types,
            policy: trust_policy(&place.member(TRUST_POLICY), spec.trust_policy_doc, notes)?,
            sources: Sources {
                named: named.transpose()?.unwrap_or_default(),
                unnamed: spec.verification_certs,
                unnamed_place: place.member("verificationCerts"),
                environment,
            },
        })
    }
}

/// The trust policy document, which has a reader of its own, stricter than the one for the rest of the file.
fn trust_policy(
    place: &Place,
    document: Option<Value>,
    notes: &mut Notes,
) -> Result<TrustPolicy, Misplaced> {
    const EXPECTED: &str = "a trust policy document of version `1.0`";
    let document =
        document.ok_or_else(|| Problem::Missing { expected: EXPECTED }.at(place.clone()))?;
    if document.as_object().is_none() {
        return Err(unexpected(&document, EXPECTED).at(place.clone()));
    }
    let parsed = TrustPolicy::parse(plain(&document).to_string().as_bytes());
    let parsed = parsed.map_err(|error| match error {
        TrustPolicyError::Rule { path, fault } => {
            Problem::TrustPolicy(fault).at(place.below(&path))
        }
        other => Problem::TrustPolicyDocument(other).at(place.clone()),
    })?;
    for warning in parsed.warnings {
        notes.warn(place, warning.to_string());
    }
    Ok(parsed.policy)
}

/// The same value in the form that can be written as text. Nothing is lost: names were unique already.
fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => number.clone().into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(elements) => elements.iter().map(plain).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name, plain(value)))
            .collect(),
    }
}

/// Every trust store that any statement refers to.
fn stores_of(policy: &TrustPolicy) -> BTreeSet<(StoreType, String)> {
    let of_statement = |kind| {
        let statements = policy.statements().iter();
        statements
            .flat_map(move |one| one.stores(kind))
            .map(move |name| (kind, name.to_owned()))
    };
    StoreType::ALL.into_iter().flat_map(of_statement).collect()
}
