//! `ratify version`: what this program is, in v1.4's form.

use crate::console::Console;
use crate::error::{Error, Status};

/// Print the version.
pub(crate) fn version(console: &Console) -> Result<Status, Error> {
    console.write(lines(&facts()).as_bytes())?;
    Ok(Status::Done)
}

/// What is known about this build. The commit is known only where the build was told (`RATIFY_GIT_COMMIT`).
fn facts() -> Vec<(&'static str, &'static str)> {
    let mut facts = vec![
        ("Version", env!("CARGO_PKG_VERSION")),
        ("Rust version", env!("RATIFY_RUSTC_VERSION")),
    ];
    if let Some(commit) = option_env!("RATIFY_GIT_COMMIT").filter(|commit| !commit.is_empty()) {
        facts.push(("Git commit", commit));
    }
    facts
}

/// `Label: value`, padded to the widest label.
fn lines(facts: &[(&str, &str)]) -> String {
    let widest = facts
        .iter()
        .map(|(label, _)| label.len())
        .max()
        .unwrap_or(0);
    let line = |(label, value): &(&str, &str)| {
        format!("{label}: {}{value}\n", " ".repeat(widest - label.len()))
    };
    facts.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v_1_4_values_are_aligned() {
        let text = lines(&[("Version", "1.2.3"), ("Git commit", "abc")]);
        assert_eq!(text, "Version:    1.2.3\nGit commit: abc\n");
    }
}
