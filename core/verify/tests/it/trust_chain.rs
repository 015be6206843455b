//! The rules of a code-signing chain, one test per rule: a good chain with that rule alone broken (N K-01 to K-20).

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jiff::Timestamp;
use ratify_testkit::certs::{
    Authority, CertificateSignature, Chain, Extension, KeyUsage, Name, Template, oids,
};
use ratify_testkit::der_writer as der;
use ratify_testkit::keys::{Hash, KeyKind, SigningKey};
use ratify_verify::trust::{
    Certificate, ChainError, ChainFault as Fault, CodeSigningChain, Outside, OutsideSide,
};

fn certificates(ders: &[Vec<u8>]) -> Vec<Certificate> {
    let read = |der: &Vec<u8>| Certificate::from_der(der).unwrap();
    ders.iter().map(read).collect()
}

fn check(ders: &[Vec<u8>]) -> Result<CodeSigningChain, ChainError> {
    CodeSigningChain::check(certificates(ders))
}

#[track_caller]
fn good(chain: &Chain) -> CodeSigningChain {
    check(&chain.certificates).unwrap()
}

/// Place and rule that are complained about.
#[track_caller]
fn fault(ders: &[Vec<u8>]) -> (usize, Fault) {
    match check(ders).unwrap_err() {
        ChainError::Certificate { index, fault, .. } => (index, fault),
        other => panic!("{other}"),
    }
}

#[track_caller]
fn leaf_fault(template: &Template) -> Fault {
    let (index, fault) = fault(&Authority::new("root").issue(template).certificates);
    assert_eq!(index, 0);
    fault
}

/// The fault of a root made so.
#[track_caller]
fn root_fault(template: &Template) -> Fault {
    let (index, fault) = fault(&Authority::root(template).leaf("signer").certificates);
    assert_eq!(index, 1);
    fault
}

fn leaf() -> Template {
    Template::leaf("signer")
}

fn root() -> Template {
    Template::authority("root")
}

fn self_signed() -> Chain {
    Chain::self_signed(&leaf())
}

#[test]
fn n_k_01_chains_of_one_to_four_are_accepted() {
    let root = Authority::new("root");
    let deep = root.intermediate("a").intermediate("b");
    for (chain, length) in [
        (self_signed(), 1),
        (root.leaf("signer"), 2),
        (root.intermediate("a").leaf("signer"), 3),
        (deep.leaf("signer"), 4),
    ] {
        let checked = good(&chain);
        assert_eq!(checked.certificates().len(), length);
        assert_eq!(checked.leaf().der(), chain.leaf());
        assert_eq!(checked.certificates()[length - 1].der(), chain.root());
    }
    assert_eq!(check(&[]).unwrap_err(), ChainError::Empty);
}

#[test]
fn n_k_01_the_root_must_be_there() {
    let chain = Authority::new("root").intermediate("a").leaf("signer");
    let (index, fault) = fault(&chain.certificates[..2]);
    assert_eq!(index, 1);
    assert!(matches!(fault, Fault::RootMissing { ref issuer } if issuer.contains("CN=root")));
}

#[test]
fn n_k_02_a_single_certificate_is_a_self_signed_leaf() {
    good(&self_signed());
    let lone = &Authority::new("root").leaf("signer").certificates[..1];
    assert!(matches!(fault(lone), (0, Fault::IssuerMissing { .. })));
    let ca = Chain::self_signed(&leaf().with(Extension::basic_constraints(true, None)));
    assert_eq!(fault(&ca.certificates), (0, Fault::LeafIsCa));
    let root = Authority::new("root");
    assert_eq!(fault(root.certificates()), (0, Fault::LeafIsCa));
    let broken = Chain::self_signed(&leaf().tampered());
    assert_eq!(fault(&broken.certificates), (0, Fault::NotSelfSigned));
    let stranger = leaf();
    let forged = stranger.sign(&stranger.subject, &SigningKey::fresh(KeyKind::P256));
    assert_eq!(fault(&[forged]), (0, Fault::NotSelfSigned));
    let named_otherwise = Chain::self_signed(&leaf().issuer(Name::new("Acme", "other")));
    assert!(matches!(
        fault(&named_otherwise.certificates),
        (0, Fault::IssuerMissing { .. })
    ));
}

