//! Configurations that cannot be used: each gives one sentence with file and place, and nothing is built.

use std::path::Path;

use ratify_config::{Environment, LoadOptions, load};
use serde_json::{Value, json};

use crate::home::{Home, minimal, set, without};

const VERIFIER: &str = "/verifier/plugins/0";
const STORE: &str = "/store/plugins/0";

#[expect(clippy::too_many_lines, reason = "a table reads best as one")]
fn rows() -> Vec<(Value, &'static str)> {
    let at = |place: &str, value: Value| set(minimal(), place, value);
    let verifier = |name: &str, value: Value| at(&format!("{VERIFIER}/{name}"), value);
    let store = |name: &str, value: Value| at(&format!("{STORE}/{name}"), value);
    vec![
        (
            json!([]),
            "the document: found an array, expected an object",
        ),
        (
            json!({}),
            "verifier.plugins: the configuration for verifier.plugins must include at least one plugin",
        ),
        (
            at("/store", json!("x")),
            "store: found a string, expected an object",
        ),
        (
            at("/Store", json!({})),
            "the document: `Store` and `store` are the same field in two spellings; keep `store`",
        ),
        // executor
        (
            at("/executor", json!({"verificationRequestTimeout": "5s"})),
            "executor.verificationRequestTimeout: found a string, expected a whole number of milliseconds, from 1 to 86400000 (a day)",
        ),
        (
            at("/executor", json!({"verificationRequestTimeout": 0})),
            "executor.verificationRequestTimeout: found `0`, expected a whole number of milliseconds, from 1 to 86400000 (a day)",
        ),
        (
            at("/executor", json!({"mutationRequestTimeout": -1})),
            "executor.mutationRequestTimeout: found `-1`, expected a whole number of milliseconds, from 1 to 86400000 (a day)",
        ),
        (
            at("/executor", json!({"mutationRequestTimeout": 1.5})),
            "executor.mutationRequestTimeout: found `1.5`, expected a whole number of milliseconds, from 1 to 86400000 (a day)",
        ),
        (
            at("/executor", json!({"mutationRequestTimeout": u64::MAX})),
            "executor.mutationRequestTimeout: found `18446744073709551615`, expected a whole number of milliseconds, from 1 to 86400000 (a day)",
        ),
        // logger, crl
        (
            at("/logger", json!({"formatter": "xml"})),
            "logger.formatter: CONFIG_INVALID: unsupported logging formatter: xml; expected `text`, `json` or `logstash`",
        ),
        (
            at("/crl", json!({"cache": {"enabled": "yes"}})),
            "crl.cache.enabled: found a string, expected `true` or `false`",
        ),
        // store
        (
            without(minimal(), "/store"),
            "store.plugins: referrer store config should have at least one store",
        ),
        (
            at("/store/plugins", json!([])),
            "store.plugins: referrer store config should have at least one store",
        ),
        (
            at("/store/plugins", json!({})),
            "store.plugins: found an object, expected a list",
        ),
        (
            at("/store/plugins/0", json!({})),
            "store.plugins[0].name: is missing, expected `oras`",
        ),
        (
            store("name", json!(7)),
            "store.plugins[0].name: found a number, expected a string",
        ),
        (
            store("name", json!("dynamicstore")),
            "store.plugins[0].name: store `dynamicstore` is not available in this version, expected `oras`",
        ),
        (
            store("useHttp", json!("true")),
            "store.plugins[0].useHttp: found a string, expected `true` or `false`",
        ),
        (
            store("authProvider", json!({})),
            "store.plugins[0].authProvider.name: is missing, expected `dockerConfig`",
        ),
        (
            store("authProvider", json!({"name": "dockerconfig"})),
            "store.plugins[0].authProvider.name: found `dockerconfig`, expected `dockerConfig`",
        ),
        (
            store("authProvider", json!({"name": "k8Secrets"})),
            "store.plugins[0].authProvider.name: login provider `k8Secrets` is not available in this version, expected `dockerConfig`",
        ),
        (
            store("registries", json!([{"host": "a.io", "caFil": "x"}])),
            "store.plugins[0].registries[0].caFil: is not a known field; is `caFile` meant?",
        ),
        (
            store("registries", json!([{"host": "a.io", "colour": "x"}])),
            "store.plugins[0].registries[0].colour: is not a known field",
        ),
        (
            store("registries", json!([{"plainHttp": true}])),
            "store.plugins[0].registries[0].host: is missing, expected `host` or `host:port`, as in image references",
        ),
        (
            store("registries", json!([{"host": "https://a.io"}])),
            "store.plugins[0].registries[0].host: registry host `https://a.io` is not a host name or address with an optional port",
        ),
        (
            store("registries", json!([{"host": "a.io"}, {"host": "a.io"}])),
            "store.plugins[0].registries[1].host: registry `a.io` stands twice, expected one entry for each host",
        ),
        (
            store(
                "registries",
                json!([{"host": "a.io", "mirror": "https://b.io"}]),
            ),
            "store.plugins[0].registries[0].mirror: mirror `https://b.io` of registry `a.io` is not `host`, `host:port` or either with a path",
        ),
        (
            store(
                "registries",
                json!([{"host": "a.io", "tokenHosts": ["b.io/x"]}]),
            ),
            "store.plugins[0].registries[0].tokenHosts: token host `b.io/x` of registry `a.io` is not a host name or address with an optional port",
        ),
        (
            store(
                "registries",
                json!([{"host": "a.io", "caFile": "x", "caBundle": "y"}]),
            ),
            "store.plugins[0].registries[0]: `caFile` and `caBundle` exclude each other; keep one",
        ),
        (
            store(
                "registries",
                json!([{"host": "a.io", "caFile": "~/none.pem"}]),
            ),
            "store.plugins[0].registries[0].caFile: `~/none.pem` cannot be read: no such file or directory",
        ),
        (
            store("registries", json!([{"host": "a.io", "caBundle": "hello"}])),
            "store.plugins[0].registries[0].caBundle: bundle holds no certificate, expected PEM blocks named `CERTIFICATE`",
        ),
        // policy
        (
            without(minimal(), "/policy"),
            "policy.plugin: policy provider config must be specified",
        ),
        (
            at("/policy/plugin", json!(null)),
            "policy.plugin: policy provider config must be specified",
        ),
        (
            at("/policy/plugin/name", json!("regoPolicy")),
            "policy.plugin.name: policy `regoPolicy` is not available in this version, expected `configPolicy`",
        ),
        (
            at("/policy/plugin/name", json!("opa")),
            "policy.plugin.name: found `opa`, expected `configPolicy`",
        ),
        (
            at(
                "/policy/plugin/artifactVerificationPolicies",
                json!({"application/spdx+json": "most"}),
            ),
            "policy.plugin.artifactVerificationPolicies[\"application/spdx+json\"]: found `most`, expected `any` or `all`",
        ),
        (
            at(
                "/policy/plugin/artifactVerificationPolicies",
                json!({"default": "All"}),
            ),
            "policy.plugin.artifactVerificationPolicies.default: found `All`, expected `any` or `all`",
        ),
        (
            at(
                "/policy/plugin/artifactVerificationPolicies",
                json!({"default": true}),
            ),
            "policy.plugin.artifactVerificationPolicies.default: found a truth value, expected a string",
        ),
        // verifier
        (
            at("/verifier/plugins/0", json!("notation")),
            "verifier.plugins[0]: found a string, expected an object",
        ),
        (
            verifier("name", json!("")),
            "verifier.plugins[0].name: is missing, expected the name of the verifier",
        ),
        (
            verifier("artifactTypes", json!(["a"])),
            "verifier.plugins[0].artifactTypes: found an array, expected a string",
        ),
        (
            without(minimal(), "/verifier/plugins/0/artifactTypes"),
            "verifier.plugins[0].artifactTypes: is missing, expected artifact types separated by commas, such as `application/vnd.cncf.notary.signature`",
        ),
        (
            verifier("artifactTypes", json!(",")),
            "verifier.plugins[0].artifactTypes: is missing, expected artifact types separated by commas, such as `application/vnd.cncf.notary.signature`",
        ),
        (
            verifier("verificationCerts", json!("~/certs")),
            "verifier.plugins[0].verificationCerts: found a string, expected a list",
        ),
        (
            verifier("verificationCerts", json!(["~/certs", 1])),
            "verifier.plugins[0].verificationCerts[1]: found a number, expected a string",
        ),
        // trust stores
        (
            verifier("verificationCertStores", json!([])),
            "verifier.plugins[0].verificationCertStores: found an array, expected an object",
        ),
        (
            verifier("verificationCertStores", json!({"ca": {}, "certs": []})),
            "verifier.plugins[0].verificationCertStores: CONFIG_INVALID: legacy and new formats are mixed: `ca` is a trust store type and `certs` is not; put all stores under `ca`, `signingAuthority` or `tsa`",
        ),
        (
            verifier(
                "verificationCertStores",
                json!({"signingauthority": {"x": []}}),
            ),
            "verifier.plugins[0].verificationCertStores.signingauthority: is not a known field; is `signingAuthority` meant?",
        ),
        (
            verifier(
                "verificationCertStores",
                json!({"ca": {"certs": "~/certs"}}),
            ),
            "verifier.plugins[0].verificationCertStores.ca.certs: found a string, expected a list of files, directories or PEM texts",
        ),
        (
            verifier("verificationCertStores", json!({"ca": []})),
            "verifier.plugins[0].verificationCertStores.ca: found an array, expected an object",
        ),
        (
            verifier("verificationCertStores", json!({"certs": [true]})),
            "verifier.plugins[0].verificationCertStores.certs[0]: found a truth value, expected a string",
        ),
        (
            verifier(
                "verificationCertStores",
                json!({"certs": ["-----BEGIN CERTIFICATE-----\n"]}),
            ),
            "verifier.plugins[0].verificationCertStores.certs[0]: the PEM text: PEM block 1 has no end line `-----END CERTIFICATE-----`",
        ),
        // trust policy
        (
            without(minimal(), "/verifier/plugins/0/trustPolicyDoc"),
            "verifier.plugins[0].trustPolicyDoc: is missing, expected a trust policy document of version `1.0`",
        ),
        (
            verifier("trustPolicyDoc", json!("1.0")),
            "verifier.plugins[0].trustPolicyDoc: found a string, expected a trust policy document of version `1.0`",
        ),
        (
            verifier("trustPolicyDoc", json!({})),
            "verifier.plugins[0].trustPolicyDoc.version: is missing or empty",
        ),
        (
            at(
                "/verifier/plugins/0/trustPolicyDoc/trustPolicies/0/signatureVerification/level",
                json!("Strict"),
            ),
            "verifier.plugins[0].trustPolicyDoc.trustPolicies[0].signatureVerification.level: is `Strict`, expected `strict`, `permissive`, `audit` or `skip`",
        ),
        (
            at(
                "/verifier/plugins/0/trustPolicyDoc/trustPolicies/0/registryScopes",
                json!(["reg.io/*"]),
            ),
            "verifier.plugins[0].trustPolicyDoc.trustPolicies[0].registryScopes[0]: is not a registry scope: `reg.io/*` has a `*` in it; only `*` alone is a wildcard",
        ),
    ]
}

