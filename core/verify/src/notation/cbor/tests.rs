//! Rows of RFC 8949 appendix A, and what is refused.

use proptest::prelude::*;

use super::*;

fn read(bytes: &[u8]) -> Result<Value<'_>, CborProblem> {
    let mut reader = Reader::new(bytes);
    let value = reader.tagged_value().map_err(|error| error.problem)?;
    reader.end().map_err(|error| error.problem)?;
    Ok(value)
}

#[test]
fn reads_the_examples_of_the_rfc() {
    for (bytes, value) in [
        (&[0x00][..], Value::Integer(0)),
        (&[0x17], Value::Integer(23)),
        (&[0x18, 0x18], Value::Integer(24)),
        (&[0x19, 0x03, 0xe8], Value::Integer(1_000)),
        (&[0x1a, 0x00, 0x0f, 0x42, 0x40], Value::Integer(1_000_000)),
        (
            &[0x1b, 0x00, 0x00, 0x00, 0xe8, 0xd4, 0xa5, 0x10, 0x00],
            Value::Integer(1_000_000_000_000),
        ),
        (&[0x20], Value::Integer(-1)),
        (&[0x39, 0x03, 0xe7], Value::Integer(-1_000)),
        (
            &[0x3b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            Value::Integer(i64::MIN),
        ),
        (
            &[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            Value::Other(Kind::Integer),
        ),
        (&[0x44, 1, 2, 3, 4], Value::Bytes(&[1, 2, 3, 4])),
        (&[0x62, 0xc3, 0xbc], Value::Text("ü")),
        (
            &[0x82, 0x01, 0x81, 0x02],
            Value::Array(vec![
                Value::Integer(1),
                Value::Array(vec![Value::Integer(2)]),
            ]),
        ),
        (&[0xa1, 0x01, 0x02], Value::Other(Kind::Map)),
        (
            &[0xc1, 0x1a, 0x51, 0x4b, 0x67, 0xb0],
            Value::Tagged(1, Box::new(Value::Integer(1_363_896_240))),
        ),
        (&[0xf6], Value::Null),
        (&[0xf4], Value::Other(Kind::Simple)),
        (&[0xf8, 0xff], Value::Other(Kind::Simple)),
        (&[0xf9, 0x3c, 0x00], Value::Float(1.0)),
        (&[0xf9, 0x7b, 0xff], Value::Float(65_504.0)),
        (&[0xf9, 0x00, 0x01], Value::Float(5.960_464_477_539_063e-8)),
        (&[0xf9, 0xc4, 0x00], Value::Float(-4.0)),
        (&[0xf9, 0xfc, 0x00], Value::Float(f64::NEG_INFINITY)),
        (&[0xfa, 0x47, 0xc3, 0x50, 0x00], Value::Float(100_000.0)),
        (
            &[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a],
            Value::Float(1.1),
        ),
    ] {
        assert_eq!(read(bytes), Ok(value), "{bytes:02x?}");
    }
    assert!(matches!(read(&[0xf9, 0x7e, 0x00]), Ok(Value::Float(nan)) if nan.is_nan()));
}

#[test]
fn n_c_02_what_readers_differ_on_is_refused() {
    for (bytes, problem) in [
        (&[][..], CborProblem::Truncated),
        (&[0x18], CborProblem::Truncated),
        (&[0x42, 1], CborProblem::Truncated),
        (&[0x82, 1], CborProblem::Truncated),
        (
            &[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            CborProblem::Truncated,
        ),
        (&[0x00, 0x00], CborProblem::Trailing(1)),
        (&[0x9f, 0x01, 0xff], CborProblem::Indefinite),
        (&[0xbf, 0xff], CborProblem::Indefinite),
        (&[0x5f, 0x41, 0x01, 0xff], CborProblem::Indefinite),
        (&[0x7f, 0xff], CborProblem::Indefinite),
        (&[0xff], CborProblem::Indefinite),
        (&[0x18, 0x17], CborProblem::NotShortest),
        (&[0x19, 0x00, 0xff], CborProblem::NotShortest),
        (&[0x1a, 0x00, 0x00, 0xff, 0xff], CborProblem::NotShortest),
        (
            &[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
            CborProblem::NotShortest,
        ),
        (&[0x58, 0x01, 0x00], CborProblem::NotShortest),
        (&[0xd8, 0x01, 0x00], CborProblem::NotShortest),
        (&[0x1c], CborProblem::Reserved),
        (&[0xfc], CborProblem::Reserved),
        (&[0xf8, 0x14], CborProblem::Reserved),
        (&[0x61, 0xff], CborProblem::NotUtf8),
        (&[0xa2, 0x01, 0x00, 0x01, 0x00], CborProblem::DuplicateKey),
        (
            &[0x81, 0xa2, 0x61, b'a', 0, 0x61, b'a', 0],
            CborProblem::DuplicateKey,
        ),
        (&[0xa1, 0x41, 0x01, 0x00], CborProblem::KeyType(Kind::Bytes)),
        (&[0xa1, 0xc1, 0x01, 0x00], CborProblem::KeyType(Kind::Tag)),
        (&[0xc1, 0xc1, 0x00], CborProblem::Tag(1)),
        (&[0x81, 0xc1, 0x00], CborProblem::Tag(1)),
        (&[0xa1, 0x01, 0xc0, 0x60], CborProblem::Tag(0)),
    ] {
        assert_eq!(read(bytes), Err(problem), "{bytes:02x?}");
    }
}

#[test]
fn n_p_04_depth_and_items_are_bounded() {
    let nested = |depth: usize| [vec![0x81; depth], vec![0x00]].concat();
    assert!(read(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(read(&nested(MAX_DEPTH + 1)), Err(CborProblem::TooDeep));
    assert_eq!(read(&nested(1_000_000)), Err(CborProblem::TooDeep));
    let maps = [[0xa1, 0x00].repeat(MAX_DEPTH + 1), vec![0x00]].concat();
    assert_eq!(read(&maps), Err(CborProblem::TooDeep));
    // a huge announced count costs nothing
    let announced = [0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00];
    assert_eq!(read(&announced), Err(CborProblem::Truncated));
    let many = [vec![0x9a, 0x00, 0x01, 0x00, 0x00], vec![0x00; 1 << 16]].concat();
    assert_eq!(read(&many), Err(CborProblem::TooManyItems));
}

#[test]
fn errors_name_the_place() {
    let error = Reader::new(&[0x82, 0x01, 0x18, 0x01]).value().unwrap_err();
    assert_eq!(
        error.to_string(),
        "byte 2: a number or length that is not in its shortest form"
    );
    let error = Reader::new(&[0xa0]).array().unwrap_err();
    assert_eq!(error.to_string(), "byte 0: a map, expected an array");
}

#[test]
fn writes_the_shortest_head() {
    for length in [0, 23, 24, 255, 256, 65_535, 65_536] {
        let mut bytes = Vec::new();
        write_bytes_head(&mut bytes, length);
        bytes.extend(vec![7; length]);
        assert_eq!(read(&bytes), Ok(Value::Bytes(&vec![7; length])), "{length}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _ = read(&bytes);
    }
}
