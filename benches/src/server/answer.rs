//! What an answer means, read as strictly as Gatekeeper's templates would have it.

use serde_json::Value;

/// An answer, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Items whose value says `isSuccess: true`.
    pub(crate) allowed: usize,
    /// Items whose value says `isSuccess: false`.
    pub(crate) denied: usize,
    /// Items with an `error`.
    pub(crate) failed: usize,
    /// `systemError`, if there is one.
    pub(crate) system_error: Option<String>,
}

/// Why a body is not an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// Not one whole JSON document.
    NotOneDocument,
    /// A document, but not of the wire format.
    NotAnAnswer,
}

impl Answer {
    /// Read a body: exactly one JSON document, with nothing but white space around it.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Malformed> {
        let value: Value = serde_json::from_slice(body).map_err(|_| Malformed::NotOneDocument)?;
        let response = value.get("response").and_then(Value::as_object);
        let response = response.ok_or(Malformed::NotAnAnswer)?;
        let system_error = response.get("systemError").and_then(Value::as_str);
        let mut answer = Self {
            allowed: 0,
            denied: 0,
            failed: 0,
            system_error: system_error
                .filter(|text| !text.is_empty())
                .map(str::to_owned),
        };
        let items = response.get("items").and_then(Value::as_array);
        for item in items.into_iter().flatten() {
            let error = item.get("error").and_then(Value::as_str);
            let success = item.pointer("/value/isSuccess").and_then(Value::as_bool);
            let count = match (error.unwrap_or_default(), success) {
                ("", Some(true)) => &mut answer.allowed,
                ("", Some(false)) => &mut answer.denied,
                ("", None) => return Err(Malformed::NotAnAnswer),
                _ => &mut answer.failed,
            };
            *count = count.saturating_add(1);
        }
        Ok(answer)
    }

    /// Whether all of so many images are allowed, and nothing else is said.
    pub(crate) fn allows(&self, images: usize) -> bool {
        self.allowed == images
            && self.denied == 0
            && self.failed == 0
            && self.system_error.is_none()
    }

    /// Whether all of so many images are denied for good.
    pub(crate) fn denies(&self, images: usize) -> bool {
        self.denied == images
            && self.allowed == 0
            && self.failed == 0
            && self.system_error.is_none()
    }

    /// Whether nothing was decided, and it says so.
    pub(crate) fn is_undecided(&self) -> bool {
        self.allowed == 0 && self.denied == 0 && self.failed == 0 && self.system_error.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: &str = r#"{"response":{"items":[{"key":"a","value":{"isSuccess":true}}]}}"#;

    #[test]
    fn one_document_is_an_answer() {
        let answer = Answer::read(format!("{ALLOWED}\n").as_bytes()).unwrap();
        assert!(answer.allows(1));
        assert!(!answer.allows(2));
        assert!(!answer.is_undecided());
    }

    #[test]
    fn two_documents_or_half_a_one_are_none() {
        let two = format!("{ALLOWED}\n{ALLOWED}");
        assert_eq!(Answer::read(two.as_bytes()), Err(Malformed::NotOneDocument));
        let half = &ALLOWED.as_bytes()[..20];
        assert_eq!(Answer::read(half), Err(Malformed::NotOneDocument));
        assert_eq!(Answer::read(b""), Err(Malformed::NotOneDocument));
    }

    #[test]
    fn a_value_without_a_verdict_is_none() {
        let body = br#"{"response":{"items":[{"key":"a","value":{}}]}}"#;
        assert_eq!(Answer::read(body), Err(Malformed::NotAnAnswer));
    }

    #[test]
    fn a_system_error_alone_is_undecided() {
        let answer = Answer::read(br#"{"response":{"systemError":"late"}}"#).unwrap();
        assert!(answer.is_undecided());
        assert!(!answer.denies(0));
    }
}
