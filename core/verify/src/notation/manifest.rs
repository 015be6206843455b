//! The signature as an artifact: its manifest in the registry (N 1, D-20 to D-32).
//!
//! Nothing in a manifest is signed. It only says where the envelope lies and which image it is attached to; both are
//! checked, and annotations (also the thumbprints) never take part (N D-30, D-32).

use ratify_oci::{Content, Descriptor, Image, Manifest, ManifestError, media};

use super::envelope::EnvelopeFormat;
use super::{MAX_ENVELOPE, MAX_MANIFEST, SIGNATURE_ARTIFACT_TYPE};
use crate::ReasonCode;
use crate::json::{self, JsonError};

/// The deepest nesting of a signature manifest. OCI's own members nest three deep.
const MAX_DEPTH: usize = 16;

/// The members whose twin in another case would be read by Go programs (N P-09).
const MEMBERS: [&str; 6] = [
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "subject",
    "schemaVersion",
];

/// Why an artifact is not a signature of the image.
#[derive(Debug, thiserror::Error)]
pub(super) enum SignatureManifestError {
    /// N D-20.
    #[error("the signature's manifest has media type `{0}`, expected `{OCI}`", OCI = media::OCI_MANIFEST)]
    MediaType(String),
    /// N D-21, D-28.
    #[error("the signature's {part} has {found} bytes, expected at most {limit}")]
    TooLarge {
        /// `manifest` or `envelope`.
        part: &'static str,
        /// Announced size.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// N P-09.
    #[error("the signature's manifest is not strict JSON")]
    Json(#[from] JsonError),
    /// Not an object, or a member differs from a known one only by case.
    #[error("the signature's manifest has `{found}`, expected {expected}")]
    Shape {
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// Not an OCI image manifest.
    #[error("the signature's manifest cannot be read")]
    Manifest(#[from] ManifestError),
    /// N D-23.
    #[error(
        "the signature's manifest has artifact type `{0}`, expected `{SIGNATURE_ARTIFACT_TYPE}`"
    )]
    ArtifactType(String),
    /// Listed under a type that its manifest cannot have: the policy would count it as an artifact of that type.
    #[error(
        "the signature is listed with artifact type `{0}`, expected `{SIGNATURE_ARTIFACT_TYPE}`"
    )]
    ListedType(String),
    /// N D-23, D-24.
    #[error("the signature's manifest has a config of type `{found}`, expected `{expected}`")]
    Config {
        /// What it is.
        found: String,
        /// What it should be, given that there is or is not an artifact type.
        expected: &'static str,
    },
    /// N D-25.
    #[error("the signature's manifest has no subject, expected `{0}`")]
    NoSubject(String),
    /// N D-25, attack catalogue T-54, T-58.
    #[error(
        "the signature is attached to `{}` ({}, {} bytes), expected `{}` ({}, {} bytes)",
        .found.digest, .found.media_type, .found.size, .judged.digest, .judged.media_type, .judged.size
    )]
    Subject {
        /// The subject that the manifest names.
        found: Box<Descriptor>,
        /// The image being judged.
        judged: Box<Descriptor>,
    },
    /// N D-26.
    #[error("the signature's manifest has {0} layers, expected 1")]
    Layers(usize),
    /// N D-27.
    #[error(
        "the signature's layer has media type `{0}`, expected `application/jose+json` or `application/cose`"
    )]
    Format(String),
}

impl SignatureManifestError {
    pub(super) fn code(&self) -> ReasonCode {
        match self {
            Self::TooLarge { .. } => ReasonCode::SignatureUnavailable,
            Self::Subject { .. } => ReasonCode::SubjectMismatch,
            Self::Format(_) => ReasonCode::EnvelopeUnsupported,
            Self::MediaType(_)
            | Self::Json(_)
            | Self::Shape { .. }
            | Self::Manifest(_)
            | Self::ArtifactType(_)
            | Self::ListedType(_)
            | Self::Config { .. }
            | Self::NoSubject(_)
            | Self::Layers(_) => ReasonCode::SignatureManifestInvalid,
        }
    }
}

