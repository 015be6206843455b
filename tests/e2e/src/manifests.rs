//! Gatekeeper's own installation manifest, made fit for processes on loopback.
//!
//! What goes is what makes pods. The webhook Service becomes an `ExternalName` of `localhost`: the
//! API server then dials `localhost:<port of the webhook configuration>`, and still verifies the
//! name `<service>.<namespace>.svc`, so that the certificates Gatekeeper makes for itself count.

use serde_json::{Value, json};

/// Kinds that make or bound pods.
const POD_KINDS: [&str; 3] = ["Deployment", "PodDisruptionBudget", "ResourceQuota"];

/// The objects to apply, in the order in which they have to exist.
#[derive(Debug)]
pub(crate) struct Manifests {
    /// Definitions of Gatekeeper's resources.
    pub(crate) definitions: Value,
    /// Its namespace.
    pub(crate) namespace: Value,
    /// All the rest.
    pub(crate) rest: Value,
}

impl Manifests {
    /// Sort and change what the manifest holds, for a webhook that listens on `port`.
    pub(crate) fn new(objects: Vec<Value>, port: u16) -> Self {
        let mut definitions = Vec::new();
        let mut namespaces = Vec::new();
        let mut rest = Vec::new();
        for mut object in objects.into_iter().flat_map(unwrapped) {
            match kind(&object) {
                "CustomResourceDefinition" => definitions.push(object),
                "Namespace" => namespaces.push(object),
                kind if POD_KINDS.contains(&kind) => {}
                kind => {
                    if kind == "Service" {
                        set(
                            &mut object,
                            "spec",
                            json!({ "type": "ExternalName", "externalName": "localhost" }),
                        );
                    }
                    direct_webhooks(&mut object, port);
                    rest.push(object);
                }
            }
        }
        Self {
            definitions: list(&definitions),
            namespace: list(&namespaces),
            rest: list(&rest),
        }
    }
}

/// The items of a `List`, or the object itself.
fn unwrapped(mut object: Value) -> Vec<Value> {
    match object.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if kind(&object) == "List" => items,
        _ => vec![object],
    }
}

fn kind(object: &Value) -> &str {
    object
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn direct_webhooks(object: &mut Value, port: u16) {
    let webhooks = object.get_mut("webhooks").and_then(Value::as_array_mut);
    for webhook in webhooks.into_iter().flatten() {
        if let Some(service) = webhook.pointer_mut("/clientConfig/service") {
            set(service, "port", json!(port));
        }
    }
}

fn set(object: &mut Value, field: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(field.to_owned(), value);
    }
}

fn list(items: &[Value]) -> Value {
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_go_the_service_points_home_and_webhooks_get_the_port() {
        let manifests = Manifests::new(
            vec![
                json!({ "kind": "Namespace" }),
                json!({ "kind": "List", "items": [
                    { "kind": "Deployment" },
                    { "kind": "CustomResourceDefinition" },
                    { "kind": "Service", "spec": { "ports": [443] } },
                ]}),
                json!({ "kind": "MutatingWebhookConfiguration", "webhooks": [
                    { "clientConfig": { "service": { "name": "s", "path": "/p" } } },
                ]}),
            ],
            18443,
        );
        assert_eq!(
            manifests.definitions["items"],
            json!([{ "kind": "CustomResourceDefinition" }])
        );
        assert_eq!(
            manifests.namespace["items"],
            json!([{ "kind": "Namespace" }])
        );
        assert_eq!(
            manifests.rest["items"],
            json!([
                { "kind": "Service", "spec": { "type": "ExternalName", "externalName": "localhost" } },
                { "kind": "MutatingWebhookConfiguration", "webhooks": [
                    { "clientConfig": { "service": { "name": "s", "path": "/p", "port": 18443 } } },
                ]},
            ])
        );
    }
}
