//! Whether files and folders are still those that were read, without reading them.
//!
//! Files are looked at on a timer rather than watched: a mounted volume is updated by renaming a link in another folder,
//! editors rename, file systems of the network tell nothing, and v1.4 lost its watch for ever after a rename (V D-27).

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The most files looked at below one folder, and how deep: what the reader of certificates reads.
const MOST_ENTRIES: usize = 10_000;
const DEEPEST: usize = 16;
/// A file that changed as lately as this may change again within one tick of its file system's clock, with the same
/// stamp. File systems of the network count whole seconds.
const FRESH: Duration = Duration::from_secs(1);

/// How everything below some paths looked at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stamps {
    entries: Vec<(PathBuf, Stamp)>,
    /// Something had just changed.
    fresh: bool,
}

/// What changes when a file does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stamp {
    /// Not there, or not to be looked at.
    Absent,
    Present {
        is_folder: bool,
        size: u64,
        modified: Option<SystemTime>,
        identity: Identity,
    },
}

/// Device, inode, and the time of the last change of it: a file that was replaced by one of the same size and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Identity {
    device: u64,
    inode: u64,
    changed: (i64, i64),
}

/// What two looks have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Everything is as it was.
    None,
    /// It looks as it did, but had changed so lately before the first look that this may be another content.
    Possible,
    /// Something is another.
    Certain,
}

impl Stamps {
    /// Look at all `paths`, and at everything in those that are folders. Blocks.
    pub(crate) fn of(paths: &[PathBuf]) -> Self {
        let mut look = Look {
            now: SystemTime::now(),
            left: MOST_ENTRIES,
            stamps: Self::default(),
        };
        for path in paths {
            look.left = MOST_ENTRIES;
            look.at(path, 0);
        }
        look.stamps
    }

    /// The same, not to be believed: something was read at another moment than it was looked at.
    pub(crate) fn doubtful(self) -> Self {
        Self {
            fresh: true,
            ..self
        }
    }

    /// What has happened between this look and a later one at the same paths.
    pub(crate) fn change_to(&self, later: &Self) -> Change {
        if self.entries != later.entries {
            Change::Certain
        } else if self.fresh {
            Change::Possible
        } else {
            Change::None
        }
    }
}

struct Look {
    now: SystemTime,
    left: usize,
    stamps: Stamps,
}

impl Look {
    fn at(&mut self, path: &Path, depth: usize) {
        let Some(left) = self.left.checked_sub(1) else {
            return;
        };
        self.left = left;
        // of what a link leads to: it is another file when any link on the way is another
        let metadata = fs::metadata(path).ok();
        let is_link = fs::symlink_metadata(path).is_ok_and(|own| own.is_symlink());
        let is_folder = metadata.as_ref().is_some_and(Metadata::is_dir);
        let stamp = metadata.map_or(Stamp::Absent, |metadata| self.stamp(&metadata));
        self.stamps.entries.push((path.to_owned(), stamp));
        if is_folder && depth < DEEPEST && (depth == 0 || !is_link) {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            let mut paths: Vec<PathBuf> =
                entries.take(self.left).map(|entry| entry.path()).collect();
            paths.sort_unstable();
            for path in paths {
                self.at(&path, depth + 1);
            }
        }
    }

    fn stamp(&mut self, metadata: &Metadata) -> Stamp {
        let identity = Identity::of(metadata);
        let modified = metadata.modified().ok();
        let changed = identity.changed_at().or(modified);
        // a time to come says nothing: the clock was set back
        let age = changed.and_then(|changed| self.now.duration_since(changed).ok());
        self.stamps.fresh |= age.is_some_and(|age| age < FRESH);
        Stamp::Present {
            is_folder: metadata.is_dir(),
            size: metadata.len(),
            modified,
            identity,
        }
    }
}

impl Identity {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Self {
        Self::default()
    }

