use std::sync::Arc;

use ratify_oci::Digest;
use ratify_policy::{ConfigPolicy, Findings, Requirement};
use ratify_verify::{Finding, Verdict};

use super::*;

const STAMP: Stamp<'_> = Stamp {
    trace_id: "3f0c",
    timestamp: "2026-05-01T08:00:00.123456789Z",
};

fn text(answer: Answer) -> String {
    String::from_utf8(answer.end()).unwrap()
}

fn report(findings: Vec<Finding>) -> Report {
    let findings: Vec<Arc<Finding>> = findings.into_iter().map(Arc::new).collect();
    let policy = ConfigPolicy::new(std::collections::BTreeMap::new(), Requirement::All);
    let decision = policy.decide(&Findings {
        findings: findings.clone(),
        ..Findings::default()
    });
    Report {
        reference: "reg.io/app:v1".parse().unwrap(),
        subject: Some(Digest::sha256(b"{}")),
        decision,
        findings: findings.into(),
        remembered: false,
    }
}

fn finding(detail: &str) -> Finding {
    Finding {
        verifier: "notation".into(),
        verifier_type: "notation".into(),
        artifact: Some(Digest::sha256(b"[]")),
        artifact_type: "a/b".into(),
        verdict: Verdict::Rejected(Reason::new(ReasonCode::SignerUntrusted, detail)),
        signer: None,
        validations: Vec::new(),
    }
}

#[test]
fn v_2_5_an_answer_without_items() {
    assert_eq!(
        text(Answer::new(false, 0)),
        "{\"apiVersion\":\"externaldata.gatekeeper.sh/v1alpha1\",\"kind\":\"ProviderResponse\",\"response\":{}}\n"
    );
    assert_eq!(
        text(Answer::new(true, 0)),
        "{\"apiVersion\":\"externaldata.gatekeeper.sh/v1alpha1\",\"kind\":\"ProviderResponse\",\"response\":{\"idempotent\":true}}\n"
    );
}

#[test]
fn v_2_5_members_stand_in_the_order_of_v1_4() {
    let mut answer = Answer::new(true, 2);
    answer.value("a<", &"b&").unwrap();
    answer.error("", "c>").unwrap();
    answer.undecided("k", &Reason::new(ReasonCode::RegistryTimeout, "no answer"));
    assert_eq!(
        text(answer),
        "{\"apiVersion\":\"externaldata.gatekeeper.sh/v1alpha1\",\"kind\":\"ProviderResponse\",\"response\":\
         {\"idempotent\":true,\"items\":[{\"key\":\"a\\u003c\",\"value\":\"b\\u0026\"},{\"key\":\"\",\"error\":\"c\\u003e\"}],\
         \"systemError\":\"k: REGISTRY_TIMEOUT: no answer\"}}\n"
    );
}

#[test]
fn v_2_5_a_failure_has_no_items() {
    let end = |idempotent| String::from_utf8(Answer::failure(idempotent, "x")).unwrap();
    assert!(end(false).ends_with("\"response\":{\"systemError\":\"x\"}}\n"));
    assert!(end(true).ends_with("\"response\":{\"idempotent\":true,\"systemError\":\"x\"}}\n"));
}

#[test]
fn v_2_5_the_value_of_an_image_that_was_judged() {
    let (report, typed) = (
        report(vec![finding("no <root>")]),
        ["notation".to_owned()].into(),
    );
    let mut answer = Answer::new(false, 1);
    let value = Value::of_report(&report, Reports::of(&report, &typed), STAMP);
    answer.image("[ns]reg.io/app:v1", value).unwrap();
    let text = text(answer);
    let items = text.split_once("\"items\":").unwrap().1;
    assert_eq!(
        items,
        "[{\"key\":\"[ns]reg.io/app:v1\",\"value\":{\"version\":\"0.2.0\",\"isSuccess\":false,\"traceID\":\"3f0c\",\
         \"timestamp\":\"2026-05-01T08:00:00.123456789Z\",\"verifierReports\":[{\"subject\":\"reg.io/app:v1\",\
         \"isSuccess\":false,\"name\":\"notation\",\"verifierName\":\"notation\",\"type\":\"notation\",\
         \"verifierType\":\"notation\",\
         \"referenceDigest\":\"sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945\",\
         \"artifactType\":\"a/b\",\"message\":\"Failed to validate the Notation signature: \
         sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945\",\"errorReason\":\"no \\u003croot\\u003e\",\
         \"remediation\":\"If the signer should be trusted, add its root certificate to the trust store.\",\
         \"code\":\"SIGNER_UNTRUSTED\"}],\
         \"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\
         \"code\":\"SIGNER_UNTRUSTED\",\"reason\":\"no \\u003croot\\u003e\"}}]}}\n"
    );
}

#[test]
fn a_long_answer_leaves_reports_out_but_no_verdict() {
    let findings: Vec<_> = (0..100).map(|_| finding(&"x".repeat(1_000))).collect();
    let (report, typed) = (report(findings), std::collections::BTreeSet::new());
    let mut answer = Answer::new(false, 1_000);
    for _ in 0..1_000 {
        let value = Value::of_report(&report, Reports::of(&report, &typed), STAMP);
        answer.image("k", value).unwrap();
    }
    let text = text(answer);
    assert!(text.len() < 10 * 1024 * 1024, "{} bytes", text.len());
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    let items = read["response"]["items"].as_array().unwrap();
    assert_eq!(items.len(), 1_000);
    assert_eq!(
        items[0]["value"]["verifierReports"]
            .as_array()
            .unwrap()
            .len(),
        100
    );
    let last = &items[999]["value"];
    assert_eq!(last["verifierReports"], serde_json::json!([]));
    assert_eq!(last["isSuccess"], false);
    assert_eq!(last["code"], "SIGNER_UNTRUSTED");
}

#[test]
fn undecided_keys_are_named_as_far_as_there_is_room() {
    let mut answer = Answer::new(false, 0);
    let reason = Reason::new(ReasonCode::RegistryTimeout, "ä".repeat(1_000));
    for key in 0..300 {
        answer.undecided(&format!("key-{key}"), &reason);
    }
    assert_eq!(answer.first_undecided(), Some(ReasonCode::RegistryTimeout));
    let read: serde_json::Value = serde_json::from_str(&text(answer)).unwrap();
    let error = read["response"]["systemError"].as_str().unwrap();
    assert!(error.len() <= MAX_SYSTEM_ERROR, "{}", error.len());
    assert!(error.starts_with("key-0: REGISTRY_TIMEOUT: ä"), "{error}");
    let (named, more) = error.rsplit_once("; and ").unwrap();
    let more: usize = more.strip_suffix(" more").unwrap().parse().unwrap();
    assert_eq!(named.matches("REGISTRY_TIMEOUT").count() + more, 300);
}
