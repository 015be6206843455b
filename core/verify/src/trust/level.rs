//! Verification levels: which failed validation rejects and which is only reported (N section 8).

use crate::Validation;

/// What is done about a validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// It is not made.
    Skip,
    /// It is made; a failure is reported and does not reject.
    Log,
    /// It is made; a failure rejects.
    Enforce,
}

impl Action {
    /// The word in a trust policy.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Log => "log",
            Self::Enforce => "enforce",
        }
    }

    /// The action of that word, exact case.
    pub(super) fn named(word: &str) -> Option<Self> {
        [Self::Skip, Self::Log, Self::Enforce]
            .into_iter()
            .find(|one| one.as_str() == word)
    }
}

/// A named level (N V-04).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// Everything is enforced.
    Strict,
    /// Integrity and authenticity are enforced, the rest is logged.
    Permissive,
    /// Only integrity is enforced, the rest is logged.
    Audit,
    /// Nothing is looked at.
    Skip,
}

impl Level {
    /// All four, strictest first.
    pub(super) const ALL: [Self; 4] = [Self::Strict, Self::Permissive, Self::Audit, Self::Skip];

    /// The word in a trust policy.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Permissive => "permissive",
            Self::Audit => "audit",
            Self::Skip => "skip",
        }
    }

    /// The level of that word, exact case.
    pub(super) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// The table of N section 8.
    pub fn action(self, validation: Validation) -> Action {
        match (self, validation) {
            (Self::Skip, _) => Action::Skip,
            (Self::Strict, _)
            | (_, Validation::Integrity)
            | (Self::Permissive, Validation::Authenticity) => Action::Enforce,
            (Self::Permissive | Self::Audit, _) => Action::Log,
        }
    }
}

impl Validation {
    /// All five, in the order in which they are made (N section 0.1).
    pub const ALL: [Self; 5] = [
        Self::Integrity,
        Self::Authenticity,
        Self::Expiry,
        Self::AuthenticTimestamp,
        Self::Revocation,
    ];

    /// The word in a trust policy and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Integrity => "integrity",
            Self::Authenticity => "authenticity",
            Self::AuthenticTimestamp => "authenticTimestamp",
            Self::Expiry => "expiry",
            Self::Revocation => "revocation",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n_section_8_the_table() {
        use Action::{Enforce, Log, Skip};
        for (level, row) in [
            (Level::Strict, [Enforce, Enforce, Enforce, Enforce, Enforce]),
            (Level::Permissive, [Enforce, Enforce, Log, Log, Log]),
            (Level::Audit, [Enforce, Log, Log, Log, Log]),
            (Level::Skip, [Skip, Skip, Skip, Skip, Skip]),
        ] {
            let columns = [
                Validation::Integrity,
                Validation::Authenticity,
                Validation::AuthenticTimestamp,
                Validation::Expiry,
                Validation::Revocation,
            ];
            for (validation, action) in columns.into_iter().zip(row) {
                assert_eq!(level.action(validation), action, "{level:?} {validation:?}");
            }
        }
    }

    #[test]
    fn words_are_read_in_exact_case_only() {
        for level in Level::ALL {
            assert_eq!(Level::named(level.as_str()), Some(level));
            assert_eq!(Level::named(&level.as_str().to_uppercase()), None);
        }
        assert_eq!(Level::named(""), None);
        assert_eq!(Action::named("enforce"), Some(Action::Enforce));
        assert_eq!(Action::named("Enforce"), None);
    }
}
