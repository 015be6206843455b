//! Tiny images, indexes, and the manifests that attach signatures to them. Never looks into a manifest it did not make.

use std::collections::BTreeMap;

use bytes::Bytes;
use ratify_oci::{self as oci, Descriptor, Digest, Platform, media};
use serde::Serialize;

use crate::certs::Chain;
use crate::envelope::{Format, SIGNATURE_ARTIFACT_TYPE};

/// Annotation with the certificates' SHA-256 hashes (N D-30).
pub const THUMBPRINT_ANNOTATION: &str = "io.cncf.notary.x509chain.thumbprint#S256";
/// Content of the empty config.
const EMPTY_JSON: &[u8] = b"{}";
const CONFIG_MEDIA_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_MEDIA_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";

/// A manifest in bytes, its descriptor, and the blobs it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// What the registry says of it.
    pub descriptor: Descriptor,
    /// The manifest.
    pub bytes: Bytes,
    /// Blobs that belong to it.
    pub blobs: Vec<Bytes>,
}

/// What a registry says of these bytes: type, SHA-256 digest and size.
pub fn describe(media_type: &str, bytes: &[u8]) -> Descriptor {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Descriptor::new(media_type, Digest::sha256(bytes), size)
}

fn pack<T: Serialize>(media_type: &str, manifest: &T, blobs: Vec<Bytes>) -> Packed {
    let bytes = serde_json::to_vec(manifest).unwrap_or_default();
    Packed {
        descriptor: describe(media_type, &bytes),
        bytes: bytes.into(),
        blobs,
    }
}

/// An image with one small layer. Two of the same name are the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    packed: Packed,
}

impl Image {
    /// An OCI image for linux/amd64.
    pub fn new(name: &str) -> Self {
        Self::of_type(name, media::OCI_MANIFEST, "linux", "amd64")
    }

    /// An image with a Docker manifest.
    pub fn docker(name: &str) -> Self {
        Self::of_type(name, media::DOCKER_MANIFEST, "linux", "amd64")
    }

    fn of_type(name: &str, media_type: &str, os: &str, architecture: &str) -> Self {
        let layer = format!("layer of {name} for {os}/{architecture}\n").into_bytes();
        let config = serde_json::json!({
            "architecture": architecture,
            "os": os,
            "rootfs": { "type": "layers", "diff_ids": [Digest::sha256(&layer).as_str()] },
        });
        let config = config.to_string().into_bytes();
        let manifest = oci::Image {
            schema_version: 2,
            media_type: Some(media_type.to_owned()),
            artifact_type: None,
            config: describe(CONFIG_MEDIA_TYPE, &config),
            layers: vec![describe(LAYER_MEDIA_TYPE, &layer)],
            subject: None,
            annotations: BTreeMap::new(),
        };
        Self {
            packed: pack(media_type, &manifest, vec![config.into(), layer.into()]),
        }
    }

    /// Type, digest and size of the manifest: what a signature is about.
    pub fn descriptor(&self) -> &Descriptor {
        &self.packed.descriptor
    }

    /// Manifest and blobs.
    pub fn packed(&self) -> &Packed {
        &self.packed
    }
}

/// Images for several platforms under one index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageIndex {
    packed: Packed,
    images: Vec<Image>,
}

impl ImageIndex {
    /// An OCI index for linux/amd64 and linux/arm64.
    pub fn new(name: &str) -> Self {
        Self::for_platforms(name, &[("linux", "amd64"), ("linux", "arm64")])
    }

    /// An OCI index for these operating systems and architectures.
    pub fn for_platforms(name: &str, platforms: &[(&str, &str)]) -> Self {
        let mut manifests = Vec::new();
        let mut images = Vec::new();
        for (os, architecture) in platforms {
            let image = Image::of_type(name, media::OCI_MANIFEST, os, architecture);
            let mut entry = image.descriptor().clone();
            entry.platform = Some(Platform {
                architecture: (*architecture).to_owned(),
                os: (*os).to_owned(),
                variant: None,
                os_version: None,
            });
            manifests.push(entry);
            images.push(image);
        }
        Self {
            packed: pack(media::OCI_INDEX, &index(manifests), Vec::new()),
            images,
        }
    }

    /// Type, digest and size of the index.
    pub fn descriptor(&self) -> &Descriptor {
        &self.packed.descriptor
    }

    /// The index itself.
    pub fn packed(&self) -> &Packed {
        &self.packed
    }

    /// The images in it.
    pub fn images(&self) -> &[Image] {
        &self.images
    }
}

/// An OCI index with these entries: a multi-platform image or a list of referrers.
pub(crate) fn index(manifests: Vec<Descriptor>) -> oci::Index {
    oci::Index {
        schema_version: 2,
        media_type: Some(media::OCI_INDEX.to_owned()),
        artifact_type: None,
        manifests,
        subject: None,
        annotations: BTreeMap::new(),
    }
}

