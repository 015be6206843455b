//! Images on a real registry, signed by the real notation, and two registries that do not answer.

use std::net::TcpListener;

use anyhow::{Context as _, Result};
use ratify_peers::{
    NotationHome, Peer, Registry, SignatureFormat, push_image, start_referrers_registry,
};
use ratify_testkit::certs::Authority;
use serde_json::{Value, json};

use crate::ports;

/// The programs that make images.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) registry: Peer,
    pub(crate) oras: Peer,
    pub(crate) notation: Peer,
}

/// An image under both of its names.
#[derive(Debug, Clone)]
pub struct Image {
    /// `<registry>/<repository>:v1`.
    pub by_tag: String,
    /// `<registry>/<repository>@sha256:...`.
    pub by_digest: String,
}

/// What the cases ask to run.
#[derive(Debug)]
pub struct Images {
    registry: Registry,
    refusing: String,
    // the kernel completes its connections; nobody ever reads from them
    stalled: TcpListener,
    /// The root that the policy trusts, in PEM.
    trusted_root: String,
    /// With a signature of a trusted signer.
    pub signed: Image,
    /// Another one of that kind.
    pub also_signed: Image,
    /// Without a signature.
    pub unsigned: Image,
    /// With the valid signature of a signer nobody trusts.
    pub untrusted: Image,
}

impl Images {
    /// Start the registry, push and sign.
    pub(crate) fn create(programs: &Programs) -> Result<Self> {
        let registry = start_referrers_registry(&programs.registry)?;
        let trusted = Authority::new("Acme Root");
        let home = NotationHome::new(&programs.notation)?;
        for (name, authority) in [("acme", &trusted), ("mallory", &Authority::new("Mallory"))] {
            let chain = authority.leaf(name);
            home.add_key(name, &chain.key_pem(), &chain.pem())?;
        }
        let push = |repository: &str, key: Option<&str>| -> Result<Image> {
            let layer = repository.as_bytes();
            let by_digest = push_image(&programs.oras, &registry, repository, "v1", layer)?;
            if let Some(key) = key {
                home.sign(&by_digest, key, SignatureFormat::Jws, &[])?
                    .expect_success()
                    .with_context(|| format!("cannot sign `{by_digest}`"))?;
            }
            Ok(Image {
                by_tag: format!("{}/{repository}:v1", registry.host()),
                by_digest,
            })
        };
        Ok(Self {
            trusted_root: trusted.pem(),
            signed: push("shop/signed", Some("acme"))?,
            also_signed: push("shop/also-signed", Some("acme"))?,
            unsigned: push("shop/unsigned", None)?,
            untrusted: push("shop/untrusted", Some("mallory"))?,
            refusing: refusing_host()?,
            stalled: TcpListener::bind(("127.0.0.1", 0)).context("no free port")?,
            registry,
        })
    }

    /// An image on a registry that refuses connections.
    pub fn on_refusing_registry(&self) -> String {
        format!("{}/shop/gone:v1", self.refusing)
    }

    /// An image on a registry that accepts connections and never says a word.
    pub fn on_stalled_registry(&self) -> Result<String> {
        Ok(format!("{}/shop/late:v1", self.stalled_host()?))
    }

    fn stalled_host(&self) -> Result<String> {
        let address = self.stalled.local_addr().context("a port without number")?;
        Ok(address.to_string())
    }

    /// The root that the policy trusts, in PEM.
    pub(crate) fn trusted_root(&self) -> &str {
        &self.trusted_root
    }

    /// Every registry that images are on, as `host:port`; all without TLS.
    pub(crate) fn hosts(&self) -> Result<[String; 3]> {
        Ok([
            self.registry.host(),
            self.refusing.clone(),
            self.stalled_host()?,
        ])
    }

    /// The policy: who may sign, for the verifier's configuration.
    pub(crate) fn trust_policy() -> Value {
        json!({
            "version": "1.0",
            "trustPolicies": [{
                "name": "e2e",
                "registryScopes": ["*"],
                "signatureVerification": { "level": "strict" },
                "trustStores": ["ca:certs"],
                "trustedIdentities": ["*"],
            }],
        })
    }
}

/// A host and port where nobody listens.
fn refusing_host() -> Result<String> {
    let [port] = ports::free()?;
    Ok(format!("127.0.0.1:{port}"))
}
