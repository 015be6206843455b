//! Signatures of envelopes against the key of a certificate (N 2.3, J-08, J-09, P-13), and that good ones never fail
//! (attack catalogue T-59).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use proptest::prelude::*;
use ratify_oci::DigestAlgorithm;
use ratify_testkit::certs::{Authority, Chain, Template};
use ratify_testkit::keys::{KeyKind, SigningKey, ecdsa_to_der};
use ratify_verify::trust::{
    Certificate, CodeSigningChain, KeyError, KeySpec, SignatureAlgorithm as Algorithm,
};

/// A key and a certificate that carries it.
fn signer(kind: KeyKind) -> (SigningKey, Certificate) {
    let chain = Chain::self_signed(&Template::leaf("signer").key_kind(kind));
    let certificate = Certificate::from_der(chain.leaf()).unwrap();
    (chain.key, certificate)
}

fn algorithm(certificate: &Certificate) -> Algorithm {
    certificate.key_spec().unwrap().signature_algorithm()
}

#[test]
fn n_2_3_the_table_of_keys_and_algorithms() {
    let (s256, s384, s512) = (
        DigestAlgorithm::Sha256,
        DigestAlgorithm::Sha384,
        DigestAlgorithm::Sha512,
    );
    for (kind, spec, name, cose, hash, length) in [
        (KeyKind::Rsa2048, KeySpec::Rsa2048, "PS256", -37, s256, 256),
        (KeyKind::Rsa3072, KeySpec::Rsa3072, "PS384", -38, s384, 384),
        (KeyKind::Rsa4096, KeySpec::Rsa4096, "PS512", -39, s512, 512),
        (KeyKind::P256, KeySpec::P256, "ES256", -7, s256, 64),
        (KeyKind::P384, KeySpec::P384, "ES384", -35, s384, 96),
        (KeyKind::P521, KeySpec::P521, "ES512", -36, s512, 132),
    ] {
        let (key, certificate) = signer(kind);
        assert_eq!(certificate.key_spec(), Ok(spec));
        let algorithm = spec.signature_algorithm();
        assert_eq!(Algorithm::from_jws(name), Some(algorithm));
        assert_eq!(Algorithm::from_cose(cose), Some(algorithm));
        assert_eq!((spec.hash(), algorithm.hash()), (hash, hash));
        let signature = key.sign(b"message");
        assert_eq!(signature.len(), length);
        assert_eq!(algorithm.signature_len(), length);
        let verified = certificate.verify(algorithm, b"message", &signature);
        assert_eq!(verified, Ok(()));
    }
}

#[test]
fn n_2_3_no_other_algorithm_is_known() {
    for unknown in ["ps256", "RS256", "none", "HS256", "EdDSA", "ES256K", ""] {
        assert_eq!(Algorithm::from_jws(unknown), None, "{unknown}");
    }
    for unknown in [-8, -47, -257, 0, 5, 7, 37, i64::MIN] {
        assert_eq!(Algorithm::from_cose(unknown), None, "{unknown}");
    }
}

#[test]
fn n_p_13_att_33_the_algorithm_is_the_key_s_own() {
    for kind in KeyKind::ALL {
        let (key, certificate) = signer(kind);
        let signature = key.sign(b"message");
        for claimed in Algorithm::ALL {
            let verified = certificate.verify(claimed, b"message", &signature);
            if claimed == algorithm(&certificate) {
                assert_eq!(verified, Ok(()));
            } else {
                assert!(
                    matches!(verified, Err(KeyError::Algorithm { .. })),
                    "{kind} {claimed}"
                );
            }
        }
    }
}

#[test]
fn a_changed_message_or_signature_or_key_is_refused() {
    for kind in KeyKind::ALL {
        let (key, certificate) = signer(kind);
        let algorithm = algorithm(&certificate);
        let mut signature = key.sign(b"message");
        assert_eq!(
            certificate.verify(algorithm, b"Message", &signature),
            Err(KeyError::Mismatch)
        );
        let other = Chain::self_signed(&Template::leaf("signer").key(SigningKey::fresh(kind)));
        let other = Certificate::from_der(other.leaf()).unwrap();
        assert_eq!(
            other.verify(algorithm, b"message", &signature),
            Err(KeyError::Mismatch)
        );
        signature[40] ^= 1;
        assert_eq!(
            certificate.verify(algorithm, b"message", &signature),
            Err(KeyError::Mismatch)
        );
    }
}

