//! `ratify demo --keep`: leave everything running, and say what to try.

use std::path::Path;

use ratify_testkit::registry::Registry;

use super::config;
use super::images::World;
use crate::console::Console;
use crate::error::Error;
use crate::wait::StopSignals;

/// Write a configuration, print commands, and wait for Ctrl-C. The configuration goes when this returns.
pub(crate) async fn keep(
    console: &Console,
    registry: &Registry,
    world: &World,
) -> Result<(), Error> {
    let writing = |source| Error::System {
        action: "write the demo's configuration",
        source,
    };
    let directory = tempfile::Builder::new()
        .prefix("ratify-demo-")
        .tempdir()
        .map_err(writing)?;
    let root = directory.path().join("acme-root.pem");
    let config = directory.path().join("config.json");
    std::fs::write(&root, world.trusted_root()).map_err(writing)?;
    std::fs::write(&config, config::with_root(&root.to_string_lossy())).map_err(writing)?;
    console.print(&commands(directory.path(), &registry.host()))?;
    StopSignals::listen()?.next().await;
    directory.close().map_err(|source| Error::System {
        action: "remove the demo's configuration",
        source,
    })
}

/// Commands to paste into another terminal.
fn commands(directory: &Path, host: &str) -> String {
    let (ratify, directory) = (super::program(), directory.display());
    format!(
        "
The registry stays until Ctrl-C. In another terminal, try:

  export RATIFY_CONFIG={directory}
  {ratify} verify -s {host}/signed-jws:v1
  {ratify} verify -s {host}/untrusted-ca:v1 --output json
  {ratify} verify -s {host}/tampered:v1 --silent --exit-code; echo $?
  {ratify} discover -s {host}/multi-arch:v1
  {ratify} resolve -s {host}/signed-cose:v1
"
    )
}
