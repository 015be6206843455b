use ratify_engine::DispatcherOptions;
use ratify_oci::Digest;
use ratify_verify::{Reason, Verdict};

use super::*;
use crate::{Handshakes, LoadedCertificate, Refusal};

fn lines(metrics: &Metrics, name: &str) -> Vec<String> {
    let text = metrics.text();
    let of = |line: &&str| line.starts_with(name) && !line.starts_with('#');
    text.lines().filter(of).map(str::to_owned).collect()
}

fn rejected(verifier: &str) -> Finding {
    Finding {
        verifier: verifier.into(),
        verifier_type: "notation".into(),
        artifact: Some(Digest::sha256(b"")),
        artifact_type: "a/b".into(),
        verdict: Verdict::Rejected(Reason::new(ReasonCode::SignerUntrusted, "CN=secret")),
        signer: None,
        validations: Vec::new(),
    }
}

#[test]
fn v_7_histograms_have_the_names_and_bounds_of_v1_4() {
    let metrics = Metrics::new().unwrap();
    let request = metrics.begin(Endpoint::Verify);
    assert_eq!(
        lines(&metrics, "ratify_requests_in_flight"),
        [
            "ratify_requests_in_flight{endpoint=\"mutate\"} 0",
            "ratify_requests_in_flight{endpoint=\"verify\"} 1"
        ]
    );
    request.answered(StatusCode::OK, Duration::from_micros(42_900));
    let name = "ratify_verification_request_millisecond";
    let found = lines(&metrics, name);
    let bounds: Vec<_> = found
        .iter()
        .filter_map(|line| line.split_once("le=\"")?.1.split_once('"'))
        .map(|(bound, _)| bound)
        .collect();
    let expected = "0 10 30 50 100 200 300 400 500 600 700 800 900 1000 1100 1200 1400 1600 1800 2000 2300 2600 4000 4400 \
                    4900 +Inf";
    assert_eq!(bounds.join(" "), expected);
    assert!(found.contains(&format!("{name}_bucket{{le=\"30\"}} 0")));
    assert!(found.contains(&format!("{name}_bucket{{le=\"50\"}} 1")));
    assert!(
        found.contains(&format!("{name}_sum 42")),
        "whole milliseconds"
    );
    let bounds = |name: &str| lines(&metrics, name).len();
    assert_eq!(bounds("ratify_mutation_request_millisecond_bucket"), 20);
    assert_eq!(
        lines(&metrics, "ratify_requests_in_flight"),
        [
            "ratify_requests_in_flight{endpoint=\"mutate\"} 0",
            "ratify_requests_in_flight{endpoint=\"verify\"} 0"
        ]
    );
    assert!(lines(&metrics, "ratify_requests_cut_off_total").is_empty());
}

#[test]
fn v_7_series_have_the_labels_of_v1_4() {
    let metrics = Metrics::new().unwrap();
    metrics.judged(&rejected("notation"), Duration::from_millis(7));
    metrics.registry_request("reg.io", "manifest", Ok(200));
    metrics.registry_request("reg.io", "blob", Err("timeout"));
    metrics.system_error("REGISTRY_TIMEOUT");
    let text = metrics.text();
    for line in [
        "ratify_verifier_duration_millisecond_bucket{error=\"SIGNER_UNTRUSTED\",subject=\"\",success=\"false\",verifier=\"notation\",workload_namespace=\"\",le=\"10\"} 1",
        "ratify_registry_request_count_total{registry_host=\"reg.io\",status_code=\"200\",workload_namespace=\"\"} 1",
        "ratify_system_error_count_total{error=\"REGISTRY_TIMEOUT\",workload_namespace=\"\"} 1",
        "ratify_blob_cache_count_total{hit=\"false\",workload_namespace=\"\"} 1",
        "ratify_registry_requests_total{kind=\"manifest\",outcome=\"2xx\"} 1",
        "ratify_registry_requests_total{kind=\"blob\",outcome=\"timeout\"} 1",
        "# TYPE ratify_verifier_duration_millisecond histogram",
        "# TYPE ratify_system_error_count_total counter",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line}\nin\n{text}"
        );
    }
    assert!(!text.contains("secret"));
    let named = |line: &&str| line.starts_with("# HELP") && line.split(' ').count() > 3;
    let families = text
        .lines()
        .filter(|line| line.starts_with("# TYPE"))
        .count();
    assert_eq!(text.lines().filter(named).count(), families);
}

