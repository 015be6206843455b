//! The configuration of the demo: what a user would write.

use serde_json::json;

use super::images::TRUSTED_IDENTITY;

/// A `config.json` that trusts one signer under one root. `root` is the root certificate: PEM text, or a path.
pub(crate) fn with_root(root: &str) -> String {
    let config = json!({
        "store": { "plugins": [{ "name": "oras" }] },
        "policy": {
            "plugin": {
                "name": "configPolicy",
                "artifactVerificationPolicies": { "application/vnd.cncf.notary.signature": "any" }
            }
        },
        "verifier": {
            "plugins": [{
                "name": "notation",
                "artifactTypes": "application/vnd.cncf.notary.signature",
                "verificationCertStores": { "ca": { "acme": [root] } },
                "trustPolicyDoc": {
                    "version": "1.0",
                    "trustPolicies": [{
                        "name": "default",
                        "registryScopes": ["*"],
                        "signatureVerification": { "level": "strict" },
                        "trustStores": ["ca:acme"],
                        "trustedIdentities": [format!("x509.subject: {TRUSTED_IDENTITY}")]
                    }]
                }
            }]
        }
    });
    crate::render::json(&config)
}
