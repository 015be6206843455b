//! One log line in one of three shapes, built in a buffer that is used again.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use jiff::Timestamp;
use tracing::Level;
use tracing::field::{Field, Visit};

use crate::render::{is_printable, printable};

/// The field that tracing calls the message.
const MESSAGE: &str = "message";
/// A field that holds a JSON document which this program wrote. It stands right after the message, under a line of its
/// own, and its line ends are kept in text: v1.4 logs a verification so (V 6.4), and tools look for it.
const DOCUMENT: &str = "document";

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `time=.. level=.. msg=.. key=value`
    Text,
    /// The same, for a person: `level: message key=value`
    Short,
    /// One object per line.
    Json,
}

/// A shape that can change while lines are written. Clones change together.
#[derive(Debug, Clone)]
pub(crate) struct CurrentShape(Arc<AtomicU8>);

impl CurrentShape {
    pub(crate) fn new(shape: Shape) -> Self {
        let current = Self(Arc::default());
        current.set(shape);
        current
    }

    pub(crate) fn set(&self, shape: Shape) {
        let number = match shape {
            Shape::Text => 0,
            Shape::Short => 1,
            Shape::Json => 2,
        };
        self.0.store(number, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Shape {
        match self.0.load(Ordering::Relaxed) {
            0 => Shape::Text,
            1 => Shape::Short,
            _ => Shape::Json,
        }
    }
}

/// What an event or a span carries. The texts lie one behind the other in one buffer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    text: String,
    message: Range<usize>,
    document: Option<Range<usize>>,
    others: Vec<Other>,
}

#[derive(Debug, Clone)]
struct Other {
    name: &'static str,
    value: Range<usize>,
    /// A text, to be quoted in JSON; else a number or truth value.
    is_text: bool,
}

impl Fields {
    /// Forget everything but the memory.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.message = 0..0;
        self.document = None;
        self.others.clear();
    }

    /// Give back memory beyond `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        self.text.shrink_to(bytes);
    }

    /// Take what `outer`, a span around, carries.
    pub(crate) fn extend(&mut self, outer: &Self) {
        for other in &outer.others {
            let begin = self.text.len();
            self.text.push_str(outer.at(&other.value));
            self.others.push(Other {
                value: begin..self.text.len(),
                ..other.clone()
            });
        }
    }

    fn at(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    fn put(&mut self, field: &Field, is_text: bool, write: impl FnOnce(&mut String)) {
        let begin = self.text.len();
        write(&mut self.text);
        let value = begin..self.text.len();
        let name = match field.name() {
            MESSAGE => {
                self.message = value;
                return;
            }
            DOCUMENT => {
                self.document = Some(value);
                return;
            }
            // a field that is called like a column gets v1.4's prefix
            "time" => "fields.time",
            "level" => "fields.level",
            "msg" => "fields.msg",
            name => name,
        };
        self.others.push(Other {
            name,
            value,
            is_text,
        });
    }

    /// By name; of several with one name the last counts, which is the innermost.
    fn sort(&mut self) {
        self.others.sort_by_key(|other| other.name);
        self.others.reverse();
        self.others.dedup_by_key(|other| other.name);
        self.others.reverse();
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // writing to a string cannot fail
        self.put(field, true, |text| {
            let _ = write!(text, "{value:?}");
        });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, true, |text| text.push_str(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, false, |text| {
            let _ = write!(text, "{value}");
        });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, false, |text| {
            let _ = write!(text, "{value}");
        });
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, false, |text| {
            text.push_str(if value { "true" } else { "false" });
        });
    }
}

impl Shape {
    /// Write the line, its end included.
    pub(crate) fn write(
        self,
        line: &mut Vec<u8>,
        time: Timestamp,
        level: Level,
        fields: &mut Fields,
    ) {
        fields.sort();
        let level = match level {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        // writing to memory cannot fail
        match self {
            Self::Json => json_line(line, time, level, fields),
            Self::Text => {
                let _ = write!(line, "time={time} level={level} msg=");
                text_line(line, fields);
            }
            Self::Short => {
                let _ = write!(line, "{level}: ");
                text_line(line, fields);
            }
        }
        line.push(b'\n');
    }
}

fn text_line(line: &mut Vec<u8>, fields: &Fields) {
    text(line, fields.at(&fields.message));
    if let Some(document) = &fields.document {
        for part in fields.at(document).lines() {
            line.push(b'\n');
            text(line, part);
        }
    }
    for other in &fields.others {
        line.push(b' ');
        line.extend_from_slice(other.name.as_bytes());
        line.push(b'=');
        text(line, fields.at(&other.value));
    }
}

/// Foreign text in one line: it cannot begin another or drive a terminal (N P-27).
fn text(line: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        line.extend_from_slice(text.as_bytes());
    } else {
        line.extend_from_slice(printable(text).as_bytes());
    }
}

/// All members in alphabetical order, as Go writes them.
fn json_line(line: &mut Vec<u8>, time: Timestamp, level: &str, fields: &Fields) {
    const COLUMNS: [&str; 3] = ["level", "msg", "time"];
    let mut others = fields.others.iter().peekable();
    let mut first = true;
    for column in COLUMNS {
        while let Some(other) = others.next_if(|other| other.name < column) {
            member(line, &mut first, other.name);
            value(line, fields, other);
        }
        member(line, &mut first, column);
        match column {
            "level" => quoted(line, [level]),
            "msg" => match &fields.document {
                None => quoted(line, [fields.at(&fields.message)]),
                Some(document) => {
                    quoted(
                        line,
                        [fields.at(&fields.message), "\n", fields.at(document)],
                    );
                }
            },
            _ => {
                let _ = write!(line, "\"{time}\"");
            }
        }
    }
    for other in others {
        member(line, &mut first, other.name);
        value(line, fields, other);
    }
    line.push(b'}');
}

