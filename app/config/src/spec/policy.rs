//! `policy` as written (V 4).

use ratify_verify::json::Value;

use crate::error::{Misplaced, Problem};
use crate::fields::{Fields, Spec, members, text};
use crate::place::{Place, shown};

/// `policy`.
#[derive(Debug, Default)]
pub(crate) struct PoliciesSpec {
    pub(crate) plugin: Option<PolicySpec>,
}

impl Spec for PoliciesSpec {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Misplaced> {
        fields.text("version")?;
        Ok(Self {
            plugin: fields.object("plugin")?,
        })
    }
}

/// `policy.plugin` of the one kind there is, `configPolicy`.
#[derive(Debug, Default)]
pub(crate) struct PolicySpec {
    /// `artifactVerificationPolicies`: artifact type, or `default`, and the word for it.
    pub(crate) words: Vec<(Place, String, String)>,
}

impl Spec for PolicySpec {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Misplaced> {
        const EXPECTED: &str = "`configPolicy`";
        let name = fields.required_text("name", EXPECTED)?;
        match name.to_lowercase().replace('-', "").as_str() {
            "configpolicy" => {}
            "regopolicy" => {
                let problem = Problem::NotAvailable {
                    what: "policy",
                    name: shown(&name),
                    expected: EXPECTED,
                };
                return Err(problem.at(fields.at("name")));
            }
            _ => return Err(Problem::value(&name, EXPECTED).at(fields.at("name"))),
        }
        let place = fields.at("artifactVerificationPolicies");
        let policies = fields.any("artifactVerificationPolicies")?;
        let policies = policies
            .map(|value| members(&place, value))
            .transpose()?
            .unwrap_or_default();
        let word = |(place, artifact_type, value): (Place, String, Value)| {
            Ok((place.clone(), artifact_type, text(place, value)?))
        };
        Ok(Self {
            words: policies.into_iter().map(word).collect::<Result<_, _>>()?,
        })
    }
}