    /// The time of the last change, where there is one.
    fn changed_at(&self) -> Option<SystemTime> {
        let (seconds, nanoseconds) = self.changed;
        let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
        let nanoseconds = u32::try_from(nanoseconds).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a file, both looked at; the look is taken as old enough.
    struct Fixture {
        folder: tempfile::TempDir,
        paths: Vec<PathBuf>,
        first: Stamps,
    }

    impl Fixture {
        fn new(prepare: impl FnOnce(&Path)) -> Self {
            let folder = tempfile::tempdir().unwrap();
            prepare(folder.path());
            let paths = vec![folder.path().join("watched")];
            let mut first = Stamps::of(&paths);
            first.fresh = false;
            Self {
                folder,
                paths,
                first,
            }
        }

        fn at(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn change(&self) -> Change {
            self.first.change_to(&Stamps::of(&self.paths))
        }
    }

    fn write(folder: &Path, name: &str, content: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    #[test]
    fn what_is_left_alone_does_not_change() {
        let file = Fixture::new(|folder| write(folder, "watched", "a"));
        assert_eq!(file.change(), Change::None);
        let folder = Fixture::new(|folder| write(folder, "watched/inner/file", "a"));
        assert_eq!(folder.change(), Change::None);
        let nothing = Fixture::new(|_| {});
        assert_eq!(nothing.change(), Change::None);
    }

    #[test]
    fn a_look_at_what_has_just_changed_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "watched", "a");
        let paths = [folder.path().join("watched")];
        let first = Stamps::of(&paths);
        assert_eq!(first.change_to(&Stamps::of(&paths)), Change::Possible);
    }

    #[test]
    fn every_way_to_save_a_file_is_seen() {
        let in_place = Fixture::new(|folder| write(folder, "watched", "a"));
        fs::write(in_place.at("watched"), "b").unwrap();
        assert_eq!(in_place.change(), Change::Certain, "in place");
        let renamed = Fixture::new(|folder| {
            write(folder, "watched", "a");
            write(folder, "new", "a");
        });
        fs::rename(renamed.at("new"), renamed.at("watched")).unwrap();
        assert_eq!(renamed.change(), Change::Certain, "by renaming");
        let removed = Fixture::new(|folder| write(folder, "watched", "a"));
        fs::remove_file(removed.at("watched")).unwrap();
        assert_eq!(removed.change(), Change::Certain, "removed");
        let appeared = Fixture::new(|_| {});
        fs::write(appeared.at("watched"), "b").unwrap();
        assert_eq!(appeared.change(), Change::Certain, "appeared");
    }

    #[test]
    fn every_change_in_a_folder_is_seen() {
        type Edit = fn(&Path);
        let changes: [(&str, Edit); 4] = [
            ("changed", |folder| write(folder, "watched/inner/file", "b")),
            ("added", |folder| write(folder, "watched/inner/other", "b")),
            ("removed", |folder| {
                fs::remove_file(folder.join("watched/inner/file")).unwrap();
            }),
            ("replaced", |folder| {
                write(folder, "new", "a");
                fs::rename(folder.join("new"), folder.join("watched/inner/file")).unwrap();
            }),
        ];
        for (what, change) in changes {
            let fixture = Fixture::new(|folder| write(folder, "watched/inner/file", "a"));
            change(fixture.folder.path());
            assert_eq!(fixture.change(), Change::Certain, "{what}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_is_swapped_as_kubernetes_does_it_is_seen() {
        use std::os::unix::fs::symlink;
        for watched in ["watched", "watched/file"] {
            let fixture = Fixture::new(|folder| {
                write(folder, "watched/..one/file", "a");
                write(folder, "watched/..two/file", "a");
                symlink("..one", folder.join("watched/..data")).unwrap();
                symlink("..data/file", folder.join("watched/file")).unwrap();
            });
            let paths = [fixture.at(watched)];
            let mut first = Stamps::of(&paths);
            first.fresh = false;
            symlink("..two", fixture.at("watched/..new")).unwrap();
            fs::rename(fixture.at("watched/..new"), fixture.at("watched/..data")).unwrap();
            assert_eq!(
                first.change_to(&Stamps::of(&paths)),
                Change::Certain,
                "{watched}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_in_circles_and_large_folders_end() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        symlink(".", folder.path().join("circle")).unwrap();
        for number in 0..20 {
            write(folder.path(), &format!("file-{number}"), "");
        }
        let stamps = Stamps::of(&[folder.path().to_owned()]);
        assert_eq!(stamps.entries.len(), 22);
    }
}
