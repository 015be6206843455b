//! X.509 extensions with any criticality and any value (RFC 5280 section 4.2).

use crate::certs::name::slices;
use crate::der_writer as der;

/// Object identifiers of extensions and extended key usages.
pub mod oids {
    /// basicConstraints.
    pub const BASIC_CONSTRAINTS: &str = "2.5.29.19";
    /// keyUsage.
    pub const KEY_USAGE: &str = "2.5.29.15";
    /// extendedKeyUsage.
    pub const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
    /// subjectAltName.
    pub const SUBJECT_ALT_NAME: &str = "2.5.29.17";
    /// cRLDistributionPoints.
    pub const CRL_DISTRIBUTION_POINTS: &str = "2.5.29.31";
    /// authorityInfoAccess.
    pub const AUTHORITY_INFO_ACCESS: &str = "1.3.6.1.5.5.7.1.1";
    /// nameConstraints.
    pub const NAME_CONSTRAINTS: &str = "2.5.29.30";
    /// anyExtendedKeyUsage.
    pub const ANY_EXTENDED_KEY_USAGE: &str = "2.5.29.37.0";
    /// TLS server.
    pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
    /// TLS client.
    pub const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
    /// Code signing.
    pub const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
    /// E-mail protection.
    pub const EMAIL_PROTECTION: &str = "1.3.6.1.5.5.7.3.4";
    /// Time stamping.
    pub const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
    /// OCSP signing.
    pub const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";
    /// An extension nobody knows.
    pub const UNKNOWN: &str = "1.3.6.1.4.1.99999.1";
}

/// A bit of keyUsage (RFC 5280 section 4.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUsage {
    /// digitalSignature (0).
    DigitalSignature,
    /// contentCommitment, once nonRepudiation (1).
    ContentCommitment,
    /// keyEncipherment (2).
    KeyEncipherment,
    /// dataEncipherment (3).
    DataEncipherment,
    /// keyAgreement (4).
    KeyAgreement,
    /// keyCertSign (5).
    KeyCertSign,
    /// cRLSign (6).
    CrlSign,
    /// encipherOnly (7).
    EncipherOnly,
    /// decipherOnly (8).
    DecipherOnly,
}

impl KeyUsage {
    /// All nine bits.
    pub const ALL: [Self; 9] = [
        Self::DigitalSignature,
        Self::ContentCommitment,
        Self::KeyEncipherment,
        Self::DataEncipherment,
        Self::KeyAgreement,
        Self::KeyCertSign,
        Self::CrlSign,
        Self::EncipherOnly,
        Self::DecipherOnly,
    ];

    fn bit(self) -> u8 {
        match self {
            Self::DigitalSignature => 0,
            Self::ContentCommitment => 1,
            Self::KeyEncipherment => 2,
            Self::DataEncipherment => 3,
            Self::KeyAgreement => 4,
            Self::KeyCertSign => 5,
            Self::CrlSign => 6,
            Self::EncipherOnly => 7,
            Self::DecipherOnly => 8,
        }
    }
}

/// One extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Dotted object identifier.
    pub oid: String,
    /// Whether it is marked critical.
    pub critical: bool,
    /// DER inside the octet string.
    pub value: Vec<u8>,
}

impl Extension {
    /// Any extension, not critical.
    pub fn new(oid: &str, value: Vec<u8>) -> Self {
        Self {
            oid: oid.to_owned(),
            critical: false,
            value,
        }
    }

    /// The same, critical.
    #[must_use]
    pub fn critical(mut self) -> Self {
        self.critical = true;
        self
    }

    /// The same, not critical.
    #[must_use]
    pub fn not_critical(mut self) -> Self {
        self.critical = false;
        self
    }

    /// basicConstraints, critical. A path length may be negative, which RFC 5280 forbids.
    pub fn basic_constraints(ca: bool, path_length: Option<i64>) -> Self {
        let mut parts = Vec::new();
        if ca {
            parts.push(der::boolean(true));
        }
        parts.extend(path_length.map(der::integer));
        Self::new(oids::BASIC_CONSTRAINTS, der::sequence(&slices(&parts))).critical()
    }

    /// keyUsage, critical.
    pub fn key_usage(usages: &[KeyUsage]) -> Self {
        let bits: Vec<u8> = usages.iter().map(|usage| usage.bit()).collect();
        Self::new(oids::KEY_USAGE, der::named_bits(&bits)).critical()
    }

    /// extendedKeyUsage with dotted object identifiers, not critical.
    pub fn extended_key_usage(purposes: &[&str]) -> Self {
        let purposes: Vec<Vec<u8>> = purposes.iter().map(|purpose| der::oid(purpose)).collect();
        Self::new(oids::EXTENDED_KEY_USAGE, der::sequence(&slices(&purposes)))
    }

    /// authorityInfoAccess with an OCSP responder at `url`.
    pub fn ocsp(url: &str) -> Self {
        let location = der::implicit(6, url.as_bytes());
        let access = der::sequence(&[&der::oid("1.3.6.1.5.5.7.48.1"), &location]);
        Self::new(oids::AUTHORITY_INFO_ACCESS, der::sequence(&[&access]))
    }

    /// cRLDistributionPoints with one point at `url`.
    pub fn crl_distribution_point(url: &str) -> Self {
        let full_name = der::explicit(0, &[&der::implicit(6, url.as_bytes())]);
        let point = der::sequence(&[&der::explicit(0, &[&full_name])]);
        Self::new(oids::CRL_DISTRIBUTION_POINTS, der::sequence(&[&point]))
    }

    /// subjectAltName for a TLS server: IPv4 addresses where the text is one, else DNS names.
    pub fn subject_alt_name(hosts: &[&str]) -> Self {
        let names: Vec<Vec<u8>> = hosts
            .iter()
            .map(|host| match host.parse::<std::net::IpAddr>() {
                Ok(std::net::IpAddr::V4(address)) => der::implicit(7, &address.octets()),
                Ok(std::net::IpAddr::V6(address)) => der::implicit(7, &address.octets()),
                Err(_) => der::implicit(2, host.as_bytes()),
            })
            .collect();
        Self::new(oids::SUBJECT_ALT_NAME, der::sequence(&slices(&names)))
    }

    /// An extension nobody knows.
    pub fn unknown() -> Self {
        Self::new(oids::UNKNOWN, der::null())
    }

    pub(crate) fn to_der(&self) -> Vec<u8> {
        let mut parts = vec![der::oid(&self.oid)];
        if self.critical {
            parts.push(der::boolean(true));
        }
        parts.push(der::octet_string(&self.value));
        der::sequence(&slices(&parts))
    }
}
