//! Start, answer, log, end.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use ratify_testkit::registry::{Fault, Match, Times};
use serde_json::{Value, json};

use super::process::{
    MUTATE, Process, VERIFY, command, config, get, post, question, rig, try_post, verdict,
    wait_until,
};
use crate::rig::{Rig, run};

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_and_ends_with_status_0_when_asked_to() {
    let (rig, image) = rig().await;
    rig.push("unsigned");
    let server = Process::start(&rig, &[]);
    let (good, bad) = (rig.tagged("app"), rig.tagged("unsigned"));
    let answer = server.ask(VERIFY, &[&good, &bad]);
    let items = answer["response"]["items"].as_array().unwrap();
    let told: Vec<_> = items
        .iter()
        .map(|item| (item["key"].as_str().unwrap(), &item["value"]["isSuccess"]))
        .collect();
    assert_eq!(
        told,
        [(good.as_str(), &json!(true)), (bad.as_str(), &json!(false))]
    );
    let answer = server.ask(MUTATE, &[&good]);
    assert_eq!(
        answer["response"]["items"][0]["value"],
        rig.registry.pinned("app", &image)
    );
    assert_eq!(get(server.health(), "/healthz").body, "ok");
    assert_eq!(server.readiness().body, "ok");
    let log = server.stop();
    let log = log.join("\n");
    for line in [
        "level=info msg=Setting log level to info\n",
        "level=info msg=configuration successfully loaded.\n",
        "level=info msg=shutting down ratify server...\n",
    ] {
        assert!(log.contains(line), "no {line} in {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn v_6_4_a_verification_is_logged_as_v1_4_logs_it() {
    let (rig, _) = rig().await;
    let mut config = config(&rig);
    config["logger"] = json!({ "requestHeaders": { "traceIDHeaderName": "[x-trace]" } });
    rig.write_config(&config);
    let server = Process::start(&rig, &[]);
    let key = rig.tagged("app");
    assert_eq!(server.verdict(&key), Some(true));
    assert_eq!(server.verdict("BAD\nlevel=error msg=forged"), Some(false));
    let log = server.stop();
    let begin = log
        .iter()
        .position(|line| line.ends_with(&format!("msg=verification response for subject {key}: ")))
        .unwrap_or_else(|| panic!("{log:#?}"));
    let end = log
        .iter()
        .skip(begin)
        .position(|line| line.starts_with('}'));
    let end = begin + end.unwrap();
    let last = log[end].strip_prefix('}').unwrap();
    assert_eq!(
        last, " component-type=server namespace= trace-id=from-outside",
        "v1.4's fields follow the closing brace"
    );
    let json = format!("{}\n}}", log[begin + 1..end].join("\n"));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["isSuccess"], true);
    assert_eq!(json["traceID"], "from-outside");
    // what is asked cannot begin a line of its own
    assert!(
        log.iter().all(|line| !line.starts_with("level=error")),
        "{log:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn v_6_4_json_and_logstash_lines_are_one_object_each() {
    let (rig, _) = rig().await;
    for formatter in ["json", "logstash"] {
        let mut config = config(&rig);
        config["logger"] = json!({ "formatter": formatter });
        rig.write_config(&config);
        let server = Process::start(&rig, &[]);
        assert_eq!(server.verdict(&rig.tagged("app")), Some(true));
        let lines: Vec<Value> = server
            .stop()
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let response = lines
            .iter()
            .find(|line| {
                let message = line["msg"].as_str().unwrap();
                message.starts_with("verification response for subject ")
            })
            .unwrap();
        assert_eq!(response["component-type"], "server");
        assert_eq!(response["namespace"], "");
        assert!(!response["trace-id"].as_str().unwrap().is_empty());
        let (_, json) = response["msg"]
            .as_str()
            .unwrap()
            .split_once(": \n")
            .unwrap();
        let json: Value = serde_json::from_str(json).unwrap();
        assert_eq!(json["isSuccess"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn v_1_3_the_level_of_a_server_is_info_unless_told_otherwise() {
    let (rig, _) = rig().await;
    let lines = |level: &str, flags: &[&str]| {
        let mut command = command(&rig, flags);
        command.env("RATIFY_LOG_LEVEL", level);
        let mut server = Process::spawn(command);
        if level == "error" {
            // it says nothing, so it cannot say where it listens
            server.signal("-TERM");
            server.ended();
            return server.log();
        }
        server.address();
        assert_eq!(server.verdict(&rig.tagged("app")), Some(true));
        server.stop()
    };
    let debug = lines("", &["--debug"]);
    assert!(debug.iter().any(|line| line.contains(" level=debug ")));
    let unknown = lines("loud", &[]);
    assert!(
        unknown[0].contains("`RATIFY_LOG_LEVEL` is `loud`, expected `error`,")
            && unknown[0].ends_with("using `info`"),
        "{unknown:#?}"
    );
    assert!(!unknown.iter().any(|line| line.contains(" level=debug ")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_stops_no_answer() {
    let (rig, _) = rig().await;
    let mut child = command(&rig, &["--cache-enabled"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // read up to the address, then never again
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("starting server at ") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0);
    }
    let address = line.trim_end().rsplit(' ').next().unwrap().parse().unwrap();
    // each is logged with a kilobyte, a pipe holds 64, and the queue 4,096
    let keys: Vec<String> = (0..200)
        .map(|number| format!("[ns-{number}]{}", rig.tagged("app")))
        .collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    for _ in 0..40 {
        let answer = post(address, VERIFY, &question(&keys));
        assert_eq!(answer.status, 200);
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(answer["response"]["items"].as_array().unwrap().len(), 200);
    }
    let begin = Instant::now();
    let pid = child.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let status = wait_until("the process ends", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "the last lines are not waited for without end"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_were_lost_are_told_of() {
    let (rig, _) = rig().await;
    let mut child = command(&rig, &["--cache-enabled"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("starting server at ") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0);
    }
    let address = line.trim_end().rsplit(' ').next().unwrap().parse().unwrap();
    let keys = vec![rig.tagged("app"); 1];
    let keys: Vec<String> = (0..500)
        .map(|number| format!("[ns-{number}]{}", keys[0]))
        .collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    for _ in 0..30 {
        assert_eq!(post(address, VERIFY, &question(&keys)).status, 200);
    }
    let reader = std::thread::spawn(move || {
        let lines = log.lines().map(Result::unwrap);
        lines
            .filter(|line| line.contains("log lines were lost"))
            .count()
    });
    let pid = child.id().to_string();
    std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .unwrap();
    wait_until("the process ends", || child.try_wait().unwrap());
    assert!(reader.join().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_is_answered_before_the_end() {
    let (rig, _) = rig().await;
    let server = Process::start(&rig, &[]);
    let address = server.address();
    rig.registry.fault(Match::Any, Times::Always, Fault::Stall);
    let body = question(&[&rig.tagged("app")]);
    let asked = std::thread::spawn(move || post(address, VERIFY, &body));
    wait_until("the registry is asked", || {
        (!rig.registry.requests().is_empty()).then_some(())
    });
    server.signal("-TERM");
    server.wait_for("shutting down ratify server...");
    assert!(
        server.readiness().body.contains("the server is stopping"),
        "not ready while it drains"
    );
    assert!(
        try_post(address, VERIFY, "{}").is_err(),
        "no new request is taken"
    );
    let answer = asked.join().unwrap();
    assert_eq!(answer.status, 200);
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(verdict(&answer), None);
    assert!(
        answer["response"]["systemError"]
            .as_str()
            .unwrap()
            .contains("DEADLINE_EXCEEDED"),
        "{answer}"
    );
    let mut server = server;
    assert_eq!(server.ended().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let (rig, _) = rig().await;
    // far longer than the grace period: neither ends it
    let mut patient = config(&rig);
    patient["executor"] = json!({ "verificationRequestTimeout": 3_600_000 });
    rig.write_config(&patient);
    let mut server = Process::start(&rig, &[]);
    let address = server.address();
    rig.registry.fault(Match::Any, Times::Always, Fault::Stall);
    let body = question(&[&rig.tagged("app")]);
    let asked = std::thread::spawn(move || try_post(address, VERIFY, &body));
    wait_until("the registry is asked", || {
        (!rig.registry.requests().is_empty()).then_some(())
    });
    server.signal("-INT");
    server.wait_for("shutting down ratify server...");
    server.signal("-INT");
    assert_eq!(server.ended().code(), Some(130));
    // cut off, or told at the last moment that nothing is known
    if let Ok(answer) = asked.join().unwrap() {
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(verdict(&answer), None, "{answer}");
        assert!(answer["response"]["systemError"].is_string(), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_killed_and_started_again_at_the_same_address() {
    let (rig, _) = rig().await;
    let key = rig.tagged("app");
    let mut server = Process::start(&rig, &[]);
    let address = server.address();
    assert_eq!(server.verdict(&key), Some(true));
    server.signal("-KILL");
    assert_eq!(server.ended().code(), None);
    let same = address.to_string();
    let mut again = command(&rig, &[]);
    again.args(["--http", &same]);
    let again = Process::spawn(again);
    assert_eq!(again.address(), address);
    assert_eq!(again.verdict(&key), Some(true));
    again.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn health_that_nobody_asked_for_is_no_reason_not_to_start() {
    let (rig, _) = rig().await;
    // one of the two gets the port, or somebody else has it
    let start = || {
        let mut command = rig.command(&["serve", "--http", "127.0.0.1:0"]);
        command.arg("-c").arg(rig.config_path());
        Process::spawn(command)
    };
    let servers = [start(), start()];
    for server in &servers {
        assert_eq!(server.verdict(&rig.tagged("app")), Some(true));
    }
    let without = |server: &Process| {
        let log = server.log();
        log.iter()
            .any(|line| line.contains("serving without health: "))
    };
    assert!(servers.iter().any(without));
    let taken = servers[0].address().to_string();
    let mut asked = command(&rig, &[]);
    asked.args(["--health-port", &taken]);
    run(asked).assert_refused(&format!("cannot listen on `{taken}`: another process does"));
    let mut twice = command(&rig, &[]);
    twice.args(["--http", &taken]);
    run(twice).assert_refused(&format!("cannot listen on `{taken}`: another process does"));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_served_where_they_are_asked_for() {
    let (rig, _) = rig().await;
    let server = Process::start(&rig, &["--metrics-enabled=true", "--metrics-port=0"]);
    assert_eq!(server.verdict(&rig.tagged("app")), Some(true));
    let metrics = get(server.metrics(), "/metrics");
    assert_eq!(metrics.status, 200);
    for series in [
        "ratify_verification_request_millisecond_count",
        "ratify_verifier_duration_millisecond_count",
        "ratify_registry_request_count_total",
        "ratify_configuration_generation",
    ] {
        assert!(metrics.body.contains(series), "no {series} in {metrics:?}");
    }
    let host = format!("registry_host=\"{}\"", rig.registry.host());
    assert!(metrics.body.contains(&host), "requests are counted");
    assert_eq!(get(server.metrics(), "/debug/pprof/").status, 404);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_are_remembered_if_that_is_asked_for() {
    let (rig, image) = rig().await;
    let key = rig.registry.pinned("app", &image);
    for (flags, asks_again) in [
        (&[][..], true),
        (&["--cache-enabled"][..], false),
        (&["--cache-enabled=false"][..], true),
        (&["--cache-enabled", "--cache-ttl=0s"][..], true),
    ] {
        let server = Process::start(&rig, flags);
        assert_eq!(server.verdict(&key), Some(true));
        rig.registry.clear_requests();
        assert_eq!(server.verdict(&key), Some(true));
        let asked = !rig.registry.requests().is_empty();
        assert_eq!(asked, asks_again, "{flags:?}");
        server.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn decision_30_registries_of_this_machine_are_not_asked_unless_they_are_named() {
    let rig = Rig::new().await;
    rig.push_signed("app");
    // the configuration of the command line, which may ask loopback
    let server = Process::start(&rig, &[]);
    let answer = server.ask(VERIFY, &[&rig.tagged("app")]);
    assert_eq!(verdict(&answer), None);
    let error = answer["response"]["systemError"].as_str().unwrap();
    assert!(error.contains("leads to a loopback address"), "{error}");
    assert!(rig.registry.requests().is_empty());
    server.stop();
}

/// As v1.4, whose language does so by itself: many systems give a process few and let it have many.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn it_asks_for_as_many_open_files_as_it_may_have() {
    let (rig, _) = rig().await;
    let usual = command(&rig, &[]);
    let mut few = std::process::Command::new("sh");
    few.args(["-c", "ulimit -Sn 64; exec \"$0\" \"$@\""])
        .arg(usual.get_program())
        .args(usual.get_args())
        .env_clear()
        .env("HOME", rig.path())
        .current_dir(rig.path());
    let server = Process::spawn(few);
    let idle: Vec<_> = (0..200)
        .map(|_| std::net::TcpStream::connect(server.address()).unwrap())
        .collect();
    assert_eq!(server.verdict(&rig.tagged("app")), Some(true));
    assert_eq!(server.readiness().body, "ok");
    drop(idle);
    let log = server.stop();
    let told = |words: &str| log.iter().any(|line| line.contains(words));
    assert!(!told("cannot accept connections"), "{log:#?}");
}
