//! Configurations as users of v1.4 have them load unchanged.

use std::time::Duration;

use ratify_config::{Formatter, Timeouts};
use ratify_verify::Verifier;
use serde_json::{Value, json};

use crate::home::{Home, SIGNATURE, minimal, notation, policy, set, with_verifier};

const COSIGN: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";
const SPDX: &str = "application/spdx+json";

/// What somebody has who tries everything v1.4 has from the command line.
fn command_line() -> Value {
    let mut config = with_verifier(Value::Null);
    config["store"] = json!({
        "version": "1.0.0",
        "plugins": [{ "name": "oras", "cosignEnabled": true, "useHttp": true }],
    });
    config["policy"] = json!({ "version": "1.0.0", "plugin": { "name": "config-Policy" } });
    config["verifier"] = json!({
        "version": "1.0.0",
        "plugins": [
            { "name": "schemavalidator", "artifactTypes": "application/x.report", "schemas": { "a/b": "file:///x" } },
            { "name": "sbom", "artifactTypes": SPDX, "nestedReferences": SIGNATURE, "disallowedLicenses": ["AGPL"] },
            { "name": "cosign", "artifactTypes": COSIGN, "key": ".staging/cosign/cosign.pub" },
            {
                "name": "verifier-notation",
                "type": "notation",
                "artifactTypes": SIGNATURE,
                "verificationCerts": ["~/certs", "~/tsa/root.cer"],
                "trustPolicyDoc": policy(&["ca:ca-certs", "tsa:tsa-certs"]),
            },
            { "name": "schemavalidator", "artifactTypes": "application/x.report", "schemas": {} },
            { "name": "anything" },
        ],
    });
    config
}

#[test]
fn v_11_a_configuration_with_everything_v1_has_loads() {
    let home = Home::new();
    home.authority("certs/root.pem", "root");
    home.authority("tsa/root.cer", "tsa");
    let loaded = home.load(&command_line()).unwrap();
    assert_eq!(loaded.path, home.at(".ratify/config.json"));
    let shown = |one: &Verifier| {
        (
            one.name().to_owned(),
            one.verifier_type().to_owned(),
            one.artifact_types().join(","),
        )
    };
    let verifiers: Vec<_> = loaded.snapshot.verifiers().iter().map(shown).collect();
    let row =
        |name: &str, kind: &str, types: &str| (name.to_owned(), kind.to_owned(), types.to_owned());
    let expected = [
        row("anything", "anything", "*"),
        row("cosign", "cosign", COSIGN),
        row("sbom", "sbom", SPDX),
        row("schemavalidator", "schemavalidator", "application/x.report"),
        row("schemavalidator", "schemavalidator", "application/x.report"),
        row("verifier-notation", "notation", SIGNATURE),
    ];
    assert_eq!(verifiers, expected);
    for verifier in loaded.snapshot.verifiers() {
        let available = matches!(verifier, Verifier::Notation(_));
        assert_eq!(
            available,
            verifier.verifier_type() == "notation",
            "{}",
            verifier.name()
        );
    }
    let stores: Vec<_> = loaded
        .snapshot
        .stores()
        .iter()
        .map(|store| store.name().to_owned())
        .collect();
    assert_eq!(stores, ["oras"]);
}

#[test]
fn v_10_verifiers_that_cannot_be_run_are_told_and_the_order_of_names_too() {
    let home = Home::new();
    home.authority("certs/root.pem", "root");
    home.authority("tsa/root.cer", "tsa");
    let warnings = home.warnings(&command_line());
    let unavailable = |index: usize, name: &str| {
        format!(
            "verifier.plugins[{index}]: verifier `{name}` is of type `{name}`, which is not available in this version, expected `notation`; every artifact it reads is rejected"
        )
    };
    let order = |earlier: &str, shared: &str| {
        format!(
            "verifier.plugins[5]: reads `{shared}`, as `{earlier}` before it does; verifiers are used in the order of their names, so this one judges"
        )
    };
    let expected = [
        unavailable(0, "schemavalidator"),
        unavailable(1, "sbom"),
        unavailable(2, "cosign"),
        unavailable(4, "schemavalidator"),
        unavailable(5, "anything"),
        "store.plugins[0].useHttp: every registry is asked in plain HTTP, logins included; better name single registries in `registries` with `plainHttp`".to_owned(),
        "verifier.plugins[4]: reads `application/x.report`, as another verifier of the same name before it does, and will not judge it".to_owned(),
        order("schemavalidator", "*"),
        order("sbom", "*"),
        order("cosign", "*"),
        order("verifier-notation", "*"),
        order("schemavalidator", "*"),
    ];
    assert_eq!(warnings, expected);
}

