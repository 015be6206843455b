//! The binary `ratify`. Everything it does is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    ratify_cli::main(std::env::args_os())
}
