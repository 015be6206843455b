//! Label values out of bounded sets (attack catalogue T-18, V D-45): whoever makes up names must not fill our memory, or
//! that of whoever scrapes.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

/// How many values one label takes before all others are one. A cluster pulls from a handful of registries.
const MOST: usize = 200;
/// The longest value: DNS names have at most 253 characters, ports at most 6 with their colon.
const LONGEST: usize = 260;
/// What all others are.
const OTHER: &str = "other";

/// The values that a label has had.
#[derive(Debug, Default)]
pub(super) struct Values(RwLock<HashSet<Box<str>>>);

impl Values {
    /// `value` itself if it is among the first 200 that came, else `other`.
    pub(super) fn bounded<'a>(&self, value: &'a str) -> &'a str {
        // a set of names is whole after any panic
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.contains(value) {
            return value;
        }
        if known.len() >= MOST || value.len() > LONGEST {
            return OTHER;
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST || known.contains(value) {
            known.insert(value.into());
            value
        } else {
            OTHER
        }
    }
}

/// A status as a label: every status that has a name, `other` for what a registry makes up.
pub(super) fn status(status: u16) -> String {
    http::StatusCode::from_u16(status)
        .ok()
        .filter(|status| status.canonical_reason().is_some())
        .map_or_else(|| OTHER.to_owned(), |status| status.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn att_18_a_label_has_a_bounded_set_of_values() {
        let values = Values::default();
        let names: Vec<_> = (0..1000).map(|n| format!("r{n}.io")).collect();
        let seen: HashSet<_> = names.iter().map(|name| values.bounded(name)).collect();
        assert_eq!(seen.len(), MOST + 1);
        assert_eq!(values.bounded("r0.io"), "r0.io", "the first stay");
        assert_eq!(values.bounded("r999.io"), OTHER);
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(Values::default().bounded(&long), OTHER);
    }

    #[test]
    fn att_18_a_registry_cannot_make_up_a_status() {
        assert_eq!(status(404), "404");
        assert_eq!(status(777), OTHER);
        assert_eq!(status(0), OTHER);
    }
}