#[test]
fn v_11_the_charts_sections_load_without_a_warning() {
    let home = Home::new();
    home.authority("certs/root.pem", "root");
    let mut config = minimal();
    config["logger"] =
        json!({ "formatter": "logstash", "requestHeaders": { "traceIDHeaderName": "[x-a x-b]" } });
    config["executor"] =
        json!({ "verificationRequestTimeout": 4900, "mutationRequestTimeout": 1950 });
    config["crl"] = json!({ "cache": { "enabled": true } });
    let loaded = home.load(&config).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.formatter, Formatter::Logstash);
    let milliseconds = Duration::from_millis;
    let expected = Timeouts {
        verification: milliseconds(4165),
        mutation: Duration::from_micros(1_657_500),
    };
    assert_eq!(loaded.timeouts, expected, "85 % of what is written");
}

#[test]
fn v_11_the_least_configuration_has_v1s_defaults() {
    let home = Home::new();
    home.authority("certs/root.pem", "root");
    let loaded = home.load(&minimal()).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.formatter, Formatter::Text);
    let expected = Timeouts {
        verification: Duration::from_millis(2900),
        mutation: Duration::from_millis(950),
    };
    assert_eq!(loaded.timeouts, expected);
    for formatter in [json!("text"), json!(""), json!(null)] {
        let config = set(minimal(), "/logger", json!({ "formatter": formatter }));
        assert_eq!(home.load(&config).unwrap().formatter, Formatter::Text);
    }
    let config = set(minimal(), "/logger", json!({ "formatter": "json" }));
    assert_eq!(home.load(&config).unwrap().formatter, Formatter::Json);
}

#[test]
fn v_11_unknown_fields_are_warnings_with_the_nearest_known_one() {
    let home = Home::new();
    home.authority("certs/root.pem", "root");
    for (place, value, warning) in [
        (
            "/executer",
            json!({}),
            "executer: is not a known field and is ignored; is `executor` meant?",
        ),
        (
            "/stores",
            json!({}),
            "stores: is not a known field and is ignored; is `store` meant?",
        ),
        (
            "/comment",
            json!("x"),
            "comment: is not a known field and is ignored",
        ),
        (
            "/store/plugins/0/usehttp2",
            json!(true),
            "store.plugins[0].usehttp2: is not a known field and is ignored; is `useHttp` meant?",
        ),
        (
            "/verifier/plugins/0/verificationCert",
            json!([]),
            "verifier.plugins[0].verificationCert: is not a known field and is ignored; is `verificationCerts` meant?",
        ),
        (
            "/verifier/plugins/0/trustPolicyDoc/note",
            json!(1),
            "verifier.plugins[0].trustPolicyDoc: `note` is not known and is ignored",
        ),
        (
            "/policy/plugin/passthroughEnabled",
            json!(true),
            "policy.plugin.passthroughEnabled: is not a known field and is ignored",
        ),
    ] {
        assert_eq!(
            home.warnings(&set(minimal(), place, value)),
            [warning],
            "{place}"
        );
    }
}

#[test]
fn v_11_a_field_in_another_case_is_read_as_v1_reads_it() {
    let home = Home::new();
    home.authority("certs/root.pem", "root");
    let mut config = minimal();
    let store = config.as_object_mut().unwrap().remove("store").unwrap();
    config["STORE"] = store;
    assert_eq!(
        home.warnings(&config),
        ["STORE: is read as `store`; write it so"]
    );

    // were it passed over, the certificates of `verificationCerts` would stand in for it
    let config = set(
        minimal(),
        "/verifier/plugins/0/VerificationCertStores",
        json!({ "certs": [] }),
    );
    let warnings = home.warnings(&config);
    assert!(
        warnings
            .iter()
            .any(|text| text.contains("trust store `ca:certs` has no certificates")),
        "{warnings:?}"
    );
}

