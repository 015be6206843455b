use std::sync::Arc;

use ratify_engine::Report;
use ratify_oci::Digest;
use ratify_policy::Decision;
use ratify_verify::{Reason, ReasonCode, Signer};

use super::*;

fn plain(styled: &str) -> String {
    anstream::adapter::strip_str(styled).to_string()
}

fn finding(number: u8, verdict: Verdict) -> Finding {
    let failed = Reason::new(
        ReasonCode::SignerUntrusted,
        "no certificate of the chain is in `ca:acme`",
    );
    let result = |validation, outcome| ValidationResult {
        validation,
        outcome,
    };
    Finding {
        verifier: "notation".into(),
        verifier_type: "notation".into(),
        artifact: Some(Digest::sha256(&[number])),
        artifact_type: "application/vnd.cncf.notary.signature".into(),
        verdict,
        signer: Some(Arc::new(Signer {
            subject: "CN=\u{1b}[2Jmallory".to_owned(),
            issuer: "CN=b".to_owned(),
        })),
        validations: vec![
            result(Validation::Integrity, Outcome::Passed),
            result(
                Validation::Authenticity,
                Outcome::Failed {
                    reason: failed.clone(),
                    enforced: true,
                },
            ),
            result(
                Validation::Expiry,
                Outcome::Failed {
                    reason: failed.clone(),
                    enforced: false,
                },
            ),
            result(Validation::AuthenticTimestamp, Outcome::Skipped),
            result(Validation::Revocation, Outcome::NotChecked(failed)),
        ],
    }
}

fn report(decision: Decision, findings: Vec<Finding>) -> Report {
    Report {
        reference: "reg.io/app:v1".parse().unwrap(),
        subject: Some(Digest::sha256(b"{}")),
        decision,
        findings: findings.into_iter().map(Arc::new).collect(),
        remembered: false,
    }
}

fn untrusted() -> Reason {
    Reason::new(
        ReasonCode::SignerUntrusted,
        "no certificate of the chain is in `ca:acme`",
    )
}

#[test]
fn a_denial_says_verdict_reason_evidence_and_remedy() {
    let report = report(
        Decision::Deny(untrusted()),
        vec![finding(1, Verdict::Rejected(untrusted()))],
    );
    assert_eq!(
        plain(&verdict(&report, 100)),
        "\
✗ denied  SIGNER_UNTRUSTED

Subject failed verification: reg.io/app:v1: SIGNER_UNTRUSTED: no certificate of the chain is in
`ca:acme`

digest sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
└── ✗ rejected by verifier `notation`
    sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a
    type   application/vnd.cncf.notary.signature
    signer CN=\\u{1b}[2Jmallory
    ✓ integrity
    ✗ authenticity failed: SIGNER_UNTRUSTED: no certificate of the chain is in `ca:acme`
    ! expiry failed, only logged: SIGNER_UNTRUSTED: no certificate of the chain is in `ca:acme`
    - authentic timestamp skipped by the trust policy
    ! revocation not checked: SIGNER_UNTRUSTED: no certificate of the chain is in `ca:acme`

hint: If the signer should be trusted, add its root certificate to the trust store.
"
    );
}

#[test]
fn nothing_is_wider_than_asked_but_words_that_must_stay_whole() {
    let long = Reason::new(ReasonCode::RegistryError, "word ".repeat(150));
    let report = report(
        Decision::Undecided(long.clone()),
        vec![finding(1, Verdict::Unknown(long))],
    );
    for width in [60, 80, 100] {
        for line in plain(&verdict(&report, width)).lines() {
            let whole = line.contains("sha256:");
            assert!(whole || line.chars().count() <= width, "{width}: {line}");
        }
    }
    assert!(plain(&verdict(&report, 80)).starts_with("! could not tell  REGISTRY_ERROR\n"));
}

#[test]
fn many_findings_do_not_push_the_verdict_off_the_screen() {
    let findings = (0..50)
        .map(|number| finding(number, Verdict::Rejected(untrusted())))
        .collect();
    let text = plain(&verdict(
        &report(Decision::Deny(untrusted()), findings),
        100,
    ));
    assert_eq!(text.matches("rejected by verifier").count(), SHOWN_FINDINGS);
    assert!(
        text.contains("└── and 30 more, which `--output json` shows\n"),
        "{text}"
    );
}
