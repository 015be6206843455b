//! What a server needs of a configuration besides verdicts: trace headers, what to watch, and which configuration it is.

use std::fs;
use std::path::PathBuf;

use ratify_config::{ConfigError, Environment, LoadOptions, Loaded, attempt, load};
use ratify_engine::ScopeId;
use ratify_testkit::certs::Authority;
use serde_json::{Value, json};

use crate::home::{Home, minimal, policy, set, without};

/// A configuration with these trace headers.
fn with_headers(names: &Value) -> Value {
    let mut config = minimal();
    config["logger"] = json!({ "requestHeaders": { "traceIDHeaderName": names } });
    config
}

fn home() -> Home {
    let home = Home::new();
    home.authority("certs/root.pem", "root");
    home
}

#[test]
fn v_d_34_trace_headers_are_read_as_a_list_a_text_and_the_charts_text_of_a_list() {
    let home = home();
    for (written, names) in [
        (json!(["x-a", "X-B"]), &["x-a", "x-b"][..]),
        (
            json!("[x-ms-correlation-request-id]"),
            &["x-ms-correlation-request-id"],
        ),
        (json!("[x-a x-b]"), &["x-a", "x-b"]),
        (json!("[x-a, x-b,x-c]"), &["x-a", "x-b", "x-c"]),
        (json!("x-a"), &["x-a"]),
        (json!(["x-b", "x-a", "X-b"]), &["x-b", "x-a"]),
        (json!("[]"), &[]),
        (json!(""), &[]),
        (json!([]), &[]),
        (Value::Null, &[]),
    ] {
        let loaded = home.load(&with_headers(&written)).unwrap();
        assert_eq!(loaded.trace_headers, names, "{written}");
        assert_eq!(loaded.warnings, [], "{written}");
    }
    assert_eq!(home.load(&minimal()).unwrap().trace_headers, [""; 0]);
}

#[test]
fn v_d_34_a_trace_header_that_cannot_be_used_is_a_warning() {
    let home = home();
    for (written, warning) in [
        (json!(["x-a", "x:b"]), "`x:b` is not the name of a header"),
        (json!(["x-a", ""]), "`` is not the name of a header"),
        (
            json!(["x-a", "é\u{1b}"]),
            "`é\\u{1b}` is not the name of a header",
        ),
        // what is taken for a trace id is logged and answered
        (
            json!(["x-a", "Authorization"]),
            "`Authorization` carries secrets",
        ),
        (json!("[x-a cookie]"), "`cookie` carries secrets"),
    ] {
        let loaded = home.load(&with_headers(&written)).unwrap();
        assert_eq!(loaded.trace_headers, ["x-a"], "{written}");
        let [found] = &loaded.warnings[..] else {
            panic!("{written}: {:?}", loaded.warnings)
        };
        let found = found.to_string();
        let expected = format!("logger.requestHeaders.traceIDHeaderName: {warning}");
        assert!(found.starts_with(&expected), "{found}");
    }
    let many: Vec<String> = (0..20).map(|number| format!("x-{number}")).collect();
    let loaded = home.load(&with_headers(&json!(many))).unwrap();
    assert_eq!(loaded.trace_headers.len(), 16);
    assert_eq!(loaded.warnings.len(), 1);
    for (written, sentence) in [
        (json!(5), "found a number, expected a list of names"),
        (json!({}), "found an object, expected a list of names"),
    ] {
        let found = home.sentence(&with_headers(&written));
        assert_eq!(
            found,
            format!("logger.requestHeaders.traceIDHeaderName: {sentence}")
        );
    }
    assert_eq!(
        home.sentence(&with_headers(&json!([5]))),
        "logger.requestHeaders.traceIDHeaderName[0]: found a number, expected a string"
    );
}

#[test]
fn v_11_the_cache_for_revocation_lists_is_off_unless_it_is_on() {
    let home = home();
    assert!(!home.load(&minimal()).unwrap().crl_cache);
    for (crl, expected) in [
        (json!({}), false),
        (json!({ "cache": {} }), false),
        (json!({ "cache": { "enabled": true } }), true),
    ] {
        let config = set(minimal(), "/crl", crl);
        assert_eq!(home.load(&config).unwrap().crl_cache, expected);
    }
}

