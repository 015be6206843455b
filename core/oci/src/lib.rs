//! The nouns of OCI: references, digests, descriptors, manifests, platforms.
//!
//! Everything here is parsed once, at the border, into a type that cannot be wrong afterwards. No I/O, no clock,
//! no opinion about trust: this crate knows what a digest *is* and whether bytes match it, never whether to admit them.

mod content;
mod descriptor;
mod digest;
mod manifest;
mod object;
mod reference;

pub mod media;

pub use content::{Content, ContentMismatch};
pub use descriptor::{Descriptor, Platform};
pub use digest::{Digest, DigestAlgorithm, DigestError, Hasher};
pub use manifest::{Image, Index, Manifest, ManifestError, RetiredArtifact};
pub use reference::{Reference, ReferenceError, Repository, Tag, Target};
