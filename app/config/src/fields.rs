//! Reads the members of JSON objects, and notices what is left over.
//!
//! This stands where derived deserialisers would, because it must do what they cannot do together: name the place of
//! every error, keep count of unknown members, and take a name in another case for the same field. v1.4 does the last
//! (Go compares names without case), and to ignore such a member would widen what is trusted: with `VerificationCertStores`
//! unread, the certificates of `verificationCerts` would stand in for it.

use std::time::Duration;

use ratify_verify::json::{Object, Value, nearest_name};

use crate::Warning;
use crate::error::{Misplaced, Problem};
use crate::evidence::Evidence;
use crate::place::{Place, shown};

/// The most elements of any list in a configuration.
const MAX_ELEMENTS: usize = 1_000;

/// What was noticed while reading.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) warnings: Vec<Warning>,
    /// What the configuration is made of.
    pub(crate) evidence: Evidence,
    /// Every field that was asked for, as `store.plugins[].name`: tests hold it against the reference page.
    #[cfg(test)]
    pub(crate) asked: std::collections::BTreeSet<String>,
}

impl Notes {
    /// Warn about what is at `place`.
    pub(crate) fn warn(&mut self, place: &Place, message: impl Into<String>) {
        let (path, message) = (place.to_string(), message.into());
        self.warnings.push(Warning { path, message });
    }
}

/// What happens to members nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeftOver {
    /// They are errors: fields of our own, where no document of v1.4 can have others.
    Refuse,
    /// They are warnings: v1.4 ignores them.
    Warn,
    /// They belong to somebody else: parameters of a verifier this program does not have.
    Keep,
}

/// An object being read.
pub(crate) struct Fields<'n> {
    place: Place,
    members: Object,
    asked: Vec<&'static str>,
    notes: &'n mut Notes,
}

/// Something that is written as an object.
pub(crate) trait Spec: Sized {
    /// Take the members.
    fn take(fields: &mut Fields<'_>) -> Result<Self, Misplaced>;

    /// What happens to members it does not know.
    fn left_over(&self) -> LeftOver {
        LeftOver::Warn
    }

    /// Read the object at `place`.
    fn read(place: Place, value: Value, notes: &mut Notes) -> Result<Self, Misplaced> {
        let mut fields = Fields::new(place, value, notes)?;
        let spec = Self::take(&mut fields)?;
        fields.finish(spec.left_over())?;
        Ok(spec)
    }
}

impl<'n> Fields<'n> {
    fn new(place: Place, value: Value, notes: &'n mut Notes) -> Result<Self, Misplaced> {
        match value {
            Value::Object(members) => Ok(Self {
                place,
                members,
                asked: Vec::new(),
                notes,
            }),
            other => Err(unexpected(&other, "an object").at(place)),
        }
    }

    /// Where the member `name` is.
    pub(crate) fn at(&self, name: &'static str) -> Place {
        self.place.member(name)
    }

    /// Warn about the member `name`.
    pub(crate) fn warn(&mut self, name: &'static str, message: &str) {
        self.notes.warn(&self.place.member(name), message);
    }