#[test]
fn n_k_03_the_last_signed_itself() {
    assert_eq!(
        fault(
            &Authority::root(&root().tampered())
                .leaf("signer")
                .certificates
        ),
        (1, Fault::NotSelfSigned)
    );
    let template = root();
    let key = SigningKey::fresh(KeyKind::P256);
    let signer = Template::leaf("signer").sign(&template.subject, &template.key);
    let forged = template.sign(&template.subject, &key);
    assert_eq!(fault(&[signer, forged]), (1, Fault::NotSelfSigned));
}

#[test]
fn n_k_04_only_the_last_is_self_signed() {
    let authority = Authority::new("root");
    let mut twice = authority.leaf("signer").certificates;
    twice.push(authority.certificate().to_vec());
    assert_eq!(fault(&twice), (1, Fault::SelfSignedInside));

    // a self-signed leaf that shares name and key with the root behind it
    let template = root();
    let same = Template::leaf("root").key(template.key.clone());
    let ders = [
        same.sign(&template.subject, &template.key),
        template.sign(&template.subject, &template.key),
    ];
    assert_eq!(fault(&ders), (0, Fault::SelfSignedInside));

    let mut extra = self_signed().certificates;
    extra.push(authority.certificate().to_vec());
    assert!(matches!(fault(&extra), (0, Fault::IssuerMismatch { .. })));
}

#[test]
fn n_k_04_equal_names_alone_are_not_self_signed() {
    // as in the reference implementation's vectors: leaf and root carry one name
    let template = root();
    let same_name = Template::leaf("root").sign(&template.subject, &template.key);
    let ders = [same_name, template.sign(&template.subject, &template.key)];
    let leaf = Certificate::from_der(&ders[0]).unwrap();
    assert_eq!(leaf.subject(), leaf.issuer());
    assert!(!leaf.is_self_signed());
    check(&ders).unwrap();
}

#[test]
fn n_k_05_each_is_issued_by_the_next_name_and_key() {
    let authority = Authority::new("root");
    let other = leaf().issuer(Name::new("Acme", "other"));
    match leaf_fault(&other) {
        Fault::IssuerMismatch { issuer, next } => {
            assert!(issuer.contains("CN=other") && next.contains("CN=root"));
        }
        fault => panic!("{fault}"),
    }
    assert_eq!(leaf_fault(&leaf().tampered()), Fault::IssuerSignature);
    // the right name, another key
    let imposter = Authority::new("root");
    let mut swapped = authority.leaf("signer").certificates;
    swapped[1] = imposter.certificate().to_vec();
    assert_eq!(fault(&swapped), (0, Fault::IssuerSignature));
    // an RSA signature claimed, an EC key to check it
    let announced = leaf().signature(CertificateSignature::Announced(der::sequence(&[
        &der::oid("1.2.840.113549.1.1.11"),
        &der::null(),
    ])));
    assert!(matches!(leaf_fault(&announced), Fault::IssuerKey { .. }));
}

#[test]
fn n_k_05_names_are_compared_byte_for_byte() {
    // the same text as UTF8String and as PrintableString
    let utf8 = Name::empty().with_raw("2.5.4.3", der::UTF8_STRING, b"root");
    let printable = Name::empty().with_raw("2.5.4.3", der::PRINTABLE_STRING, b"root");
    let authority = Authority::root(&root().subject(utf8));
    let chain = authority.issue(&leaf().issuer(printable));
    assert!(matches!(
        fault(&chain.certificates),
        (0, Fault::IssuerMismatch { .. })
    ));
    let lower = Authority::root(&root().subject(Name::new("Acme", "Root")));
    let chain = lower.issue(&leaf().issuer(Name::new("Acme", "root")));
    assert!(matches!(
        fault(&chain.certificates),
        (0, Fault::IssuerMismatch { .. })
    ));
}

