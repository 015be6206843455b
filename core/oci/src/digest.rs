//! Content digests (OCI image specification 1.1, "Digests").

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::digest as hash;
use serde::{Deserialize, Serialize};

/// A hash function that may identify content. Only functions that are safe today are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DigestAlgorithm {
    /// SHA-256, 64 hex digits.
    Sha256,
    /// SHA-384, 96 hex digits.
    Sha384,
    /// SHA-512, 128 hex digits.
    Sha512,
}

impl DigestAlgorithm {
    /// The registered name: `sha256`, `sha384` or `sha512`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    fn hex_digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }

    fn function(self) -> &'static hash::Algorithm {
        match self {
            Self::Sha256 => &hash::SHA256,
            Self::Sha384 => &hash::SHA384,
            Self::Sha512 => &hash::SHA512,
        }
    }
}

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// There is no `:` between algorithm and hash.
    #[error("digest `{0}` has no algorithm, expected `sha256:` and 64 hex digits")]
    NoAlgorithm(String),
    /// The algorithm is not one of the three that are read.
    #[error("digest algorithm `{0}` is not supported, expected `sha256`, `sha384` or `sha512`")]
    UnknownAlgorithm(String),
    /// The hash has the wrong length or holds something other than lower-case hex digits.
    #[error(
        "digest `{digest}` is malformed, expected {expected} lower-case hex digits after the `:`"
    )]
    Malformed {
        /// The text, cut to 200 characters.
        digest: String,
        /// How many digits the algorithm has.
        expected: usize,
    },
}

/// A digest: algorithm and lower-case hex hash. Two digests are equal only if both agree.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    algorithm: DigestAlgorithm,
    /// `sha256:<hex>`, as it is written everywhere; shared, because digests are copied a lot.
    text: Arc<str>,
}

impl Digest {
    /// Hash `bytes`.
    pub fn of(algorithm: DigestAlgorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The SHA-256 digest of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self::of(DigestAlgorithm::Sha256, bytes)
    }

    /// The hash function.
    pub fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// The hash in lower-case hex.
    pub fn hex(&self) -> &str {
        self.text.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// The whole text, `sha256:<hex>`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The tag under which registries without the referrers API keep the list of referrers
    /// (OCI distribution specification 1.1, "Referrers Tag Schema"): `sha256-<hex>`, of longer hashes the first 64 digits,
    /// because a tag has at most 128 characters.
    pub fn referrers_tag(&self) -> String {
        format!("{}-{:.64}", self.algorithm.as_str(), self.hex())
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let shown = || text.chars().take(200).collect::<String>();
        let (name, hex) = text
            .split_once(':')
            .ok_or_else(|| DigestError::NoAlgorithm(shown()))?;
        let algorithm = match name {
            "sha256" => DigestAlgorithm::Sha256,
            "sha384" => DigestAlgorithm::Sha384,
            "sha512" => DigestAlgorithm::Sha512,
            _ => {
                return Err(DigestError::UnknownAlgorithm(
                    name.chars().take(200).collect(),
                ));
            }
        };
        let expected = algorithm.hex_digits();
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if hex.len() != expected || !hex.bytes().all(lower_hex) {
            return Err(DigestError::Malformed {
                digest: shown(),
                expected,
            });
        }
        Ok(Self {
            algorithm,
            text: text.into(),
        })
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.text.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A running hash, for content that arrives in pieces.
pub struct Hasher {
    algorithm: DigestAlgorithm,
    context: hash::Context,
}

impl Hasher {
    /// Start a hash.
    pub fn new(algorithm: DigestAlgorithm) -> Self {
        Self {
            algorithm,
            context: hash::Context::new(algorithm.function()),
        }
    }

    /// Add the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// The digest of all pieces.
    pub fn finish(self) -> Digest {
        let algorithm = self.algorithm;
        let mut text = String::with_capacity(7 + algorithm.hex_digits());
        text.push_str(algorithm.as_str());
        text.push(':');
        for byte in self.context.finish().as_ref() {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
        }
        Digest {
            algorithm,
            text: text.into(),
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMPTY_OBJECT: &str =
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    #[test]
    fn known_hash_of_the_empty_object() {
        assert_eq!(Digest::sha256(b"{}").as_str(), EMPTY_OBJECT);
        assert_eq!(
            Digest::sha256(b"{}").referrers_tag(),
            EMPTY_OBJECT.replace(':', "-")
        );
        let long = Digest::of(DigestAlgorithm::Sha512, b"{}").referrers_tag();
        assert_eq!(long.len(), "sha512-".len() + 64, "{long}");
        assert_eq!(Digest::of(DigestAlgorithm::Sha384, b"{}").hex().len(), 96);
        assert_eq!(Digest::of(DigestAlgorithm::Sha512, b"{}").hex().len(), 128);
    }

    #[test]
    fn att_36_only_the_strict_grammar_is_a_digest() {
        let hex = &EMPTY_OBJECT[7..];
        for bad in [
            String::new(),
            "sha256".into(),
            "sha256:".into(),
            hex.to_owned(),
            format!("sha256:{}", hex.to_uppercase()),
            format!("SHA256:{hex}"),
            format!("md5:{}", &hex[..32]),
            format!("sha512:{hex}"),
            format!("sha256:{hex}0"),
            format!("sha256:{}", &hex[1..]),
            format!("sha256:{hex}\n"),
            format!(" sha256:{hex}"),
            format!("sha256:../{}", &hex[3..]),
        ] {
            assert!(
                bad.parse::<Digest>().is_err(),
                "`{bad}` was taken for a digest"
            );
        }
        assert!(EMPTY_OBJECT.parse::<Digest>().is_ok());
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused_and_round_trips(text in ".{0,140}") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.to_string(), text);
            }
        }

        #[test]
        fn pieces_hash_like_the_whole(a: Vec<u8>, b: Vec<u8>) {
            let mut hasher = Hasher::new(DigestAlgorithm::Sha512);
            hasher.update(&a);
            hasher.update(&b);
            let digest = hasher.finish();
            prop_assert_eq!(&digest, &Digest::of(DigestAlgorithm::Sha512, &[a, b].concat()));
            prop_assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
        }
    }
}