#[test]
fn n_j_09_signatures_have_the_length_of_their_algorithm() {
    for kind in KeyKind::ALL {
        let (key, certificate) = signer(kind);
        let algorithm = algorithm(&certificate);
        let good = key.sign(b"message");
        let longer = [good.as_slice(), &[0]].concat();
        let mut wrong = vec![vec![], good[1..].to_vec(), longer];
        if !kind.is_rsa() {
            wrong.push(ecdsa_to_der(&good));
        }
        for signature in wrong {
            let verified = certificate.verify(algorithm, b"message", &signature);
            assert!(
                matches!(verified, Err(KeyError::Length { .. })),
                "{kind}: {verified:?}"
            );
        }
    }
}

#[test]
fn n_j_09_ecdsa_in_der_is_refused_even_at_the_right_length() {
    // a DER signature of 64 bytes exists only with short numbers; padded with zeros it is still not `r || s`
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new());
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.unwrap().as_ref());
    let signature = pair
        .unwrap()
        .sign(&SystemRandom::new(), b"message")
        .unwrap();
    let (_, certificate) = signer(KeyKind::P256);
    let cut = &signature.as_ref()[..64];
    assert_eq!(
        certificate.verify(Algorithm::Es256, b"message", cut),
        Err(KeyError::Mismatch)
    );
}

#[test]
fn zeros_are_never_a_signature() {
    // CVE-2022-21449: `r = s = 0` must not verify
    for kind in KeyKind::ALL {
        let (_, certificate) = signer(kind);
        let algorithm = algorithm(&certificate);
        let zeros = vec![0; algorithm.signature_len()];
        assert_eq!(
            certificate.verify(algorithm, b"message", &zeros),
            Err(KeyError::Mismatch)
        );
    }
}

#[test]
fn a_key_that_is_no_point_of_its_curve_verifies_nothing() {
    let key = SigningKey::new(KeyKind::P256);
    let mut info = key.public_key_info().to_vec();
    *info.last_mut().unwrap() ^= 1;
    let mut template = Template::leaf("signer").key(key.clone());
    template.public_key_info = Some(info);
    let certificate = template.sign(&template.subject, &key);
    let certificate = Certificate::from_der(&certificate).unwrap();
    let signature = key.sign(b"message");
    assert!(matches!(
        certificate.verify(Algorithm::Es256, b"message", &signature),
        Err(KeyError::Unusable(_))
    ));
    assert!(!certificate.is_self_signed());
}

/// Signatures per property: 10,000 when `RATIFY_SLOW` is set.
#[expect(
    clippy::disallowed_methods,
    reason = "a test may be told to take longer; the core itself reads no environment"
)]
fn cases() -> u32 {
    if std::env::var_os("RATIFY_SLOW").is_some() {
        10_000
    } else {
        300
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// About one in 256 numbers `r` or `s` starts with a zero byte, which is where padding goes wrong.
    #[test]
    fn att_59_good_ecdsa_signatures_never_fail(
        kind in prop::sample::select(KeyKind::ELLIPTIC.to_vec()),
        message in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let (key, certificate) = signer(kind);
        let signature = key.sign(&message);
        prop_assert_eq!(certificate.verify(algorithm(&certificate), &message, &signature), Ok(()));
        // its own signature, in DER
        prop_assert!(certificate.is_self_signed());
    }

    #[test]
    fn att_59_good_rsa_signatures_never_fail(message in prop::collection::vec(any::<u8>(), 0..64)) {
        let (key, certificate) = signer(KeyKind::Rsa2048);
        let signature = key.sign(&message);
        prop_assert_eq!(certificate.verify(Algorithm::Ps256, &message, &signature), Ok(()));
    }

    #[test]
    fn att_59_good_chains_never_fail(kind in prop::sample::select(KeyKind::ELLIPTIC.to_vec())) {
        let chain = Authority::of_kind("root", kind).intermediate("a").leaf("signer");
        let certificates = chain.certificates.iter().map(|der| Certificate::from_der(der).unwrap());
        let checked = CodeSigningChain::check(certificates.collect());
        prop_assert!(checked.is_ok(), "{:?}", checked);
    }
}
