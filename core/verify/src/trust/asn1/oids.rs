//! The object identifiers that certificates are read for. Never one that is not looked for.

use der::asn1::ObjectIdentifier;

macro_rules! oids {
    ($($name:ident = $dotted:literal;)+) => {
        $(pub(in crate::trust) const $name: ObjectIdentifier = ObjectIdentifier::new_unwrap($dotted);)+
    };
}

oids! {
    // attributes of names (RFC 5280 appendix A.1)
    COMMON_NAME = "2.5.4.3";
    SERIAL_NUMBER = "2.5.4.5";
    COUNTRY = "2.5.4.6";
    LOCALITY = "2.5.4.7";
    STATE = "2.5.4.8";
    STREET = "2.5.4.9";
    ORGANIZATION = "2.5.4.10";
    ORGANIZATIONAL_UNIT = "2.5.4.11";
    POSTAL_CODE = "2.5.4.17";
    // keys (RFC 3279, RFC 5480, RFC 8410)
    RSA_KEY = "1.2.840.113549.1.1.1";
    EC_KEY = "1.2.840.10045.2.1";
    ED25519 = "1.3.101.112";
    P256 = "1.2.840.10045.3.1.7";
    P384 = "1.3.132.0.34";
    P521 = "1.3.132.0.35";
    // signatures (RFC 3279, RFC 4055, RFC 5758)
    RSA_SHA256 = "1.2.840.113549.1.1.11";
    RSA_SHA384 = "1.2.840.113549.1.1.12";
    RSA_SHA512 = "1.2.840.113549.1.1.13";
    RSA_PSS = "1.2.840.113549.1.1.10";
    ECDSA_SHA256 = "1.2.840.10045.4.3.2";
    ECDSA_SHA384 = "1.2.840.10045.4.3.3";
    ECDSA_SHA512 = "1.2.840.10045.4.3.4";
    MGF1 = "1.2.840.113549.1.1.8";
    SHA256 = "2.16.840.1.101.3.4.2.1";
    SHA384 = "2.16.840.1.101.3.4.2.2";
    SHA512 = "2.16.840.1.101.3.4.2.3";
    // signatures with hash functions that are broken
    RSA_MD2 = "1.2.840.113549.1.1.2";
    RSA_MD5 = "1.2.840.113549.1.1.4";
    RSA_SHA1 = "1.2.840.113549.1.1.5";
    RSA_SHA1_OIW = "1.3.14.3.2.29";
    ECDSA_SHA1 = "1.2.840.10045.4.1";
    DSA_SHA1 = "1.2.840.10040.4.3";
    SHA1 = "1.3.14.3.2.26";
    // extensions (RFC 5280 section 4.2)
    KEY_USAGE = "2.5.29.15";
    BASIC_CONSTRAINTS = "2.5.29.19";
    CRL_DISTRIBUTION_POINTS = "2.5.29.31";
    EXTENDED_KEY_USAGE = "2.5.29.37";
    AUTHORITY_INFO_ACCESS = "1.3.6.1.5.5.7.1.1";
    OCSP = "1.3.6.1.5.5.7.48.1";
    // purposes of extendedKeyUsage
    ANY_PURPOSE = "2.5.29.37.0";
    SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
    EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4";
    TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
    OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";
}
