//! `ratify discover`: what is attached to an image, and to what is attached to it.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ratify_engine::{Store, StoreError};
use ratify_oci::{Digest, Repository};
use ratify_verify::{Reason, ReasonCode};
use tokio::time::{Instant, timeout_at};

use super::Running;
use crate::args::Discover;
use crate::console::Console;
use crate::error::{Error, Status};
use crate::render::{Branch, StoreReferrers, flat, json, tree};
use crate::wait::wait;

/// How many levels below the image are listed. Attestations of signatures of SBOMs need three.
const MAX_DEPTH: usize = 8;
/// How many artifacts are listed per store: the limit for one image (decision table "limits"), once for the whole tree.
const MAX_ARTIFACTS: usize = 1_000;

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
async fn all_stores(running: &Running, found: &AtomicUsize) -> Result<Vec<StoreReferrers>, Error> {
    let repository = running.reference.repository();
    let subject = match running.reference.digest() {
        Some(digest) => digest.clone(),
        None => {
            running
                .engine
                .resolve(&running.reference, running.deadline)
                .await
                .map_err(Error::Store)?
                .digest
        }
    };
    let mut stores = Vec::new();
    for store in running.engine.snapshot().stores() {
        let mut walk = Walk {
            store: Arc::clone(store),
            repository,
            deadline: running.deadline,
            seen: HashSet::from([subject.clone()]),
            left: MAX_ARTIFACTS,
            cut: false,
            found,
        };
        let branches = walk
            .below(&subject, MAX_DEPTH)
            .await
            .map_err(Error::Store)?;
        if walk.cut {
            tracing::warn!(
                "store `{}` lists more than is shown: at most {MAX_ARTIFACTS} artifacts, {MAX_DEPTH} levels deep",
                store.name()
            );
        }
        stores.push(StoreReferrers {
            store: store.name().to_owned(),
            branches,
        });
    }
    Ok(stores)
}

/// A walk through what one store lists. Everything it counts is chosen by whoever can push to the repository.
struct Walk<'a> {
    store: Arc<dyn Store>,
    repository: &'a Repository,
    deadline: Instant,
    /// Digests that were listed: an artifact is descended into once, so that no circle is endless.
    seen: HashSet<Digest>,
    left: usize,
    cut: bool,
    found: &'a AtomicUsize,
}

impl Walk<'_> {
    /// What is attached to `subject`, `depth` levels deep.
    fn below<'b>(
        &'b mut self,
        subject: &'b Digest,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<Branch>, StoreError>> + Send + 'b>> {
        Box::pin(async move {
            let listing = self
                .store
                .referrers(self.repository, subject, None, self.deadline);
            let listing = timeout_at(self.deadline, listing)
                .await
                .unwrap_or_else(|_| Err(late()))?;
            self.cut |= listing.over_budget.is_some();
            let mut branches = Vec::new();
            for descriptor in listing.referrers {
                let Some(left) = self.left.checked_sub(1) else {
                    self.cut = true;
                    break;
                };
                self.left = left;
                self.found.fetch_add(1, Ordering::Relaxed);
                let fresh = self.seen.insert(descriptor.digest.clone());
                let children = match depth.checked_sub(1) {
                    Some(depth) if fresh => self.below(&descriptor.digest, depth).await?,
                    Some(_) => Vec::new(),
                    None => {
                        self.cut = true;
                        Vec::new()
                    }
                };
                branches.push(Branch {
                    descriptor,
                    children,
                });
            }
            Ok(branches)
        })
    }
}

fn late() -> StoreError {
    StoreError::Unknown(Reason::new(
        ReasonCode::DeadlineExceeded,
        "time ran out while listing what is attached to the image",
    ))
}

#[cfg(test)]
mod tests;
