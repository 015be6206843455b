use std::fs;

use ratify_config::Formatter;
use ratify_testkit::certs::Authority;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::logs::Formatting;

/// A folder with a configuration that trusts what is in `certs`.
struct Fixture(TempDir);

impl Fixture {
    fn new() -> Self {
        let fixture = Self(tempfile::tempdir().unwrap());
        fs::create_dir(fixture.at("certs")).unwrap();
        fs::write(fixture.at("certs/root.pem"), Authority::new("root").pem()).unwrap();
        fixture.write(&fixture.config());
        fixture
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self) -> Value {
        json!({
            "store": { "plugins": [{ "name": "oras" }] },
            "policy": { "plugin": { "name": "configPolicy" } },
            "verifier": { "plugins": [{
                "name": "notation",
                "artifactTypes": "application/vnd.cncf.notary.signature",
                "verificationCerts": [self.at("certs")],
                "trustPolicyDoc": { "version": "1.0", "trustPolicies": [{
                    "name": "default",
                    "registryScopes": ["*"],
                    "signatureVerification": { "level": "strict" },
                    "trustStores": ["ca:certs"],
                    "trustedIdentities": ["*"]
                }]}
            }]}
        })
    }

    fn write(&self, config: &Value) {
        self.write_text(&config.to_string());
    }

    fn write_text(&self, text: &str) {
        fs::write(self.at("config.json"), text).unwrap();
    }

    fn load(&self) -> (Files, Loaded) {
        Files::load(self.source()).unwrap()
    }

    fn source(&self) -> Source {
        Source {
            path: Some(self.at("config.json")),
            environment: Environment::default(),
            options: LoadOptions::default(),
        }
    }

    fn follower(&self) -> Follower {
        let metrics = Arc::new(Metrics::new().unwrap());
        let formatting = Formatting::new(Formatter::Text);
        Follower::new(self.load().1, metrics, Arc::default(), formatting)
    }
}

/// In one word.
fn word(found: &Found) -> &'static str {
    match found {
        Found::Configuration { changed: true, .. } => "changed",
        Found::Configuration { changed: false, .. } => "read again",
        Found::Trouble {
            trouble: Some(_), ..
        } => "trouble",
        Found::Nothing | Found::Trouble { trouble: None, .. } => "nothing",
    }
}

#[test]
fn what_changed_while_it_was_read_the_first_time_is_seen() {
    let fixture = Fixture::new();
    let (mut files, _) = fixture.load();
    assert_eq!(word(&files.look()), "read again", "only to be sure");
    fixture.write(&fixture.config());
    assert_eq!(word(&files.look()), "changed");
}

#[test]
fn att_52_a_failure_is_told_once_it_is_sure_and_again_if_it_is_another() {
    let fixture = Fixture::new();
    let (mut files, _) = fixture.load();
    fixture.write_text("{");
    assert_eq!(word(&files.look()), "nothing", "it may be half written");
    assert_eq!(word(&files.look()), "trouble");
    assert_eq!(word(&files.look()), "nothing", "once");
    fixture.write_text("[");
    assert_eq!(word(&files.look()), "nothing");
    let found = files.look();
    assert_eq!(word(&found), "trouble", "saved again, and still broken");
    fixture.write(&fixture.config());
    assert_eq!(word(&files.look()), "changed", "mended");
}

#[test]
fn a_file_that_is_half_written_or_away_for_a_moment_is_no_failure() {
    let fixture = Fixture::new();
    let (mut files, _) = fixture.load();
    for broken in ["", "{\"store\":"] {
        fixture.write_text(broken);
        assert_eq!(word(&files.look()), "nothing");
        fixture.write(&fixture.config());
        assert_eq!(word(&files.look()), "changed");
    }
    fs::remove_file(fixture.at("config.json")).unwrap();
    assert_eq!(word(&files.look()), "nothing");
    fixture.write(&fixture.config());
    assert_eq!(word(&files.look()), "changed");
}

#[test]
fn another_file_than_the_configuration_may_be_what_is_broken() {
    let fixture = Fixture::new();
    let (mut files, _) = fixture.load();
    fs::write(fixture.at("certs/readme.txt"), "no certificate").unwrap();
    assert_eq!(word(&files.look()), "nothing");
    let found = files.look();
    let Found::Trouble {
        trouble: Some(trouble),
        good: None,
    } = &found
    else {
        panic!("{found:?}")
    };
    assert!(trouble.contains("readme.txt"), "{trouble}");
    fs::remove_file(fixture.at("certs/readme.txt")).unwrap();
    assert_eq!(word(&files.look()), "changed");
}

#[test]
fn files_that_a_new_configuration_names_are_followed_too() {
    let fixture = Fixture::new();
    let (mut files, _) = fixture.load();
    let mut config = fixture.config();
    config["verifier"]["plugins"][0]["verificationCerts"] = json!([fixture.at("others")]);
    fixture.write(&config);
    assert_eq!(word(&files.look()), "changed");
    assert_eq!(word(&files.look()), "read again");
    fs::create_dir(fixture.at("others")).unwrap();
    assert_eq!(word(&files.look()), "changed");
}

