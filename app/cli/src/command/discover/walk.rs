//! What one store lists below an image, level by level.
//!
//! Everything counted here is chosen by whoever can push to the repository, so everything has a bound.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ratify_engine::{Deadline, Listing, Store, StoreError};
use ratify_oci::{Descriptor, Digest, Repository};
use ratify_verify::{Reason, ReasonCode};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::render::Branch;

/// How many levels below the image are listed. Attestations of signatures of SBOMs need three.
pub(super) const MAX_DEPTH: usize = 8;
/// How many artifacts are listed per store: the limit for one image (decision table "limits"), once for the whole tree.
pub(super) const MAX_ARTIFACTS: usize = 1_000;
/// How many lists are asked for at the same time: enough to hide the way to a far registry, too few to trouble it.
const CONCURRENT: usize = 16;

/// Where and until when to look.
#[derive(Clone)]
pub(super) struct Walk {
    pub(super) store: Arc<dyn Store>,
    pub(super) repository: Repository,
    pub(super) deadline: Instant,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    /// What refers to the image.
    pub(super) branches: Vec<Branch>,
    /// Whether there is more than a bound allows.
    pub(super) cut: bool,
}

/// An artifact and what it was listed for: the image, or another artifact by its place in the list.
struct Node {
    descriptor: Descriptor,
    parent: Option<usize>,
}

/// A list to ask for.
type Open = (Option<usize>, Digest);

impl Walk {
    /// List what refers to `subject`, and to that, and so on. An artifact is descended into once, so no circle is
    /// endless. `count` says how many were found so far.
    pub(super) async fn below(
        &self,
        subject: &Digest,
        count: &AtomicUsize,
    ) -> Result<Found, StoreError> {
        let mut nodes: Vec<Node> = Vec::new();
        let mut seen = HashSet::from([subject.clone()]);
        let mut open: Vec<Open> = vec![(None, subject.clone())];
        let mut cut = false;
        for level in 0..=MAX_DEPTH {
            let mut next = Vec::new();
            for (parent, listing) in self.lists(open).await? {
                // something below the deepest level is only counted as more
                cut |= listing.over_budget.is_some()
                    || (level == MAX_DEPTH && !listing.referrers.is_empty());
                let room = if level == MAX_DEPTH {
                    0
                } else {
                    MAX_ARTIFACTS.saturating_sub(nodes.len())
                };
                cut |= listing.referrers.len() > room;
                for descriptor in listing.referrers.into_iter().take(room) {
                    if seen.insert(descriptor.digest.clone()) {
                        next.push((Some(nodes.len()), descriptor.digest.clone()));
                    }
                    nodes.push(Node { descriptor, parent });
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
            open = next;
        }
        Ok(Found {
            branches: branches(&nodes, None),
            cut,
        })
    }

    /// The lists, in the order of `open`, a bounded number of them at a time. One that fails ends it.
    async fn lists(&self, open: Vec<Open>) -> Result<Vec<(Option<usize>, Listing)>, StoreError> {
        let mut lists = Vec::with_capacity(open.len());
        let mut waiting = open.into_iter().enumerate();
        let mut running = JoinSet::new();
        loop {
            while running.len() < CONCURRENT {
                let Some((place, (parent, digest))) = waiting.next() else {
                    break;
                };
                let walk = self.clone();
                running.spawn(async move { (place, parent, walk.list(&digest).await) });
            }
            let Some(ended) = running.join_next().await else {
                break;
            };
            let (place, parent, listing) = ended.map_err(|_| defect())?;
            lists.push((place, parent, listing?));
        }
        lists.sort_by_key(|(place, _, _)| *place);
        Ok(lists
            .into_iter()
            .map(|(_, parent, listing)| (parent, listing))
            .collect())
    }

    async fn list(&self, subject: &Digest) -> Result<Listing, StoreError> {
        let listing =
            self.store
                .referrers(&self.repository, subject, None, Deadline::at(self.deadline));
        timeout_at(self.deadline, listing)
            .await
            .unwrap_or_else(|_| Err(late()))
    }
}

/// The children of `parent` with theirs. As deep as the walk was.
fn branches(nodes: &[Node], parent: Option<usize>) -> Vec<Branch> {
    let children = nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| node.parent == parent);
    let branch = |(place, node): (usize, &Node)| Branch {
        descriptor: node.descriptor.clone(),
        children: branches(nodes, Some(place)),
    };
    children.map(branch).collect()
}

fn late() -> StoreError {
    let text = "time ran out while listing what is attached to the image";
    StoreError::Unknown(Reason::new(ReasonCode::DeadlineExceeded, text))
}

fn defect() -> StoreError {
    StoreError::Unknown(Reason::new(
        ReasonCode::Internal,
        "listing what is attached failed unexpectedly",
    ))
}

#[cfg(test)]
mod tests;
