//! References to images, read the way Docker reads them.
//!
//! Grammar and normalisation: distribution/reference, `ParseDockerRef`: default registry `docker.io`, default namespace
//! `library/`, default tag `latest`; with a digest the tag is dropped, because the digest counts.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Digest, DigestError};

/// The longest repository path that is read, registry not counted (distribution/reference: 255).
const MAX_REPOSITORY: usize = 255;
/// The longest tag (OCI distribution specification 1.1: 128).
const MAX_TAG: usize = 128;
/// The longest text that is looked at: registry (255 as in DNS, and a port), repository, tag, digest.
const MAX_REFERENCE: usize = 1024;

const DEFAULT_REGISTRY: &str = "docker.io";
const LEGACY_REGISTRY: &str = "index.docker.io";

/// Why a text is not a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// Nothing there.
    #[error("reference is empty, expected `registry/repository` with a tag or a digest")]
    Empty,
    /// More text than any reference has.
    #[error("reference has {0} bytes, expected at most {MAX_REFERENCE}")]
    TooLong(usize),
    /// The registry is not `host` or `host:port`.
    #[error("registry `{0}` is not a host name or address with an optional port")]
    Registry(String),
    /// The repository breaks the grammar.
    #[error(
        "repository `{0}` is not lower-case letters, digits and single separators (`.`, `_`, `__`, `-`) between slashes"
    )]
    Repository(String),
    /// The repository is too long.
    #[error("repository has {0} bytes, expected at most {MAX_REPOSITORY}")]
    RepositoryTooLong(usize),
    /// 64 hex digits alone read like an image id.
    #[error("`{0}` looks like an image id, expected a repository name")]
    ImageId(String),
    /// The tag breaks the grammar.
    #[error("tag `{0}` is not 1 to 128 letters, digits, `.`, `_` or `-`")]
    Tag(String),
    /// The digest breaks the grammar.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

/// A repository: registry (`host` or `host:port`) and path below it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    registry: Arc<str>,
    name: Arc<str>,
}

impl Repository {
    /// The registry as typed: `host` or `host:port`; `docker.io` where none was given.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path below the registry, such as `library/nginx`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A reference to this repository at `digest`.
    pub fn at(&self, digest: Digest) -> Reference {
        Reference {
            repository: self.clone(),
            target: Target::Digest(digest),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.name)
    }
}

/// A tag: a name that can be moved to other content at any time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(String);

impl Tag {
    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let first = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let rest = |byte: u8| first(byte) || byte == b'.' || byte == b'-';
        let good = text.len() <= MAX_TAG
            && text.bytes().next().is_some_and(first)
            && text.bytes().all(rest);
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(ReferenceError::Tag(shown(text)))
        }
    }
}

/// What of a repository is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// Whatever the tag points to now.
    Tag(Tag),
    /// Exactly this content.
    Digest(Digest),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag.as_str()),
            Self::Digest(digest) => f.write_str(digest.as_str()),
        }
    }
}

/// A normalised reference: `registry/repository:tag` or `registry/repository@digest`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    repository: Repository,
    target: Target,
}

impl Reference {
    /// Registry and path.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Tag or digest.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The digest, if the reference is pinned.
    pub fn digest(&self) -> Option<&Digest> {
        match &self.target {
            Target::Digest(digest) => Some(digest),
            Target::Tag(_) => None,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.digest().is_some() { '@' } else { ':' };
        write!(f, "{}{separator}{}", self.repository, self.target)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if text.len() > MAX_REFERENCE {
            return Err(ReferenceError::TooLong(text.len()));
        }
        if text.len() == 64
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(ReferenceError::ImageId(shown(text)));
        }
        let (named, digest) = match text.split_once('@') {
            Some((named, digest)) => (named, Some(digest.parse::<Digest>()?)),
            None => (text, None),
        };
        let (registry, rest) = split_registry(named);
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) => (path, Some(tag.parse::<Tag>()?)),
            None => (rest, None),
        };
        let repository = repository(registry, path)?;
        let target = match (digest, tag) {
            (Some(digest), _) => Target::Digest(digest),
            (None, Some(tag)) => Target::Tag(tag),
            (None, None) => Target::Tag(Tag("latest".to_owned())),
        };
        Ok(Self { repository, target })
    }
}

/// Docker's rule: the part before the first slash is a registry only if it holds a `.` or `:`, is `localhost`, or has an
/// upper-case letter (which no repository has).
fn split_registry(named: &str) -> (&str, &str) {
    match named.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.to_lowercase() != first =>
        {
            (first, rest)
        }
        _ => (DEFAULT_REGISTRY, named),
    }
}

fn repository(registry: &str, path: &str) -> Result<Repository, ReferenceError> {
    let registry = if registry == LEGACY_REGISTRY {
        DEFAULT_REGISTRY
    } else {
        registry
    };
    if !is_registry(registry) {
        return Err(ReferenceError::Registry(shown(registry)));
    }
    if !path.split('/').all(is_component) {
        return Err(ReferenceError::Repository(shown(path)));
    }
    let library = registry == DEFAULT_REGISTRY && !path.contains('/');
    let name = if library {
        format!("library/{path}")
    } else {
        path.to_owned()
    };
    if name.len() > MAX_REPOSITORY {
        return Err(ReferenceError::RepositoryTooLong(name.len()));
    }
    Ok(Repository {
        registry: registry.into(),
        name: name.into(),
    })
}