/// A configuration that reads one of everything, and what is there for it.
fn everything(home: &Home) -> Value {
    home.authority("named/one.pem", "one");
    home.authority("named/inner/two.pem", "two");
    home.authority("ca.pem", "registry");
    home.write("docker.json", "{}");
    let mut config = minimal();
    config["store"]["plugins"][0] = json!({
        "name": "oras",
        "authProvider": { "name": "dockerConfig", "configPath": "~/docker.json" },
        "registries": [{ "host": "reg.example", "caFile": home.at("ca.pem") }],
    });
    config["verifier"]["plugins"][0]["verificationCertStores"] =
        json!({ "ca": { "acme": ["~/named", "~/nosuch.pem"], "unread": ["~/unread"] } });
    config["verifier"]["plugins"][0]["trustPolicyDoc"] = policy(&["ca:acme", "ca:shared"]);
    config
}

#[test]
fn every_file_and_folder_that_is_read_or_looked_for_is_a_source() {
    let home = home();
    let sources = home.load(&everything(&home)).unwrap().sources;
    let mut expected: Vec<PathBuf> = [
        ".ratify/config.json",
        ".ratify/ratify-certs/notation/truststore",
        "ca.pem",
        "certs",
        "docker.json",
        "named",
        "nosuch.pem",
    ]
    .map(|path| home.at(path))
    .into();
    expected.sort();
    assert_eq!(sources, expected);
    let user = Environment {
        docker_config: Some(home.at("users-docker.json")),
        ..home.environment()
    };
    home.load(&minimal()).unwrap();
    let loaded = load(None, &user, &LoadOptions::default()).unwrap();
    assert!(
        loaded.sources.contains(&home.at("users-docker.json")),
        "the user's own logins: {:?}",
        loaded.sources
    );
}

