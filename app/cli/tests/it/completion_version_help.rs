//! Commands that talk to nobody.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::rig::{Ran, ratify_in, run};

fn ratify(args: &[&str]) -> Ran {
    let home = tempfile::tempdir().unwrap();
    run(ratify_in(home.path(), args))
}

#[test]
fn completion_scripts_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let ran = ratify(&["completion", shell]);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
        for word in ["discover", "show-manifest", "artifactType"] {
            assert!(ran.stdout.contains(word), "{shell} lacks {word}");
        }
    }
}

#[test]
fn the_bash_script_is_one() {
    let script = ratify(&["completion", "bash"]).stdout;
    let bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn();
    let Ok(mut bash) = bash else { return };
    bash.stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    assert!(bash.wait().unwrap().success());
}

#[test]
fn v_1_4_version_is_label_and_value() {
    let ran = ratify(&["version"]);
    let version = ran.stdout.lines().next().unwrap();
    assert_eq!(
        version.split_whitespace().collect::<Vec<_>>(),
        ["Version:", env!("CARGO_PKG_VERSION")]
    );
    let columns: Vec<_> = ran.stdout.lines().map(|line| line.rfind(' ')).collect();
    assert!(ran.stdout.contains("Rust version: 1."), "{ran:?}");
    assert!(
        columns.iter().all(|column| *column == columns[0]),
        "aligned: {ran:?}"
    );
}

#[test]
fn v_1_a_command_without_an_action_says_what_there_is() {
    for args in [&[][..], &["referrer"]] {
        let ran = ratify(args);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
        assert!(
            ran.stderr.contains("Usage: ratify") && ran.stderr.contains("Commands:"),
            "{ran:?}"
        );
    }
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in [
        "verify",
        "discover",
        "resolve",
        "referrer show-blob",
        "referrer show-manifest",
        "completion",
    ] {
        let args: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let ran = ratify(&args);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
        assert!(ran.stdout.contains("Example"), "{command}");
        assert!(
            ran.stdout.contains(&format!("\n  ratify {command}")),
            "{command}: {}",
            ran.stdout
        );
        assert!(
            ran.stdout.lines().all(|line| line.chars().count() <= 120),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn v_1_2_debug_may_stand_anywhere() {
    for args in [
        &["-d", "version"][..],
        &["version", "-d"],
        &["--debug=true", "version"],
        &["version", "--debug=false"],
    ] {
        assert_eq!(ratify(args).status, Some(0), "{args:?}");
    }
}
