//! The algorithms that certificates are signed with (N K-14). Says which are acceptable, never checks a signature.

use ratify_oci::DigestAlgorithm;

use crate::trust::asn1::{self, Element, Tag, oids};

/// How a certificate is signed (N K-14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CertificateAlgorithm {
    Pkcs1(DigestAlgorithm),
    Pss(DigestAlgorithm),
    Ecdsa(DigestAlgorithm),
    Ed25519,
    /// With a hash function that is broken: its usual name.
    Weak(&'static str),
    /// With something else: a name or dotted object identifier.
    Other(String),
}

impl CertificateAlgorithm {
    /// Read an `AlgorithmIdentifier` of a certificate's signature.
    pub(super) fn read(element: Element<'_>) -> asn1::Result<Self> {
        use DigestAlgorithm::{Sha256, Sha384, Sha512};
        const PART: &str = "signatureAlgorithm";
        let mut fields = element.expect(Tag::Sequence, PART)?.elements(PART)?;
        let oid = fields.expect(Tag::ObjectIdentifier, PART)?.oid(PART)?;
        let parameters = fields.next()?;
        fields.end()?;
        if oid.is(&oids::RSA_PSS) {
            return Ok(pss(parameters));
        }
        let known = [
            (&oids::RSA_SHA256, Self::Pkcs1(Sha256)),
            (&oids::RSA_SHA384, Self::Pkcs1(Sha384)),
            (&oids::RSA_SHA512, Self::Pkcs1(Sha512)),
            (&oids::ECDSA_SHA256, Self::Ecdsa(Sha256)),
            (&oids::ECDSA_SHA384, Self::Ecdsa(Sha384)),
            (&oids::ECDSA_SHA512, Self::Ecdsa(Sha512)),
            (&oids::ED25519, Self::Ed25519),
            (&oids::RSA_MD2, Self::Weak("MD2 with RSA")),
            (&oids::RSA_MD5, Self::Weak("MD5 with RSA")),
            (&oids::RSA_SHA1, Self::Weak("SHA-1 with RSA")),
            (&oids::RSA_SHA1_OIW, Self::Weak("SHA-1 with RSA")),
            (&oids::ECDSA_SHA1, Self::Weak("SHA-1 with ECDSA")),
            (&oids::DSA_SHA1, Self::Weak("SHA-1 with DSA")),
        ];
        let found = known
            .into_iter()
            .find_map(|(known, algorithm)| oid.is(known).then_some(algorithm));
        Ok(found.unwrap_or_else(|| Self::Other(oid.to_string())))
    }
}

/// RSASSA-PSS is accepted as RFC 4055 section 3.1 writes it for one hash: MGF1 with the same hash, salt as long as it.
fn pss(parameters: Option<Element<'_>>) -> CertificateAlgorithm {
    let other = |what: &str| CertificateAlgorithm::Other(format!("RSASSA-PSS {what}"));
    // without parameters the defaults count, and those are SHA-1
    let Some(parameters) = parameters.filter(|p| !p.contents.is_empty()) else {
        return CertificateAlgorithm::Weak("SHA-1 with RSASSA-PSS");
    };
    match pss_parameters(parameters) {
        Ok(Some((Hash::Sha1, _, _))) => CertificateAlgorithm::Weak("SHA-1 with RSASSA-PSS"),
        Ok(Some((hash, mask, salt))) if hash == mask && salt == hash.len() => match hash {
            Hash::Known(hash) => CertificateAlgorithm::Pss(hash),
            Hash::Sha1 => CertificateAlgorithm::Weak("SHA-1 with RSASSA-PSS"),
        },
        Ok(Some(_)) => other("with a mask or salt that does not go with its hash"),
        Ok(None) => other("with an unknown hash or mask"),
        Err(_) => other("with malformed parameters"),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha1,
    Known(DigestAlgorithm),
}

impl Hash {
    fn len(self) -> u32 {
        match self {
            Self::Sha1 => 20,
            Self::Known(DigestAlgorithm::Sha256) => 32,
            Self::Known(DigestAlgorithm::Sha384) => 48,
            Self::Known(DigestAlgorithm::Sha512) => 64,
        }
    }
}

/// Hash, hash of the mask, and salt length; `None` where one of them is not known or the trailer is not 1.
fn pss_parameters(parameters: Element<'_>) -> asn1::Result<Option<(Hash, Hash, u32)>> {
    const PART: &str = "RSASSA-PSS parameters";
    let mut fields = parameters.expect(Tag::Sequence, PART)?.elements(PART)?;
    let hash = match fields.optional(asn1::explicit(0))? {
        Some(hash) => digest(only(hash, PART)?, PART)?,
        None => Some(Hash::Sha1),
    };
    let mask = match fields.optional(asn1::explicit(1))? {
        Some(mask) => {
            let mut mask = only(mask, PART)?
                .expect(Tag::Sequence, PART)?
                .elements(PART)?;
            let oid = mask.expect(Tag::ObjectIdentifier, PART)?.oid(PART)?;
            let inner = mask.expect(Tag::Sequence, PART)?;
            mask.end()?;
            digest(inner, PART)?.filter(|_| oid.is(&oids::MGF1))
        }
        None => Some(Hash::Sha1),
    };
    let salt = match fields.optional(asn1::explicit(2))? {
        Some(salt) => only(salt, PART)?.small(PART)?,
        None => 20,
    };
    let trailer = match fields.optional(asn1::explicit(3))? {
        Some(trailer) => only(trailer, PART)?.small(PART)?,
        None => 1,
    };
    fields.end()?;
    Ok(match (hash, mask, trailer) {
        (Some(hash), Some(mask), 1) => Some((hash, mask, salt)),
        _ => None,
    })
}

/// The single element inside.
fn only<'a>(element: Element<'a>, part: &'static str) -> asn1::Result<Element<'a>> {
    let mut inside = element.elements(part)?;
    let one = inside
        .next()?
        .ok_or_else(|| asn1::fail(part, asn1::DerProblem::Missing))?;
    inside.end()?;
    Ok(one)
}

/// The hash function of an `AlgorithmIdentifier` with absent or NULL parameters.
fn digest(element: Element<'_>, part: &'static str) -> asn1::Result<Option<Hash>> {
    let mut fields = element.expect(Tag::Sequence, part)?.elements(part)?;
    let oid = fields.expect(Tag::ObjectIdentifier, part)?.oid(part)?;
    let parameters = fields.next()?;
    fields.end()?;
    if parameters.is_some_and(|p| p.tag != Tag::Null || !p.contents.is_empty()) {
        return Ok(None);
    }
    let known = [
        (&oids::SHA1, Hash::Sha1),
        (&oids::SHA256, Hash::Known(DigestAlgorithm::Sha256)),
        (&oids::SHA384, Hash::Known(DigestAlgorithm::Sha384)),
        (&oids::SHA512, Hash::Known(DigestAlgorithm::Sha512)),
    ];
    Ok(known
        .into_iter()
        .find_map(|(known, hash)| oid.is(known).then_some(hash)))
}
