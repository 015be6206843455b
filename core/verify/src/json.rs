//! Strict JSON: one value, no duplicate names at any depth, nothing after it, a bounded depth.
//!
//! Two readers that disagree about a document are an attack (N P-09), so what most readers let pass is refused here.
//! This file knows no schema: which members there may be is for whoever reads the [`Value`].

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The deepest nesting that can be asked for: `serde_json` itself stops at 128.
const DEEPEST: usize = 120;

/// The most values in one text (attack catalogue T-18): one that takes two bytes to send takes thirty to hold. Envelopes
/// and manifests have fewer than a hundred, the largest trust policies some thousand.
const MAX_VALUES: usize = 100_000;

/// Why a text is not JSON that is read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct JsonError {
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1 (0 at the start of a line).
    pub column: usize,
    /// What is wrong there.
    pub problem: JsonProblem,
}

/// What is wrong with a JSON text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonProblem {
    /// A name occurs twice in one object (RFC 8259 section 4 leaves the meaning open).
    #[error("the name `{0}` occurs twice in one object")]
    DuplicateName(String),
    /// Objects and arrays are nested too deeply.
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    /// More values than are read.
    #[error("more than {0} values")]
    TooMany(usize),
    /// Anything else, in the words of the parser; also data after the value.
    #[error("{0}")]
    Syntax(String),
}

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number; one that fits neither `u64` nor `i64` is kept as floating point.
    Number(serde_json::Number),
    /// A string without invalid UTF-8 or lone surrogates.
    String(String),
    /// An array.
    Array(Vec<Value>),
    /// An object.
    Object(Object),
}

/// A JSON object: every name once, in alphabetical order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object(BTreeMap<String, Value>);

impl Value {
    /// The text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is a non-negative integer below 2^64 written without fraction or exponent.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_u64(),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The members, if it is an object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// What it is, for messages: `a string`, `null` and so on.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

impl Object {
    /// The value of the member `name`, compared exactly.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Take the member `name` out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// All members in alphabetical order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first member whose name is none of `known` but reads as one of them in another case, and the known name.
    pub fn case_variant<'a>(&'a self, known: &[&'a str]) -> Option<(&'a str, &'a str)> {
        let names = self.0.keys().filter(|name| !known.contains(&name.as_str()));
        names.into_iter().find_map(|name| {
            let lower = name.to_lowercase();
            let meant = known.iter().find(|one| one.to_lowercase() == lower)?;
            Some((name.as_str(), *meant))
        })
    }
}

/// Read `bytes` as exactly one JSON value with at most `max_depth` (and never more than 120) objects and arrays inside
/// each other; a scalar alone has depth 0. At most 100,000 values are read.
///
/// # Errors
/// Whatever RFC 8259 forbids, a duplicate name, too deep a nesting, too many values, or anything but white space after the value.
pub fn parse_strict(bytes: &[u8], max_depth: usize) -> Result<Value, JsonError> {
    let max_depth = max_depth.min(DEEPEST);
    let problem = RefCell::new(None);
    let left = Cell::new(MAX_VALUES);
    let seed = Seed {
        problem: &problem,
        left: &left,
        max_depth,
        depth: 0,
    };
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let read = seed
        .deserialize(&mut parser)
        .and_then(|value| parser.end().map(|()| value));
    read.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let problem = problem.into_inner().unwrap_or_else(|| {
            let text = error.to_string();
            let place = format!(" at line {line} column {column}");
            JsonProblem::Syntax(text.strip_suffix(&place).unwrap_or(&text).to_owned())
        });
        JsonError {
            line,
            column,
            problem,
        }
    })
}

/// How far `a` is from `b` in insertions, deletions and substitutions (Levenshtein), case ignored; `None` beyond `limit`.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut left = i + 1;
        let mut next = vec![left];
        for ((y, above), corner) in b.iter().zip(row.iter().skip(1)).zip(&row) {
            left = (corner + usize::from(x != y)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().filter(|d| *d <= limit)
}

/// The name of `known` that `name` was most likely meant to be: at most two slips away, or three for names of ten letters
/// and more. Used for warnings about unknown members.
pub fn nearest_name<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known.iter().filter_map(|one| {
        let limit = if one.len() >= 10 {
            3
        } else {
            2.min(one.len() / 2)
        };
        distance(name, one, limit).map(|d| (d, *one))
    });
    near.min().map(|(_, one)| one)
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    problem: &'a RefCell<Option<JsonProblem>>,
    /// How many more values may come.
    left: &'a Cell<usize>,
    max_depth: usize,
    depth: usize,
}

