//! Real signatures of every kind, judged by notation, by Ratify 1.4.4 and by us: all three agree.
//!
//! {JWS, COSE} x {RSA 2048, 3072, 4096, P-256, P-384, P-521} x {referrers API, referrers tag schema}.

use ratify_peers::{
    NotationHome, Ours, Peer, Registry, SignatureFormat, StoreType, notation_config, push_image,
    ratify_verify, start_distribution_registry, start_referrers_registry,
};
use ratify_testkit::certs::{Authority, Chain};
use ratify_testkit::keys::KeyKind;
use serde_json::{Value, json};

fn trust_policy() -> Value {
    json!({
        "version": "1.0",
        "trustPolicies": [{
            "name": "matrix",
            "registryScopes": ["*"],
            "signatureVerification": { "level": "strict" },
            "trustStores": ["ca:certs"],
            "trustedIdentities": ["*"],
        }],
    })
}

/// A home that signs with `chain` and trusts its root, and the same as a Ratify configuration.
fn signer(notation: &Peer, chain: &Chain) -> (NotationHome, Value) {
    let home = NotationHome::new(notation).unwrap();
    home.add_key("matrix", &chain.key_pem(), &chain.pem())
        .unwrap();
    let root = ratify_testkit::keys::pem("CERTIFICATE", chain.root());
    home.add_trusted(StoreType::Ca, "certs", "root", &root)
        .unwrap();
    home.set_trust_policy(&trust_policy()).unwrap();
    let root = home.home().write("root.pem", &root).unwrap();
    let config = notation_config(&[&root], &trust_policy());
    (home, config)
}

/// Whether a `ratify verify`, theirs or ours, admits.
fn admits(outcome: ratify_peers::Outcome) -> bool {
    let verdict = outcome.expect_success().unwrap().json().unwrap();
    assert!(
        verdict.get("verifierReports").is_some(),
        "not a verdict: {verdict}"
    );
    verdict
        .get("isSuccess")
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

fn agree(registry: &Registry, api: bool, [notation, oras, ratify]: [&Peer; 3]) {
    let ours = Ours::find();
    let stranger = Authority::new("Stranger");
    let (_home, strangers_config) = signer(notation, &stranger.leaf("stranger"));
    let mut judged = 0;
    for kind in KeyKind::ALL {
        let chain = Authority::of_kind("Matrix Root", kind).leaf_of_kind("matrix", kind);
        let (home, config) = signer(notation, &chain);
        for format in SignatureFormat::ALL {
            let case = format!("{kind:?} {format:?} with referrers API: {api}");
            let repository = format!("matrix/{kind:?}").to_lowercase();
            let image = push_image(
                oras,
                registry,
                &repository,
                &format!("{format:?}").to_lowercase(),
                case.as_bytes(),
            )
            .unwrap();
            assert!(
                !admits(ours.verify(&config, &image).unwrap()),
                "unsigned, {case}"
            );
            home.sign(&image, "matrix", format, &[])
                .unwrap()
                .expect_success()
                .unwrap();
            assert_eq!(registry.has_referrers_api(&repository).unwrap(), api);

            home.verify(&image, &[]).unwrap().expect_success().unwrap();
            assert!(
                admits(ratify_verify(ratify, &config, &image).unwrap()),
                "theirs, {case}"
            );
            let outcome = ours.verify(&config, &image).unwrap();
            let shown = format!("{outcome:?}");
            assert!(admits(outcome), "ours, {case}: {shown}");
            let untrusted = ours.verify(&strangers_config, &image).unwrap();
            assert!(!admits(untrusted), "ours, another root, {case}");
            judged += 1;
        }
    }
    assert_eq!(judged, 12);
}

#[test]
fn every_kind_of_signature_with_a_referrers_api() {
    let names = ["notation", "oras", "ratify", "referrers-registry"];
    let Some([notation, oras, ratify, registry]) = Peer::require_all(names) else {
        return;
    };
    let registry = start_referrers_registry(&registry).unwrap();
    agree(&registry, true, [&notation, &oras, &ratify]);
}

#[test]
fn every_kind_of_signature_with_the_referrers_tag_schema() {
    let names = ["notation", "oras", "ratify", "registry"];
    let Some([notation, oras, ratify, registry]) = Peer::require_all(names) else {
        return;
    };
    let registry = start_distribution_registry(&registry).unwrap();
    agree(&registry, false, [&notation, &oras, &ratify]);
}
