//! The JWS form of an envelope: flattened JSON (N section 2). Never reads one.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value as Json, json};

use crate::envelope::{Envelope, Value};

/// A signed JWS envelope in parts, to be tampered with.
#[derive(Debug, Clone, PartialEq)]
pub struct JwsParts {
    /// `payload`: base64url.
    pub payload: String,
    /// `protected`: base64url.
    pub protected: String,
    /// `header`: the unprotected parameters in order, `x5c` among them; a name may stand twice.
    pub header: Vec<(String, Json)>,
    /// `signature`: base64url.
    pub signature: String,
    /// More top-level members, after the four.
    pub more: Vec<(String, Json)>,
}

impl JwsParts {
    /// The envelope as JSON, without blanks.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut members = vec![
            ("payload".to_owned(), json!(self.payload)),
            ("protected".to_owned(), json!(self.protected)),
        ];
        let mut text = object(&members);
        text.pop();
        text.push_str(",\"header\":");
        text.push_str(&object(&self.header));
        members = vec![("signature".to_owned(), json!(self.signature))];
        members.extend_from_slice(&self.more);
        let rest = object(&members);
        text.push(',');
        text.push_str(rest.get(1..).unwrap_or_default());
        text.into_bytes()
    }

    /// Flip one bit of the signature.
    pub fn tamper_signature(&mut self) {
        let mut bytes = self.signature_bytes();
        if let Some(first) = bytes.get_mut(8) {
            *first ^= 1;
        }
        self.signature = base64url(&bytes);
    }

    /// The bytes of the signature: what a time-stamp token is about (N TS-17).
    pub fn signature_bytes(&self) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(&self.signature).unwrap_or_default()
    }
}

impl Envelope<'_> {
    /// Sign as JWS and hand out the parts.
    pub fn jws_parts(mut self) -> JwsParts {
        let protected = match self.raw_protected.take() {
            Some(bytes) => bytes,
            None => object(&self.jws_protected()).into_bytes(),
        };
        let protected = base64url(&protected);
        let payload = base64url(&self.payload);
        let signature = self.key.sign(format!("{protected}.{payload}").as_bytes());
        let x5c: Vec<String> = self
            .certificates
            .iter()
            .map(|der| STANDARD.encode(der))
            .collect();
        let mut header = vec![("x5c".to_owned(), json!(x5c))];
        let unprotected = self.named_unprotected().into_iter();
        header.extend(unprotected.map(|(name, value)| (name, to_json(&value))));
        JwsParts {
            payload,
            protected,
            header,
            signature: base64url(&signature),
            more: Vec::new(),
        }
    }

    fn jws_protected(&mut self) -> Vec<(String, Json)> {
        let algorithm = self.algorithm.as_ref().map(to_json);
        let algorithm = algorithm.unwrap_or_else(|| json!(self.key.kind().jws_algorithm()));
        let mut members = vec![
            ("alg".to_owned(), algorithm),
            ("crit".to_owned(), json!(self.critical_names())),
        ];
        if let Some(content_type) = &self.content_type {
            members.push(("cty".to_owned(), to_json(content_type)));
        }
        let named = self.named_protected().into_iter();
        members.extend(named.map(|(name, value)| (name, to_json(&value))));
        for edit in self.edit_jws.drain(..) {
            edit(&mut members);
        }
        members
    }
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!(text),
        Value::Int(number) => json!(number),
        Value::Bool(value) => json!(value),
        Value::Time(at) => json!(at.to_string()),
        Value::Bytes(bytes) => json!(STANDARD.encode(bytes)),
        Value::Texts(texts) => json!(texts),
    }
}

/// A JSON object with its members in this order, repeated ones included.
pub(crate) fn object(members: &[(String, Json)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{}:{value}", json!(name)))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// base64url without padding (RFC 7515 section 2).
pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
