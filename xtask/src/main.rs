//! `cargo xtask`: what a developer and CI run besides cargo itself.
//!
//! Every check of CI is a task here, so that it can be run at home word for word. Nothing here is
//! part of the product, and no task needs more than the Rust and Go tool chains.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer tool talks on its streams"
)]

mod arrows;
mod bench;
mod cargo;
mod deny;
mod e2e;
mod full;
mod generate;
mod peers;
mod test;

use std::process::ExitCode;

use anyhow::Result;

const USAGE: &str = "\
usage: cargo xtask <task>

  test [--no-peers] [-- ARGS]  prepare the real counterparts, run all tests, end with
                               `N passed, N failed`; ARGS go to the test binaries
  e2e [NAME..]                 show the whole job in a real cluster on loopback: all cases, or those
                               whose name contains one of these words
  full                         test with more property cases, e2e, release build, demo, benches once
  arrows                       check that no crate depends on what its ring may not see
  gen [--check]                write the generated pages of docs/reference, or only compare
  deny                         check bans, licences and sources of all dependencies
  peers [NAME..]               build real counterparts into the cache (needs Go): those of the
                               tests, or these names and groups (test, e2e)
  peers --print                their paths as JSON; null for one that is not built
  bench verify [-- ARGS]       measure verification beside the bare signature checks
  bench server [ARGS]          measure the server beside Ratify 1.4.4; ARGS are `--only NAME,..`,
                               `--quick`, `--logs FOLDER`; a full run writes the page
";

/// How a task ends; each has its own exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Status 0: all is well.
    Passed,
    /// Status 1: the task ran and found something wrong.
    Failed,
    /// Status 2: the command line is not understood.
    Usage,
    /// Status 3: there is no Go tool chain.
    NoGo,
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        Self::from(match end {
            End::Passed => 0,
            End::Failed => 1,
            End::Usage => 2,
            End::NoGo => 3,
        })
    }
}

impl From<bool> for End {
    fn from(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Failed }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(end) => end.into(),
        Err(error) => {
            eprintln!("error: {error:#}");
            End::Failed.into()
        }
    }
}

fn dispatch(words: &[&str]) -> Result<End> {
    match words {
        ["test", rest @ ..] => match test::Options::parse(rest) {
            Some(options) => test::run(&options),
            None => Ok(usage()),
        },
        ["e2e", names @ ..] if names.iter().all(|name| !name.starts_with('-')) => e2e::run(names),
        ["full"] => full::run(),
        ["arrows"] => arrows::run(),
        ["gen"] => generate::write(),
        ["gen", "--check"] => generate::check(),
        ["deny"] => deny::run(),
        ["peers", "--print"] => peers::print(),
        ["peers", names @ ..] if names.iter().all(|name| !name.starts_with('-')) => {
            peers::build(names)
        }
        ["bench", "verify"] => bench::verify::run(&[]),
        ["bench", "verify", "--", rest @ ..] => bench::verify::run(rest),
        ["bench", "server", rest @ ..] => bench::server::run(rest),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(End::Passed)
        }
        _ => Ok(usage()),
    }
}

fn usage() -> End {
    eprint!("{USAGE}");
    End::Usage
}