#[test]
fn n_k_05_an_issuer_is_of_version_3() {
    let mut template = root();
    template.version = 0;
    template.extensions.clear();
    assert_eq!(root_fault(&template), Fault::IssuerNotV3);
}

#[test]
fn n_k_06_no_order_but_the_right_one() {
    let chain = Authority::new("root")
        .intermediate("a")
        .intermediate("b")
        .leaf("signer");
    let right = certificates(&chain.certificates);
    let mut orders = 0;
    for a in 0..4 {
        for b in 0..4 {
            for c in 0..4 {
                for d in 0..4 {
                    let order = [a, b, c, d];
                    let chain = order.iter().map(|i: &usize| right[*i].clone()).collect();
                    let checked = CodeSigningChain::check(chain);
                    assert_eq!(checked.is_ok(), order == [0, 1, 2, 3], "{order:?}");
                    orders += 1;
                }
            }
        }
    }
    assert_eq!(orders, 256);
    for missing in 0..4 {
        let mut ders = chain.certificates.clone();
        ders.remove(missing);
        assert!(check(&ders).is_err(), "without {missing}");
    }
    let mut unrelated = chain.certificates.clone();
    unrelated.insert(2, Authority::new("stranger").certificate().to_vec());
    assert!(check(&unrelated).is_err());
}

#[test]
fn n_k_07_an_issuer_is_a_ca_and_says_so_critically() {
    let without = root().without(oids::BASIC_CONSTRAINTS);
    assert_eq!(root_fault(&without), Fault::NotCa);
    let no = root().with(Extension::basic_constraints(false, None));
    assert_eq!(root_fault(&no), Fault::NotCa);
    let not_critical = root().criticality(oids::BASIC_CONSTRAINTS, false);
    assert_eq!(
        root_fault(&not_critical),
        Fault::BasicConstraintsNotCritical
    );
}

#[test]
fn n_k_07_path_length() {
    let limited = |path_length| {
        let template = root().with(Extension::basic_constraints(true, Some(path_length)));
        Authority::root(&template)
    };
    good(&limited(0).leaf("signer"));
    good(&limited(1).intermediate("a").leaf("signer"));
    good(&limited(9).intermediate("a").leaf("signer"));
    let too_long = limited(0).intermediate("a").leaf("signer");
    let path = Fault::PathTooLong {
        allowed: 0,
        found: 1,
    };
    assert_eq!(fault(&too_long.certificates), (2, path));
    let too_long = limited(1)
        .intermediate("a")
        .intermediate("b")
        .leaf("signer");
    let path = Fault::PathTooLong {
        allowed: 1,
        found: 2,
    };
    assert_eq!(fault(&too_long.certificates), (3, path));
    let inner = Template::authority("a").with(Extension::basic_constraints(true, Some(0)));
    let chain = Authority::new("root")
        .intermediate_from(&inner)
        .intermediate("b")
        .leaf("signer");
    assert_eq!(fault(&chain.certificates).0, 2);
}

#[test]
fn n_k_08_an_issuer_may_sign_certificates_and_says_so_critically() {
    let without = root().without(oids::KEY_USAGE);
    assert_eq!(root_fault(&without), Fault::KeyUsageMissing);
    let not_critical = root().criticality(oids::KEY_USAGE, false);
    assert_eq!(root_fault(&not_critical), Fault::KeyUsageNotCritical);
    let others: Vec<_> = KeyUsage::ALL
        .into_iter()
        .filter(|one| *one != KeyUsage::KeyCertSign)
        .collect();
    let may_not = root().with(Extension::key_usage(&others));
    assert_eq!(root_fault(&may_not), Fault::MayNotCertify);
    let only = root().with(Extension::key_usage(&[KeyUsage::KeyCertSign]));
    good(&Authority::root(&only).leaf("signer"));
}

