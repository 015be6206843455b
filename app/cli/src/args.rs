//! What may be typed: commands, flags, their defaults and their help. Nothing here acts.
//!
//! Names, short forms and defaults are those of v1.4 (V 1.2). Three things differ, all additions or repairs: `-d` of
//! `referrer show-*` is the digest (v1.4 panics there), `--timeout`, and `--output` and `--exit-code` of `verify`.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

mod serve;
mod values;

pub(crate) use serve::Serve;
pub(crate) use values::go_booleans;

/// Flags that v1.4 lets be written as `--flag=true`.
pub(crate) const SWITCHES: &[&str] = &[
    "--debug",
    "--silent",
    "--flat",
    "--exit-code",
    "--keep",
    "--enable-crd-manager",
    "--cache-enabled",
    "--metrics-enabled",
];

const ENVIRONMENT: &str = "\
Environment:
  RATIFY_CONFIG      directory of `config.json` [default: `~/.ratify`]
  RATIFY_LOG_LEVEL   `error`, `warning`, `info`, `debug` or `trace` [default: `warning`; `info` for
                     `serve`]
  DOCKER_CONFIG      directory of Docker's `config.json`, for logins [default: `~/.docker`]
  NO_COLOR           print without colour";

/// The whole command line, for completion scripts and the reference page.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Verify that container images are signed by somebody you trust
#[derive(Debug, Parser)]
#[command(
    name = "ratify",
    version,
    args_override_self = true,
    max_term_width = 100,
    disable_help_subcommand = false,
    after_help = "Try `ratify demo` first: it needs no configuration, network or tools.",
    after_long_help = ENVIRONMENT
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) debug: Debug,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verify an image and print the verdict
    Verify(Verify),
    /// Answer Gatekeeper's questions whether images may run
    Serve(Serve),
    /// List what is attached to an image, recursively
    Discover(Discover),
    /// Print the digest that a tag points to
    Resolve(Resolve),
    /// Show one artifact that is attached to an image
    Referrer(Referrer),
    /// See it work: verify good and bad images from a registry inside this process
    #[cfg(feature = "demo")]
    Demo(Demo),
    /// Print the version
    Version(Version),
    /// Print a completion script for a shell
    Completion(Completion),
}

/// `-d, --debug`, where `-d` is free.
#[derive(Debug, Args)]
pub(crate) struct Debug {
    /// Log in detail; overrides `RATIFY_LOG_LEVEL`
    #[arg(short = 'd', long = "debug")]
    pub(crate) debug: bool,
}

/// `--debug` alone, where `-d` is something else.
#[derive(Debug, Args)]
pub(crate) struct LongDebug {
    /// Log in detail; overrides `RATIFY_LOG_LEVEL`
    #[arg(long = "debug")]
    pub(crate) debug: bool,
}

/// What every command that talks to a registry needs.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The image, such as `registry.io/app@sha256:...` or `registry.io/app:v1`
    #[arg(
        short,
        long,
        value_name = "REFERENCE",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) subject: String,
    /// The configuration [default: `$RATIFY_CONFIG/config.json`, else `~/.ratify/config.json`]
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) config: OsString,
    /// Give up after this long, such as `500ms`, `30s` or `1m30s`
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = values::duration)]
    pub(crate) timeout: Duration,
}

/// `-t, --artifactType`.
#[derive(Debug, Args)]
pub(crate) struct ArtifactTypes {
    /// Look only at artifacts of this type; may be given several times
    #[arg(
        short = 't',
        long = "artifactType",
        alias = "artifact-type",
        value_name = "TYPE"
    )]
    pub(crate) artifact_types: Vec<String>,
}

/// `ratify verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 for any verdict, 1 for usage and configuration errors.
With --exit-code: 0 admitted, 2 denied, 3 could not tell, 1 usage or configuration.

Examples:
  ratify verify -s registry.io/app:v1
  ratify verify -c config.json -s registry.io/app@sha256:... --output json
  ratify verify -s registry.io/app:v1 --silent --exit-code && deploy")]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) types: ArtifactTypes,
    /// Print no verdict
    #[arg(long)]
    pub(crate) silent: bool,
    /// `json` (that of v1.4, with members added), `tree` (for people), or `auto`: a tree on a
    /// terminal, JSON elsewhere
    #[arg(
        short,
        long,
        value_name = "FORM",
        value_enum,
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) output: Output,
    /// Tell the verdict by the exit status too
    #[arg(long)]
    pub(crate) exit_code: bool,
    #[command(flatten)]
    pub(crate) debug: Debug,
}

