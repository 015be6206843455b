//! `ratify demo`: works anywhere, and is a self-test.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::ending::interrupt;
use crate::rig::{ratify_in, run};

#[test]
fn it_needs_nothing_and_fits_the_screen() {
    let home = tempfile::tempdir().unwrap();
    let mut command = ratify_in(home.path(), &["demo"]);
    // whatever the user has configured must not take part
    command
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("RATIFY_CONFIG", "/nonexist")
        .env("DOCKER_CONFIG", "/nonexist");
    let ran = run(command);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    for word in [
        "signed-jws",
        "✓ admitted",
        "✗ denied",
        "! could not tell",
        "SIGNATURE_INVALID",
        "  curl --cacert ",
        "https://127.0.0.1:",
        "\"isSuccess\":true,\"code\":\"VERIFIED\"",
        "\"systemError\": ",
        "ratify demo --keep ",
    ] {
        assert!(ran.stdout.contains(word), "no {word} in {}", ran.stdout);
    }
    // where the program lies is not ours to shorten
    let shown = ran.stdout.replace(env!("CARGO_BIN_EXE_ratify"), "ratify");
    for line in shown.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    assert_eq!(
        std::fs::read_dir(home.path()).unwrap().count(),
        0,
        "nothing is left behind"
    );
}

#[test]
fn every_image_gets_the_verdict_it_was_made_for() {
    let home = tempfile::tempdir().unwrap();
    let ran = run(ratify_in(home.path(), &["demo", "--output", "json"]));
    let rows = ran.json();
    let rows: Vec<(&str, &str, bool)> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap();
            let image = text("image").rsplit('/').next().unwrap();
            (image, text("code"), row["asExpected"] == Value::Bool(true))
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("signed-jws:v1", "VERIFIED", true),
            ("signed-cose:v1", "VERIFIED", true),
            ("multi-arch:v1", "VERIFIED", true),
            ("unsigned:v1", "NO_SIGNATURE", true),
            ("untrusted-ca:v1", "SIGNER_UNTRUSTED", true),
            ("wrong-signer:v1", "IDENTITY_UNTRUSTED", true),
            ("tampered:v1", "SIGNATURE_INVALID", true),
            ("expired:v1", "SIGNATURE_EXPIRED", true),
            ("transplanted:v1", "PAYLOAD_MISMATCH", true),
            ("forbidden:v1", "REGISTRY_FORBIDDEN", true),
        ]
    );
}

/// What the printed `curl` would be answered: whether each of its images is admitted.
#[cfg(unix)]
async fn ask_as_curl_does(command: &str) -> Vec<bool> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let after = |flag: &str| {
        let place = words.iter().position(|word| *word == flag).unwrap();
        words[place + 1].to_owned()
    };
    let file = |flag: &str| std::fs::read(after(flag)).unwrap();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let root = reqwest::Certificate::from_pem(&file("--cacert")).unwrap();
    let identity = [file("--cert"), file("--key")].concat();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .identity(reqwest::Identity::from_pem(&identity).unwrap())
        .build()
        .unwrap();
    let url = words.iter().find(|word| word.starts_with("https://"));
    let body = after("-d").trim_matches('\'').to_owned();
    let answer = client.post(*url.unwrap()).body(body).send().await.unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let items = answer["response"]["items"].as_array().unwrap();
    let admitted = |item: &Value| item["value"]["isSuccess"].as_bool().unwrap();
    items.iter().map(admitted).collect()
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn keep_prints_commands_that_work_until_ctrl_c() {
    let home = tempfile::tempdir().unwrap();
    let mut command = ratify_in(home.path(), &["demo", "--keep"]);
    let mut child = command
        .env("TMPDIR", home.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut config = String::new();
    let mut commands = Vec::new();
    let mut curl = String::new();
    for line in lines {
        if line.starts_with("  curl ") || curl.ends_with('\\') {
            curl.truncate(curl.trim_end_matches('\\').len());
            curl.push_str(&line);
        }
        if let Some(directory) = line.strip_prefix("  export RATIFY_CONFIG=") {
            directory.clone_into(&mut config);
        } else if let Some(command) = line.strip_prefix("  ").filter(|_| !config.is_empty()) {
            let (program, args) = command.split_once(' ').unwrap();
            assert!(program.ends_with("ratify"), "{command}");
            commands.push(args.to_owned());
        }
        if commands.len() == 5 {
            break;
        }
    }
    for (line, expected) in commands.iter().zip([0, 0, 2, 0, 0]) {
        let args: Vec<&str> = line.trim_end_matches("; echo $?").split(' ').collect();
        let mut command = ratify_in(home.path(), &args);
        command.env("RATIFY_CONFIG", &config);
        let ran = run(command);
        assert_eq!(ran.status, Some(expected), "{line}: {ran:?}");
    }
    assert_eq!(ask_as_curl_does(&curl).await, [true, false], "{curl}");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(
        std::fs::read_dir(home.path()).unwrap().count(),
        0,
        "the configuration is gone"
    );
}
