//! The configuration changes while it is used: nothing of the old one is answered after the new one was first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ratify_testkit::certs::Authority;
use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::SignatureManifest;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Client;
use super::contract::Endpoint;
use super::figure;
use super::scene::Scene;
use crate::serve::process::replace;

/// How long a change may take to count: a second on a machine at rest, and some for one that does other things too.
const COUNTS: Duration = Duration::from_millis(1_500);

fn statement(config: &mut Value) -> &mut Value {
    &mut config["verifier"]["plugins"][0]["trustPolicyDoc"]["trustPolicies"][0]
}

/// Ask without a pause until denied, and then some more: after the first denial there is no admission.
async fn until_denied(client: Client, key: String, code: &'static str) -> Instant {
    let mut wire = client.connect().await.unwrap();
    let mut denied = None;
    let mut after = 0;
    while after < 50 {
        let (answered, last) = wire.ask(Endpoint::Verify, &[&key]).await.unwrap();
        match answered.of_key(&key).as_str() {
            "admit VERIFIED" => assert_eq!(denied, None, "admitted again"),
            said if said == format!("deny {code}") => {
                denied.get_or_insert_with(Instant::now);
                after += 1;
            }
            said => panic!("{said}"),
        }
        if last {
            wire = client.connect().await.unwrap();
        }
    }
    denied.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn att_52_a_tightened_policy_counts_within_a_second_and_for_what_is_remembered() {
    type Tighten = fn(&mut Scene);
    let identity: Tighten = |scene| {
        statement(&mut scene.config)["trustedIdentities"] =
            json!(["x509.subject: C=US, ST=WA, O=Somebody Else"]);
    };
    let anchor: Tighten = |scene| {
        replace(&scene.at("root.pem"), Authority::new("Acme Root").pem());
    };
    let scope: Tighten = |scene| {
        statement(&mut scene.config)["registryScopes"] = json!(["reg.io/elsewhere"]);
    };
    for (tighten, code) in [
        (identity, "IDENTITY_UNTRUSTED"),
        (anchor, "SIGNER_UNTRUSTED"),
        (scope, "NO_TRUST_POLICY"),
    ] {
        let mut scene = Scene::new().await;
        let key = scene.signed("app");
        let serving = scene.start(&["--cache-enabled", "--cache-ttl=1h"]);
        assert_eq!(serving.client.verdict(&key).await, "admit VERIFIED");
        let mut callers = JoinSet::new();
        for _ in 0..4 {
            callers.spawn(until_denied(serving.client.clone(), key.clone(), code));
        }
        sleep(Duration::from_millis(100)).await;
        let begin = Instant::now();
        tighten(&mut scene);
        replace(&scene.rig.config_path(), scene.config.to_string());
        while let Some(denied) = callers.join_next().await {
            let took = denied.unwrap().duration_since(begin);
            figure(format_args!("{code} counted after {took:?}"));
            assert!(took < COUNTS, "{code}: {took:?}");
        }
    }
}

/// Two images, of which one configuration trusts one and the other the other.
struct Either {
    keys: [String; 2],
    stop: AtomicBool,
    seen: [AtomicU64; 2],
}

impl Either {
    /// One request sees one configuration: exactly one of the two is admitted, and it is the one that its configuration
    /// trusts.
    async fn ask(self: Arc<Self>, client: Client) {
        while !self.stop.load(Ordering::Relaxed) {
            let answered = client.verify(&self.keys).await;
            let said = self.keys.each_ref().map(|key| answered.of_key(key));
            let said = said.each_ref().map(String::as_str);
            let place = match said {
                ["admit VERIFIED", "deny SIGNER_UNTRUSTED"] => 0,
                ["deny SIGNER_UNTRUSTED", "admit VERIFIED"] => 1,
                mixed => panic!("two configurations in one answer: {mixed:?}"),
            };
            self.seen[place].fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn att_48_two_configurations_swapped_while_asked_are_never_mixed() {
    let mut scene = Scene::new().await;
    let (image, _) = scene.rig.push_signed("first");
    let first = scene.rig.registry.pinned("first", &image);
    let other = Authority::new("Other Root");
    std::fs::write(scene.at("other.pem"), other.pem()).unwrap();
    let image = scene.rig.push("second");
    let envelope = Envelope::new(Format::Cose, &other.leaf("acme release"), &image).build();
    let signature = SignatureManifest::new(&image, Format::Cose, &envelope).build();
    scene.rig.registry.attach("second", &signature);
    let second = scene.rig.registry.pinned("second", &image);
    let either = Arc::new(Either {
        keys: [first, second],
        stop: AtomicBool::new(false),
        seen: [AtomicU64::new(0), AtomicU64::new(0)],
    });
    let serving = scene.start(&["--cache-enabled", "--cache-ttl=1h"]);
    let mut callers = JoinSet::new();
    for _ in 0..6 {
        callers.spawn(Arc::clone(&either).ask(serving.client.clone()));
    }
    for round in 1..=8 {
        let (root, place) = if round % 2 == 0 {
            ("root.pem", 0)
        } else {
            ("other.pem", 1)
        };
        let path = scene.at(root);
        scene.config["verifier"]["plugins"][0]["verificationCerts"] = json!([path]);
        let before = either.seen[place].load(Ordering::Relaxed);
        replace(&scene.rig.config_path(), scene.config.to_string());
        let begin = Instant::now();
        while either.seen[place].load(Ordering::Relaxed) < before + 30 {
            assert!(
                begin.elapsed() < Duration::from_secs(20),
                "the swap does not count"
            );
            if let Some(ended) = callers.try_join_next() {
                ended.unwrap();
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
    either.stop.store(true, Ordering::Relaxed);
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
    let generation = serving.metric("ratify_configuration_generation").await;
    assert_eq!(generation, 9);
}
