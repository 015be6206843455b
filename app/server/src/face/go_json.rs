//! JSON bytes as Go's encoder writes them, straight into one buffer. No type of the wire lives here.
//!
//! Besides what JSON demands, Go escapes `<`, `>`, `&`, U+2028 and U+2029, so that an answer can be pasted into a page.
//! v1.4's answers come out of that encoder (V 2.5).

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

/// Append `value` to `buffer` without blanks.
pub(super) fn append<T: Serialize + ?Sized>(
    buffer: &mut Vec<u8>,
    value: &T,
) -> Result<(), serde_json::Error> {
    let formatter = GoEscapes(CompactFormatter);
    value.serialize(&mut Serializer::with_formatter(buffer, formatter))
}

/// `value` on many lines, indented by two blanks, for a log line.
pub(super) fn indented<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    let mut buffer = Vec::with_capacity(1024);
    let formatter = GoEscapes(PrettyFormatter::with_indent(b"  "));
    value.serialize(&mut Serializer::with_formatter(&mut buffer, formatter))?;
    // serde_json writes only UTF-8; should that ever change, a log line is the last thing to fail for
    Ok(String::from_utf8_lossy(&buffer).into_owned())
}

/// Another formatter, with Go's escapes inside strings.
struct GoEscapes<F>(F);

impl<F: Formatter> Formatter for GoEscapes<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // looked at as a whole first, without an early end, so that the compiler makes it a few wide instructions
        let suspects = |byte: u8| matches!(byte, b'<' | b'>' | b'&' | 0xe2);
        let clean = !fragment
            .bytes()
            .fold(false, |found, byte| found | suspects(byte));
        if clean {
            writer.write_all(fragment.as_bytes())
        } else {
            escaped(writer, fragment)
        }
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

fn escaped<W: ?Sized + Write>(writer: &mut W, mut rest: &str) -> io::Result<()> {
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| escape(*c).is_some()) {
        let (before, after) = rest.split_at(at);
        writer.write_all(before.as_bytes())?;
        writer.write_all(escape(c).unwrap_or_default().as_bytes())?;
        rest = after.get(c.len_utf8()..).unwrap_or_default();
    }
    writer.write_all(rest.as_bytes())
}

fn escape(c: char) -> Option<&'static str> {
    match c {
        '<' => Some("\\u003c"),
        '>' => Some("\\u003e"),
        '&' => Some("\\u0026"),
        '\u{2028}' => Some("\\u2028"),
        '\u{2029}' => Some("\\u2029"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compact(text: &str) -> String {
        let mut buffer = Vec::new();
        append(&mut buffer, text).unwrap();
        String::from_utf8(buffer).unwrap()
    }

    #[test]
    fn v_2_5_strings_are_escaped_as_go_escapes_them() {
        assert_eq!(
            compact("a<b>&c\u{2028}\u{2029}ä€\u{202a}\"\\\n\r\t\u{8}\u{c}\u{1}\u{7f}/"),
            "\"a\\u003cb\\u003e\\u0026c\\u2028\\u2029ä€\u{202a}\\\"\\\\\\n\\r\\t\\b\\f\\u0001\u{7f}/\""
        );
    }

    #[test]
    fn log_lines_are_indented_by_two_blanks() {
        let value = serde_json::json!({ "a": ["<", 1], "b": {}, "c": [] });
        assert_eq!(
            indented(&value).unwrap(),
            "{\n  \"a\": [\n    \"\\u003c\",\n    1\n  ],\n  \"b\": {},\n  \"c\": []\n}"
        );
    }

    proptest! {
        #[test]
        fn any_text_reads_back_and_needs_no_more_escapes(text in any::<String>()) {
            let written = compact(&text);
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
            let bare = written.contains(['<', '>', '&', '\u{2028}', '\u{2029}']);
            prop_assert!(!bare, "{written}");
        }
    }
}
