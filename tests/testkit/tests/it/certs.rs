//! Certificates parse with x509-cert and say what their templates said; issuers' signatures verify.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use ratify_testkit::certs::{
    Authority, CertificateSignature, Chain, Extension, KeyUsage, Name, Template, odd_keys, oids,
};
use ratify_testkit::keys::{Hash, KeyKind, SigningKey};
use ratify_testkit::time::NOW;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix;

fn parsed(der: &[u8]) -> Certificate {
    Certificate::from_der(der).unwrap()
}

/// Whether the issuer's key signed the certificate.
fn issued(
    certificate: &Certificate,
    issuer: &Certificate,
    how: &'static dyn VerificationAlgorithm,
) -> bool {
    let info = &issuer.tbs_certificate.subject_public_key_info;
    let elliptic = info.algorithm.oid == const_oid("1.2.840.10045.2.1");
    let key = if elliptic {
        info.subject_public_key.raw_bytes().to_vec()
    } else {
        info.to_der().unwrap()
    };
    let message = certificate.tbs_certificate.to_der().unwrap();
    let key = UnparsedPublicKey::new(how, key);
    key.verify(&message, certificate.signature.raw_bytes())
        .is_ok()
}

fn const_oid(text: &str) -> x509_cert::der::oid::ObjectIdentifier {
    text.parse().unwrap()
}

fn usual(kind: KeyKind) -> &'static dyn VerificationAlgorithm {
    match kind {
        KeyKind::Rsa2048 => &signature::RSA_PKCS1_2048_8192_SHA256,
        KeyKind::Rsa3072 => &signature::RSA_PKCS1_2048_8192_SHA384,
        KeyKind::Rsa4096 => &signature::RSA_PKCS1_2048_8192_SHA512,
        KeyKind::P256 => &signature::ECDSA_P256_SHA256_ASN1,
        KeyKind::P384 => &signature::ECDSA_P384_SHA384_ASN1,
        KeyKind::P521 => &signature::ECDSA_P521_SHA512_ASN1,
    }
}

#[test]
fn chains_of_every_kind_are_signed_link_by_link() {
    for kind in KeyKind::ALL {
        let root = Authority::of_kind("Root", kind);
        let middle = root.intermediate("Middle");
        let chain = middle.intermediate("Lower").leaf_of_kind("signer", kind);
        let certificates: Vec<Certificate> =
            chain.certificates.iter().map(|der| parsed(der)).collect();
        assert_eq!(certificates.len(), 4);
        for pair in certificates.windows(2) {
            assert!(issued(&pair[0], &pair[1], usual(kind)), "{kind}");
            let (child, issuer) = (&pair[0].tbs_certificate, &pair[1].tbs_certificate);
            assert_eq!(child.issuer, issuer.subject);
            assert_ne!(
                child.subject_public_key_info,
                issuer.subject_public_key_info
            );
        }
        let top = certificates.last().unwrap();
        assert!(issued(top, top, usual(kind)), "{kind}");
        assert_eq!(chain.root(), root.certificate());
    }
}

#[test]
fn the_default_leaf_keeps_the_rules() {
    let chain = Authority::new("Root").leaf("signer");
    let leaf = parsed(chain.leaf()).tbs_certificate;
    assert_eq!(
        leaf.subject.to_string(),
        "CN=signer,O=Acme,L=Seattle,ST=WA,C=US"
    );
    let (critical, usage) = leaf.get::<pkix::KeyUsage>().unwrap().unwrap();
    assert!(critical && usage.digital_signature() && !usage.key_cert_sign());
    assert!(leaf.get::<pkix::BasicConstraints>().unwrap().is_none());
    let (_, purposes) = leaf.get::<pkix::ExtendedKeyUsage>().unwrap().unwrap();
    assert_eq!(purposes.0, [const_oid(oids::CODE_SIGNING)]);
    let second = u64::try_from(NOW.as_second()).unwrap();
    assert!(leaf.validity.not_before.to_unix_duration().as_secs() < second);
    assert!(leaf.validity.not_after.to_unix_duration().as_secs() > second + 10 * 365 * 86_400);
    let root = parsed(chain.root()).tbs_certificate;
    let (critical, constraints) = root.get::<pkix::BasicConstraints>().unwrap().unwrap();
    assert!(critical && constraints.ca && constraints.path_len_constraint.is_none());
    let (critical, usage) = root.get::<pkix::KeyUsage>().unwrap().unwrap();
    assert!(critical && usage.key_cert_sign());
}

