//! Trust policy documents: what is refused, what is only warned of, and which statement counts (N L-05, V-01 to V-15,
//! R-01 to R-07, I-01 to I-12, P-06). Every test starts from a good document and changes one thing.

use proptest::prelude::*;
use ratify_oci::{Reference, Repository};
use ratify_verify::Validation;
use ratify_verify::trust::{
    Action, Parsed, PolicyFault as Fault, Statement, StoreType, TrustPolicy,
    TrustPolicyError as Error, TrustPolicyWarning as Warning, VerifyTimestamp,
};
use serde_json::{Value as Json, json};

fn statement() -> Json {
    json!({
        "name": "acme",
        "registryScopes": ["registry.example.com/web"],
        "signatureVerification": { "level": "strict" },
        "trustStores": ["ca:acme"],
        "trustedIdentities": ["x509.subject: C=US, ST=WA, O=Acme"],
    })
}

/// A statement with one member replaced; `null` takes it out.
fn with(name: &str, value: Json) -> Json {
    let mut statement = statement();
    if value.is_null() {
        statement.as_object_mut().unwrap().remove(name);
    } else {
        statement[name] = value;
    }
    statement
}

fn document(statements: &[Json]) -> Json {
    json!({ "version": "1.0", "trustPolicies": statements })
}

fn parse(document: &Json) -> Result<Parsed, Error> {
    TrustPolicy::parse(document.to_string().as_bytes())
}

#[track_caller]
fn good(statements: &[Json]) -> Parsed {
    parse(&document(statements)).unwrap()
}

#[track_caller]
fn only(statement: Json) -> Statement {
    good(&[statement]).policy.statements()[0].clone()
}

/// Path and rule that are complained about.
#[track_caller]
fn refused(document: &Json) -> (String, Fault) {
    match parse(document) {
        Err(Error::Rule { path, fault }) => (path, fault),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn fault(statement: Json) -> (String, Fault) {
    let (path, fault) = refused(&document(&[statement]));
    let inner = path.strip_prefix("trustPolicies[0].").map(str::to_owned);
    (inner.unwrap_or(path), fault)
}

fn warnings(statements: &[Json]) -> Vec<Warning> {
    good(statements).warnings
}

fn repository(text: &str) -> Repository {
    let reference: Reference = text.parse().unwrap();
    reference.repository().clone()
}

#[test]
fn a_good_document_says_what_it_says() {
    let parsed = good(&[statement()]);
    assert_eq!(parsed.warnings, []);
    let selected = parsed
        .policy
        .select(&repository("registry.example.com/web"));
    let statement = selected.unwrap();
    assert_eq!(statement.name(), "acme");
    assert_eq!(
        statement.stores(StoreType::Ca).collect::<Vec<_>>(),
        ["acme"]
    );
    assert_eq!(statement.stores(StoreType::Tsa).count(), 0);
    assert!(!statement.is_skip() && !statement.identities().is_any());
}

#[test]
fn n_l_05_duplicate_names_are_refused_wherever_they_are() {
    for text in [
        r#"{"version":"1.0","version":"1.0","trustPolicies":[]}"#,
        r#"{"version":"1.0","trustPolicies":[{"name":"a","signatureVerification":{"level":"strict","level":"skip"}}]}"#,
        r#"{"version":"1.0","vendor":{"x":1,"x":2},"trustPolicies":[]}"#,
    ] {
        let error = TrustPolicy::parse(text.as_bytes()).unwrap_err();
        assert!(matches!(error, Error::Json(_)), "{error}");
        assert!(error.to_string().contains("occurs twice"), "{error}");
    }
}

#[test]
fn n_l_05_anything_after_the_document_is_refused() {
    let mut text = document(&[statement()]).to_string();
    assert!(TrustPolicy::parse(text.as_bytes()).is_ok());
    text.push_str(" {}");
    let error = TrustPolicy::parse(text.as_bytes()).unwrap_err();
    assert!(matches!(error, Error::Json(_)), "{error}");
}

#[test]
fn n_l_05_known_names_in_another_case_are_refused() {
    for (name, meant) in [
        ("RegistryScopes", "registryScopes"),
        ("truststores", "trustStores"),
        ("NAME", "name"),
    ] {
        let mut statement = statement();
        statement[name] = json!("x");
        assert_eq!(fault(statement), (name.into(), Fault::CaseVariant(meant)));
    }
    let mut document = document(&[statement()]);
    document["Version"] = json!("1.0");
    let (path, fault) = refused(&document);
    assert_eq!(
        (path.as_str(), fault),
        ("Version", Fault::CaseVariant("version"))
    );
}

#[test]
fn n_l_05_a_slip_in_signature_verification_is_refused() {
    for (name, wanted) in [
        ("overrides", Fault::Unknown(Some("override"))),
        ("Override", Fault::CaseVariant("override")),
        ("verifyTimeStamp", Fault::CaseVariant("verifyTimestamp")),
        ("verifyTimestamps", Fault::Unknown(Some("verifyTimestamp"))),
        ("comment", Fault::Unknown(None)),
    ] {
        let mut verification = json!({ "level": "strict" });
        verification[name] = json!({});
        assert_eq!(
            fault(with("signatureVerification", verification)),
            (format!("signatureVerification.{name}"), wanted)
        );
    }
}

#[test]
fn unknown_members_elsewhere_are_warnings_with_the_nearest_name() {
    let mut statement = statement();
    statement["trustStore"] = json!([]);
    statement["x-owner"] = json!({ "deep": [1, 2, 3] });
    let mut document = document(&[statement]);
    document["description"] = json!("ours");
    let warnings = parse(&document).unwrap().warnings;
    let texts: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "`description` is not known and is ignored",
            "`trustPolicies[0].trustStore` is not known and is ignored; was `trustStores` meant?",
            "`trustPolicies[0].x-owner` is not known and is ignored",
        ]
    );
}

