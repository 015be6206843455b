//! Decision algebra: `any` and `all` over what is accepted, rejected and unknown.

use std::collections::BTreeMap;

use ratify_oci::{Digest, Reference};
use ratify_policy::{ConfigPolicy, Decision, Findings, PolicyError, Requirement};
use ratify_verify::trust::{TrustPolicy, TrustStores};
use ratify_verify::{Finding, Reason, ReasonCode, Verdict, Verifier, notation};

const TYPE: &str = "application/vnd.cncf.notary.signature";
const OTHER: &str = "application/spdx+json";

/// A finding that only a verifier can make: here one that the trust policy says to skip.
fn accepted() -> Finding {
    let policy = br#"{"version":"1.0","trustPolicies":[{"name":"x","registryScopes":["*"],
        "signatureVerification":{"level":"skip"}}]}"#;
    let policy = TrustPolicy::parse(policy).unwrap().policy;
    let types = vec![TYPE.to_owned()];
    let stores = TrustStores::builder().build();
    let verifier = Verifier::Notation(notation::Verifier::new("n", types, policy, stores).unwrap());
    let image: Reference = "reg.example/app:v1".parse().unwrap();
    verifier.without_artifacts(image.repository()).unwrap()
}

fn with(verdict: Verdict) -> Finding {
    Finding {
        verdict,
        ..accepted()
    }
}

fn rejected(code: ReasonCode) -> Finding {
    with(Verdict::Rejected(Reason::new(code, "x")))
}

fn unknown() -> Finding {
    with(Verdict::Unknown(Reason::new(
        ReasonCode::RegistryTimeout,
        "x",
    )))
}

fn reason(code: ReasonCode) -> Reason {
    Reason::new(code, "x")
}

/// `A` accepted, `R` rejected, `U` unknown; `i` listing incomplete, `o` over the budget.
fn findings(word: &str) -> Findings {
    let mut all = Findings::default();
    for letter in word.chars() {
        match letter {
            'A' => all.findings.push(accepted().into()),
            'R' => all
                .findings
                .push(rejected(ReasonCode::SignerUntrusted).into()),
            'U' => all.findings.push(unknown().into()),
            'i' => all.incomplete = Some(reason(ReasonCode::RegistryError)),
            'o' => all.over_budget = Some(reason(ReasonCode::OverBudget)),
            other => panic!("no letter {other}"),
        }
    }
    all
}

fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Admit(_) => "admit",
        Decision::Deny(_) => "deny",
        Decision::Undecided(_) => "undecided",
    }
}

#[test]
fn decision_2_truth_table() {
    // findings, `any`, `all`
    let table = [
        ("", "deny", "deny"),
        ("i", "undecided", "undecided"),
        ("o", "deny", "deny"),
        ("A", "admit", "admit"),
        ("R", "deny", "deny"),
        ("U", "undecided", "undecided"),
        ("AA", "admit", "admit"),
        ("AR", "admit", "deny"),
        ("AU", "admit", "undecided"),
        ("RR", "deny", "deny"),
        ("RU", "undecided", "deny"),
        ("UU", "undecided", "undecided"),
        ("ARU", "admit", "deny"),
        ("Ai", "admit", "undecided"),
        ("Ri", "undecided", "deny"),
        ("Ui", "undecided", "undecided"),
        ("ARi", "admit", "deny"),
        ("Ao", "admit", "deny"),
        ("Ro", "deny", "deny"),
        ("Uo", "undecided", "deny"),
        ("ARUio", "admit", "deny"),
    ];
    for (found, any, all) in table {
        for listed in [false, true] {
            for (requirement, expected) in [(Requirement::Any, any), (Requirement::All, all)] {
                let policy = if listed {
                    ConfigPolicy::new([(TYPE.to_owned(), requirement)].into(), Requirement::All)
                } else {
                    ConfigPolicy::new(BTreeMap::new(), requirement)
                };
                let decided = policy.decide(&findings(found));
                assert_eq!(
                    word(&decided),
                    expected,
                    "`{found}` under {requirement:?}, listed: {listed}: {decided:?}"
                );
            }
        }
    }
}

#[test]
fn decision_2_a_listed_type_must_be_there() {
    for requirement in [Requirement::Any, Requirement::All] {
        let policy = ConfigPolicy::new([(OTHER.to_owned(), requirement)].into(), Requirement::Any);
        let missing = policy.decide(&findings("A"));
        assert!(
            matches!(&missing, Decision::Deny(why) if why.code() == ReasonCode::ArtifactTypeMissing),
            "{missing:?}"
        );
        assert_eq!(
            word(&policy.decide(&findings("Ai"))),
            "undecided",
            "it may be on the page that is missing"
        );
        let unsigned = policy.decide(&findings(""));
        assert!(
            matches!(&unsigned, Decision::Deny(why) if why.code() == ReasonCode::NoSignature),
            "{unsigned:?}"
        );
        assert_eq!(word(&policy.decide(&findings("i"))), "undecided");
    }
}

