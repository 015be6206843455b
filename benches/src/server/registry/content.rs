//! What the registry holds: images, their signatures, and the lists of them, ready to be sent.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::HeaderValue;
use ratify_oci::{Descriptor, media};
use ratify_testkit::certs::{Authority, Chain, Template};
use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::{Image, Packed, SignatureManifest, describe};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;

use crate::registry::control::Made;

/// One answer.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) media_type: HeaderValue,
    pub(crate) digest: HeaderValue,
    pub(crate) bytes: Bytes,
}

/// Everything, by path.
#[derive(Debug)]
pub(crate) struct Content {
    root: Authority,
    signer: Chain,
    tls_root: Authority,
    entries: HashMap<String, Arc<Stored>>,
}

impl Content {
    /// Nothing yet, with a signer and its root.
    pub(crate) fn new() -> Self {
        let root = Authority::new("Bench Root");
        let signer = root.leaf("bench signer");
        Self {
            root,
            signer,
            tls_root: Authority::new("Bench Registry Root"),
            entries: HashMap::new(),
        }
    }

    /// The root of the signer, in PEM.
    pub(crate) fn root_pem(&self) -> String {
        self.root.pem()
    }

    /// The root of the registry's own certificate, in PEM.
    pub(crate) fn tls_root_pem(&self) -> String {
        self.tls_root.pem()
    }

    /// HTTP/2 and HTTP/1.1 over TLS.
    pub(crate) fn tls(&self) -> Result<Arc<ServerConfig>> {
        let names = ["127.0.0.1", "localhost"];
        let chain = self.tls_root.issue(&Template::tls_server(&names));
        let certificates = chain.certificates.into_iter().map(CertificateDer::from);
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(chain.key.pkcs8_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(certificates.collect(), key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    pub(crate) fn find(&self, path: &str) -> Option<Arc<Stored>> {
        self.entries.get(path).cloned()
    }

    /// Make images with so many JWS signatures each, tagged `v0`, `v1` and so on.
    pub(crate) fn make(
        &mut self,
        repository: &str,
        images: usize,
        signatures: usize,
    ) -> Result<Vec<Made>> {
        let numbers = 0..images;
        numbers
            .map(|number| self.make_one(repository, number, signatures))
            .collect()
    }

    fn make_one(&mut self, repository: &str, number: usize, signatures: usize) -> Result<Made> {
        let image = Image::new(&format!("{repository}:{number}"));
        let digest = image.descriptor().digest.as_str().to_owned();
        let tag = format!("v{number}");
        self.put_packed(repository, image.packed())?;
        self.put(
            format!("/v2/{repository}/manifests/{tag}"),
            &image.packed().descriptor,
            &image.packed().bytes,
        )?;
        let mut referrers = Vec::new();
        for _ in 0..signatures {
            let envelope = Envelope::new(Format::Jws, &self.signer, image.descriptor()).build();
            let signature = SignatureManifest::new(image.descriptor(), Format::Jws, &envelope)
                .thumbprints(&self.signer)
                .build();
            self.put_packed(repository, signature.packed())?;
            referrers.push(signature.referrer());
        }
        let index = json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_INDEX,
            "manifests": referrers,
        });
        let index = Bytes::from(serde_json::to_vec(&index)?);
        let listed = describe(media::OCI_INDEX, &index);
        self.put(
            format!("/v2/{repository}/referrers/{digest}"),
            &listed,
            &index,
        )?;
        Ok(Made { tag, digest })
    }

    fn put_packed(&mut self, repository: &str, packed: &Packed) -> Result<()> {
        let path = format!("/v2/{repository}/manifests/{}", packed.descriptor.digest);
        self.put(path, &packed.descriptor, &packed.bytes)?;
        for blob in &packed.blobs {
            let described = describe("application/octet-stream", blob);
            let path = format!("/v2/{repository}/blobs/{}", described.digest);
            self.put(path, &described, blob)?;
        }
        Ok(())
    }

    fn put(&mut self, path: String, described: &Descriptor, bytes: &Bytes) -> Result<()> {
        let header = |text: &str| HeaderValue::from_str(text).context("not a header value");
        let stored = Stored {
            media_type: header(&described.media_type)?,
            digest: header(described.digest.as_str())?,
            bytes: bytes.clone(),
        };
        self.entries.insert(path, Arc::new(stored));
        Ok(())
    }
}
