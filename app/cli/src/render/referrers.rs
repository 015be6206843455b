//! What is attached to an image, as `ratify discover` and `ratify referrer show-manifest` of v1.4 print it (V 1.4).

use std::collections::BTreeMap;

use ratify_oci::{Descriptor, Manifest, Platform, media};
use serde::Serialize;

use super::printable;

/// An artifact and what is attached to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Branch {
    /// The artifact.
    pub(crate) descriptor: Descriptor,
    /// What refers to it.
    pub(crate) children: Vec<Self>,
}

/// What one store lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreReferrers {
    /// Name of the store.
    pub(crate) store: String,
    /// What it lists for the image.
    pub(crate) branches: Vec<Branch>,
}

/// The tree: the image, below it the stores, below them `[type]digest`. One empty line follows, as in v1.4.
pub(crate) fn tree(image: &str, stores: &[StoreReferrers]) -> String {
    let mut text = format!("{}\n", printable(image));
    for (place, store) in stores.iter().enumerate() {
        let last = place + 1 == stores.len();
        node(&mut text, "", last, &store.store);
        branches(&mut text, indent(last), &store.branches);
    }
    text.push('\n');
    text
}

fn branches(text: &mut String, prefix: &str, siblings: &[Branch]) {
    for (place, branch) in siblings.iter().enumerate() {
        let last = place + 1 == siblings.len();
        let artifact_type = branch
            .descriptor
            .artifact_type
            .as_deref()
            .unwrap_or_default();
        node(
            text,
            prefix,
            last,
            &format!("[{artifact_type}]{}", branch.descriptor.digest),
        );
        branches(text, &format!("{prefix}{}", indent(last)), &branch.children);
    }
}

fn node(text: &mut String, prefix: &str, last: bool, label: &str) {
    let corner = if last { "└── " } else { "├── " };
    text.push_str(prefix);
    text.push_str(corner);
    text.push_str(&printable(label));
    text.push('\n');
}

fn indent(last: bool) -> &'static str {
    if last { "    " } else { "│   " }
}

/// The flat list of one store: what is attached to artifacts comes before the artifacts.
#[derive(Debug, Serialize)]
pub(crate) struct FlatV1<'a> {
    #[serde(rename = "storeName")]
    store: &'a str,
    #[serde(rename = "References", skip_serializing_if = "Vec::is_empty")]
    references: Vec<DescriptorV1<'a>>,
}

/// The flat lists of all stores.
pub(crate) fn flat<'a>(stores: &'a [StoreReferrers]) -> Vec<FlatV1<'a>> {
    let list = |one: &'a StoreReferrers| {
        let mut references = Vec::new();
        flatten(&one.branches, &mut references);
        FlatV1 {
            store: &one.store,
            references,
        }
    };
    stores.iter().map(list).collect()
}

fn flatten<'a>(siblings: &'a [Branch], list: &mut Vec<DescriptorV1<'a>>) {
    for branch in siblings {
        flatten(&branch.children, list);
    }
    list.extend(
        siblings
            .iter()
            .map(|branch| DescriptorV1::from(&branch.descriptor)),
    );
}

/// A descriptor with its members in Go's order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DescriptorV1<'a> {
    media_type: &'a str,
    digest: &'a str,
    size: u64,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    urls: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<&'a Platform>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
}

impl<'a> From<&'a Descriptor> for DescriptorV1<'a> {
    fn from(descriptor: &'a Descriptor) -> Self {
        Self {
            media_type: &descriptor.media_type,
            digest: descriptor.digest.as_str(),
            size: descriptor.size,
            urls: &descriptor.urls,
            annotations: &descriptor.annotations,
            data: descriptor.data.as_deref(),
            platform: descriptor.platform.as_ref(),
            artifact_type: descriptor.artifact_type.as_deref(),
        }
    }
}

/// The manifest of an artifact, whatever its kind, as `show-manifest` was meant to print it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ManifestV1<'a> {
    media_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    blobs: Vec<DescriptorV1<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<DescriptorV1<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

