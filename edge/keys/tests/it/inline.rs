//! PEM texts (K 3.1).

use ratify_keys::{MAX_CERTIFICATES, Origin, inline_certificates};
use ratify_testkit::certs::Authority;

use crate::{names, pem};

const KEY: &str = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";

#[test]
fn k_3_1_every_certificate_block_is_read_and_others_are_passed_over() {
    let text = format!(
        "some words\n{}{KEY}between\n{}",
        pem("one"),
        pem("two").replace('\n', "\r\n")
    );
    let collected = inline_certificates(&text).unwrap();
    assert_eq!(names(&collected).len(), 2);
    assert!(
        names(&collected)[0].contains("CN=one"),
        "{:?}",
        names(&collected)
    );
    assert!(
        names(&collected)[1].contains("CN=two"),
        "{:?}",
        names(&collected)
    );
    let origins: Vec<_> = collected
        .found
        .iter()
        .map(|found| found.origin.clone())
        .collect();
    assert_eq!(
        origins,
        [Origin::Inline { number: 1 }, Origin::Inline { number: 3 }]
    );
    assert_eq!(origins[1].to_string(), "PEM block 3");
}

#[test]
fn k_3_1_white_space_may_follow_and_text_may_not() {
    assert!(inline_certificates(&format!("{}\n \r\n", pem("one"))).is_ok());
    let error = inline_certificates(&format!("{}and so on", pem("one"))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the PEM text goes on after its last PEM block, expected nothing more"
    );
}

#[test]
fn k_3_1_what_is_not_a_certificate_is_an_error_with_its_place() {
    let one = pem("one");
    let body = Authority::new("two")
        .pem()
        .replace("-----BEGIN CERTIFICATE-----\n", "");
    let end_missing = one.replace("-----END CERTIFICATE-----\n", "");
    for (text, sentence) in [
        (
            String::new(),
            "the PEM text holds no certificate, expected PEM blocks named `CERTIFICATE`",
        ),
        (
            KEY.to_owned(),
            "the PEM text holds no certificate, expected PEM blocks named `CERTIFICATE`",
        ),
        (
            body,
            "the PEM text holds no certificate, expected PEM blocks named `CERTIFICATE`",
        ),
        (
            end_missing,
            "the PEM text: PEM block 1 has no end line `-----END CERTIFICATE-----`",
        ),
        (
            format!("{one}-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"),
            "PEM block 2: line 1: the PEM block is not base64",
        ),
    ] {
        assert_eq!(
            inline_certificates(&text).unwrap_err().to_string(),
            sentence
        );
    }
    let not_one = format!("{one}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let error = inline_certificates(&not_one).unwrap_err().to_string();
    assert!(
        error.starts_with("PEM block 2: certificate 1: the certificate is malformed"),
        "{error}"
    );
}

#[test]
fn the_number_of_certificates_has_an_end() {
    let many = pem("one").repeat(MAX_CERTIFICATES + 1);
    let error = inline_certificates(&many).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the PEM text holds more than 1000 certificates"
    );
    assert!(inline_certificates(&pem("one").repeat(MAX_CERTIFICATES)).is_ok());
}
