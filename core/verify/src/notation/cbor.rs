//! Strict CBOR (RFC 8949): definite lengths, shortest heads, no key twice, no tag but where one is asked for, bounded.
//!
//! What two readers could read differently is refused (N C-02, P-09). This file knows nothing of COSE, keeps the bytes
//! it was given (a signature covers them as received) and must never allocate more than it was sent.

use std::fmt;

/// The deepest nesting of arrays and maps (go-cose's limit, N C-02).
const MAX_DEPTH: usize = 32;

/// The most data items in one text. go-cose allows 131,072 in each array and map (N C-02); a real envelope has about 30,
/// and a value of ours takes more memory than the one byte an attacker pays for it.
const MAX_ITEMS: usize = 16_384;

/// Why bytes are not CBOR that is read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {problem}")]
pub(crate) struct CborError {
    /// Offset of the item that is wrong.
    pub(crate) offset: usize,
    /// What is wrong there.
    pub(crate) problem: CborProblem,
}

/// What is wrong with a CBOR text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CborProblem {
    /// The text ends inside an item.
    #[error("the text ends inside a data item")]
    Truncated,
    /// There are bytes after the item that should be the last.
    #[error("{0} bytes follow the last data item")]
    Trailing(usize),
    /// An array, map or string of indefinite length.
    #[error("an indefinite length, expected a definite one")]
    Indefinite,
    /// A number or length that is not written in its shortest form.
    #[error("a number or length that is not in its shortest form")]
    NotShortest,
    /// Additional information 28 to 30, or a simple value below 32 in two bytes (RFC 8949 section 3).
    #[error("a data item that RFC 8949 does not define")]
    Reserved,
    /// A text string that is not UTF-8.
    #[error("a text string that is not UTF-8")]
    NotUtf8,
    /// A key that stands twice in one map.
    #[error("a key that occurs twice in one map")]
    DuplicateKey,
    /// A map key that is neither an integer nor a text string.
    #[error("{0} as a map key, expected an integer or a text string")]
    KeyType(Kind),
    /// A tag where none may stand.
    #[error("tag {0} where no tag may stand")]
    Tag(u64),
    /// Another kind of item than the place asks for.
    #[error("{found}, expected {expected}")]
    Unexpected {
        /// What is there.
        found: Kind,
        /// What should be there.
        expected: &'static str,
    },
    /// Arrays and maps nested too deeply.
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// More data items than are read.
    #[error("more than {MAX_ITEMS} data items")]
    TooManyItems,
}

/// The kind of a data item, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Bytes,
    Text,
    Array,
    Map,
    Tag,
    Null,
    Float,
    Simple,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integer => "an integer",
            Self::Bytes => "a byte string",
            Self::Text => "a text string",
            Self::Array => "an array",
            Self::Map => "a map",
            Self::Tag => "a tag",
            Self::Null => "null",
            Self::Float => "a floating-point number",
            Self::Simple => "a simple value",
        })
    }
}

/// A data item. Kinds that no header of ours has (maps, truth values, integers beyond 64 bits) were read to their end and
/// checked, but their content is not kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Value<'a>>),
    Float(f64),
    /// Only out of [`Reader::tagged_value`].
    Tagged(u64, Box<Value<'a>>),
    Null,
    Other(Kind),
}

impl Value<'_> {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Integer(_) => Kind::Integer,
            Self::Bytes(_) => Kind::Bytes,
            Self::Text(_) => Kind::Text,
            Self::Array(_) => Kind::Array,
            Self::Float(_) => Kind::Float,
            Self::Tagged(..) => Kind::Tag,
            Self::Null => Kind::Null,
            Self::Other(kind) => *kind,
        }
    }
}

/// The first byte of an item and the number that goes with it (RFC 8949 section 3).
#[derive(Clone, Copy)]
enum Head {
    Unsigned(u64),
    Negative(u64),
    Bytes(u64),
    Text(u64),
    Array(u64),
    Map(u64),
    Tag(u64),
    Null,
    Simple,
    Float(f64),
}

impl Head {
    fn kind(self) -> Kind {
        match self {
            Self::Unsigned(_) | Self::Negative(_) => Kind::Integer,
            Self::Bytes(_) => Kind::Bytes,
            Self::Text(_) => Kind::Text,
            Self::Array(_) => Kind::Array,
            Self::Map(_) => Kind::Map,
            Self::Tag(_) => Kind::Tag,
            Self::Null => Kind::Null,
            Self::Simple => Kind::Simple,
            Self::Float(_) => Kind::Float,
        }
    }
}

