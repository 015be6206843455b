//! Distinguished names, in the order and with the repetitions asked for. Never normalises.

use crate::der_writer as der;

/// A distinguished name under construction. Attributes stay in the order in which they were added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Name {
    rdns: Vec<Vec<(String, u8, Vec<u8>)>>,
}

impl Name {
    /// A name without attributes.
    pub fn empty() -> Self {
        Self::default()
    }

    /// `C=US, ST=WA, L=Seattle, O=<organization>, CN=<common name>`: what a trusted identity can name (N 6.5).
    pub fn new(organization: &str, common_name: &str) -> Self {
        Self::empty()
            .with("C", "US")
            .with("ST", "WA")
            .with("L", "Seattle")
            .with("O", organization)
            .with("CN", common_name)
    }

    /// Add an attribute as an RDN of its own. `attribute` is a short name (`C`, `ST`, `L`, `O`, `OU`, `CN`, `STREET`, `DC`,
    /// `UID`, `SERIALNUMBER`, `E`) or a dotted object identifier.
    #[must_use]
    pub fn with(self, attribute: &str, value: &str) -> Self {
        self.with_rdn(&[(attribute, value)])
    }

    /// Add one RDN with several attributes (`O=x+CN=y`).
    #[must_use]
    pub fn with_rdn(mut self, attributes: &[(&str, &str)]) -> Self {
        let rdn = attributes.iter().map(|(attribute, value)| {
            let (oid, tag) = attribute_type(attribute);
            (oid.to_owned(), tag, value.as_bytes().to_vec())
        });
        self.rdns.push(rdn.collect());
        self
    }

    /// Add an attribute with a string type and bytes of your own.
    #[must_use]
    pub fn with_raw(mut self, oid: &str, tag: u8, value: &[u8]) -> Self {
        self.rdns.push(vec![(oid.to_owned(), tag, value.to_vec())]);
        self
    }

    /// The name without any RDN that holds `attribute`.
    #[must_use]
    pub fn without(mut self, attribute: &str) -> Self {
        let (unwanted, _) = attribute_type(attribute);
        self.rdns
            .retain(|rdn| rdn.iter().all(|(oid, ..)| oid != unwanted));
        self
    }

    /// The name with the value of `attribute` replaced where it stands, or added at the end.
    #[must_use]
    pub fn set(mut self, attribute: &str, value: &str) -> Self {
        let (wanted, _) = attribute_type(attribute);
        let found = self
            .rdns
            .iter_mut()
            .flatten()
            .find(|(oid, ..)| oid == wanted);
        match found {
            Some((.., old)) => {
                *old = value.as_bytes().to_vec();
                self
            }
            None => self.with(attribute, value),
        }
    }

    /// `RDNSequence` in DER.
    pub fn to_der(&self) -> Vec<u8> {
        let rdns = self.rdns.iter().map(|rdn| {
            let mut attributes: Vec<Vec<u8>> = rdn
                .iter()
                .map(|(oid, tag, value)| {
                    der::sequence(&[&der::oid(oid), &der::tlv(*tag, &[value])])
                })
                .collect();
            attributes.sort();
            der::set(&slices(&attributes))
        });
        der::sequence(&slices(&rdns.collect::<Vec<_>>()))
    }
}

pub(crate) fn slices(parts: &[Vec<u8>]) -> Vec<&[u8]> {
    parts.iter().map(Vec::as_slice).collect()
}

/// Object identifier and usual string type of an attribute (RFC 4519, RFC 5280 appendix A).
fn attribute_type(name: &str) -> (&str, u8) {
    match name {
        "C" => ("2.5.4.6", der::PRINTABLE_STRING),
        "ST" | "S" => ("2.5.4.8", der::UTF8_STRING),
        "L" => ("2.5.4.7", der::UTF8_STRING),
        "O" => ("2.5.4.10", der::UTF8_STRING),
        "OU" => ("2.5.4.11", der::UTF8_STRING),
        "CN" => ("2.5.4.3", der::UTF8_STRING),
        "STREET" => ("2.5.4.9", der::UTF8_STRING),
        "SERIALNUMBER" => ("2.5.4.5", der::PRINTABLE_STRING),
        "DC" => ("0.9.2342.19200300.100.1.25", der::IA5_STRING),
        "UID" => ("0.9.2342.19200300.100.1.1", der::UTF8_STRING),
        "E" => ("1.2.840.113549.1.9.1", der::IA5_STRING),
        oid => (oid, der::UTF8_STRING),
    }
}
