//! The certificate extensions that are read: three that rules are about (N K-15) and two that say where to ask for
//! revocation. Every other one is ignored, critical or not; none may stand twice.

use std::collections::HashSet;

use crate::trust::asn1::{self, DerProblem, Element, Elements, Oid, Tag, explicit, implicit, oids};
use crate::trust::certificate::CertificateError;

/// The most extensions of one certificate; real ones have about ten.
const MAX_EXTENSIONS: usize = 64;
/// The most purposes, points or locations in one extension; real ones have fewer than ten.
const MAX_ENTRIES: usize = 64;

/// An extension that is there.
#[derive(Debug, Clone)]
pub(super) struct Found<T> {
    pub(super) critical: bool,
    pub(super) value: T,
}

/// basicConstraints (RFC 5280 section 4.2.1.9).
#[derive(Debug, Clone)]
pub(super) struct BasicConstraints {
    pub(super) ca: bool,
    pub(super) path_length: Option<u32>,
}

/// keyUsage (RFC 5280 section 4.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyUsage(u16);

impl KeyUsage {
    /// The bits in the order of RFC 5280, with their names.
    const NAMES: [&'static str; 9] = [
        "digitalSignature",
        "contentCommitment",
        "keyEncipherment",
        "dataEncipherment",
        "keyAgreement",
        "keyCertSign",
        "cRLSign",
        "encipherOnly",
        "decipherOnly",
    ];

    /// Whether the bit of that name is set; a name there is not is never set.
    pub(super) fn has(self, name: &str) -> bool {
        self.names().any(|set| set == name)
    }

    /// The names of the bits that are set.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let mut mask = 0x8000_u16;
        Self::NAMES.into_iter().filter(move |_| {
            let set = self.0 & mask != 0;
            mask >>= 1;
            set
        })
    }
}

/// A purpose of extendedKeyUsage (RFC 5280 section 4.2.1.12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    Any,
    ServerAuth,
    ClientAuth,
    EmailProtection,
    TimeStamping,
    OcspSigning,
    /// Code signing or whatever else there is.
    Other,
}

/// What the extensions of a certificate say.
#[derive(Debug, Clone, Default)]
pub(super) struct Extensions {
    pub(super) basic_constraints: Option<Found<BasicConstraints>>,
    pub(super) key_usage: Option<Found<KeyUsage>>,
    pub(super) purposes: Option<Found<Vec<Purpose>>>,
    pub(super) ocsp_urls: Vec<String>,
    pub(super) crl_urls: Vec<String>,
}

impl Extensions {
    /// Read `[3] EXPLICIT Extensions`; absent means none.
    pub(super) fn read(element: Option<Element<'_>>) -> Result<Self, CertificateError> {
        const PART: &str = "extensions";
        let mut all = Self::default();
        let Some(element) = element else {
            return Ok(all);
        };
        let mut outer = element.elements(PART)?;
        let list = outer.expect(Tag::Sequence, PART)?;
        outer.end()?;
        let mut seen = HashSet::new();
        for extension in list.sequences(PART, MAX_EXTENSIONS)? {
            let mut fields = extension.elements(PART)?;
            let oid = fields.expect(Tag::ObjectIdentifier, PART)?.oid(PART)?;
            let critical = match fields.optional(Tag::Boolean)? {
                Some(flag) => flag.boolean(PART)?,
                None => false,
            };
            let value = fields.expect(Tag::OctetString, PART)?.contents;
            fields.end()?;
            if !seen.insert(oid) {
                return Err(CertificateError::DuplicateExtension(oid.to_string()));
            }
            all.keep(oid, critical, value)?;
        }
        Ok(all)
    }

    fn keep(&mut self, oid: Oid<'_>, critical: bool, value: &[u8]) -> asn1::Result<()> {
        if oid.is(&oids::BASIC_CONSTRAINTS) {
            let value = basic_constraints(value)?;
            self.basic_constraints = Some(Found { critical, value });
        } else if oid.is(&oids::KEY_USAGE) {
            let bits = single(value, "keyUsage")?.named_bits("keyUsage")?;
            let value = KeyUsage(bits);
            self.key_usage = Some(Found { critical, value });
        } else if oid.is(&oids::EXTENDED_KEY_USAGE) {
            let value = purposes(value)?;
            self.purposes = Some(Found { critical, value });
        } else if oid.is(&oids::AUTHORITY_INFO_ACCESS) {
            self.ocsp_urls = ocsp_urls(value)?;
        } else if oid.is(&oids::CRL_DISTRIBUTION_POINTS) {
            self.crl_urls = crl_urls(value)?;
        }
        Ok(())
    }
}

