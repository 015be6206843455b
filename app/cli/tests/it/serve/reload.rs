//! The configuration changes while the server runs.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use ratify_testkit::certs::Authority;
use serde_json::json;

use super::process::{
    Process, VERIFY, config, get, question, replace, rig, try_post, verdict, wait_until,
};

/// Whoever asks without a pause, and counts what is not as it should be.
struct Load {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    asking: thread::JoinHandle<Vec<String>>,
}

impl Load {
    fn on(server: &Process, key: String, expected: bool) -> Self {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (until, count, address) = (Arc::clone(&stop), Arc::clone(&answers), server.address());
        let asking = thread::spawn(move || {
            let mut failures = Vec::new();
            while !until.load(Ordering::Relaxed) {
                match try_post(address, VERIFY, &question(&[&key])) {
                    Ok(answer) => {
                        let body = serde_json::from_str(&answer.body).unwrap();
                        if answer.status != 200 || verdict(&body) != Some(expected) {
                            failures.push(format!("{answer:?}"));
                        }
                    }
                    Err(error) => failures.push(error.to_string()),
                }
                AtomicUsize::fetch_add(&count, 1, Ordering::Relaxed);
            }
            failures
        });
        Self {
            stop,
            answers,
            asking,
        }
    }

    /// Wait for some more answers, end it, and see that all were right.
    fn end(self) {
        let now = self.answers.load(Ordering::Relaxed);
        wait_until("more is answered", || {
            (self.answers.load(Ordering::Relaxed) > now + 5).then_some(())
        });
        self.stop.store(true, Ordering::Relaxed);
        assert_eq!(self.asking.join().unwrap(), [""; 0]);
    }
}

