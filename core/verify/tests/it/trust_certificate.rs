//! What is read as a certificate and what is not (N K-19, S-05), and what a certificate says.

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use proptest::prelude::*;
use ratify_testkit::certs::{Authority, Chain, Extension, Name, Template, oids};
use ratify_testkit::der_writer as der;
use ratify_testkit::keys::pem;
use ratify_verify::trust::{
    Certificate, CertificateError as Error, CertificateFileError as FileError, DerProblem,
    PemProblem,
};

fn self_signed(template: &Template) -> Vec<u8> {
    Chain::self_signed(template).leaf().to_vec()
}

fn read(template: &Template) -> Result<Certificate, Error> {
    Certificate::from_der(&self_signed(template))
}

fn leaf() -> Template {
    Template::leaf("signer")
}

#[test]
fn what_a_certificate_says() {
    let start: Timestamp = "2025-03-01T10:00:00Z".parse().unwrap();
    let end: Timestamp = "2051-03-02T10:00:01Z".parse().unwrap();
    let chain = Authority::new("root").issue(&leaf().valid(start, end));
    let leaf = Certificate::from_der(chain.leaf()).unwrap();
    assert_eq!(leaf.der(), chain.leaf());
    assert_eq!(
        leaf.subject().to_string(),
        "CN=signer,O=Acme,L=Seattle,ST=WA,C=US"
    );
    assert_eq!(
        leaf.issuer().to_string(),
        "CN=root,O=Acme,L=Seattle,ST=WA,C=US"
    );
    assert_eq!(leaf.subject().der(), Name::new("Acme", "signer").to_der());
    assert_eq!((leaf.not_before(), leaf.not_after()), (start, end));
    assert_eq!(leaf.sha256(), digest(&SHA256, chain.leaf()).as_ref());
    assert!(!leaf.is_ca() && !leaf.is_self_signed() && !leaf.has_revocation_pointer());
    let root = Certificate::from_der(chain.root()).unwrap();
    assert!(root.is_ca() && root.is_self_signed());
    assert_ne!(root, leaf);
    assert_eq!(root, Certificate::from_der(chain.root()).unwrap());
    // one subject, one key, other bytes
    let template = Template::authority("root");
    let again = || template.sign(&template.subject, &template.key);
    let (one, other) = (again(), again());
    assert_ne!(one, other, "signatures are random");
    assert_ne!(Certificate::from_der(&one), Certificate::from_der(&other));
}

#[test]
fn names_are_shown_as_rfc_4514_and_cannot_drive_a_terminal() {
    let name = Name::empty()
        .with("C", "US")
        .with_rdn(&[("O", "a, \"b\" <c>")])
        .with("CN", "#x\u{1b}[2J\n ")
        .with("E", "a@b");
    let shown = read(&leaf().subject(name)).unwrap().subject().to_string();
    assert_eq!(
        shown,
        "1.2.840.113549.1.9.1=#1603614062,CN=\\#x\\1b[2J\\0a\\ ,O=a\\, \\\"b\\\" \\<c\\>,C=US"
    );
}

#[test]
fn n_k_19_bytes_after_the_certificate_are_refused() {
    let mut template = leaf();
    template.trailing = vec![0];
    assert_eq!(read(&template).unwrap_err(), Error::Trailing(1));
    let twice = self_signed(&leaf()).repeat(2);
    assert!(matches!(
        Certificate::from_der(&twice),
        Err(Error::Trailing(_))
    ));
}

#[test]
fn n_k_19_a_repeated_extension_is_refused_known_or_not() {
    for extension in [
        Extension::unknown(),
        Extension::key_usage(&[]),
        Extension::basic_constraints(false, None),
    ] {
        let oid = extension.oid.clone();
        let template = leaf().without(&oid).with(extension.clone());
        assert!(read(&template).is_ok());
        let error = read(&template.with_another(extension)).unwrap_err();
        assert_eq!(error, Error::DuplicateExtension(oid));
    }
}

#[test]
fn n_k_19_serial_numbers() {
    let with = |serial: Vec<u8>| {
        let mut template = leaf();
        template.serial = serial;
        read(&template)
    };
    assert_eq!(
        with(der::unsigned(&[0x80; 20])).unwrap().serial(),
        [0x80; 20]
    );
    assert!(with(der::integer(0)).is_ok());
    assert_eq!(
        with(der::unsigned(&[0x80; 65])).unwrap_err(),
        Error::SerialTooLong(65)
    );
    for bad in [
        der::integer(-1),
        der::tlv(2, &[]),
        der::tlv(2, &[&[0, 1]]),
        der::null(),
    ] {
        assert!(
            matches!(with(bad.clone()), Err(Error::Malformed(_))),
            "{bad:?}"
        );
    }
}

