//! Signature envelopes of the Notary Project signature specification: JWS and COSE (N sections 2 to 5).
//!
//! One builder for both formats, so that a test can say a thing once. Valid by default. What is changed before signing is
//! signed; what is changed in the parts after signing is tampering.

mod cose;
mod header;
mod jws;

use std::fmt;

use jiff::Timestamp;
use ratify_oci::Descriptor;

use crate::cbor::Cbor;
use crate::certs::Chain;
use crate::keys::SigningKey;
use crate::time::NOW;

pub use cose::CoseParts;
pub use header::{
    COSE_MEDIA_TYPE, Format, JWS_MEDIA_TYPE, PAYLOAD_CONTENT_TYPE, SIGNATURE_ARTIFACT_TYPE, Scheme,
    Value, headers,
};
pub use jws::JwsParts;

type EditJws<'a> = Box<dyn FnOnce(&mut Vec<(String, serde_json::Value)>) + 'a>;
type EditCose<'a> = Box<dyn FnOnce(&mut Vec<(Cbor, Cbor)>) + 'a>;

/// An envelope to be built. [`Envelope::new`] is valid; each method changes one thing *before* signing.
pub struct Envelope<'a> {
    format: Format,
    key: SigningKey,
    certificates: Vec<Vec<u8>>,
    payload: Vec<u8>,
    /// `alg`: the key's if `None`.
    algorithm: Option<Value>,
    content_type: Option<Value>,
    scheme: Option<Scheme>,
    signing_time: Option<Timestamp>,
    authentic_signing_time: Option<Timestamp>,
    expiry: Option<Timestamp>,
    /// `crit`: what must be in it if `None`.
    critical: Option<Vec<String>>,
    protected: Vec<(String, Value, bool)>,
    unprotected: Vec<(String, Value)>,
    signing_agent: Option<String>,
    edit_jws: Vec<EditJws<'a>>,
    edit_cose: Vec<EditCose<'a>>,
    raw_protected: Option<Vec<u8>>,
}

impl<'a> Envelope<'a> {
    /// An envelope by `signer` over `target` under the scheme `notary.x509`, signed at [`NOW`], without expiry.
    pub fn new(format: Format, signer: &Chain, target: &Descriptor) -> Self {
        Self {
            format,
            key: signer.key.clone(),
            certificates: signer.certificates.clone(),
            payload: payload(target),
            algorithm: None,
            content_type: Some(PAYLOAD_CONTENT_TYPE.into()),
            scheme: Some(Scheme::X509),
            signing_time: Some(NOW),
            authentic_signing_time: None,
            expiry: None,
            critical: None,
            protected: Vec::new(),
            unprotected: Vec::new(),
            signing_agent: Some("ratify-testkit/1.0".to_owned()),
            edit_jws: Vec::new(),
            edit_cose: Vec::new(),
            raw_protected: None,
        }
    }

