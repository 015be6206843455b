//! Nothing that somebody writes makes the reader panic.

use std::path::Path;

use proptest::prelude::*;
use ratify_config::{Environment, LoadOptions, parse};
use ratify_testkit::certs::Authority;
use serde_json::{Value, json};

use crate::home::{minimal, policy, set};

/// A configuration with something in every part, and no path that is there.
fn full() -> Value {
    let config = set(
        minimal(),
        "/executor",
        json!({"verificationRequestTimeout": 4900}),
    );
    let config = set(
        config,
        "/logger",
        json!({"formatter": "json", "requestHeaders": {"traceIDHeaderName": ["a"]}}),
    );
    let config = set(config, "/crl", json!({"cache": {"enabled": true}}));
    let registries =
        json!([{"host": "a.io", "plainHttp": true, "mirror": "b.io/c", "tokenHosts": ["d.io"]}]);
    let config = set(config, "/store/plugins/0/registries", registries);
    let stores = json!({"ca": {"a": ["x"]}, "tsa": {"b": ["y", Authority::new("tsa").pem()]}});
    let config = set(config, "/verifier/plugins/0/verificationCertStores", stores);
    let config = set(
        config,
        "/verifier/plugins/0/trustPolicyDoc",
        policy(&["ca:a", "ca:z", "tsa:b"]),
    );
    set(
        config,
        "/policy/plugin/artifactVerificationPolicies",
        json!({"default": "any", "x": "all"}),
    )
}

fn pointers(value: &Value, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    match value {
        Value::Object(members) => {
            let inside = |(name, value): (&String, &Value), found: &mut Vec<String>| {
                pointers(
                    value,
                    &format!("{here}/{}", name.replace('~', "~0").replace('/', "~1")),
                    found,
                );
            };
            members.iter().for_each(|member| inside(member, found));
        }
        Value::Array(elements) => {
            elements
                .iter()
                .enumerate()
                .for_each(|(i, value)| pointers(value, &format!("{here}/{i}"), found));
        }
        _ => {}
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "*",
            "any",
            "ca",
            "oras",
            "notation",
            "~/",
            "ca:certs",
            "-----BEGIN X-----"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-zA-Z]{0,8}|name|host|ca|plugins", inner, 0..4)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Whatever comes of it, it is a configuration or a sentence.
fn read(body: &[u8]) -> Result<(), String> {
    let environment = Environment::default();
    let loaded = parse(
        Path::new("config.json"),
        body,
        &environment,
        &LoadOptions::default(),
    );
    match loaded {
        Ok(loaded) => {
            assert!(
                !loaded.snapshot.stores().is_empty() && !loaded.snapshot.verifiers().is_empty()
            );
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn the_unmutated_configuration_loads() {
    assert_eq!(read(full().to_string().as_bytes()), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_member_may_be_anything(which: prop::sample::Index, value in any_value()) {
        let mut config = full();
        let mut places = Vec::new();
        pointers(&config, "", &mut places);
        *config.pointer_mut(which.get::<String>(&places)).unwrap() = value;
        if let Err(sentence) = read(config.to_string().as_bytes()) {
            prop_assert!(sentence.contains("config.json"), "{}", sentence);
            prop_assert!(!sentence.contains('\n'), "{}", sentence);
        }
    }

    #[test]
    fn any_byte_may_be_any_other(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut body = full().to_string().into_bytes();
        let index = at.index(body.len());
        body[index] = byte;
        let _ = read(&body);
        body.truncate(cut.index(body.len()));
        prop_assert!(read(&body).is_err());
    }
}