#[test]
fn n_p_04_certificates_are_bounded() {
    let padded = |bytes: usize| {
        let padding = der::octet_string(&vec![0; bytes]);
        read(&leaf().with(Extension::new(oids::UNKNOWN, padding)))
    };
    assert!(padded(60_000).is_ok());
    assert!(matches!(padded(66_000), Err(Error::TooLarge(66_000..))));
    let mut many = leaf();
    for i in 0..100 {
        many = many.with(Extension::new(
            &format!("1.3.6.1.4.1.99999.{}", i + 2),
            der::null(),
        ));
    }
    assert_too_many(&many);
    let mut name = Name::empty();
    for _ in 0..100 {
        name = name.with("OU", "x");
    }
    assert_too_many(&leaf().subject(name));
}

#[track_caller]
fn assert_too_many(template: &Template) {
    match read(template) {
        Err(Error::Malformed(error)) => assert_eq!(error.problem, DerProblem::TooMany(64)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn versions() {
    let with = |version| {
        let mut template = leaf();
        template.version = version;
        read(&template)
    };
    assert_eq!(with(3).unwrap_err(), Error::Version(4));
    assert!(matches!(with(-1), Err(Error::Malformed(_))));
    assert_eq!(with(0).unwrap_err(), Error::ExtensionsBeforeV3);
    assert_eq!(with(1).unwrap_err(), Error::ExtensionsBeforeV3);
    let mut old = leaf();
    old.version = 0;
    old.extensions.clear();
    assert!(read(&old).is_ok());
}

#[test]
fn the_algorithm_inside_must_be_the_one_outside() {
    let good = self_signed(&leaf());
    // ecdsa-with-SHA256, the first of which is inside what is signed
    let oid = der::oid("1.2.840.10045.4.3.2");
    let at = good.windows(oid.len()).position(|w| w == oid).unwrap();
    let mut swapped = good.clone();
    swapped[at + oid.len() - 1] = 3;
    assert_eq!(
        Certificate::from_der(&swapped).unwrap_err(),
        Error::AlgorithmsDiffer
    );
}

fn with_dates(not_before: &[u8], not_after: &[u8]) -> Result<Certificate, Error> {
    // the dates the testkit writes are found and replaced, the lengths of everything around them put right
    let good = leaf();
    let whole = self_signed(&good);
    let old = der::sequence(&[&der::time(good.not_before), &der::time(good.not_after)]);
    let new = der::sequence(&[not_before, not_after]);
    let at = whole.windows(old.len()).position(|w| w == old).unwrap();
    let tbs_at = 4 + 4;
    let tbs_len = usize::from(u16::from_be_bytes([whole[6], whole[7]]));
    assert_eq!((whole[1], whole[5]), (0x82, 0x82), "lengths in two bytes");
    let tbs = &whole[tbs_at..tbs_at + tbs_len];
    let inside = at - tbs_at;
    let tbs = [&tbs[..inside], &new, &tbs[inside + old.len()..]].concat();
    Certificate::from_der(&der::sequence(&[
        &der::sequence(&[&tbs]),
        &whole[tbs_at + tbs_len..],
    ]))
}

fn utc(text: &str) -> Vec<u8> {
    der::tlv(der::UTC_TIME, &[text.as_bytes()])
}

fn generalized(text: &str) -> Vec<u8> {
    der::tlv(der::GENERALIZED_TIME, &[text.as_bytes()])
}

#[test]
fn dates_are_read_as_rfc_5280_writes_them() {
    for (written, instant) in [
        (utc("250301100000Z"), "2025-03-01T10:00:00Z"),
        (utc("491231235959Z"), "2049-12-31T23:59:59Z"),
        (utc("500101000000Z"), "1950-01-01T00:00:00Z"),
        (utc("991231235959Z"), "1999-12-31T23:59:59Z"),
        (generalized("20500101000000Z"), "2050-01-01T00:00:00Z"),
        (generalized("00010101000000Z"), "0001-01-01T00:00:00Z"),
        (generalized("20240229000000Z"), "2024-02-29T00:00:00Z"),
    ] {
        let read = with_dates(&written, &utc("300101000000Z")).unwrap();
        assert_eq!(read.not_before(), instant.parse().unwrap(), "{instant}");
    }
    let good = utc("250301100000Z");
    for bad in [
        utc("2503011000Z"),
        utc("250301100000+0000"),
        utc("250301100000"),
        utc("250230100000Z"),
        utc("251301100000Z"),
        utc("250301240000Z"),
        utc("250301100060Z"),
        utc("2503 1100000Z"),
        utc("-50301100000Z"),
        utc("20250301100000Z"),
        generalized("250301100000Z"),
        generalized("20250301100000.5Z"),
        generalized("20230229000000Z"),
        generalized(""),
        der::octet_string(b"250301100000Z"),
    ] {
        assert!(
            matches!(with_dates(&bad, &good), Err(Error::Malformed(_))),
            "{bad:?}"
        );
        assert!(with_dates(&good, &bad).is_err(), "{bad:?}");
    }
}

#[test]
fn the_end_of_time_is_the_last_instant_there_is() {
    let read = with_dates(&utc("250301100000Z"), &generalized("99991231235959Z")).unwrap();
    assert_eq!(read.not_after(), Timestamp::MAX);
    assert!(read.not_after() > "9999-12-30T00:00:00Z".parse().unwrap());
}

#[test]
fn extensions_that_are_read_must_be_well_formed() {
    let sequence = |parts: &[&[u8]]| der::sequence(parts);
    for (oid, value) in [
        (oids::BASIC_CONSTRAINTS, der::null()),
        (oids::BASIC_CONSTRAINTS, sequence(&[&der::tlv(1, &[&[1]])])),
        (
            oids::BASIC_CONSTRAINTS,
            sequence(&[&der::boolean(true), &der::integer(-1)]),
        ),
        (
            oids::BASIC_CONSTRAINTS,
            sequence(&[&der::boolean(true), &der::null()]),
        ),
        (oids::BASIC_CONSTRAINTS, [sequence(&[]), vec![0]].concat()),
        (oids::KEY_USAGE, der::tlv(3, &[])),
        (oids::KEY_USAGE, der::tlv(3, &[&[9, 0x80]])),
        (oids::KEY_USAGE, der::tlv(3, &[&[7, 0x81]])),
        (oids::KEY_USAGE, der::tlv(3, &[&[1]])),
        (oids::KEY_USAGE, vec![]),
        (oids::EXTENDED_KEY_USAGE, sequence(&[])),
        (oids::EXTENDED_KEY_USAGE, sequence(&[&der::null()])),
        (oids::AUTHORITY_INFO_ACCESS, sequence(&[&der::null()])),
        (oids::CRL_DISTRIBUTION_POINTS, sequence(&[&der::null()])),
        (oids::CRL_DISTRIBUTION_POINTS, vec![0x30, 5]),
    ] {
        let template = leaf().with(Extension::new(oid, value.clone()));
        let read = read(&template);
        assert!(matches!(read, Err(Error::Malformed(_))), "{oid} {value:?}");
    }
    // an explicit `FALSE` is not DER, and common
    let explicit = sequence(&[&der::boolean(false)]);
    let template = leaf().with(Extension::new(oids::BASIC_CONSTRAINTS, explicit));
    assert!(!read(&template).unwrap().is_ca());
}

#[test]
fn n_rv_03_revocation_pointers_are_found() {
    let template = leaf()
        .with(Extension::ocsp("http://ocsp.example.com/a"))
        .with(Extension::crl_distribution_point(
            "http://crl.example.com/b",
        ));
    let both = read(&template).unwrap();
    assert_eq!(both.ocsp_urls(), ["http://ocsp.example.com/a"]);
    assert_eq!(both.crl_urls(), ["http://crl.example.com/b"]);
    assert!(both.has_revocation_pointer());
    let only_crl = leaf().with(Extension::crl_distribution_point("ldap://x"));
    assert!(read(&only_crl).unwrap().has_revocation_pointer());
    // caIssuers is no place to ask for revocation
    let issuers = der::sequence(&[
        &der::oid("1.3.6.1.5.5.7.48.2"),
        &der::implicit(6, b"http://x"),
    ]);
    let issuers = Extension::new(oids::AUTHORITY_INFO_ACCESS, der::sequence(&[&issuers]));
    assert!(
        !read(&leaf().with(issuers))
            .unwrap()
            .has_revocation_pointer()
    );
}

#[test]
fn n_s_05_files_of_certificates() {
    let one = self_signed(&leaf());
    let two = self_signed(&Template::authority("root"));
    let count = |bytes: &[u8]| Certificate::read_all(bytes).map(|all| all.len());
    let both = format!("{}{}", pem("CERTIFICATE", &one), pem("CERTIFICATE", &two));
    assert_eq!(count(&one), Ok(1));
    assert_eq!(count(&[one.clone(), two.clone()].concat()), Ok(2));
    assert_eq!(count(pem("CERTIFICATE", &one).as_bytes()), Ok(1));
    assert_eq!(count(both.as_bytes()), Ok(2));
    assert_eq!(count(both.replace('\n', "\r\n").as_bytes()), Ok(2));
    assert_eq!(count(pem("WHATEVER", &one).as_bytes()), Ok(1));
    let spoken = format!("Bag Attributes\n  name: ü\n{both}\ntail\n");
    assert_eq!(count(spoken.as_bytes()), Ok(2));
    let order: Vec<_> = Certificate::read_all(both.as_bytes()).unwrap();
    assert_eq!(
        (order[0].der(), order[1].der()),
        (one.as_slice(), two.as_slice())
    );
}

#[test]
fn n_s_05_a_broken_file_is_not_read_in_part() {
    let one = self_signed(&leaf());
    let good = pem("CERTIFICATE", &one);
    let read = |text: &str| Certificate::read_all(text.as_bytes()).unwrap_err();
    assert_eq!(read(""), FileError::Empty);
    assert_eq!(read(" \n"), FileError::Empty);
    assert_eq!(read("hello"), FileError::Neither);
    let problem = |line, problem| FileError::Pem { line, problem };
    let unfinished = good.replace("-----END CERTIFICATE-----\n", "");
    assert_eq!(read(&unfinished), problem(1, PemProblem::Unfinished));
    let lines = good.lines().count();
    assert_eq!(
        read(&format!("{good}{unfinished}{good}")),
        problem(lines + 1, PemProblem::Unfinished)
    );
    let other_end = good.replace("END CERTIFICATE", "END X");
    assert_eq!(read(&other_end), problem(1, PemProblem::Unfinished));
    let not_base64 = good.replace("\nMII", "\nM*I");
    assert_ne!(not_base64, good);
    assert_eq!(read(&not_base64), problem(1, PemProblem::Base64));
    let key = pem("EC PRIVATE KEY", b"secret");
    assert_eq!(
        read(&format!("{good}{key}")),
        problem(lines + 1, PemProblem::PrivateKey)
    );
    let trailing = pem("CERTIFICATE", &[one.as_slice(), &[0]].concat());
    assert_eq!(
        read(&format!("{good}{trailing}")),
        FileError::Certificate {
            number: 2,
            error: Error::Trailing(1)
        }
    );
    let cut = [one.as_slice(), &one[..20]].concat();
    assert!(matches!(
        Certificate::read_all(&cut),
        Err(FileError::Certificate { number: 2, .. })
    ));
    let too_large = vec![b'\n'; 4 * 1024 * 1024 + 1];
    assert!(matches!(
        Certificate::read_all(&too_large),
        Err(FileError::TooLarge(_))
    ));
    let too_many = one.repeat(1_001);
    assert_eq!(
        Certificate::read_all(&too_many).unwrap_err(),
        FileError::TooMany
    );
}

#[test]
fn empty_input_is_no_certificate() {
    assert_eq!(Certificate::from_der(&[]).unwrap_err(), Error::Empty);
    assert!(Certificate::from_der(&[0x30, 0]).is_err());
    assert!(Certificate::from_der(&der::null()).is_err());
}

proptest! {
    #[test]
    fn att_11_arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        prop_assert!(Certificate::from_der(&bytes).is_err());
        let _ = Certificate::read_all(&bytes);
    }

    #[test]
    fn att_11_a_changed_certificate_never_panics_and_never_verifies(at: prop::sample::Index, bit in 0..8_u8) {
        let mut der = self_signed(&leaf());
        let at = at.index(der.len());
        der[at] ^= 1 << bit;
        if let Ok(changed) = Certificate::from_der(&der) {
            prop_assert!(!changed.is_self_signed(), "bit {} of byte {}", bit, at);
        }
    }

    #[test]
    fn att_11_a_cut_certificate_is_refused(at: prop::sample::Index) {
        let der = self_signed(&leaf());
        prop_assert!(Certificate::from_der(&der[..at.index(der.len())]).is_err());
    }
}
