//! The reference page names every field that is read.

use std::path::Path;

use ratify_verify::json::parse_strict;

use crate::fields::{Notes, Spec as _};
use crate::load::Parts;
use crate::place::Place;
use crate::spec::ConfigSpec;
use crate::{Environment, LoadOptions};

/// A configuration that has every object there is; what is in the objects does not matter.
const EVERY_OBJECT: &str = r#"{
    "executor": {}, "logger": {"requestHeaders": {}}, "crl": {"cache": {}},
    "store": {"plugins": [{"name": "oras", "authProvider": {"name": "dockerConfig"},
        "registries": [{"host": "reg.example"}]}]},
    "policy": {"plugin": {"name": "configPolicy", "artifactVerificationPolicies": {"default": "any"}}},
    "verifier": {"plugins": [{"name": "notation", "artifactTypes": "a/b", "verificationCerts": [],
        "verificationCertStores": {}, "trustPolicyDoc": {"version": "1.0", "trustPolicies": [{"name": "n",
        "registryScopes": ["*"], "signatureVerification": {"level": "skip"}}]}}]}
}"#;

#[test]
fn every_field_that_is_read_stands_on_the_reference_page() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/configuration.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut notes = Notes::default();
    let value = parse_strict(EVERY_OBJECT.as_bytes(), 32).unwrap();
    let spec = ConfigSpec::read(Place::default(), value, &mut notes).unwrap();
    Parts::build(
        spec,
        &Environment::default(),
        &LoadOptions::default(),
        &mut notes,
    )
    .unwrap();
    assert!(notes.asked.len() > 25, "{:?}", notes.asked);
    for field in &notes.asked {
        let name = field.rsplit('.').next().unwrap();
        assert!(
            page.contains(&format!("`{name}")) || page.contains(&format!("{name}`")),
            "`{field}` is not on the page"
        );
    }
}