impl<'a> ManifestV1<'a> {
    /// The manifest, served as `media_type`; `None` if it is an index, which is no artifact's manifest.
    ///
    /// The artifact type of an image manifest is the type of its configuration, unless that is the empty one.
    pub(crate) fn new(media_type: &'a str, manifest: &'a Manifest) -> Option<Self> {
        let (artifact_type, blobs, annotations) = match manifest {
            Manifest::Image(image) => {
                let config = image.config.media_type.as_str();
                let artifact_type = if config == media::OCI_EMPTY {
                    image.artifact_type.as_deref()
                } else {
                    Some(config)
                };
                (artifact_type, &image.layers, &image.annotations)
            }
            Manifest::RetiredArtifact(artifact) => (
                artifact.artifact_type.as_deref(),
                &artifact.blobs,
                &artifact.annotations,
            ),
            Manifest::Index(_) => return None,
        };
        Some(Self {
            media_type,
            artifact_type,
            blobs: blobs.iter().map(DescriptorV1::from).collect(),
            subject: manifest.subject().map(DescriptorV1::from),
            annotations,
        })
    }
}

#[cfg(test)]
mod tests {
    use ratify_oci::Digest;

    use super::*;
    use crate::render::json;

    fn branch(artifact_type: &str, content: &[u8], children: Vec<Branch>) -> Branch {
        let mut descriptor = Descriptor::new("m/t", Digest::sha256(content), 2);
        descriptor.artifact_type = Some(artifact_type.to_owned());
        Branch {
            descriptor,
            children,
        }
    }

    fn stores() -> Vec<StoreReferrers> {
        let nested = branch("text/nested", b"n", Vec::new());
        let branches = vec![
            branch("a/sbom", b"{}", vec![nested]),
            branch("a/sig\u{1b}[2J", b"[]", Vec::new()),
        ];
        vec![
            StoreReferrers {
                store: "oras".to_owned(),
                branches,
            },
            StoreReferrers {
                store: "other".to_owned(),
                branches: Vec::new(),
            },
        ]
    }

    #[test]
    fn v_1_4_tree_looks_like_that_of_v1_4() {
        assert_eq!(
            tree("reg.io/app:v1", &stores()),
            "\
reg.io/app:v1
├── oras
│   ├── [a/sbom]sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
│   │   └── [text/nested]sha256:1b16b1df538ba12dc3f97edbb85caa7050d46c148134290feba80f8236c83db9
│   └── [a/sig\\u{1b}[2J]sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945
└── other

"
        );
    }

    #[test]
    fn v_1_4_flat_list_has_descendants_first_and_a_capital_r() {
        let stores = stores();
        let value = serde_json::to_value(flat(&stores)).unwrap();
        let types: Vec<_> = value[0]["References"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["artifactType"].clone())
            .collect();
        assert_eq!(types, ["text/nested", "a/sbom", "a/sig\u{1b}[2J"]);
        assert_eq!(
            json(&flat(&stores[1..])),
            "[\n  {\n    \"storeName\": \"other\"\n  }\n]\n"
        );
        let first = serde_json::to_string(&flat(&stores)[0].references[0]).unwrap();
        assert_eq!(
            first,
            r#"{"mediaType":"m/t","digest":"sha256:1b16b1df538ba12dc3f97edbb85caa7050d46c148134290feba80f8236c83db9","size":2,"artifactType":"text/nested"}"#
        );
    }

    #[test]
    fn v_1_4_show_manifest_takes_the_artifact_type_from_the_configuration() {
        let digest = Digest::sha256(b"{}");
        let text = |config: &str| {
            format!(
                r#"{{"schemaVersion":2,"mediaType":"{}","artifactType":"a/t","config":{{"mediaType":"{config}","digest":"{digest}","size":2}},"layers":[]}}"#,
                media::OCI_MANIFEST
            )
        };
        for (config, expected) in [(media::OCI_EMPTY, "a/t"), ("c/t", "c/t")] {
            let manifest = Manifest::parse(media::OCI_MANIFEST, text(config).as_bytes()).unwrap();
            let shown =
                serde_json::to_string(&ManifestV1::new(media::OCI_MANIFEST, &manifest)).unwrap();
            assert_eq!(
                shown,
                format!(
                    r#"{{"mediaType":"{}","artifactType":"{expected}","blobs":[]}}"#,
                    media::OCI_MANIFEST
                )
            );
        }
    }
}
