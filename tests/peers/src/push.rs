//! Puts images into a registry with the real oras and crane.
//!
//! What `push_image` is pushed is an image as far as signing and admission go: a manifest with one layer.

use anyhow::{Context as _, Result};

use crate::home::Home;
use crate::peer::Peer;
use crate::process::{COMMAND_DEADLINE, Outcome, run};
use crate::registry::Registry;

/// Push an image whose one layer is `layer` as `<registry>/<repository>:<tag>`.
///
/// Returns the reference by digest, `<registry>/<repository>@sha256:...`.
pub fn push_image(
    oras: &Peer,
    registry: &Registry,
    repository: &str,
    tag: &str,
    layer: &[u8],
) -> Result<String> {
    let home = Home::new()?;
    home.write("layer", layer)?;
    let name = format!("{}/{repository}", registry.host());
    let mut command = home.command(oras);
    command.args(["push", "--plain-http", "--format", "json"]);
    command.args([
        "--artifact-type",
        "application/vnd.oci.image.config.v1+json",
    ]);
    command.arg(format!("{name}:{tag}"));
    command.arg("layer:application/vnd.oci.image.layer.v1.tar");
    let pushed = run(command, COMMAND_DEADLINE)?.expect_success()?.json()?;
    let digest = pushed.get("digest").and_then(|digest| digest.as_str());
    let digest = digest.context("expected a `digest` in the output of `oras push`")?;
    Ok(format!("{name}@{digest}"))
}

/// Run crane with these arguments, for what `push_image` cannot make: copies, tags, indexes.
pub fn crane(crane: &Peer, arguments: &[&str]) -> Result<Outcome> {
    let home = Home::new()?;
    let mut command = home.command(crane);
    command.args(arguments);
    run(command, COMMAND_DEADLINE)
}
