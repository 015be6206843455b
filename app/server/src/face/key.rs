//! One key: `[namespace]reference` or `reference` (V 2.5).

use ratify_oci::Reference;
use ratify_verify::{Reason, ReasonCode};

/// v1.4's words for a reference that is none.
const UNPARSABLE: &str = "failed to parse subject reference";

/// The longest part of a key that is repeated beside the key itself. No reference that can be read is longer, and a
/// namespace has at most 63 characters; a key can have a megabyte.
const MAX_SHOWN: usize = 1024;

/// The first part of a text that a caller chose, cut between characters.
pub(super) fn shown(text: &str) -> &str {
    shortened(text, MAX_SHOWN)
}

/// The first `most` bytes of a text or a little less, cut between characters.
pub(super) fn shortened(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// A key, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key<'a> {
    /// As asked for. Answers repeat it byte for byte.
    pub(super) asked: &'a str,
    /// The namespace, empty if none is given. For people: its first part.
    pub(super) namespace: &'a str,
    /// What follows it.
    pub(super) subject: &'a str,
}

impl<'a> Key<'a> {
    /// Text between a leading `[` and the first `]` is the namespace.
    pub(super) fn of(asked: &'a str) -> Self {
        let bracketed = asked
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'));
        let (namespace, subject) = bracketed.unwrap_or(("", asked));
        Self {
            asked,
            namespace: shown(namespace),
            subject,
        }
    }

    /// The image it names.
    pub(super) fn reference(&self) -> Result<Reference, Reason> {
        self.subject.parse().map_err(|error| {
            let text = format_args!("{UNPARSABLE}: {error}");
            Reason::new(ReasonCode::ReferenceInvalid, text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v_2_5_keys_are_taken_apart_as_by_v1_4() {
        for (asked, namespace, subject) in [
            ("reg.io/a:v1", "", "reg.io/a:v1"),
            ("[team]reg.io/a:v1", "team", "reg.io/a:v1"),
            ("[]a/b", "", "a/b"),
            ("[ns", "", "[ns"),
            ("[a][b]c", "a", "[b]c"),
            (" [a]b", "", " [a]b"),
            ("", "", ""),
            ("[]", "", ""),
        ] {
            let key = Key::of(asked);
            assert_eq!(
                (key.namespace, key.subject),
                (namespace, subject),
                "{asked}"
            );
        }
    }

    #[test]
    fn what_is_repeated_of_a_key_is_bounded() {
        let text = format!("a{}", "ä".repeat(1_000_000));
        let key = format!("[{text}]x");
        let namespace = Key::of(&key).namespace;
        assert_eq!((namespace.len(), shown("ab")), (MAX_SHOWN - 1, "ab"));
        assert_eq!(shortened("äö", 3), "ä");
        assert_eq!(shortened("", 3), "");
    }

    #[test]
    fn v_a_a_bad_reference_has_the_words_of_v1_4() {
        let reason = Key::of("[a][b]c").reference().unwrap_err();
        let text = reason.to_string();
        let words = "REFERENCE_INVALID: failed to parse subject reference: ";
        assert!(text.starts_with(words), "{text}");
        assert!(Key::of("reg.io/a:v1\n").reference().is_err());
    }
}
