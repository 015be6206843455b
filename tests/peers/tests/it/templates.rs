//! What constraint templates make of an answer: Ratify's own, which users have applied and which have to be right about
//! every answer our server gives, and ours, which has to be right about every answer there could be.
//!
//! Gatekeeper's packages judge here, never an imitation: evaluators of Rego differ in what `not` makes of something
//! undefined, which is what a hole in a template is made of.

use std::fs;
use std::path::{Path, PathBuf};

use ratify_peers::{Evaluation, Judgement, Peer, ProviderAnswer, judge_by_template};
use serde_json::{Value, json};

mod every_answer;
mod objects;
mod served;
mod stock;
mod unserved;
mod words;

/// The images that the recorded answers speak of.
const APP: &str = "registry.example/team/app:1.0";
const SIDECAR: &str = "registry.example/team/sidecar:2.0";
/// The issuer in their reports.
const ISSUER: &str = "CN=Example Root,O=Example,C=US";
/// The namespace of every object here.
const NAMESPACE: &str = "team-a";

/// A template under test, with a constraint's parameters.
struct Template {
    name: &'static str,
    text: String,
    parameters: Value,
    /// What stands before an image in the keys it asks for.
    prefix: &'static str,
}

impl Template {
    /// Ours.
    fn ours() -> Self {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../library/default/template.yaml");
        Self {
            name: "ours",
            text: fs::read_to_string(path).unwrap(),
            parameters: Value::Null,
            prefix: "",
        }
    }

    /// Ours, asking in the object's namespace.
    fn ours_namespaced() -> Self {
        Self {
            name: "ours namespaced",
            parameters: json!({ "namespaced": true }),
            prefix: "[team-a]",
            ..Self::ours()
        }
    }

    /// Judge objects, each with the answer for plain keys; what it is asked for decides the prefix.
    fn judge<'a>(
        &self,
        opa: &Peer,
        cases: impl IntoIterator<Item = (Value, &'a ProviderAnswer)>,
    ) -> Vec<Judgement> {
        self.judge_with_cache(opa, 0, cases)
    }

    fn judge_with_cache<'a>(
        &self,
        opa: &Peer,
        seconds: u32,
        cases: impl IntoIterator<Item = (Value, &'a ProviderAnswer)>,
    ) -> Vec<Judgement> {
        let evaluations: Vec<_> = cases
            .into_iter()
            .map(|(review, answer)| Evaluation {
                review,
                parameters: self.parameters.clone(),
                answer: prefixed(answer, self.prefix),
            })
            .collect();
        judge_by_template(opa, &self.text, seconds, &evaluations).unwrap()
    }
}

/// The same answer for keys that begin with `prefix`.
fn prefixed(answer: &ProviderAnswer, prefix: &str) -> ProviderAnswer {
    let ProviderAnswer::Http { status, body } = answer else {
        return answer.clone();
    };
    let Ok(mut json) = serde_json::from_str::<Value>(body) else {
        return answer.clone();
    };
    if prefix.is_empty() || json.get("response").is_none() {
        return answer.clone();
    }
    let response = &mut json["response"];
    for item in response["items"].as_array_mut().into_iter().flatten() {
        if let Some(key) = item["key"].as_str() {
            item["key"] = format!("{prefix}{key}").into();
        }
    }
    if let Some(error) = response["systemError"].as_str() {
        let error = error.replace(
            "registry.example/team/",
            &format!("{prefix}registry.example/team/"),
        );
        response["systemError"] = error.into();
    }
    ProviderAnswer::Http {
        status: *status,
        body: json.to_string(),
    }
}

/// The review of something new in [`NAMESPACE`].
fn creation(object: Value) -> Value {
    let mut review = json!({
        "kind": { "kind": object["kind"] },
        "operation": "CREATE",
        "namespace": NAMESPACE,
        "name": "x",
        "oldObject": null,
    });
    review["object"] = object;
    review
}

/// A Pod with one container for each image. Its metadata names the namespace, as the API server sees to.
fn pod(images: &[&str]) -> Value {
    let containers: Vec<_> = images
        .iter()
        .enumerate()
        .map(|(i, image)| json!({ "name": format!("c{i}"), "image": image }))
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "x", "namespace": NAMESPACE },
        "spec": { "containers": containers },
    })
}

/// A whole answer around items.
fn body(items: &[Value], system_error: Option<&str>) -> String {
    let mut response = json!({});
    if !items.is_empty() {
        response["items"] = items.into();
    }
    if let Some(text) = system_error {
        response["systemError"] = text.into();
    }
    let (version, kind) = ("externaldata.gatekeeper.sh/v1alpha1", "ProviderResponse");
    json!({ "apiVersion": version, "kind": kind, "response": response }).to_string()
}

/// The items of a recorded answer.
fn recorded_items(name: &str) -> Vec<Value> {
    let answer: Value = serde_json::from_str(&recorded(name)).unwrap();
    answer["response"]["items"].as_array().unwrap().clone()
}

/// An answer of our server, byte for byte: `testdata/responses/<name>.json`.
fn recorded(name: &str) -> String {
    fs::read_to_string(responses().join(name).with_extension("json")).unwrap()
}

fn responses() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/responses")
}
