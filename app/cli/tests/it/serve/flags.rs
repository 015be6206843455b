//! What is typed.

use serde_json::json;

use super::process::{Process, command, rig};
use crate::rig::{Rig, run};

/// V 1.2, but for `--help`.
const FLAGS: &[&str] = &[
    "--http <ADDRESS>",
    "-c, --config <FILE>",
    "--cert-dir <DIRECTORY>",
    "--ca-cert-file <FILE>",
    "--enable-crd-manager",
    "--cache-enabled",
    "--cache-type <TYPE>",
    "--cache-name <NAME>",
    "--cache-size <MB>",
    "--cache-ttl <DURATION>",
    "--metrics-enabled",
    "--metrics-type <TYPE>",
    "--metrics-port <PORT>",
    "--health-port <ADDRESS>",
    "-d, --debug",
];

#[tokio::test(flavor = "multi_thread")]
async fn v_1_2_help_names_every_flag_and_shows_examples() {
    let rig = Rig::new().await;
    let ran = run(rig.command(&["serve", "--help"]));
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    for flag in FLAGS {
        assert!(ran.stdout.contains(flag), "no {flag} in {}", ran.stdout);
    }
    for default in [
        "ristretto",
        "dapr-redis",
        "256",
        "10s",
        "prometheus",
        "8888",
        ":9099",
    ] {
        assert!(
            ran.stdout.contains(default),
            "no {default} in {}",
            ran.stdout
        );
    }
    assert!(ran.stdout.contains("Examples:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_one_sentence_and_status_1() {
    let (rig, _) = rig().await;
    for (flags, sentence) in [
        (
            &["--http", "6001"][..],
            "invalid value '6001' for '--http <ADDRESS>': `6001` has no port; expected",
        ),
        (
            &["--metrics-port", "65536"],
            "invalid value '65536' for '--metrics-port <PORT>'",
        ),
        (&["--metrics-port", "-1"], ""),
        (
            &["--cache-ttl", "10"],
            "invalid value '10' for '--cache-ttl <DURATION>': expected a number with a unit",
        ),
        (
            &["--cache-ttl=-1s"],
            "invalid value '-1s' for '--cache-ttl <DURATION>': expected no less than nothing",
        ),
        (
            &["--cache-enabled=maybe"],
            "unexpected value 'maybe' for '--cache-enabled'",
        ),
        (
            &["--health-port", "9099"],
            "invalid value '9099' for '--health-port <ADDRESS>'",
        ),
        (&["false"], "unexpected argument 'false' found"),
        (
            &["--enable-crd-manager"],
            "`--enable-crd-manager` needs the part of ratify that reads custom resources",
        ),
        (
            &["--ca-cert-file", "ca.crt"],
            "`--ca-cert-file` needs `--cert-dir`",
        ),
        (&["--cert-dir", "nosuch"], "cannot"),
        (
            &["--metrics-enabled", "--metrics-type", "x"],
            "unsupported metrics backend `x`",
        ),
        (
            &["-c", "/nonexist"],
            "unable to read config file at path /nonexist: ",
        ),
    ] {
        let ran = run(command(&rig, flags));
        if *flags == ["--cert-dir", "nosuch"] {
            assert_eq!(ran.status, Some(1), "{ran:?}");
            assert!(ran.stderr.contains("nosuch/tls.crt"), "{ran:?}");
            continue;
        }
        ran.assert_refused(sentence);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn v_1_4_without_an_address_it_checks_the_configuration_and_ends() {
    let (rig, _) = rig().await;
    let ran = rig.run(&["serve"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    assert!(
        ran.stderr.contains("configuration successfully loaded."),
        "{ran:?}"
    );
    assert!(
        ran.stderr.contains("no `--http` address was given"),
        "{ran:?}"
    );
    let mut broken = rig.config();
    broken["store"]["plugins"][0]["name"] = json!(5);
    rig.write_config(&broken);
    let place = "store.plugins[0].name: found a number, expected a string";
    rig.run(&["serve"])
        .assert_refused(&format!("{}: {place}", rig.config_path().display()));
}

#[tokio::test(flavor = "multi_thread")]
async fn att_45_it_does_not_start_with_an_empty_configuration() {
    let (rig, _) = rig().await;
    for empty in ["", "{}", "null", "[]"] {
        std::fs::write(rig.config_path(), empty).unwrap();
        run(command(&rig, &[])).assert_refused("");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn v_8_feature_flags_are_told_of() {
    let (rig, _) = rig().await;
    let mut command = command(&rig, &["--cache-enabled", "--cache-type", "dapr"]);
    command
        .env("RATIFY_CERT_ROTATION", "1")
        .env("RATIFY_EXPERIMENTAL_DYNAMIC_PLUGINS", "1")
        .env("RATIFY_EXPERIMENTAL_HIGH_AVAILABILITY", "true");
    let server = Process::spawn(command);
    assert_eq!(server.verdict(&rig.tagged("app")), Some(true));
    let log = server.stop().join("\n");
    for line in [
        "level=info msg=Feature flag CERT_ROTATION is enabled",
        "level=warning msg=`RATIFY_CERT_ROTATION` has no effect: ",
        "level=info msg=Feature flag EXPERIMENTAL_DYNAMIC_PLUGINS is enabled",
        "level=warning msg=`RATIFY_EXPERIMENTAL_DYNAMIC_PLUGINS` has no effect: ",
        // only `1` is on
        "level=info msg=Feature flag EXPERIMENTAL_HIGH_AVAILABILITY is disabled",
        "level=warning msg=cache type `dapr` is not available",
    ] {
        assert!(log.contains(line), "no {line} in {log}");
    }
}
