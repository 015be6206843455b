//! Manifests: what a registry keeps under a tag or digest (OCI image specification 1.1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::descriptor::null_is_default;
use crate::object::read_from_objects;
use crate::{Descriptor, media};

/// An image manifest: an image, or an artifact such as a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase")]
pub struct Image {
    /// Always 2.
    pub schema_version: u8,
    /// Its own type, where written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What kind of artifact this is, when it is not an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Configuration blob.
    pub config: Descriptor,
    /// Content blobs.
    #[serde(default, deserialize_with = "null_is_default")]
    pub layers: Vec<Descriptor>,
    /// What this artifact is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free key and value pairs. Unsigned.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
}

/// An index: images for several platforms, or a list of referrers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u8,
    /// Its own type, where written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What kind of artifact this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The entries.
    #[serde(default, deserialize_with = "null_is_default")]
    pub manifests: Vec<Descriptor>,
    /// What this index is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free key and value pairs. Unsigned.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
}

/// The artifact manifest that was retired before OCI 1.1 was final; still found in registries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase")]
pub struct RetiredArtifact {
    /// Its own type.
    pub media_type: String,
    /// What kind of artifact this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Content blobs.
    #[serde(default, deserialize_with = "null_is_default")]
    pub blobs: Vec<Descriptor>,
    /// What this artifact is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free key and value pairs. Unsigned.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
}

read_from_objects!(Image, Index, RetiredArtifact);

/// A manifest of one of the kinds this project reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manifest {
    /// OCI or Docker image manifest.
    Image(Box<Image>),
    /// OCI index or Docker manifest list.
    Index(Index),
    /// Retired OCI artifact manifest.
    RetiredArtifact(RetiredArtifact),
}

/// Why bytes are not a manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The media type is none of those in [`media::MANIFESTS`].
    #[error("media type `{0}` is not a manifest type this program reads")]
    MediaType(String),
    /// Broken JSON, a missing member, or a member that stands twice.
    #[error("manifest of type `{media_type}` is malformed at line {} column {}", .source.line(), .source.column())]
    Json {
        /// The type it should have.
        media_type: String,
        /// What the JSON parser found.
        source: serde_json::Error,
    },
    /// `mediaType` inside the manifest differs from the type it was served with (attack catalogue T-35).
    #[error("manifest says its media type is `{inside}`, expected `{outside}` as served")]
    TypeConfusion {
        /// `mediaType` in the JSON.
        inside: String,
        /// `Content-Type` or descriptor.
        outside: String,
    },
    /// Members of an image (`config`, `layers`) and of an index (`manifests`) at once (attack catalogue T-35).
    #[error(
        "manifest of type `{media_type}` has the member `{member}` of another kind of manifest"
    )]
    MixedKinds {
        /// The type it was served with.
        media_type: String,
        /// The member that must not be there.
        member: &'static str,
    },
    /// `schemaVersion` is not 2.
    #[error("manifest has `schemaVersion` {0}, expected 2")]
    SchemaVersion(u8),
}

/// Which members are there, before their kind is known.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    media_type: Option<String>,
    config: Option<serde::de::IgnoredAny>,
    layers: Option<serde::de::IgnoredAny>,
    manifests: Option<serde::de::IgnoredAny>,
    blobs: Option<serde::de::IgnoredAny>,
}

impl Manifest {
    /// Read `bytes` as a manifest of type `media_type` (of the descriptor, or the `Content-Type` it was served with;
    /// parameters are ignored).
    ///
    /// Docker lets `mediaType` be absent in OCI manifests only; where present it must agree with `media_type`.
    pub fn parse(media_type: &str, bytes: &[u8]) -> Result<Self, ManifestError> {
        let media_type = media::essence(media_type);
        let json = |source| ManifestError::Json {
            media_type: media_type.to_owned(),
            source,
        };
        if !media::MANIFESTS.contains(&media_type) {
            return Err(ManifestError::MediaType(
                media_type.chars().take(200).collect(),
            ));
        }
        let shape: Shape = serde_json::from_slice(bytes).map_err(json)?;
        shape.agrees_with(media_type)?;
        let manifest = match media_type {
            media::OCI_INDEX | media::DOCKER_LIST => {
                Self::Index(serde_json::from_slice(bytes).map_err(json)?)
            }
            media::OCI_ARTIFACT => {
                Self::RetiredArtifact(serde_json::from_slice(bytes).map_err(json)?)
            }
            _ => Self::Image(Box::new(serde_json::from_slice(bytes).map_err(json)?)),
        };
        let schema_version = match &manifest {
            Self::Image(image) => image.schema_version,
            Self::Index(index) => index.schema_version,
            Self::RetiredArtifact(_) => 2,
        };
        if schema_version == 2 {
            Ok(manifest)
        } else {
            Err(ManifestError::SchemaVersion(schema_version))
        }
    }

