//! From arguments to an exit status. Nothing that goes wrong in here ends in a panic of the process.

use std::ffi::OsString;
use std::io::Write as _;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::args::{self, Cli, Command, Referrer, ReferrerCommand};
use crate::command;
use crate::console::Console;
use crate::error::{Error, Status};
use crate::render::printable;

/// Run `ratify` with these arguments, the name of the program first. Prints, and says with which status to end.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    panic::set_hook(Box::new(report_defect));
    let console = Console::new();
    let args = args::go_booleans(args, args::SWITCHES);
    let parsed = guard(Err(Status::Failed), || parse(&console, &args));
    let status = match parsed {
        Ok(cli) => guard(on_defect(&cli), || run(&console, &cli)),
        Err(status) => status,
    };
    status.into()
}

/// Do `work`; a panic in it is a defect of this program, was told by the hook, and gives `otherwise`.
fn guard<T>(otherwise: T, work: impl FnOnce() -> T) -> T {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(otherwise)
}

/// The status after a panic: with `--exit-code` nothing but a finished check may say "admitted" or "denied".
fn on_defect(cli: &Cli) -> Status {
    match &cli.command {
        Some(Command::Verify(verify)) if verify.exit_code => Status::Undecided,
        _ => Status::Failed,
    }
}

/// One sentence instead of a stack trace.
fn report_defect(info: &PanicHookInfo<'_>) {
    let payload = info.payload_as_str().unwrap_or("no message");
    let place = info
        .location()
        .map(|place| format!(" at {place}"))
        .unwrap_or_default();
    let sentence = format!(
        "Error: this is a defect, please report it: {}{place}\n",
        printable(payload)
    );
    let _ = anstream::stderr().write_all(sentence.as_bytes());
}

/// Read the arguments. Help and version go to standard output; what cannot be read gets one sentence and, instead of
/// clap's 2, the status of every other failure.
fn parse(console: &Console, args: &[OsString]) -> Result<Cli, Status> {
    let error = match Cli::try_parse_from(args) {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let printed = console.print(&lines(&error.render()));
            Err(ended(console, printed.map(|()| Status::Done)))
        }
        _ => {
            console.tell(&usage_error(&error, args));
            Err(Status::Failed)
        }
    }
}

/// clap's sentence and tips in this program's voice, without the usage block.
fn usage_error(error: &clap::Error, args: &[OsString]) -> String {
    use owo_colors::OwoColorize;
    let rendered = error.render().to_string();
    let sentence = rendered.split("\n\nUsage:").next().unwrap_or_default();
    let sentence = sentence
        .split("\n\nFor more information")
        .next()
        .unwrap_or_default();
    let sentence = sentence
        .strip_prefix("error: ")
        .unwrap_or(sentence)
        .trim_end();
    // it repeats what was typed
    let sentence: Vec<String> = sentence.lines().map(printable).collect();
    let (label, sentence) = ("Error:".red().bold().to_string(), sentence.join("\n"));
    format!(
        "{label} {sentence}\n\nRun `{} --help` for usage.\n",
        deepest(args)
    )
}

/// The command that was meant, as far as the words name one: `ratify referrer show-blob`.
fn deepest(args: &[OsString]) -> String {
    let mut command = &Cli::command();
    let mut words = vec!["ratify"];
    for arg in args.iter().skip(1).filter_map(|arg| arg.to_str()) {
        if let Some(below) = command.find_subcommand(arg) {
            words.push(below.get_name());
            command = below;
        }
    }
    words.join(" ")
}

fn run(console: &Console, cli: &Cli) -> Status {
    ended(console, dispatch(console, cli))
}

/// Tell an error, if it is one; Ctrl-C needs no words.
fn ended(console: &Console, result: Result<Status, Error>) -> Status {
    match result {
        Ok(status) => status,
        Err(error @ Error::Interrupted) => error.status(),
        Err(error) => {
            console.complain(&error);
            error.status()
        }
    }
}

