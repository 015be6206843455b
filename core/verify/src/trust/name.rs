//! Distinguished names of certificates: the attributes as they stand in the DER, and RFC 4514 text for people.
//!
//! Two names are the same only if their bytes are (N K-05). Nothing here compares a name by its text form (N P-14).

use std::fmt;

use bytes::Bytes;

use crate::trust::asn1::{self, DerProblem, Elements, Oid, Tag, oids};

/// The most attributes that are read of one name; real ones have fewer than ten.
const MAX_ATTRIBUTES: usize = 64;

/// The attribute types that have a name in a trusted identity (N I-24: the nine that the reference implementation's text
/// form names).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AttributeType {
    /// `C`
    Country,
    /// `ST`, in identities also `S`
    State,
    /// `L`
    Locality,
    /// `STREET`
    Street,
    /// `POSTALCODE`
    PostalCode,
    /// `O`
    Organization,
    /// `OU`
    OrganizationalUnit,
    /// `CN`
    CommonName,
    /// `SERIALNUMBER`
    SerialNumber,
}

impl AttributeType {
    const ALL: [Self; 9] = [
        Self::Country,
        Self::State,
        Self::Locality,
        Self::Street,
        Self::PostalCode,
        Self::Organization,
        Self::OrganizationalUnit,
        Self::CommonName,
        Self::SerialNumber,
    ];

    /// Its name, as in `C=US`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Country => "C",
            Self::State => "ST",
            Self::Locality => "L",
            Self::Street => "STREET",
            Self::PostalCode => "POSTALCODE",
            Self::Organization => "O",
            Self::OrganizationalUnit => "OU",
            Self::CommonName => "CN",
            Self::SerialNumber => "SERIALNUMBER",
        }
    }

    /// The type of that name, exact case; `S` is another name of `ST` (N I-07).
    pub fn named(name: &str) -> Option<Self> {
        if name == "S" {
            return Some(Self::State);
        }
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }

    fn of(oid: Oid<'_>) -> Option<Self> {
        let known = [
            (&oids::COUNTRY, Self::Country),
            (&oids::STATE, Self::State),
            (&oids::LOCALITY, Self::Locality),
            (&oids::STREET, Self::Street),
            (&oids::POSTAL_CODE, Self::PostalCode),
            (&oids::ORGANIZATION, Self::Organization),
            (&oids::ORGANIZATIONAL_UNIT, Self::OrganizationalUnit),
            (&oids::COMMON_NAME, Self::CommonName),
            (&oids::SERIAL_NUMBER, Self::SerialNumber),
        ];
        known
            .into_iter()
            .find_map(|(known, name)| oid.is(known).then_some(name))
    }
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One attribute of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    kind: Option<AttributeType>,
    /// The object identifier in dotted form; only for types without a name.
    oid: String,
    /// The decoded text; `None` if the value is not text that can be decoded.
    text: Option<String>,
    /// The value's whole DER, for RFC 4514 hex.
    raw: Bytes,
}

impl Attribute {
    /// Its type, if that is one of the nine with a name.
    pub fn kind(&self) -> Option<AttributeType> {
        self.kind
    }

    /// Its text, decoded from `PrintableString`, `UTF8String`, `IA5String`, `NumericString`, `TeletexString` (as ISO
    /// 8859-1, as everybody reads it) or `BMPString` (N I-25). `None` if it is another type, cannot be decoded, or holds a NUL.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The name of the type, or its dotted object identifier.
    pub fn type_name(&self) -> &str {
        self.kind.map_or(self.oid.as_str(), |kind| kind.as_str())
    }
}

/// A distinguished name: its DER and its attributes.
#[derive(Clone)]
pub struct Name {
    der: Bytes,
    rdns: Vec<Vec<Attribute>>,
}

