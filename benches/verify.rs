//! One verification from bytes to verdict, beside the bare signature checks it contains.
//!
//! Per key type three lines: JWS, COSE, and `bare`: the envelope's signature and the leaf's by its root, each from the
//! encoded key. The root's own signature is not among them: the verifier checks it once, when the trust store is first
//! used, and not again. `cargo xtask bench verify` prints the ratio of the medians.
#![allow(
    missing_docs,
    reason = "criterion's macros make public items without documentation"
)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "bytes made here are known to be good"
)]

use std::hint::black_box;

use aws_lc_rs::signature::{self as sig, UnparsedPublicKey, VerificationAlgorithm};
use criterion::{Criterion, criterion_group, criterion_main};
use der::{Decode, Encode};
use ratify_oci::{Content, Descriptor, Repository};
use ratify_testkit::certs::{Authority, Chain};
use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::{Image, Signature, SignatureManifest};
use ratify_testkit::keys::KeyKind;
use ratify_testkit::time::NOW;
use ratify_verify::trust::{Certificate, StoreType, TrustPolicy, TrustStores};
use ratify_verify::{Answer, Artifact, Need, Step, Subject, Verifier, notation};

/// A signed image in memory, and a verifier that accepts it.
struct Case {
    verifier: Verifier,
    subject: Subject,
    artifact: Artifact,
    manifest: Content,
    envelope: Content,
}

impl Case {
    fn new(format: Format, chain: &Chain) -> Self {
        let image = Image::new("bench");
        let bytes = Envelope::new(format, chain, image.descriptor()).build();
        let signature: Signature = SignatureManifest::new(image.descriptor(), format, &bytes)
            .thumbprints(chain)
            .build();
        let repository: Repository = "registry.example/bench"
            .parse::<ratify_oci::Reference>()
            .expect("a reference")
            .repository()
            .clone();
        let packed = signature.packed();
        let layer: &Descriptor = signature.manifest().layers.first().expect("one layer");
        Self {
            verifier: Verifier::Notation(verifier(chain)),
            subject: Subject {
                repository,
                descriptor: image.descriptor().clone(),
            },
            artifact: Artifact {
                descriptor: signature.referrer(),
            },
            manifest: Content::check(&packed.descriptor, packed.bytes.clone())
                .expect("its own digest"),
            envelope: Content::check(layer, bytes.into()).expect("its own digest"),
        }
    }

    fn run(&self) {
        let mut session = self.verifier.begin(&self.subject, &self.artifact);
        let mut answers = Vec::new();
        loop {
            match session.step(answers, NOW) {
                Step::Done(finding) => {
                    assert!(
                        finding.verdict.accepted().is_some(),
                        "{:?}",
                        finding.verdict
                    );
                    return;
                }
                Step::Need(needs) => answers = needs.iter().map(|need| self.answer(need)).collect(),
            }
        }
    }

    fn answer(&self, need: &Need) -> Answer {
        Answer::Content(match need {
            Need::Manifest { .. } => self.manifest.clone(),
            Need::Blob { .. } => self.envelope.clone(),
        })
    }
}

fn verifier(chain: &Chain) -> notation::Verifier {
    let policy = TrustPolicy::parse(
        br#"{"version":"1.0","trustPolicies":[{"name":"bench","registryScopes":["*"],
            "signatureVerification":{"level":"strict"},"trustStores":["ca:acme"],
            "trustedIdentities":["*"]}]}"#,
    )
    .expect("a trust policy")
    .policy;
    let root = Certificate::from_der(chain.root()).expect("a certificate");
    let mut stores = TrustStores::builder();
    stores
        .insert(StoreType::Ca, "acme", vec![root])
        .expect("a trust store");
    let types = vec![notation::SIGNATURE_ARTIFACT_TYPE.to_owned()];
    notation::Verifier::new("bench", types, policy, stores.build()).expect("a verifier")
}

/// One signature check: algorithm, encoded key, message, signature.
struct Bare(
    &'static dyn VerificationAlgorithm,
    Vec<u8>,
    Vec<u8>,
    Vec<u8>,
);

impl Bare {
    fn run(&self) {
        let key = UnparsedPublicKey::new(self.0, &self.1);
        key.verify(black_box(&self.2), &self.3)
            .expect("a good signature");
    }
}

/// The signature checks of one envelope and a chain of two whose root the trust store holds.
fn bare(kind: KeyKind, chain: &Chain) -> Vec<Bare> {
    let (envelope, certificate) = algorithms(kind);
    let parsed: Vec<x509_cert::Certificate> = chain
        .certificates
        .iter()
        .map(|der| x509_cert::Certificate::from_der(der).expect("a certificate"))
        .collect();
    let [leaf, root] = parsed.as_slice() else {
        panic!("a chain of two")
    };
    let key = |of: &x509_cert::Certificate| {
        of.tbs_certificate
            .subject_public_key_info
            .to_der()
            .expect("an encoded key")
    };
    let signed = |of: &x509_cert::Certificate| {
        let message = of.tbs_certificate.to_der().expect("its bytes");
        Bare(
            certificate,
            key(root),
            message,
            of.signature.raw_bytes().to_vec(),
        )
    };
    // an envelope signs about this much: the protected header and the payload
    let message = vec![b'x'; 900];
    let signature = chain.key.sign(&message);
    vec![Bare(envelope, key(leaf), message, signature), signed(leaf)]
}

type Algorithm = &'static dyn VerificationAlgorithm;

fn algorithms(kind: KeyKind) -> (Algorithm, Algorithm) {
    match kind {
        KeyKind::Rsa2048 => (
            &sig::RSA_PSS_2048_8192_SHA256,
            &sig::RSA_PKCS1_2048_8192_SHA256,
        ),
        KeyKind::Rsa3072 => (
            &sig::RSA_PSS_2048_8192_SHA384,
            &sig::RSA_PKCS1_2048_8192_SHA384,
        ),
        KeyKind::Rsa4096 => (
            &sig::RSA_PSS_2048_8192_SHA512,
            &sig::RSA_PKCS1_2048_8192_SHA512,
        ),
        KeyKind::P256 => (&sig::ECDSA_P256_SHA256_FIXED, &sig::ECDSA_P256_SHA256_ASN1),
        KeyKind::P384 => (&sig::ECDSA_P384_SHA384_FIXED, &sig::ECDSA_P384_SHA384_ASN1),
        KeyKind::P521 => (&sig::ECDSA_P521_SHA512_FIXED, &sig::ECDSA_P521_SHA512_ASN1),
    }
}

fn verify(criterion: &mut Criterion) {
    for kind in KeyKind::ALL {
        let chain = Authority::of_kind("Bench Root", kind).leaf_of_kind("bench signer", kind);
        let mut group = criterion.benchmark_group(format!("{kind:?}"));
        let checks = bare(kind, &chain);
        group.bench_function("bare", |bencher| {
            bencher.iter(|| checks.iter().for_each(Bare::run));
        });
        for (name, format) in [("jws", Format::Jws), ("cose", Format::Cose)] {
            let case = Case::new(format, &chain);
            group.bench_function(name, |bencher| bencher.iter(|| case.run()));
        }
        group.finish();
    }
}

criterion_group!(benches, verify);
criterion_main!(benches);
