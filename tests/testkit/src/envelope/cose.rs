//! The COSE form of an envelope: tagged `COSE_Sign1` (N section 3). Never reads one.

use crate::cbor::Cbor;
use crate::envelope::{Envelope, Value};

/// `alg` (RFC 9052 section 3.1).
const ALGORITHM: i64 = 1;
/// `crit`.
const CRITICAL: i64 = 2;
/// `content type`.
const CONTENT_TYPE: i64 = 3;
/// `x5chain` (RFC 9360).
const X5CHAIN: i64 = 33;
/// Tag of `COSE_Sign1`.
const SIGN1_TAG: u64 = 18;

/// A signed COSE envelope in parts, to be tampered with.
#[derive(Debug, Clone, PartialEq)]
pub struct CoseParts {
    /// The tag in front, 18 if right.
    pub tag: Option<u64>,
    /// The encoded protected map.
    pub protected: Vec<u8>,
    /// The unprotected map in order, label 33 among them; a label may stand twice.
    pub unprotected: Vec<(Cbor, Cbor)>,
    /// The payload; `None` is `null` (detached).
    pub payload: Option<Vec<u8>>,
    /// The signature.
    pub signature: Vec<u8>,
}

impl CoseParts {
    /// The four items as they stand in the array, to be changed and written with [`CoseParts::wrap`].
    pub fn items(&self) -> Vec<Cbor> {
        vec![
            Cbor::Bytes(self.protected.clone()),
            Cbor::Map(self.unprotected.clone()),
            self.payload.clone().map_or(Cbor::Null, Cbor::Bytes),
            Cbor::Bytes(self.signature.clone()),
        ]
    }

    /// Put the tag in front of an item, usually an array.
    pub fn wrap(&self, item: Cbor) -> Vec<u8> {
        match self.tag {
            Some(tag) => Cbor::Tag(tag, Box::new(item)).to_bytes(),
            None => item.to_bytes(),
        }
    }

    /// The envelope.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.wrap(Cbor::Array(self.items()))
    }

    /// Flip one bit of the signature.
    pub fn tamper_signature(&mut self) {
        if let Some(byte) = self.signature.get_mut(8) {
            *byte ^= 1;
        }
    }
}

impl Envelope<'_> {
    /// Sign as COSE and hand out the parts.
    pub fn cose_parts(mut self) -> CoseParts {
        let protected = match self.raw_protected.take() {
            Some(bytes) => bytes,
            None => Cbor::Map(self.cose_protected()).to_bytes(),
        };
        let signature = self.key.sign(&to_be_signed(&protected, &self.payload));
        let chain = self.certificates.iter().cloned().map(Cbor::Bytes).collect();
        let mut unprotected = vec![(Cbor::Int(X5CHAIN), Cbor::Array(chain))];
        let named = self.named_unprotected().into_iter();
        unprotected.extend(named.map(|(name, value)| (Cbor::Text(name), to_cbor(value))));
        CoseParts {
            tag: Some(SIGN1_TAG),
            protected,
            unprotected,
            payload: Some(self.payload),
            signature,
        }
    }

    fn cose_protected(&mut self) -> Vec<(Cbor, Cbor)> {
        let algorithm = self.algorithm.clone().map(to_cbor);
        let algorithm = algorithm.unwrap_or(Cbor::Int(self.key.kind().cose_algorithm()));
        let critical = self.critical_names().into_iter().map(Cbor::Text).collect();
        let mut entries = vec![
            (Cbor::Int(ALGORITHM), algorithm),
            (Cbor::Int(CRITICAL), Cbor::Array(critical)),
        ];
        if let Some(content_type) = self.content_type.clone() {
            entries.push((Cbor::Int(CONTENT_TYPE), to_cbor(content_type)));
        }
        let named = self.named_protected().into_iter();
        entries.extend(named.map(|(name, value)| (Cbor::Text(name), to_cbor(value))));
        // the order that deterministic encoding asks for (RFC 8949 section 4.2.1)
        entries.sort_by_key(|(label, _)| label.to_bytes());
        for edit in self.edit_cose.drain(..) {
            edit(&mut entries);
        }
        entries
    }
}

/// `Sig_structure` of a `COSE_Sign1` with empty external data (RFC 9052 section 4.4; N C-09): the bytes that are signed.
pub(crate) fn to_be_signed(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    Cbor::Array(vec![
        Cbor::text("Signature1"),
        Cbor::Bytes(protected.to_vec()),
        Cbor::Bytes(Vec::new()),
        Cbor::Bytes(payload.to_vec()),
    ])
    .to_bytes()
}

fn to_cbor(value: Value) -> Cbor {
    match value {
        Value::Text(text) => Cbor::Text(text),
        Value::Int(number) => Cbor::Int(number),
        Value::Bool(value) => Cbor::Bool(value),
        Value::Time(at) => Cbor::epoch(at),
        Value::Bytes(bytes) => Cbor::Bytes(bytes),
        Value::Texts(texts) => Cbor::Array(texts.into_iter().map(Cbor::Text).collect()),
    }
}
