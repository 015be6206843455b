//! DER, element by element, borrowed from the bytes it came in.
//!
//! With `asn1/oids.rs` the only file that names the ASN.1 crate. Nothing is ever encoded again: what was signed, hashed or
//! named is always the slice that was received. This file knows the encoding, never what a certificate may say.

use std::fmt;

pub(super) use der::Tag;
use der::asn1::ObjectIdentifier;
use der::{Encode, Reader, SliceReader, TagNumber};
use jiff::Timestamp;
use jiff::civil;
use jiff::tz::Offset;

pub(super) mod oids;

/// Why bytes are not the DER that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {problem}")]
pub struct DerError {
    /// The field that was being read.
    pub part: &'static str,
    /// What is wrong with it.
    pub problem: DerProblem,
}

/// What is wrong with DER.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DerProblem {
    /// Not DER at all: a bad tag, a bad length, or too few bytes.
    #[error("not valid DER ({0})")]
    Encoding(String),
    /// Another type than expected.
    #[error("found {found}, expected {expected}")]
    Tag {
        /// What is there.
        found: String,
        /// What should be.
        expected: &'static str,
    },
    /// It ends too early.
    #[error("it is missing")]
    Missing,
    /// More elements than the structure has.
    #[error("{0} bytes too many")]
    Trailing(usize),
    /// The right type with contents that the type forbids.
    #[error("its contents are not allowed ({0})")]
    Contents(&'static str),
    /// More than are read.
    #[error("more than {0} of them")]
    TooMany(usize),
}

pub(super) type Result<T> = std::result::Result<T, DerError>;

/// One element: tag, contents, and all of its bytes.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: Tag,
    pub(super) contents: &'a [u8],
    pub(super) raw: &'a [u8],
}

/// Reads elements one after the other.
pub(super) struct Elements<'a> {
    reader: Option<SliceReader<'a>>,
    part: &'static str,
}

/// The context-specific constructed tag `[number]`.
pub(super) fn explicit(number: u8) -> Tag {
    Tag::ContextSpecific {
        constructed: true,
        number: TagNumber::new(number),
    }
}

/// The context-specific primitive tag `[number]`.
pub(super) fn implicit(number: u8) -> Tag {
    Tag::ContextSpecific {
        constructed: false,
        number: TagNumber::new(number),
    }
}

impl<'a> Elements<'a> {
    /// Read the elements of `bytes`; `part` names them in errors.
    pub(super) fn new(bytes: &'a [u8], part: &'static str) -> Result<Self> {
        let reader = if bytes.is_empty() {
            None
        } else {
            Some(SliceReader::new(bytes).map_err(|e| encoding(part, &e))?)
        };
        Ok(Self { reader, part })
    }

    /// How many bytes are left.
    pub(super) fn remaining(&self) -> usize {
        let left = self.reader.as_ref().map(SliceReader::remaining_len);
        left.and_then(|left| usize::try_from(left).ok())
            .unwrap_or(0)
    }

    /// The next element, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Element<'a>>> {
        let part = self.part;
        match &mut self.reader {
            Some(reader) if !reader.is_finished() => {
                element(reader).map(Some).map_err(|e| encoding(part, &e))
            }
            _ => Ok(None),
        }
    }

    /// The next element, which must be there and be tagged `tag`; `part` names it in errors.
    pub(super) fn expect(&mut self, tag: Tag, part: &'static str) -> Result<Element<'a>> {
        let found = self.next().map_err(|error| DerError { part, ..error })?;
        let found = found.ok_or_else(|| fail(part, DerProblem::Missing))?;
        found.expect(tag, part)
    }

    /// The next element, if it is tagged `tag`; otherwise it stays where it is.
    pub(super) fn optional(&mut self, tag: Tag) -> Result<Option<Element<'a>>> {
        let next = self.reader.as_ref().filter(|reader| !reader.is_finished());
        match next.map(SliceReader::peek_tag) {
            Some(Ok(found)) if found == tag => self.next(),
            _ => Ok(None),
        }
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<()> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(fail(self.part, DerProblem::Trailing(left))),
        }
    }
}

