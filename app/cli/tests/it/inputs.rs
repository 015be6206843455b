//! Bad input to every flag and file: one clear sentence, status 1, nothing on standard output.

use serde_json::json;

use crate::rig::{Rig, run};

#[tokio::test(flavor = "multi_thread")]
async fn flags() {
    let rig = Rig::new().await;
    let long = "a".repeat(5_000);
    for (args, sentence) in [
        (vec!["bogus"], "unrecognized subcommand 'bogus'"),
        (vec!["--bogus"], "unexpected argument '--bogus' found"),
        (
            vec!["verify", "--bogus"],
            "unexpected argument '--bogus' found",
        ),
        (vec!["verify", "extra"], "unexpected argument 'extra' found"),
        (
            vec!["verify", "-s"],
            "a value is required for '--subject <REFERENCE>'",
        ),
        (vec!["verify"], "subject parameter is required"),
        (vec!["verify", "-s", ""], "subject parameter is required"),
        (vec!["discover"], "subject parameter is required"),
        (vec!["resolve"], "subject parameter is required"),
        (
            vec!["verify", "-s", "UPPER"],
            "REFERENCE_INVALID: failed to parse subject reference: repository `UPPER`",
        ),
        (
            vec!["verify", "-s", "a b"],
            "REFERENCE_INVALID: failed to parse subject reference: ",
        ),
        (
            vec!["verify", "-s", "a\u{1b}[2J"],
            "REFERENCE_INVALID: failed to parse subject reference: repository `a\\u{1b}[2J`",
        ),
        (
            vec!["verify", "-s", &long],
            "REFERENCE_INVALID: failed to parse subject reference: reference has 5000 bytes",
        ),
        (
            vec!["resolve", "-s", "a@sha256:1"],
            "REFERENCE_INVALID: failed to parse subject reference: digest `sha256:1`",
        ),
        (
            vec!["verify", "-s", "a", "--timeout", "5"],
            "invalid value '5' for '--timeout <DURATION>': expected a number with a unit",
        ),
        (
            vec!["verify", "-s", "a", "--timeout", "0s"],
            "invalid value '0s' for '--timeout <DURATION>': expected more than nothing",
        ),
        (
            vec!["verify", "-s", "a", "--output", "xml"],
            "invalid value 'xml' for '--output <FORM>'",
        ),
        (
            vec!["verify", "-s", "a", "--silent=maybe"],
            "unexpected value 'maybe' for '--silent'",
        ),
        (
            vec!["discover", "-s", "a", "-t"],
            "a value is required for '--artifactType <TYPE>'",
        ),
        (
            vec!["completion"],
            "the following required arguments were not provided",
        ),
        (
            vec!["completion", "tcsh"],
            "invalid value 'tcsh' for '<SHELL>'",
        ),
        (vec!["referrer", "bogus"], "unrecognized subcommand 'bogus'"),
    ] {
        let ran = run(rig.command(&args));
        ran.assert_refused(sentence);
        assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn configuration_files() {
    let rig = Rig::new().await;
    let good = rig.config();
    let with = |pointer: &str, value| {
        let mut config = good.clone();
        *config.pointer_mut(pointer).unwrap() = value;
        config.to_string()
    };
    let notation = "/verifier/plugins/0";
    for (body, sentence) in [
        (String::new(), "unable to unmarshal config body: "),
        ("{".to_owned(), "unable to unmarshal config body: "),
        (
            "{\"store\":1,\"store\":2}".to_owned(),
            "unable to unmarshal config body: ",
        ),
        ("[]".to_owned(), ""),
        ("{}".to_owned(), ""),
        (with("/store/plugins", json!([])), ""),
        (with("/verifier/plugins", json!([])), ""),
        (with("/policy/plugin/name", json!("nosuch")), ""),
        (
            with(
                "/policy/plugin/artifactVerificationPolicies",
                json!({"default": "most"}),
            ),
            "",
        ),
        (with(&format!("{notation}/name"), json!(5)), ""),
        (
            with(&format!("{notation}/verificationCerts"), json!([])),
            "-",
        ),
        (
            with(
                &format!("{notation}/trustPolicyDoc/trustPolicies/0/signatureVerification/level"),
                json!("strictly"),
            ),
            "",
        ),
        (
            with(
                &format!("{notation}/trustPolicyDoc/trustPolicies/0/trustedIdentities"),
                json!(["x509.subject: C"]),
            ),
            "",
        ),
        (with("/store/plugins/0/name", json!("\u{1b}[2J")), ""),
    ] {
        std::fs::write(rig.config_path(), &body).unwrap();
        let ran = rig.run(&["resolve", "-s", "127.0.0.1:1/a"]);
        if sentence == "-" {
            // an empty trust store denies, but is not an error of the file
            assert!(ran.stderr.contains("Error: REGISTRY_"), "{ran:?}");
            continue;
        }
        ran.assert_refused(sentence);
        let line = ran
            .stderr
            .lines()
            .find(|line| line.starts_with("Error: "))
            .unwrap();
        assert!(line.contains("config.json: "), "names the file: {line}");
        assert!(!line.contains('\u{1b}'), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn configuration_paths() {
    let rig = Rig::new().await;
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
    let mut nowhere = rig.command(&["verify", "-s", "a"]);
    nowhere.env_remove("HOME").env("RATIFY_CONFIG", "/nonexist");
    run(nowhere).assert_refused("unable to read config file at path /nonexist/config.json: ");
}