/// The single element that an extension's value is.
fn single<'a>(value: &'a [u8], part: &'static str) -> asn1::Result<Element<'a>> {
    let mut outer = Elements::new(value, part)?;
    let one = outer.next()?;
    let one = one.ok_or_else(|| asn1::fail(part, DerProblem::Missing))?;
    outer.end()?;
    Ok(one)
}

fn basic_constraints(value: &[u8]) -> asn1::Result<BasicConstraints> {
    const PART: &str = "basicConstraints";
    let mut fields = single(value, PART)?
        .expect(Tag::Sequence, PART)?
        .elements(PART)?;
    let ca = match fields.optional(Tag::Boolean)? {
        Some(flag) => flag.boolean(PART)?,
        None => false,
    };
    let path_length = match fields.optional(Tag::Integer)? {
        Some(length) => Some(length.small(PART)?),
        None => None,
    };
    fields.end()?;
    Ok(BasicConstraints { ca, path_length })
}

fn purposes(value: &[u8]) -> asn1::Result<Vec<Purpose>> {
    const PART: &str = "extendedKeyUsage";
    let known = [
        (&oids::ANY_PURPOSE, Purpose::Any),
        (&oids::SERVER_AUTH, Purpose::ServerAuth),
        (&oids::CLIENT_AUTH, Purpose::ClientAuth),
        (&oids::EMAIL_PROTECTION, Purpose::EmailProtection),
        (&oids::TIME_STAMPING, Purpose::TimeStamping),
        (&oids::OCSP_SIGNING, Purpose::OcspSigning),
    ];
    let mut inside = single(value, PART)?
        .expect(Tag::Sequence, PART)?
        .elements(PART)?;
    let mut all = Vec::new();
    while let Some(purpose) = inside.next()? {
        let oid = purpose.oid(PART)?;
        if all.len() == MAX_ENTRIES {
            return Err(asn1::fail(PART, DerProblem::TooMany(MAX_ENTRIES)));
        }
        let found = known.iter().find(|(known, _)| oid.is(known));
        all.push(found.map_or(Purpose::Other, |(_, purpose)| purpose.clone()));
    }
    if all.is_empty() {
        return Err(asn1::fail(PART, DerProblem::Missing));
    }
    Ok(all)
}

/// The URIs of the OCSP access method (RFC 5280 section 4.2.2.1).
fn ocsp_urls(value: &[u8]) -> asn1::Result<Vec<String>> {
    const PART: &str = "authorityInfoAccess";
    let mut urls = Vec::new();
    for description in single(value, PART)?.sequences(PART, MAX_ENTRIES)? {
        let mut fields = description.elements(PART)?;
        let method = fields.expect(Tag::ObjectIdentifier, PART)?.oid(PART)?;
        let location = fields.next()?;
        let location = location.ok_or_else(|| asn1::fail(PART, DerProblem::Missing))?;
        fields.end()?;
        if method.is(&oids::OCSP) {
            urls.extend(uri(location, PART)?);
        }
    }
    Ok(urls)
}

/// The URIs of all distribution points' full names (RFC 5280 section 4.2.1.13).
fn crl_urls(value: &[u8]) -> asn1::Result<Vec<String>> {
    const PART: &str = "cRLDistributionPoints";
    let mut urls = Vec::new();
    for point in single(value, PART)?.sequences(PART, MAX_ENTRIES)? {
        let mut fields = point.elements(PART)?;
        let Some(point_name) = fields.optional(explicit(0))? else {
            continue;
        };
        let mut names = point_name.elements(PART)?;
        let Some(full_name) = names.optional(explicit(0))? else {
            continue;
        };
        let mut full_name = full_name.elements(PART)?;
        while let Some(name) = full_name.next()? {
            if urls.len() == MAX_ENTRIES {
                return Err(asn1::fail(PART, DerProblem::TooMany(MAX_ENTRIES)));
            }
            urls.extend(uri(name, PART)?);
        }
    }
    Ok(urls)
}

/// The text of a `GeneralName`, if it is a URI.
fn uri(name: Element<'_>, part: &'static str) -> asn1::Result<Option<String>> {
    if name.tag != implicit(6) {
        return Ok(None);
    }
    match std::str::from_utf8(name.contents) {
        Ok(text) if text.is_ascii() => Ok(Some(text.to_owned())),
        _ => Err(asn1::contents(part, "a URI that is not ASCII")),
    }
}