#[test]
fn a_configuration_that_cannot_be_used_says_what_to_watch_all_the_same() {
    let home = home();
    let attempt = || attempt(None, &home.environment(), &LoadOptions::default());
    let missing = attempt();
    assert!(matches!(
        missing.result,
        Err(ConfigError::Unreadable { .. })
    ));
    assert_eq!(missing.sources, [home.at(".ratify/config.json")]);
    home.write(".ratify/config.json", "{");
    let broken = attempt();
    assert!(matches!(broken.result, Err(ConfigError::Syntax { .. })));
    assert_eq!(broken.sources, [home.at(".ratify/config.json")]);
    // what must be mended is not the file itself
    home.write(
        "certs/key.pem",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    home.write(".ratify/config.json", minimal().to_string());
    let stray = attempt();
    assert!(matches!(stray.result, Err(ConfigError::Member { .. })));
    assert!(stray.sources.contains(&home.at("certs")), "{stray:?}");
    fs::remove_file(home.at("certs/key.pem")).unwrap();
    let mended = attempt();
    assert_eq!(mended.sources, mended.result.unwrap().sources);
    let nowhere = ratify_config::attempt(None, &Environment::default(), &LoadOptions::default());
    assert!(matches!(nowhere.result, Err(ConfigError::NoDefault)));
}

fn scope(loaded: &Loaded) -> ScopeId {
    loaded.snapshot.scope()
}

#[test]
fn equal_content_has_an_equal_id() {
    let home = home();
    let config = everything(&home);
    let first = scope(&home.load(&config).unwrap());
    assert_eq!(scope(&home.load(&config).unwrap()), first);
    let pretty = serde_json::to_string_pretty(&config).unwrap();
    assert_eq!(
        scope(&home.load_text(pretty).unwrap()),
        first,
        "white space"
    );
    let mut times = config.clone();
    times["executor"] = json!({ "verificationRequestTimeout": 1_000 });
    times["logger"] = json!({ "formatter": "json" });
    assert_eq!(
        scope(&home.load(&times).unwrap()),
        first,
        "time-outs and log lines change no verdict"
    );
    let again = fs::read(home.at("named/one.pem")).unwrap();
    home.write("named/one.pem", again);
    assert_eq!(
        scope(&home.load(&config).unwrap()),
        first,
        "written again with the same bytes"
    );
}

#[test]
fn whatever_can_change_a_verdict_changes_the_id() {
    let home = home();
    let config = everything(&home);
    let mut seen = vec![("as it was", scope(&home.load(&config).unwrap()))];
    let mut differs = |what: &'static str, loaded: &Loaded| {
        let id = scope(loaded);
        let same = seen.iter().find(|(_, earlier)| *earlier == id);
        assert!(same.is_none(), "{what} has the id of {same:?}");
        seen.push((what, id));
    };
    for (what, at, value) in [
        (
            "another requirement",
            "/policy/plugin/artifactVerificationPolicies",
            json!({ "default": "any" }),
        ),
        (
            "another identity",
            "/verifier/plugins/0/trustPolicyDoc/trustPolicies/0/trustedIdentities",
            json!(["x509.subject: C=US, ST=WA, O=Acme"]),
        ),
        (
            "another level",
            "/verifier/plugins/0/trustPolicyDoc/trustPolicies/0/signatureVerification/level",
            json!("audit"),
        ),
        (
            "another registry",
            "/store/plugins/0/registries/0/host",
            json!("reg2.example"),
        ),
        ("plain HTTP", "/store/plugins/0/useHttp", json!(true)),
    ] {
        differs(what, &home.load(&set(config.clone(), at, value)).unwrap());
    }
    differs(
        "no named logins",
        &home
            .load(&without(config.clone(), "/store/plugins/0/authProvider"))
            .unwrap(),
    );
    home.write("docker.json", r#"{"auths":{}}"#);
    differs("another login", &home.load(&config).unwrap());
    home.write("ca.pem", Authority::new("registry").pem());
    differs(
        "another authority of the registry",
        &home.load(&config).unwrap(),
    );
    home.write("named/one.pem", Authority::new("one").pem());
    differs("another certificate", &home.load(&config).unwrap());
    home.authority("named/three.pem", "three");
    differs("one more certificate", &home.load(&config).unwrap());
    fs::rename(home.at("named/three.pem"), home.at("certs/three.pem")).unwrap();
    differs(
        "a certificate in another store",
        &home.load(&config).unwrap(),
    );
    fs::remove_file(home.at("named/one.pem")).unwrap();
    differs("one certificate less", &home.load(&config).unwrap());
}

#[test]
fn what_the_caller_decides_changes_the_id_too() {
    let home = home();
    home.write(".ratify/config.json", minimal().to_string());
    let with = |options: &LoadOptions, environment: &Environment| {
        scope(&load(None, environment, options).unwrap())
    };
    let plain = LoadOptions::default();
    let base = with(&plain, &home.environment());
    let mut limits = plain.clone();
    limits.limits.artifacts_per_verifier = 7;
    for options in [
        LoadOptions {
            allow_loopback_http: true,
            ..plain.clone()
        },
        LoadOptions {
            guarded: true,
            ..plain.clone()
        },
        limits,
    ] {
        assert_ne!(with(&options, &home.environment()), base, "{options:?}");
    }
    let user = Environment {
        docker_config: Some(home.at("docker.json")),
        ..home.environment()
    };
    let anonymous = with(&plain, &user);
    assert_ne!(anonymous, base, "another source of logins");
    home.write("docker.json", "{}");
    assert_ne!(with(&plain, &user), anonymous, "a login that was not there");
}

#[test]
fn att_45_an_empty_configuration_is_refused() {
    let home = home();
    for (text, sentence) in [
        ("", "unable to unmarshal config body: "),
        ("null", "the document: found null, expected an object"),
        (
            "{}",
            "verifier.plugins: the configuration for verifier.plugins must include at least one plugin",
        ),
    ] {
        let error = home.short(&home.load_text(text).unwrap_err());
        assert!(error.starts_with(sentence), "{text}: {error}");
    }
    for (at, empty) in [
        ("/store", json!({})),
        ("/store/plugins", json!([])),
        ("/verifier", json!({})),
        ("/verifier/plugins", json!([])),
        ("/policy", json!({})),
        ("/verifier/plugins/0/trustPolicyDoc", json!({})),
        (
            "/verifier/plugins/0/trustPolicyDoc/trustPolicies",
            json!([]),
        ),
        (
            "/verifier/plugins/0/trustPolicyDoc/trustPolicies/0/registryScopes",
            json!([]),
        ),
        ("/verifier/plugins/0/artifactTypes", json!("")),
    ] {
        assert!(home.load(&set(minimal(), at, empty)).is_err(), "{at}");
    }
}