/// How a verdict is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// `tree` on a terminal, `json` elsewhere
    Auto,
    /// The JSON of v1.4, with members added at the end
    Json,
    /// For people
    Tree,
}

/// `ratify discover`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ratify discover -s registry.io/app:v1
  ratify discover -s registry.io/app:v1 --flat
  ratify discover -s registry.io/app:v1 -t application/vnd.cncf.notary.signature")]
pub(crate) struct Discover {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) types: ArtifactTypes,
    /// Print a flat list as JSON instead of a tree
    #[arg(long)]
    pub(crate) flat: bool,
    #[command(flatten)]
    pub(crate) debug: Debug,
}

/// `ratify resolve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  ratify resolve -s registry.io/app:v1")]
pub(crate) struct Resolve {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) debug: Debug,
}

/// `ratify referrer`.
#[derive(Debug, Args)]
pub(crate) struct Referrer {
    #[command(flatten)]
    pub(crate) debug: Debug,
    #[command(subcommand)]
    pub(crate) command: Option<ReferrerCommand>,
}

/// What to show.
#[derive(Debug, Subcommand)]
pub(crate) enum ReferrerCommand {
    /// Write a blob, unchanged, to standard output
    #[command(after_help = "\
Example:
  ratify referrer show-blob -s registry.io/app:v1 --store oras -d sha256:... > signature.jws")]
    ShowBlob(ReferrerTarget),
    /// Print the manifest of an artifact as JSON
    #[command(after_help = "\
Example:
  ratify referrer show-manifest -s registry.io/app:v1 --store oras -d sha256:...")]
    ShowManifest(ReferrerTarget),
}

/// Flags of `ratify referrer show-*`.
#[derive(Debug, Args)]
pub(crate) struct ReferrerTarget {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Digest of what to show
    #[arg(
        short,
        long,
        value_name = "DIGEST",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) digest: String,
    /// Name of the store in the configuration
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) store: String,
    #[command(flatten)]
    pub(crate) debug: LongDebug,
}

/// `ratify demo`.
#[cfg(feature = "demo")]
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 if every image got the verdict it should get, 1 if not.

Examples:
  ratify demo
  ratify demo --keep")]
pub(crate) struct Demo {
    /// Leave registry and server running and print commands to try on them, until Ctrl-C
    #[arg(long)]
    pub(crate) keep: bool,
    /// `json`, or `auto`: a table
    #[arg(
        short,
        long,
        value_name = "FORM",
        value_enum,
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) output: DemoOutput,
    #[command(flatten)]
    pub(crate) debug: Debug,
}

/// How the demo prints.
#[cfg(feature = "demo")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DemoOutput {
    /// A table
    Auto,
    /// One JSON array
    Json,
}

/// `ratify version`.
#[derive(Debug, Args)]
pub(crate) struct Version {
    #[command(flatten)]
    pub(crate) debug: Debug,
}

/// `ratify completion`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ratify completion bash > /etc/bash_completion.d/ratify
  source <(ratify completion zsh)")]
pub(crate) struct Completion {
    /// `bash`, `zsh`, `fish` or `powershell`
    #[arg(value_name = "SHELL", value_enum, hide_possible_values = true)]
    pub(crate) shell: Shell,
    #[command(flatten)]
    pub(crate) debug: Debug,
}

/// Shells that v1.4 has completion for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// Friendly interactive shell
    Fish,
    /// PowerShell
    Powershell,
}

impl Cli {
    /// Whether `--debug` stands anywhere.
    pub(crate) fn debug(&self) -> bool {
        let own = match &self.command {
            None => false,
            Some(Command::Verify(one)) => one.debug.debug,
            Some(Command::Serve(one)) => one.debug.debug,
            Some(Command::Discover(one)) => one.debug.debug,
            Some(Command::Resolve(one)) => one.debug.debug,
            Some(Command::Referrer(one)) => one.debug(),
            #[cfg(feature = "demo")]
            Some(Command::Demo(one)) => one.debug.debug,
            Some(Command::Version(one)) => one.debug.debug,
            Some(Command::Completion(one)) => one.debug.debug,
        };
        self.debug.debug || own
    }
}

impl Referrer {
    fn debug(&self) -> bool {
        let own = match &self.command {
            None => false,
            Some(ReferrerCommand::ShowBlob(one) | ReferrerCommand::ShowManifest(one)) => {
                one.debug.debug
            }
        };
        self.debug.debug || own
    }
}

#[cfg(test)]
mod tests;
