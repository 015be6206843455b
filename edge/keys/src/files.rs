//! Certificates in files and directories, as v1.4 reads `verificationCerts`.
//!
//! A directory is read whole, with the directories inside it. Kubernetes mounts a file as a link to a link to a file,
//! so links to files are followed and each file is read once; links to directories are not followed. A path that is not
//! there is passed over, because the default path of v1.4 is rarely there; the trust store may then be empty, which
//! denies. A file that is there and holds anything but certificates is an error (N S-04: a stray README breaks it).

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ratify_verify::trust::Certificate;

use crate::error::{Place, SourceError, plainly};
use crate::{Collected, Found, MAX_CERTIFICATES, Origin};

/// The largest file read. Mozilla's whole list of public authorities has 230 KB.
pub(crate) const MAX_FILE: u64 = 1024 * 1024;
/// The most files and directories looked at below one path. A mounted secret has a dozen.
pub(crate) const MAX_ENTRIES: usize = 10_000;
/// The deepest directory below a path. Notation's own layout, `x509/ca/<store>`, is three deep.
pub(crate) const MAX_DEPTH: usize = 16;

/// Something that was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PassedOver {
    /// Nothing is there.
    Missing(PathBuf),
    /// A file without a byte.
    Empty(PathBuf),
    /// A path that may not be looked at or a directory that may not be listed, and why.
    Closed(PathBuf, String),
    /// A link to something that is not there.
    BrokenLink(PathBuf),
    /// A link to a directory that is not read by itself.
    LinkToDirectory(PathBuf),
    /// A pipe, socket or device.
    NotAFile(PathBuf),
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "`{}` is not there", path.display()),
            Self::Empty(path) => write!(f, "`{}` is empty", path.display()),
            Self::Closed(path, why) => write!(f, "`{}` cannot be looked at: {why}", path.display()),
            Self::BrokenLink(path) => {
                write!(
                    f,
                    "`{}` is a link to something that is not there",
                    path.display()
                )
            }
            Self::LinkToDirectory(path) => write!(
                f,
                "`{}` is a link to a directory, which is not followed; write the directory itself",
                path.display()
            ),
            Self::NotAFile(path) => {
                write!(f, "`{}` is neither a file nor a directory", path.display())
            }
        }
    }
}

/// The certificates of the file, or of all files below the directory, at `path`. Blocks: it reads the disk.
///
/// A file is PEM, every block of which must be a certificate, or DER, one or several certificates (N S-05).
///
/// # Errors
/// The first file that cannot be read or holds anything but certificates, a private key above all; more than
/// [`MAX_CERTIFICATES`] in all.
pub fn certificates_at(path: &Path) -> Result<Collected, SourceError> {
    let mut walk = Walk {
        begin: path,
        tree: fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
        seen: BTreeSet::new(),
        entries: 0,
        collected: Collected::default(),
    };
    walk.visit(path, 0)?;
    Ok(walk.collected)
}

struct Walk<'a> {
    begin: &'a Path,
    /// The same without links: directories below it are read whether or not a link leads to them.
    tree: PathBuf,
    seen: BTreeSet<PathBuf>,
    entries: usize,
    collected: Collected,
}

impl Walk<'_> {
    fn visit(&mut self, path: &Path, depth: usize) -> Result<(), SourceError> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(SourceError::TooManyFiles {
                path: self.begin.to_owned(),
            });
        }
        let at = match fs::symlink_metadata(path) {
            Ok(at) => at,
            Err(error) => return self.not_looked_at(path, error),
        };
        if at.is_symlink() {
            return self.follow(path);
        }
        if at.is_dir() {
            return self.list(path, depth);
        }
        self.read(path, at.is_file())
    }

    /// A link is followed to a file, and to nothing else.
    fn follow(&mut self, link: &Path) -> Result<(), SourceError> {
        let target = fs::canonicalize(link).and_then(|path| Ok((fs::metadata(&path)?, path)));
        match target {
            Err(_) => self.pass_over(PassedOver::BrokenLink(link.to_owned())),
            Ok((target, path)) if target.is_dir() => {
                if link == self.begin || !path.starts_with(&self.tree) {
                    self.pass_over(PassedOver::LinkToDirectory(link.to_owned()));
                }
            }
            Ok((target, path)) => return self.read(&path, target.is_file()),
        }
        Ok(())
    }

    /// Every entry in the order of the names, so that what is reported does not depend on the file system.
    fn list(&mut self, directory: &Path, depth: usize) -> Result<(), SourceError> {
        if depth >= MAX_DEPTH {
            return Err(SourceError::TooDeep {
                path: directory.to_owned(),
            });
        }
        let listed = fs::read_dir(directory).and_then(|entries| {
            let paths = entries.take(MAX_ENTRIES + 1).map(|entry| Ok(entry?.path()));
            paths.collect::<io::Result<BTreeSet<_>>>()
        });
        let paths = match listed {
            Ok(paths) => paths,
            Err(error) => return self.not_looked_at(directory, error),
        };
        paths
            .iter()
            .try_for_each(|path| self.visit(path, depth + 1))
    }

    fn read(&mut self, path: &Path, is_file: bool) -> Result<(), SourceError> {
        if !is_file {
            self.pass_over(PassedOver::NotAFile(path.to_owned()));
            return Ok(());
        }
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if !self.seen.insert(path.clone()) {
            return Ok(());
        }
        let content = content(&path)?;
        if content.is_empty() {
            self.pass_over(PassedOver::Empty(path));
            return Ok(());
        }
        let certificates =
            Certificate::read_all(&content).map_err(|error| SourceError::Certificates {
                place: Place::File(path.clone()),
                error,
            })?;
        for (number, certificate) in (1..).zip(certificates) {
            let origin = Origin::File {
                path: path.clone(),
                number,
            };
            self.collected.found.push(Found {
                certificate,
                origin,
            });
        }
        if self.collected.found.len() > MAX_CERTIFICATES {
            let place = Place::File(self.begin.to_owned());
            return Err(SourceError::TooMany { place });
        }
        Ok(())
    }

    fn pass_over(&mut self, what: PassedOver) {
        self.collected.passed_over.push(what);
    }

    /// What is not there, or closed to this process, is passed over. A system that is short of something (descriptors,
    /// memory, an answer of its disk) says nothing about what is there, and must not empty a trust store.
    fn not_looked_at(&mut self, path: &Path, error: io::Error) -> Result<(), SourceError> {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => self.pass_over(PassedOver::Missing(path)),
            io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory => {
                self.pass_over(PassedOver::Closed(path, plainly(&error)));
            }
            _ => return Err(SourceError::Unreadable { path, error }),
        }
        Ok(())
    }
}

fn content(path: &Path) -> Result<Vec<u8>, SourceError> {
    let mut content = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut content));
    let length = read.map_err(|error| SourceError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    if u64::try_from(length).is_ok_and(|length| length <= MAX_FILE) {
        Ok(content)
    } else {
        Err(SourceError::TooLarge {
            path: path.to_owned(),
        })
    }
}
