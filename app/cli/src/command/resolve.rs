//! `ratify resolve`: the digest behind a tag.

use super::Running;
use crate::args::Resolve;
use crate::console::Console;
use crate::error::{Error, Status};
use crate::wait::wait;

/// Resolve and print the digest.
pub(crate) async fn resolve(
    console: &Console,
    args: &Resolve,
    debug: bool,
) -> Result<Status, Error> {
    let running = Running::start(console, &args.target, &[], debug)?;
    let work = running.engine.resolve(&running.reference, running.deadline);
    let message = || format!("asking the registry for {}", running.reference);
    let descriptor = wait(console, message, work).await?.map_err(Error::Store)?;
    console.write(format!("{}\n", descriptor.digest).as_bytes())?;
    Ok(Status::Done)
}
