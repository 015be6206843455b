//! Which store and which verifier counts, and what is asked of them.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, join_all};
use ratify_engine::{Deadline, Limits, Listing, ScopeId, Snapshot, Store, StoreError};
use ratify_oci::{Descriptor, Digest, Reference, Repository};
use ratify_policy::ConfigPolicy;
use ratify_testkit::certs::Authority;
use ratify_testkit::image::Image;
use ratify_testkit::time::NOW;
use ratify_verify::{Answer, Need, Reason, ReasonCode, Unavailable, Verifier, notation};
use tokio::time::Instant;

use crate::fixture::told;
use crate::odd::{PATIENCE, Scene};
use crate::shelf::{Statement, verifier};

/// A store that says the same of every reference, and has no artifacts.
struct Says(&'static str, Result<Descriptor, StoreError>);

impl Store for Says {
    fn name(&self) -> &str {
        self.0
    }

    fn resolve<'a>(
        &'a self,
        _: &'a Reference,
        _: Deadline,
    ) -> BoxFuture<'a, Result<Descriptor, StoreError>> {
        async { self.1.clone() }.boxed()
    }

    fn referrers<'a>(
        &'a self,
        _: &'a Repository,
        _: &'a Digest,
        _: Option<&'a str>,
        _: Deadline,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        async { Ok(Listing::default()) }.boxed()
    }

    fn fetch<'a>(&'a self, _: &'a Repository, _: &'a Need, _: Deadline) -> BoxFuture<'a, Answer> {
        async { Answer::Absent }.boxed()
    }
}

/// The scene's verifiers over other stores.
fn over(scene: &Scene, stores: Vec<Arc<dyn Store>>) -> Arc<Snapshot> {
    of(scene.snapshot.verifiers().to_vec(), stores)
}

fn of(verifiers: Vec<Verifier>, stores: Vec<Arc<dyn Store>>) -> Arc<Snapshot> {
    let (policy, limits) = (ConfigPolicy::default(), Limits::default());
    let snapshot = Snapshot::new(verifiers, stores, policy, limits, ScopeId::unique());
    Arc::new(snapshot.unwrap())
}

#[tokio::test(start_paused = true)]
async fn decision_6_of_several_stores_that_fail_the_one_that_leaves_most_open_counts() {
    let unknown = || {
        let reason = Reason::new(ReasonCode::RegistryUnreachable, "away");
        StoreError::Unknown(reason)
    };
    let definitive = || {
        let reason = Reason::new(ReasonCode::SubjectUnusable, "no manifest");
        StoreError::Definitive(reason)
    };
    let scene = Scene::new();
    for (first, second, expected) in [
        (unknown(), definitive(), "undecided REGISTRY_UNREACHABLE"),
        (definitive(), unknown(), "undecided REGISTRY_UNREACHABLE"),
        (definitive(), definitive(), "deny SUBJECT_UNUSABLE"),
    ] {
        let snapshot = over(
            &scene,
            vec![
                Arc::new(Says("b", Err(second))),
                Arc::new(Says("a", Err(first))),
            ],
        );
        for reference in [scene.pinned(), Scene::tagged()] {
            let call = scene.dispatcher.call(NOW, Instant::now() + PATIENCE);
            let report = scene.dispatcher.verify(&snapshot, &reference, &call).await;
            assert_eq!(told(&report), expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn att_25_one_tag_looked_up_in_two_scopes_at_once_is_looked_up_twice() {
    let scene = Scene::new();
    scene.odd.shelf.delay(Duration::from_millis(10));
    let other = Image::new("other").descriptor().clone();
    let names = ["c", "a", "b"];
    // the first store by name counts, wherever it stands in a file
    let stores = names.map(|name| -> Arc<dyn Store> {
        let found = if name == "a" {
            other.clone()
        } else {
            scene.image.descriptor().clone()
        };
        Arc::new(Says(name, Ok(found)))
    });
    let there = over(&scene, stores.to_vec());
    let call = scene.dispatcher.call(NOW, Instant::now() + PATIENCE);
    let tagged = Scene::tagged();
    let found = [&scene.snapshot, &there, &scene.snapshot]
        .map(|snapshot| scene.dispatcher.resolve(snapshot, &tagged, &call));
    let found: Vec<_> = join_all(found)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let here = scene.image.descriptor();
    assert_eq!(found, [here.clone(), other, here.clone()]);
    assert_eq!(scene.counts(), [1, 0, 0]);
}

fn unavailable(reads: &str) -> Verifier {
    Verifier::Unavailable(Unavailable {
        name: "z".to_owned(),
        verifier_type: "z".to_owned(),
        artifact_types: vec![reads.to_owned()],
        reason: Unavailable::because("made for a test"),
    })
}

#[tokio::test(start_paused = true)]
async fn nothing_but_the_one_type_that_all_verifiers_read_is_left_out_of_a_listing() {
    let scene = Scene::new();
    let reads = |types: &[&str]| verifier(types, &Authority::new("x"), &[Statement::default()]);
    for (verifiers, asked) in [
        (vec![reads(&["a"])], Some("a")),
        (vec![reads(&["a", "a"]), unavailable("a")], Some("a")),
        (vec![reads(&["a"]), unavailable("b")], None),
        (vec![reads(&["a", "b"])], None),
        (vec![reads(&["*"])], None),
        (vec![reads(&["*"]), unavailable("*")], None),
        (vec![reads(&["a"]), unavailable("*")], None),
    ] {
        let snapshot = of(verifiers, scene.snapshot.stores().to_vec());
        let call = scene.dispatcher.call(NOW, Instant::now() + PATIENCE);
        let pinned = scene.pinned();
        scene.dispatcher.verify(&snapshot, &pinned, &call).await;
        let types = scene.odd.set(|odd| std::mem::take(&mut odd.types));
        assert_eq!(types, [asked.map(str::to_owned)], "{snapshot:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn decision_9_a_verifier_without_a_statement_still_judges_what_it_reads() {
    const SKIP: Statement<'_> = Statement {
        scope: "*",
        level: "skip",
        identity: "*",
    };
    const ELSEWHERE: Statement<'_> = Statement {
        scope: "reg.example/else/where",
        level: "strict",
        identity: "*",
    };
    let scene = Scene::new();
    let root = Authority::new("x");
    let verifiers = vec![
        verifier(&[notation::SIGNATURE_ARTIFACT_TYPE], &root, &[ELSEWHERE]),
        verifier(&["application/x.report"], &root, &[SKIP]),
        unavailable("application/x.other"),
    ];
    let ask = async || {
        let snapshot = of(verifiers.clone(), scene.snapshot.stores().to_vec());
        let call = scene.dispatcher.call(NOW, Instant::now() + PATIENCE);
        let pinned = scene.pinned();
        told(&scene.dispatcher.verify(&snapshot, &pinned, &call).await)
    };
    assert_eq!(ask().await, "deny NO_SIGNATURE");
    scene.sign();
    assert_eq!(ask().await, "deny NO_TRUST_POLICY");
}
