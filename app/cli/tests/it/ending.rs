//! How it ends: closed pipes, full disks, Ctrl-C.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ratify_testkit::registry::{Fault, Match, Times};

use crate::rig::Rig;

pub(crate) fn interrupt(child: &Child) {
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let rig = Rig::new().await;
    rig.push_signed("app");
    for args in [
        &["verify", "-s", &rig.tagged("app")][..],
        &["completion", "bash"],
        &["version"],
        &["--help"],
    ] {
        let mut command = rig.command(args);
        if args.len() > 2 {
            command.arg("-c").arg(rig.config_path());
        }
        let mut child = command
            .env("RATIFY_LOG_LEVEL", "error")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        let status = child.wait().unwrap();
        assert_eq!((status.code(), stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_an_error() {
    let rig = Rig::new().await;
    rig.push_signed("app");
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = rig.command(&["verify", "-s", &rig.tagged("app"), "--exit-code"]);
    let output = command
        .arg("-c")
        .arg(rig.config_path())
        .stdout(full)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("Error: cannot write to standard output: No space left on device"),
        "{stderr}"
    );
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_at_once_with_nothing_half_written() {
    let rig = Rig::new().await;
    rig.push_signed("app");
    rig.registry.fault(Match::Any, Times::Always, Fault::Stall);
    for verb in ["verify", "discover", "resolve"] {
        rig.registry.clear_requests();
        let mut command = rig.command(&[verb, "-s", &rig.tagged("app")]);
        command
            .arg("-c")
            .arg(rig.config_path())
            .env("RATIFY_LOG_LEVEL", "error");
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // the first request is out: it is waiting now
        tokio::time::timeout(Duration::from_secs(30), async {
            while rig.registry.requests().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{verb}: {output:?}");
        assert!(
            output.stdout.is_empty() && output.stderr.is_empty(),
            "{verb}: {output:?}"
        );
    }
}
