//! A configured home for the real notation: keys, trust stores, a trust policy.
//!
//! Files are written where notation looks for them; its own key commands make only self-signed
//! test certificates.

use std::cell::RefCell;

use anyhow::Result;
use serde_json::{Value, json};

use crate::home::Home;
use crate::peer::Peer;
use crate::process::{COMMAND_DEADLINE, Outcome, run};

/// The envelope notation signs into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureFormat {
    /// JSON Web Signature.
    Jws,
    /// CBOR Object Signing and Encryption.
    Cose,
}

impl SignatureFormat {
    /// Both, for tests over every format.
    pub const ALL: [Self; 2] = [Self::Jws, Self::Cose];

    fn as_str(self) -> &'static str {
        match self {
            Self::Jws => "jws",
            Self::Cose => "cose",
        }
    }
}

/// The kind of a trust store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreType {
    /// Certificate authorities of signing certificates.
    Ca,
    /// Signing authorities.
    SigningAuthority,
    /// Time-stamping authorities.
    Tsa,
}

impl StoreType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::SigningAuthority => "signingAuthority",
            Self::Tsa => "tsa",
        }
    }
}

/// A home in which notation signs and verifies.
#[derive(Debug)]
pub struct NotationHome {
    home: Home,
    notation: Peer,
    keys: RefCell<Vec<Value>>,
}

impl NotationHome {
    /// An empty home for this notation.
    pub fn new(notation: &Peer) -> Result<Self> {
        Ok(Self {
            home: Home::new()?,
            notation: notation.clone(),
            keys: RefCell::default(),
        })
    }

    /// The home folder.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Register a signing key: a private key (PEM) and its certificate chain (PEM, leaf first).
    /// The first key registered is the default.
    pub fn add_key(&self, name: &str, key_pem: &str, chain_pem: &str) -> Result<()> {
        let key_path = self.config(&format!("localkeys/{name}.key"), key_pem)?;
        let cert_path = self.config(&format!("localkeys/{name}.crt"), chain_pem)?;
        let mut keys = self.keys.borrow_mut();
        keys.push(json!({ "name": name, "keyPath": key_path, "certPath": cert_path }));
        let default = keys.first().and_then(|key| key.get("name")).cloned();
        let document = json!({ "default": default, "keys": *keys });
        self.config("signingkeys.json", document.to_string())
            .map(drop)
    }

    /// Put a certificate (PEM) into the trust store `<kind>:<store>`, as the file `<name>.pem`.
    pub fn add_trusted(&self, kind: StoreType, store: &str, name: &str, pem: &str) -> Result<()> {
        let kind = kind.as_str();
        self.config(&format!("truststore/x509/{kind}/{store}/{name}.pem"), pem)
            .map(drop)
    }

    /// Write the trust policy document.
    pub fn set_trust_policy(&self, document: &Value) -> Result<()> {
        self.config("trustpolicy.json", document.to_string())
            .map(drop)
    }

    /// `notation sign` with the key `key`. The signature goes where the registry wants it: the
    /// referrers API if there is one, else the referrers tag schema. `extra` are further flags.
    pub fn sign(
        &self,
        reference: &str,
        key: &str,
        format: SignatureFormat,
        extra: &[&str],
    ) -> Result<Outcome> {
        let mut command = self.home.command(&self.notation);
        command.args(["sign", "--insecure-registry", "--force-referrers-tag=false"]);
        command.args(["--key", key, "--signature-format", format.as_str()]);
        command.args(extra).arg(reference);
        run(command, COMMAND_DEADLINE)
    }

    /// `notation verify` under the trust policy and stores of this home.
    pub fn verify(&self, reference: &str, extra: &[&str]) -> Result<Outcome> {
        let mut command = self.home.command(&self.notation);
        command
            .args(["verify", "--insecure-registry"])
            .args(extra)
            .arg(reference);
        run(command, COMMAND_DEADLINE)
    }

    fn config(&self, name: &str, content: impl AsRef<[u8]>) -> Result<std::path::PathBuf> {
        self.home.write(&format!("config/notation/{name}"), content)
    }
}
