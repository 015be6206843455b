//! The policy: words for artifact types.

use std::collections::BTreeMap;

use ratify_policy::{ConfigPolicy, Requirement};

use crate::error::{Misplaced, Problem};
use crate::place::Place;
use crate::spec::{PoliciesSpec, PolicySpec};

/// The key that speaks of every artifact type that is not listed.
const DEFAULT: &str = "default";

/// A policy, and which artifact types it lists, each of which every image must have.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) policy: ConfigPolicy,
    pub(crate) listed: Vec<(Place, String)>,
}

impl Policy {
    /// The policy that `spec`, found at `place`, describes.
    pub(crate) fn parse(place: &Place, spec: PoliciesSpec) -> Result<Self, Misplaced> {
        let plugin = spec
            .plugin
            .ok_or_else(|| Problem::NoPolicy.at(place.member("plugin")))?;
        Self::of_words(plugin)
    }

    fn of_words(spec: PolicySpec) -> Result<Self, Misplaced> {
        let mut requirements = BTreeMap::new();
        let mut default = Requirement::default();
        let mut listed = Vec::new();
        for (place, artifact_type, word) in spec.words {
            let requirement = Requirement::parse(&artifact_type, &word)
                .map_err(|_| Problem::value(&word, "`any` or `all`").at(place.clone()))?;
            if artifact_type == DEFAULT {
                default = requirement;
            } else {
                requirements.insert(artifact_type.clone(), requirement);
                listed.push((place, artifact_type));
            }
        }
        Ok(Self {
            policy: ConfigPolicy::new(requirements, default),
            listed,
        })
    }
}