/// `host`, `host:port`, `1.2.3.4:port` or `[ipv6]:port`.
fn is_registry(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            let port = if rest.is_empty() {
                None
            } else {
                rest.strip_prefix(':').or(Some(""))
            };
            return address.parse::<std::net::Ipv6Addr>().is_ok() && port.is_none_or(is_port);
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let label = |label: &str| {
        label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
            && !label.is_empty()
    };
    host.len() <= 255 && host.split('.').all(label) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<u16>().is_ok_and(|port| port != 0)
}

/// One path component: alphanumerics joined by `.`, `_`, `__` or any run of `-`.
fn is_component(component: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let separator =
        |run: &str| matches!(run, "." | "_" | "__") || run.bytes().all(|byte| byte == b'-');
    let edges = [component.bytes().next(), component.bytes().next_back()];
    edges.iter().all(|edge| edge.is_some_and(alphanumeric))
        && component
            .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            .all(separator)
}

fn shown(text: &str) -> String {
    text.chars()
        .take(200)
        .flat_map(char::escape_default)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    #[test]
    fn v_2_5_normalises_like_docker() {
        for (typed, normal) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.25", "docker.io/library/nginx:1.25"),
            ("org/app", "docker.io/org/app:latest"),
            ("docker.io/nginx", "docker.io/library/nginx:latest"),
            ("index.docker.io/nginx", "docker.io/library/nginx:latest"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/app:v1", "localhost:5000/app:v1"),
            (
                "reg.io/a/b/c_d/e__f/g---h:V.1-x_",
                "reg.io/a/b/c_d/e__f/g---h:V.1-x_",
            ),
            ("Reg.io/app", "Reg.io/app:latest"),
            ("FOO/bar", "FOO/bar:latest"),
            ("[::1]:5000/app", "[::1]:5000/app:latest"),
            ("127.0.0.1:5000/app", "127.0.0.1:5000/app:latest"),
        ] {
            assert_eq!(
                typed.parse::<Reference>().map(|r| r.to_string()).as_deref(),
                Ok(normal),
                "{typed}"
            );
        }
        let both = format!("reg.io/app:v1@{DIGEST}")
            .parse::<Reference>()
            .unwrap();
        assert_eq!(
            both.to_string(),
            format!("reg.io/app@{DIGEST}"),
            "the digest counts"
        );
    }

    #[test]
    fn att_36_refuses_what_breaks_the_grammar() {
        let long = format!("reg.io/{}", "a".repeat(256));
        let hex = &DIGEST[7..];
        for bad in [
            "",
            "/",
            "a/",
            "/a",
            "reg.io/",
            "reg.io//a",
            "UPPER",
            "reg.io/App",
            "reg.io/a:",
            "reg.io/a:-x",
            "reg.io/a@",
            "reg.io/a@sha256:12",
            "reg.io/a..b",
            "reg.io/a___b",
            "reg.io/-a",
            "reg.io/a-",
            "reg.io/a b",
            "https://reg.io/a",
            "reg.io:/a",
            "reg.io:99999/a",
            "reg.io:0/a",
            "-reg.io/a",
            "reg-.io/a",
            ".reg.io/a",
            "reg..io/a",
            "user@reg.io/a",
            "[::1/a",
            "[zz]:5/a",
            "[::1]x/a",
            "reg.io/../a",
            "reg.io/a\n",
            "reg.io/ä",
            hex,
            &long,
        ] {
            assert!(
                bad.parse::<Reference>().is_err(),
                "`{bad}` was taken for a reference"
            );
        }
        assert!(matches!(
            "a".repeat(2000).parse::<Reference>(),
            Err(ReferenceError::TooLong(2000))
        ));
    }

    #[test]
    fn messages_cannot_carry_control_characters() {
        let error = "reg.io/a\u{1b}[31m".parse::<Reference>().unwrap_err();
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(text in ".{0,300}") {
            if let Ok(reference) = text.parse::<Reference>() {
                let normal = reference.to_string();
                prop_assert_eq!(normal.parse::<Reference>(), Ok(reference), "a normal form reads as itself");
            }
        }

        #[test]
        fn well_formed_texts_parse(
            host in "[a-z]{1,8}\\.[a-z]{2,3}(:[1-9][0-9]{0,3})?",
            path in "[a-z0-9]{1,8}([._-][a-z0-9]{1,4}){0,2}(/[a-z0-9]{1,8}){0,3}",
            tag in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}",
        ) {
            let reference = format!("{host}/{path}:{tag}").parse::<Reference>().unwrap();
            prop_assert_eq!(reference.repository().registry(), &host);
            prop_assert_eq!(reference.repository().name(), &path);
            prop_assert_eq!(reference.target().to_string(), tag);
        }
    }
}
