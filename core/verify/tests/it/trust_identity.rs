//! Trusted identities against the subjects of certificates (N I-01 to I-03, I-20 to I-25). The names of identities are
//! tested beside their parser.

use proptest::prelude::*;
use ratify_testkit::certs::{Authority, Chain, Name, Template};
use ratify_testkit::der_writer as der;
use ratify_verify::trust::{
    AttributeType, Certificate, IdentityError as Error, TrustPolicy, TrustedIdentities,
};
use serde_json::json;

fn identities(texts: &[&str]) -> TrustedIdentities {
    let document = json!({
        "version": "1.0",
        "trustPolicies": [{
            "name": "acme",
            "registryScopes": ["*"],
            "signatureVerification": { "level": "strict" },
            "trustStores": ["ca:acme"],
            "trustedIdentities": texts,
        }],
    });
    let parsed = TrustPolicy::parse(document.to_string().as_bytes()).unwrap();
    parsed.policy.statements()[0].identities().clone()
}

fn certificate(subject: Name) -> Certificate {
    let chain = Chain::self_signed(&Template::leaf("x").subject(subject));
    Certificate::from_der(chain.leaf()).unwrap()
}

fn check(identity: &str, subject: Name) -> Result<(), Error> {
    identities(&[identity]).check(&certificate(subject))
}

/// C=US, ST=WA, L=Seattle, O=Acme, CN=signer
fn subject() -> Name {
    Name::new("Acme", "signer")
}

const BASE: &str = "x509.subject: C=US, ST=WA, O=Acme";

fn base_with(rest: &str) -> String {
    format!("{BASE}, {rest}")
}

#[test]
fn n_i_01_a_star_trusts_every_subject() {
    for odd in [
        Name::empty(),
        subject().with("E", "a@b"),
        subject().with("O", "Other"),
    ] {
        assert_eq!(check("*", odd), Ok(()));
    }
}

#[test]
fn n_i_03_identities_for_plugins_never_match() {
    let foreign = ["spiffe:example", "X509.subject:C=US,ST=WA,O=Acme"];
    let alone = identities(&foreign).check(&certificate(subject()));
    assert_eq!(alone, Err(Error::NoSubjects));
    let both = identities(&["spiffe:example", BASE]);
    assert_eq!(both.check(&certificate(subject())), Ok(()));
}

#[test]
fn n_i_07_s_is_st_on_both_sides() {
    let name = "x509.subject: S=WA, C=US, O=Acme";
    assert_eq!(check(name, subject()), Ok(()));
}

#[test]
fn n_i_20_only_the_leaf_counts() {
    let root = Authority::root(&Template::authority("root").subject(Name::new("Trusted", "root")));
    let chain = root.issue(&Template::leaf("signer").subject(Name::new("Evil", "signer")));
    let leaf = Certificate::from_der(chain.leaf()).unwrap();
    let trusted = identities(&["x509.subject: C=US, ST=WA, O=Trusted"]);
    assert!(matches!(
        trusted.check(&leaf),
        Err(Error::NotTrusted { .. })
    ));
    let root = Certificate::from_der(chain.root()).unwrap();
    assert_eq!(trusted.check(&root), Ok(()), "the root alone would match");
}

#[test]
fn n_i_21_the_subject_itself_has_country_state_and_organization() {
    for (attribute, missing) in [
        ("C", AttributeType::Country),
        ("ST", AttributeType::State),
        ("O", AttributeType::Organization),
    ] {
        for subject in [subject().without(attribute), subject().set(attribute, "")] {
            match check(BASE, subject) {
                Err(Error::Missing { attribute, .. }) => assert_eq!(attribute, missing),
                other => panic!("{attribute}: {other:?}"),
            }
        }
    }
}

#[test]
fn n_i_21_a_value_that_reads_like_hexadecimal_is_refused() {
    // bad-cert.pem of the reference implementation
    let odd = subject().set("CN", "a=#b");
    assert!(matches!(check(BASE, odd), Err(Error::NotText { .. })));
    assert_eq!(check(BASE, subject().set("CN", "#b")), Ok(()));
}

