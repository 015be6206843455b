//! `cargo xtask gen`: pages of `docs/reference` that are written from the code.
//!
//! A page is a list entry: where it lies, and a function that writes it. `--check` writes nothing
//! and fails if a page is not what the code says.

mod cli;
mod reason_codes;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::End;
use crate::cargo::root;

/// One generated page.
struct Page {
    /// Below the root of the workspace.
    path: &'static str,
    /// The whole content.
    render: fn() -> Result<String>,
}

const PAGES: [Page; 2] = [
    Page {
        path: "docs/reference/reason-codes.md",
        render: reason_codes::render,
    },
    Page {
        path: "docs/reference/cli.md",
        render: cli::render,
    },
];

/// First line of each page, so that nobody edits it by hand.
const NOTICE: &str = "<!-- Written by `cargo xtask gen`. Do not edit. -->\n\n";

/// Write every page that is not up to date.
pub(crate) fn write() -> Result<End> {
    for page in PAGES {
        let path = root().join(page.path);
        let content = content(&page)?;
        if difference(&path, &content)?.is_some() {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)
                    .with_context(|| format!("cannot create `{}`", folder.display()))?;
            }
            fs::write(&path, content).with_context(|| format!("cannot write `{}`", page.path))?;
            println!("gen: wrote {}", page.path);
        }
    }
    Ok(End::Passed)
}

/// Compare every page with what would be written.
pub(crate) fn check() -> Result<End> {
    let mut passed = true;
    for page in PAGES {
        if let Some(difference) = difference(&root().join(page.path), &content(&page)?)? {
            eprintln!("error: `{}` {difference}; run `cargo xtask gen`", page.path);
            passed = false;
        }
    }
    if passed {
        println!("gen: {} page(s) up to date", PAGES.len());
    }
    Ok(passed.into())
}

fn content(page: &Page) -> Result<String> {
    let body = (page.render)().with_context(|| format!("cannot generate `{}`", page.path))?;
    Ok(format!("{NOTICE}{body}"))
}

/// How the file differs from `expected`, or `None` if it does not.
fn difference(path: &Path, expected: &str) -> Result<Option<String>> {
    if !path.exists() {
        return Ok(Some("is missing".to_owned()));
    }
    let found =
        fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    if found == expected {
        return Ok(None);
    }
    let same = found
        .lines()
        .zip(expected.lines())
        .take_while(|(found, wanted)| found == wanted);
    Ok(Some(format!(
        "is out of date from line {}",
        same.count() + 1
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_differs_is_noticed_at_its_line() {
        let path = std::env::temp_dir().join(format!("ratify-gen-{}", std::process::id()));
        assert_eq!(
            difference(&path, "").unwrap().as_deref(),
            Some("is missing")
        );
        fs::write(&path, "one\ntwo\n").unwrap();
        let same = difference(&path, "one\ntwo\n").unwrap();
        let changed = difference(&path, "one\nthree\n").unwrap();
        let longer = difference(&path, "one\ntwo\nthree\n").unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(same, None);
        assert_eq!(changed.as_deref(), Some("is out of date from line 2"));
        assert_eq!(longer.as_deref(), Some("is out of date from line 3"));
    }
}