impl PartialEq for Name {
    /// Byte for byte (N K-05).
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Name {}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

impl Name {
    /// Read an `RDNSequence` (RFC 5280 section 4.1.2.4); `der` is the whole element.
    pub(super) fn read(der: Bytes, part: &'static str) -> asn1::Result<Self> {
        let mut rdns = Vec::new();
        let mut count: usize = 0;
        let mut outer = Elements::new(&der, part)?;
        let mut sets = outer.expect(Tag::Sequence, part)?.elements(part)?;
        outer.end()?;
        while let Some(set) = sets.next()? {
            let mut rdn = Vec::new();
            let mut inside = set.expect(Tag::Set, part)?.elements(part)?;
            while let Some(one) = inside.next()? {
                count = count.saturating_add(1);
                if count > MAX_ATTRIBUTES {
                    return Err(asn1::fail(part, DerProblem::TooMany(MAX_ATTRIBUTES)));
                }
                rdn.push(attribute(&der, one, part)?);
            }
            if rdn.is_empty() {
                return Err(asn1::contents(part, "a name with an empty part"));
            }
            rdns.push(rdn);
        }
        Ok(Self { der, rdns })
    }

    /// The DER of the name, as received.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// All attributes in the order of the certificate.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.rdns.iter().flatten()
    }
}

fn attribute(
    der: &Bytes,
    element: asn1::Element<'_>,
    part: &'static str,
) -> asn1::Result<Attribute> {
    let mut fields = element.expect(Tag::Sequence, part)?.elements(part)?;
    let oid = fields.expect(Tag::ObjectIdentifier, part)?.oid(part)?;
    let value = fields
        .next()?
        .ok_or_else(|| asn1::fail(part, DerProblem::Missing))?;
    fields.end()?;
    let kind = AttributeType::of(oid);
    Ok(Attribute {
        kind,
        oid: if kind.is_some() {
            String::new()
        } else {
            oid.to_string()
        },
        text: text(value.tag, value.contents).filter(|text| !text.contains('\0')),
        raw: der.slice_ref(value.raw),
    })
}

/// Decode a string type (X.680 section 41); `None` for other types and for what the type does not allow.
fn text(tag: Tag, bytes: &[u8]) -> Option<String> {
    let ascii = || {
        let text = bytes.is_ascii().then(|| std::str::from_utf8(bytes))?;
        text.ok().map(str::to_owned)
    };
    match tag {
        Tag::Utf8String => std::str::from_utf8(bytes).ok().map(str::to_owned),
        // `*` and `&` are not in the type's alphabet, but common enough that everybody reads them
        Tag::PrintableString => {
            let good = |byte: &u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(byte);
            bytes.iter().all(good).then(ascii)?
        }
        Tag::NumericString => {
            let good = |byte: &u8| byte.is_ascii_digit() || *byte == b' ';
            bytes.iter().all(good).then(ascii)?
        }
        Tag::Ia5String => ascii(),
        Tag::TeletexString => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        Tag::BmpString => {
            let (pairs, odd) = bytes.as_chunks::<2>();
            let chars = pairs
                .iter()
                .map(|pair| char::from_u32(u32::from(u16::from_be_bytes(*pair))));
            odd.is_empty().then(|| chars.collect())?
        }
        _ => None,
    }
}

impl fmt::Display for Name {
    /// RFC 4514: the last part first, special and control characters escaped, types without a name in dotted form and
    /// their values in hex.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, rdn) in self.rdns.iter().rev().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            for (j, attribute) in rdn.iter().enumerate() {
                if j > 0 {
                    f.write_str("+")?;
                }
                write!(f, "{}=", attribute.type_name())?;
                if let (Some(_), Some(text)) = (attribute.kind, &attribute.text) {
                    write_escaped(f, text)?;
                } else {
                    f.write_str("#")?;
                    let mut raw = attribute.raw.iter();
                    raw.try_for_each(|byte| write!(f, "{byte:02x}"))?;
                }
            }
        }
        Ok(())
    }
}

/// Write an attribute value as RFC 4514 section 2.4 says; control characters, and blanks other than spaces at the ends,
/// as hex pairs, so that a name cannot drive a terminal (N P-27) and reads back as it was.
pub(super) fn write_escaped(f: &mut impl fmt::Write, text: &str) -> fmt::Result {
    let last = text.chars().count().saturating_sub(1);
    for (i, c) in text.chars().enumerate() {
        let edge = i == 0 || i == last;
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => write!(f, "\\{c}")?,
            '#' if i == 0 => f.write_str("\\#")?,
            ' ' if edge => f.write_str("\\ ")?,
            c if c.is_control() || (edge && c.is_whitespace()) => {
                let mut buffer = [0; 4];
                for byte in c.encode_utf8(&mut buffer).bytes() {
                    write!(f, "\\{byte:02x}")?;
                }
            }
            c => f.write_char(c)?,
        }
    }
    Ok(())
}