/// Reads data items one after the other.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
    /// Where the item that is being read begins.
    start: usize,
    items: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            length: bytes.len(),
            start: 0,
            items: 0,
        }
    }

    /// Read the head of an array and return how many items follow.
    pub(crate) fn array(&mut self) -> Result<u64, CborError> {
        match self.head()? {
            Head::Array(count) => Ok(count),
            other => Err(self.unexpected(other, "an array")),
        }
    }

    /// Read the head of a map and return how many keys with their values follow.
    pub(crate) fn map(&mut self) -> Result<u64, CborError> {
        match self.head()? {
            Head::Map(count) => Ok(count),
            other => Err(self.unexpected(other, "a map")),
        }
    }

    /// Read a tag alone.
    pub(crate) fn tag(&mut self) -> Result<u64, CborError> {
        match self.head()? {
            Head::Tag(number) => Ok(number),
            other => Err(self.unexpected(other, "a tag")),
        }
    }

    /// Read a byte string.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], CborError> {
        match self.head()? {
            Head::Bytes(length) => self.take(length),
            other => Err(self.unexpected(other, "a byte string")),
        }
    }

    /// Read a byte string, or null.
    pub(crate) fn bytes_or_null(&mut self) -> Result<Option<&'a [u8]>, CborError> {
        match self.head()? {
            Head::Bytes(length) => self.take(length).map(Some),
            Head::Null => Ok(None),
            other => Err(self.unexpected(other, "a byte string")),
        }
    }

    /// Read a map key: an integer or a text string.
    pub(crate) fn key(&mut self) -> Result<Value<'a>, CborError> {
        let head = self.head()?;
        match head {
            Head::Unsigned(_) | Head::Negative(_) | Head::Text(_) => self.item(head, 0),
            other => Err(self.error(CborProblem::KeyType(other.kind()))),
        }
    }

    /// Read any item without tags.
    #[cfg(test)]
    fn value(&mut self) -> Result<Value<'a>, CborError> {
        let head = self.head()?;
        self.item(head, 0)
    }

    /// Read any item; it may have one tag, nothing inside it may have one.
    pub(crate) fn tagged_value(&mut self) -> Result<Value<'a>, CborError> {
        let mut head = self.head()?;
        if let Head::Tag(number) = head {
            head = self.head()?;
            let value = self.item(head, 0)?;
            return Ok(Value::Tagged(number, Box::new(value)));
        }
        self.item(head, 0)
    }

    /// Nothing may follow.
    pub(crate) fn end(self) -> Result<(), CborError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(CborError {
            offset: self.length - self.rest.len(),
            problem: CborProblem::Trailing(self.rest.len()),
        })
    }

    /// The item whose head was read, at `depth` arrays and maps inside the item that was asked for.
    fn item(&mut self, head: Head, depth: usize) -> Result<Value<'a>, CborError> {
        let integer =
            |number: Option<i64>| number.map_or(Value::Other(Kind::Integer), Value::Integer);
        Ok(match head {
            Head::Unsigned(number) => integer(i64::try_from(number).ok()),
            Head::Negative(number) => integer(i64::try_from(number).ok().map(|number| -1 - number)),
            Head::Bytes(length) => Value::Bytes(self.take(length)?),
            Head::Text(length) => {
                let bytes = self.take(length)?;
                let text = std::str::from_utf8(bytes);
                Value::Text(text.map_err(|_| self.error(CborProblem::NotUtf8))?)
            }
            Head::Array(count) => Value::Array(self.elements(count, depth)?),
            Head::Map(count) => {
                self.members(count, depth)?;
                Value::Other(Kind::Map)
            }
            Head::Tag(number) => return Err(self.error(CborProblem::Tag(number))),
            Head::Null => Value::Null,
            Head::Simple => Value::Other(Kind::Simple),
            Head::Float(number) => Value::Float(number),
        })
    }

    fn elements(&mut self, count: u64, depth: usize) -> Result<Vec<Value<'a>>, CborError> {
        let depth = self.deeper(depth)?;
        let mut elements = Vec::new();
        for _ in 0..count {
            let head = self.head()?;
            elements.push(self.item(head, depth)?);
        }
        Ok(elements)
    }

    /// Read the keys and values of a map to their end.
    fn members(&mut self, count: u64, depth: usize) -> Result<(), CborError> {
        let depth = self.deeper(depth)?;
        // shortest heads make equal keys equal bytes
        let mut keys = std::collections::HashSet::new();
        for _ in 0..count {
            let before = self.rest;
            self.key()?;
            let length = before.len() - self.rest.len();
            if !keys.insert(before.get(..length)) {
                return Err(self.error(CborProblem::DuplicateKey));
            }
            let head = self.head()?;
            self.item(head, depth)?;
        }
        Ok(())
    }

    fn deeper(&self, depth: usize) -> Result<usize, CborError> {
        if depth >= MAX_DEPTH {
            return Err(self.error(CborProblem::TooDeep));
        }
        Ok(depth + 1)
    }

    fn head(&mut self) -> Result<Head, CborError> {
        self.start = self.length - self.rest.len();
        self.items += 1;
        if self.items > MAX_ITEMS {
            return Err(self.error(CborProblem::TooManyItems));
        }
        let first = self.byte()?;
        let (major, information) = (first >> 5, first & 31);
        if major == 7 {
            return self.simple(information);
        }
        let argument = self.argument(information)?;
        Ok(match major {
            0 => Head::Unsigned(argument),
            1 => Head::Negative(argument),
            2 => Head::Bytes(argument),
            3 => Head::Text(argument),
            4 => Head::Array(argument),
            5 => Head::Map(argument),
            _ => Head::Tag(argument),
        })
    }

    /// The number in or behind the first byte, refused unless it is as short as it can be (RFC 8949 section 4.2.1).
    fn argument(&mut self, information: u8) -> Result<u64, CborError> {
        let (argument, smallest) = match information {
            0..=23 => return Ok(u64::from(information)),
            24 => (u64::from(self.byte()?), 24),
            25 => (u64::from(u16::from_be_bytes(self.fixed()?)), 1 << 8),
            26 => (u64::from(u32::from_be_bytes(self.fixed()?)), 1 << 16),
            27 => (u64::from_be_bytes(self.fixed()?), 1 << 32),
            31 => return Err(self.error(CborProblem::Indefinite)),
            _ => return Err(self.error(CborProblem::Reserved)),
        };
        if argument < smallest {
            return Err(self.error(CborProblem::NotShortest));
        }
        Ok(argument)
    }

    fn simple(&mut self, information: u8) -> Result<Head, CborError> {
        Ok(match information {
            22 => Head::Null,
            0..=23 => Head::Simple,
            24 if self.byte()? >= 32 => Head::Simple,
            25 => Head::Float(half(u16::from_be_bytes(self.fixed()?))),
            26 => Head::Float(f64::from(f32::from_be_bytes(self.fixed()?))),
            27 => Head::Float(f64::from_be_bytes(self.fixed()?)),
            31 => return Err(self.error(CborProblem::Indefinite)),
            _ => return Err(self.error(CborProblem::Reserved)),
        })
    }

    fn byte(&mut self) -> Result<u8, CborError> {
        self.fixed::<1>().map(|[byte]| byte)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], CborError> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or_else(|| self.error(CborProblem::Truncated))?;
        self.rest = rest;
        Ok(*head)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], CborError> {
        let taken = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length));
        let (head, rest) = taken.ok_or_else(|| self.error(CborProblem::Truncated))?;
        self.rest = rest;
        Ok(head)
    }

    fn error(&self, problem: CborProblem) -> CborError {
        CborError {
            offset: self.start,
            problem,
        }
    }

    fn unexpected(&self, found: Head, expected: &'static str) -> CborError {
        let found = found.kind();
        self.error(CborProblem::Unexpected { found, expected })
    }
}

/// A number of half precision (IEEE 754 binary16), as in RFC 8949 appendix D.
fn half(bits: u16) -> f64 {
    let (exponent, mantissa) = (bits >> 10 & 31, f64::from(bits & 1023));
    let magnitude = match exponent {
        0 => mantissa * 2_f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (mantissa + 1024.0) * 2_f64.powi(i32::from(exponent) - 25),
    };
    if bits & 0x8000 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// Append the head of a byte string of `length` bytes in its shortest form.
pub(crate) fn write_bytes_head(out: &mut Vec<u8>, length: usize) {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    let [.., b3, b2, b1, b0] = length.to_be_bytes();
    match length {
        0..=23 => out.push(0x40 | b0),
        24..=0xff => out.extend([0x58, b0]),
        0x100..=0xffff => out.extend([0x59, b1, b0]),
        0x1_0000..=0xffff_ffff => out.extend([0x5a, b3, b2, b1, b0]),
        _ => {
            out.push(0x5b);
            out.extend(length.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests;
