//! Texts with what JSON and Go escape.

/// Append `text` in quotation marks.
pub(super) fn quoted(buffer: &mut Vec<u8>, text: &str) {
    buffer.push(b'"');
    escaped(buffer, text);
    buffer.push(b'"');
}

/// Append `text` with its escapes.
pub(super) fn escaped(buffer: &mut Vec<u8>, text: &str) {
    // looked at as a whole first, without an early end, so that the compiler makes it a few wide instructions
    let clean = !text
        .bytes()
        .fold(false, |found, byte| found | is_suspect(byte));
    if clean {
        buffer.extend_from_slice(text.as_bytes());
        return;
    }
    let mut encoded = [0; 4];
    for c in text.chars() {
        match escape(c) {
            Some(escape) => buffer.extend_from_slice(escape.as_bytes()),
            None if c.is_ascii_control() && c != '\u{7f}' => control(buffer, c),
            None => buffer.extend_from_slice(c.encode_utf8(&mut encoded).as_bytes()),
        }
    }
}

/// Bytes that are, or begin, a character that may have to be escaped.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches the compiler makes wide instructions of it"
)]
fn is_suspect(byte: u8) -> bool {
    // no `matches!`, which becomes a table
    (byte < 0x20)
        | (byte == b'"')
        | (byte == b'\\')
        | (byte == b'<')
        | (byte == b'>')
        | (byte == b'&')
        | (byte == 0xe2)
}

fn escape(c: char) -> Option<&'static str> {
    Some(match c {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\u{8}' => "\\b",
        '\u{c}' => "\\f",
        '<' => "\\u003c",
        '>' => "\\u003e",
        '&' => "\\u0026",
        '\u{2028}' => "\\u2028",
        '\u{2029}' => "\\u2029",
        _ => return None,
    })
}

fn control(buffer: &mut Vec<u8>, c: char) {
    let text = format!("\\u{:04x}", u32::from(c));
    buffer.extend_from_slice(text.as_bytes());
}