    /// What this manifest is about, if anything.
    pub fn subject(&self) -> Option<&Descriptor> {
        match self {
            Self::Image(image) => image.subject.as_ref(),
            Self::Index(index) => index.subject.as_ref(),
            Self::RetiredArtifact(artifact) => artifact.subject.as_ref(),
        }
    }
}

impl Shape {
    fn agrees_with(&self, media_type: &str) -> Result<(), ManifestError> {
        if let Some(inside) = self
            .media_type
            .as_deref()
            .filter(|inside| *inside != media_type)
        {
            return Err(ManifestError::TypeConfusion {
                inside: inside.chars().take(200).collect(),
                outside: media_type.to_owned(),
            });
        }
        let members = [
            ("config", self.config.is_some()),
            ("layers", self.layers.is_some()),
            ("manifests", self.manifests.is_some()),
            ("blobs", self.blobs.is_some()),
        ];
        let allowed: &[&str] = match media_type {
            media::OCI_INDEX | media::DOCKER_LIST => &["manifests"],
            media::OCI_ARTIFACT => &["blobs"],
            _ => &["config", "layers"],
        };
        match members
            .iter()
            .find(|(name, there)| *there && !allowed.contains(name))
        {
            Some((member, _)) => Err(ManifestError::MixedKinds {
                media_type: media_type.to_owned(),
                member,
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> String {
        format!(
            r#""config":{{"mediaType":"{}","digest":"{}","size":2}}"#,
            media::OCI_EMPTY,
            crate::Digest::sha256(b"{}")
        )
    }

    #[test]
    fn reads_images_indexes_and_retired_artifacts() {
        let image = format!(r#"{{"schemaVersion":2,{},"layers":null}}"#, config());
        assert!(
            matches!(Manifest::parse(media::OCI_MANIFEST, image.as_bytes()), Ok(Manifest::Image(image)) if image.layers.is_empty())
        );
        let typed = format!("{}; charset=utf-8", media::OCI_MANIFEST);
        assert!(Manifest::parse(&typed, image.as_bytes()).is_ok());
        let index = br#"{"schemaVersion":2,"manifests":null}"#;
        assert!(matches!(
            Manifest::parse(media::OCI_INDEX, index),
            Ok(Manifest::Index(_))
        ));
        let artifact = format!(r#"{{"mediaType":"{}","blobs":[]}}"#, media::OCI_ARTIFACT);
        assert!(matches!(
            Manifest::parse(media::OCI_ARTIFACT, artifact.as_bytes()),
            Ok(Manifest::RetiredArtifact(_))
        ));
    }

    #[test]
    fn att_35_a_manifest_is_of_one_kind() {
        let both = format!(
            r#"{{"schemaVersion":2,{},"layers":[],"manifests":[]}}"#,
            config()
        );
        for media_type in [media::OCI_MANIFEST, media::OCI_INDEX, media::DOCKER_LIST] {
            let refused = Manifest::parse(media_type, both.as_bytes());
            assert!(
                matches!(refused, Err(ManifestError::MixedKinds { .. })),
                "{refused:?}"
            );
        }
        let lying = format!(
            r#"{{"schemaVersion":2,"mediaType":"{}",{},"layers":[]}}"#,
            media::OCI_INDEX,
            config()
        );
        assert!(matches!(
            Manifest::parse(media::OCI_MANIFEST, lying.as_bytes()),
            Err(ManifestError::TypeConfusion { .. })
        ));
    }

    #[test]
    fn refuses_what_is_not_a_manifest() {
        let none = Manifest::parse("text/html", b"<html>");
        assert!(matches!(none, Err(ManifestError::MediaType(_))));
        for bad in [
            &b""[..],
            b"[]",
            b"{",
            b"{}",
            b"{\"schemaVersion\":2}",
            b"\xff",
        ] {
            assert!(Manifest::parse(media::OCI_MANIFEST, bad).is_err());
        }
        let one = format!(r#"{{"schemaVersion":1,{}}}"#, config());
        assert!(matches!(
            Manifest::parse(media::OCI_MANIFEST, one.as_bytes()),
            Err(ManifestError::SchemaVersion(1))
        ));
        let twice = format!(r#"{{"schemaVersion":2,{},{}}}"#, config(), config());
        assert!(matches!(
            Manifest::parse(media::OCI_MANIFEST, twice.as_bytes()),
            Err(ManifestError::Json { .. })
        ));
    }

    #[test]
    fn att_35_an_array_is_no_manifest() {
        let config = format!("{{{}}}", config());
        let config = &config[10..config.len() - 1];
        let array = format!("[2,null,null,{config},[],null,{{}}]");
        let refused = Manifest::parse(media::OCI_MANIFEST, array.as_bytes());
        assert!(
            matches!(refused, Err(ManifestError::Json { .. })),
            "{refused:?}"
        );
        let index = Manifest::parse(media::OCI_INDEX, b"[2,null,null,[],null,{}]");
        assert!(
            matches!(index, Err(ManifestError::Json { .. })),
            "{index:?}"
        );
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, kind in 0_usize..5) {
            let _ = Manifest::parse(media::MANIFESTS[kind], &bytes);
        }
    }
}
