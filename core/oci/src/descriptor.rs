//! Descriptors (OCI image specification 1.1, "OCI Content Descriptors").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::object::read_from_objects;

/// What a registry says about a piece of content: its type, digest and size.
///
/// `null` is read as absent, as Go servers write it. A size below zero, a fraction or a digest of unknown form is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase")]
pub struct Descriptor {
    /// Type of the content.
    pub media_type: String,
    /// Digest of the content.
    pub digest: Digest,
    /// Number of bytes.
    pub size: u64,
    /// Type of the artifact when the content is a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Places to download from. Never followed.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub urls: Vec<String>,
    /// Free key and value pairs. Unsigned.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// The content itself in standard base64, to save a request. Check it like fetched bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// What machine an image in an index is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// What machine an image is for (OCI image specification 1.1, "platform" of an index entry).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Platform {
    /// CPU, as Go names it.
    pub architecture: String,
    /// Operating system, as Go names it.
    pub os: String,
    /// CPU variant, such as `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Version of the operating system.
    #[serde(
        rename = "os.version",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub os_version: Option<String>,
}

read_from_objects!(Descriptor, Platform);

impl Descriptor {
    /// A descriptor with the three required members.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            artifact_type: None,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
            data: None,
            platform: None,
        }
    }

    /// Whether both name the same content: media type, digest and size are equal. Nothing else takes part
    /// (Notary Project trust store and trust policy, "content descriptor"; rule Y-03).
    pub fn same_content(&self, other: &Self) -> bool {
        self.media_type == other.media_type
            && self.digest == other.digest
            && self.size == other.size
    }
}

/// Read `null` as the default value.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_servers_write_and_refuses_nonsense() {
        let digest = Digest::sha256(b"{}");
        let read = |json: String| serde_json::from_str::<Descriptor>(&json);
        let good = read(format!(
            r#"{{"mediaType":"a/b","digest":"{digest}","size":2,"annotations":null,"urls":null,"unknown":1}}"#
        ));
        assert_eq!(good.unwrap(), Descriptor::new("a/b", digest.clone(), 2));
        for bad in ["-1", "2.5", "\"2\"", "null", "18446744073709551616"] {
            let json = format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":{bad}}}"#);
            assert!(read(json).is_err(), "size {bad} was read");
        }
        assert!(read(r#"{"mediaType":"a/b","digest":"sha256:zz","size":2}"#.into()).is_err());
        let twice = format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":2,"size":3}}"#);
        assert!(read(twice).is_err(), "a member that stands twice was read");
        let array = format!(r#"["a/b","{digest}",2]"#);
        assert!(read(array).is_err(), "an array was read as an object");
    }
}