#[test]
fn what_has_no_effect_is_told() {
    let home = Home::new();
    home.authority("certs/root.pem", "root");
    let store = json!({
        "name": "oras", "localCachePath": "/x", "cacheEnabled": true, "ttl": 10, "source": { "artifact": "a" },
        "authProvider": { "name": "dockerConfig", "configPath": "~/none.json" },
    });
    let config = set(minimal(), "/store/plugins/0", store);
    let config = set(config, "/verifier/plugins/0/source", json!({}));
    let config = set(
        config,
        "/verifier/plugins/0/artifactTypes",
        json!(format!("{SIGNATURE}, a/b")),
    );
    let config = set(
        config,
        "/policy/plugin/artifactVerificationPolicies",
        json!({ "c/d": "all", "a/b": "any" }),
    );
    let expected = [
        "store.plugins[0].localCachePath: has no effect: nothing is kept on disk",
        "store.plugins[0].cacheEnabled: has no effect in this version",
        "store.plugins[0].source: has no effect: `oras` is built in",
        "verifier.plugins[0].source: has no effect: `notation` is built in",
        "verifier.plugins[0].artifactTypes: has blanks around artifact types; they are left out",
        "store.plugins[0].authProvider.configPath: is not there, so no registry can be asked",
        "policy.plugin.artifactVerificationPolicies[\"c/d\"]: no verifier reads `c/d`, so every image will be denied",
    ];
    assert_eq!(home.warnings(&config), expected);
}

#[test]
fn decision_10_nested_references_make_a_verifier_that_rejects() {
    let home = Home::new();
    home.authority("certs/root.pem", "root");
    let nested = |value: &str| {
        set(
            minimal(),
            "/verifier/plugins/0/nestedReferences",
            json!(value),
        )
    };
    let loaded = home.load(&nested(SIGNATURE)).unwrap();
    let verifiers = loaded.snapshot.verifiers();
    assert!(
        matches!(verifiers, [Verifier::Unavailable(one)] if one.artifact_types == [SIGNATURE]),
        "{verifiers:?}"
    );
    let loaded = home.load(&nested("")).unwrap();
    assert!(matches!(
        loaded.snapshot.verifiers(),
        [Verifier::Notation(_)]
    ));
}

#[test]
fn decision_10_blank_artifact_types_are_every_type_and_commas_name_none() {
    let home = Home::new();
    for (written, read) in [
        ("", vec!["*"]),
        (" , ", vec!["*"]),
        ("a/b,", vec!["a/b"]),
        (",a/b, c/d", vec!["a/b", "c/d"]),
    ] {
        let config = with_verifier(json!({ "name": "report", "artifactTypes": written }));
        let loaded = home.load(&config).unwrap();
        let verifiers = loaded.snapshot.verifiers();
        assert_eq!(
            verifiers
                .iter()
                .map(Verifier::artifact_types)
                .collect::<Vec<_>>(),
            [read],
            "`{written}`"
        );
    }
}

#[test]
fn v_d_11_the_first_verifier_by_name_is_the_first_of_the_snapshot() {
    let home = Home::new();
    home.authority("certs/root.pem", "root");
    let called = |name: &str| set(json!([notation()]), "/0/name", json!(name))[0].clone();
    let written = |name: &str| set(json!([called(name)]), "/0/type", json!("notation"))[0].clone();
    let config = set(
        minimal(),
        "/verifier/plugins",
        json!([written("b"), written("a")]),
    );
    let loaded = home.load(&config).unwrap();
    let names: Vec<_> = loaded
        .snapshot
        .verifiers()
        .iter()
        .map(Verifier::name)
        .collect();
    assert_eq!(names, ["a", "b"]);
    let expected = format!(
        "verifier.plugins[1]: reads `{SIGNATURE}`, as `b` before it does; verifiers are used in the order of their names, so this one judges"
    );
    assert_eq!(home.warnings(&config), [expected]);
}