#[test]
fn every_knob_shows() {
    let name = Name::empty()
        .with("C", "US")
        .with_rdn(&[("O", "x"), ("CN", "y")])
        .with("OU", "1")
        .with("OU", "2")
        .with("1.2.3.4", "odd");
    let template = Template::leaf("ignored")
        .subject(name)
        .key_kind(KeyKind::P384)
        .criticality(oids::KEY_USAGE, false)
        .with(Extension::basic_constraints(false, Some(3)))
        .with(Extension::key_usage(&KeyUsage::ALL))
        .with(Extension::ocsp("http://ocsp.test"))
        .with(Extension::crl_distribution_point("http://crl.test/a"))
        .with(Extension::unknown().critical())
        .without(oids::EXTENDED_KEY_USAGE);
    let chain = Authority::new("Root").issue(&template);
    let leaf = parsed(chain.leaf()).tbs_certificate;
    assert_eq!(leaf.subject.0.len(), 5);
    assert_eq!(leaf.subject.0[1].0.len(), 2);
    let (critical, usage) = leaf.get::<pkix::KeyUsage>().unwrap().unwrap();
    assert!(critical && usage.decipher_only() && usage.crl_sign());
    let (_, access) = leaf
        .get::<pkix::AuthorityInfoAccessSyntax>()
        .unwrap()
        .unwrap();
    assert_eq!(access.0[0].access_method, const_oid("1.3.6.1.5.5.7.48.1"));
    let (_, points) = leaf.get::<pkix::CrlDistributionPoints>().unwrap().unwrap();
    assert_eq!(points.0.len(), 1);
    let extensions = leaf.extensions.unwrap();
    let unknown = extensions
        .iter()
        .find(|e| e.extn_id == const_oid(oids::UNKNOWN))
        .unwrap();
    assert!(unknown.critical);
    assert!(
        !extensions
            .iter()
            .any(|e| e.extn_id == const_oid(oids::EXTENDED_KEY_USAGE))
    );

    let twice = Template::leaf("x").with_another(Extension::key_usage(&[]));
    let twice = parsed(Authority::new("Root").issue(&twice).leaf()).tbs_certificate;
    let usages = twice.extensions.unwrap();
    assert_eq!(
        usages
            .iter()
            .filter(|e| e.extn_id == const_oid(oids::KEY_USAGE))
            .count(),
        2
    );
    let loose = Template::authority("x").criticality(oids::BASIC_CONSTRAINTS, false);
    let loose = parsed(Authority::root(&loose).certificate()).tbs_certificate;
    assert!(!loose.get::<pkix::BasicConstraints>().unwrap().unwrap().0);
}