#[test]
fn n_l_06_one_bad_statement_invalidates_the_document() {
    let mut other = with("name", json!("other"));
    other["registryScopes"] = json!(["registry.example.com/other"]);
    other["signatureVerification"]["level"] = json!("Strict");
    let (path, _) = refused(&document(&[statement(), other]));
    assert_eq!(path, "trustPolicies[1].signatureVerification.level");
}

#[test]
fn types_are_checked_and_null_is_absent() {
    for (name, value, path) in [
        ("name", json!(1), "name"),
        ("registryScopes", json!("*"), "registryScopes"),
        ("registryScopes", json!([1]), "registryScopes[0]"),
        (
            "signatureVerification",
            json!("strict"),
            "signatureVerification",
        ),
        (
            "signatureVerification",
            json!({"level": {}}),
            "signatureVerification.level",
        ),
        (
            "signatureVerification",
            json!({"level": "strict", "override": []}),
            "signatureVerification.override",
        ),
        (
            "signatureVerification",
            json!({"level": "strict", "override": {"expiry": true}}),
            "signatureVerification.override.expiry",
        ),
        (
            "signatureVerification",
            json!({"level": "strict", "verifyTimestamp": 1}),
            "signatureVerification.verifyTimestamp",
        ),
        ("trustStores", json!({}), "trustStores"),
        ("trustStores", json!([["ca:a"]]), "trustStores[0]"),
        ("trustedIdentities", json!("*"), "trustedIdentities"),
        ("trustedIdentities", json!([null]), "trustedIdentities[0]"),
    ] {
        let (at, fault) = fault(with(name, value));
        assert_eq!(at, path);
        assert!(matches!(fault, Fault::Type { .. }), "{fault}");
    }
    let verification = json!({ "level": "strict", "override": null, "verifyTimestamp": null });
    only(with("signatureVerification", verification));
    let (path, fault) = refused(&json!([]));
    assert_eq!(path, "trust policy");
    assert!(matches!(
        fault,
        Fault::Type {
            found: "an array",
            ..
        }
    ));
    let statement = refused(&document(&[json!("x")]));
    assert_eq!(statement.0, "trustPolicies[0]");
}

#[test]
fn n_v_01_version_is_exactly_1_0() {
    for (version, wanted) in [
        (json!(null), Fault::Missing),
        (json!(""), Fault::Missing),
        (json!("1"), Fault::Version("1".into())),
        (json!("1.00"), Fault::Version("1.00".into())),
        (json!("2.0"), Fault::Version("2.0".into())),
        (json!(" 1.0"), Fault::Version(" 1.0".into())),
    ] {
        let mut document = document(&[statement()]);
        document["version"] = version;
        assert_eq!(refused(&document), ("version".into(), wanted));
    }
}

