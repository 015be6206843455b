//! The next page of a listing: `Link` headers (RFC 8288 section 3).

use http::header::{HeaderMap, LINK};

/// The header cannot be read, so nobody knows whether there is another page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// The target of the first link whose relation is `next`, as it is written; it may be relative.
pub(crate) fn next(headers: &HeaderMap) -> Result<Option<String>, Unreadable> {
    for value in headers.get_all(LINK) {
        let mut rest = value.to_str().map_err(|_| Unreadable)?;
        while let Some((target, relations, after)) = link(rest)? {
            let is_next = |relation: &str| relation.eq_ignore_ascii_case("next");
            if relations.split_ascii_whitespace().any(is_next) {
                return Ok(Some(target.to_owned()));
            }
            rest = after;
        }
    }
    Ok(None)
}

/// The first link: its target, its relations, and what comes after it.
fn link(text: &str) -> Result<Option<(&str, String, &str)>, Unreadable> {
    let text = text.trim_start_matches([' ', '\t', ',']);
    if text.is_empty() {
        return Ok(None);
    }
    let text = text.strip_prefix('<').ok_or(Unreadable)?;
    let (target, mut rest) = text.split_once('>').ok_or(Unreadable)?;
    let mut relations = None;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let Some(after) = rest.strip_prefix(';') else {
            break;
        };
        let (name, value, after) = parameter(after)?;
        // "The rel parameter MUST NOT appear more than once"; later ones are ignored (section 3.3).
        if name.eq_ignore_ascii_case("rel") {
            relations.get_or_insert(value);
        }
        rest = after;
    }
    if !rest.is_empty() && !rest.starts_with(',') {
        return Err(Unreadable);
    }
    Ok(Some((target, relations.unwrap_or_default(), rest)))
}

/// `name`, `name=token` or `name="quoted"`, and what comes after it.
fn parameter(text: &str) -> Result<(&str, String, &str), Unreadable> {
    let end = |c: char| matches!(c, '=' | ';' | ',' | ' ' | '\t');
    let text = text.trim_start_matches([' ', '\t']);
    let (name, rest) = text.split_at(text.find(end).unwrap_or(text.len()));
    let rest = rest.trim_start_matches([' ', '\t']);
    let Some(rest) = rest.strip_prefix('=') else {
        return Ok((name, String::new(), rest));
    };
    let rest = rest.trim_start_matches([' ', '\t']);
    if let Some(quoted) = rest.strip_prefix('"') {
        let (value, rest) = unquote(quoted).ok_or(Unreadable)?;
        return Ok((name, value, rest));
    }
    let (value, rest) = rest.split_at(rest.find(end).unwrap_or(rest.len()));
    Ok((name, value.to_owned(), rest))
}

/// A quoted string after its opening quote: its value, and what comes after the closing quote (RFC 9110 section 5.6.4).
pub(crate) fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.push(characters.next()?),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(values: &[&str]) -> Result<Option<String>, Unreadable> {
        let values = values.iter().map(|value| (LINK, value.parse().unwrap()));
        next(&values.collect())
    }

    #[test]
    fn finds_the_next_page() {
        let next = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[""]), Ok(None));
        assert_eq!(read(&["</a?n=1>; rel=\"next\""]), next("/a?n=1"));
        assert_eq!(read(&["</a,b;c>;rel=next"]), next("/a,b;c"));
        assert_eq!(
            read(&["</a> ; REL = \"prev NEXT\" ; title=\"x, \\\"y\\\"; z\""]),
            next("/a")
        );
        assert_eq!(read(&["</a>; rel=prev, </b>; rel=next"]), next("/b"));
        assert_eq!(
            read(&["</a>; title=\"rel=next\"", "</b>; rel=next"]),
            next("/b")
        );
        assert_eq!(read(&["</a>; rel=prev; rel=next"]), Ok(None));
        assert_eq!(read(&["</a>; relation=next"]), Ok(None));
        assert_eq!(read(&["</a>; x; rel=next"]), next("/a"));
    }

    #[test]
    fn what_cannot_be_read_is_not_the_last_page() {
        for bad in [
            "/a; rel=next",
            "</a; rel=next",
            "</a>; rel=\"next",
            "</a> rel=next",
            "</a>; rel=\"next\"x",
        ] {
            assert_eq!(read(&[bad]), Err(Unreadable), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[ -~]{0,80}") {
            let _ = read(&[&text]);
        }

        #[test]
        fn any_target_is_found(target in "[ -=?-~]{0,40}", relation in "(next|NEXT|prev next)") {
            let found = read(&[&format!("<{target}>; rel=\"{relation}\"")]);
            prop_assert_eq!(found, Ok(Some(target)));
        }
    }
}