fn member(line: &mut Vec<u8>, first: &mut bool, name: &str) {
    line.push(if std::mem::take(first) { b'{' } else { b',' });
    quoted(line, [name]);
    line.push(b':');
}

fn value(line: &mut Vec<u8>, fields: &Fields, other: &Other) {
    let text = fields.at(&other.value);
    if other.is_text {
        quoted(line, [text]);
    } else {
        line.extend_from_slice(text.as_bytes());
    }
}

/// The parts as one JSON string. What cannot be seen is escaped, beyond what JSON demands: people look at such lines in
/// terminals too.
fn quoted<const N: usize>(line: &mut Vec<u8>, parts: [&str; N]) {
    line.push(b'"');
    for part in parts {
        for c in part.chars() {
            match c {
                '"' => line.extend_from_slice(b"\\\""),
                '\\' => line.extend_from_slice(b"\\\\"),
                '\n' => line.extend_from_slice(b"\\n"),
                '\r' => line.extend_from_slice(b"\\r"),
                '\t' => line.extend_from_slice(b"\\t"),
                c if is_printable(c) => {
                    line.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                c => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        let _ = write!(line, "\\u{unit:04x}");
                    }
                }
            }
        }
    }
    line.push(b'"');
}

impl Shape {
    /// The line that tells how many others are missing.
    pub(crate) fn lost(self, count: u64) -> Vec<u8> {
        let mut fields = Fields::default();
        fields
            .text
            .push_str("log lines were lost, because standard error did not take them fast enough");
        fields.message = 0..fields.text.len();
        let begin = fields.text.len();
        let _ = write!(fields.text, "{count}");
        fields.others.push(Other {
            name: "lines",
            value: begin..fields.text.len(),
            is_text: false,
        });
        let mut line = Vec::new();
        self.write(&mut line, Timestamp::now(), Level::WARN, &mut fields);
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(document: Option<&str>) -> Fields {
        let mut fields = Fields::default();
        let mut add = |text: &str| {
            let begin = fields.text.len();
            fields.text.push_str(text);
            begin..fields.text.len()
        };
        let message = add("judged");
        let document = document.map(&mut add);
        let values = [
            ("subject", "reg.io/app:v1", true),
            ("count", "3", false),
            ("evil", "a\nlevel=error \u{1b}[2J", true),
            ("trace-id", "outer", true),
            ("trace-id", "inner", true),
        ];
        let others = values
            .map(|(name, value, is_text)| Other {
                name,
                value: add(value),
                is_text,
            })
            .into();
        Fields {
            message,
            document,
            others,
            ..fields
        }
    }

    fn line(shape: Shape, level: Level, document: Option<&str>) -> String {
        let mut line = Vec::new();
        let time = "2026-05-01T08:00:00Z".parse().unwrap();
        shape.write(&mut line, time, level, &mut fields(document));
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn v_6_4_lines_have_the_names_of_v1_4() {
        assert_eq!(
            line(Shape::Text, Level::WARN, None),
            "time=2026-05-01T08:00:00Z level=warning msg=judged count=3 evil=a\\nlevel=error \\u{1b}[2J subject=reg.io/app:v1 \
             trace-id=inner\n"
        );
        assert_eq!(
            line(Shape::Json, Level::INFO, None),
            concat!(
                r#"{"count":3,"evil":"a\nlevel=error \u001b[2J","level":"info","msg":"judged","subject":"reg.io/app:v1","#,
                r#""time":"2026-05-01T08:00:00Z","trace-id":"inner"}"#,
                "\n"
            )
        );
        assert!(line(Shape::Short, Level::ERROR, None).starts_with("error: judged count=3"));
    }

    #[test]
    fn v_6_4_a_verification_spans_lines_in_text_and_is_one_line_of_json() {
        let document = "{\n  \"a\": \"x\u{9b}2J\u{202e}\"\n}";
        assert!(
            line(Shape::Text, Level::INFO, Some(document)).starts_with(
                "time=2026-05-01T08:00:00Z level=info msg=judged\n{\n  \"a\": \"x\\u{9b}2J\\u{202e}\"\n} count=3 evil="
            ),
            "{}",
            line(Shape::Text, Level::INFO, Some(document))
        );
        let json = line(Shape::Json, Level::INFO, Some(document));
        assert_eq!(json.lines().count(), 1);
        assert!(
            json.contains(r#""msg":"judged\n{\n  \"a\": \"x\u009b2J\u202e\"\n}","subject""#),
            "{json}"
        );
    }

    #[test]
    fn every_text_is_json_that_means_the_same() {
        let all: String = (0..0x1_1000_u32).filter_map(char::from_u32).collect();
        let mut quote = Vec::new();
        quoted(&mut quote, [&all, "\u{10ffff}"]);
        let read: String = serde_json::from_slice(&quote).unwrap();
        assert_eq!(read, format!("{all}\u{10ffff}"));
    }

    #[test]
    fn a_loss_is_told_in_the_shape_of_the_others() {
        let line = String::from_utf8(Shape::Json.lost(7)).unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&line["lines"], &line["level"]),
            (&7.into(), &"warning".into())
        );
    }

    #[test]
    fn a_shape_can_change() {
        let current = CurrentShape::new(Shape::Text);
        let other = current.clone();
        for shape in [Shape::Json, Shape::Short, Shape::Text] {
            current.set(shape);
            assert_eq!(other.get(), shape);
        }
    }
}