#[test]
fn n_i_22_every_attribute_of_the_identity_must_be_there_alike() {
    for identity in [
        BASE.to_owned(),
        base_with("L=Seattle"),
        base_with("CN=signer"),
        "x509.subject:CN=signer,O=Acme,L=Seattle,ST=WA,C=US".to_owned(),
    ] {
        assert_eq!(check(&identity, subject()), Ok(()), "{identity}");
    }
    for identity in [
        base_with("CN=Signer"),
        base_with("CN=signer2"),
        base_with("CN=sign"),
        base_with("CN=signer\\ "),
        base_with("OU=x"),
        base_with("cn=signer"),
        base_with("2.5.4.3=signer"),
        "x509.subject: C=us, ST=WA, O=Acme".to_owned(),
        "x509.subject: C=US, ST=Wa, O=Acme".to_owned(),
        "x509.subject: C=US, ST=WA, O=Acme Inc".to_owned(),
    ] {
        let checked = check(&identity, subject());
        assert!(
            matches!(checked, Err(Error::NotTrusted { .. })),
            "{identity}: {checked:?}"
        );
    }
    // no Unicode folding: composed and decomposed differ
    let composed = subject().set("CN", "\u{e9}");
    assert_eq!(check(&base_with("CN=\u{e9}"), composed.clone()), Ok(()));
    assert!(check(&base_with("CN=e\u{301}"), composed).is_err());
}

#[test]
fn n_i_22_special_characters_are_compared_as_text() {
    for (value, written) in [
        ("Acme, Inc", "Acme\\, Inc"),
        ("a+b", "a\\+b"),
        (" a ", "\\ a\\ "),
        ("a\\,b", "a\\\\\\,b"),
        ("a;O=Evil", "a\\;O=Evil"),
        ("\"a\"", "\\\"a\\\""),
    ] {
        let odd = subject().set("CN", value);
        assert_eq!(
            check(&base_with(&format!("CN={written}")), odd),
            Ok(()),
            "{value}"
        );
    }
    // what would be two attributes as text is one value
    let smuggled = Name::new("Evil,O=Acme", "signer");
    assert!(check(BASE, smuggled).is_err());
}

#[test]
fn n_i_23_any_one_identity_is_enough() {
    let trusted = identities(&[
        "x509.subject: C=DE, ST=BY, O=Other",
        &base_with("CN=signer"),
        &base_with("CN=another"),
    ]);
    assert_eq!(trusted.check(&certificate(subject())), Ok(()));
    let stranger = certificate(subject().set("CN", "stranger"));
    assert!(trusted.check(&stranger).is_err());
}

#[test]
fn n_i_24_an_attribute_without_a_name_makes_every_identity_fail() {
    for attribute in ["E", "DC", "UID", "2.5.4.12"] {
        let checked = check(BASE, subject().with(attribute, "x"));
        assert!(
            matches!(checked, Err(Error::UnknownAttribute { .. })),
            "{attribute}"
        );
    }
    for (attribute, identity) in [
        ("STREET", "STREET=x"),
        ("2.5.4.17", "POSTALCODE=x"),
        ("SERIALNUMBER", "SERIALNUMBER=x"),
        ("OU", "OU=x"),
    ] {
        let with = subject().with(attribute, "x");
        assert_eq!(check(BASE, with.clone()), Ok(()), "{attribute}");
        assert_eq!(check(&base_with(identity), with), Ok(()), "{attribute}");
    }
}

#[test]
fn n_i_24_a_repeated_attribute_is_refused_whichever_it_is() {
    for attribute in ["O", "OU", "CN", "SERIALNUMBER", "C", "ST", "L"] {
        let twice = subject().with(attribute, "x").with(attribute, "y");
        assert!(
            matches!(check(BASE, twice), Err(Error::Repeated { .. })),
            "{attribute}"
        );
    }
    // two organisations in one RDN
    let twice = subject()
        .without("O")
        .with_rdn(&[("O", "Acme"), ("O", "Evil")]);
    assert!(matches!(check(BASE, twice), Err(Error::Repeated { .. })));
}

