//! Places in the configuration, as people write them: `verifier.plugins[0].trustPolicyDoc`.

use std::fmt;

/// What is shown of a member's name; no name that means anything is longer.
const MAX_NAME: usize = 100;

/// Where in a document: the members and elements that lead there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Place(String);

impl Place {
    /// The member `name` of the object here.
    pub(crate) fn member(&self, name: &str) -> Self {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let shown = shown(name);
        if name.is_empty() || !name.bytes().all(plain) {
            Self(format!("{}[\"{shown}\"]", self.0))
        } else if self.0.is_empty() {
            Self(shown)
        } else {
            Self(format!("{}.{shown}", self.0))
        }
    }

    /// What somebody else calls `path`, such as `trustPolicies[0].name`, inside what is here.
    pub(crate) fn below(&self, path: &str) -> Self {
        Self(format!("{}.{path}", self.0))
    }

    /// The element `index`, from 0, of the array here.
    pub(crate) fn element(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() {
            "the document"
        } else {
            &self.0
        })
    }
}

/// Foreign text in one line: cut, and without control characters.
pub(crate) fn shown(text: &str) -> String {
    let mut characters = text.chars();
    let short = characters.by_ref().take(MAX_NAME).flat_map(|c| {
        let escaped = c.is_control().then(|| c.escape_default());
        escaped
            .into_iter()
            .flatten()
            .chain((!c.is_control()).then_some(c))
    });
    let mut shown: String = short.collect();
    if characters.next().is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_like_paths() {
        let root = Place::default();
        assert_eq!(root.to_string(), "the document");
        let plugin = root.member("verifier").member("plugins").element(0);
        assert_eq!(plugin.to_string(), "verifier.plugins[0]");
        let odd = plugin.member("application/spdx+json").member("");
        assert_eq!(
            odd.to_string(),
            "verifier.plugins[0][\"application/spdx+json\"][\"\"]"
        );
    }

    #[test]
    fn foreign_names_stay_short_and_in_one_line() {
        let place = Place::default().member("a\nb\u{1b}[31m");
        assert_eq!(place.to_string(), "[\"a\\nb\\u{1b}[31m\"]");
        assert_eq!(shown(&"x".repeat(1_000)).len(), MAX_NAME + 3);
    }
}
