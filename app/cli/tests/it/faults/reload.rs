//! The configuration changes while it is used: nothing of the old one is answered after the new one was first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ratify_testkit::certs::Authority;
use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::{Image, SignatureManifest};
use ratify_testkit::registry::Registry;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Client;
use super::contract::Endpoint;
use super::scene::{Scene, Serving};
use super::{figure, median};
use crate::serve::process::replace;

/// How long a change may take to count.
const COUNTS: Duration = Duration::from_secs(1);

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
    let mut times = Vec::new();
    for (tighten, code, moment) in [
        (identity, "IDENTITY_UNTRUSTED", 100),
        (anchor, "SIGNER_UNTRUSTED", 250),
        (scope, "NO_TRUST_POLICY", 400),
    ] {
        let mut scene = Scene::new().await;
        let key = scene.signed("app");
        let serving = scene.start(&["--cache-enabled", "--cache-ttl=1h"]);
        assert_eq!(serving.client.verdict(&key).await, "admit VERIFIED");
        let mut callers = JoinSet::new();
        for _ in 0..4 {
            callers.spawn(until_denied(serving.client.clone(), key.clone(), code));
        }
        // the files are looked at now and then, so the moment matters
        sleep(Duration::from_millis(moment)).await;
        let begin = Instant::now();
        tighten(&mut scene);
        replace(&scene.rig.config_path(), scene.config.to_string());
        let denied = callers.join_all().await;
        let took = denied.into_iter().max().unwrap() - begin;
        figure(format_args!("{code} counted after {took:?}"));
        times.push(took);
    }
    let middle = median(times);
    assert!(middle < COUNTS, "{middle:?}");
}

/// Images of which one configuration trusts the first half, and another the second.
struct Halves {
    keys: Vec<String>,
    half: usize,
    stop: AtomicBool,
    /// How often an answer was of the one configuration, and of the other.
    seen: [AtomicU64; 2],
}

impl Halves {
    /// The same image in each of the repositories, half of them with a signature that `root.pem` vouches for, the others
    /// with one of `other.pem`.
    fn new(scene: &Scene, half: usize) -> Arc<Self> {
        let (registry, image) = (&scene.rig.registry, Image::new("app"));
        let other = Authority::new("Other Root");
        std::fs::write(scene.at("other.pem"), other.pem()).unwrap();
        let signatures = [&scene.rig.root, &other].map(|root| {
            let signer = root.leaf("acme release");
            let envelope = Envelope::new(Format::Cose, &signer, image.descriptor()).build();
            SignatureManifest::new(image.descriptor(), Format::Cose, &envelope).build()
        });
        let push = |number: usize| {
            let name = format!("team/app-{number}");
            registry.push_image(&name, "v1", &image);
            registry.attach(&name, &signatures[number / half]);
            registry.pinned(&name, image.descriptor())
        };
        Arc::new(Self {
            keys: (0..2 * half).map(push).collect(),
            half,
            stop: AtomicBool::new(false),
            seen: [AtomicU64::new(0), AtomicU64::new(0)],
        })
    }

    /// One request sees one configuration: exactly those images are admitted that it trusts.
    async fn ask(self: Arc<Self>, client: Client) {
        while !self.stop.load(Ordering::Relaxed) {
            let answered = client.verify(&self.keys).await;
            let said: Vec<_> = self.keys.iter().map(|key| answered.of_key(key)).collect();
            let admitted = |said: &[String]| said.iter().all(|said| said == "admit VERIFIED");
            let denied = |said: &[String]| said.iter().all(|said| said == "deny SIGNER_UNTRUSTED");
            let (first, second) = said.split_at(self.half);
            let place = match (admitted(first), admitted(second)) {
                (true, false) if denied(second) => 0,
                (false, true) if denied(first) => 1,
                _ => panic!("two configurations in one answer: {said:?}"),
            };
            self.seen[place].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Let `callers` ask, and swap the configurations eight times; each is seen in `each` answers at least.
    async fn swap(
        self: &Arc<Self>,
        scene: &mut Scene,
        serving: &Serving,
        callers: usize,
        each: u64,
    ) {
        let mut asking = JoinSet::new();
        for _ in 0..callers {
            asking.spawn(Arc::clone(self).ask(serving.client.clone()));
        }
        for round in 1..=8 {
            let place = round % 2;
            let root = scene.at(["root.pem", "other.pem"][place]);
            scene.config["verifier"]["plugins"][0]["verificationCerts"] = json!([root]);
            let before = self.seen[place].load(Ordering::Relaxed);
            replace(&scene.rig.config_path(), scene.config.to_string());
            let begin = Instant::now();
            while self.seen[place].load(Ordering::Relaxed) < before + each {
                let waited = begin.elapsed();
                assert!(waited < Duration::from_mins(1), "the swap does not count");
                if let Some(ended) = asking.try_join_next() {
                    ended.unwrap();
                }
                sleep(Duration::from_millis(5)).await;
            }
        }
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = asking.join_next().await {
            ended.unwrap();
        }
        let generation = serving.metric("ratify_configuration_generation").await;
        assert_eq!(generation, 9);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn att_48_two_configurations_swapped_while_asked_answer_only_for_themselves() {
    let mut scene = Scene::new().await;
    let halves = Halves::new(&scene, 1);
    let serving = scene.start(&["--cache-enabled", "--cache-ttl=1h"]);
    halves.swap(&mut scene, &serving, 6, 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn att_48_a_request_sees_one_configuration_however_long_it_takes() {
    // far away, and more images than are worked on at once: most swaps meet a request half-way
    let far = Registry::builder().delay(Duration::from_millis(40));
    let mut scene = Scene::of(far).await;
    let halves = Halves::new(&scene, 160);
    let serving = scene.start(&[]);
    halves.swap(&mut scene, &serving, 2, 1).await;
}
