//! `ratify serve`: the flags of v1.4, with their names, types and defaults (V 1.2).

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

use super::Debug;
use super::values::{Listen, go_duration};

/// `ratify serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Asks and answers as Gatekeeper's external data providers do, at
/ratify/gatekeeper/v1/verify and /ratify/gatekeeper/v1/mutate.
Certificates, the client CA and the configuration may change while it runs.
SIGTERM or Ctrl-C: not ready any more, the requests under way are answered, exit status 0.

Examples:
  ratify serve --http 127.0.0.1:6001 -c config.json
  ratify serve --http :6001 --cert-dir /usr/local/tls --ca-cert-file /usr/local/tls/ca.crt
  ratify serve --http :6001 --cache-enabled --cache-ttl 1m --metrics-enabled
  ratify serve -c config.json      (without --http: check the configuration and end)")]
pub(crate) struct Serve {
    /// Where to listen, such as `:6001` or `127.0.0.1:6001`
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) http: Listen,
    /// The configuration [default: `$RATIFY_CONFIG/config.json`, else `~/.ratify/config.json`]
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) config: OsString,
    /// Directory of `tls.crt` and `tls.key`; without it the server speaks plain HTTP
    #[arg(
        long,
        value_name = "DIRECTORY",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) cert_dir: OsString,
    /// Certificate authorities of clients; with it every client must have a certificate
    #[arg(
        long,
        value_name = "FILE",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) ca_cert_file: OsString,
    /// Take verifiers, stores and policies from custom resources (not available in this version)
    #[arg(long)]
    pub(crate) enable_crd_manager: bool,
    /// Remember verdicts
    #[arg(long)]
    pub(crate) cache_enabled: bool,
    /// Where verdicts are remembered: `ristretto`, which is this process's memory, or `dapr` (not
    /// available in this version: memory is used)
    #[arg(long, value_name = "TYPE", default_value = "ristretto")]
    pub(crate) cache_type: String,
    /// Name of the state store of `dapr`
    #[arg(long, value_name = "NAME", default_value = "dapr-redis")]
    pub(crate) cache_name: String,
    /// The most memory for what is remembered, in MB
    #[arg(
        long,
        value_name = "MB",
        default_value_t = 256,
        allow_negative_numbers = true
    )]
    pub(crate) cache_size: i64,
    /// The oldest verdict that is answered from memory, such as `500ms`, `10s` or `1m30s`; `0`
    /// remembers none
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = go_duration)]
    pub(crate) cache_ttl: Duration,
    /// Serve metrics
    #[arg(long)]
    pub(crate) metrics_enabled: bool,
    /// Form of the metrics; `prometheus` is the only one
    #[arg(long, value_name = "TYPE", default_value = "prometheus")]
    pub(crate) metrics_type: String,
    /// Port of `/metrics`, on all interfaces
    #[arg(long, value_name = "PORT", default_value_t = 8888)]
    pub(crate) metrics_port: u16,
    /// Where `/healthz` and `/readyz` are served [default: `:9099`]; empty: nowhere
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) health_port: Option<Listen>,
    #[command(flatten)]
    pub(crate) debug: Debug,
}
