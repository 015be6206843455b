//! Distinguished names as people write them in trusted identities (RFC 4514, N I-04 to I-12). One pass, bounded, no
//! recursion. Never reads the names of certificates: those come from DER (N P-14).

use std::fmt;

use crate::trust::name::{AttributeType, write_escaped};

/// The longest text that is read. Names of real certificates have some hundred bytes.
const MAX_TEXT: usize = 8 * 1024;
/// The most attributes of one name; real ones have fewer than ten.
const MAX_ATTRIBUTES: usize = 64;

/// Why a text is not a distinguished name that can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DistinguishedNameError {
    /// Nothing there (N I-04).
    #[error("there is no name after the colon, expected such as `C=US, ST=WA, O=Acme`")]
    Empty,
    /// More text than any name has.
    #[error("the name has {0} bytes, expected at most {MAX_TEXT}")]
    TooLong(usize),
    /// More attributes than any name has.
    #[error("the name has more than {MAX_ATTRIBUTES} attributes")]
    TooMany,
    /// A value in hexadecimal (N I-05, CVE-2023-25656).
    #[error("`=#` (a value in hexadecimal) is not allowed, write the value as text")]
    Hex,
    /// A part without `=` (N I-04).
    #[error("`{0}` is not `attribute=value`; a comma inside a value is written `\\,`")]
    NoValue(String),
    /// What stands before `=` is no attribute type (N I-04).
    #[error("`{0}` is not the name of an attribute, expected letters, digits, `-` or `.`")]
    Attribute(String),
    /// `+` between attributes (N I-06).
    #[error(
        "`+` joins two attributes, which is not allowed; a `+` inside a value is written `\\+`"
    )]
    MultiValued,
    /// An attribute twice (N I-08).
    #[error("the attribute `{0}` occurs twice")]
    Repeated(String),
    /// A value without text (N I-12: it would match certificates that lack the attribute).
    #[error("the attribute `{0}` has no value")]
    EmptyValue(String),
    /// One of `C`, `ST` and `O` is missing (N I-09).
    #[error("the attribute `{0}` is missing; `C`, `ST` (or `S`) and `O` are required")]
    Missing(AttributeType),
    /// A backslash before something that needs none (N I-10).
    #[error("`\\` is followed by neither a special character nor two hexadecimal digits")]
    Escape,
    /// Hexadecimal pairs that make no text (N I-10).
    #[error("the escaped bytes of `{0}` are not UTF-8")]
    NotText(String),
}

/// A distinguished name out of a trusted identity: every attribute once, `C`, `ST` and `O` among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistinguishedName {
    /// Attribute name as written (`S` as `ST`) and value, in the order written.
    attributes: Vec<(String, String)>,
}

impl DistinguishedName {
    /// Read `text`.
    pub(super) fn parse(text: &str) -> Result<Self, DistinguishedNameError> {
        use DistinguishedNameError as E;
        if text.len() > MAX_TEXT {
            return Err(E::TooLong(text.len()));
        }
        if text.contains("=#") {
            return Err(E::Hex);
        }
        if text.trim().is_empty() {
            return Err(E::Empty);
        }
        let mut attributes: Vec<(String, String)> = Vec::new();
        for part in parts(text)? {
            let (name, value) = attribute(part)?;
            if attributes.len() == MAX_ATTRIBUTES {
                return Err(E::TooMany);
            }
            if attributes.iter().any(|(taken, _)| *taken == name) {
                return Err(E::Repeated(name));
            }
            attributes.push((name, value));
        }
        let name = Self { attributes };
        for required in [
            AttributeType::Country,
            AttributeType::State,
            AttributeType::Organization,
        ] {
            name.value(required.as_str()).ok_or(E::Missing(required))?;
        }
        Ok(name)
    }

    /// Attribute names and values.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of an attribute.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.attributes()
            .find_map(|(one, value)| (one == name).then_some(value))
    }

    /// Whether all attributes of this are in `other` with the same values (N I-11): whatever satisfies `other` satisfies
    /// this.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.attributes()
            .all(|(name, value)| other.value(name) == Some(value))
    }

    /// Whether some name could satisfy both: no attribute has two values (N I-11).
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.attributes()
            .all(|(name, value)| other.value(name).is_none_or(|theirs| theirs == value))
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.attributes().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            write!(f, "{name}=")?;
            write_escaped(f, value)?;
        }
        Ok(())
    }
}

/// Cut at `,` and `;` that are not escaped.
fn parts(text: &str) -> Result<Vec<&str>, DistinguishedNameError> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '+' => return Err(DistinguishedNameError::MultiValued),
            ',' | ';' => {
                parts.extend(text.get(start..at));
                start = at.saturating_add(1);
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..));
    Ok(parts)
}

/// Read `name=value`.
fn attribute(part: &str) -> Result<(String, String), DistinguishedNameError> {
    use DistinguishedNameError as E;
    let (name, value) = part
        .split_once('=')
        .ok_or_else(|| E::NoValue(shown(part.trim())))?;
    let name = name.trim();
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if name.is_empty() || !name.bytes().all(good) {
        return Err(E::Attribute(shown(name)));
    }
    // N I-07: `S` is another name of `ST`; nothing else is
    let name = if name == "S" { "ST" } else { name }.to_owned();
    if value.trim_start().starts_with('#') {
        return Err(E::Hex);
    }
    let bytes = unescape(value).ok_or(E::Escape)?;
    match String::from_utf8(bytes) {
        Ok(value) if value.is_empty() => Err(E::EmptyValue(name)),
        Ok(value) => Ok((name, value)),
        Err(_) => Err(E::NotText(name)),
    }
}

/// Undo escapes and drop the blanks around the value that are not escaped (N I-10); `None` if an escape is broken.
fn unescape(value: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    // how much of `out` stays when blanks at the end are dropped
    let mut kept = 0;
    let mut chars = value.trim_start().chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            if !c.is_whitespace() {
                kept = out.len();
            }
            continue;
        }
        match chars.next()? {
            special @ ('"' | '+' | ',' | ';' | '<' | '>' | '\\' | ' ' | '#' | '=') => {
                out.push(u8::try_from(special).ok()?);
            }
            high => {
                let pair = high.to_digit(16)? * 16 + chars.next()?.to_digit(16)?;
                out.push(u8::try_from(pair).ok()?);
            }
        }
        kept = out.len();
    }
    out.truncate(kept);
    Some(out)
}

/// Cut for messages.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests;
