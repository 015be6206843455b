//! JSON as Go's encoder writes it. No type of the wire lives here.
//!
//! Besides what JSON demands, Go escapes `<`, `>`, `&`, U+2028 and U+2029, so that an answer can be pasted into a page.
//! v1.4's answers come out of that encoder (V 2.5).
//!
//! An answer out of memory is little more than its text, so there is a serializer of our own for it: it looks at a
//! text as a whole before it looks at its bytes, which is several times faster than looking at each.

mod compact;
mod escape;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

pub(super) use compact::Unsupported;

/// Append `value` to `buffer` without blanks. It may hold structs, lists, texts, booleans and nothing else.
pub(super) fn append<T: Serialize + ?Sized>(
    buffer: &mut Vec<u8>,
    value: &T,
) -> Result<(), Unsupported> {
    value.serialize(compact::Compact::new(buffer))
}

/// Append a text.
pub(super) fn append_text(buffer: &mut Vec<u8>, text: &str) {
    escape::quoted(buffer, text);
}

/// `value` on many lines, indented by two blanks, for a log line.
pub(super) fn indented<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    let mut buffer = Vec::with_capacity(1024);
    let formatter = Indented(PrettyFormatter::with_indent(b"  "));
    value.serialize(&mut Serializer::with_formatter(&mut buffer, formatter))?;
    // serde_json writes only UTF-8; should that ever change, a log line is the last thing to fail for
    Ok(String::from_utf8_lossy(&buffer).into_owned())
}

/// Two blanks, and Go's escapes inside texts.
struct Indented<'a>(PrettyFormatter<'a>);

impl Formatter for Indented<'_> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut escaped = Vec::with_capacity(fragment.len());
        escape::escaped(&mut escaped, fragment);
        writer.write_all(&escaped)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Serialize;

    use super::*;

    fn compact<T: Serialize + ?Sized>(value: &T) -> String {
        let mut buffer = Vec::new();
        append(&mut buffer, value).unwrap();
        String::from_utf8(buffer).unwrap()
    }

    #[derive(Debug, Default, Serialize)]
    struct Everything<'a> {
        text: &'a str,
        yes: bool,
        none: Option<&'a str>,
        #[serde(skip_serializing_if = "str::is_empty")]
        skipped: &'a str,
        list: Vec<&'a str>,
        inner: Vec<Everything<'a>>,
    }

    #[test]
    fn v_2_5_texts_are_escaped_as_go_escapes_them() {
        let text = "a<b>&c\u{2028}\u{2029}ä€\u{202a}\"\\\n\r\t\u{8}\u{c}\u{1}\u{7f}/";
        let escaped = "\"a\\u003cb\\u003e\\u0026c\\u2028\\u2029ä€\u{202a}\\\"\\\\\\n\\r\\t\\b\\f\\u0001\u{7f}/\"";
        assert_eq!(compact(text), escaped);
        assert_eq!(indented(text).unwrap(), escaped);
    }

    #[test]
    fn structs_and_lists_have_no_blanks() {
        let inner = Everything {
            list: vec!["b", "c"],
            ..Everything::default()
        };
        let outer = Everything {
            text: "<",
            yes: true,
            none: Some("x"),
            skipped: "y",
            list: Vec::new(),
            inner: vec![inner, Everything::default()],
        };
        assert_eq!(
            compact(&outer),
            "{\"text\":\"\\u003c\",\"yes\":true,\"none\":\"x\",\"skipped\":\"y\",\"list\":[],\"inner\":\
             [{\"text\":\"\",\"yes\":false,\"none\":null,\"list\":[\"b\",\"c\"],\"inner\":[]},\
             {\"text\":\"\",\"yes\":false,\"none\":null,\"list\":[],\"inner\":[]}]}"
        );
    }

    #[test]
    fn what_no_answer_holds_is_refused() {
        let mut buffer = Vec::new();
        assert!(append(&mut buffer, &1_u8).is_err());
        assert!(append(&mut buffer, &("a", "b")).is_err());
        assert!(append(&mut buffer, &[Some(1.5)]).is_err());
    }

    #[test]
    fn log_lines_are_indented_by_two_blanks() {
        let value = serde_json::json!({ "a": ["<", true], "b": {}, "c": [] });
        assert_eq!(
            indented(&value).unwrap(),
            "{\n  \"a\": [\n    \"\\u003c\",\n    true\n  ],\n  \"b\": {},\n  \"c\": []\n}"
        );
    }

    proptest! {
        #[test]
        fn any_text_reads_back_and_needs_no_more_escapes(
            text in prop_oneof![any::<String>(), "[<>&\u{2028}-\u{202f}\"\\\\a\u{1}\n]{0,40}"],
        ) {
            let written = compact(&text);
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text.as_str());
            let bare = written.contains(['<', '>', '&', '\u{2028}', '\u{2029}']);
            prop_assert!(!bare, "{written}");
            prop_assert_eq!(indented(&text).unwrap(), written, "both ways write the same");
        }

        #[test]
        fn compact_is_what_serde_json_writes(lists in prop::collection::vec("[a-zä\"\n]{0,8}", 0..5)) {
            let list: Vec<&str> = lists.iter().map(String::as_str).collect();
            let value = Everything { list, ..Everything::default() };
            let value = Everything { inner: vec![value], ..Everything::default() };
            prop_assert_eq!(compact(&value), serde_json::to_string(&value).unwrap());
        }
    }
}
