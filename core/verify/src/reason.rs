//! Reason codes: why an image is not admitted, or what was not enforced. One enum, stable spelling.
//!
//! The same code stands in reports, logs, metrics and the documentation page generated from here. v1.4's spelling is
//! kept where the meaning is the same. Never rename a code; add one.

use std::fmt;

macro_rules! reason_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $meaning:literal, $remedy:literal;)+) => {
        /// Why an image is not admitted, or what was not enforced.
        ///
        /// The order is that of the work: of two codes of one image the greater got further, and is the one to show.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ReasonCode {
            $(#[doc = $meaning] $variant,)+
        }

        impl ReasonCode {
            /// Every code, in the order of the documentation page.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable spelling, such as `SIGNATURE_EXPIRED`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// One sentence: what was found and what was expected.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }

            /// What a person can do about it.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)+ }
            }
        }
    };
}

reason_codes! {
    // the request and the configuration
    ReferenceInvalid = "REFERENCE_INVALID", "The image reference does not follow the grammar of references.",
        "Write `registry/repository@sha256:...` or `registry/repository:tag`.";
    ConfigInvalid = "CONFIG_INVALID", "The configuration cannot be used as written.",
        "Mend the member that the message names.";
    VerifierUnavailable = "VERIFIER_UNAVAILABLE", "A verifier for this artifact type is configured, but this program cannot run it.",
        "Remove the verifier, mend its parameters, or use one of a type that is available.";
    // finding the image and its signatures
    SubjectNotFound = "SUBJECT_NOT_FOUND", "The registry does not know the image; it may have been pushed only just now.",
        "Check the spelling of the reference; ask again in a moment.";
    SubjectUnusable = "SUBJECT_UNUSABLE", "What the registry returned for the image is not a manifest, or not the one that was asked for.",
        "Compare the digest with what was pushed; a registry that answers with other bytes must not be trusted.";
    RegistryUnauthorized = "REGISTRY_UNAUTHORIZED", "The registry wants a login (401) that it was not given or did not take.",
        "Give credentials for this registry, for example in the Docker configuration file.";
    RegistryForbidden = "REGISTRY_FORBIDDEN", "The registry refused access (403) to this repository.",
        "Give the login the right to pull from the repository.";
    RegistryThrottled = "REGISTRY_THROTTLED", "The registry asks to slow down (429) for longer than there is time.",
        "Ask again later; raise the quota of the registry or use a mirror.";
    RegistryTimeout = "REGISTRY_TIMEOUT", "The registry did not answer in time.",
        "Check the network path to the registry; raise the time-out if the registry is far away.";
    RegistryUnreachable = "REGISTRY_UNREACHABLE", "No connection to the registry could be made, or it broke.",
        "Check name, port, proxy and whether the registry speaks https.";
    RegistryTls = "REGISTRY_TLS", "The registry's certificate could not be verified.",
        "Add the registry's CA to the store's `registries`, or mend the certificate.";
    RegistryError = "REGISTRY_ERROR", "The registry answered with an error of its own or with something that is not a valid answer.",
        "Look at the registry's log; ask again later.";
    CredentialUnavailable = "CREDENTIAL_UNAVAILABLE", "The login for this registry could not be obtained.",
        "Check the Docker configuration file and its credential helper.";
    // the decision over all findings
    NoSignature = "NO_SIGNATURE", "The image has no artifact that a configured verifier reads.",
        "Sign the image, or configure a verifier for the artifact types it has.";
    ArtifactTypeMissing = "ARTIFACT_TYPE_MISSING", "The policy demands an artifact of a type that the image does not have.",
        "Attach an artifact of that type, or change the policy.";
    OverBudget = "OVER_BUDGET", "The image has more artifacts than are examined, and none that decides.",
        "Remove superfluous artifacts from the image, or raise the limit.";
    DeadlineExceeded = "DEADLINE_EXCEEDED", "Time ran out before the verdict.",
        "Ask again; raise the time-out; look at the registry's latency.";
    Overloaded = "OVERLOADED", "More was asked at once than this program works on.",
        "Ask again in a moment; if it stays so, give it more replicas.";
    Internal = "INTERNAL", "A part of this program failed; that denies.",
        "Report this as a defect, with the log.";
    // the signature as an artifact
    SignatureUnavailable = "SIGNATURE_UNAVAILABLE", "A listed signature is not in the registry, is too large, or is not served as what it is.",
        "Push the signature again.";
    SignatureContentMismatch = "SIGNATURE_CONTENT_MISMATCH", "The registry returned other bytes than the digest of the signature names.",
        "Do not trust this registry before it is mended.";
    SignatureManifestInvalid = "SIGNATURE_MANIFEST_INVALID", "The manifest of a signature does not have the form that the specification demands.",
        "Sign again with a tool that follows the Notary Project specification.";
    SubjectMismatch = "SUBJECT_MISMATCH", "The signature is attached to another image.",
        "Sign this image; a signature cannot be moved from one image to another.";
    EnvelopeUnsupported = "ENVELOPE_UNSUPPORTED", "The signature envelope is neither JWS nor COSE.",
        "Sign again as `application/jose+json` or `application/cose`.";
    EnvelopeMalformed = "ENVELOPE_MALFORMED", "The signature envelope breaks a rule of its format.",
        "Sign again; the message names the rule.";
    SignatureInvalid = "SIGNATURE_INVALID", "The cryptographic signature does not match the signed bytes.",
        "The signature or what it covers was altered; sign again and find out who altered it.";
    CriticalAttributeUnknown = "CRITICAL_ATTRIBUTE_UNKNOWN", "The signature demands that an attribute be understood which is not.",
        "Sign without that critical attribute.";
    PluginRequired = "PLUGIN_REQUIRED", "The signature demands a verification plugin, and plugins are not run.",
        "Sign without a verification plugin.";
    ChainInvalid = "CHAIN_INVALID", "The certificate chain in the signature breaks a rule.",
        "Have the certificate issued anew; the message names the certificate and the rule.";
    // trust
    NoTrustPolicy = "NO_TRUST_POLICY", "No trust policy statement has this repository in its scopes.",
        "Add the repository to the `registryScopes` of a statement.";
    TrustStoreEmpty = "TRUST_STORE_EMPTY", "The trust policy names no trust store of the type this signature needs, or one without certificates.",
        "Put the signer's root certificate into the trust store that the statement names.";
    SignerUntrusted = "SIGNER_UNTRUSTED", "No certificate of the signature's chain is in the trust store.",
        "If the signer should be trusted, add its root certificate to the trust store.";
    IdentityUntrusted = "IDENTITY_UNTRUSTED", "The subject of the signing certificate matches none of the trusted identities.",
        "If the signer should be trusted, add its subject to `trustedIdentities`.";
    PayloadInvalid = "PAYLOAD_INVALID", "The signed payload is not a descriptor of an image.",
        "Sign again with a tool that follows the Notary Project specification.";
    PayloadMismatch = "PAYLOAD_MISMATCH", "The signature is a good one, but of another image.",
        "Sign this image; a signature cannot be moved from one image to another.";
    SignatureExpired = "SIGNATURE_EXPIRED", "The signature's expiry time has passed.",
        "Sign the image again.";
    CertificateExpired = "CERTIFICATE_EXPIRED", "A certificate of the chain is no longer valid, and no time-stamp proves that it was valid when it signed.",
        "Sign with a valid certificate, or with a time-stamp.";
    CertificateNotYetValid = "CERTIFICATE_NOT_YET_VALID", "A certificate of the chain is not valid yet.",
        "Check the clocks of signer and verifier.";
    SigningTimeOutsideCertificate = "SIGNING_TIME_OUTSIDE_CERTIFICATE", "The authentic signing time lies outside the validity of a certificate of the chain.",
        "Sign with a certificate that is valid.";
    TimestampNotSupported = "TIMESTAMP_NOT_SUPPORTED", "The trust policy demands a verified time-stamp, which this version cannot check yet.",
        "Remove the `tsa` store from the statement, or set `authenticTimestamp` to `log`.";
    TimestampMissing = "TIMESTAMP_MISSING", "The trust policy has a time-stamping trust store, but the signature has no time-stamp.",
        "Sign with a time-stamp, or remove the `tsa` store from the statement.";
    RevocationNotSupported = "REVOCATION_NOT_SUPPORTED", "A certificate names a place to ask for revocation, which this version cannot ask yet.",
        "Set `revocation` to `log` or `skip` in the statement, knowing what that gives up.";
    // what is true of an accepted image
    Verified = "VERIFIED", "Every enforced check passed.",
        "Nothing to do.";
    LoggedFailures = "LOGGED_FAILURES", "Accepted, although checks that the policy only logs failed or were not made.",
        "Read which; enforce them when they pass.";
    SkippedByPolicy = "SKIPPED_BY_POLICY", "Accepted without looking, because the trust policy says `skip` for this repository.",
        "Give the repository a statement with a level that verifies.";
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A code and the facts of this case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    code: ReasonCode,
    detail: String,
}

