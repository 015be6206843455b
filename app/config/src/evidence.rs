//! What a configuration was made of: which files were read, and one hash over everything that can change a verdict.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use ratify_verify::json::Value;
use ratify_verify::trust::Certificate;

/// Sections that say how long something may take and how it is told. They change no verdict, and a server that is told
/// to log in another form should not forget what it knows.
const WITHOUT_VERDICT: [&str; 2] = ["executor", "logger"];

/// Gathered while a configuration is built.
pub(crate) struct Evidence {
    sources: BTreeSet<PathBuf>,
    hash: Context,
}

impl Evidence {
    /// Nothing yet. `format` tells hashes of different ways of hashing apart.
    fn new(format: &str) -> Self {
        let mut evidence = Self {
            sources: BTreeSet::new(),
            hash: Context::new(&SHA256),
        };
        evidence.note("format", format.as_bytes());
        evidence
    }

    /// A file or folder was read, or looked for: whoever watches it knows when to read again.
    pub(crate) fn source(&mut self, path: &Path) {
        self.sources.insert(path.to_owned());
    }

    /// Something that can change a verdict. Every part is written with its length, so that no two lists of parts are the
    /// same bytes.
    pub(crate) fn note(&mut self, what: &str, content: &[u8]) {
        for part in [what.as_bytes(), content] {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            self.hash.update(&length.to_be_bytes());
            self.hash.update(part);
        }
    }

    /// The document, whatever its white space and the order of members in its objects.
    pub(crate) fn document(&mut self, document: &Value) {
        match document.as_object() {
            Some(members) => {
                let counts = |name: &str| !WITHOUT_VERDICT.contains(&name);
                for (name, value) in members.iter().filter(|(name, _)| counts(name)) {
                    self.note("section", name.as_bytes());
                    self.value(value);
                }
            }
            None => self.value(document),
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.note("null", b""),
            Value::Bool(truth) => self.note("bool", &[u8::from(*truth)]),
            Value::Number(number) => self.note("number", number.to_string().as_bytes()),
            Value::String(text) => self.note("string", text.as_bytes()),
            Value::Array(elements) => {
                self.note("array", &count(elements.len()));
                for element in elements {
                    self.value(element);
                }
            }
            Value::Object(members) => {
                self.note("object", &count(members.len()));
                for (name, value) in members.iter() {
                    self.note("member", name.as_bytes());
                    self.value(value);
                }
            }
        }
    }

    /// The certificates that a trust store got, in their order.
    pub(crate) fn certificates<'a>(
        &mut self,
        store: &str,
        certificates: impl IntoIterator<Item = &'a Certificate>,
    ) {
        self.note("trust store", store.as_bytes());
        for certificate in certificates {
            self.note("certificate", certificate.der());
        }
    }

    /// Every path that was noted, in their order.
    pub(crate) fn sources(&self) -> Vec<PathBuf> {
        self.sources.iter().cloned().collect()
    }

    /// The hash over everything noted up to now.
    pub(crate) fn id(&self) -> [u8; 32] {
        let mut id = [0; 32];
        let digest = self.hash.clone().finish();
        id.iter_mut()
            .zip(digest.as_ref())
            .for_each(|(to, from)| *to = *from);
        id
    }
}

impl Default for Evidence {
    fn default() -> Self {
        Self::new("ratify configuration 1")
    }
}

impl std::fmt::Debug for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Evidence")
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

fn count(length: usize) -> [u8; 8] {
    u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use ratify_verify::json::parse_strict;

    use super::*;

    fn id(document: &str) -> [u8; 32] {
        let mut evidence = Evidence::default();
        evidence.document(&parse_strict(document.as_bytes(), 64).unwrap());
        evidence.id()
    }

    #[test]
    fn white_space_and_order_of_members_do_not_count() {
        let one = id(r#"{"store":{"a":[1,"x",null],"b":true}}"#);
        assert_eq!(
            one,
            id("{ \"store\": {\n\"b\": true, \"a\": [1, \"x\", null] } }")
        );
        assert_eq!(
            one,
            id(
                r#"{"logger":{"formatter":"json"},"executor":{},"store":{"a":[1,"x",null],"b":true}}"#
            )
        );
    }

    #[test]
    fn whatever_means_something_else_counts() {
        let documents = [
            r#"{"store":{"a":["x"]}}"#,
            r#"{"store":{"a":"x"}}"#,
            r#"{"store":{"a":["x",""]}}"#,
            r#"{"store":{"a":["","x"]}}"#,
            r#"{"store":{"a":[["x"]]}}"#,
            r#"{"store":{"a":[],"x":[]}}"#,
            r#"{"store":{"a":[]},"x":[]}"#,
            r#"{"store":{"a":[1]}}"#,
            r#"{"store":{"a":["1"]}}"#,
            r#"{"store":{"a":[1.0]}}"#,
            r#"{"store":{"a":[true]}}"#,
            r#"{"store":{"a":[false]}}"#,
            r#"{"store":{"a":[null]}}"#,
            r#"{"store":{"a":null}}"#,
            r#"{"store":{}}"#,
            r#"{"verifier":{}}"#,
            "{}",
            "[]",
            "null",
            // only the names as written are left out
            r#"{"Logger":{}}"#,
        ];
        let ids: BTreeSet<[u8; 32]> = documents.iter().map(|one| id(one)).collect();
        assert_eq!(ids.len(), documents.len());
    }

    #[test]
    fn two_stores_do_not_run_into_each_other() {
        let with = |parts: &[(&str, &[u8])]| {
            let mut evidence = Evidence::default();
            for (what, content) in parts {
                evidence.note(what, content);
            }
            evidence.id()
        };
        assert_ne!(with(&[("a", b"bc")]), with(&[("ab", b"c")]));
        assert_ne!(with(&[("a", b"b"), ("c", b"d")]), with(&[("a", b"bcd")]));
        assert_eq!(with(&[("a", b"b")]), with(&[("a", b"b")]));
    }
}