    /// The member `name`, whatever it is. `null` counts as absent, as in v1.4.
    pub(crate) fn any(&mut self, name: &'static str) -> Result<Option<Value>, Misplaced> {
        self.asked.push(name);
        #[cfg(test)]
        self.notes.asked.insert(pattern(&self.at(name)));
        let mut found = self.members.remove(name);
        while let Some((other, _)) = self.members.case_variant(&[name]) {
            let other = other.to_owned();
            if found.is_some() {
                let problem = Problem::TwoSpellings {
                    name,
                    other: shown(&other),
                };
                return Err(problem.at(self.place.clone()));
            }
            found = self.members.remove(&other);
            self.notes.warn(
                &self.place.member(&other),
                format!("is read as `{name}`; write it so"),
            );
        }
        Ok(found.filter(|value| *value != Value::Null))
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, Misplaced> {
        let place = self.at(name);
        self.any(name)?.map(|value| text(place, value)).transpose()
    }

    /// A text that must be there.
    pub(crate) fn required_text(
        &mut self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<String, Misplaced> {
        let found = self.text(name)?.filter(|text| !text.is_empty());
        found.ok_or_else(|| Problem::Missing { expected }.at(self.at(name)))
    }

    /// `true` or `false`; absent is `false`.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<bool, Misplaced> {
        match self.any(name)? {
            None => Ok(false),
            Some(Value::Bool(truth)) => Ok(truth),
            Some(other) => Err(unexpected(&other, "`true` or `false`").at(self.at(name))),
        }
    }

    /// A whole number of milliseconds.
    pub(crate) fn milliseconds(
        &mut self,
        name: &'static str,
        longest: Duration,
    ) -> Result<Option<Duration>, Misplaced> {
        const EXPECTED: &str = "a whole number of milliseconds, from 1 to 86400000 (a day)";
        let Some(value) = self.any(name)? else {
            return Ok(None);
        };
        let problem = match &value {
            Value::Number(number) => Problem::value(&number.to_string(), EXPECTED),
            other => unexpected(other, EXPECTED),
        };
        let duration = value.as_u64().map(Duration::from_millis);
        let usable = duration.filter(|duration| !duration.is_zero() && *duration <= longest);
        usable.map(Some).ok_or_else(|| problem.at(self.at(name)))
    }

    /// A list of texts; absent is empty.
    pub(crate) fn texts(&mut self, name: &'static str) -> Result<Vec<(Place, String)>, Misplaced> {
        let elements = self.elements(name)?;
        elements
            .into_iter()
            .map(|(place, value)| Ok((place.clone(), text(place, value)?)))
            .collect()
    }

    /// A list of whatever; absent is empty.
    pub(crate) fn elements(
        &mut self,
        name: &'static str,
    ) -> Result<Vec<(Place, Value)>, Misplaced> {
        let place = self.at(name);
        self.any(name)?
            .map_or_else(|| Ok(Vec::new()), |value| elements(&place, value))
    }

    /// An object that is read as `S`.
    pub(crate) fn object<S: Spec>(&mut self, name: &'static str) -> Result<Option<S>, Misplaced> {
        let place = self.at(name);
        let value = self.any(name)?;
        value
            .map(|value| S::read(place, value, self.notes))
            .transpose()
    }

    /// A list of objects that are read as `S`; absent is empty.
    pub(crate) fn objects<S: Spec>(
        &mut self,
        name: &'static str,
    ) -> Result<Vec<(Place, S)>, Misplaced> {
        let elements = self.elements(name)?;
        let read = |(place, value): (Place, Value)| {
            Ok((place.clone(), S::read(place, value, self.notes)?))
        };
        elements.into_iter().map(read).collect()
    }

    fn finish(self, left_over: LeftOver) -> Result<(), Misplaced> {
        if left_over == LeftOver::Keep {
            return Ok(());
        }
        for (name, _) in self.members.iter() {
            let place = self.place.member(name);
            let nearest = nearest_known(name, &self.asked);
            if left_over == LeftOver::Refuse {
                return Err(Problem::Unknown { nearest }.at(place));
            }
            let hint = nearest
                .map(|name| format!("; is `{name}` meant?"))
                .unwrap_or_default();
            self.notes
                .warn(&place, format!("is not a known field and is ignored{hint}"));
        }
        Ok(())
    }
}

fn nearest_known(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let nearest = nearest_name(name, known)?;
    known.iter().find(|one| **one == nearest).copied()
}

/// The members of an object whose names are data, such as artifact types.
pub(crate) fn members(
    place: &Place,
    value: Value,
) -> Result<Vec<(Place, String, Value)>, Misplaced> {
    let Value::Object(mut members) = value else {
        return Err(unexpected(&value, "an object").at(place.clone()));
    };
    if members.len() > MAX_ELEMENTS {
        return Err(Problem::TooMany {
            limit: MAX_ELEMENTS,
            what: "members",
        }
        .at(place.clone()));
    }
    let names: Vec<String> = members.iter().map(|(name, _)| name.to_owned()).collect();
    let take = |name: String| {
        let value = members.remove(&name)?;
        Some((place.member(&name), name, value))
    };
    Ok(names.into_iter().filter_map(take).collect())
}

/// The elements of an array.
pub(crate) fn elements(place: &Place, value: Value) -> Result<Vec<(Place, Value)>, Misplaced> {
    let Value::Array(elements) = value else {
        return Err(unexpected(&value, "a list").at(place.clone()));
    };
    if elements.len() > MAX_ELEMENTS {
        return Err(Problem::TooMany {
            limit: MAX_ELEMENTS,
            what: "elements",
        }
        .at(place.clone()));
    }
    Ok(elements
        .into_iter()
        .enumerate()
        .map(|(index, value)| (place.element(index), value))
        .collect())
}

/// A text.
pub(crate) fn text(place: Place, value: Value) -> Result<String, Misplaced> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(unexpected(&other, "a string").at(place)),
    }
}

/// Another kind of value than expected.
pub(crate) fn unexpected(found: &Value, expected: &'static str) -> Problem {
    Problem::Kind {
        found: found.kind(),
        expected,
    }
}

/// A place without the numbers of elements.
#[cfg(test)]
fn pattern(place: &Place) -> String {
    let text = place.to_string();
    let parts: Vec<&str> = text
        .split('[')
        .map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit()))
        .collect();
    parts.join("[")
}
