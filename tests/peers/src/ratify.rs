//! The real Ratify 1.4.4, judging one image from its command line.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::home::Home;
use crate::peer::Peer;
use crate::process::{COMMAND_DEADLINE, Outcome, run};

/// `ratify verify -c <config> -s <subject>`, in a home of its own.
///
/// Paths in `config` must be absolute. Ratify 1.4.4 exits with 0 for every verdict and leaves
/// `isSuccess` out when it is false.
pub fn ratify_verify(ratify: &Peer, config: &Value, subject: &str) -> Result<Outcome> {
    let home = Home::new()?;
    let config = home.write("config.json", config.to_string())?;
    let mut command = home.command(ratify);
    command
        .arg("verify")
        .arg("--config")
        .arg(config)
        .args(["--subject", subject]);
    run(command, COMMAND_DEADLINE)
}

/// A `config.json` with one store, one notation verifier and `configPolicy`, which both Ratify
/// 1.4.4 and ours read. The trust policy names the store of `certificates` as `ca:certs`.
pub fn notation_config(certificates: &[&Path], trust_policy: &Value) -> Value {
    json!({
        "store": { "version": "1.0.0", "plugins": [{ "name": "oras", "useHttp": true }] },
        "policy": {
            "version": "1.0.0",
            "plugin": {
                "name": "configPolicy",
                "artifactVerificationPolicies": {
                    "application/vnd.cncf.notary.signature": "any",
                },
            },
        },
        "verifier": {
            "version": "1.0.0",
            "plugins": [{
                "name": "notation",
                "artifactTypes": "application/vnd.cncf.notary.signature",
                "verificationCerts": certificates,
                "trustPolicyDoc": trust_policy,
            }],
        },
    })
}
