//! Where the PEM blocks of a text begin and end (RFC 7468). The content of a block is not looked at here.

/// What is shown of a label; the longest that RFC 7468 defines has 23 bytes.
const MAX_LABEL: usize = 40;

/// A PEM block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// Which one, from 1.
    pub(crate) number: usize,
    /// What it says it is, such as `CERTIFICATE`.
    pub(crate) label: &'a str,
    /// From the first byte of its begin line to the last of its end line.
    pub(crate) text: &'a [u8],
}

/// The blocks of a text, and what follows them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Blocks<'a> {
    pub(crate) blocks: Vec<Block<'a>>,
    /// Everything after the end line of the last block.
    pub(crate) rest: &'a [u8],
}

/// A block without an end line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unterminated {
    pub(crate) number: usize,
    pub(crate) label: String,
}

/// Find the blocks of `text`. Lines outside blocks are passed over, as PEM readers do.
pub(crate) fn blocks(text: &[u8]) -> Result<Blocks<'_>, Unterminated> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    let mut end = 0;
    let mut after_last = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let start = end;
        end += line.len();
        let begins = label(line, "-----BEGIN ");
        match open {
            None => open = begins.map(|label| (label, start)),
            Some((label, _)) if begins.is_some() => {
                return Err(unterminated(&blocks, label));
            }
            Some((name, begin)) if label(line, "-----END ") == Some(name) => {
                let number = blocks.len() + 1;
                let text = text.get(begin..end).unwrap_or_default();
                blocks.push(Block {
                    number,
                    label: name,
                    text,
                });
                open = None;
                after_last = end;
            }
            Some(_) => {}
        }
    }
    match open {
        None => Ok(Blocks {
            blocks,
            rest: text.get(after_last..).unwrap_or_default(),
        }),
        Some((label, _)) => Err(unterminated(&blocks, label)),
    }
}

fn unterminated(before: &[Block<'_>], label: &str) -> Unterminated {
    Unterminated {
        number: before.len() + 1,
        label: label.chars().take(MAX_LABEL).collect(),
    }
}

/// The label of a begin or end line; labels are visible ASCII and blanks (RFC 7468 section 3).
fn label<'a>(line: &'a [u8], before: &str) -> Option<&'a str> {
    let line = line.trim_ascii_end();
    let label = line
        .strip_prefix(before.as_bytes())?
        .strip_suffix(b"-----")?;
    let visible = label.iter().all(|byte| matches!(byte, b' '..=b'~'));
    str::from_utf8(label).ok().filter(|_| visible)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(usize, String, String)> {
        let blocks = blocks(text.as_bytes()).unwrap().blocks;
        let shown = |block: &Block<'_>| {
            let text = String::from_utf8(block.text.to_vec()).unwrap();
            (block.number, block.label.to_owned(), text)
        };
        blocks.iter().map(shown).collect()
    }

    #[test]
    fn blocks_begin_and_end_at_their_lines() {
        let a = "-----BEGIN A-----\nxx\n-----END A-----\n";
        let b = "-----BEGIN B B-----\r\nyy\r\n-----END B B-----";
        let text = format!("hello\n{a}between\n{b}");
        let expected = vec![
            (1, "A".to_owned(), a.to_owned()),
            (2, "B B".to_owned(), b.to_owned()),
        ];
        assert_eq!(found(&text), expected);
        assert_eq!(found("no block"), vec![]);
        assert_eq!(
            found(" -----BEGIN A-----\n"),
            vec![],
            "begins inside a line"
        );
    }

    #[test]
    fn what_follows_the_last_block_is_told() {
        let rest = |text: &str| {
            let rest = blocks(text.as_bytes()).unwrap().rest;
            String::from_utf8(rest.to_vec()).unwrap()
        };
        assert_eq!(rest("-----BEGIN A-----\n-----END A-----\n"), "");
        assert_eq!(rest("-----BEGIN A-----\n-----END A-----\n\nmore"), "\nmore");
        assert_eq!(rest("none"), "none");
    }

    #[test]
    fn a_block_without_its_end_is_refused() {
        for text in [
            "-----BEGIN A-----\n",
            "-----BEGIN A-----\n-----END B-----\n",
            "-----BEGIN A-----\n-----BEGIN A-----\n-----END A-----\n",
        ] {
            let error = blocks(text.as_bytes()).unwrap_err();
            assert_eq!((error.number, error.label.as_str()), (1, "A"), "{text}");
        }
    }
}