/// The longest detail that is kept: certificates and registries can make names of any length.
const MAX_DETAIL: usize = 1_000;

impl Reason {
    /// A reason. Control characters in `detail` are escaped, because it may hold names out of certificates and
    /// answers of registries and ends up on terminals and in logs (N P-27); it is cut to 1,000 characters.
    pub fn new(code: ReasonCode, detail: impl fmt::Display) -> Self {
        let mut clean = String::new();
        for c in detail.to_string().chars().take(MAX_DETAIL) {
            if c.is_control() {
                clean.extend(c.escape_default());
            } else {
                clean.push(c);
            }
        }
        Self {
            code,
            detail: clean,
        }
    }

    /// A reason out of an error and the errors it came from, joined by `: `.
    pub fn from_error(code: ReasonCode, error: &dyn std::error::Error) -> Self {
        let mut detail = error.to_string();
        let mut source = error.source();
        while let Some(error) = source.filter(|_| detail.len() <= MAX_DETAIL) {
            detail.push_str(": ");
            detail.push_str(&error.to_string());
            source = error.source();
        }
        Self::new(code, detail)
    }

    /// The code.
    pub fn code(&self) -> ReasonCode {
        self.code
    }

    /// The facts: lower case, no full stop.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_spelled_alike() {
        let texts: HashSet<_> = ReasonCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), ReasonCode::ALL.len());
        for code in ReasonCode::ALL {
            assert!(
                code.as_str()
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b == b'_'),
                "{code}"
            );
            assert!(
                code.meaning().ends_with('.') && code.remedy().ends_with('.'),
                "{code}"
            );
        }
    }

    #[test]
    fn n_p_27_details_cannot_drive_a_terminal() {
        let reason = Reason::new(ReasonCode::SignerUntrusted, "CN=\u{1b}[2Jx\ny");
        assert_eq!(reason.to_string(), "SIGNER_UNTRUSTED: CN=\\u{1b}[2Jx\\ny");
        assert!(
            Reason::new(ReasonCode::Internal, "x".repeat(9_000))
                .detail()
                .len()
                <= MAX_DETAIL
        );
    }
}
