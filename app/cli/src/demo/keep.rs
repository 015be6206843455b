//! `ratify demo --keep`: leave everything running, and say what to try.

use std::path::Path;

use ratify_testkit::registry::Registry;

use super::folder::Folder;
use crate::console::Console;
use crate::error::Error;
use crate::wait::StopSignals;

/// Print commands, and wait for Ctrl-C.
pub(crate) async fn keep(
    console: &Console,
    registry: &Registry,
    folder: &Folder,
) -> Result<(), Error> {
    let mut signals = StopSignals::listen()?;
    console.print(&commands(folder.path(), &registry.host()))?;
    signals.next().await;
    Ok(())
}

/// Commands to paste into another terminal.
fn commands(directory: &Path, host: &str) -> String {
    let (ratify, directory) = (super::program(), directory.display());
    format!(
        "
Registry and server stay until Ctrl-C. In another terminal, try the command above, or:

  export RATIFY_CONFIG={directory}
  {ratify} verify -s {host}/signed-jws:v1
  {ratify} verify -s {host}/untrusted-ca:v1 --output json
  {ratify} verify -s {host}/tampered:v1 --silent --exit-code; echo $?
  {ratify} discover -s {host}/multi-arch:v1
  {ratify} resolve -s {host}/signed-cose:v1
"
    )
}