/// How often something was reloaded so, from `/metrics`.
fn reloads(server: &Process, result: &str) -> u64 {
    let metrics = get(server.metrics(), "/metrics").body;
    let series = format!("ratify_configuration_reload_total{{result=\"{result}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&series));
    value.map_or(0, |value| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn att_52_a_broken_configuration_leaves_the_last_good_one_and_is_told_until_it_is_mended() {
    let (rig, _) = rig().await;
    let key = rig.tagged("app");
    let server = Process::start(&rig, &["--metrics-enabled", "--metrics-port=0"]);
    let load = Load::on(&server, key, true);
    let good = fs::read(rig.config_path()).unwrap();
    let mut member = config(&rig);
    member["policy"]["plugin"]["artifactVerificationPolicies"]["default"] = json!("most");
    let broken = [
        ("{".to_owned(), "unable to unmarshal config body: "),
        (String::new(), "unable to unmarshal config body: "),
        (
            "{}".to_owned(),
            "the configuration for verifier.plugins must include at least one plugin",
        ),
        (
            member.to_string(),
            "policy.plugin.artifactVerificationPolicies.default: found `most`, expected `any` or `all`",
        ),
    ];
    for (place, (text, sentence)) in (1..).zip(&broken) {
        fs::write(rig.config_path(), text).unwrap();
        let ready = wait_until("readiness tells", || {
            let ready = server.readiness();
            ready.body.contains(sentence).then_some(ready)
        });
        assert_eq!(ready.status, 200, "still ready: {ready:?}");
        assert!(ready.body.contains("config.json"), "{ready:?}");
        let line = server.wait_for_nth("the last good configuration stays in use", place - 1);
        assert!(
            line.contains(" level=error ") && line.contains(sentence),
            "{line}"
        );
        assert_eq!(reloads(&server, "failure"), u64::try_from(place).unwrap());
    }
    fs::write(rig.config_path(), good).unwrap();
    wait_until("readiness is clear", || {
        (server.readiness().body == "ok").then_some(())
    });
    server.wait_for("no longer so: ");
    assert_eq!(reloads(&server, "success"), 0, "nothing was swapped");
    load.end();
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_configuration_counts_for_new_requests() {
    let (rig, _) = rig().await;
    let key = rig.tagged("app");
    // remembered for longer than this test runs: a verdict of the old configuration must not answer for the new
    let flags = [
        "--cache-enabled",
        "--cache-ttl=1h",
        "--metrics-enabled",
        "--metrics-port=0",
    ];
    let server = Process::start(&rig, &flags);
    assert_eq!(server.verdict(&key), Some(true));
    let mut strict = config(&rig);
    strict["verifier"]["plugins"][0]["trustPolicyDoc"]["trustPolicies"][0]["trustedIdentities"] =
        json!(["x509.subject: C=US, ST=WA, O=Somebody Else"]);
    fs::write(rig.config_path(), strict.to_string()).unwrap();
    wait_until("it is denied", || {
        (server.verdict(&key) == Some(false)).then_some(())
    });
    server.wait_for("configuration file has been updated, reloading executor succeeded");
    assert_eq!(reloads(&server, "success"), 1);
    replace(&rig.config_path(), config(&rig).to_string());
    wait_until("it is admitted", || {
        (server.verdict(&key) == Some(true)).then_some(())
    });
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_taken_away_or_put_back_counts() {
    let (rig, _) = rig().await;
    let key = rig.tagged("app");
    let server = Process::start(&rig, &["--cache-enabled", "--cache-ttl=1h"]);
    assert_eq!(server.verdict(&key), Some(true));
    let root = rig.path().join("root.pem");
    let good = fs::read(&root).unwrap();
    let becomes = |verdict: bool| {
        wait_until("the verdict is another", || {
            (server.verdict(&key) == Some(verdict)).then_some(())
        });
    };
    replace(&root, Authority::new("Acme Root").pem());
    becomes(false);
    fs::write(&root, &good).unwrap();
    becomes(true);
    fs::remove_file(&root).unwrap();
    becomes(false);
    fs::write(&root, &good).unwrap();
    becomes(true);
    server.stop();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_is_swapped_as_kubernetes_does_it_is_followed() {
    use std::os::unix::fs::symlink;
    let (rig, _) = rig().await;
    let key = rig.tagged("app");
    let volume = rig.path().join("volume");
    let fill = |generation: &str, default: &str| {
        let mut config = config(&rig);
        config["policy"]["plugin"]["artifactVerificationPolicies"] =
            json!({ "default": default, "application/x.report": default });
        if default == "any" {
            config = self::config(&rig);
        }
        let directory = volume.join(generation);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("config.json"), config.to_string()).unwrap();
    };
    fill("..one", "any");
    fill("..two", "all");
    symlink("..one", volume.join("..data")).unwrap();
    symlink("..data/config.json", volume.join("config.json")).unwrap();
    let path = volume.join("config.json");
    let server = Process::start(&rig, &["-c", path.to_str().unwrap()]);
    assert_eq!(server.verdict(&key), Some(true));
    let swap = |generation: &str| {
        symlink(generation, volume.join("..data_tmp")).unwrap();
        fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    };
    swap("..two");
    wait_until("it is denied", || {
        (server.verdict(&key) == Some(false)).then_some(())
    });
    swap("..one");
    wait_until("it is admitted", || {
        (server.verdict(&key) == Some(true)).then_some(())
    });
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_content_changes_nothing() {
    let (rig, image) = rig().await;
    let key = rig.registry.pinned("app", &image);
    let flags = [
        "--cache-enabled",
        "--cache-ttl=1h",
        "--metrics-enabled",
        "--metrics-port=0",
    ];
    let server = Process::start(&rig, &flags);
    assert_eq!(server.verdict(&key), Some(true));
    rig.registry.clear_requests();
    let pretty = serde_json::to_string_pretty(&config(&rig)).unwrap();
    replace(&rig.config_path(), pretty);
    server.wait_for("no change found in config file, no executor update needed");
    assert_eq!(server.verdict(&key), Some(true));
    assert!(
        rig.registry.requests().is_empty(),
        "what is remembered stays"
    );
    assert_eq!(reloads(&server, "success"), 0);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn time_outs_and_the_form_of_log_lines_follow_and_forget_no_verdict() {
    let (rig, image) = rig().await;
    let key = rig.registry.pinned("app", &image);
    let server = Process::start(&rig, &["--cache-enabled", "--cache-ttl=1h"]);
    assert_eq!(server.verdict(&key), Some(true));
    rig.registry.clear_requests();
    let mut changed = config(&rig);
    changed["executor"] = json!({ "verificationRequestTimeout": 1_000 });
    changed["logger"] = json!({ "formatter": "json" });
    replace(&rig.config_path(), changed.to_string());
    let line = server.wait_for("configuration file has been updated");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["level"], &line["generation"]),
        (&json!("info"), &json!(2))
    );
    assert_eq!(server.verdict(&key), Some(true));
    assert!(rig.registry.requests().is_empty());
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_away_for_a_moment_is_no_trouble_and_one_that_stays_away_is() {
    let (rig, _) = rig().await;
    let server = Process::start(&rig, &[]);
    let away = rig.path().join("away.json");
    fs::rename(rig.config_path(), &away).unwrap();
    let ready = wait_until("readiness tells", || {
        let ready = server.readiness();
        ready
            .body
            .contains("no such file or directory")
            .then_some(ready)
    });
    assert_eq!(ready.status, 200);
    assert_eq!(server.verdict(&rig.tagged("app")), Some(true));
    fs::rename(&away, rig.config_path()).unwrap();
    wait_until("readiness is clear", || {
        (server.readiness().body == "ok").then_some(())
    });
    server.stop();
}