/// A signature manifest to be (N D-20 to D-32). Valid by default, in the form that `notation` 1.3 writes: no `artifactType`,
/// config of type [`SIGNATURE_ARTIFACT_TYPE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureManifest {
    manifest: oci::Image,
    blobs: Vec<Bytes>,
}

impl SignatureManifest {
    /// A manifest that attaches `envelope` to `subject`.
    pub fn new(subject: &Descriptor, format: Format, envelope: &[u8]) -> Self {
        Self::of_media_type(subject, format.media_type(), envelope)
    }

    /// The same with any media type for the envelope's layer.
    pub fn of_media_type(subject: &Descriptor, layer_media_type: &str, envelope: &[u8]) -> Self {
        let subject = Descriptor::new(
            subject.media_type.clone(),
            subject.digest.clone(),
            subject.size,
        );
        Self {
            manifest: oci::Image {
                schema_version: 2,
                media_type: Some(media::OCI_MANIFEST.to_owned()),
                artifact_type: None,
                config: describe(SIGNATURE_ARTIFACT_TYPE, EMPTY_JSON),
                layers: vec![describe(layer_media_type, envelope)],
                subject: Some(subject),
                annotations: BTreeMap::new(),
            },
            blobs: vec![
                Bytes::from_static(EMPTY_JSON),
                Bytes::copy_from_slice(envelope),
            ],
        }
    }

    /// In the OCI 1.1 form (N D-23): `artifactType` and the empty config.
    #[must_use]
    pub fn with_artifact_type(mut self) -> Self {
        self.manifest.artifact_type = Some(SIGNATURE_ARTIFACT_TYPE.to_owned());
        media::OCI_EMPTY.clone_into(&mut self.manifest.config.media_type);
        self
    }

    /// With the thumbprint annotation for these certificates, lower-case hex as `notation` writes it.
    #[must_use]
    pub fn thumbprints(mut self, chain: &Chain) -> Self {
        let prints = chain
            .certificates
            .iter()
            .map(|der| Digest::sha256(der).hex().to_owned());
        let prints = serde_json::json!(prints.collect::<Vec<_>>()).to_string();
        let annotations = &mut self.manifest.annotations;
        annotations.insert(THUMBPRINT_ANNOTATION.to_owned(), prints);
        self
    }

    /// With the layer's bytes in the descriptor as well (`data`).
    #[must_use]
    pub fn embed_data(mut self) -> Self {
        use base64::Engine;
        let blobs = self.blobs.clone();
        for layer in &mut self.manifest.layers {
            let blob = blobs
                .iter()
                .find(|blob| Digest::sha256(blob) == layer.digest);
            layer.data = blob.map(|blob| base64::engine::general_purpose::STANDARD.encode(blob));
        }
        self
    }

    /// With one more layer.
    #[must_use]
    pub fn with_layer(mut self, media_type: &str, bytes: &[u8]) -> Self {
        self.manifest.layers.push(describe(media_type, bytes));
        self.blobs.push(Bytes::copy_from_slice(bytes));
        self
    }

    /// With another subject, or none.
    #[must_use]
    pub fn subject(mut self, subject: Option<Descriptor>) -> Self {
        self.manifest.subject = subject;
        self
    }

    /// Any other change of the manifest.
    #[must_use]
    pub fn edit(mut self, edit: impl FnOnce(&mut oci::Image)) -> Self {
        edit(&mut self.manifest);
        self
    }

    /// Manifest bytes, descriptor and blobs.
    pub fn build(self) -> Signature {
        let artifact_type = match &self.manifest.artifact_type {
            Some(artifact_type) => artifact_type.clone(),
            None => self.manifest.config.media_type.clone(),
        };
        let packed = pack(media::OCI_MANIFEST, &self.manifest, self.blobs);
        Signature {
            manifest: self.manifest,
            packed,
            artifact_type,
        }
    }
}

/// A signature manifest, ready to be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    manifest: oci::Image,
    packed: Packed,
    artifact_type: String,
}

impl Signature {
    /// The manifest as a value.
    pub fn manifest(&self) -> &oci::Image {
        &self.manifest
    }

    /// Manifest bytes and blobs.
    pub fn packed(&self) -> &Packed {
        &self.packed
    }

    /// Type, digest and size of the manifest.
    pub fn descriptor(&self) -> &Descriptor {
        &self.packed.descriptor
    }

    /// The descriptor as a listing of referrers shows it: with artifact type and annotations
    /// (OCI distribution specification 1.1, "Listing Referrers").
    pub fn referrer(&self) -> Descriptor {
        let mut descriptor = self.packed.descriptor.clone();
        descriptor.artifact_type = Some(self.artifact_type.clone());
        descriptor
            .annotations
            .clone_from(&self.manifest.annotations);
        descriptor
    }
}
