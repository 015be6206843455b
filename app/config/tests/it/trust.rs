//! Which certificates a trust store gets, shown by the verdict over a signed image (K 4.1, 4.2; N 6.6).

use ratify_testkit::certs::{Authority, Chain, Template};
use ratify_testkit::envelope::Scheme;
use ratify_testkit::registry::Registry;
use serde_json::{Value, json};

use crate::home::{Home, minimal, policy, set};
use crate::signed::Signed;

const VERIFIER: &str = "/verifier/plugins/0";
const VERIFIED: &str = "admit VERIFIED";
const UNTRUSTED: &str = "deny SIGNER_UNTRUSTED";
const EMPTY: &str = "deny TRUST_STORE_EMPTY";

/// The least configuration with these certificates for the policy's stores.
fn with(certs: &Value, stores: &Value, names: &[&str]) -> Value {
    let config = set(
        minimal(),
        &format!("{VERIFIER}/verificationCerts"),
        certs.clone(),
    );
    let config = set(
        config,
        &format!("{VERIFIER}/verificationCertStores"),
        stores.clone(),
    );
    set(config, &format!("{VERIFIER}/trustPolicyDoc"), policy(names))
}

/// A signed image whose root lies in `~/good`, with another one in `~/other`.
async fn signed() -> Signed {
    let signed = Signed::new().await;
    signed.home.write("good/root.pem", signed.root.pem());
    signed.home.authority("other/root.pem", "Other Root");
    signed
}

#[tokio::test]
async fn k_4_1_a_named_store_gets_its_certificates_in_both_formats() {
    let signed = signed().await;
    for (stores, verdict) in [
        (json!({ "certs": ["~/good/root.pem"] }), VERIFIED),
        (json!({ "ca": { "certs": ["~/good"] } }), VERIFIED),
        (
            json!({ "ca": { "certs": ["~/other", "~/good"] } }),
            VERIFIED,
        ),
        (json!({ "ca": { "certs": [signed.root.pem()] } }), VERIFIED),
        (json!({ "certs": ["~/other"] }), UNTRUSTED),
        (json!({ "ca": { "certs": ["~/other"] } }), UNTRUSTED),
    ] {
        let config = with(&json!([]), &stores, &["ca:certs"]);
        assert_eq!(signed.verdict(config).await, verdict, "{stores}");
    }
}

#[tokio::test]
async fn k_4_2_a_named_store_gets_nothing_else() {
    let signed = signed().await;
    signed.home.write(
        ".ratify/ratify-certs/notation/truststore/root.pem",
        signed.root.pem(),
    );
    for (stores, verdict) in [
        (json!({ "certs": ["~/other"] }), UNTRUSTED),
        (json!({ "ca": { "certs": ["~/other"] } }), UNTRUSTED),
        // v1.4 would take those of `verificationCerts` here
        (json!({ "certs": [] }), EMPTY),
        (json!({ "ca": { "certs": ["~/none"] } }), EMPTY),
    ] {
        let config = with(&json!(["~/good"]), &stores, &["ca:certs"]);
        assert_eq!(signed.verdict(config).await, verdict, "{stores}");
    }
}

#[tokio::test]
async fn k_4_2_a_store_that_is_not_named_gets_the_files_and_the_default_directory() {
    let signed = signed().await;
    let none = json!({});
    for (certs, stores, verdict) in [
        (json!(["~/good"]), &none, VERIFIED),
        (json!(["~/other", "~/good/root.pem"]), &none, VERIFIED),
        (
            json!(["~/good"]),
            &json!({ "ca": { "another": ["~/other"] } }),
            VERIFIED,
        ),
        (
            json!(["~/good"]),
            &json!({ "tsa": { "certs": ["~/other"] } }),
            VERIFIED,
        ),
        (json!(["~/other"]), &none, UNTRUSTED),
        (json!([]), &none, EMPTY),
        (json!(["~/none"]), &none, EMPTY),
    ] {
        let config = with(&certs, stores, &["ca:certs"]);
        assert_eq!(signed.verdict(config).await, verdict, "{certs} {stores}");
    }
    signed.home.write(
        ".ratify/ratify-certs/notation/truststore/root.pem",
        signed.root.pem(),
    );
    let config = with(&json!([]), &none, &["ca:certs"]);
    assert_eq!(
        signed.verdict(config).await,
        VERIFIED,
        "the default directory"
    );
}

#[tokio::test]
async fn n_t_02_a_store_of_one_type_is_not_one_of_another() {
    let authority = Signed::unsigned(Registry::builder()).await;
    authority.sign(Scheme::SigningAuthority);
    let x509 = Signed::new().await;
    for signed in [&authority, &x509] {
        signed.home.write("good/root.pem", signed.root.pem());
    }
    let named = |kind: &str| json!({ kind: { "certs": ["~/good"] } });
    let ask = |kind: &str| with(&json!([]), &named(kind), &[&format!("{kind}:certs")]);
    assert_eq!(authority.verdict(ask("signingAuthority")).await, VERIFIED);
    assert_eq!(x509.verdict(ask("ca")).await, VERIFIED);
    assert_eq!(authority.verdict(ask("ca")).await, EMPTY);
    assert_eq!(x509.verdict(ask("signingAuthority")).await, EMPTY);
    // the policy wants `ca`, and only a store of the other type is named
    let crossed = with(&json!([]), &named("signingAuthority"), &["ca:certs"]);
    assert_eq!(x509.verdict(crossed).await, EMPTY);
}