#[test]
fn signatures_of_certificates_can_be_chosen_and_broken() {
    let root = Template::authority("Root").key(SigningKey::in_slot(KeyKind::Rsa2048, 1));
    let root = Authority::root(&root);
    let issuer = parsed(root.certificate());
    let leaf = |signature| parsed(root.issue(&Template::leaf("x").signature(signature)).leaf());
    let pss = leaf(CertificateSignature::Pss(Hash::Sha384));
    assert!(issued(&pss, &issuer, &signature::RSA_PSS_2048_8192_SHA384));
    let pkcs1 = leaf(CertificateSignature::Pkcs1(Hash::Sha512));
    assert!(issued(
        &pkcs1,
        &issuer,
        &signature::RSA_PKCS1_2048_8192_SHA512
    ));
    let sha1 = leaf(CertificateSignature::announced_sha1_rsa());
    assert_eq!(
        sha1.signature_algorithm.oid,
        const_oid("1.2.840.113549.1.1.5")
    );
    assert_eq!(sha1.signature_algorithm, sha1.tbs_certificate.signature);
    let elliptic = Authority::new("Root");
    let issuer_ec = parsed(elliptic.certificate());
    let leaf_ec = |signature| {
        parsed(
            elliptic
                .issue(&Template::leaf("x").signature(signature))
                .leaf(),
        )
    };
    let longer = leaf_ec(CertificateSignature::Pkcs1(Hash::Sha384));
    assert_eq!(
        longer.signature_algorithm.oid,
        const_oid("1.2.840.10045.4.3.3")
    );
    assert!(issued(
        &longer,
        &issuer_ec,
        &signature::ECDSA_P256_SHA384_ASN1
    ));
    let old = leaf_ec(CertificateSignature::Sha1);
    assert_eq!(old.signature_algorithm.oid, const_oid("1.2.840.10045.4.1"));
    assert!(
        !issued(&old, &issuer_ec, usual(KeyKind::P256)),
        "it is not SHA-256"
    );
    let old_rsa = leaf(CertificateSignature::Sha1);
    assert_eq!(
        old_rsa.signature_algorithm.oid,
        const_oid("1.2.840.113549.1.1.5")
    );
    let broken = parsed(root.issue(&Template::leaf("x").tampered()).leaf());
    assert!(!issued(&broken, &issuer, usual(KeyKind::Rsa2048)));
    let alone = Chain::self_signed(&Template::leaf("x"));
    let alone = parsed(alone.leaf());
    assert!(issued(&alone, &alone, usual(KeyKind::P256)));
}

#[test]
fn a_shorter_hash_is_signed_as_ecdsa_signs_it() {
    let template = Template::authority("Root").key(SigningKey::new(KeyKind::P521));
    let root = Authority::root(&template);
    let template = Template::leaf("x").signature(CertificateSignature::Pkcs1(Hash::Sha256));
    let leaf = parsed(root.issue(&template).leaf());
    let issuer = parsed(root.certificate());
    assert!(issued(&leaf, &issuer, &signature::ECDSA_P521_SHA256_ASN1));
}

#[test]
fn odd_keys_are_what_they_say() {
    use x509_cert::spki::SubjectPublicKeyInfoRef;
    for bits in [1024, 2041, 2047, 2048, 2049, 4096] {
        let info = odd_keys::rsa_key_info(bits);
        let info = SubjectPublicKeyInfoRef::from_der(&info).unwrap();
        let mut key = info.subject_public_key.raw_bytes();
        let header = usize::from(key[1] & 0x7f) + 2;
        key = &key[header..];
        let start = usize::from(key[1] & 0x7f) + 2;
        let length = key[2..start]
            .iter()
            .fold(0, |sum, byte| sum * 256 + usize::from(*byte));
        let modulus = &key[start..start + length];
        let zeros: usize = modulus.iter().take_while(|byte| **byte == 0).count();
        let first = usize::try_from(modulus[zeros].leading_zeros()).unwrap();
        assert_eq!((modulus.len() - zeros) * 8 - first, bits);
        assert_eq!(modulus[modulus.len() - 1] & 1, 1);
    }
    let key = SigningKey::new(KeyKind::Rsa2048);
    let pss = odd_keys::declared_as_pss(&key);
    let pss = SubjectPublicKeyInfoRef::from_der(&pss).unwrap();
    let real = SubjectPublicKeyInfoRef::from_der(key.public_key_info()).unwrap();
    assert_eq!(pss.subject_public_key, real.subject_public_key);
    assert_eq!(pss.algorithm.oid, const_oid("1.2.840.113549.1.1.10"));
    let brainpool = odd_keys::brainpool_p256_key_info();
    let brainpool = SubjectPublicKeyInfoRef::from_der(&brainpool).unwrap();
    assert_eq!(brainpool.subject_public_key.raw_bytes().len(), 65);

    let edwards = odd_keys::Ed25519Key::fresh();
    let mut template = Template::authority("Edwards");
    template.public_key_info = Some(edwards.public_key_info().to_vec());
    let root = parsed(&edwards.sign_certificate(&template, &template.subject));
    let key = root
        .tbs_certificate
        .subject_public_key_info
        .subject_public_key
        .raw_bytes();
    let message = root.tbs_certificate.to_der().unwrap();
    let public = UnparsedPublicKey::new(&signature::ED25519, key);
    public.verify(&message, root.signature.raw_bytes()).unwrap();
}
