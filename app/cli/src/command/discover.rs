//! `ratify discover`: what is attached to an image, and to what is attached to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Running;
use crate::args::Discover;
use crate::console::Console;
use crate::error::{Error, Status};
use crate::render::{StoreReferrers, flat, json, tree};
use crate::wait::wait;

mod walk;

use walk::{MAX_ARTIFACTS, MAX_DEPTH, Walk};

/// Discover and print.
pub(crate) async fn discover(
    console: &Console,
    args: &Discover,
    debug: bool,
) -> Result<Status, Error> {
    let running = Running::start(console, &args.target, &args.types.artifact_types, debug)?;
    running.warn_of_tag();
    let found = AtomicUsize::new(0);
    let message = || match found.load(Ordering::Relaxed) {
        0 => format!("asking what is attached to {}", running.reference),
        count => format!("found {count} artifacts attached to {}", running.reference),
    };
    let stores = wait(console, message, all_stores(&running, &found)).await??;
    if args.flat {
        console.write(json(&flat(&stores)).as_bytes())?;
    } else {
        console.write(tree(&running.reference.to_string(), &stores).as_bytes())?;
    }
    Ok(Status::Done)
}

/// What every store lists. One that cannot list ends it, as in v1.4: half a list would pass for a whole one.
async fn all_stores(running: &Running, count: &AtomicUsize) -> Result<Vec<StoreReferrers>, Error> {
    let Running {
        reference,
        engine,
        deadline,
        ..
    } = running;
    let subject = match reference.digest() {
        Some(digest) => digest.clone(),
        None => {
            engine
                .resolve(reference, *deadline)
                .await
                .map_err(Error::Store)?
                .digest
        }
    };
    let mut stores = Vec::new();
    for store in engine.snapshot().stores() {
        let walk = Walk {
            store: Arc::clone(store),
            repository: reference.repository().clone(),
            deadline: *deadline,
        };
        let found = walk.below(&subject, count).await.map_err(Error::Store)?;
        let name = store.name();
        if found.cut {
            tracing::warn!(
                "store `{name}` lists more than is shown: at most {MAX_ARTIFACTS} artifacts, {MAX_DEPTH} levels deep"
            );
        }
        stores.push(StoreReferrers {
            store: name.to_owned(),
            branches: found.branches,
        });
    }
    Ok(stores)
}