fn dispatch(console: &Console, cli: &Cli) -> Result<Status, Error> {
    let debug = cli.debug();
    match &cli.command {
        None => Ok(help(console, &[])),
        Some(Command::Referrer(Referrer { command: None, .. })) => Ok(help(console, &["referrer"])),
        Some(Command::Version(_)) => command::version(console),
        Some(Command::Completion(args)) => command::completion(console, args),
        Some(Command::Verify(args)) => block_on(command::verify(console, args, debug)),
        Some(Command::Serve(args)) => block_on(crate::serve::serve(args, debug)),
        Some(Command::Discover(args)) => block_on(command::discover(console, args, debug)),
        Some(Command::Resolve(args)) => block_on(command::resolve(console, args, debug)),
        Some(Command::Referrer(Referrer {
            command: Some(ReferrerCommand::ShowBlob(args)),
            ..
        })) => block_on(command::show_blob(console, args, debug)),
        Some(Command::Referrer(Referrer {
            command: Some(ReferrerCommand::ShowManifest(args)),
            ..
        })) => block_on(command::show_manifest(console, args, debug)),
        #[cfg(feature = "demo")]
        Some(Command::Demo(args)) => block_on(crate::demo::demo(console, args, debug)),
    }
}

/// A help text with its colours and an end of line, which clap leaves out after an epilogue.
fn lines(text: &clap::builder::StyledStr) -> String {
    let text = text.ansi().to_string();
    format!("{}\n", text.trim_end())
}

/// A command without an action says what there is, on standard error, and succeeds (V 1).
fn help(console: &Console, path: &[&str]) -> Status {
    let mut command = Cli::command();
    command.build();
    let mut at = &mut command;
    for name in path {
        match at.find_subcommand_mut(name) {
            Some(below) => at = below,
            None => return Status::Failed,
        }
    }
    console.tell(&lines(&at.render_help()));
    Status::Done
}

/// Run a command that waits.
fn block_on(command: impl Future<Output = Result<Status, Error>>) -> Result<Status, Error> {
    // fails only if a provider is installed already, which is as good
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|source| Error::System {
        action: "start the asynchronous runtime",
        source,
    })?;
    let result = runtime.block_on(command);
    // a name lookup that hangs must not keep the process alive after Ctrl-C or the time-out
    runtime.shutdown_background();
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Cli {
        Cli::try_parse_from(line.split(' ')).unwrap()
    }

    #[test]
    fn a_panic_is_never_a_verdict() {
        assert_eq!(
            guard(Status::Undecided, || panic!("boom")),
            Status::Undecided
        );
        assert_eq!(
            on_defect(&read("ratify verify -s a --exit-code")),
            Status::Undecided
        );
        assert_eq!(on_defect(&read("ratify verify -s a")), Status::Failed);
        assert_eq!(on_defect(&read("ratify version")), Status::Failed);
    }

    #[test]
    fn usage_errors_are_one_sentence_and_a_tip() {
        let args = ["ratify", "verfy"].map(OsString::from);
        let error = Cli::try_parse_from(&args).unwrap_err();
        let text = anstream::adapter::strip_str(&usage_error(&error, &args)).to_string();
        assert!(
            text.starts_with("Error: unrecognized subcommand 'verfy'\n"),
            "{text}"
        );
        assert!(
            text.contains("'verify'") && !text.contains("Usage:"),
            "{text}"
        );
        assert!(text.ends_with("Run `ratify --help` for usage.\n"), "{text}");
    }

    #[test]
    fn the_help_that_is_offered_is_that_of_the_command() {
        for (line, command) in [
            ("ratify", "ratify"),
            ("ratify --bogus verify -x", "ratify verify"),
            (
                "ratify referrer show-blob --bogus",
                "ratify referrer show-blob",
            ),
            ("ratify bogus", "ratify"),
        ] {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(deepest(&args), command, "{line}");
        }
    }
}