#[test]
fn every_mistake_gets_one_sentence_with_its_place() {
    let home = Home::new();
    home.authority("certs/root.pem", "root");
    assert!(
        home.load(&minimal()).is_ok(),
        "the rows break a configuration that loads"
    );
    for (config, sentence) in rows() {
        assert_eq!(home.sentence(&config), sentence, "{config}");
    }
}

#[test]
fn every_sentence_begins_with_the_path_of_the_file() {
    let home = Home::new();
    let file = home.at(".ratify/config.json").display().to_string();
    for (config, _) in rows() {
        let text = home.load(&config).unwrap_err().to_string();
        assert!(text.starts_with(&format!("{file}: ")), "{text}");
        assert!(!text.contains('\n'), "{text}");
    }
}

#[test]
fn v_1_4_a_file_that_cannot_be_read_is_named() {
    let home = Home::new();
    let file = home.at(".ratify/config.json");
    let read = |path: Option<&Path>| {
        load(path, &home.environment(), &LoadOptions::default())
            .unwrap_err()
            .to_string()
    };
    let missing = format!(
        "unable to read config file at path {}: no such file or directory",
        file.display()
    );
    assert_eq!(read(None), missing);
    assert_eq!(
        read(Some(Path::new(""))),
        missing,
        "an empty path is the default path"
    );
    let directory = home.at("");
    let expected = format!(
        "unable to read config file at path {}: it is a directory",
        directory.display()
    );
    assert_eq!(read(Some(&directory)), expected);
    home.write(".ratify/config.json", vec![b' '; 4 * 1024 * 1024 + 1]);
    let expected = format!(
        "unable to read config file at path {}: it has more than 4194304 bytes",
        file.display()
    );
    assert_eq!(read(None), expected);
    let nowhere = load(None, &Environment::default(), &LoadOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        nowhere
            .starts_with("no configuration: neither `RATIFY_CONFIG` nor a home directory is set"),
        "{nowhere}"
    );
}

