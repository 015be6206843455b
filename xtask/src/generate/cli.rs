//! The page of the command line: what `ratify --help` says, for every command.
//!
//! The program itself is asked, because what it prints is what users see.

use std::env;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};

use crate::cargo::cargo;

const HEAD: &str = "\
# Command line

What `ratify --help` prints, for the program and each of its commands.
";

/// Commands below commands below commands: more than there are, so that a help text that names
/// itself ends.
const MAX_DEPTH: usize = 4;

/// Write the page.
pub(crate) fn render() -> Result<String> {
    page(&ask)
}

/// The page, from what `help` returns for a list of words.
fn page(help: &dyn Fn(&[String]) -> Result<String>) -> Result<String> {
    let mut page = HEAD.to_owned();
    let mut open = vec![vec!["ratify".to_owned()]];
    while let Some(words) = open.pop() {
        if words.len() > MAX_DEPTH {
            bail!(
                "`{}` has more commands below it than a page can hold",
                words.join(" ")
            );
        }
        let text = help(&words)?;
        let text: Vec<&str> = text.lines().map(str::trim_end).collect();
        write!(
            page,
            "\n## {}\n\n```text\n{}\n```\n",
            words.join(" "),
            text.join("\n").trim()
        )?;
        for name in commands(&text).rev() {
            open.push([words.as_slice(), &[name.to_owned()]].concat());
        }
    }
    Ok(page)
}

/// The names in the list of commands of a help text, but for `help` itself.
fn commands<'a>(text: &'a [&str]) -> impl DoubleEndedIterator<Item = &'a str> {
    let list = text
        .split(|line| *line == "Commands:")
        .nth(1)
        .unwrap_or_default();
    let list: Vec<&str> = list
        .iter()
        .copied()
        .take_while(|line| !line.is_empty())
        .collect();
    list.into_iter()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
}

/// Ask the program, in an environment that cannot change the answer.
fn ask(words: &[String]) -> Result<String> {
    let mut command = cargo(&[
        "run",
        "--quiet",
        "--package",
        "ratify-cli",
        "--bin",
        "ratify",
        "--",
    ]);
    command.args(words.iter().skip(1)).arg("--help");
    command.env("COLUMNS", "100").env("NO_COLOR", "1");
    for (name, _value) in env::vars_os() {
        // flags show the variables they are read from, with their values
        if name.to_string_lossy().starts_with("RATIFY_") {
            command.env_remove(name);
        }
    }
    let output = command.output().context("cannot start cargo")?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{} --help` failed: {}", words.join(" "), stderr.trim());
    }
    String::from_utf8(output.stdout).context("expected a help text in UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(words: &[String]) -> String {
        match words.join(" ").as_str() {
            "ratify" => "Says.\n\nUsage: ratify <COMMAND>\n\nCommands:\n  one   First\n          more\n  two   \
                         Second\n  help  Print this\n\nOptions:\n  -h  Help\n"
                .to_owned(),
            "ratify one" => "First.\n\nCommands:\n  deep  Deeper\n".to_owned(),
            other => format!("{other}.   \n"),
        }
    }

    #[test]
    fn every_command_has_a_section_in_order() {
        let page = page(&|words| Ok(help(words))).unwrap();
        let sections: Vec<&str> = page
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .collect();
        assert_eq!(
            sections,
            ["ratify", "ratify one", "ratify one deep", "ratify two"]
        );
        assert!(page.ends_with("\n```text\nratify two.\n```\n"), "{page}");
    }

    #[test]
    fn a_help_that_names_itself_ends() {
        let endless = |_: &[String]| Ok("Commands:\n  again  Once more\n".to_owned());
        assert!(
            page(&endless)
                .unwrap_err()
                .to_string()
                .starts_with("`ratify again")
        );
    }
}