#[test]
fn n_s_06_a_leaf_of_somebody_else_is_refused_by_name() {
    let home = Home::new();
    let signer = Authority::new("root").leaf("leaf");
    home.write("certs/chain.pem", signer.pem());
    let told = |name: &str| {
        format!(
            "certificate 1 of `~/certs/chain.pem`: the trust store `{name}` holds `CN=leaf,O=Acme,L=Seattle,ST=WA,C=US`, which is neither a CA nor self-signed; put its issuer there"
        )
    };
    let unnamed = with(&json!(["~/certs"]), &json!({}), &["ca:certs"]);
    let place = "verifier.plugins[0].verificationCerts[0]";
    assert_eq!(
        home.sentence(&unnamed),
        format!("{place}: {}", told("ca:certs"))
    );
    let named = with(
        &json!([]),
        &json!({ "signingAuthority": { "x": ["~/certs"] } }),
        &["signingAuthority:x"],
    );
    let place = "verifier.plugins[0].verificationCertStores.signingAuthority.x[0]";
    assert_eq!(
        home.sentence(&named),
        format!("{place}: {}", told("signingAuthority:x"))
    );

    let own = Chain::self_signed(&Template::leaf("own"));
    home.write("certs/chain.pem", own.pem());
    assert!(
        home.load(&unnamed).is_ok(),
        "a signing certificate that signed itself may be trusted"
    );
}

#[test]
fn n_s_07_a_time_stamp_store_takes_roots_only() {
    let home = Home::new();
    let root = home.authority("certs/root.pem", "root");
    home.write(
        "certs/intermediate.pem",
        root.intermediate("intermediate").pem(),
    );
    let named = with(
        &json!([]),
        &json!({ "tsa": { "t": ["~/certs"] } }),
        &["tsa:t", "ca:certs"],
    );
    let sentence = home.sentence(&named);
    assert!(sentence.starts_with("verifier.plugins[0].verificationCertStores.tsa.t[0]: certificate 1 of `~/certs/intermediate.pem`: the trust store `tsa:t` holds `CN=intermediate,"), "{sentence}");

    // `verificationCerts` mixes authorities of signers and of time stamps: the store takes what it can
    let mixed = with(&json!(["~/certs"]), &json!({}), &["tsa:t", "ca:certs"]);
    assert_eq!(home.warnings(&mixed), Vec::<String>::new());
    let leaf = Chain::self_signed(&Template::leaf("own"));
    home.write("leaf/own.pem", leaf.pem());
    let only_leaf = with(&json!(["~/leaf"]), &json!({}), &["tsa:t", "ca:certs"]);
    let expected = "verifier.plugins[0].verificationCerts: trust store `tsa:t` has no certificates, so signatures that need it are rejected";
    assert_eq!(home.warnings(&only_leaf), [expected]);
}

#[test]
fn what_becomes_of_trust_stores_is_told() {
    let home = Home::new();
    home.authority("certs/root.pem", "root");
    let place = "verifier.plugins[0]";
    let empty = "has no certificates, so signatures that need it are rejected";
    for (certs, stores, names, warnings) in [
        (json!(["~/certs"]), json!({}), vec!["ca:certs"], vec![]),
        (
            json!(["~/none", "~/certs"]),
            json!({}),
            vec!["ca:certs"],
            vec![format!(
                "{place}.verificationCerts[0]: `~/none` is not there"
            )],
        ),
        (
            json!([]),
            json!({ "certs": [] }),
            vec!["ca:certs"],
            vec![format!(
                "{place}.verificationCertStores.certs: trust store `ca:certs` {empty}"
            )],
        ),
        (
            json!(["~/certs"]),
            json!({ "ca": { "cert": ["~/certs"] } }),
            vec!["ca:certs"],
            vec![
                format!(
                    "{place}.verificationCerts: gives its certificates to trust store `ca:certs`, which `verificationCertStores` does not name"
                ),
                format!(
                    "{place}.verificationCertStores.ca.cert: no statement of the trust policy refers to `ca:cert`, so it is not read"
                ),
            ],
        ),
        (
            json!([]),
            json!({ "ca": { "certs": ["kmp-akv"] } }),
            vec!["ca:certs"],
            vec![
                format!("{place}.verificationCertStores.ca.certs[0]: `kmp-akv` is not there"),
                format!("{place}.verificationCertStores.ca.certs: trust store `ca:certs` {empty}"),
            ],
        ),
    ] {
        let config = with(&certs, &stores, &names);
        assert_eq!(home.warnings(&config), warnings, "{certs} {stores}");
    }
}

#[test]
fn stores_nobody_refers_to_are_not_read() {
    let home = Home::new();
    home.authority("certs/root.pem", "root");
    home.write("bad/readme", "not a certificate");
    let stores = json!({ "ca": { "certs": ["~/certs"], "unused": ["~/bad"] } });
    assert!(
        home.load(&with(&json!(["~/bad"]), &stores, &["ca:certs"]))
            .is_ok()
    );
    let sentence = home.sentence(&with(&json!(["~/bad"]), &stores, &["ca:unused"]));
    assert_eq!(
        sentence,
        "verifier.plugins[0].verificationCertStores.ca.unused[0]: `~/bad/readme`: found neither PEM (`-----BEGIN CERTIFICATE-----`) nor DER"
    );
}

#[test]
fn a_private_key_in_a_trust_store_is_an_error() {
    let home = Home::new();
    let chain = Authority::new("root").leaf("leaf");
    home.write("certs/key.pem", chain.key_pem());
    let sentence = home.sentence(&minimal());
    assert_eq!(
        sentence,
        "verifier.plugins[0].verificationCerts[0]: `~/certs/key.pem`: line 1: the PEM block is a private key, expected certificates only"
    );
}