#[test]
fn v_1_4_text_that_is_not_strict_json_is_an_error_with_line_and_column() {
    let home = Home::new();
    for (text, sentence) in [
        ("", "line 1, column 0: EOF while parsing a value"),
        ("{\n  \"store\": }", "line 2, column 12: expected value"),
        (
            "{\"store\":{},\n\"store\":{}}",
            "line 2, column 7: the name `store` occurs twice in one object",
        ),
        (
            "{\"policy\":{\"plugin\":{\"name\":\"a\",\"name\":\"b\"}}}",
            "line 1, column 38: the name `name` occurs twice in one object",
        ),
        ("{} {}", "line 1, column 4: trailing characters"),
        ("\u{feff}{}", "line 1, column 1: expected value"),
        ("// x\n{}", "line 1, column 1: expected value"),
    ] {
        let error = home.load_text(text).unwrap_err();
        let expected =
            format!("unable to unmarshal config body: ~/.ratify/config.json: {sentence}");
        assert_eq!(home.short(&error), expected, "{text}");
    }
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let error = home.load_text(deep).unwrap_err().to_string();
    assert!(error.ends_with("nested deeper than 64 levels"), "{error}");
}

#[test]
fn messages_cannot_carry_control_characters_or_endless_names() {
    let home = Home::new();
    let config = set(
        minimal(),
        "/policy/plugin/name",
        json!(format!("\u{1b}[31m{}", "x".repeat(10_000))),
    );
    let text = home.sentence(&config);
    assert!(!text.contains('\u{1b}') && text.len() < 300, "{text}");
}
