//! Several verifiers: which of them has a say, and what an artifact that nobody saw may hide.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use ratify_engine::{Deadline, Engine, Limits, Listing, ScopeId, Snapshot, Store, StoreError};
use ratify_oci::{Descriptor, Digest, Reference, Repository};
use ratify_policy::{ConfigPolicy, Requirement};
use ratify_verify::trust::{TrustPolicy, TrustStores};
use ratify_verify::{Answer, Need, Reason, ReasonCode, Unavailable, Verifier, notation};
use tokio::time::Instant;

use crate::fixture::{Fixture, told};

const SIGNATURE: &str = notation::SIGNATURE_ARTIFACT_TYPE;
const REPORT: &str = "application/x.report";

/// A notation verifier that needs no trust store: `skip`, or strict with an empty one.
fn notation_verifier(name: &str, reads: &str, level: &str) -> Verifier {
    let trust = if level == "skip" {
        ""
    } else {
        r#","trustStores":["ca:none"],"trustedIdentities":["*"]"#
    };
    let policy = format!(
        r#"{{"version":"1.0","trustPolicies":[{{"name":"x","registryScopes":["*"],
            "signatureVerification":{{"level":"{level}"}}{trust}}}]}}"#
    );
    let policy = TrustPolicy::parse(policy.as_bytes()).unwrap().policy;
    let stores = TrustStores::builder().build();
    Verifier::Notation(
        notation::Verifier::new(name, vec![reads.to_owned()], policy, stores).unwrap(),
    )
}

fn unavailable(reads: &str) -> Verifier {
    Verifier::Unavailable(Unavailable {
        name: "report".to_owned(),
        verifier_type: "report".to_owned(),
        artifact_types: vec![reads.to_owned()],
        reason: Unavailable::because("made for a test"),
    })
}

fn policy(listed: &[(&str, Requirement)], default: Requirement) -> ConfigPolicy {
    let listed: BTreeMap<_, _> = listed
        .iter()
        .map(|(name, one)| ((*name).to_owned(), *one))
        .collect();
    ConfigPolicy::new(listed, default)
}

async fn judged(fixture: &Fixture, verifiers: Vec<Verifier>, policy: ConfigPolicy) -> String {
    let stores = fixture.engine().snapshot().stores().to_vec();
    judged_in(fixture, verifiers, policy, stores).await
}

async fn judged_in(
    fixture: &Fixture,
    verifiers: Vec<Verifier>,
    policy: ConfigPolicy,
    stores: Vec<Arc<dyn Store>>,
) -> String {
    let snapshot = Snapshot::new(
        verifiers,
        stores,
        policy,
        Limits::default(),
        ScopeId::unique(),
    )
    .unwrap();
    let deadline = Instant::now() + fixture.patience;
    let engine = Engine::new(Arc::new(snapshot));
    told(
        &engine
            .verify(&fixture.pinned(), fixture.now, deadline, &|_| {})
            .await,
    )
}

#[tokio::test]
async fn a_second_verifier_of_the_same_name_cannot_skip_for_the_first() {
    let fixture = Fixture::new().await;
    for names in [["notation", "notation"], ["a", "b"]] {
        let [first, second] = names;
        let verifiers = vec![
            notation_verifier(first, SIGNATURE, "strict"),
            notation_verifier(second, SIGNATURE, "skip"),
        ];
        let told = judged(&fixture, verifiers, ConfigPolicy::default()).await;
        assert_eq!(told, "deny NO_SIGNATURE", "{names:?}");
    }
}

#[tokio::test]
async fn a_verifier_of_another_type_cannot_skip_for_one_of_the_same_name() {
    let fixture = Fixture::new().await;
    let verifiers = vec![
        notation_verifier("notation", REPORT, "skip"),
        notation_verifier("notation", SIGNATURE, "strict"),
    ];
    assert_eq!(
        judged(&fixture, verifiers, ConfigPolicy::default()).await,
        "deny NO_SIGNATURE"
    );
}

