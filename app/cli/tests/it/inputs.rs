//! Bad input to every flag and file: one clear sentence, status 1, nothing on standard output.

use serde_json::{Value, json};

use crate::rig::{Rig, run};

/// What is typed, and how the sentence begins.
const FLAGS: &[(&[&str], &str)] = &[
    (&["bogus"], "unrecognized subcommand 'bogus'"),
    (&["--bogus"], "unexpected argument '--bogus' found"),
    (
        &["verify", "--bogus"],
        "unexpected argument '--bogus' found",
    ),
    (&["verify", "extra"], "unexpected argument 'extra' found"),
    (
        &["verify", "-s"],
        "a value is required for '--subject <REFERENCE>'",
    ),
    (&["verify"], "subject parameter is required"),
    (&["verify", "-s", ""], "subject parameter is required"),
    (&["discover"], "subject parameter is required"),
    (&["resolve"], "subject parameter is required"),
    (
        &["verify", "-s", "UPPER"],
        "REFERENCE_INVALID: failed to parse subject reference: repository `UPPER`",
    ),
    (
        &["verify", "-s", "a b"],
        "REFERENCE_INVALID: failed to parse subject reference: ",
    ),
    (
        &["verify", "-s", "a\u{1b}[2J"],
        "REFERENCE_INVALID: failed to parse subject reference: repository `a\\u{1b}[2J`",
    ),
    (
        &["resolve", "-s", "a@sha256:1"],
        "REFERENCE_INVALID: failed to parse subject reference: digest `sha256:1`",
    ),
    (
        &["verify", "-s", "a", "--timeout", "5"],
        "invalid value '5' for '--timeout <DURATION>': expected a number with a unit",
    ),
    (
        &["verify", "-s", "a", "--timeout", "0s"],
        "invalid value '0s' for '--timeout <DURATION>': expected more than nothing",
    ),
    (
        &["verify", "-s", "a", "--output", "xml"],
        "invalid value 'xml' for '--output <FORM>'",
    ),
    (
        &["verify", "-s", "a", "--silent=maybe"],
        "unexpected value 'maybe' for '--silent'",
    ),
    (
        &["discover", "-s", "a", "-t"],
        "a value is required for '--artifactType <TYPE>'",
    ),
    (
        &["completion"],
        "the following required arguments were not provided",
    ),
    (
        &["completion", "tcsh"],
        "invalid value 'tcsh' for '<SHELL>'",
    ),
    (&["referrer", "bogus"], "unrecognized subcommand 'bogus'"),
];

#[tokio::test(flavor = "multi_thread")]
async fn flags() {
    let rig = Rig::new().await;
    for (args, sentence) in FLAGS {
        let ran = run(rig.command(args));
        ran.assert_refused(sentence);
        assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    }
    let long = "a".repeat(5_000);
    run(rig.command(&["verify", "-s", &long])).assert_refused(
        "REFERENCE_INVALID: failed to parse subject reference: reference has 5000 bytes",
    );
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn arguments_that_are_not_unicode() {
    use std::os::unix::ffi::OsStrExt;
    let rig = Rig::new().await;
    let bad = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    let mut subject = rig.command(&["verify", "-s"]);
    subject.arg(bad);
    run(subject).assert_refused("invalid UTF-8");
    let mut path = rig.command(&["verify", "-s", "a", "-c"]);
    path.arg(bad);
    run(path).assert_refused("unable to read config file at path ");
}

/// A member of the configuration, what is written there, and what the sentence says of it.
fn bad_members() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        (
            "/store/plugins",
            json!([]),
            "store.plugins: referrer store config should have at least one store",
        ),
        (
            "/store/plugins/0/name",
            json!("\u{1b}[2J"),
            "store.plugins[0]",
        ),
        (
            "/store/plugins/0/name",
            json!(5),
            "store.plugins[0].name: found a number, expected a string",
        ),
        ("/verifier/plugins", json!([]), "verifier.plugins: "),
        (
            "/verifier/plugins/0/name",
            json!(5),
            "verifier.plugins[0].name: found a number, expected a string",
        ),
        (
            "/policy/plugin/name",
            json!("nosuch"),
            "policy.plugin.name: ",
        ),
        (
            "/policy/plugin/artifactVerificationPolicies",
            json!({ "default": "most" }),
            "policy.plugin.artifactVerificationPolicies.default: found `most`, expected `any` or `all`",
        ),
        (
            "/verifier/plugins/0/trustPolicyDoc/trustPolicies/0/signatureVerification/level",
            json!("strictly"),
            "verifier.plugins[0].trustPolicyDoc.trustPolicies[0].",
        ),
        (
            "/verifier/plugins/0/trustPolicyDoc/trustPolicies/0/trustedIdentities",
            json!(["x509.subject: C"]),
            "verifier.plugins[0].trustPolicyDoc.trustPolicies[0].",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn configuration_members() {
    let rig = Rig::new().await;
    for (pointer, value, sentence) in bad_members() {
        let mut config = rig.config();
        *config.pointer_mut(pointer).unwrap() = value;
        rig.write_config(&config);
        let ran = rig.run(&["resolve", "-s", "127.0.0.1:1/a"]);
        ran.assert_refused(&format!("{}: {sentence}", rig.config_path().display()));
        assert!(!ran.stderr.contains('\u{1b}'), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn configuration_files() {
    let rig = Rig::new().await;
    for (body, sentence) in [
        ("", "unable to unmarshal config body: "),
        ("{", "unable to unmarshal config body: "),
        (
            "{\"store\":{},\"store\":{}}",
            "unable to unmarshal config body: ",
        ),
        ("[]", ""),
        ("{}", ""),
    ] {
        std::fs::write(rig.config_path(), body).unwrap();
        let ran = rig.run(&["resolve", "-s", "127.0.0.1:1/a"]);
        ran.assert_refused(sentence);
        assert!(
            ran.stderr.contains("config.json: "),
            "names the file: {ran:?}"
        );
    }
    let large = std::fs::File::create(rig.config_path()).unwrap();
    large.set_len(1 << 30).unwrap();
    rig.run(&["resolve", "-s", "a"])
        .assert_refused("unable to read config file at path ");
    for (path, sentence) in [
        (
            "/nonexist",
            "unable to read config file at path /nonexist: no such file or directory",
        ),
        (
            "/",
            "unable to read config file at path /: it is a directory",
        ),
    ] {
        run(rig.command(&["verify", "-s", "a", "-c", path])).assert_refused(sentence);
    }
    let mut elsewhere = rig.command(&["verify", "-s", "a"]);
    elsewhere
        .env_remove("HOME")
        .env("RATIFY_CONFIG", "/nonexist");
    run(elsewhere).assert_refused("unable to read config file at path /nonexist/config.json: ");
}
