//! The runners themselves: counterparts agree about one signed image before any test of ours asks
//! them about something harder.

use ratify_peers::{
    NotationHome, Peer, Registry, SignatureFormat, StoreType, notation_config, push_image,
    ratify_verify, start_crane_registry, start_distribution_registry, start_referrers_registry,
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde_json::{Value, json};

/// A root and a leaf that signs, in PEM.
struct Chain {
    root: String,
    leaf: String,
    key: String,
}

fn params(name: &str, usage: KeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CountryName, "US");
    params
        .distinguished_name
        .push(DnType::StateOrProvinceName, "WA");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Runners");
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![usage];
    params
}

fn chain() -> Chain {
    let root_key = KeyPair::generate().unwrap();
    let mut root = params("root", KeyUsagePurpose::KeyCertSign);
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_certificate = root.self_signed(&root_key).unwrap();
    let issuer = Issuer::new(root, root_key);
    let key = KeyPair::generate().unwrap();
    let mut leaf = params("leaf", KeyUsagePurpose::DigitalSignature);
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    leaf.use_authority_key_identifier_extension = true;
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    Chain {
        root: root_certificate.pem(),
        leaf: leaf.pem(),
        key: key.serialize_pem(),
    }
}

fn trust_policy() -> Value {
    json!({
        "version": "1.0",
        "trustPolicies": [{
            "name": "all",
            "registryScopes": ["*"],
            "signatureVerification": { "level": "strict" },
            "trustStores": ["ca:certs"],
            "trustedIdentities": ["x509.subject: C=US, ST=WA, O=Runners, CN=leaf"],
        }],
    })
}

/// A home that signs with a fresh chain and trusts its root, and the same as a Ratify config.
fn signer(notation: &Peer) -> (NotationHome, Value) {
    let home = NotationHome::new(notation).unwrap();
    let chain = chain();
    let bundle = format!("{}{}", chain.leaf, chain.root);
    home.add_key("runner", &chain.key, &bundle).unwrap();
    home.add_trusted(StoreType::Ca, "certs", "root", &chain.root)
        .unwrap();
    home.set_trust_policy(&trust_policy()).unwrap();
    let root = home.home().write("root.pem", &chain.root).unwrap();
    let config = notation_config(&[&root], &trust_policy());
    (home, config)
}

/// What Ratify says: `isSuccess`, which it leaves out when false.
fn ratify_admits(ratify: &Peer, config: &Value, image: &str) -> bool {
    let outcome = ratify_verify(ratify, config, image)
        .unwrap()
        .expect_success()
        .unwrap();
    let verdict = outcome.json().unwrap();
    assert!(
        verdict.get("verifierReports").is_some(),
        "not a verdict: {verdict}"
    );
    verdict
        .get("isSuccess")
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

/// Sign in both formats, and see that notation and Ratify change their minds with the signature.
fn agree_on(registry: &Registry, referrers_api: bool, [notation, oras, ratify]: [&Peer; 3]) {
    let (home, config) = signer(notation);
    let (_other_home, other_config) = signer(notation);
    for format in SignatureFormat::ALL {
        let layer = format!("{format:?}");
        let image = push_image(oras, registry, "runners/image", "v1", layer.as_bytes()).unwrap();

        let found = registry.has_referrers_api("runners/image").unwrap();
        assert_eq!(found, referrers_api);

        let unsigned = home.verify(&image, &[]).unwrap();
        assert!(
            !unsigned.success() && unsigned.stderr.contains("no signature"),
            "{unsigned:?}"
        );
        assert!(!ratify_admits(ratify, &config, &image));

        home.sign(&image, "runner", format, &[])
            .unwrap()
            .expect_success()
            .unwrap();
        home.verify(&image, &[]).unwrap().expect_success().unwrap();
        assert!(ratify_admits(ratify, &config, &image), "{format:?}");
        assert!(
            !ratify_admits(ratify, &other_config, &image),
            "another root"
        );
    }
}

#[test]
fn counterparts_agree_with_a_referrers_api() {
    let names = ["notation", "oras", "ratify", "referrers-registry"];
    let Some([notation, oras, ratify, registry]) = Peer::require_all(names) else {
        return;
    };
    let registry = start_referrers_registry(&registry).unwrap();
    agree_on(&registry, true, [&notation, &oras, &ratify]);
}

#[test]
fn counterparts_agree_with_the_referrers_tag_schema() {
    let names = ["notation", "oras", "ratify", "registry"];
    let Some([notation, oras, ratify, registry]) = Peer::require_all(names) else {
        return;
    };
    let registry = start_distribution_registry(&registry).unwrap();
    agree_on(&registry, false, [&notation, &oras, &ratify]);
}

#[test]
fn a_push_with_oras_can_be_read_with_crane() {
    let Some([oras, crane]) = Peer::require_all(["oras", "crane"]) else {
        return;
    };
    let registry = start_crane_registry(&crane).unwrap();
    let by_digest = push_image(&oras, &registry, "a/b", "v1", b"layer").unwrap();
    assert!(!registry.has_referrers_api("a/b").unwrap());
    let by_tag = format!("{}/a/b:v1", registry.host());
    let found = ratify_peers::crane(&crane, &["digest", &by_tag]).unwrap();
    let digest = found.expect_success().unwrap().stdout;
    assert!(
        by_digest.ends_with(&format!("@{}", digest.trim())),
        "{by_digest} {digest}"
    );
}
