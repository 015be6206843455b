use proptest::prelude::*;

use super::DistinguishedNameError as E;
use super::*;

const BASE: &str = "C=US, ST=WA, O=Acme";

fn parse(text: &str) -> Result<DistinguishedName, E> {
    DistinguishedName::parse(text)
}

fn value(text: &str, name: &str) -> String {
    let name_parsed = parse(text).unwrap_or_else(|error| panic!("`{text}`: {error}"));
    name_parsed.value(name).unwrap().to_owned()
}

#[test]
fn n_i_04_commas_semicolons_and_blanks() {
    for text in [
        "C=US,ST=WA,O=Acme",
        " C = US ;\tST=WA , O = Acme ",
        "O=Acme,ST=WA,C=US",
    ] {
        for (name, wanted) in [("C", "US"), ("ST", "WA"), ("O", "Acme")] {
            assert_eq!(value(text, name), wanted, "{text}");
        }
    }
    for (text, error) in [
        ("", E::Empty),
        ("  ", E::Empty),
        ("C=US,ST=WA,O=Acme,", E::NoValue(String::new())),
        (",C=US", E::NoValue(String::new())),
        ("C=US,,ST=WA", E::NoValue(String::new())),
        ("C=US,ST=WA,O=Acme, Inc", E::NoValue("Inc".into())),
        ("=US", E::Attribute(String::new())),
        ("C\\=US", E::Attribute("C\\".into())),
        ("ö=US", E::Attribute("ö".into())),
    ] {
        assert_eq!(parse(text), Err(error), "{text}");
    }
}

#[test]
fn n_i_05_hexadecimal_values_are_refused() {
    for text in [
        "C=US,ST=WA,O=#04024869",
        "CN=a=#b,C=US,ST=WA,O=Acme",
        "C=US,ST=WA,O= #04024869",
    ] {
        assert_eq!(parse(text), Err(E::Hex), "{text}");
    }
    assert_eq!(value("C=US,ST=WA,O=\\#1", "O"), "#1");
    assert_eq!(value("C=US,ST=WA,O=a#1", "O"), "a#1");
}

#[test]
fn n_i_06_multi_valued_parts_are_refused() {
    assert_eq!(parse("C=US,ST=WA,O=Acme+CN=x"), Err(E::MultiValued));
    assert_eq!(value("C=US,ST=WA,O=A\\+B", "O"), "A+B");
}

#[test]
fn n_i_07_attribute_names_are_exact_and_s_is_st() {
    assert_eq!(value("C=US,S=WA,O=Acme", "ST"), "WA");
    for text in ["C=US,s=WA,O=Acme", "C=US,st=WA,O=Acme"] {
        assert_eq!(parse(text), Err(E::Missing(AttributeType::State)), "{text}");
    }
    assert_eq!(value(&format!("{BASE},2.5.4.3=x"), "2.5.4.3"), "x");
}

#[test]
fn n_i_08_an_attribute_stands_once() {
    for text in [
        "C=US,ST=WA,O=Acme,O=Acme",
        "C=US,ST=WA,S=WA,O=Acme",
        "C=US,ST=WA,O=Acme,CN=a,CN=b",
    ] {
        assert!(matches!(parse(text), Err(E::Repeated(_))), "{text}");
    }
}

#[test]
fn n_i_09_country_state_and_organization_are_required() {
    for (text, missing) in [
        ("ST=WA,O=Acme", AttributeType::Country),
        ("C=US,O=Acme", AttributeType::State),
        ("C=US,ST=WA,CN=x", AttributeType::Organization),
    ] {
        assert_eq!(parse(text), Err(E::Missing(missing)), "{text}");
    }
}

