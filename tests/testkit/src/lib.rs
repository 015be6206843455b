//! Makes bytes for tests and for `ratify demo`: keys, certificates, signatures, images, and a registry that lies on demand.
//!
//! It makes bytes and never judges them: it must not depend on the verifier, so that the verifier can be tested with it.
//! Everything is valid by default; each rule of the specifications that can be broken has a knob that breaks that rule alone.
//!
//! ```
//! use ratify_testkit::certs::Authority;
//! use ratify_testkit::envelope::{Envelope, Format};
//! use ratify_testkit::image::{Image, SignatureManifest};
//!
//! let root = Authority::new("Acme Root");
//! let signer = root.leaf("acme signer");
//! let image = Image::new("web");
//! let envelope = Envelope::new(Format::Jws, &signer, image.descriptor()).build();
//! let signature = SignatureManifest::new(image.descriptor(), Format::Jws, &envelope)
//!     .thumbprints(&signer)
//!     .build();
//! assert_eq!(signature.manifest().subject.as_ref(), Some(image.descriptor()));
//! ```
#![expect(
    clippy::expect_used,
    reason = "keys and bytes made here are known to be good; the registry server expects nothing of a request"
)]

pub mod cbor;
pub mod certs;
pub mod der_writer;
pub mod envelope;
pub mod image;
pub mod keys;
pub mod registry;
pub mod time;
