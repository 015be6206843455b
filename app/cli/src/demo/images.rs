//! The images of the demo: good ones, and one for each common way to be bad.

use jiff::{SignedDuration, Timestamp};
use ratify_oci::{Descriptor, Reference};
use ratify_testkit::certs::{Authority, Chain};
use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::{Image, ImageIndex, SignatureManifest};
use ratify_testkit::registry::{Fault, Match, Registry, Times};
use ratify_verify::ReasonCode;

/// Who may sign.
pub(crate) const TRUSTED_IDENTITY: &str = "C=US, ST=WA, O=Acme, CN=acme release";

/// The tag of every image.
const TAG: &str = "v1";

/// One image and the verdict it was made for.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Name of the repository.
    pub(crate) name: &'static str,
    /// What is special about it.
    pub(crate) about: &'static str,
    /// The code it must get.
    pub(crate) expected: ReasonCode,
    /// Where it is.
    pub(crate) reference: Reference,
}

impl Case {
    /// Whether it must be admitted.
    pub(crate) fn admitted(&self) -> bool {
        self.expected == ReasonCode::Verified
    }
}

/// Everything that was made.
pub(crate) struct World {
    root: Authority,
    /// The images in the order of the table.
    pub(crate) cases: Vec<Case>,
}

/// Who signs in the demo.
struct Signers {
    /// Trusted.
    release: Chain,
    /// Under the trusted root, but not a trusted identity.
    intern: Chain,
    /// Under a root that nobody trusts, with the trusted name.
    mallory: Chain,
}

/// Pushes images and signatures.
struct Press<'a> {
    registry: &'a Registry,
    signers: Signers,
    now: Timestamp,
    cases: Vec<Case>,
}

impl World {
    /// Make certificate authorities, images and signatures, and push them.
    pub(crate) fn new(registry: &Registry, now: Timestamp) -> Self {
        // every elliptic key is a new one
        let root = Authority::new("Acme Root");
        let mallory = Authority::new("Mallory Root");
        let signers = Signers {
            release: root.leaf("acme release"),
            intern: root.leaf("acme intern"),
            mallory: mallory.leaf("acme release"),
        };
        // envelopes hold whole seconds
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let mut press = Press {
            registry,
            signers,
            now,
            cases: Vec::new(),
        };
        press.good();
        press.bad_signers();
        press.bad_signatures();
        press.bad_registry();
        Self {
            root,
            cases: press.cases,
        }
    }

    /// The root certificate that the configuration trusts, as PEM text.
    pub(crate) fn trusted_root(&self) -> String {
        self.root.pem()
    }
}

impl Press<'_> {
    fn good(&mut self) {
        for (name, about, format) in [
            (
                "signed-jws",
                "signed by the release team, JWS envelope",
                Format::Jws,
            ),
            ("signed-cose", "the same with a COSE envelope", Format::Cose),
        ] {
            let image = self.image(name);
            let envelope = self.envelope(format, &self.signers.release, &image).build();
            self.attach(name, &image, format, &envelope);
            self.case(name, about, ReasonCode::Verified);
        }
        let name = "multi-arch";
        let index = ImageIndex::new(name);
        let descriptor = self.registry.push_index(name, TAG, &index);
        let envelope = self
            .envelope(Format::Jws, &self.signers.release, &descriptor)
            .build();
        self.attach(name, &descriptor, Format::Jws, &envelope);
        self.case(
            name,
            "an index for two architectures, signed as a whole",
            ReasonCode::Verified,
        );
    }

    fn bad_signers(&mut self) {
        self.image("unsigned");
        self.case("unsigned", "never signed", ReasonCode::NoSignature);
        let image = self.image("untrusted-ca");
        let envelope = self
            .envelope(Format::Jws, &self.signers.mallory, &image)
            .build();
        self.attach("untrusted-ca", &image, Format::Jws, &envelope);
        let about = "signed with the right name under a certificate authority nobody trusts";
        self.case("untrusted-ca", about, ReasonCode::SignerUntrusted);
        let image = self.image("wrong-signer");
        let envelope = self
            .envelope(Format::Cose, &self.signers.intern, &image)
            .build();
        self.attach("wrong-signer", &image, Format::Cose, &envelope);
        let about = "signed under the right authority by somebody who may not";
        self.case("wrong-signer", about, ReasonCode::IdentityUntrusted);
    }

    fn bad_signatures(&mut self) {
        let image = self.image("tampered");
        let envelope = self.envelope(Format::Jws, &self.signers.release, &image);
        self.attach(
            "tampered",
            &image,
            Format::Jws,
            &envelope.build_with_tampered_signature(),
        );
        self.case(
            "tampered",
            "one bit of the signature was flipped",
            ReasonCode::SignatureInvalid,
        );
        let image = self.image("expired");
        let ago = |hours| {
            self.now
                .saturating_sub(SignedDuration::from_hours(hours))
                .unwrap_or(self.now)
        };
        let envelope = self.envelope(Format::Jws, &self.signers.release, &image);
        let envelope = envelope.signing_time(ago(48)).expiry(ago(24)).build();
        self.attach("expired", &image, Format::Jws, &envelope);
        self.case(
            "expired",
            "the signature ended a day ago",
            ReasonCode::SignatureExpired,
        );
        let image = self.image("transplanted");
        let other = Image::new("signed-jws");
        let envelope = self
            .envelope(Format::Jws, &self.signers.release, other.descriptor())
            .build();
        self.attach("transplanted", &image, Format::Jws, &envelope);
        self.case(
            "transplanted",
            "a good signature, copied from another image",
            ReasonCode::PayloadMismatch,
        );
    }

    fn bad_registry(&mut self) {
        let name = "forbidden";
        let image = self.image(name);
        let envelope = self
            .envelope(Format::Jws, &self.signers.release, &image)
            .build();
        self.attach(name, &image, Format::Jws, &envelope);
        let listing = Match::path(format!("/{name}/referrers/"));
        self.registry
            .fault(listing, Times::Always, Fault::Status(403));
        let about = "the registry refuses to list signatures, which is not the same as none";
        self.case(name, about, ReasonCode::RegistryForbidden);
    }

    fn image(&self, name: &str) -> Descriptor {
        self.registry.push_image(name, TAG, &Image::new(name))
    }

    fn envelope<'b>(&self, format: Format, signer: &'b Chain, target: &Descriptor) -> Envelope<'b> {
        Envelope::new(format, signer, target).signing_time(self.now)
    }

    fn attach(&self, name: &str, subject: &Descriptor, format: Format, envelope: &[u8]) {
        let signature = SignatureManifest::new(subject, format, envelope).build();
        self.registry.attach(name, &signature);
    }

    fn case(&mut self, name: &'static str, about: &'static str, expected: ReasonCode) {
        // the host is an address with a port and the names stand above, so this is always a reference
        if let Ok(reference) = self.registry.tagged(name, TAG).parse() {
            self.cases.push(Case {
                name,
                about,
                expected,
                reference,
            });
        }
    }
}
