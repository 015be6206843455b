//! Bytes that were hashed: the only form in which fetched content is passed on.

use bytes::Bytes;

use crate::{Descriptor, Digest};

/// Bytes of which digest (and, where known, size) were checked. Only a completed check can make one, so whoever
/// holds a `Content` need not hash again, and nobody can forget to (attack catalogue T-02).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    digest: Digest,
    bytes: Bytes,
}

/// Bytes are not what the descriptor says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentMismatch {
    /// Another number of bytes.
    #[error("content of `{digest}` has {found} bytes, expected {expected}")]
    Size {
        /// The digest that was asked for.
        digest: Digest,
        /// Bytes received.
        found: u64,
        /// Bytes the descriptor announces.
        expected: u64,
    },
    /// Another hash.
    #[error("content hashes to `{found}`, expected `{expected}`")]
    Digest {
        /// What the bytes hash to.
        found: Digest,
        /// What was asked for.
        expected: Digest,
    },
}

impl Content {
    /// Check `bytes` against digest and size of `descriptor`.
    pub fn check(descriptor: &Descriptor, bytes: Bytes) -> Result<Self, ContentMismatch> {
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if found != descriptor.size {
            let (digest, expected) = (descriptor.digest.clone(), descriptor.size);
            return Err(ContentMismatch::Size {
                digest,
                found,
                expected,
            });
        }
        Self::check_digest(&descriptor.digest, bytes)
    }

    /// Check `bytes` against a digest alone, where no size is known (a manifest asked for by digest).
    pub fn check_digest(digest: &Digest, bytes: Bytes) -> Result<Self, ContentMismatch> {
        let found = Digest::of(digest.algorithm(), &bytes);
        if found != *digest {
            return Err(ContentMismatch::Digest {
                found,
                expected: digest.clone(),
            });
        }
        Ok(Self {
            digest: found,
            bytes,
        })
    }

    /// Hash bytes that nobody named a digest for (a manifest asked for by tag).
    pub fn hash(bytes: Bytes) -> Self {
        Self {
            digest: Digest::sha256(&bytes),
            bytes,
        }
    }

    /// The digest of the bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many bytes there are.
    pub fn size(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn att_02_other_bytes_or_another_length_are_refused() {
        let bytes = Bytes::from_static(b"hello");
        let mut descriptor = Descriptor::new("text/plain", Digest::sha256(&bytes), 5);
        assert_eq!(
            Content::check(&descriptor, bytes.clone()).unwrap().bytes(),
            &bytes
        );

        let other = Content::check(&descriptor, Bytes::from_static(b"hellO")).unwrap_err();
        assert!(matches!(other, ContentMismatch::Digest { .. }), "{other}");
        let longer = Content::check(&descriptor, Bytes::from_static(b"hello!")).unwrap_err();
        assert!(
            matches!(
                longer,
                ContentMismatch::Size {
                    found: 6,
                    expected: 5,
                    ..
                }
            ),
            "{longer}"
        );
        descriptor.size = 6;
        assert!(Content::check(&descriptor, bytes).is_err());
    }
}
