//! JSON objects of a trust policy, with the place where they stand. Knows types and names, no rule of the policy.

use crate::json::{self, Object, Value};
use crate::trust::policy::error::{
    PolicyFault as Fault, TrustPolicyError, TrustPolicyWarning as Warning,
};

pub(super) type Result<T> = std::result::Result<T, TrustPolicyError>;

/// An object and where it stands.
pub(super) struct Members<'a> {
    pub(super) object: &'a Object,
    pub(super) path: String,
}

impl<'a> Members<'a> {
    pub(super) fn of(value: &'a Value, path: String) -> Result<Self> {
        match value.as_object() {
            Some(object) => Ok(Self { object, path }),
            None => Err(rule(
                path,
                Fault::Type {
                    found: value.kind(),
                    expected: "an object",
                },
            )),
        }
    }

    pub(super) fn at(&self, name: &str) -> String {
        if self.path.is_empty() {
            return shown(name);
        }
        format!("{}.{}", self.path, shown(name))
    }

    pub(super) fn fault(&self, name: &str, fault: Fault) -> TrustPolicyError {
        rule(self.at(name), fault)
    }

    /// Members may have these names only (N L-05). Another case is always an error; another name is a warning where
    /// `warnings` are given, else an error.
    pub(super) fn known(
        &self,
        known: &[&'static str],
        mut warnings: Option<&mut Vec<Warning>>,
    ) -> Result<()> {
        for (name, _) in self.object.iter().filter(|(name, _)| !known.contains(name)) {
            let lower = name.to_lowercase();
            let meant = known.iter().find(|one| one.to_lowercase() == lower);
            if let Some(meant) = meant {
                return Err(self.fault(name, Fault::CaseVariant(meant)));
            }
            let nearest = json::nearest_name(name, known)
                .and_then(|near| known.iter().copied().find(|one| *one == near));
            match &mut warnings {
                None => return Err(self.fault(name, Fault::Unknown(nearest))),
                Some(warnings) => warnings.push(Warning::UnknownMember {
                    path: self.at(name),
                    nearest,
                }),
            }
        }
        Ok(())
    }

    /// The member, unless it is absent or null, which the reference implementation does not tell apart.
    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.object
            .member(name)
            .filter(|value| **value != Value::Null)
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>> {
        self.value(name)
            .map(|value| text(value, &self.at(name)))
            .transpose()
    }

    pub(super) fn required_text(&self, name: &str) -> Result<&'a str> {
        self.text(name)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| self.fault(name, Fault::Missing))
    }

    pub(super) fn list(&self, name: &str, limit: usize) -> Result<&'a [Value]> {
        let Some(value) = self.value(name) else {
            return Ok(&[]);
        };
        match value.as_array() {
            Some(list) if list.len() > limit => Err(self.fault(name, Fault::TooMany(limit))),
            Some(list) => Ok(list),
            None => Err(self.fault(
                name,
                Fault::Type {
                    found: value.kind(),
                    expected: "a list",
                },
            )),
        }
    }

    /// A list of strings, each with its path.
    pub(super) fn texts(&self, name: &str, limit: usize) -> Result<Vec<(String, &'a str)>> {
        let list = self.list(name, limit)?.iter().enumerate();
        list.map(|(i, value)| {
            let path = format!("{}[{i}]", self.at(name));
            let text = text(value, &path)?;
            Ok((path, text))
        })
        .collect()
    }
}

pub(super) fn text<'a>(value: &'a Value, path: &str) -> Result<&'a str> {
    value.as_str().ok_or_else(|| {
        let fault = Fault::Type {
            found: value.kind(),
            expected: "a string",
        };
        rule(path.to_owned(), fault)
    })
}

pub(super) fn rule(path: String, fault: Fault) -> TrustPolicyError {
    TrustPolicyError::Rule { path, fault }
}

/// Cut for messages.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}
