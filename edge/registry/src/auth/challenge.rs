//! Challenges: `WWW-Authenticate` headers (RFC 9110 section 11.6.1). Parsed, not interpreted.

use http::header::{HeaderMap, WWW_AUTHENTICATE};

use crate::link::unquote;

/// Challenges that are read of one answer. Servers send one or two.
const MOST_CHALLENGES: usize = 16;
/// Parameters that are read of one challenge. Registries send three or four.
const MOST_PARAMETERS: usize = 32;

/// One challenge: how the server would like to be shown who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// The scheme in lower case, such as `bearer`.
    pub(crate) scheme: String,
    /// Names in lower case and values without quotes, in the order of the header.
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The value of a parameter. Nothing if it stands twice: two readers of that would disagree.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut values = self.parameters.iter().filter(|(found, _)| found == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

/// All challenges that can be read. What follows a mistake in a header is left out: nobody can say what it means.
pub(crate) fn parse(headers: &HeaderMap) -> Vec<Challenge> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(parse_value).take(MOST_CHALLENGES).collect()
}

fn parse_value(text: &str) -> Vec<Challenge> {
    let mut challenges = Vec::new();
    let mut rest = text;
    while challenges.len() < MOST_CHALLENGES {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        match challenge(rest) {
            Some((challenge, after)) => {
                challenges.push(challenge);
                rest = after;
            }
            None => break,
        }
    }
    challenges
}

/// `scheme`, `scheme token68` or `scheme name=value, ...`, and what comes after it.
fn challenge(text: &str) -> Option<(Challenge, &str)> {
    let (scheme, mut rest) = token(text)?;
    let mut challenge = Challenge {
        scheme: scheme.to_ascii_lowercase(),
        parameters: Vec::new(),
    };
    if !rest.is_empty() && !rest.starts_with([' ', '\t', ',']) {
        return None;
    }
    if let Some(after) = token68(rest) {
        return Some((challenge, after));
    }
    loop {
        let start = rest.trim_start_matches([' ', '\t', ',']);
        // A token that no `=` follows is the scheme of the next challenge.
        let Some((name, after)) = parameter_name(start) else {
            return Some((challenge, start));
        };
        let (value, after) = value(after)?;
        if challenge.parameters.len() >= MOST_PARAMETERS {
            return None;
        }
        challenge
            .parameters
            .push((name.to_ascii_lowercase(), value));
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

/// `name =` with optional blanks, and what comes after it.
fn parameter_name(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = token(text)?;
    let rest = rest.trim_start_matches([' ', '\t']).strip_prefix('=')?;
    Some((name, rest.trim_start_matches([' ', '\t'])))
}

/// A token or a quoted string, and what comes after it.
fn value(text: &str) -> Option<(String, &str)> {
    match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted),
        None => token(text).map(|(value, rest)| (value.to_owned(), rest)),
    }
}

/// A token (RFC 9110 section 5.6.2), and what comes after it.
fn token(text: &str) -> Option<(&str, &str)> {
    let part_of_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    split_first(text, part_of_token)
}

/// Blanks and a lone `token68` (RFC 9110 section 11.2), and what comes after it.
fn token68(text: &str) -> Option<&str> {
    let part = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    let start = text.trim_start_matches([' ', '\t']);
    if start.len() == text.len() {
        return None;
    }
    let (_, rest) = split_first(start, part)?;
    let rest = rest.trim_start_matches('=').trim_start_matches([' ', '\t']);
    (rest.is_empty() || rest.starts_with(',')).then_some(rest)
}

/// The longest non-empty beginning made of such characters, and the rest.
fn split_first(text: &str, part: impl Fn(char) -> bool) -> Option<(&str, &str)> {
    let end = text.find(|c| !part(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(values: &[&str]) -> Vec<Challenge> {
        let values = values
            .iter()
            .map(|value| (WWW_AUTHENTICATE, value.parse().unwrap()));
        parse(&values.collect())
    }

    /// `scheme name=value name=value`, joined by `|`.
    fn shown(values: &[&str]) -> String {
        let one = |challenge: &Challenge| {
            let parameters = challenge.parameters.iter();
            let parameters = parameters.map(|(name, value)| format!(" {name}={value}"));
            format!("{}{}", challenge.scheme, parameters.collect::<String>())
        };
        read(values).iter().map(one).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn reads_what_registries_send() {
        for (header, expected) in [
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
                "bearer realm=https://auth.docker.io/token service=registry.docker.io scope=repository:a/b:pull,push",
            ),
            (
                r#"Basic realm="Registry Realm""#,
                "basic realm=Registry Realm",
            ),
            ("Basic realm=x", "basic realm=x"),
            (
                "BASIC REALM=x , Charset = \"UTF-8\"",
                "basic realm=x charset=UTF-8",
            ),
            (
                r#"Bearer realm="a \"quoted\" \\ word""#,
                r#"bearer realm=a "quoted" \ word"#,
            ),
            ("Negotiate", "negotiate"),
            ("Negotiate, Basic realm=x", "negotiate|basic realm=x"),
            ("Negotiate YWJj==, Basic realm=x", "negotiate|basic realm=x"),
            ("NTLM abc", "ntlm"),
            ("Bearer realm=", "bearer"), // a token68, by the grammar
            (
                r#"Basic realm="a, Bearer realm=b", Bearer realm="c",scope="d""#,
                "basic realm=a, Bearer realm=b|bearer realm=c scope=d",
            ),
            (", , Basic realm=x,,charset=y", "basic realm=x charset=y"),
            ("", ""),
        ] {
            assert_eq!(shown(&[header]), expected, "{header}");
        }
        assert_eq!(
            shown(&["Basic realm=x", "Bearer realm=y"]),
            "basic realm=x|bearer realm=y"
        );
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        for bad in [
            "=",
            "\"",
            "Bearer realm=\"x",
            "Bearer realm=\"x\"y=z",
            "Bearer realm=x y=z",
            "Bearer/x",
            "Bearer realm=\"x\\",
        ] {
            assert_eq!(shown(&[bad]), "", "{bad}");
        }
        assert_eq!(
            shown(&["Basic realm=x, Bearer realm=\"y, Negotiate"]),
            "basic realm=x"
        );
    }

    #[test]
    fn a_parameter_that_stands_twice_has_no_value() {
        let twice = &read(&["Bearer realm=a, realm=b, service=c"])[0];
        assert_eq!(
            (twice.parameter("realm"), twice.parameter("service")),
            (None, Some("c"))
        );
    }

    #[test]
    fn there_is_an_end() {
        assert_eq!(read(&["a,".repeat(1000).as_str()]).len(), MOST_CHALLENGES);
        let many = format!("Bearer {}", "a=b,".repeat(1000));
        assert_eq!(read(&[many.as_str()]).len(), 0);
    }

    proptest! {
        #[test]
        fn never_panics(text in "[ -~]{0,120}") {
            let _ = read(&[&text]);
        }

        #[test]
        fn any_realm_comes_back(realm in "[ -~]{0,60}", scheme in "[A-Za-z]{1,12}") {
            let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
            let found = read(&[&format!("{scheme} x=y, realm=\"{quoted}\", z=\"\"")]);
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(&found[0].scheme, &scheme.to_ascii_lowercase());
            prop_assert_eq!(found[0].parameter("realm"), Some(realm.as_str()));
        }
    }
}
