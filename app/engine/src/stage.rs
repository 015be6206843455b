//! How far work is, for those who had to stop waiting for it.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Progress;

/// How far the work over one image is. Written by the work, read by others.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    resolved: AtomicUsize,
    listed: AtomicUsize,
    judged: AtomicUsize,
}

impl Stage {
    /// Take note.
    pub(crate) fn reach(&self, progress: &Progress) {
        match progress {
            Progress::Resolved(_) => self.resolved.store(1, Ordering::Relaxed),
            Progress::Listed(count) => {
                self.resolved.store(2, Ordering::Relaxed);
                self.listed.store(*count, Ordering::Relaxed);
            }
            Progress::Judged => {
                self.judged.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.resolved.load(Ordering::Relaxed) {
            0 => f.write_str("looking the image up"),
            1 => f.write_str("listing its signatures"),
            _ => write!(
                f,
                "fetching its signatures ({} of {} judged)",
                self.judged.load(Ordering::Relaxed),
                self.listed.load(Ordering::Relaxed)
            ),
        }
    }
}
