//! A CBOR writer with no opinion (RFC 8949): repeated labels, indefinite lengths and raw bytes are written as asked.
//! Never a parser.

/// A CBOR item to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum Cbor {
    /// An integer.
    Int(i64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A text string.
    Text(String),
    /// An array of definite length.
    Array(Vec<Self>),
    /// A map of definite length, in this order, labels repeated if they stand twice.
    Map(Vec<(Self, Self)>),
    /// A tagged item.
    Tag(u64, Box<Self>),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// A double of 8 bytes, NaN included.
    Float(f64),
    /// An array of indefinite length.
    IndefiniteArray(Vec<Self>),
    /// A map of indefinite length.
    IndefiniteMap(Vec<(Self, Self)>),
    /// A byte string in pieces.
    IndefiniteBytes(Vec<Vec<u8>>),
    /// Bytes that stand as they are in the place of an item.
    Raw(Vec<u8>),
}

impl Cbor {
    /// A text string.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A time as tag 1 over whole seconds (N C-18).
    pub fn epoch(at: jiff::Timestamp) -> Self {
        Self::Tag(1, Box::new(Self::Int(at.as_second())))
    }

    /// The encoded item, lengths and integers in their shortest form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Int(value) => match u64::try_from(*value) {
                Ok(value) => head(out, 0, value),
                Err(_) => head(out, 1, value.unsigned_abs().saturating_sub(1)),
            },
            Self::Bytes(bytes) => string(out, 2, bytes),
            Self::Text(text) => string(out, 3, text.as_bytes()),
            Self::Array(items) => {
                head(out, 4, count(items.len()));
                write_items(out, items);
            }
            Self::Map(entries) => {
                head(out, 5, count(entries.len()));
                write_entries(out, entries);
            }
            Self::Tag(tag, item) => {
                head(out, 6, *tag);
                item.write(out);
            }
            Self::Bool(value) => out.push(if *value { 0xf5 } else { 0xf4 }),
            Self::Null => out.push(0xf6),
            Self::Float(value) => {
                out.push(0xfb);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Self::IndefiniteArray(items) => {
                out.push(0x9f);
                write_items(out, items);
                out.push(0xff);
            }
            Self::IndefiniteMap(entries) => {
                out.push(0xbf);
                write_entries(out, entries);
                out.push(0xff);
            }
            Self::IndefiniteBytes(pieces) => {
                out.push(0x5f);
                for piece in pieces {
                    string(out, 2, piece);
                }
                out.push(0xff);
            }
            Self::Raw(bytes) => out.extend_from_slice(bytes),
        }
    }
}

fn write_items(out: &mut Vec<u8>, items: &[Cbor]) {
    for item in items {
        item.write(out);
    }
}

fn write_entries(out: &mut Vec<u8>, entries: &[(Cbor, Cbor)]) {
    for (label, value) in entries {
        label.write(out);
        value.write(out);
    }
}

fn string(out: &mut Vec<u8>, major: u8, bytes: &[u8]) {
    head(out, major, count(bytes.len()));
    out.extend_from_slice(bytes);
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Major type and argument in the shortest form (RFC 8949 section 3).
fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    if let Ok(byte) = u8::try_from(argument) {
        if byte < 24 {
            out.push(major | byte);
        } else {
            out.extend([major | 0x18, byte]);
        }
    } else if let Ok(short) = u16::try_from(argument) {
        out.push(major | 0x19);
        out.extend(short.to_be_bytes());
    } else if let Ok(word) = u32::try_from(argument) {
        out.push(major | 0x1a);
        out.extend(word.to_be_bytes());
    } else {
        out.push(major | 0x1b);
        out.extend(argument.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_examples_of_rfc_8949() {
        let check = |item: Cbor, hex: &str| {
            let digits = |byte: &u8| [byte >> 4, byte & 15].map(|n| char::from_digit(n.into(), 16));
            let found: String = item.to_bytes().iter().flat_map(digits).flatten().collect();
            assert_eq!(found, hex, "{item:?}");
        };
        check(Cbor::Int(0), "00");
        check(Cbor::Int(23), "17");
        check(Cbor::Int(24), "1818");
        check(Cbor::Int(1000), "1903e8");
        check(Cbor::Int(1_000_000), "1a000f4240");
        check(Cbor::Int(1_000_000_000_000), "1b000000e8d4a51000");
        check(Cbor::Int(-1), "20");
        check(Cbor::Int(-1000), "3903e7");
        check(Cbor::Float(1.1), "fb3ff199999999999a");
        check(
            Cbor::Tag(1, Box::new(Cbor::Int(1_363_896_240))),
            "c11a514b67b0",
        );
        check(Cbor::Bytes(vec![1, 2, 3, 4]), "4401020304");
        check(Cbor::text("IETF"), "6449455446");
        check(Cbor::Array(vec![Cbor::Int(1), Cbor::Int(2)]), "820102");
        check(Cbor::Map(vec![(Cbor::Int(1), Cbor::Int(2))]), "a10102");
        check(
            Cbor::IndefiniteArray(vec![Cbor::Bool(true), Cbor::Null]),
            "9ff5f6ff",
        );
        check(
            Cbor::IndefiniteBytes(vec![vec![1, 2], vec![3]]),
            "5f4201024103ff",
        );
    }
}