    /// Under this scheme; the time that goes with the scheme is set to [`NOW`], the other one is left out.
    #[must_use]
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        let authority = scheme == Scheme::SigningAuthority;
        self.signing_time = (!authority).then_some(NOW);
        self.authentic_signing_time = authority.then_some(NOW);
        self.scheme = Some(scheme);
        self
    }

    /// Without a scheme.
    #[must_use]
    pub fn without_scheme(mut self) -> Self {
        self.scheme = None;
        self
    }

    /// With this signing time, or without.
    #[must_use]
    pub fn signing_time(mut self, at: impl Into<Option<Timestamp>>) -> Self {
        self.signing_time = at.into();
        self
    }

    /// With this authentic signing time, or without.
    #[must_use]
    pub fn authentic_signing_time(mut self, at: impl Into<Option<Timestamp>>) -> Self {
        self.authentic_signing_time = at.into();
        self
    }

    /// With this expiry, or without.
    #[must_use]
    pub fn expiry(mut self, at: impl Into<Option<Timestamp>>) -> Self {
        self.expiry = at.into();
        self
    }

    /// With this content type, or without.
    #[must_use]
    pub fn content_type(mut self, content_type: Option<Value>) -> Self {
        self.content_type = content_type;
        self
    }

    /// Announces this algorithm (`Text` in JWS, `Int` in COSE); the key still signs as it does.
    #[must_use]
    pub fn algorithm(mut self, algorithm: Value) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// With exactly these names in `crit`; none leaves an empty list. See [`Envelope::protected_bytes`] for no list at all.
    #[must_use]
    pub fn critical(mut self, names: &[&str]) -> Self {
        self.critical = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// With one more protected header parameter, not critical.
    #[must_use]
    pub fn protected(mut self, name: &str, value: Value) -> Self {
        self.protected.push((name.to_owned(), value, false));
        self
    }

    /// With one more protected header parameter, listed in `crit`.
    #[must_use]
    pub fn protected_critical(mut self, name: &str, value: Value) -> Self {
        self.protected.push((name.to_owned(), value, true));
        self
    }

    /// With one more unprotected header parameter.
    #[must_use]
    pub fn unprotected(mut self, name: &str, value: Value) -> Self {
        self.unprotected.push((name.to_owned(), value));
        self
    }

    /// With a time-stamp token (N 2.1): its bytes, whatever they are.
    #[must_use]
    pub fn timestamp_token(self, token: Vec<u8>) -> Self {
        self.unprotected(headers::TIMESTAMP_SIGNATURE, Value::Bytes(token))
    }

    /// With this signing agent, or without.
    #[must_use]
    pub fn signing_agent(mut self, agent: Option<&str>) -> Self {
        self.signing_agent = agent.map(str::to_owned);
        self
    }

    /// With these certificates (DER, leaf first) in place of the signer's.
    #[must_use]
    pub fn certificates(mut self, certificates: Vec<Vec<u8>>) -> Self {
        self.certificates = certificates;
        self
    }

    /// Signed with this key in place of the signer's; `alg` becomes that of the key unless set.
    #[must_use]
    pub fn key(mut self, key: &SigningKey) -> Self {
        self.key = key.clone();
        self
    }

    /// With these bytes as payload.
    #[must_use]
    pub fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = payload.into();
        self
    }

    /// Change the protected header of a JWS before it is written and signed; a name may stand twice.
    #[must_use]
    pub fn edit_jws_protected(
        mut self,
        edit: impl FnOnce(&mut Vec<(String, serde_json::Value)>) + 'a,
    ) -> Self {
        self.edit_jws.push(Box::new(edit));
        self
    }

    /// Change the protected header of a COSE envelope before it is written and signed; a label may stand twice.
    #[must_use]
    pub fn edit_cose_protected(mut self, edit: impl FnOnce(&mut Vec<(Cbor, Cbor)>) + 'a) -> Self {
        self.edit_cose.push(Box::new(edit));
        self
    }

    /// With these bytes as protected header (JSON text or encoded map), signed as they are.
    #[must_use]
    pub fn protected_bytes(mut self, protected: impl Into<Vec<u8>>) -> Self {
        self.raw_protected = Some(protected.into());
        self
    }

    /// Sign, and write the envelope.
    pub fn build(self) -> Vec<u8> {
        match self.format {
            Format::Jws => self.jws_parts().to_bytes(),
            Format::Cose => self.cose_parts().to_bytes(),
        }
    }

    /// Sign, flip one bit of the signature, and write the envelope.
    pub fn build_with_tampered_signature(self) -> Vec<u8> {
        match self.format {
            Format::Jws => {
                let mut parts = self.jws_parts();
                parts.tamper_signature();
                parts.to_bytes()
            }
            Format::Cose => {
                let mut parts = self.cose_parts();
                parts.tamper_signature();
                parts.to_bytes()
            }
        }
    }

    /// Sign, put `payload` in the place of what was signed, and write the envelope.
    pub fn build_with_swapped_payload(self, payload: &[u8]) -> Vec<u8> {
        match self.format {
            Format::Jws => {
                let mut parts = self.jws_parts();
                parts.payload = jws::base64url(payload);
                parts.to_bytes()
            }
            Format::Cose => {
                let mut parts = self.cose_parts();
                parts.payload = Some(payload.to_vec());
                parts.to_bytes()
            }
        }
    }

    /// The critical names in the order of the specification's examples.
    fn critical_names(&self) -> Vec<String> {
        if let Some(names) = &self.critical {
            return names.clone();
        }
        let mut names = Vec::new();
        if self.scheme.is_some() {
            names.push(headers::SIGNING_SCHEME.to_owned());
        }
        if self.authentic_signing_time.is_some() {
            names.push(headers::AUTHENTIC_SIGNING_TIME.to_owned());
        }
        if self.expiry.is_some() {
            names.push(headers::EXPIRY.to_owned());
        }
        let extra = self.protected.iter().filter(|(.., critical)| *critical);
        names.extend(extra.map(|(name, ..)| name.clone()));
        names
    }

    /// The text-labelled protected parameters, the same in both formats.
    fn named_protected(&self) -> Vec<(String, Value)> {
        let scheme = self.scheme.as_ref().map(|scheme| scheme.as_str().into());
        let known = [
            (headers::SIGNING_SCHEME, scheme),
            (headers::SIGNING_TIME, self.signing_time.map(Value::Time)),
            (
                headers::AUTHENTIC_SIGNING_TIME,
                self.authentic_signing_time.map(Value::Time),
            ),
            (headers::EXPIRY, self.expiry.map(Value::Time)),
        ];
        let known = known
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let extra = self
            .protected
            .iter()
            .map(|(name, value, _)| (name.clone(), value.clone()));
        known.chain(extra).collect()
    }

    fn named_unprotected(&self) -> Vec<(String, Value)> {
        let agent = self.signing_agent.clone().map(Value::Text);
        let agent = agent.map(|agent| (headers::SIGNING_AGENT.to_owned(), agent));
        self.unprotected.iter().cloned().chain(agent).collect()
    }
}

impl fmt::Debug for Envelope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("format", &self.format)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// The payload that signs for `target` (N section 4): the descriptor with its annotations, and nothing around it.
pub fn payload(target: &Descriptor) -> Vec<u8> {
    let target = serde_json::to_value(target).unwrap_or_default();
    serde_json::json!({ "targetArtifact": target })
        .to_string()
        .into_bytes()
}
