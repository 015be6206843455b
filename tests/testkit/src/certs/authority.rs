//! Who issues certificates, and the chains that come of it.

use crate::certs::{Name, Template};
use crate::keys::{KeyKind, SigningKey, pem};

/// A certificate authority: a root, or an intermediate below one.
#[derive(Debug, Clone)]
pub struct Authority {
    name: Name,
    key: SigningKey,
    /// Its own certificate first, the root last.
    certificates: Vec<Vec<u8>>,
}

/// A leaf's certificates, leaf first and root last, and the leaf's key.
#[derive(Debug, Clone)]
pub struct Chain {
    /// Certificates in DER. Swap, drop, repeat or replace them to break the order.
    pub certificates: Vec<Vec<u8>>,
    /// The leaf's private key.
    pub key: SigningKey,
}

impl Authority {
    /// A root with a P-256 key and a name of its own.
    pub fn new(common_name: &str) -> Self {
        Self::of_kind(common_name, KeyKind::P256)
    }

    /// A root with a key of that kind.
    pub fn of_kind(common_name: &str, kind: KeyKind) -> Self {
        Self::root(&Template::authority(common_name).key(SigningKey::in_slot(kind, 1)))
    }

    /// A root as the template says, signed with its own key.
    pub fn root(template: &Template) -> Self {
        Self {
            name: template.subject.clone(),
            key: template.key.clone(),
            certificates: vec![template.sign(&template.subject, &template.key)],
        }
    }

    /// An intermediate authority with a key of the same kind.
    #[must_use]
    pub fn intermediate(&self, common_name: &str) -> Self {
        let depth = self.certificates.len();
        let key = SigningKey::in_slot(self.key.kind(), depth.saturating_add(1));
        self.intermediate_from(&Template::authority(common_name).key(key))
    }

    /// An intermediate authority as the template says.
    #[must_use]
    pub fn intermediate_from(&self, template: &Template) -> Self {
        Self {
            name: template.subject.clone(),
            key: template.key.clone(),
            certificates: self.chain_below(template),
        }
    }

    /// A leaf with a P-256 key that may sign images: [`Template::leaf`].
    pub fn leaf(&self, common_name: &str) -> Chain {
        self.issue(&Template::leaf(common_name))
    }

    /// A leaf with a key of that kind that may sign images.
    pub fn leaf_of_kind(&self, common_name: &str, kind: KeyKind) -> Chain {
        self.issue(&Template::leaf(common_name).key_kind(kind))
    }

    /// A leaf as the template says.
    pub fn issue(&self, template: &Template) -> Chain {
        Chain {
            certificates: self.chain_below(template),
            key: template.key.clone(),
        }
    }

    fn chain_below(&self, template: &Template) -> Vec<Vec<u8>> {
        let mut certificates = vec![template.sign(&self.name, &self.key)];
        certificates.extend_from_slice(&self.certificates);
        certificates
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Its key.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Its own certificate in DER: what goes into a trust store.
    pub fn certificate(&self) -> &[u8] {
        self.certificates.first().map_or(&[], Vec::as_slice)
    }

    /// Its own certificate in PEM.
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", self.certificate())
    }

    /// Its certificate and those above it, root last, in DER.
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }
}

impl Chain {
    /// One certificate that signed itself (N K-02), as the template says.
    pub fn self_signed(template: &Template) -> Self {
        Self {
            certificates: vec![template.sign(&template.subject, &template.key)],
            key: template.key.clone(),
        }
    }

    /// The leaf's certificate in DER.
    pub fn leaf(&self) -> &[u8] {
        self.certificates.first().map_or(&[], Vec::as_slice)
    }

    /// The last certificate in DER: the root, if nobody broke the chain.
    pub fn root(&self) -> &[u8] {
        self.certificates.last().map_or(&[], Vec::as_slice)
    }

    /// All certificates in PEM, leaf first, as `notation` and TLS servers read them.
    pub fn pem(&self) -> String {
        self.certificates
            .iter()
            .map(|certificate| pem("CERTIFICATE", certificate))
            .collect()
    }

    /// The leaf's private key as PKCS#8 in PEM.
    pub fn key_pem(&self) -> String {
        self.key.pkcs8_pem()
    }
}
