//! How many requests went out, by what they were for.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Part;

/// Requests that went out since the client was made; repetitions, redirects and those answered 401 count too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// For manifests, subjects included.
    pub manifest: u64,
    /// For listings of referrers, the tag schema included.
    pub referrers: u64,
    /// For blobs.
    pub blob: u64,
    /// For tokens.
    pub token: u64,
}

impl RequestCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.manifest + self.referrers + self.blob + self.token
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    manifest: AtomicU64,
    referrers: AtomicU64,
    blob: AtomicU64,
    token: AtomicU64,
}

impl Counters {
    pub(crate) fn of(&self, part: Part) -> &AtomicU64 {
        match part {
            Part::Manifest => &self.manifest,
            Part::Listing => &self.referrers,
            Part::Blob => &self.blob,
            Part::Token => &self.token,
        }
    }

    pub(crate) fn read(&self) -> RequestCounts {
        let read = |part| self.of(part).load(Ordering::Relaxed);
        RequestCounts {
            manifest: read(Part::Manifest),
            referrers: read(Part::Listing),
            blob: read(Part::Blob),
            token: read(Part::Token),
        }
    }
}