#[test]
fn n_k_09_the_leaf_is_not_a_ca() {
    let ca = leaf().with(Extension::basic_constraints(true, None));
    assert_eq!(leaf_fault(&ca), Fault::LeafIsCa);
    let not_ca = leaf().with(Extension::basic_constraints(false, None));
    good(&Authority::new("root").issue(&not_ca));
    let not_critical = not_ca.criticality(oids::BASIC_CONSTRAINTS, false);
    good(&Authority::new("root").issue(&not_critical));
}

#[test]
fn n_k_10_the_leaf_may_sign_and_nothing_else() {
    assert_eq!(
        leaf_fault(&leaf().without(oids::KEY_USAGE)),
        Fault::KeyUsageMissing
    );
    assert_eq!(
        leaf_fault(&leaf().criticality(oids::KEY_USAGE, false)),
        Fault::KeyUsageNotCritical
    );
    let only_commitment = leaf().with(Extension::key_usage(&[KeyUsage::ContentCommitment]));
    assert_eq!(leaf_fault(&only_commitment), Fault::LeafMayNotSign);
    assert_eq!(
        leaf_fault(&leaf().with(Extension::key_usage(&[]))),
        Fault::LeafMayNotSign
    );
    for more in KeyUsage::ALL {
        let usages = [KeyUsage::DigitalSignature, more];
        let template = leaf().with(Extension::key_usage(&usages));
        match more {
            KeyUsage::DigitalSignature | KeyUsage::ContentCommitment => {
                good(&Authority::new("root").issue(&template));
            }
            _ => assert!(
                matches!(leaf_fault(&template), Fault::LeafMayMore(_)),
                "{more:?}"
            ),
        }
    }
}

#[test]
fn n_k_11_six_purposes_are_refused() {
    for (oid, name) in [
        (oids::ANY_EXTENDED_KEY_USAGE, "anyExtendedKeyUsage"),
        (oids::SERVER_AUTH, "serverAuth"),
        (oids::CLIENT_AUTH, "clientAuth"),
        (oids::EMAIL_PROTECTION, "emailProtection"),
        (oids::TIME_STAMPING, "timeStamping"),
        (oids::OCSP_SIGNING, "OCSPSigning"),
    ] {
        for purposes in [vec![oid], vec![oids::CODE_SIGNING, oid]] {
            let extension = Extension::extended_key_usage(&purposes);
            for extension in [extension.clone(), extension.critical()] {
                let template = leaf().with(extension);
                assert_eq!(leaf_fault(&template), Fault::LeafPurpose(name));
            }
        }
    }
    let authority = Authority::new("root");
    good(&authority.issue(&leaf().without(oids::EXTENDED_KEY_USAGE)));
    // one that nobody knows is no reason to refuse
    let other = Extension::extended_key_usage(&["1.3.6.1.4.1.311.10.3.13"]);
    good(&authority.issue(&leaf().with(other)));
}

#[test]
fn n_k_12_the_leaf_has_one_of_six_keys() {
    for kind in KeyKind::ALL {
        let chain = Authority::new("root").leaf_of_kind("signer", kind);
        let spec = good(&chain).leaf().key_spec().unwrap();
        assert_eq!(spec.to_string(), kind.to_string());
    }
}

fn with_key_info(mut template: Template, info: Vec<u8>) -> Template {
    template.public_key_info = Some(info);
    template
}

fn rsa_info(modulus: &[u8]) -> Vec<u8> {
    let key = der::sequence(&[&der::unsigned(modulus), &der::integer(65_537)]);
    let algorithm = der::sequence(&[&der::oid("1.2.840.113549.1.1.1"), &der::null()]);
    der::sequence(&[&algorithm, &der::bit_string(&key)])
}