#[test]
fn decision_2_across_types_deny_beats_undecided_beats_admit() {
    let of = |artifact_type: &str, finding: Finding| Finding {
        artifact_type: artifact_type.into(),
        ..finding
    };
    let policy = ConfigPolicy::new(BTreeMap::new(), Requirement::All);
    let decide = |one: Finding, two: Finding| {
        let all = Findings {
            findings: vec![of(TYPE, one).into(), of(OTHER, two).into()],
            ..Findings::default()
        };
        word(&policy.decide(&all))
    };
    assert_eq!(decide(accepted(), accepted()), "admit");
    assert_eq!(decide(accepted(), unknown()), "undecided");
    assert_eq!(
        decide(unknown(), rejected(ReasonCode::SignerUntrusted)),
        "deny"
    );
    assert_eq!(
        decide(rejected(ReasonCode::SignerUntrusted), accepted()),
        "deny"
    );
}

#[test]
fn att_44_order_never_changes_the_decision() {
    let policies =
        [Requirement::Any, Requirement::All].map(|one| ConfigPolicy::new(BTreeMap::new(), one));
    for found in ["ARU", "RU", "AR", "AU", "RRA"] {
        for policy in &policies {
            let forth = policy.decide(&findings(found));
            let back = policy.decide(&findings(&found.chars().rev().collect::<String>()));
            assert_eq!(forth, back, "{found}");
        }
    }
}

#[test]
fn decision_11_the_failure_that_got_furthest_is_shown() {
    let digest = |text: &str| Digest::sha256(text.as_bytes());
    let mut all = Findings::default();
    for code in [
        ReasonCode::EnvelopeMalformed,
        ReasonCode::IdentityUntrusted,
        ReasonCode::SignerUntrusted,
    ] {
        let finding = Finding {
            artifact: Some(digest(code.as_str())),
            ..rejected(code)
        };
        all.findings.push(finding.into());
    }
    let decided = ConfigPolicy::default().decide(&all);
    assert!(
        matches!(&decided, Decision::Deny(why) if why.code() == ReasonCode::IdentityUntrusted),
        "{decided:?}"
    );

    let tie = |verifier: &str, detail: &str| Finding {
        verifier: verifier.into(),
        ..with(Verdict::Rejected(Reason::new(
            ReasonCode::SignerUntrusted,
            detail,
        )))
    };
    let tied = Findings {
        findings: vec![tie("b", "second").into(), tie("a", "first").into()],
        ..Findings::default()
    };
    let decided = ConfigPolicy::default().decide(&tied);
    assert!(
        matches!(&decided, Decision::Deny(why) if why.detail() == "first"),
        "{decided:?}"
    );
}

#[test]
fn v_4_1_only_any_and_all_are_words() {
    assert_eq!(Requirement::parse("t", "any"), Ok(Requirement::Any));
    assert_eq!(Requirement::parse("t", "all"), Ok(Requirement::All));
    for bad in ["", "Any", "ALL", "none", " any"] {
        assert!(
            matches!(Requirement::parse("t", bad), Err(PolicyError::Word { .. })),
            "{bad}"
        );
    }
    assert_eq!(
        Requirement::default(),
        Requirement::All,
        "what v1.4 does without a `default`"
    );
}

#[test]
fn decision_2_a_type_that_is_read_and_was_not_seen_may_be_in_the_part_that_was_not_listed() {
    let table = [("A", "admit"), ("Ai", "undecided"), ("Ao", "deny")];
    for (found, expected) in table {
        for read in [OTHER, "*"] {
            let all = Findings {
                read: [TYPE.to_owned(), read.to_owned()].into(),
                ..findings(found)
            };
            for default in [Requirement::Any, Requirement::All] {
                let policy =
                    ConfigPolicy::new([(TYPE.to_owned(), Requirement::Any)].into(), default);
                assert_eq!(
                    word(&policy.decide(&all)),
                    expected,
                    "{found} {read} {default:?}"
                );
            }
        }
        let only = Findings {
            read: [TYPE.to_owned()].into(),
            ..findings(found)
        };
        let policy = ConfigPolicy::new(
            [(TYPE.to_owned(), Requirement::Any)].into(),
            Requirement::All,
        );
        assert_eq!(
            word(&policy.decide(&only)),
            "admit",
            "nothing else is read: {found}"
        );
    }
}