#[test]
fn n_section_16_a_multi_valued_rdn_of_the_leaf_is_flattened() {
    let flat = subject()
        .without("O")
        .without("CN")
        .with_rdn(&[("O", "Acme"), ("CN", "signer")]);
    assert_eq!(check(&base_with("CN=signer"), flat), Ok(()));
}

#[test]
fn n_i_25_string_types_are_compared_by_their_text() {
    let with = |tag, value: &[u8]| subject().without("CN").with_raw("2.5.4.3", tag, value);
    let (teletex, bmp, numeric) = (0x14, 0x1e, 0x12);
    for (tag, value, text) in [
        (der::UTF8_STRING, "Zoë".as_bytes(), "Zoë"),
        (der::PRINTABLE_STRING, b"signer *", "signer *"),
        (der::IA5_STRING, b"a@b_c", "a@b_c"),
        (teletex, b"Zo\xeb", "Zoë"),
        (bmp, b"\0Z\0o\0\xeb", "Zoë"),
        (numeric, b"12 3", "12 3"),
    ] {
        let identity = base_with(&format!("CN={text}"));
        assert_eq!(check(&identity, with(tag, value)), Ok(()), "{tag:#x}");
    }
}

#[test]
fn n_i_25_what_is_not_text_is_refused() {
    let with = |tag, value: &[u8]| subject().without("CN").with_raw("2.5.4.3", tag, value);
    for (tag, value) in [
        (der::UTF8_STRING, b"signer\0.evil".as_slice()),
        (der::PRINTABLE_STRING, b"signer\0"),
        (0x1e, b"\0s\0\0"),
        (der::UTF8_STRING, b"\xff"),
        (der::PRINTABLE_STRING, b"a@b"),
        (der::PRINTABLE_STRING, b"\xeb"),
        (der::IA5_STRING, b"\xeb"),
        (0x1e, b"\0s\0"),
        (0x1e, b"\xd8\0"),
        (0x12, b"12a"),
        // OCTET STRING
        (0x04, b"signer"),
    ] {
        let checked = check(BASE, with(tag, value));
        assert!(
            matches!(checked, Err(Error::NotText { .. })),
            "{tag:#x} {value:?}: {checked:?}"
        );
    }
}

#[test]
fn att_26_every_field_of_an_identity_changes_the_verdict() {
    let whole = [
        ("C", "US"),
        ("ST", "WA"),
        ("L", "Seattle"),
        ("O", "Acme"),
        ("CN", "signer"),
    ];
    let identity = |changed: usize| {
        let parts = whole.iter().enumerate().map(|(i, (name, value))| {
            let suffix = if i == changed { "x" } else { "" };
            format!("{name}={value}{suffix}")
        });
        format!("x509.subject:{}", parts.collect::<Vec<_>>().join(","))
    };
    assert_eq!(check(&identity(usize::MAX), subject()), Ok(()));
    for changed in 0..whole.len() {
        assert!(check(&identity(changed), subject()).is_err(), "{changed}");
    }
}

#[test]
fn messages_say_what_differs() {
    let error = check(&base_with("CN=other"), subject()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the subject `CN=signer,O=Acme,L=Seattle,ST=WA,C=US` is none of the trusted identities; nearest is \
         `C=US,ST=WA,O=Acme,CN=other`, which wants `CN=other` where it has `signer`"
    );
}

/// Some names, and the same names in another order.
fn names_and_order() -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    prop::collection::btree_set("[a-c]{1,2}", 1..6)
        .prop_map(|names| names.into_iter().collect::<Vec<_>>())
        .prop_flat_map(|names| (Just(names.clone()), Just(names).prop_shuffle()))
}

proptest! {
    #[test]
    fn att_44_the_order_of_identities_never_changes_the_verdict(
        (names, shuffled) in names_and_order(),
        signer in "[a-c]{1,2}",
    ) {
        let verdict = |names: &[String]| {
            let texts: Vec<String> = names.iter().map(|name| base_with(&format!("CN={name}"))).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            identities(&texts).check(&certificate(subject().set("CN", &signer))).is_ok()
        };
        prop_assert_eq!(verdict(&names), names.contains(&signer));
        prop_assert_eq!(verdict(&shuffled), verdict(&names));
    }
}