fn ec_info(curve: &str, point: &[u8]) -> Vec<u8> {
    let algorithm = der::sequence(&[&der::oid("1.2.840.10045.2.1"), &der::oid(curve)]);
    der::sequence(&[&algorithm, &der::bit_string(point)])
}

/// A modulus of exactly so many bits.
fn modulus(bits: usize) -> Vec<u8> {
    let bytes = bits.div_ceil(8);
    let mut modulus = vec![0x55; bytes];
    modulus[0] = match bits % 8 {
        0 => 0x80,
        odd => 1 << (odd - 1),
    };
    modulus[bytes - 1] |= 1;
    modulus
}

#[test]
fn n_k_12_rsa_is_measured_to_the_bit() {
    for bits in [512, 1024, 2041, 2047, 2049, 3071, 3073, 4095, 4097, 8192] {
        let template = with_key_info(leaf(), rsa_info(&modulus(bits)));
        assert_eq!(leaf_fault(&template), Fault::LeafKey(format!("RSA {bits}")));
    }
    for bits in [2048, 3072, 4096] {
        let template = with_key_info(leaf(), rsa_info(&modulus(bits)));
        good(&Authority::new("root").issue(&template));
    }
}

#[test]
fn n_k_12_curves_are_told_by_their_object_identifier() {
    let point = |half: usize| [&[4], vec![1; half * 2].as_slice()].concat();
    for (curve, half) in [
        // P-224, brainpoolP256r1 (as many bits as P-256), secp256k1 (likewise), brainpoolP384r1
        ("1.3.132.0.33", 28),
        ("1.3.36.3.3.2.8.1.1.7", 32),
        ("1.3.132.0.10", 32),
        ("1.3.36.3.3.2.8.1.1.11", 48),
    ] {
        let template = with_key_info(leaf(), ec_info(curve, &point(half)));
        let fault = leaf_fault(&template);
        assert!(
            matches!(&fault, Fault::LeafKey(name) if name.contains(curve)),
            "{fault}"
        );
    }
}

#[test]
fn n_k_13_small_and_unknown_keys_of_issuers_are_refused() {
    for (info, name) in [
        (rsa_info(&modulus(1024)), "RSA 1024"),
        (rsa_info(&modulus(2047)), "RSA 2047"),
        (rsa_info(&modulus(8193)), "RSA 8193"),
        (
            ec_info("1.3.132.0.33", &[4; 57]),
            "EC on the curve 1.3.132.0.33",
        ),
    ] {
        let template = with_key_info(root(), info);
        assert_eq!(root_fault(&template), Fault::IssuerKeyWeak(name.into()));
    }
}

#[test]
fn n_k_14_accepted_signatures_of_certificates() {
    let hashes = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
    for kind in [KeyKind::Rsa2048, KeyKind::Rsa3072] {
        for hash in hashes {
            for signature in [
                CertificateSignature::Pkcs1(hash),
                CertificateSignature::Pss(hash),
            ] {
                let key = SigningKey::in_slot(kind, 1);
                let template = root().key(key).signature(signature.clone());
                let chain = Authority::root(&template).issue(&leaf().signature(signature));
                good(&chain);
            }
        }
    }
    for kind in KeyKind::ELLIPTIC {
        for hash in hashes {
            let signature = CertificateSignature::Pkcs1(hash);
            let template = root()
                .key(SigningKey::new(kind))
                .signature(signature.clone());
            good(&Authority::root(&template).issue(&leaf().signature(signature)));
        }
    }
}