#[tokio::test]
async fn skip_satisfies_no_type_that_the_verifier_does_not_read() {
    let fixture = Fixture::new().await;
    let listed = policy(&[(SIGNATURE, Requirement::All)], Requirement::All);
    for more in [vec![], vec![unavailable(REPORT)]] {
        let mut verifiers = vec![notation_verifier("notation", "application/foo", "skip")];
        verifiers.extend(more);
        let told = judged(&fixture, verifiers, listed.clone()).await;
        assert!(told.starts_with("deny"), "{told}");
    }
}

/// A store that lists as told.
struct Lists {
    name: &'static str,
    subject: Descriptor,
    listing: Result<Listing, StoreError>,
}

impl Store for Lists {
    fn name(&self) -> &str {
        self.name
    }

    fn resolve<'a>(
        &'a self,
        _: &'a Reference,
        _: Deadline,
    ) -> BoxFuture<'a, Result<Descriptor, StoreError>> {
        async { Ok(self.subject.clone()) }.boxed()
    }

    fn referrers<'a>(
        &'a self,
        _: &'a Repository,
        _: &'a Digest,
        _: Option<&'a str>,
        _: Deadline,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        async { self.listing.clone() }.boxed()
    }

    fn fetch<'a>(&'a self, _: &'a Repository, _: &'a Need, _: Deadline) -> BoxFuture<'a, Answer> {
        async { Answer::Absent }.boxed()
    }
}

#[tokio::test]
async fn decision_2_what_was_not_listed_may_be_of_any_type_that_is_read() {
    let fixture = Fixture::new().await;
    let reason = |code| Reason::new(code, "made for a test");
    let over = || {
        Ok(Listing {
            referrers: Vec::new(),
            over_budget: Some(reason(ReasonCode::OverBudget)),
        })
    };
    let failed = || Err(StoreError::Unknown(reason(ReasonCode::RegistryError)));
    let whole = || Ok(Listing::default());
    let table = [
        (whole(), Requirement::All, "admit SKIPPED_BY_POLICY"),
        (over(), Requirement::All, "deny OVER_BUDGET"),
        (over(), Requirement::Any, "deny OVER_BUDGET"),
        (failed(), Requirement::All, "undecided REGISTRY_ERROR"),
        (failed(), Requirement::Any, "undecided REGISTRY_ERROR"),
    ];
    for (listing, default, expected) in table {
        for reads in [REPORT, "*"] {
            let subject = fixture.image.descriptor().clone();
            let store: Arc<dyn Store> = Arc::new(Lists {
                name: "oras",
                subject,
                listing: listing.clone(),
            });
            let verifiers = vec![
                notation_verifier("notation", SIGNATURE, "skip"),
                unavailable(reads),
            ];
            let policy = policy(&[(SIGNATURE, Requirement::Any)], default);
            let told = judged_in(&fixture, verifiers, policy, vec![store]).await;
            assert_eq!(told, expected, "{listing:?} {default:?} {reads}");
        }
    }
}

#[tokio::test]
async fn decision_6_one_store_failing_to_list_leaves_open_what_it_has() {
    let fixture = Fixture::signed().await;
    let known = fixture.engine();
    let subject = fixture.image.descriptor().clone();
    let listing = Err(StoreError::Unknown(Reason::new(
        ReasonCode::RegistryForbidden,
        "made for a test",
    )));
    let second: Arc<dyn Store> = Arc::new(Lists {
        name: "second",
        subject,
        listing,
    });
    let mut stores = known.snapshot().stores().to_vec();
    stores.push(second);
    let signatures = known.snapshot().verifiers().to_vec();
    let both = [signatures.clone(), vec![unavailable(REPORT)]].concat();
    let any = || policy(&[(SIGNATURE, Requirement::Any)], Requirement::All);
    // a good signature in hand is enough where signatures are all that is read
    assert_eq!(
        judged_in(&fixture, signatures, any(), stores.clone()).await,
        "admit VERIFIED"
    );
    assert_eq!(
        judged_in(&fixture, both, any(), stores).await,
        "undecided REGISTRY_FORBIDDEN"
    );
}
