//! Media types that have a meaning for registries (OCI image specification 1.1, Docker image manifest v2).

/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI artifact manifest, retired before OCI 1.1 was final; some registries still hold some.
pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
/// Docker image manifest, version 2 schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The empty JSON object `{}` used as a placeholder config (OCI image specification 1.1, "Guidance for an Empty Descriptor").
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// The manifest media types this project reads, most wanted first; the value of an `Accept` header.
pub const MANIFESTS: [&str; 5] = [
    OCI_MANIFEST,
    OCI_INDEX,
    DOCKER_MANIFEST,
    DOCKER_LIST,
    OCI_ARTIFACT,
];

/// The media type in front of any parameter, without surrounding blanks: `a/b; charset=x` is `a/b`.
pub fn essence(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}