#[test]
fn n_k_14_a_tampered_signature_of_every_algorithm_is_refused() {
    for kind in [
        KeyKind::Rsa2048,
        KeyKind::P256,
        KeyKind::P384,
        KeyKind::P521,
    ] {
        let authority = Authority::of_kind("root", kind);
        let chain = authority.issue(&leaf().tampered());
        assert_eq!(
            fault(&chain.certificates),
            (0, Fault::IssuerSignature),
            "{kind}"
        );
    }
    let pss = CertificateSignature::Pss(Hash::Sha256);
    let authority = Authority::of_kind("root", KeyKind::Rsa2048);
    let chain = authority.issue(&leaf().signature(pss).tampered());
    assert_eq!(fault(&chain.certificates), (0, Fault::IssuerSignature));
}

fn ed25519(key: &Ed25519KeyPair) -> (Vec<u8>, Vec<u8>) {
    let algorithm = der::sequence(&[&der::oid("1.3.101.112")]);
    let info = der::sequence(&[&algorithm, &der::bit_string(key.public_key().as_ref())]);
    (algorithm, info)
}

#[test]
fn n_k_14_ed25519_on_issuers_only() {
    let key = Ed25519KeyPair::generate().unwrap();
    let (algorithm, info) = ed25519(&key);
    let sign = |tbs: &[u8]| key.sign(tbs).as_ref().to_vec();
    let template = with_key_info(root(), info.clone());
    let authority = template.sign_by(&template.subject, &algorithm, sign);
    let signer = leaf().sign_by(&template.subject, &algorithm, sign);
    check(&[signer, authority.clone()]).unwrap();
    let broken = leaf()
        .tampered()
        .sign_by(&template.subject, &algorithm, sign);
    assert_eq!(fault(&[broken, authority]), (0, Fault::IssuerSignature));

    let template = with_key_info(leaf(), info);
    assert_eq!(leaf_fault(&template), Fault::LeafKey("Ed25519".into()));
}

#[test]
fn n_k_14_broken_hashes_are_refused_also_on_the_root_itself() {
    let weak = |kind| {
        let key = SigningKey::in_slot(kind, 1);
        root().key(key).signature(CertificateSignature::Sha1)
    };
    for (kind, name) in [
        (KeyKind::Rsa2048, "SHA-1 with RSA"),
        (KeyKind::P256, "SHA-1 with ECDSA"),
    ] {
        assert_eq!(root_fault(&weak(kind)), Fault::WeakSignature(name));
        let authority = Authority::of_kind("root", kind);
        let chain = authority.issue(&leaf().signature(CertificateSignature::Sha1));
        assert_eq!(fault(&chain.certificates), (0, Fault::WeakSignature(name)));
        // P-16: the reference implementation lets this one pass
        let alone = leaf().key_kind(kind).signature(CertificateSignature::Sha1);
        assert_eq!(
            fault(&Chain::self_signed(&alone).certificates),
            (0, Fault::WeakSignature(name))
        );
    }
    let md5 = leaf().signature(CertificateSignature::announced_md5_rsa());
    assert_eq!(leaf_fault(&md5), Fault::WeakSignature("MD5 with RSA"));
}

fn pss(parts: &[&[u8]]) -> CertificateSignature {
    let parameters = der::sequence(parts);
    CertificateSignature::Announced(der::sequence(&[
        &der::oid("1.2.840.113549.1.1.10"),
        &parameters,
    ]))
}