#[test]
fn n_v_02_att_45_at_least_one_statement() {
    for none in [json!([]), json!(null)] {
        let document = json!({ "version": "1.0", "trustPolicies": none });
        assert_eq!(refused(&document), ("trustPolicies".into(), Fault::Missing));
    }
    assert_eq!(
        refused(&json!({ "version": "1.0" })),
        ("trustPolicies".into(), Fault::Missing)
    );
}

#[test]
fn n_v_03_names_are_there_and_unique() {
    for (name, wanted) in [
        (json!(null), Fault::Missing),
        (json!(""), Fault::Missing),
        (json!(" \t"), Fault::BlankName),
    ] {
        assert_eq!(fault(with("name", name)), ("name".into(), wanted));
    }
    let second = |name: &str| {
        let mut second = with("name", json!(name));
        second["registryScopes"] = json!(["*"]);
        second
    };
    assert_eq!(
        refused(&document(&[statement(), second("acme")])),
        (
            "trustPolicies[1].name".into(),
            Fault::DuplicateName("acme".into())
        )
    );
    good(&[statement(), second("Acme")]);
}

fn with_level(level: &str) -> Json {
    with("signatureVerification", json!({ "level": level }))
}

fn skip() -> Json {
    let mut skip = with_level("skip");
    skip["trustStores"] = json!([]);
    skip["trustedIdentities"] = json!([]);
    skip
}

#[test]
fn n_v_04_levels() {
    use Action::{Enforce, Log};
    for (level, authenticity, rest) in [
        ("strict", Enforce, Enforce),
        ("permissive", Enforce, Log),
        ("audit", Log, Log),
    ] {
        let statement = only(with_level(level));
        assert_eq!(statement.action(Validation::Integrity), Enforce);
        assert_eq!(statement.action(Validation::Authenticity), authenticity);
        for validation in [
            Validation::AuthenticTimestamp,
            Validation::Expiry,
            Validation::Revocation,
        ] {
            assert_eq!(statement.action(validation), rest, "{level}");
        }
    }
    let skipping = only(skip());
    assert!(skipping.is_skip());
    for validation in Validation::ALL {
        assert_eq!(skipping.action(validation), Action::Skip);
    }
    for bad in ["Strict", "STRICT", "strict ", "enforce", "none"] {
        assert_eq!(
            fault(with_level(bad)),
            (
                "signatureVerification.level".into(),
                Fault::Level(bad.into())
            )
        );
    }
    for missing in [
        json!(null),
        json!({}),
        json!({"level": ""}),
        json!({"level": null}),
    ] {
        assert_eq!(
            fault(with("signatureVerification", missing)),
            ("signatureVerification.level".into(), Fault::Missing)
        );
    }
}

fn overriding(level: &str, overrides: &Json) -> Json {
    let verification = json!({ "level": level, "override": overrides });
    with("signatureVerification", verification)
}

#[test]
fn n_v_05_skip_cannot_be_overridden() {
    let mut statement = skip();
    statement["signatureVerification"]["override"] = json!({ "expiry": "log" });
    assert_eq!(
        fault(statement),
        (
            "signatureVerification.override".into(),
            Fault::OverrideOfSkip
        )
    );
    let mut statement = skip();
    statement["signatureVerification"]["override"] = json!({});
    assert!(only(statement).is_skip());
}

#[test]
fn n_v_06_which_validations_can_be_overridden() {
    for action in ["enforce", "log", "skip"] {
        assert_eq!(
            fault(overriding("permissive", &json!({ "integrity": action }))),
            (
                "signatureVerification.override.integrity".into(),
                Fault::OverrideOfIntegrity
            )
        );
    }
    for (name, wanted) in [
        ("Expiry", Fault::CaseVariant("expiry")),
        (
            "authenticTimestamps",
            Fault::Unknown(Some("authenticTimestamp")),
        ),
        ("everything", Fault::Unknown(None)),
    ] {
        let mut overrides = json!({});
        overrides[name] = json!("log");
        let (path, fault) = fault(overriding("strict", &overrides));
        assert_eq!(path, format!("signatureVerification.override.{name}"));
        assert_eq!(fault, wanted);
    }
}