fn element<'a>(reader: &mut SliceReader<'a>) -> der::Result<Element<'a>> {
    let header = reader.peek_header()?;
    let header_len = usize::try_from(header.encoded_len()?)?;
    let raw = reader.tlv_bytes()?;
    let contents = raw.get(header_len..).unwrap_or_default();
    Ok(Element {
        tag: header.tag,
        contents,
        raw,
    })
}

impl<'a> Element<'a> {
    /// The same, if it is tagged `tag`.
    pub(super) fn expect(self, tag: Tag, part: &'static str) -> Result<Self> {
        if self.tag == tag {
            return Ok(self);
        }
        let problem = DerProblem::Tag {
            found: self.tag.to_string(),
            expected: tag_name(tag),
        };
        Err(fail(part, problem))
    }

    /// The elements inside.
    pub(super) fn elements(self, part: &'static str) -> Result<Elements<'a>> {
        Elements::new(self.contents, part)
    }

    /// The elements inside a SEQUENCE, all of them SEQUENCEs, at most `limit`.
    pub(super) fn sequences(self, part: &'static str, limit: usize) -> Result<Vec<Element<'a>>> {
        let mut inside = self.expect(Tag::Sequence, part)?.elements(part)?;
        let mut all = Vec::new();
        while let Some(one) = inside.next()? {
            if all.len() == limit {
                return Err(fail(part, DerProblem::TooMany(limit)));
            }
            all.push(one.expect(Tag::Sequence, part)?);
        }
        Ok(all)
    }

    /// A BIT STRING of whole bytes.
    pub(super) fn bit_string(self, part: &'static str) -> Result<&'a [u8]> {
        match self.expect(Tag::BitString, part)?.contents.split_first() {
            Some((0, bytes)) => Ok(bytes),
            _ => Err(contents(part, "a bit string that is not whole bytes")),
        }
    }

    /// A BIT STRING of named bits: the first sixteen, the first bit the highest.
    pub(super) fn named_bits(self, part: &'static str) -> Result<u16> {
        let bits = self.expect(Tag::BitString, part)?.contents;
        let Some((unused, bytes)) = bits.split_first() else {
            return Err(contents(part, "an empty bit string"));
        };
        let last = bytes.last().copied();
        let padded = match (*unused, last) {
            (0, _) => Some(0),
            (1..=7, Some(last)) => Some(last & !(0xff_u8 << unused)),
            _ => None,
        };
        if padded != Some(0) {
            return Err(contents(part, "padding bits that are not zero"));
        }
        let mut bytes = bytes.iter().copied();
        Ok(u16::from_be_bytes([
            bytes.next().unwrap_or(0),
            bytes.next().unwrap_or(0),
        ]))
    }

    /// The magnitude of an INTEGER that is not negative, without leading zero bytes (so empty for 0).
    pub(super) fn unsigned(self, part: &'static str) -> Result<&'a [u8]> {
        match self.expect(Tag::Integer, part)?.contents {
            [] => Err(contents(part, "an integer without digits")),
            [0] => Ok(&[]),
            [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Ok(rest),
            [0, ..] => Err(contents(part, "an integer with superfluous zeros")),
            [0x80..=0xff, ..] => Err(contents(part, "a negative integer")),
            digits => Ok(digits),
        }
    }

    /// An INTEGER between 0 and 2^32 - 1.
    pub(super) fn small(self, part: &'static str) -> Result<u32> {
        let digits = self.unsigned(part)?;
        if digits.len() > 4 {
            return Err(contents(part, "an integer that is too large"));
        }
        Ok(digits
            .iter()
            .fold(0, |sum, digit| (sum << 8) | u32::from(*digit)))
    }

    /// A BOOLEAN.
    pub(super) fn boolean(self, part: &'static str) -> Result<bool> {
        match self.expect(Tag::Boolean, part)?.contents {
            [0] => Ok(false),
            [0xff] => Ok(true),
            _ => Err(contents(part, "neither true nor false")),
        }
    }

    /// An OBJECT IDENTIFIER.
    pub(super) fn oid(self, part: &'static str) -> Result<Oid<'a>> {
        let bytes = self.expect(Tag::ObjectIdentifier, part)?.contents;
        // each number ends in a byte below 0x80 and does not start with 0x80
        let whole = bytes.last().is_some_and(|last| *last < 0x80);
        let starts = std::iter::once(&0).chain(bytes).zip(bytes);
        let minimal = starts
            .into_iter()
            .all(|(before, first)| *before >= 0x80 || *first != 0x80);
        if whole && minimal {
            Ok(Oid(bytes))
        } else {
            Err(contents(part, "not an object identifier"))
        }
    }

    /// A `UTCTime` or `GeneralizedTime` as RFC 5280 section 4.1.2.5 writes them: to the second, in UTC. An instant that
    /// [`Timestamp`] cannot hold (the last day of the year 9999) becomes the nearest that it can.
    pub(super) fn time(self, part: &'static str) -> Result<Timestamp> {
        let (year_digits, rest) = match self.tag {
            Tag::UtcTime => self.contents.split_at_checked(2),
            Tag::GeneralizedTime => self.contents.split_at_checked(4),
            _ => {
                return Err(self
                    .expect(Tag::GeneralizedTime, part)
                    .map_or_else(|e| e, |_| fail(part, DerProblem::Missing)));
            }
        }
        .ok_or_else(|| contents(part, "not a time"))?;
        instant(year_digits, rest).ok_or_else(|| {
            contents(
                part,
                "not a time of the form `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`",
            )
        })
    }
}

fn instant(year: &[u8], rest: &[u8]) -> Option<Timestamp> {
    let two = |at: usize| number(rest.get(at..at.checked_add(2)?)?);
    if rest.len() != 11 || rest.last() != Some(&b'Z') {
        return None;
    }
    let year = match (number(year)?, year.len()) {
        (year @ 50.., 2) => year.checked_add(1900)?,
        (year, 2) => year.checked_add(2000)?,
        (year, _) => year,
    };
    let part = |at: usize| i8::try_from(two(at)?).ok();
    let civil = civil::DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0);
    let nearest = if year > 0 {
        Timestamp::MAX
    } else {
        Timestamp::MIN
    };
    Some(Offset::UTC.to_timestamp(civil.ok()?).unwrap_or(nearest))
}

/// Up to four decimal digits.
fn number(digits: &[u8]) -> Option<i16> {
    digits.iter().try_fold(0_i16, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        sum.checked_mul(10)?.checked_add(i16::from(digit))
    })
}

/// An object identifier, as encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Oid<'a>(&'a [u8]);

impl Oid<'_> {
    /// Whether it is this one.
    pub(super) fn is(self, known: &ObjectIdentifier) -> bool {
        self.0 == known.as_bytes()
    }
}

impl fmt::Display for Oid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Ok(oid) = ObjectIdentifier::from_bytes(self.0) {
            return oid.fmt(f);
        }
        // numbers beyond 32 bits: legal, and never one that is looked for
        f.write_str("object identifier ")?;
        let mut shown = self.0.iter().take(40);
        shown.try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn tag_name(tag: Tag) -> &'static str {
    match tag {
        Tag::Sequence => "SEQUENCE",
        Tag::Set => "SET",
        Tag::Integer => "INTEGER",
        Tag::Boolean => "BOOLEAN",
        Tag::BitString => "BIT STRING",
        Tag::OctetString => "OCTET STRING",
        Tag::ObjectIdentifier => "OBJECT IDENTIFIER",
        Tag::GeneralizedTime => "UTCTime or GeneralizedTime",
        _ => "a context-specific tag",
    }
}

pub(super) fn fail(part: &'static str, problem: DerProblem) -> DerError {
    DerError { part, problem }
}

pub(super) fn contents(part: &'static str, what: &'static str) -> DerError {
    fail(part, DerProblem::Contents(what))
}

fn encoding(part: &'static str, error: &der::Error) -> DerError {
    fail(part, DerProblem::Encoding(error.to_string()))
}