/// Where the envelope lies and how to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SignatureLayer {
    pub(super) descriptor: Descriptor,
    pub(super) format: EnvelopeFormat,
}

/// Check a listed artifact before anything is fetched (N D-20, D-21).
pub(super) fn check_listed(descriptor: &Descriptor) -> Result<(), SignatureManifestError> {
    if descriptor.media_type != media::OCI_MANIFEST {
        return Err(SignatureManifestError::MediaType(
            descriptor.media_type.clone(),
        ));
    }
    check_size("manifest", descriptor.size, MAX_MANIFEST)
}

/// What proved to be a signature must not be listed as something else: a policy counts it under the type of the listing.
pub(super) fn check_listed_type(descriptor: &Descriptor) -> Result<(), SignatureManifestError> {
    match descriptor.artifact_type.as_deref() {
        None | Some("" | SIGNATURE_ARTIFACT_TYPE) => Ok(()),
        Some(other) => Err(SignatureManifestError::ListedType(other.to_owned())),
    }
}

/// Read the manifest of a signature that is said to be about `subject`.
pub(super) fn parse(
    content: &Content,
    subject: &Descriptor,
) -> Result<SignatureLayer, SignatureManifestError> {
    let image = parse_image(content.bytes())?;
    check_type(&image)?;
    check_subject(&image, subject)?;
    let [layer] = image.layers.as_slice() else {
        return Err(SignatureManifestError::Layers(image.layers.len()));
    };
    let format = EnvelopeFormat::from_media_type(&layer.media_type)
        .ok_or_else(|| SignatureManifestError::Format(layer.media_type.clone()))?;
    check_size("envelope", layer.size, MAX_ENVELOPE)?;
    Ok(SignatureLayer {
        descriptor: layer.clone(),
        format,
    })
}

fn parse_image(bytes: &[u8]) -> Result<Image, SignatureManifestError> {
    let shape = |found: &str, expected: String| SignatureManifestError::Shape {
        found: found.chars().take(100).collect(),
        expected,
    };
    let value = json::parse_strict(bytes, MAX_DEPTH)?;
    let object = value
        .as_object()
        .ok_or_else(|| shape(value.kind(), "an object".to_owned()))?;
    if let Some((found, known)) = object.case_variant(&MEMBERS) {
        return Err(shape(found, format!("`{known}`")));
    }
    match Manifest::parse(media::OCI_MANIFEST, bytes)? {
        Manifest::Image(image) => Ok(*image),
        // unreachable by the media type; refused all the same
        Manifest::Index(_) | Manifest::RetiredArtifact(_) => Err(shape(
            "another kind of manifest",
            "an image manifest".to_owned(),
        )),
    }
}

/// The two forms of the specification: artifact type with an empty config, or the type in the config (N D-23, D-24).
fn check_type(image: &Image) -> Result<(), SignatureManifestError> {
    let expected = match image.artifact_type.as_deref() {
        Some(SIGNATURE_ARTIFACT_TYPE) => media::OCI_EMPTY,
        Some(other) => return Err(SignatureManifestError::ArtifactType(other.to_owned())),
        None => SIGNATURE_ARTIFACT_TYPE,
    };
    if image.config.media_type == expected {
        return Ok(());
    }
    Err(SignatureManifestError::Config {
        found: image.config.media_type.clone(),
        expected,
    })
}

fn check_subject(image: &Image, judged: &Descriptor) -> Result<(), SignatureManifestError> {
    match &image.subject {
        Some(found) if found.same_content(judged) => Ok(()),
        Some(found) => Err(SignatureManifestError::Subject {
            found: Box::new(found.clone()),
            judged: Box::new(judged.clone()),
        }),
        None => Err(SignatureManifestError::NoSubject(judged.digest.to_string())),
    }
}

fn check_size(part: &'static str, found: u64, limit: u64) -> Result<(), SignatureManifestError> {
    if found <= limit {
        return Ok(());
    }
    Err(SignatureManifestError::TooLarge { part, found, limit })
}