#[test]
fn n_v_07_actions_of_overrides() {
    for name in ["authenticity", "authenticTimestamp", "expiry", "revocation"] {
        for word in ["enforce", "log", "skip", "Log", "", "true"] {
            let mut overrides = json!({});
            overrides[name] = json!(word);
            let good =
                matches!(word, "enforce" | "log") || (word == "skip" && name == "revocation");
            let document = document(&[overriding("strict", &overrides)]);
            match parse(&document) {
                Ok(_) => assert!(good, "{name}: {word}"),
                Err(Error::Rule { fault, .. }) => {
                    assert!(!good, "{name}: {word}");
                    assert!(matches!(fault, Fault::Action { .. }), "{fault}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn n_v_08_att_26_an_override_changes_that_action_alone() {
    for level in ["strict", "permissive", "audit"] {
        let base = only(with_level(level));
        for (changed, name) in [
            (Validation::Authenticity, "authenticity"),
            (Validation::AuthenticTimestamp, "authenticTimestamp"),
            (Validation::Expiry, "expiry"),
            (Validation::Revocation, "revocation"),
        ] {
            for (word, action) in [("enforce", Action::Enforce), ("log", Action::Log)] {
                let mut overrides = json!({});
                overrides[name] = json!(word);
                let statement = only(overriding(level, &overrides));
                for validation in Validation::ALL {
                    let wanted = if validation == changed {
                        action
                    } else {
                        base.action(validation)
                    };
                    assert_eq!(
                        statement.action(validation),
                        wanted,
                        "{level} {name} {word}"
                    );
                }
            }
        }
    }
    let skipping = only(overriding("strict", &json!({ "revocation": "skip" })));
    assert_eq!(skipping.action(Validation::Revocation), Action::Skip);
    assert!(!skipping.is_skip());
}

#[test]
fn n_v_09_when_time_stamps_are_looked_at() {
    let with_word = |word: Json| {
        let verification = json!({ "level": "strict", "verifyTimestamp": word });
        with("signatureVerification", verification)
    };
    for (word, wanted) in [
        (json!(null), VerifyTimestamp::Always),
        (json!(""), VerifyTimestamp::Always),
        (json!("always"), VerifyTimestamp::Always),
        (json!("afterCertExpiry"), VerifyTimestamp::AfterCertExpiry),
    ] {
        assert_eq!(only(with_word(word)).verify_timestamp(), wanted);
    }
    assert_eq!(
        only(statement()).verify_timestamp(),
        VerifyTimestamp::Always
    );
    for word in ["Always", "aftercertexpiry", "never"] {
        assert_eq!(
            fault(with_word(json!(word))),
            (
                "signatureVerification.verifyTimestamp".into(),
                Fault::VerifyTimestamp(word.into())
            )
        );
    }
}

#[test]
fn n_v_10_skip_trusts_nobody_by_name() {
    for (name, value) in [
        ("trustStores", json!(["ca:acme"])),
        ("trustedIdentities", json!(["*"])),
    ] {
        let mut statement = skip();
        statement[name] = value;
        assert_eq!(fault(statement), (name.into(), Fault::TrustAtSkip));
    }
    let mut absent = skip();
    absent.as_object_mut().unwrap().remove("trustStores");
    absent.as_object_mut().unwrap().remove("trustedIdentities");
    assert!(only(absent).is_skip());
}

#[test]
fn n_v_11_att_45_every_other_level_names_stores_and_identities() {
    for level in ["strict", "permissive", "audit"] {
        for name in ["trustStores", "trustedIdentities"] {
            for none in [json!([]), json!(null)] {
                let mut statement = with_level(level);
                statement[name] = none;
                assert_eq!(fault(statement), (name.into(), Fault::Missing));
            }
        }
    }
}

#[test]
fn n_v_12_store_names() {
    let stores = json!(["ca:a", "signingAuthority:A.b-c_9", "tsa:x", "ca:..."]);
    let statement = only(with("trustStores", stores));
    let names = |kind| statement.stores(kind).collect::<Vec<_>>();
    assert_eq!(names(StoreType::Ca), ["a", "..."]);
    assert_eq!(names(StoreType::SigningAuthority), ["A.b-c_9"]);
    assert_eq!(names(StoreType::Tsa), ["x"]);
    for form in [
        "*",
        "acme",
        "CA:acme",
        "signingauthority:a",
        "x:a",
        ":a",
        "",
    ] {
        assert_eq!(
            fault(with("trustStores", json!([form]))),
            ("trustStores[0]".into(), Fault::StoreForm(form.into()))
        );
    }
    for name in ["", "a b", "a/b", "a:b", "a\\b", "ä", "a\0"] {
        assert_eq!(
            fault(with("trustStores", json!([format!("ca:{name}")]))),
            ("trustStores[0]".into(), Fault::StoreName(name.into()))
        );
    }
}

#[test]
fn n_v_13_a_store_name_does_not_leave_its_directory() {
    for name in [".", "..", "../x"] {
        let (path, fault) = fault(with("trustStores", json!(["ca:a", format!("ca:{name}")])));
        assert_eq!(path, "trustStores[1]");
        assert_eq!(fault, Fault::StoreName(name.into()));
    }
    let twins = [with("trustStores", json!(["ca:acme", "ca:Acme"]))];
    assert!(matches!(
        warnings(&twins)[..],
        [Warning::StoresDifferInCase { .. }]
    ));
}

#[test]
fn n_v_14_a_store_named_twice_counts_once() {
    let stores = json!(["ca:a", "ca:a", "tsa:a"]);
    let statement = only(with("trustStores", stores));
    assert_eq!(statement.stores(StoreType::Ca).count(), 1);
    assert_eq!(statement.stores(StoreType::Tsa).count(), 1);
}

#[test]
fn n_v_15_only_time_stamping_stores_is_worth_a_warning() {
    let only_tsa = [with("trustStores", json!(["tsa:a", "tsa:b"]))];
    assert_eq!(
        warnings(&only_tsa),
        [Warning::OnlyTsaStores {
            statement: "acme".into()
        }]
    );
    let mixed = [with("trustStores", json!(["tsa:a", "signingAuthority:b"]))];
    assert_eq!(warnings(&mixed), []);
}

fn scoped(name: &str, scopes: &[&str]) -> Json {
    let mut statement = with("name", json!(name));
    statement["registryScopes"] = json!(scopes);
    statement
}

#[test]
fn n_r_01_att_45_at_least_one_scope() {
    for none in [json!([]), json!(null)] {
        assert_eq!(
            fault(with("registryScopes", none)),
            ("registryScopes".into(), Fault::Missing)
        );
    }
}

#[test]
fn n_r_02_the_wildcard_stands_alone() {
    for scopes in [
        ["*", "registry.example.com/a"],
        ["registry.example.com/a", "*"],
    ] {
        assert_eq!(
            fault(scoped("acme", &scopes)),
            ("registryScopes".into(), Fault::GlobalBesideOthers)
        );
    }
}

#[test]
fn n_r_03_a_scope_occurs_once() {
    let twice = |one: &[&str], other: &[&str]| {
        refused(&document(&[scoped("first", one), scoped("second", other)]))
    };
    let duplicate = |scope: &str, statement: &str| Fault::DuplicateScope {
        scope: scope.into(),
        statement: statement.into(),
    };
    assert_eq!(
        twice(&["*"], &["*"]),
        (
            "trustPolicies[1].registryScopes[0]".into(),
            duplicate("*", "first")
        )
    );
    assert_eq!(
        twice(&["r.io/a", "r.io/b"], &["r.io/c", "r.io/a"]),
        (
            "trustPolicies[1].registryScopes[1]".into(),
            duplicate("r.io/a", "first")
        )
    );
    assert_eq!(
        fault(scoped("acme", &["r.io/a", "r.io/a"])),
        ("registryScopes[1]".into(), duplicate("r.io/a", "acme"))
    );
    // another spelling of the same registry (P-06)
    assert_eq!(
        twice(&["r.io/a"], &["R.IO:443/a"]).1,
        duplicate("r.io/a", "first")
    );
}

#[test]
fn n_r_04_wildcards_inside_are_refused() {
    for scope in [
        "example.com/*",
        "*/",
        "example*/",
        "ex*test",
        "**",
        "*.example.com/a",
    ] {
        let (path, fault) = fault(scoped("acme", &[scope]));
        assert_eq!(path, "registryScopes[0]");
        assert!(fault.to_string().contains("`*`"), "{fault}");
    }
}

#[test]
fn n_r_05_the_form_of_scopes() {
    for scope in [
        "example.com/rep",
        "example.com:8080/rep/rep2",
        "example.com/rep/subrep/subsub",
        "10.10.10.10:8080/rep/rep2",
        "domain/rep",
        "domain:1234/rep",
        "localhost:5000/a",
        "Registry.Example.com/a.b_c__d---e",
    ] {
        good(&[scoped("acme", &[scope])]);
    }
    for scope in [
        "",
        "1:1",
        "a,b",
        "abcd",
        "1111",
        "1,2",
        "example.com/rep:tag",
        "example.com/rep/subrep/sub:latest",
        "example.com",
        "rep/rep2:latest",
        "repository",
        "10.10.10.10",
        "10.10.10.10:8080/rep/rep2:latest",
        "https://example.com/rep",
        "example.com/",
        "/rep",
        "example.com/Rep",
        "example.com/rep/",
        "example.com//rep",
        "example.com/rep@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "example.com./rep",
        "exa mple.com/rep",
        "-example.com/rep",
        "example.com:/rep",
        "example.com:x/rep",
        "example.com:0/rep",
        "example.com:70000/rep",
        "[::1]:5000/rep",
        "\\example.com/rep",
        "10.1/rep",
        "256.0.0.1/rep",
    ] {
        let (path, fault) = fault(scoped("acme", &[scope]));
        assert_eq!(path, "registryScopes[0]", "{scope}");
        assert!(matches!(fault, Fault::Scope(_)), "{scope}: {fault}");
    }
    let long = format!("example.com/{}", "a".repeat(600));
    assert!(matches!(fault(scoped("acme", &[&long])).1, Fault::Scope(_)));
}

fn skip_everything() -> Json {
    let mut statement = skip();
    statement["registryScopes"] = json!(["*"]);
    statement
}

#[test]
fn n_r_06_skip_for_everything_is_accepted_with_a_warning() {
    let parsed = good(&[skip_everything()]);
    assert!(
        parsed
            .policy
            .select(&repository("r.io/a"))
            .unwrap()
            .is_skip()
    );
    let texts: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        ["statement `acme` admits every image without looking: level `skip` for the scope `*`"]
    );
    assert_eq!(
        warnings(&[skip()]),
        [],
        "for one repository it is no surprise"
    );
}

#[test]
fn n_r_07_scopes_are_not_expanded() {
    let parsed = good(&[scoped("acme", &["docker.io/nginx"])]);
    assert!(parsed.policy.select(&repository("nginx")).is_none());
    assert!(matches!(
        parsed.warnings[..],
        [Warning::UnreachableScope { .. }]
    ));
    let parsed = good(&[scoped("acme", &["docker.io/library/nginx"])]);
    assert!(parsed.policy.select(&repository("nginx")).is_some());
    assert_eq!(parsed.warnings, []);
}

fn selected(policy: &TrustPolicy, reference: &str) -> Option<String> {
    let statement = policy.select(&repository(reference));
    statement.map(|statement| statement.name().to_owned())
}

#[test]
fn n_6_3_att_60_the_exact_scope_then_the_wildcard_then_none() {
    let statements = [scoped("web", &["r.io/team/web"]), scoped("all", &["*"])];
    let policy = good(&statements).policy;
    for (reference, name) in [
        ("r.io/team/web", "web"),
        ("r.io/team/web:v1", "web"),
        // T-60: no prefix of a scope is a scope, and a port is another registry
        ("r.io/team/web2", "all"),
        ("r.io/team/web/sub", "all"),
        ("r.io/team", "all"),
        ("r.io:5000/team/web", "all"),
        ("xr.io/team/web", "all"),
        ("r.io.evil.com/team/web", "all"),
    ] {
        assert_eq!(
            selected(&policy, reference).as_deref(),
            Some(name),
            "{reference}"
        );
    }
    let policy = good(&statements[..1]).policy;
    assert_eq!(selected(&policy, "r.io/team/web2"), None);
    assert_eq!(selected(&policy, "r.io/team/web").as_deref(), Some("web"));
}

#[test]
fn n_p_06_another_spelling_of_the_registry_does_not_slip_past() {
    let statements = [
        scoped(
            "strict",
            &[
                "registry.example.com/web",
                "docker.io/org/app",
                "10.0.0.1/x",
            ],
        ),
        scoped("all", &["*"]),
    ];
    let policy = good(&statements).policy;
    for reference in [
        "registry.example.com/web",
        "Registry.Example.COM/web",
        "registry.example.com:443/web",
        "registry.example.com:0443/web",
        "index.docker.io/org/app",
        "registry-1.docker.io/org/app",
        "registry.hub.docker.com/org/app",
        "docker.io:443/org/app",
        "registry.example.com:80/web",
        "registry.example.com:080/web",
        "org/app",
        "10.0.0.1:443/x",
    ] {
        assert_eq!(
            selected(&policy, reference).as_deref(),
            Some("strict"),
            "{reference}"
        );
    }
    // addresses that no scope can spell have no policy at all, not even `*`
    for reference in [
        "10.1:443/x",
        "0x0a000001:443/x",
        "0xa.1/x",
        "167772161:443/x",
        "010.0.0.1/x",
        "[::1]:443/x",
    ] {
        assert_eq!(selected(&policy, reference), None, "{reference}");
    }
    for reference in [
        "registry.example.com:8443/web",
        "registry.example.com:8080/web",
    ] {
        assert_eq!(
            selected(&policy, reference).as_deref(),
            Some("all"),
            "{reference}"
        );
    }
    // and the other way round
    let policy = good(&[scoped("strict", &["Registry.example.com:443/web"])]).policy;
    assert!(selected(&policy, "registry.example.com/web").is_some());
}

#[test]
fn n_p_06_a_weaker_wildcard_is_worth_a_warning() {
    let global = |level: &str| {
        let mut global = with_level(level);
        global["name"] = json!("all");
        global["registryScopes"] = json!(["*"]);
        global
    };
    assert_eq!(
        warnings(&[statement(), global("audit")]),
        [Warning::GlobalIsWeaker {
            global: "all".into(),
            stricter: "acme".into()
        }]
    );
    assert_eq!(warnings(&[statement(), global("strict")]), []);
    assert_eq!(warnings(&[with_level("audit"), global("strict")]), []);
}

fn identified(identities: &[&str]) -> Json {
    with("trustedIdentities", json!(identities))
}

const ACME: &str = "x509.subject: C=US, ST=WA, O=Acme";

#[test]
fn n_i_01_the_star_stands_alone() {
    assert!(only(identified(&["*"])).identities().is_any());
    for identities in [["*", ACME], [ACME, "*"], ["*", "*"], ["*", "x:y"]] {
        assert_eq!(
            fault(identified(&identities)),
            ("trustedIdentities".into(), Fault::AnyIdentityBesideOthers)
        );
    }
}

#[test]
fn n_i_02_an_identity_has_a_prefix() {
    for identity in ["", "C=US, ST=WA, O=Acme", "x509.subject", " "] {
        let (path, fault) = fault(identified(&["x:y", identity]));
        assert_eq!(path, "trustedIdentities[1]");
        assert!(matches!(fault, Fault::Identity(_)), "{fault}");
    }
}

#[test]
fn n_i_03_identities_for_plugins_load_with_a_warning() {
    let texts = ["spiffe://a", "X509.subject: C=US", "x509.Subject:"];
    let warned = warnings(&[identified(&texts)]);
    assert_eq!(warned.len(), 3);
    assert!(
        matches!(&warned[0], Warning::ForeignIdentity { identity, .. } if identity == texts[0])
    );
}

#[test]
fn n_i_04_to_12_a_bad_name_invalidates_the_document() {
    for bad in [
        "x509.subject:",
        "x509.subject: ",
        "x509.subject: C=US, ST=WA",
        "x509.subject: C=US, ST=WA, O=Acme, O=Other",
        "x509.subject: C=US, ST=WA, O=Acme+CN=x",
        "x509.subject: C=US, ST=WA, O=#04",
        "x509.subject: C=US, ST=WA, O=",
        "x509.subject: C=US, ST=WA, O=Acme, CN=",
        "x509.subject: C=US, ST=WA, O=a\\",
    ] {
        let (path, fault) = fault(identified(&[bad]));
        assert_eq!(path, "trustedIdentities[0]");
        assert!(matches!(fault, Fault::Identity(_)), "{bad}: {fault}");
    }
}

#[test]
fn n_i_11_an_identity_that_includes_another_is_refused() {
    for (one, other) in [
        (ACME, ACME),
        (ACME, "x509.subject: C=US, ST=WA, O=Acme, CN=x"),
        ("x509.subject: C=US, ST=WA, O=Acme, CN=x", ACME),
        (ACME, "x509.subject: O=Acme, S=WA, C=US"),
    ] {
        let (path, fault) = fault(identified(&[
            one,
            "x509.subject: C=DE, ST=BY, O=Acme",
            other,
        ]));
        assert_eq!(path, "trustedIdentities");
        assert!(matches!(fault, Fault::Overlap { .. }), "{fault}");
    }
    let both = [
        "x509.subject: C=US, ST=WA, O=a, CN=x",
        "x509.subject: C=US, ST=WA, O=a, OU=y",
    ];
    assert!(matches!(
        warnings(&[identified(&both)])[..],
        [Warning::IdentitiesOverlap { .. }]
    ));
    let apart = [
        "x509.subject: C=US, ST=WA, O=a, CN=x",
        "x509.subject: C=US, ST=WA, O=a, CN=y",
    ];
    assert_eq!(warnings(&[identified(&apart)]), []);
}

#[test]
fn n_i_07_an_identity_that_never_matches_is_worth_a_warning() {
    for (rest, attribute) in [("E=a@b", "E"), ("cn=x", "cn"), ("2.5.4.3=x", "2.5.4.3")] {
        let warned = warnings(&[identified(&[&format!("{ACME}, {rest}")])]);
        match &warned[..] {
            [
                Warning::UnmatchableIdentity {
                    attribute: named, ..
                },
            ] => assert_eq!(named, attribute),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn n_p_04_documents_are_bounded() {
    let large = vec![b' '; 4 * 1024 * 1024 + 1];
    assert!(matches!(
        TrustPolicy::parse(&large),
        Err(Error::TooLarge(_))
    ));
    let many = vec!["x:y"; 501];
    assert_eq!(
        fault(identified(&many)),
        ("trustedIdentities".into(), Fault::TooMany(500))
    );
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let text = format!(r#"{{"version":"1.0","vendor":{deep},"trustPolicies":[]}}"#);
    assert!(matches!(
        TrustPolicy::parse(text.as_bytes()),
        Err(Error::Json(_))
    ));
}

#[test]
fn messages_name_the_place() {
    let error = parse(&document(&[with_level("Strict")])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`trustPolicies[0].signatureVerification.level` is `Strict`, expected `strict`, `permissive`, `audit` or `skip`"
    );
    let error = parse(&document(&[identified(&["x509.subject: C=US, O=Acme"])])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`trustPolicies[0].trustedIdentities[0]` is not a trusted identity: the attribute `ST` is missing; \
         `C`, `ST` (or `S`) and `O` are required"
    );
}

/// Statements for some repositories, one perhaps for all, and the same in another order.
fn statements_and_order() -> impl Strategy<Value = (Vec<Json>, Vec<Json>)> {
    let scopes = prop::collection::btree_set(
        prop::sample::select(vec!["*", "r.io/a", "r.io/b", "r.io/c", "q.io/a"]),
        1..5,
    );
    scopes
        .prop_map(|scopes| {
            let statements = scopes
                .into_iter()
                .map(|scope| scoped(&format!("for {scope}"), &[scope]));
            statements.collect::<Vec<_>>()
        })
        .prop_flat_map(|statements| (Just(statements.clone()), Just(statements).prop_shuffle()))
}

proptest! {
    #[test]
    fn att_44_the_order_of_statements_never_changes_which_counts((statements, shuffled) in statements_and_order()) {
        let (one, other) = (good(&statements).policy, good(&shuffled).policy);
        for reference in ["r.io/a", "r.io/b", "r.io/c", "q.io/a", "q.io/b"] {
            prop_assert_eq!(selected(&one, reference), selected(&other, reference));
        }
    }

    #[test]
    fn arbitrary_scopes_and_identities_never_panic(scope in ".{0,60}", identity in ".{0,60}", store in ".{0,30}") {
        let _ = parse(&document(&[scoped("a", &[&scope])]));
        let _ = parse(&document(&[identified(&[&identity])]));
        let _ = parse(&document(&[with("trustStores", json!([store]))]));
    }

    #[test]
    fn a_scope_that_is_read_selects_its_own_repository(
        host in "[a-zA-Z]{1,8}\\.[a-zA-Z]{2,3}(:[1-9][0-9]{0,3})?",
        path in "[a-z0-9]{1,8}([._-][a-z0-9]{1,4}){0,2}(/[a-z0-9]{1,8}){0,3}",
    ) {
        let text = format!("{host}/{path}");
        prop_assume!(!text.to_lowercase().contains("docker.io"));
        let policy = good(&[scoped("acme", &[&text])]).policy;
        prop_assert!(selected(&policy, &text).is_some());
    }
}
