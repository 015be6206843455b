use std::sync::Arc;

use ratify_engine::Report;
use ratify_oci::Digest;
use ratify_policy::Decision;
use ratify_verify::{Finding, ReasonCode, Signer, Verdict};

use super::*;
use crate::render::json;

const IMAGE: &str = "reg.io/app:v1";

fn report(decision: Decision, findings: Vec<Finding>) -> Report {
    let digest = Digest::sha256(b"{}");
    Report {
        reference: IMAGE.parse().unwrap(),
        subject: Some(digest),
        decision,
        findings: findings.into_iter().map(Arc::new).collect(),
        remembered: false,
    }
}

fn finding(verifier: &str, verdict: Verdict) -> Finding {
    Finding {
        verifier: verifier.into(),
        verifier_type: "notation".into(),
        artifact: Some(Digest::sha256(b"[]")),
        artifact_type: "application/vnd.cncf.notary.signature".into(),
        verdict,
        signer: Some(Arc::new(Signer {
            subject: "CN=a".to_owned(),
            issuer: "CN=b".to_owned(),
        })),
        validations: Vec::new(),
    }
}

/// The first members are what Ratify 1.4.4 printed for such an image, letter by letter.
#[test]
fn v_2_5_unsigned_image_has_one_synthetic_report() {
    let reason = Reason::new(
        ReasonCode::NoSignature,
        "the image has no artifact that a configured verifier reads",
    );
    let (report, typed) = (report(Decision::Deny(reason), Vec::new()), BTreeSet::new());
    let response = VerifyResponse::new(&report, &typed);
    assert_eq!(
        json(&response),
        r#"{
  "verifierReports": [
    {
      "subject": "reg.io/app:v1",
      "isSuccess": false,
      "message": "failed to verify artifact: reg.io/app:v1",
      "errorReason": "No verification results for the artifact reg.io/app:v1. Ensure verifiers are properly configured and that artifact metadata is attached",
      "remediation": "Sign the image, or configure a verifier for the artifact types it has.",
      "code": "NO_SIGNATURE"
    }
  ],
  "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
  "code": "NO_SIGNATURE",
  "reason": "the image has no artifact that a configured verifier reads"
}
"#
    );
}

#[test]
fn v_2_5_rejected_signature_keeps_the_order_of_v1_4() {
    let reason = Reason::new(
        ReasonCode::SignerUntrusted,
        "no <certificate> of the chain is trusted",
    );
    let findings = vec![finding("my-notation", Verdict::Rejected(reason.clone()))];
    let (report, typed) = (
        report(Decision::Deny(reason), findings),
        ["my-notation".to_owned()].into(),
    );
    let response = VerifyResponse::new(&report, &typed);
    assert_eq!(
        json(&response),
        r#"{
  "verifierReports": [
    {
      "subject": "reg.io/app:v1",
      "isSuccess": false,
      "name": "my-notation",
      "verifierName": "my-notation",
      "type": "notation",
      "verifierType": "notation",
      "referenceDigest": "sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
      "artifactType": "application/vnd.cncf.notary.signature",
      "message": "Failed to validate the Notation signature: sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
      "errorReason": "no <certificate> of the chain is trusted",
      "remediation": "If the signer should be trusted, add its root certificate to the trust store.",
      "code": "SIGNER_UNTRUSTED"
    }
  ],
  "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
  "code": "SIGNER_UNTRUSTED",
  "reason": "no <certificate> of the chain is trusted"
}
"#
    );
}

#[test]
fn v_2_5_type_is_left_out_where_the_configuration_gives_only_a_name() {
    let reason = Reason::new(ReasonCode::SignatureInvalid, "x");
    let findings = vec![finding("notation", Verdict::Unknown(reason.clone()))];
    let (report, typed) = (
        report(Decision::Undecided(reason), findings),
        BTreeSet::new(),
    );
    let response = VerifyResponse::new(&report, &typed);
    let value = serde_json::to_value(response).unwrap();
    let report = &value["verifierReports"][0];
    assert_eq!(report["name"], "notation");
    assert!(
        report.get("type").is_none() && report.get("verifierType").is_none(),
        "{report}"
    );
    assert!(value.get("isSuccess").is_none());
    assert!(
        report.get("extensions").is_none(),
        "an untrusted signer is not reported like a trusted one"
    );
}

#[test]
fn an_unresolved_image_has_no_digest() {
    let reason = Reason::new(ReasonCode::RegistryTimeout, "no answer in 2 s");
    let mut report = report(Decision::Undecided(reason), Vec::new());
    report.subject = None;
    let value = serde_json::to_value(VerifyResponse::new(&report, &BTreeSet::new())).unwrap();
    assert!(value.get("digest").is_none());
    assert_eq!(value["code"], "REGISTRY_TIMEOUT");
    assert_eq!(
        value["verifierReports"][0]["errorReason"],
        "no answer in 2 s"
    );
}

#[test]
fn a_failure_without_an_artifact_or_by_another_kind_of_verifier_names_what_it_is_about() {
    let reason = Reason::new(ReasonCode::NoTrustPolicy, "x");
    let mut bare = finding("notation", Verdict::Rejected(reason.clone()));
    bare.artifact = None;
    let mut other = finding("sbom", Verdict::Rejected(reason.clone()));
    other.verifier_type = "sbom".into();
    let report = report(Decision::Deny(reason), vec![bare, other]);
    let value = serde_json::to_value(VerifyResponse::new(&report, &BTreeSet::new())).unwrap();
    let message = |place: usize| value["verifierReports"][place]["message"].as_str().unwrap();
    assert_eq!(
        message(0),
        "Failed to validate the Notation signature: reg.io/app:v1"
    );
    assert!(
        message(1).starts_with("failed to verify artifact: sha256:"),
        "{value}"
    );
}