#[test]
fn att_18_labels_are_bounded() {
    let metrics = Metrics::new().unwrap();
    for n in 0..1_000 {
        metrics.registry_request(&format!("r{n}.io"), "manifest", Ok(200));
        metrics.judged(&rejected(&format!("v{n}")), Duration::ZERO);
    }
    assert_eq!(
        lines(&metrics, "ratify_registry_request_count_total").len(),
        201
    );
    assert_eq!(
        lines(&metrics, "ratify_verifier_duration_millisecond_count").len(),
        201
    );
}

#[tokio::test]
async fn what_others_count_is_shown_while_they_live() {
    let metrics = Metrics::new().unwrap();
    let dispatcher = Arc::new(Dispatcher::new(DispatcherOptions::default(), None));
    metrics.follow(&dispatcher);
    metrics.follow_connections(&Arc::default());
    for _ in 0..2 {
        let text = metrics.text();
        assert!(
            text.contains("\nratify_verdict_cache_hits_total 0\n"),
            "{text}"
        );
        assert!(text.contains("\nratify_connections_open 0\n"), "{text}");
        assert!(
            text.contains("ratify_tls_handshakes_total{result=\"success\"} 0"),
            "{text}"
        );
    }
    drop(dispatcher);
    assert!(
        metrics.dispatcher.get().unwrap().upgrade().is_none(),
        "metrics keep nothing alive"
    );
}

#[test]
fn reloads_are_told() {
    let metrics = Metrics::new().unwrap();
    let time = Timestamp::from_second(1_700_000_000).unwrap();
    metrics.configuration_loaded(1, time);
    assert!(
        lines(&metrics, "ratify_configuration_reload_total").is_empty(),
        "the first is none"
    );
    metrics.configuration_loaded(2, time);
    metrics.configuration_failed();
    let text = metrics.text();
    for line in [
        "ratify_configuration_reload_total{result=\"success\"} 1",
        "ratify_configuration_reload_total{result=\"failure\"} 1",
        "ratify_configuration_loaded_timestamp_seconds 1700000000",
        "ratify_configuration_generation 2",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line}\nin\n{text}"
        );
    }
    assert_eq!(lines(&metrics, "process_start_time_seconds").len(), 1);
}

#[test]
fn the_age_and_end_of_the_certificate_are_told() {
    let metrics = Metrics::new().unwrap();
    let time = |seconds| Timestamp::from_second(seconds).unwrap();
    let state = TlsState {
        handshakes: Handshakes::Refusing(Refusal::NoClientAuthority),
        certificate: LoadedCertificate {
            loaded: time(5),
            not_before: time(1),
            not_after: time(9),
            sha256: [0; 32],
        },
        client_authorities: Some(0),
        problems: Vec::new(),
    };
    let (_sender, receiver) = watch::channel(state);
    metrics.follow_tls(receiver);
    let text = metrics.text();
    for line in [
        "ratify_tls_certificate_loaded_timestamp_seconds 5",
        "ratify_tls_certificate_not_after_timestamp_seconds 9",
        "ratify_tls_generation 0",
        "ratify_tls_client_ca_certificates 0",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line}\nin\n{text}"
        );
    }
}

#[test]
fn att_33_the_port_serves_metrics_alone() {
    let metrics = Metrics::new().unwrap();
    let status = |method, path| metrics.answer(&method, path).status().as_u16();
    assert_eq!(status(Method::GET, "/metrics"), 200);
    assert_eq!(status(Method::HEAD, "/metrics"), 200);
    assert_eq!(status(Method::POST, "/metrics"), 405);
    for path in [
        "/",
        "/debug/pprof/",
        "/debug/pprof/cmdline",
        "/metrics/",
        "/metrics/x",
        "//metrics",
    ] {
        assert_eq!(status(Method::GET, path), 404, "{path}");
    }
    let answer = metrics.answer(&Method::GET, "/metrics");
    assert_eq!(
        answer.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
}
