//! `cargo xtask bench server`: measures our admission server beside Ratify 1.4.4, on the same registry with the same images.
//!
//! One program in three parts, each a process of its own: `run` measures, `registry` is the registry, `load` sends many
//! requests from one connection (or one connection for each). Nothing of the product is linked in: a server is a program
//! that is given, started with the flags a user would write.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers talks on its streams"
)]

mod answer;
mod arithmetic;
mod bench;
mod figures;
mod load;
mod numbers;
mod options;
mod process;
mod registry;
mod report;
mod rig;
mod table;
mod wire;

use std::process::ExitCode;

use anyhow::Result;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[&str]) -> Result<ExitCode> {
    match words {
        ["registry"] => registry::run()?,
        ["load", rest @ ..] => load::run(rest)?,
        ["run", rest @ ..] => match options::Options::parse(rest) {
            Ok(options) => report::run(&options)?,
            Err(wrong) => {
                eprintln!("error: {wrong}\n{}", options::USAGE);
                return Ok(ExitCode::from(2));
            }
        },
        _ => {
            eprintln!("{}", options::USAGE);
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