#[test]
fn n_i_10_escapes() {
    for (written, read) in [
        ("a\\,b", "a,b"),
        ("a\\;b", "a;b"),
        ("a\\\\b", "a\\b"),
        ("a\\\"b", "a\"b"),
        ("a\\<b\\>c\\=d", "a<b>c=d"),
        ("a=b", "a=b"),
        ("a\\2Cb", "a,b"),
        ("a\\2cb", "a,b"),
        ("Lu\\C4\\8Di\\C4\\87", "Lučić"),
        ("Lučić", "Lučić"),
        ("\\ a\\ ", " a "),
        ("  a  ", "a"),
        ("a \\20 ", "a  "),
        ("a\\\\ ", "a\\"),
        ("a b", "a b"),
    ] {
        assert_eq!(
            value(&format!("{BASE},CN={written}"), "CN"),
            read,
            "{written}"
        );
        assert_eq!(
            value(&format!("CN={written},{BASE}"), "CN"),
            read,
            "{written}"
        );
    }
    for broken in ["a\\", "a\\x", "a\\1", "a\\1g", "a\\é"] {
        assert_eq!(
            parse(&format!("{BASE},CN={broken}")),
            Err(E::Escape),
            "{broken}"
        );
    }
    assert_eq!(
        parse(&format!("{BASE},CN=\\ff")),
        Err(E::NotText("CN".into()))
    );
}

#[test]
fn n_i_12_empty_values_are_refused() {
    for empty in ["CN=", "CN= ", "CN=,L=x"] {
        assert_eq!(
            parse(&format!("{BASE},{empty}")),
            Err(E::EmptyValue("CN".into())),
            "{empty}"
        );
    }
}

#[test]
fn n_i_11_covering_and_overlapping() {
    let name = |rest: &str| parse(&format!("{BASE}{rest}")).unwrap();
    let (base, x, y, z) = (name(""), name(",CN=x"), name(",OU=y"), name(",CN=z"));
    assert!(base.covers(&x) && !x.covers(&base) && base.covers(&base));
    assert!(!x.covers(&y) && x.overlaps(&y) && y.overlaps(&x));
    assert!(!x.covers(&z) && !x.overlaps(&z));
}

#[test]
fn att_04_long_and_deep_names_are_refused_fast() {
    // CVE-2023-25656: `=#` and escapes made the parser of the reference implementation take all memory
    let megabyte = 1_000_000;
    for text in [
        format!("C=US,ST=WA,O={}", "a".repeat(megabyte)),
        format!("C=US,ST=WA,O={}", "\\".repeat(megabyte)),
        "C=US,".repeat(megabyte / 5),
        format!("C=#{}", "0".repeat(megabyte)),
    ] {
        assert_eq!(parse(&text), Err(E::TooLong(text.len())));
    }
    let many: Vec<String> = (0..100).map(|i| format!("A{i}=b,")).collect();
    assert_eq!(parse(&format!("{}{BASE}", many.concat())), Err(E::TooMany));
    assert!(parse(&format!("C=US,ST=WA,O={}", "\\5c".repeat(2_000))).is_ok());
}

proptest! {
    #[test]
    fn att_04_arbitrary_text_never_panics(text in ".{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn att_04_almost_names_never_panic(text in r#"[CSTO=,;+\\# "a20é]{0,60}"#) {
        let _ = parse(&format!("{BASE},{text}"));
    }

    #[test]
    fn what_is_written_is_read_back(values in prop::collection::vec("[^\0]{1,12}", 3..6)) {
        let names = ["C", "ST", "O", "CN", "OU", "L"];
        let mut text = String::new();
        for (name, value) in names.iter().zip(&values) {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(name);
            text.push('=');
            write_escaped(&mut text, value).unwrap();
        }
        let parsed = parse(&text);
        if text.contains("=#") {
            prop_assert_eq!(parsed, Err(E::Hex));
        } else {
            let parsed = parsed.unwrap();
            for (name, value) in names.iter().zip(&values) {
                prop_assert_eq!(parsed.value(name), Some(value.as_str()));
            }
            prop_assert_eq!(parse(&parsed.to_string()), Ok(parsed));
        }
    }
}
