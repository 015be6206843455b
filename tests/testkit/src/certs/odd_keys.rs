//! Keys that no Notary signature may come from (N K-12, K-20), and one that a certificate authority may have (N K-14).

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use crate::certs::{Name, Template};
use crate::der_writer as der;
use crate::keys::SigningKey;

/// `SubjectPublicKeyInfo` of an RSA key whose modulus has exactly so many bits. It is a number, but nobody has the private key.
pub fn rsa_key_info(bits: usize) -> Vec<u8> {
    let length = bits.div_ceil(8).max(1);
    let unused = length.saturating_mul(8).saturating_sub(bits);
    // odd, and with the highest bit of its first byte set
    let mut modulus = vec![0xb5_u8; length];
    for first in modulus.iter_mut().take(1) {
        *first >>= unused.min(7);
    }
    let key = der::sequence(&[&der::unsigned(&modulus), &der::integer(65_537)]);
    let algorithm = der::sequence(&[&der::oid("1.2.840.113549.1.1.1"), &der::null()]);
    der::sequence(&[&algorithm, &der::bit_string(&key)])
}

/// The RSA key of `key`, declared with id-RSASSA-PSS in place of rsaEncryption (N K-20).
pub fn declared_as_pss(key: &SigningKey) -> Vec<u8> {
    let head = der::sequence(&[&der::oid("1.2.840.113549.1.1.1"), &der::null()]);
    let info = key.public_key_info();
    let start = info.windows(head.len()).position(|window| window == head);
    let end = start.map(|start| start.saturating_add(head.len()));
    let bits = end.and_then(|end| info.get(end..)).unwrap_or_default();
    let algorithm = der::sequence(&[&der::oid("1.2.840.113549.1.1.10")]);
    der::sequence(&[&algorithm, bits])
}

/// `SubjectPublicKeyInfo` on a named curve (dotted object identifier) with a point of so many bytes per coordinate. Nobody
/// knows whether the point is on the curve.
pub fn elliptic_key_info(curve: &str, coordinate: usize) -> Vec<u8> {
    let algorithm = der::sequence(&[&der::oid("1.2.840.10045.2.1"), &der::oid(curve)]);
    let point = vec![0x11; coordinate.saturating_mul(2)];
    der::sequence(&[
        &algorithm,
        &der::bit_string(&[&[4], point.as_slice()].concat()),
    ])
}

/// brainpoolP256r1: as many bits as P-256, but another curve (RFC 5639).
pub fn brainpool_p256_key_info() -> Vec<u8> {
    elliptic_key_info("1.3.36.3.3.2.8.1.1.7", 32)
}

/// An Ed25519 key. It may sign certificates, but no envelope.
#[derive(Debug)]
pub struct Ed25519Key {
    pair: Ed25519KeyPair,
    public_key_info: Vec<u8>,
}

impl Ed25519Key {
    /// A key nobody has seen before.
    ///
    /// # Panics
    /// If the machine has no randomness or memory left.
    pub fn fresh() -> Self {
        let pair = Ed25519KeyPair::generate().expect("an Ed25519 key can be made");
        let info: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("a key can be written");
        let public_key_info = info.as_ref().to_vec();
        Self {
            pair,
            public_key_info,
        }
    }

    /// `SubjectPublicKeyInfo` in DER, for [`Template::public_key_info`].
    pub fn public_key_info(&self) -> &[u8] {
        &self.public_key_info
    }

    /// Sign a message (RFC 8032).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    /// A certificate signed by this key in the name of `issuer`.
    pub fn sign_certificate(&self, template: &Template, issuer: &Name) -> Vec<u8> {
        let algorithm = der::sequence(&[&der::oid("1.3.101.112")]);
        template.sign_by(issuer, &algorithm, |tbs| self.sign(tbs))
    }
}