#[test]
fn only_another_content_is_another_configuration() {
    let fixture = Fixture::new();
    let mut follower = fixture.follower();
    let current = follower.current();
    let first = Arc::clone(&current.borrow());
    fixture.write_text(&serde_json::to_string_pretty(&fixture.config()).unwrap());
    follower.swap(fixture.load().1, true);
    assert!(Arc::ptr_eq(&first, &current.borrow()));
    // time-outs do not change what is known of registries and images
    let mut config = fixture.config();
    config["executor"] = json!({ "verificationRequestTimeout": 1_000 });
    fixture.write(&config);
    follower.swap(fixture.load().1, true);
    let second = Arc::clone(&current.borrow());
    assert_eq!((first.generation, second.generation), (1, 2));
    assert_eq!(second.timeouts.verification, Duration::from_millis(850));
    assert!(Arc::ptr_eq(&first.snapshot, &second.snapshot));
    config["logger"] = json!({ "requestHeaders": { "traceIDHeaderName": ["x-trace"] } });
    fixture.write(&config);
    follower.swap(fixture.load().1, true);
    let third = Arc::clone(&current.borrow());
    assert_eq!((third.generation, third.trace_headers.len()), (3, 1));
    assert!(Arc::ptr_eq(&first.snapshot, &third.snapshot));
    fs::write(fixture.at("certs/two.pem"), Authority::new("two").pem()).unwrap();
    follower.swap(fixture.load().1, true);
    let fourth = Arc::clone(&current.borrow());
    assert_eq!(fourth.generation, 4);
    assert!(!Arc::ptr_eq(&first.snapshot, &fourth.snapshot));
    assert_ne!(first.snapshot.scope(), fourth.snapshot.scope());
}

#[test]
fn att_52_trouble_is_shown_until_it_is_over_and_changes_nothing_else() {
    let fixture = Fixture::new();
    let mut follower = fixture.follower();
    let current = follower.current();
    let first = Arc::clone(&current.borrow());
    follower.take(Found::Trouble {
        trouble: Some("config.json: broken".to_owned()),
        good: None,
    });
    let shown = follower.health.readiness().warnings;
    assert_eq!(shown, ["configuration: config.json: broken"]);
    assert!(Arc::ptr_eq(&first, &current.borrow()));
    follower.take(Found::Nothing);
    assert_eq!(follower.health.readiness().warnings, shown);
    let loaded = Box::new(fixture.load().1);
    let changed = true;
    follower.take(Found::Configuration { loaded, changed });
    assert_eq!(follower.health.readiness().warnings, [""; 0]);
    assert!(Arc::ptr_eq(&first, &current.borrow()));
}

/// Decision 15: a broken file must not keep alive what was taken out of a trust store.
#[test]
fn att_55_what_the_last_good_configuration_leads_to_is_followed_while_the_file_is_broken() {
    for breakage in ["{", "{}", ""] {
        let fixture = Fixture::new();
        let (mut files, _) = fixture.load();
        let mut follower = fixture.follower();
        let current = follower.current();
        let mut look = |files: &mut Files| {
            let found = files.look();
            let told = word(&found);
            follower.take(found);
            (told, current.borrow().snapshot.scope())
        };
        let (_, trusting) = look(&mut files);
        if breakage.is_empty() {
            fs::remove_file(fixture.at("config.json")).unwrap();
        } else {
            fixture.write_text(breakage);
        }
        assert_eq!(look(&mut files), ("nothing", trusting));
        assert_eq!(look(&mut files), ("trouble", trusting), "{breakage}");
        fs::remove_file(fixture.at("certs/root.pem")).unwrap();
        let (_, empty) = look(&mut files);
        assert_ne!(empty, trusting, "{breakage}");
        // a certificate that is half written changes nothing
        fs::write(fixture.at("certs/root.pem"), "-----BEGIN CERTIFICATE-----").unwrap();
        assert_eq!(look(&mut files).1, empty);
        fs::write(fixture.at("certs/root.pem"), Authority::new("two").pem()).unwrap();
        let (_, two) = look(&mut files);
        assert!(two != empty && two != trusting);
        fixture.write(&fixture.config());
        assert_eq!(look(&mut files), ("changed", two), "mended");
        assert_eq!(follower.health.readiness().warnings, [""; 0]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_in_place_of_a_file_is_trouble_and_not_waited_for() {
    let fixture = Fixture::new();
    let mut source = fixture.source();
    source.options.guarded = true;
    let (mut files, _) = Files::load(source).unwrap();
    fs::remove_file(fixture.at("config.json")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(fixture.at("config.json"))
        .status();
    assert!(made.unwrap().success());
    files.look();
    let found = files.look();
    let Found::Trouble {
        trouble: Some(trouble),
        ..
    } = &found
    else {
        panic!("{found:?}")
    };
    assert!(trouble.ends_with("it is not a regular file"), "{trouble}");
}

#[tokio::test]
async fn reading_that_does_not_end_is_told() {
    let fixture = Fixture::new();
    let follower = fixture.follower();
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let health = Arc::clone(&follower.health);
    let waiting = tokio::spawn(async move {
        let look = tokio::spawn(receiver);
        follower.patiently(look, Duration::ZERO).await.is_ok()
    });
    while health.readiness().warnings.is_empty() {
        tokio::task::yield_now().await;
    }
    let warnings = health.readiness().warnings;
    assert!(
        warnings[0].starts_with("reading the configuration: a file"),
        "{warnings:?}"
    );
    sender.send(()).unwrap();
    assert!(waiting.await.unwrap());
    assert_eq!(health.readiness().warnings, [""; 0]);
}
