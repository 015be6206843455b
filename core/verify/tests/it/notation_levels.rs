//! Schemes and times (T-01 to T-07), the anchor, levels (M-01 to M-06), and what this version cannot
//! check yet: time-stamps (TS-01 to TS-05) and revocation.

use jiff::{SignedDuration, Timestamp};
use ratify_testkit::certs::{Authority, Chain, Extension, Name, Template};
use ratify_testkit::envelope::{Envelope, Format, Scheme, Value, headers};
use ratify_testkit::time::{NOW, now_plus, now_plus_days};
use ratify_verify::trust::StoreType;
use ratify_verify::{Accepted, Basis, Finding, Outcome, ReasonCode, Validation, Verdict};
use serde_json::json;

use crate::notation::{Scene, assert_logged, assert_rejected, assert_verified, outcome};

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Judge the usual envelope after a change, in both formats.
fn judge_all(
    scene: &Scene,
    change: impl Fn(Envelope<'static>) -> Envelope<'static>,
) -> [Finding; 2] {
    Format::ALL.map(|format| scene.judge(format, &change(scene.envelope(format)).build()))
}

fn judge(scene: &Scene) -> Finding {
    scene.judge(Format::Cose, &scene.envelope(Format::Cose).build())
}

/// Only a signing authority's root is trusted.
fn authority_scene() -> Scene {
    let mut scene = Scene::new();
    scene.stores[0].0 = StoreType::SigningAuthority;
    scene.statement["trustStores"] = json!(["signingAuthority:acme"]);
    scene
}

/// A chain of which leaf, intermediate or root (by `index`) is valid for these times alone.
fn limited(index: usize, from: Timestamp, to: Timestamp) -> Scene {
    let limit = |at: usize, template: Template| {
        if at == index {
            template.valid(from, to)
        } else {
            template
        }
    };
    let root = Authority::root(&limit(2, Template::authority("Acme Root")));
    let middle = root.intermediate_from(&limit(1, Template::authority("Acme CA")));
    let signer = middle.issue(&limit(0, Template::leaf("acme signer")));
    Scene::with_signer(root, signer)
}

fn add_tsa(scene: &mut Scene) {
    let stores = scene.statement["trustStores"].as_array_mut().unwrap();
    stores.push(json!("tsa:tsa"));
    let root = Authority::new("Time Root");
    scene
        .stores
        .push((StoreType::Tsa, "tsa", vec![root.certificate().to_vec()]));
}

fn valid_until(finding: &Finding) -> Option<Timestamp> {
    finding.verdict.accepted().and_then(Accepted::valid_until)
}

#[track_caller]
fn assert_not_checked(finding: &Finding, validation: Validation, code: ReasonCode) {
    let Some(Outcome::NotChecked(reason)) = outcome(finding, validation) else {
        panic!("{finding:#?}");
    };
    assert_eq!(reason.code(), code);
}

#[track_caller]
fn assert_enforced_failure(finding: &Finding, validation: Validation, code: ReasonCode) {
    let Some(Outcome::Failed {
        reason,
        enforced: true,
    }) = outcome(finding, validation)
    else {
        panic!("{finding:#?}");
    };
    assert_eq!(reason.code(), code);
    assert_eq!(finding.verdict, Verdict::Rejected(reason.clone()));
}

// --- schemes and times ---

#[test]
fn n_t_02_a_scheme_is_matched_with_its_own_stores_alone() {
    let (x509, authority) = (Scene::new(), authority_scene());
    for finding in judge_all(&x509, |e| e.scheme(Scheme::SigningAuthority)) {
        assert_rejected(
            &finding,
            ReasonCode::TrustStoreEmpty,
            "type `signingAuthority`",
        );
    }
    for finding in judge_all(&authority, |e| e) {
        assert_rejected(&finding, ReasonCode::TrustStoreEmpty, "type `ca`");
    }
    for finding in judge_all(&authority, |e| e.scheme(Scheme::SigningAuthority)) {
        assert_verified(&finding);
    }
    // both types listed, but the root is in the other one
    let mut crossed = Scene::new();
    crossed.statement["trustStores"] = json!(["ca:acme", "signingAuthority:acme"]);
    let stranger = Authority::new("Stranger").certificate().to_vec();
    crossed
        .stores
        .push((StoreType::SigningAuthority, "acme", vec![stranger]));
    for finding in judge_all(&crossed, |e| e.scheme(Scheme::SigningAuthority)) {
        assert_rejected(&finding, ReasonCode::SignerUntrusted, "signingAuthority");
    }
    // the same name in a time-stamping store does not help either
    let mut tsa = Scene::new();
    tsa.stores[0].0 = StoreType::Tsa;
    tsa.statement["trustStores"] = json!(["tsa:acme"]);
    assert_rejected(&judge(&tsa), ReasonCode::TrustStoreEmpty, "type `ca`");
}

#[test]
fn n_t_03_an_authentic_signing_time_lies_inside_every_certificate() {
    let (from, to) = (now_plus_days(-10), now_plus_days(-5));
    for index in 0..3 {
        let mut scene = limited(index, from, to);
        scene.stores[0].0 = StoreType::SigningAuthority;
        scene.statement["trustStores"] = json!(["signingAuthority:acme"]);
        let signed_at = |at: Timestamp| {
            judge_all(&scene, move |e| {
                e.scheme(Scheme::SigningAuthority)
                    .authentic_signing_time(at)
            })
        };
        // N T-04: that the certificates are expired now does not matter
        for at in [from, from + SECOND, to] {
            for finding in signed_at(at) {
                assert_verified(&finding);
                assert_eq!(valid_until(&finding), None, "nothing rests on the present");
            }
        }
        for at in [from - SECOND, to + SECOND] {
            for finding in signed_at(at) {
                let code = ReasonCode::SigningTimeOutsideCertificate;
                assert_rejected(&finding, code, "the certificate `");
                assert_enforced_failure(&finding, Validation::AuthenticTimestamp, code);
            }
        }
    }
}

#[test]
fn n_t_05_a_signature_has_expired_when_its_expiry_is_reached() {
    let mut scene = Scene::new();
    let expiry = now_plus(60);
    for (now, good) in [
        (expiry - SECOND, true),
        (expiry, false),
        (expiry + SECOND, false),
    ] {
        scene.now = now;
        for finding in judge_all(&scene, |e| e.expiry(expiry)) {
            if good {
                assert_verified(&finding);
                assert_eq!(valid_until(&finding), Some(expiry));
            } else {
                assert_rejected(
                    &finding,
                    ReasonCode::SignatureExpired,
                    "2026-06-01T12:01:00Z",
                );
                assert_enforced_failure(&finding, Validation::Expiry, ReasonCode::SignatureExpired);
            }
        }
    }
}

#[test]
fn n_t_06_a_token_is_no_signing_time() {
    let scene = limited(0, now_plus_days(-10), now_plus_days(-5));
    for finding in judge_all(&scene, |e| e.timestamp_token(vec![0x30, 0])) {
        assert_rejected(&finding, ReasonCode::CertificateExpired, "acme signer");
    }
}

#[test]
fn n_t_07_a_claimed_signing_time_decides_nothing() {
    let scene = limited(0, now_plus_days(-10), now_plus_days(-5));
    for finding in judge_all(&scene, |e| e.signing_time(now_plus_days(-7))) {
        assert_rejected(&finding, ReasonCode::CertificateExpired, "acme signer");
    }
    let scene = Scene::new();
    for finding in judge_all(&scene, |e| e.signing_time(now_plus_days(10_000))) {
        assert_verified(&finding);
    }
}

#[test]
fn n_ts_01_every_certificate_is_valid_now() {
    let (from, to) = (now_plus_days(-1), now_plus_days(1));
    for index in 0..3 {
        let mut scene = limited(index, from, to);
        for now in [from, NOW, to] {
            scene.now = now;
            let finding = judge(&scene);
            assert_verified(&finding);
            assert_eq!(valid_until(&finding), Some(to));
        }
        for (now, code) in [
            (from - SECOND, ReasonCode::CertificateNotYetValid),
            (to + SECOND, ReasonCode::CertificateExpired),
        ] {
            scene.now = now;
            let finding = judge(&scene);
            assert_rejected(&finding, code, "the certificate `");
            assert_enforced_failure(&finding, Validation::AuthenticTimestamp, code);
        }
    }
}

#[test]
fn an_acceptance_lasts_until_the_first_thing_ends() {
    let scene = limited(1, NOW, now_plus_days(3));
    for (expiry, until) in [(2, 2), (4, 3)] {
        for finding in judge_all(&scene, |e| e.expiry(now_plus_days(expiry))) {
            assert_verified(&finding);
            assert_eq!(valid_until(&finding), Some(now_plus_days(until)));
        }
    }
    // what has ended already and is only logged does not end again
    let mut late = scene.level("permissive", &json!({}));
    late.now = now_plus_days(5);
    for finding in judge_all(&late, |e| e.expiry(now_plus_days(4))) {
        let codes = [ReasonCode::SignatureExpired, ReasonCode::CertificateExpired];
        assert_logged(&finding, &codes);
        assert_eq!(valid_until(&finding), None);
    }
}

// --- the anchor and the identity ---

#[test]
fn n_a_01_a_store_that_is_not_there_or_of_another_type_anchors_nothing() {
    let mut scene = Scene::new();
    scene.statement["trustStores"] = json!(["ca:other"]);
    let finding = judge(&scene);
    assert_rejected(&finding, ReasonCode::TrustStoreEmpty, "`ca:other`");
    assert_enforced_failure(
        &finding,
        Validation::Authenticity,
        ReasonCode::TrustStoreEmpty,
    );
    assert!(finding.signer.is_some(), "who signed is told all the same");
}

#[test]
fn n_a_02_any_certificate_of_the_chain_may_be_the_anchor() {
    let mut scene = Scene::new();
    for index in 1..3 {
        scene.stores[0].2 = vec![scene.signer.certificates[index].clone()];
        assert_verified(&judge(&scene));
    }
    let stranger = Authority::new("Acme Root");
    assert_eq!(stranger.name(), scene.root.name());
    scene.stores[0].2 = vec![stranger.certificate().to_vec()];
    assert_rejected(&judge(&scene), ReasonCode::SignerUntrusted, "Acme Root");
    // same name and key, other certificate: bytes are compared
    let twin = Authority::root(&Template::authority("Acme Root").key(scene.root.key().clone()));
    scene.stores[0].2 = vec![twin.certificate().to_vec()];
    assert_rejected(&judge(&scene), ReasonCode::SignerUntrusted, "Acme Root");
}

#[test]
fn n_a_02_one_of_several_stores_and_certificates_is_enough() {
    let mut scene = Scene::new();
    let stranger = Authority::new("Stranger").certificate().to_vec();
    scene.stores[0].2.insert(0, stranger.clone());
    assert_verified(&judge(&scene));
    scene.stores.push((StoreType::Ca, "others", vec![stranger]));
    scene.statement["trustStores"] = json!(["ca:others", "ca:acme"]);
    assert_verified(&judge(&scene));
    scene.statement["trustStores"] = json!(["ca:others"]);
    assert_rejected(&judge(&scene), ReasonCode::SignerUntrusted, "`others`");
}

#[test]
fn n_a_04_a_self_signed_signer_may_be_pinned() {
    let template = Template::leaf("lone signer");
    let signer = Chain::self_signed(&template);
    let mut scene = Scene::new();
    scene.stores[0].2 = vec![signer.leaf().to_vec()];
    scene.signer = signer;
    assert_verified(&judge(&scene));
}

#[test]
fn n_a_05_the_root_above_a_pinned_intermediate_counts() {
    let mut scene = limited(2, now_plus_days(-10), now_plus_days(-5));
    scene.stores[0].2 = vec![scene.signer.certificates[1].clone()];
    assert_rejected(&judge(&scene), ReasonCode::CertificateExpired, "Acme Root");
}

#[test]
fn n_i_20_the_leaf_has_a_trusted_identity() {
    let mut scene = Scene::new();
    let leaf = Template::leaf("acme signer").subject(Name::new("Acme", "acme signer"));
    scene.signer = scene.root.issue(&leaf);
    let identities = |scene: &mut Scene, identity: &str| {
        scene.statement["trustedIdentities"] = json!([identity]);
    };
    identities(&mut scene, "x509.subject: C=US, ST=WA, O=Acme");
    assert_verified(&judge(&scene));
    identities(&mut scene, "x509.subject: C=US, ST=WA, O=Evil");
    let finding = judge(&scene);
    assert_rejected(&finding, ReasonCode::IdentityUntrusted, "Acme");
    assert_enforced_failure(
        &finding,
        Validation::Authenticity,
        ReasonCode::IdentityUntrusted,
    );
    let signer = finding.signer.unwrap();
    assert!(signer.subject.contains("CN=acme signer"), "{signer:?}");
    assert!(signer.issuer.contains("CN=Acme Root"), "{signer:?}");
}

// --- levels ---

/// What a level says of each failure that is not integrity.
fn level_of(validation: Validation, level: &str) -> bool {
    match level {
        "strict" => true,
        "permissive" => validation == Validation::Authenticity,
        _ => false,
    }
}

/// Makes one validation fail.
type Fail = fn(&mut Scene);

/// One way to fail for each validation that a level governs, and its code.
const FAILURES: [(Validation, ReasonCode, Fail); 6] = [
    (
        Validation::Authenticity,
        ReasonCode::SignerUntrusted,
        |scene| {
            scene.stores[0].2 = vec![Authority::new("Stranger").certificate().to_vec()];
        },
    ),
    (
        Validation::Authenticity,
        ReasonCode::TrustStoreEmpty,
        |scene| scene.stores.clear(),
    ),
    (
        Validation::Authenticity,
        ReasonCode::IdentityUntrusted,
        |scene| {
            scene.statement["trustedIdentities"] = json!(["x509.subject: C=US, ST=WA, O=Evil"]);
        },
    ),
    (Validation::Expiry, ReasonCode::SignatureExpired, |scene| {
        scene.now = now_plus_days(1);
    }),
    (
        Validation::AuthenticTimestamp,
        ReasonCode::TimestampMissing,
        add_tsa,
    ),
    (
        Validation::Revocation,
        ReasonCode::RevocationNotSupported,
        |scene| {
            let leaf = Template::leaf("acme signer").with(Extension::ocsp("http://127.0.0.1/"));
            scene.signer = scene.root.issue(&leaf);
        },
    ),
];

#[test]
fn n_section_8_each_level_enforces_or_logs_each_failure() {
    for (validation, code, fail) in FAILURES {
        for level in ["strict", "permissive", "audit"] {
            let mut scene = Scene::new().level(level, &json!({}));
            fail(&mut scene);
            for finding in judge_all(&scene, |e| e.expiry(now_plus_days(1))) {
                if level_of(validation, level) {
                    assert_enforced_failure(&finding, validation, code);
                } else {
                    assert_logged(&finding, &[code]);
                }
            }
            // an override turns each the other way (N V-06 to V-08)
            let turned = if level_of(validation, level) {
                "log"
            } else {
                "enforce"
            };
            let overrides = json!({ validation.as_str(): turned });
            let mut scene = scene.level(level, &overrides);
            scene.now = scene.now.max(NOW);
            for finding in judge_all(&scene, |e| e.expiry(now_plus_days(1))) {
                if turned == "log" {
                    assert_logged(&finding, &[code]);
                } else {
                    assert_enforced_failure(&finding, validation, code);
                }
            }
        }
    }
}

#[test]
fn n_section_8_integrity_is_enforced_at_every_level() {
    for level in ["strict", "permissive", "audit"] {
        let scene = Scene::new().level(level, &json!({}));
        for format in Format::ALL {
            let tampered = scene.envelope(format).build_with_tampered_signature();
            let finding = scene.judge(format, &tampered);
            let code = ReasonCode::SignatureInvalid;
            assert_enforced_failure(&finding, Validation::Integrity, code);
            let mut short = scene.signer.certificates.clone();
            short.pop();
            let broken = scene.envelope(format).certificates(short).build();
            let finding = scene.judge(format, &broken);
            assert_enforced_failure(&finding, Validation::Integrity, ReasonCode::ChainInvalid);
            assert_eq!(finding.signer, None, "nobody is known to have signed");
        }
    }
}

#[test]
fn n_m_01_after_an_enforced_failure_nothing_more_is_validated() {
    let mut scene = Scene::new();
    scene.now = now_plus_days(30_000);
    let [finding, _] = judge_all(&scene, |e| e.expiry(now_plus_days(1)));
    let made: Vec<_> = finding
        .validations
        .iter()
        .map(|one| one.validation)
        .collect();
    let expected = [
        Validation::Integrity,
        Validation::Authenticity,
        Validation::Expiry,
    ];
    assert_eq!(made, expected);
    assert_rejected(&finding, ReasonCode::SignatureExpired, "expired");
}

#[test]
fn n_m_02_logged_failures_are_kept_in_order() {
    let mut scene = Scene::new().level("audit", &json!({}));
    let leaf = Template::leaf("acme signer")
        .valid(now_plus_days(-1), now_plus_days(2))
        .with(Extension::crl_distribution_point("http://127.0.0.1/crl"));
    scene.signer = scene.root.issue(&leaf);
    scene.stores.clear();
    scene.now = now_plus_days(3);
    for finding in judge_all(&scene, |e| e.expiry(now_plus_days(1))) {
        let codes = [
            ReasonCode::TrustStoreEmpty,
            ReasonCode::SignatureExpired,
            ReasonCode::CertificateExpired,
            ReasonCode::RevocationNotSupported,
        ];
        assert_logged(&finding, &codes);
        let made: Vec<_> = finding
            .validations
            .iter()
            .map(|one| one.validation)
            .collect();
        assert_eq!(made, Validation::ALL);
        let Some(Outcome::Failed {
            enforced: false, ..
        }) = outcome(&finding, Validation::Expiry)
        else {
            panic!("{finding:#?}");
        };
    }
}

#[test]
fn n_m_03_anchor_and_identity_are_one_result_and_both_are_logged() {
    let mut scene = Scene::new().level("audit", &json!({}));
    scene.stores[0].2 = vec![Authority::new("Stranger").certificate().to_vec()];
    assert_logged(&judge(&scene), &[ReasonCode::SignerUntrusted]);
    scene.statement["trustedIdentities"] = json!(["x509.subject: C=US, ST=WA, O=Evil"]);
    let finding = judge(&scene);
    let both = [ReasonCode::SignerUntrusted, ReasonCode::IdentityUntrusted];
    assert_logged(&finding, &both);
    let results = finding.validations.iter();
    let results: Vec<_> = results
        .filter(|one| one.validation == Validation::Authenticity)
        .collect();
    let [only] = results.as_slice() else {
        panic!("{finding:#?}");
    };
    let Outcome::Failed {
        reason,
        enforced: false,
    } = &only.outcome
    else {
        panic!("{finding:#?}");
    };
    assert_eq!(reason.code(), ReasonCode::IdentityUntrusted);
}

#[test]
fn n_m_04_no_level_governs_plugins_critical_attributes_and_the_payload() {
    for level in ["strict", "permissive", "audit"] {
        let scene = Scene::new().level(level, &json!({}));
        for finding in judge_all(&scene, |e| {
            e.protected_critical(headers::VERIFICATION_PLUGIN, "evil\u{1b}[2J".into())
        }) {
            assert_rejected(&finding, ReasonCode::PluginRequired, "`evil\\u{1b}[2J`");
        }
        for finding in judge_all(&scene, |e| e.protected_critical("x", Value::Bool(true))) {
            assert_rejected(&finding, ReasonCode::CriticalAttributeUnknown, "`x`");
        }
        for finding in judge_all(&scene, |e| e.payload("{}")) {
            assert_rejected(&finding, ReasonCode::PayloadInvalid, "targetArtifact");
        }
    }
}

#[test]
fn n_m_05_at_level_audit_any_well_formed_chain_will_do() {
    let mut scene = Scene::new().level("audit", &json!({}));
    scene.signer = Authority::new("Nobody").leaf("nobody");
    for finding in judge_all(&scene, |e| e) {
        assert_logged(&finding, &[ReasonCode::SignerUntrusted]);
    }
}

#[test]
fn n_pg_01_a_plugin_must_be_critical_and_not_blank() {
    let scene = Scene::new();
    let plugin = headers::VERIFICATION_PLUGIN;
    let malformed = ReasonCode::EnvelopeMalformed;
    for finding in judge_all(&scene, |e| e.protected(plugin, "p".into())) {
        assert_rejected(
            &finding,
            malformed,
            "does not list `io.cncf.notary.verificationPlugin`",
        );
    }
    for finding in judge_all(&scene, |e| e.protected_critical(plugin, " ".into())) {
        assert_rejected(&finding, malformed, "is blank");
    }
    for finding in judge_all(&scene, |e| e.protected_critical(plugin, Value::Int(1))) {
        assert_rejected(&finding, malformed, "verificationPlugin` is ");
    }
}

#[test]
fn n_pg_04_a_plugin_version_without_a_plugin_is_unknown_and_critical() {
    let scene = Scene::new();
    let version = "io.cncf.notary.verificationPluginMinVersion";
    for finding in judge_all(&scene, |e| e.protected_critical(version, "1.0.0".into())) {
        assert_rejected(&finding, ReasonCode::CriticalAttributeUnknown, version);
    }
    for finding in judge_all(&scene, |e| {
        e.protected_critical(headers::VERIFICATION_PLUGIN, "p".into())
            .protected_critical(version, "1.0.0".into())
    }) {
        assert_rejected(&finding, ReasonCode::PluginRequired, "`p`");
    }
}

// --- what this version cannot check yet ---

#[test]
fn n_ts_02_a_due_token_that_is_missing_fails_while_the_chain_is_valid() {
    let mut scene = Scene::new();
    add_tsa(&mut scene);
    for finding in judge_all(&scene, |e| e) {
        assert_rejected(&finding, ReasonCode::TimestampMissing, "no time-stamp");
    }
    for finding in judge_all(&scene, |e| e.timestamp_token(Vec::new())) {
        assert_rejected(&finding, ReasonCode::TimestampMissing, "no time-stamp");
    }
}

#[test]
fn n_ts_04_a_due_token_cannot_be_verified_yet_and_there_is_no_fallback() {
    for verify in [json!(null), json!("always")] {
        let mut scene = Scene::new();
        add_tsa(&mut scene);
        if !verify.is_null() {
            scene.statement["signatureVerification"]["verifyTimestamp"] = verify;
        }
        for finding in judge_all(&scene, |e| e.timestamp_token(vec![0x30, 0])) {
            let code = ReasonCode::TimestampNotSupported;
            assert_enforced_failure(&finding, Validation::AuthenticTimestamp, code);
        }
        let overrides = json!({ "authenticTimestamp": "log" });
        scene.statement["signatureVerification"]["override"] = overrides;
        for finding in judge_all(&scene, |e| e.timestamp_token(vec![0x30, 0])) {
            let code = ReasonCode::TimestampNotSupported;
            assert_logged(&finding, &[code]);
            assert_not_checked(&finding, Validation::AuthenticTimestamp, code);
            assert_eq!(valid_until(&finding), None, "the chain was not looked at");
        }
    }
}

#[test]
fn n_ts_05_after_cert_expiry_a_token_is_due_only_then() {
    let (from, to) = (now_plus_days(-1), now_plus_days(1));
    for index in 0..3 {
        let mut scene = limited(index, from, to);
        add_tsa(&mut scene);
        scene.statement["signatureVerification"]["verifyTimestamp"] = json!("afterCertExpiry");
        for now in [from, to] {
            scene.now = now;
            for finding in judge_all(&scene, |e| e.timestamp_token(vec![1])) {
                assert_verified(&finding);
                assert_eq!(valid_until(&finding), Some(to));
            }
        }
        scene.now = from - SECOND;
        for finding in judge_all(&scene, |e| e.timestamp_token(vec![1])) {
            assert_rejected(
                &finding,
                ReasonCode::CertificateNotYetValid,
                "not valid before",
            );
        }
        scene.now = to + SECOND;
        for finding in judge_all(&scene, |e| e.timestamp_token(vec![1])) {
            assert_rejected(
                &finding,
                ReasonCode::TimestampNotSupported,
                "cannot be verified",
            );
        }
        for finding in judge_all(&scene, |e| e) {
            assert_rejected(&finding, ReasonCode::TimestampMissing, "no time-stamp");
        }
    }
}

#[test]
fn n_9_1_under_a_signing_authority_a_token_is_ignored() {
    let mut scene = authority_scene();
    add_tsa(&mut scene);
    for finding in judge_all(&scene, |e| e.scheme(Scheme::SigningAuthority)) {
        assert_verified(&finding);
    }
    for finding in judge_all(&scene, |e| {
        e.scheme(Scheme::SigningAuthority).timestamp_token(vec![1])
    }) {
        assert_verified(&finding);
    }
}

#[test]
fn revocation_that_cannot_be_asked_is_rejected_logged_or_skipped() {
    let pointers = [
        Extension::ocsp("http://127.0.0.1/ocsp"),
        Extension::crl_distribution_point("http://127.0.0.1/crl"),
    ];
    for pointer in pointers {
        for index in 0..2 {
            let with = |at: usize, template: Template| {
                if at == index {
                    template.with(pointer.clone())
                } else {
                    template
                }
            };
            let root = Authority::new("Acme Root");
            let middle = root.intermediate_from(&with(1, Template::authority("Acme CA")));
            let signer = middle.issue(&with(0, Template::leaf("acme signer")));
            let scene = Scene::with_signer(root, signer);
            let code = ReasonCode::RevocationNotSupported;
            let finding = judge(&scene);
            assert_enforced_failure(&finding, Validation::Revocation, code);

            let logged = scene
                .clone()
                .level("strict", &json!({ "revocation": "log" }));
            let finding = judge(&logged);
            assert_logged(&finding, &[code]);
            assert_not_checked(&finding, Validation::Revocation, code);

            let skipped = scene.level("strict", &json!({ "revocation": "skip" }));
            let finding = judge(&skipped);
            assert_verified(&finding);
            assert_eq!(
                outcome(&finding, Validation::Revocation),
                Some(&Outcome::Skipped)
            );
        }
    }
}

#[test]
fn n_p_25_without_a_pointer_below_the_root_there_is_nothing_to_ask() {
    let pointer = Extension::ocsp("http://127.0.0.1/ocsp");
    let root = Authority::root(&Template::authority("Acme Root").with(pointer.clone()));
    let signer = root.leaf("acme signer");
    let scene = Scene::with_signer(root, signer);
    let finding = judge(&scene);
    assert_verified(&finding);
    assert_eq!(
        outcome(&finding, Validation::Revocation),
        Some(&Outcome::Passed)
    );

    let lone = Chain::self_signed(&Template::leaf("lone signer").with(pointer));
    let mut scene = Scene::new();
    scene.stores[0].2 = vec![lone.leaf().to_vec()];
    scene.signer = lone;
    assert_verified(&judge(&scene));
}

#[test]
fn everything_passed_is_reported_so() {
    let scene = Scene::new();
    for finding in judge_all(&scene, |e| e) {
        assert_eq!(
            finding.verdict.accepted().map(Accepted::basis),
            Some(&Basis::Verified)
        );
        let outcomes = finding
            .validations
            .iter()
            .map(|one| (one.validation, &one.outcome));
        let expected = Validation::ALL.map(|validation| (validation, &Outcome::Passed));
        assert_eq!(outcomes.collect::<Vec<_>>(), expected);
        assert_eq!(&*finding.verifier, "verifier-notation");
        assert_eq!(&*finding.verifier_type, "notation");
        assert!(finding.artifact.is_some());
        assert_eq!(
            &*finding.artifact_type,
            ratify_verify::notation::SIGNATURE_ARTIFACT_TYPE
        );
    }
}

#[test]
fn the_statement_of_the_repository_decides() {
    let mut scene = Scene::new();
    scene.statement["registryScopes"] = json!(["*"]);
    assert_verified(&judge(&scene));
    scene.statement["registryScopes"] = json!(["registry.example.com/web/sub"]);
    assert_rejected(
        &judge(&scene),
        ReasonCode::NoTrustPolicy,
        "registry.example.com/web",
    );
}
