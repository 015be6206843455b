//! Whether a file may have changed, without reading it.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

/// The largest file that is read: a Kubernetes Secret holds at most 1 MiB.
pub(super) const MAX_FILE: u64 = 1024 * 1024;

/// A file written twice within one tick of the file system's clock looks unchanged. So a stamp is believed only once it is
/// older than this; ticks are 10 ms or less, 2 s on FAT.
const SETTLED: Duration = Duration::from_secs(3);

/// Where a file lies and how it looks from outside. Symbolic links are followed, so that swapping Kubernetes' `..data`
/// changes it, as does renaming another file over it or writing in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether a change at `now` would change it.
    fn is_settled(&self, now: SystemTime) -> bool {
        let latest = self.modified.0.max(self.changed.0);
        let Ok(latest) = u64::try_from(latest) else {
            return true;
        };
        now.duration_since(SystemTime::UNIX_EPOCH + Duration::from_secs(latest))
            .is_ok_and(|age| age > SETTLED)
    }
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It was not there and is.
    Created,
    /// It was there and is not.
    Removed,
    /// It is another one or was written to.
    Written,
}

impl Change {
    /// The word v1.4 logs for such an event (fsnotify's).
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Created => "CREATE",
            Self::Removed => "REMOVE",
            Self::Written => "WRITE",
        }
    }
}

/// Why a file was not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// The system's answer.
    Io(io::Error),
    /// A directory, a pipe or the like.
    NotAFile,
    /// More than [`MAX_FILE`] bytes.
    TooLarge,
}

/// A file that is looked at again and again.
#[derive(Debug)]
pub(super) struct WatchedFile {
    path: PathBuf,
    stamp: Option<Stamp>,
    settled: bool,
}

impl WatchedFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            stamp: None,
            settled: false,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What became of it since it was last read, if anything can be seen.
    pub(super) fn change(&self) -> Option<Change> {
        match (self.stamp, self.current()) {
            (before, now) if before == now => None,
            (None, _) => Some(Change::Created),
            (_, None) => Some(Change::Removed),
            _ => Some(Change::Written),
        }
    }

    /// Whether it must be read again to know: it changed, or it may have without showing it.
    pub(super) fn is_stale(&self) -> bool {
        !self.settled || self.change().is_some()
    }

    /// Read it whole, and remember how it looked before.
    pub(super) fn read(&mut self) -> Result<Zeroizing<Vec<u8>>, Unread> {
        self.stamp = None;
        // a file that is not there shows when it comes
        self.settled = true;
        let metadata = fs::metadata(&self.path).map_err(Unread::Io)?;
        let stamp = Stamp::of(&metadata);
        self.stamp = Some(stamp);
        self.settled = stamp.is_settled(SystemTime::now());
        if !metadata.is_file() {
            // opening a pipe would wait for its writer
            return Err(Unread::NotAFile);
        }
        if metadata.len() > MAX_FILE {
            return Err(Unread::TooLarge);
        }
        let file = File::open(&self.path).map_err(Unread::Io)?;
        let mut bytes = Zeroizing::new(Vec::new());
        let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes);
        let length = read.map_err(Unread::Io)?;
        if u64::try_from(length).is_ok_and(|length| length > MAX_FILE) {
            return Err(Unread::TooLarge);
        }
        Ok(bytes)
    }

    fn current(&self) -> Option<Stamp> {
        fs::metadata(&self.path)
            .ok()
            .map(|metadata| Stamp::of(&metadata))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(name: &str) -> (tempfile::TempDir, WatchedFile) {
        let directory = tempfile::tempdir().unwrap();
        let file = WatchedFile::new(directory.path().join(name));
        (directory, file)
    }

    #[test]
    fn a_file_is_seen_to_come_change_and_go() {
        let (_directory, mut file) = watched("tls.crt");
        assert!(matches!(file.read(), Err(Unread::Io(_))));
        assert_eq!(file.change(), None);
        fs::write(file.path(), "one").unwrap();
        assert_eq!(file.change(), Some(Change::Created));
        assert_eq!(&file.read().unwrap()[..], b"one");
        assert_eq!(file.change(), None);
        fs::write(file.path(), "three").unwrap();
        assert_eq!(file.change(), Some(Change::Written));
        file.read().unwrap();
        fs::remove_file(file.path()).unwrap();
        assert_eq!(file.change(), Some(Change::Removed));
    }

    #[test]
    fn v_d_52_a_renamed_file_and_a_swapped_link_are_changes() {
        let (directory, mut file) = watched("tls.crt");
        let of = |name: &str| directory.path().join(name);
        fs::write(of("first"), "same").unwrap();
        fs::write(of("second"), "same").unwrap();
        std::os::unix::fs::symlink(of("first"), file.path()).unwrap();
        file.read().unwrap();
        std::os::unix::fs::symlink(of("second"), of("next")).unwrap();
        fs::rename(of("next"), file.path()).unwrap();
        assert_eq!(file.change(), Some(Change::Written));
        file.read().unwrap();
        fs::write(of("third"), "same").unwrap();
        fs::rename(of("third"), file.path()).unwrap();
        assert_eq!(file.change(), Some(Change::Written));
    }

    #[test]
    fn a_file_written_a_moment_ago_is_stale_though_it_looks_the_same() {
        let (_directory, mut file) = watched("tls.crt");
        fs::write(file.path(), "one").unwrap();
        file.read().unwrap();
        assert!(file.is_stale());
        assert_eq!(file.change(), None);
        let stamp = file.stamp.unwrap();
        let later = SystemTime::now() + SETTLED + Duration::from_secs(2);
        assert!(stamp.is_settled(later));
        assert!(!stamp.is_settled(SystemTime::now()));
        assert!(!stamp.is_settled(SystemTime::UNIX_EPOCH));
    }

    #[test]
    fn what_is_no_file_or_too_large_is_not_read() {
        let (directory, mut file) = watched("tls.crt");
        fs::create_dir(file.path()).unwrap();
        assert!(matches!(file.read(), Err(Unread::NotAFile)));
        let mut large = WatchedFile::new(directory.path().join("large"));
        File::create(large.path())
            .and_then(|made| made.set_len(MAX_FILE))
            .unwrap();
        assert!(large.read().is_ok());
        File::create(large.path())
            .and_then(|made| made.set_len(MAX_FILE + 1))
            .unwrap();
        assert!(matches!(large.read(), Err(Unread::TooLarge)));
    }
}
