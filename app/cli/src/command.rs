//! The commands, one file each. A command reads its flags, does its work and says with which status to end.

mod completion;
mod discover;
mod referrer;
mod resolve;
mod running;
mod verify;
mod version;

pub(crate) use completion::completion;
pub(crate) use discover::discover;
pub(crate) use referrer::{show_blob, show_manifest};
pub(crate) use resolve::resolve;
pub(crate) use running::Running;
pub(crate) use verify::verify;
pub(crate) use version::version;
