//! `ratify verify`: verdicts, their JSON, their text and their statuses.

use ratify_testkit::certs::Authority;
use ratify_testkit::registry::{Fault, Kind, Match, Times};

use crate::rig::{Rig, SIGNATURE, signature};

/// What Ratify 1.4.4 printed for such an image, letter by letter, and ours after it.
#[tokio::test(flavor = "multi_thread")]
async fn v_2_5_a_signed_image_reads_as_in_v1_4() {
    let rig = Rig::new().await;
    let (image, signature) = rig.push_signed("app");
    let subject = rig.registry.pinned("app", &image);
    let ran = rig.run(&["verify", "-s", &subject]);
    let expected = format!(
        r#"{{
  "isSuccess": true,
  "verifierReports": [
    {{
      "subject": "{subject}",
      "isSuccess": true,
      "name": "notation",
      "verifierName": "notation",
      "referenceDigest": "{}",
      "artifactType": "application/vnd.cncf.notary.signature",
      "message": "Notation signature verification success",
      "extensions": {{
        "Issuer": "CN=Acme Root,O=Acme,L=Seattle,ST=WA,C=US",
        "SN": "CN=acme release,O=Acme,L=Seattle,ST=WA,C=US"
      }},
      "code": "VERIFIED"
    }}
  ],
  "digest": "{}",
  "code": "VERIFIED"
}}
"#,
        signature.descriptor().digest,
        image.digest
    );
    assert_eq!(ran.stdout, expected);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn v_2_5_the_type_is_reported_where_it_is_configured() {
    let rig = Rig::new().await;
    rig.push_signed("app");
    let mut config = rig.config();
    config["verifier"]["plugins"][0]["type"] = "notation".into();
    for name in ["notation", "my-notation"] {
        config["verifier"]["plugins"][0]["name"] = name.into();
        rig.write_config(&config);
        let value = rig.run(&["verify", "-s", &rig.tagged("app")]).json();
        let report = &value["verifierReports"][0];
        assert_eq!(
            (&report["name"], &report["type"], &report["verifierType"]),
            (&name.into(), &"notation".into(), &"notation".into())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_tell_the_verdict_only_if_asked() {
    let rig = Rig::new().await;
    rig.push_signed("good");
    rig.push("unsigned");
    let image = rig.push("untrusted");
    rig.registry.attach(
        "untrusted",
        &signature(&Authority::new("Mallory Root"), &image),
    );
    let locked = rig.push_signed("locked").0;
    rig.registry.fault(
        Match::path("/locked/referrers/"),
        Times::Always,
        Fault::Status(403),
    );
    assert!(!locked.digest.hex().is_empty());
    for (name, code, status) in [
        ("good", "VERIFIED", 0),
        ("unsigned", "NO_SIGNATURE", 2),
        ("untrusted", "SIGNER_UNTRUSTED", 2),
        ("locked", "REGISTRY_FORBIDDEN", 3),
        ("nosuch", "SUBJECT_NOT_FOUND", 3),
    ] {
        let subject = rig.tagged(name);
        let plain = rig.run(&["verify", "-s", &subject]);
        let value = plain.json();
        assert_eq!(value["code"], code, "{plain:?}");
        assert_eq!(plain.status, Some(0), "{name}");
        assert_eq!(
            value.get("isSuccess").is_some(),
            status == 0,
            "{name}: only there when true"
        );
        let told = rig.run(&["verify", "-s", &subject, "--exit-code"]);
        assert_eq!(told.status, Some(status), "{name}");
        let silent = rig.run(&["verify", "-s", &subject, "--silent", "--exit-code"]);
        assert_eq!(
            (silent.status, silent.stdout.as_str()),
            (Some(status), ""),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_warned_of_and_a_digest_is_not() {
    let rig = Rig::new().await;
    let (image, _) = rig.push_signed("app");
    let tag = rig.run(&["verify", "-s", &rig.tagged("app")]);
    assert!(
        tag.stderr
            .contains("level=warning msg=a digest should be used instead of a tag"),
        "{tag:?}"
    );
    assert_eq!(tag.json()["digest"], image.digest.as_str());
    let pinned = rig.run(&["verify", "-s", &rig.registry.pinned("app", &image)]);
    assert_eq!(pinned.stderr, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tree_is_for_people() {
    let rig = Rig::new().await;
    rig.push_signed("good");
    rig.push("unsigned");
    let good = rig.run(&["verify", "-s", &rig.tagged("good"), "--output", "tree"]);
    assert!(
        good.stdout.starts_with("✓ admitted  VERIFIED\n"),
        "{good:?}"
    );
    assert!(
        good.stdout.contains("signer CN=acme release,O=Acme"),
        "{good:?}"
    );
    assert!(
        !good.stdout.contains('\u{1b}'),
        "no colour where nobody sees it"
    );
    let subject = rig.tagged("unsigned");
    let bad = rig.run(&["verify", "-s", &subject, "--output", "tree"]);
    let sentence = format!("Subject failed verification: {subject}: NO_SIGNATURE: ");
    assert!(
        bad.stdout.starts_with("✗ denied  NO_SIGNATURE\n"),
        "{bad:?}"
    );
    assert!(bad.stdout.contains(&sentence), "{bad:?}");
    assert!(bad.stdout.contains("\nhint: Sign the image"), "{bad:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logged_failures_say_what_was_not_enforced() {
    let rig = Rig::new().await;
    let image = rig.push("app");
    rig.registry
        .attach("app", &signature(&Authority::new("Mallory Root"), &image));
    let mut config = rig.config();
    let statement = &mut config["verifier"]["plugins"][0]["trustPolicyDoc"]["trustPolicies"][0];
    statement["signatureVerification"]["level"] = "audit".into();
    rig.write_config(&config);
    let ran = rig.run(&["verify", "-s", &rig.tagged("app"), "--exit-code"]);
    let value = ran.json();
    assert_eq!(
        (ran.status, &value["isSuccess"], &value["code"]),
        (Some(0), &true.into(), &"LOGGED_FAILURES".into())
    );
    assert_eq!(
        value["notEnforced"][0]["code"], "SIGNER_UNTRUSTED",
        "{value}"
    );
    let message = value["verifierReports"][0]["message"].as_str().unwrap();
    assert!(
        message.starts_with(
            "Notation signature verification success; not enforced: SIGNER_UNTRUSTED: "
        ),
        "{message}"
    );
    let tree = rig
        .run(&["verify", "-s", &rig.tagged("app"), "--output", "tree"])
        .stdout;
    assert!(tree.starts_with("! admitted  LOGGED_FAILURES\n"), "{tree}");
    assert!(
        tree.contains("! not enforced: SIGNER_UNTRUSTED: "),
        "{tree}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn skip_asks_nobody() {
    let rig = Rig::new().await;
    let mut config = rig.config();
    let statement = &mut config["verifier"]["plugins"][0]["trustPolicyDoc"]["trustPolicies"][0];
    statement["signatureVerification"]["level"] = "skip".into();
    statement.as_object_mut().unwrap().remove("trustStores");
    statement
        .as_object_mut()
        .unwrap()
        .remove("trustedIdentities");
    rig.write_config(&config);
    let value = rig.run(&["verify", "-s", &rig.tagged("app")]).json();
    assert_eq!(
        (&value["isSuccess"], &value["code"]),
        (&true.into(), &"SKIPPED_BY_POLICY".into()),
        "{value}"
    );
    assert_eq!(rig.registry.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn artifact_type_looks_only_at_that_type() {
    let rig = Rig::new().await;
    rig.push_signed("app");
    let subject = rig.tagged("app");
    let wanted = rig.run(&["verify", "-s", &subject, "-t", "a/b", "-t", SIGNATURE]);
    assert_eq!(wanted.json()["code"], "VERIFIED");
    assert!(
        wanted
            .stderr
            .contains("`a/b`, `application/vnd.cncf.notary.signature`"),
        "{wanted:?}"
    );
    let other = rig.run(&[
        "verify",
        "-s",
        &subject,
        "-t",
        &format!("a/b,{SIGNATURE}"),
        "--exit-code",
    ]);
    assert_eq!(
        (other.status, &other.json()["code"]),
        (Some(2), &"NO_SIGNATURE".into()),
        "no comma split"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_out_ends_a_stalled_registry() {
    let rig = Rig::new().await;
    rig.push_signed("app");
    rig.registry
        .fault(Match::Kind(Kind::Referrers), Times::Always, Fault::Stall);
    let ran = rig.run(&[
        "verify",
        "-s",
        &rig.tagged("app"),
        "--timeout",
        "300ms",
        "--exit-code",
    ]);
    let value = ran.json();
    assert_eq!(ran.status, Some(3), "{ran:?}");
    let code = value["code"].as_str().unwrap();
    assert!(
        ["DEADLINE_EXCEEDED", "REGISTRY_TIMEOUT"].contains(&code),
        "{value}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_not_there_is_a_doubt_and_not_an_error() {
    let rig = Rig::new().await;
    let ran = rig.run(&[
        "verify",
        "-s",
        "127.0.0.1:1/app:v1",
        "--timeout",
        "2s",
        "--exit-code",
    ]);
    assert_eq!(
        (ran.status, &ran.json()["code"]),
        (Some(3), &"REGISTRY_UNREACHABLE".into()),
        "{ran:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn v_1_4_the_default_configuration_is_in_ratify_config_else_at_home() {
    let rig = Rig::new().await;
    rig.push_signed("app");
    let args = [
        "verify",
        "-s",
        &rig.tagged("app"),
        "--silent",
        "--exit-code",
    ];
    let mut command = rig.command(&args);
    command.env("RATIFY_CONFIG", rig.path());
    assert_eq!(crate::rig::run(command).status, Some(0));
    crate::rig::run(rig.command(&args)).assert_refused("unable to read config file at path ");
    std::fs::create_dir(rig.path().join(".ratify")).unwrap();
    std::fs::rename(rig.config_path(), rig.path().join(".ratify/config.json")).unwrap();
    assert_eq!(crate::rig::run(rig.command(&args)).status, Some(0));
    let empty = [
        "verify",
        "-s",
        &rig.tagged("app"),
        "--silent",
        "--exit-code",
        "-c",
        "",
    ];
    assert_eq!(
        crate::rig::run(rig.command(&empty)).status,
        Some(0),
        "an empty path is the default"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_signatures_are_a_denial_that_says_so() {
    let rig = Rig::new().await;
    let image = rig.push("app");
    rig.registry.many_referrers("app", &image, SIGNATURE, 1_500);
    let ran = rig.run(&["verify", "-s", &rig.tagged("app"), "--exit-code"]);
    let value = ran.json();
    assert_eq!(
        (ran.status, &value["code"]),
        (Some(2), &"OVER_BUDGET".into()),
        "{value}"
    );
    let reports = value["verifierReports"].as_array().unwrap();
    let of_budget = reports
        .iter()
        .filter(|report| report["code"] == "OVER_BUDGET");
    assert_eq!(
        of_budget.count(),
        1,
        "one report stands for all that were not looked at"
    );
    assert_eq!(
        reports.len(),
        101,
        "the limit of one verifier, and the report that it was reached"
    );
    let tree = rig
        .run(&["verify", "-s", &rig.tagged("app"), "--output", "tree"])
        .stdout;
    assert!(
        tree.contains("└── and 81 more, which `--output json` shows"),
        "{tree}"
    );
}