/// What is odd about the parameters, the algorithm, and whether it comes to SHA-1.
fn odd_pss() -> Vec<(&'static str, CertificateSignature, bool)> {
    let hash = |oid| der::sequence(&[&der::oid(oid), &der::null()]);
    let sha1 = hash("1.3.14.3.2.26");
    let sha256 = hash("2.16.840.1.101.3.4.2.1");
    let sha384 = hash("2.16.840.1.101.3.4.2.2");
    let first = |hash: &[u8]| der::explicit(0, &[hash]);
    let mask = |hash: &[u8]| {
        let mgf1 = der::sequence(&[&der::oid("1.2.840.113549.1.1.8"), hash]);
        der::explicit(1, &[&mgf1])
    };
    let salt = |length| der::explicit(2, &[&der::integer(length)]);
    let trailer = |number| der::explicit(3, &[&der::integer(number)]);
    let (h, m, s) = (first(&sha256), mask(&sha256), salt(32));
    vec![
        ("defaults", pss(&[]), true),
        (
            "SHA-1",
            pss(&[&first(&sha1), &mask(&sha1), &salt(20)]),
            true,
        ),
        ("mask SHA-1", pss(&[&h, &s]), false),
        ("mask SHA-384", pss(&[&h, &mask(&sha384), &s]), false),
        ("salt default", pss(&[&h, &m]), false),
        ("salt 0", pss(&[&h, &m, &salt(0)]), false),
        ("trailer 2", pss(&[&h, &m, &s, &trailer(2)]), false),
        ("more", pss(&[&h, &m, &s, &trailer(1), &der::null()]), false),
    ]
}

#[test]
fn n_k_14_pss_parameters_must_be_of_one_hash() {
    for (what, signature, weak) in odd_pss() {
        let authority = Authority::of_kind("root", KeyKind::Rsa2048);
        let (index, fault) = fault(&authority.issue(&leaf().signature(signature)).certificates);
        assert_eq!(index, 0, "{what}");
        match fault {
            Fault::WeakSignature(_) => assert!(weak, "{what}"),
            Fault::UnknownSignature(_) => assert!(!weak, "{what}"),
            other => panic!("{what}: {other}"),
        }
    }
}

#[test]
fn n_k_14_unknown_algorithms_are_refused() {
    // SHA-224 with RSA
    let announced = CertificateSignature::Announced(der::sequence(&[
        &der::oid("1.2.840.113549.1.1.14"),
        &der::null(),
    ]));
    let fault = leaf_fault(&leaf().signature(announced));
    assert_eq!(
        fault,
        Fault::UnknownSignature("1.2.840.113549.1.1.14".into())
    );
}

#[test]
fn n_k_15_unknown_critical_extensions_and_name_constraints_are_ignored() {
    let unknown = Extension::unknown().critical();
    // permitted: the DNS name `x`, which no signer is
    let permitted = der::sequence(&[&der::sequence(&[&der::implicit(2, b"x")])]);
    let constraints = Extension::new(
        oids::NAME_CONSTRAINTS,
        der::sequence(&[&der::tlv(0xa0, &[&permitted])]),
    )
    .critical();
    let template = root().with(unknown.clone()).with(constraints);
    good(&Authority::root(&template).issue(&leaf().with(unknown)));
}

