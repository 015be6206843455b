//! Log lines: on standard error, in v1.4's shapes, as many as asked for.

use serde_json::{Value, json};

use crate::rig::{Rig, run};

#[tokio::test(flavor = "multi_thread")]
async fn v_6_4_json_lines_have_the_names_of_v1_4() {
    let rig = Rig::new().await;
    rig.push_signed("app");
    let mut config = rig.config();
    config["logger"] = json!({ "formatter": "json" });
    config["nosuch"] = json!(1);
    rig.write_config(&config);
    let ran = rig.run(&["verify", "-s", &rig.tagged("app"), "-d"]);
    assert_eq!(ran.json()["isSuccess"], true);
    let lines: Vec<Value> = ran
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for line in &lines {
        assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
        assert!(
            ["warning", "info", "debug"].contains(&line["level"].as_str().unwrap()),
            "{line}"
        );
        assert!(line["msg"].is_string(), "{line}");
    }
    let verified = lines.iter().find(|line| line["msg"] == "verified").unwrap();
    assert_eq!(
        (&verified["level"], &verified["code"]),
        (&"info".into(), &"VERIFIED".into())
    );
    let judged = lines.iter().filter(|line| line["msg"] == "judged").count();
    assert_eq!(judged, 1, "{lines:?}");
    let warned = lines
        .iter()
        .any(|line| line["msg"].as_str().unwrap().starts_with("nosuch: "));
    assert!(
        warned,
        "a warning of the configuration is one line: {lines:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn v_1_3_the_level_comes_from_the_environment() {
    let rig = Rig::new().await;
    rig.push_signed("app");
    let stderr = |level: &str| {
        let mut command = rig.command(&["verify", "-s", &rig.tagged("app")]);
        command
            .env("RATIFY_LOG_LEVEL", level)
            .arg("-c")
            .arg(rig.config_path());
        let ran = run(command);
        assert_eq!(ran.json()["isSuccess"], true);
        ran.stderr
    };
    assert_eq!(stderr("ERROR"), "");
    assert!(stderr("").contains(" level=warning msg="));
    let bad = stderr("loud");
    assert!(
        bad.contains("`RATIFY_LOG_LEVEL` is `loud`, expected `error`, `warning`"),
        "{bad}"
    );
}