impl Seed<'_> {
    /// The seed of what is inside an object or array.
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= self.max_depth {
            return Err(self.refuse(JsonProblem::TooDeep(self.max_depth)));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }

    /// Keep the problem with its type; the parser adds the place.
    fn refuse<E: serde::de::Error>(&self, problem: JsonProblem) -> E {
        let error = E::custom(&problem);
        self.problem.replace(Some(problem));
        error
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(self.refuse(JsonProblem::TooMany(MAX_VALUES)));
        };
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut elements = Vec::new();
        while let Some(element) = access.next_element_seed(inside)? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut members = BTreeMap::new();
        while let Some(name) = access.next_key::<String>()? {
            match members.entry(name) {
                Entry::Occupied(taken) => {
                    let name = taken.key().chars().take(100).collect();
                    return Err(self.refuse(JsonProblem::DuplicateName(name)));
                }
                Entry::Vacant(place) => {
                    place.insert(access.next_value_seed(inside)?);
                }
            }
        }
        Ok(Value::Object(Object(members)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn problem(text: &str) -> JsonError {
        parse_strict(text.as_bytes(), 8).unwrap_err()
    }

    #[test]
    fn n_l_05_duplicate_names_are_refused_at_any_depth() {
        let error = problem("{\"a\":1,\n \"a\":1}");
        assert_eq!(error.problem, JsonProblem::DuplicateName("a".into()));
        assert_eq!(error.line, 2, "{error}");
        assert_eq!(
            problem(r#"[{"x":{"b":0,"c":1,"b":0}}]"#).problem,
            JsonProblem::DuplicateName("b".into())
        );
        assert_eq!(
            problem(r#"{"a":1,"\u0061":2}"#).problem,
            JsonProblem::DuplicateName("a".into()),
            "escapes do not hide a duplicate"
        );
        assert!(parse_strict(br#"{"a":1,"A":1,"b":{"a":1}}"#, 8).is_ok());
    }

    #[test]
    fn n_l_05_anything_after_the_value_is_refused() {
        for text in ["{} {}", "{}x", "1,", "{}\0", "\"a\" \"a\""] {
            assert!(
                matches!(problem(text).problem, JsonProblem::Syntax(_)),
                "{text:?}"
            );
        }
        assert!(parse_strict(b" {} \r\n\t", 8).is_ok());
    }

    #[test]
    fn n_p_09_what_readers_differ_on_is_refused() {
        for text in [
            "",
            " ",
            "{a:1}",
            "{'a':1}",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "+1",
            ".5",
            "NaN",
            "1e999",
            "\"\\ud800\"",
            "\"\n\"",
            "// x\n1",
            "\u{feff}{}",
            "TRUE",
        ] {
            assert!(parse_strict(text.as_bytes(), 8).is_err(), "{text:?}");
        }
        assert!(parse_strict(b"\"\xff\"", 8).is_err());
    }

    #[test]
    fn n_p_04_depth_is_bounded() {
        assert!(parse_strict(b"[[]]", 2).is_ok());
        assert_eq!(
            parse_strict(b"[[[]]]", 2).unwrap_err().problem,
            JsonProblem::TooDeep(2)
        );
        assert!(parse_strict(b"1", 0).is_ok());
        let deep = "[".repeat(100_000);
        assert_eq!(
            parse_strict(deep.as_bytes(), usize::MAX)
                .unwrap_err()
                .problem,
            JsonProblem::TooDeep(DEEPEST)
        );
    }

    #[test]
    fn att_18_the_number_of_values_is_bounded() {
        let zeros = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        assert!(parse_strict(zeros(MAX_VALUES - 1).as_bytes(), 8).is_ok());
        for text in [
            zeros(MAX_VALUES),
            format!("{{\"a\":{}}}", zeros(MAX_VALUES - 1)),
        ] {
            let found = problem(&text).problem;
            assert_eq!(found, JsonProblem::TooMany(MAX_VALUES));
        }
    }

    #[test]
    fn numbers_are_integers_only_when_written_so() {
        let number = |text: &str| parse_strict(text.as_bytes(), 1).unwrap();
        assert_eq!(number("18446744073709551615").as_u64(), Some(u64::MAX));
        for not_whole in ["1.0", "1e3", "-1", "-0", "18446744073709551616", "\"1\""] {
            assert_eq!(number(not_whole).as_u64(), None, "{not_whole}");
        }
    }

    #[test]
    fn names_are_compared_and_suggested() {
        let value = parse_strict(br#"{"Override":1,"level":2}"#, 1).unwrap();
        let object = value.as_object().unwrap();
        assert_eq!(
            object.case_variant(&["override", "level"]),
            Some(("Override", "override"))
        );
        assert_eq!(object.case_variant(&["level"]), None);
        assert_eq!(
            nearest_name("trustStore", &["trustStores", "name"]),
            Some("trustStores")
        );
        assert_eq!(nearest_name("nmae", &["trustStores", "name"]), Some("name"));
        assert_eq!(
            nearest_name("comment", &["trustStores", "name", "level"]),
            None
        );
        assert_eq!(
            nearest_name(&"x".repeat(100_000), &["trustStores", "name"]),
            None
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = parse_strict(&bytes, 16);
        }

        #[test]
        fn almost_json_agrees_with_serde_json(text in r#"[\[\]{},:"a1 ]{0,24}"#) {
            if let Ok(value) = parse_strict(text.as_bytes(), 100) {
                let theirs: serde_json::Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(same(&value), theirs);
            }
        }
    }

    fn same(value: &Value) -> serde_json::Value {
        match value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(truth) => (*truth).into(),
            Value::Number(number) => number.clone().into(),
            Value::String(text) => text.as_str().into(),
            Value::Array(elements) => elements.iter().map(same).collect(),
            Value::Object(members) => members.iter().map(|(k, v)| (k, same(v))).collect(),
        }
    }
}