#[test]
fn n_k_16_purposes_of_issuers_are_ignored() {
    for purpose in [oids::SERVER_AUTH, oids::TIME_STAMPING] {
        let template = root().with(Extension::extended_key_usage(&[purpose]).critical());
        good(&Authority::root(&template).leaf("signer"));
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn n_k_17_a_child_may_outlive_its_issuer() {
    let template = root().valid(at("2024-01-01T00:00:00Z"), at("2025-01-01T00:00:00Z"));
    let child = leaf().valid(at("2023-01-01T00:00:00Z"), at("2031-01-01T00:00:00Z"));
    let chain = good(&Authority::root(&template).issue(&child));
    assert_eq!(chain.expires(), at("2025-01-01T00:00:00Z"));
}

#[test]
fn n_k_18_no_time_is_checked_with_the_chain() {
    let past = leaf().valid(at("1999-01-01T00:00:00Z"), at("1999-01-02T00:00:00Z"));
    let future = leaf().valid(at("2098-01-01T00:00:00Z"), at("2099-01-02T00:00:00Z"));
    let never = leaf().valid(at("2026-01-02T00:00:00Z"), at("2026-01-01T00:00:00Z"));
    for template in [past, future, never] {
        good(&Authority::new("root").issue(&template));
    }
}

#[test]
fn n_t_03_both_ends_of_a_validity_are_inside() {
    let (start, end) = (at("2025-03-01T10:00:00Z"), at("2025-03-02T10:00:00Z"));
    let chain = good(&Authority::new("root").issue(&leaf().valid(start, end)));
    let side = |text: &str| chain.outside_validity(at(text)).map(|outside| outside.side);
    assert_eq!(side("2025-03-01T09:59:59.999Z"), Some(OutsideSide::NotYet));
    assert_eq!(side("2025-03-01T10:00:00Z"), None);
    assert_eq!(side("2025-03-02T10:00:00Z"), None);
    assert_eq!(side("2025-03-02T10:00:00.001Z"), Some(OutsideSide::Expired));
    assert_eq!(chain.expires(), end);
}

#[test]
fn att_13_every_certificate_counts_at_every_time() {
    let (start, end) = (at("2025-03-01T00:00:00Z"), at("2025-03-02T00:00:00Z"));
    let intermediate = Template::authority("a").valid(start, end);
    let chain = Authority::new("root")
        .intermediate_from(&intermediate)
        .leaf("signer");
    let chain = good(&chain);
    let expired = chain.outside_validity(at("2026-01-01T00:00:00Z")).unwrap();
    assert_eq!(expired.side, OutsideSide::Expired);
    assert_eq!(expired.certificate, &chain.certificates()[1]);
    let limited = root().valid(start, end);
    let chain = good(&Authority::root(&limited).intermediate("a").leaf("signer"));
    let early = chain.outside_validity(at("2024-06-01T00:00:00Z"));
    assert!(matches!(
        early,
        Some(Outside { certificate, side: OutsideSide::NotYet }) if certificate.is_ca()
    ));
}

#[test]
fn n_k_19_att_39_length_and_bytes_are_capped() {
    let mut authority = Authority::new("root");
    for i in 0..8 {
        authority = authority.intermediate(&format!("a{i}"));
    }
    good(&authority.leaf("signer"));
    let ders = authority
        .intermediate("one more")
        .leaf("signer")
        .certificates;
    assert_eq!(check(&ders).unwrap_err(), ChainError::TooLong(11));

    let padded = |template: Template| {
        let padding = Extension::new(oids::UNKNOWN, der::octet_string(&vec![0; 50_000]));
        template.with(padding)
    };
    let big = Authority::root(&padded(root()));
    good(&big.issue(&padded(leaf())));
    let ders = big
        .intermediate_from(&padded(Template::authority("a")))
        .issue(&padded(leaf()))
        .certificates;
    assert!(matches!(
        check(&ders).unwrap_err(),
        ChainError::TooLarge(150_000..)
    ));
}

#[test]
fn n_k_20_keys_restricted_to_pss_are_not_usable() {
    let info = |modulus: &[u8]| {
        let key = der::sequence(&[&der::unsigned(modulus), &der::integer(65_537)]);
        let algorithm = der::sequence(&[&der::oid("1.2.840.113549.1.1.10")]);
        der::sequence(&[&algorithm, &der::bit_string(&key)])
    };
    let template = with_key_info(leaf(), info(&modulus(2048)));
    let name = "RSA restricted to PSS".to_owned();
    assert_eq!(leaf_fault(&template), Fault::LeafKey(name.clone()));
    let template = with_key_info(root(), info(&modulus(2048)));
    assert_eq!(root_fault(&template), Fault::IssuerKeyWeak(name));
}

#[test]
fn messages_name_the_certificate_and_the_rule() {
    let chain = Authority::new("root").issue(&leaf().without(oids::KEY_USAGE));
    assert_eq!(
        check(&chain.certificates).unwrap_err().to_string(),
        "certificate 0 (`CN=signer,O=Acme,L=Seattle,ST=WA,C=US`) has no keyUsage, expected one"
    );
}
