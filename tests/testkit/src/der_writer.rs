//! A DER writer with no opinion (X.690): it writes what it is told, well-formed or not. Never a parser.

/// Tag of `SEQUENCE`.
pub const SEQUENCE: u8 = 0x30;
/// Tag of `SET`.
pub const SET: u8 = 0x31;
/// Tag of `UTF8String`.
pub const UTF8_STRING: u8 = 0x0c;
/// Tag of `PrintableString`.
pub const PRINTABLE_STRING: u8 = 0x13;
/// Tag of `IA5String`.
pub const IA5_STRING: u8 = 0x16;
/// Tag of `UTCTime`.
pub const UTC_TIME: u8 = 0x17;
/// Tag of `GeneralizedTime`.
pub const GENERALIZED_TIME: u8 = 0x18;

/// Tag, length and the parts one after the other as the value.
pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length.saturating_add(6));
    out.push(tag);
    push_length(&mut out, length);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let digits: Vec<u8> = bytes
                .iter()
                .copied()
                .skip_while(|byte| *byte == 0)
                .collect();
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(0));
            out.extend(digits);
        }
    }
}

/// `SEQUENCE` of encoded parts.
pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(SEQUENCE, parts)
}

/// `SET` of encoded parts, in the given order (DER wants them sorted; a `SET OF` of one is always right).
pub fn set(parts: &[&[u8]]) -> Vec<u8> {
    tlv(SET, parts)
}

/// Explicit context tag `[number]` (0 to 30), constructed.
pub fn explicit(number: u8, parts: &[&[u8]]) -> Vec<u8> {
    tlv(0xa0 | (number & 0x1f), parts)
}

/// Implicit context tag `[number]` (0 to 30), primitive.
pub fn implicit(number: u8, value: &[u8]) -> Vec<u8> {
    tlv(0x80 | (number & 0x1f), &[value])
}

/// `BOOLEAN`.
pub fn boolean(value: bool) -> Vec<u8> {
    tlv(0x01, &[&[if value { 0xff } else { 0x00 }]])
}

/// `INTEGER` of any sign.
pub fn integer(value: i64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let mut short = bytes.as_slice();
    while let [first, rest @ ..] = short {
        let redundant = match rest.first() {
            Some(next) => (*first == 0 && *next < 0x80) || (*first == 0xff && *next >= 0x80),
            None => false,
        };
        if !redundant {
            break;
        }
        short = rest;
    }
    tlv(0x02, &[short])
}

/// `INTEGER` from the big-endian bytes of a number that is not negative.
pub fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let mut digits = bytes;
    while let [0, rest @ ..] = digits {
        digits = rest;
    }
    match digits.first() {
        None => tlv(0x02, &[&[0]]),
        Some(first) if *first >= 0x80 => tlv(0x02, &[&[0], digits]),
        Some(_) => tlv(0x02, &[digits]),
    }
}

/// `BIT STRING` without unused bits.
pub fn bit_string(bytes: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], bytes])
}

/// `BIT STRING` of named bits (bit 0 is the most significant one of the first byte), trailing zero bits cut as DER wants.
pub fn named_bits(bits: &[u8]) -> Vec<u8> {
    let Some(highest) = bits.iter().max() else {
        return tlv(0x03, &[&[0]]);
    };
    let mut bytes = vec![0_u8; usize::from(highest / 8).saturating_add(1)];
    for bit in bits {
        if let Some(byte) = bytes.get_mut(usize::from(bit / 8)) {
            *byte |= 0x80 >> (bit % 8);
        }
    }
    tlv(0x03, &[&[7 - highest % 8], &bytes])
}

/// `OCTET STRING`.
pub fn octet_string(bytes: &[u8]) -> Vec<u8> {
    tlv(0x04, &[bytes])
}

/// `NULL`.
pub fn null() -> Vec<u8> {
    tlv(0x05, &[])
}

/// `OBJECT IDENTIFIER` from dotted text. Arcs that are not numbers are left out, so pass good text.
pub fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted
        .split('.')
        .filter_map(|arc| arc.parse().ok())
        .collect();
    let mut value = Vec::new();
    if let [first, second, rest @ ..] = arcs.as_slice() {
        push_arc(&mut value, first.saturating_mul(40).saturating_add(*second));
        for arc in rest {
            push_arc(&mut value, *arc);
        }
    }
    tlv(0x06, &[&value])
}

fn push_arc(out: &mut Vec<u8>, arc: u64) {
    let mut groups = vec![u8::try_from(arc & 0x7f).unwrap_or(0)];
    let mut rest = arc >> 7;
    while rest > 0 {
        groups.push(0x80 | u8::try_from(rest & 0x7f).unwrap_or(0));
        rest >>= 7;
    }
    out.extend(groups.iter().rev());
}

/// `UTCTime` for the years 1950 to 2049, else `GeneralizedTime`, as RFC 5280 section 4.1.2.5 wants; whole seconds.
pub fn time(at: jiff::Timestamp) -> Vec<u8> {
    let civil = jiff::tz::Offset::UTC.to_datetime(at);
    if (1950..2050).contains(&civil.year()) {
        tlv(
            UTC_TIME,
            &[civil.strftime("%y%m%d%H%M%SZ").to_string().as_bytes()],
        )
    } else {
        tlv(
            GENERALIZED_TIME,
            &[civil.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes()],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_integers_and_identifiers_are_shortest() {
        assert_eq!(integer(0), [2, 1, 0]);
        assert_eq!(integer(127), [2, 1, 127]);
        assert_eq!(integer(128), [2, 2, 0, 128]);
        assert_eq!(integer(-1), [2, 1, 0xff]);
        assert_eq!(integer(-129), [2, 2, 0xff, 0x7f]);
        assert_eq!(unsigned(&[0, 0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(unsigned(&[0]), [2, 1, 0]);
        assert_eq!(
            oid("1.2.840.113549"),
            [6, 6, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]
        );
        assert_eq!(named_bits(&[0]), [3, 2, 7, 0x80]);
        assert_eq!(named_bits(&[5, 6]), [3, 2, 1, 0x06]);
        assert_eq!(named_bits(&[0, 8]), [3, 3, 7, 0x80, 0x80]);
        assert_eq!(&octet_string(&[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(&octet_string(&[0; 300])[..4], [4, 0x82, 1, 44]);
    }

    #[test]
    fn times_change_their_form_in_2050() {
        let at = |text: &str| time(text.parse().unwrap());
        assert_eq!(&at("2049-12-31T23:59:59Z")[2..], b"491231235959Z");
        assert_eq!(&at("2050-01-01T00:00:00Z")[2..], b"20500101000000Z");
    }
}
