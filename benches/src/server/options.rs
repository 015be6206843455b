//! What may be said on the command line.

use std::path::PathBuf;

/// How to use it; through `cargo xtask bench server` the paths are given already.
pub(crate) const USAGE: &str = "\
usage: bench-server run --bare PATH --client PATH [--original PATH] [--ours PATH]
                        [--only NAME,..] [--quick] [--logs FOLDER] [--write FILE]

  --original PATH  the binary of Ratify 1.4.4
  --ours PATH      the binary of this repository
  --bare PATH      the bare server, --client PATH the bare client (built beside this program)
  --only NAME,..   only these figures: arithmetic is always measured
  --quick          fewer runs, fewer images
  --logs FOLDER    keep what the servers write to stderr
  --write FILE     put the table between the markers in this file";

/// The command line, understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) original: Option<PathBuf>,
    pub(crate) ours: Option<PathBuf>,
    pub(crate) bare: PathBuf,
    pub(crate) client: PathBuf,
    /// Names of figures; all if empty.
    pub(crate) only: Vec<String>,
    pub(crate) quick: bool,
    pub(crate) logs: Option<PathBuf>,
    pub(crate) write: Option<PathBuf>,
}

impl Options {
    /// Read the words; the error says which one is wrong.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            if word == "--quick" {
                options.quick = true;
                continue;
            }
            let value = words.next();
            let value = value.ok_or_else(|| format!("`{word}` is unknown or needs a value"))?;
            let path = || PathBuf::from(value);
            match word {
                "--original" => options.original = Some(path()),
                "--ours" => options.ours = Some(path()),
                "--bare" => options.bare = path(),
                "--client" => options.client = path(),
                "--logs" => options.logs = Some(path()),
                "--write" => options.write = Some(path()),
                "--only" => options.only = value.split(',').map(str::to_owned).collect(),
                _ => return Err(format!("`{word}` is unknown")),
            }
        }
        if options.bare.as_os_str().is_empty() || options.client.as_os_str().is_empty() {
            return Err("`--bare` and `--client` are needed".to_owned());
        }
        Ok(options)
    }

    /// Whether a figure is wanted.
    pub(crate) fn wants(&self, figure: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == figure)
    }

    /// `full` runs, or fewer if it shall be quick.
    pub(crate) fn runs(&self, full: usize) -> usize {
        if self.quick { full.div_ceil(3) } else { full }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_understood_or_named() {
        let options = Options::parse(&[
            "--bare",
            "b",
            "--client",
            "c",
            "--only",
            "start,binary",
            "--quick",
        ])
        .unwrap();
        assert!(options.wants("start"));
        assert!(!options.wants("cold-1x1"));
        assert_eq!(options.runs(7), 3);
        let wrong = Options::parse(&["--bare", "b", "--client", "c", "--fast", "x"]);
        assert_eq!(wrong, Err("`--fast` is unknown".to_owned()));
        assert!(Options::parse(&["--quick"]).is_err());
    }
}
