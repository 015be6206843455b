//! Characters, words and lines.

use serde::Serialize;

/// `text` with control characters escaped, so that a name out of a certificate or an answer of a registry can neither
/// drive the terminal nor begin a line of its own.
pub(crate) fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if is_printable(c) {
            clean.push(c);
        } else {
            clean.extend(c.escape_default());
        }
    }
    clean
}

/// Whether a character is seen as itself and moves nothing else.
pub(crate) fn is_printable(c: char) -> bool {
    !c.is_control() && !is_invisible(c)
}

/// Characters that reorder, hide or break what is shown (Unicode UAX 9 formatting characters, zero widths, separators).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// JSON as v1.4 prints it: two spaces of indent, HTML characters as they are, a line end after it (V 1.4).
pub(crate) fn json(value: &impl Serialize) -> String {
    // the types printed here have text keys and no custom serialisers, so this cannot fail
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// Break `text` at blanks into lines of at most `width` columns; a longer word stands alone on its line, whole, so that
/// digests can be copied. The text is made printable first.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in printable(text).split(' ').filter(|word| !word.is_empty()) {
        let columns = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && columns > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n_p_27_what_is_printed_cannot_drive_a_terminal() {
        assert_eq!(printable("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\nb");
        assert_eq!(printable("user\u{202e}gnp.exe"), "user\\u{202e}gnp.exe");
        assert_eq!(printable("CN=Müller, 日本"), "CN=Müller, 日本");
    }

    #[test]
    fn lines_break_at_blanks_only() {
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("aa bbbbbbbb cc", 5), ["aa", "bbbbbbbb", "cc"]);
        assert_eq!(wrap("  a   b ", 80), ["a b"]);
        assert_eq!(wrap("", 80), [""]);
    }

    #[test]
    fn v_1_4_json_is_indented_and_not_html_escaped() {
        assert_eq!(
            json(&serde_json::json!({"a": ["<&>"]})),
            "{\n  \"a\": [\n    \"<&>\"\n  ]\n}\n"
        );
    }
}
