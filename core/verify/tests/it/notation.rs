//! A signed image that is accepted, to be broken in one place by each test, and the loop that drives a session.

use std::collections::HashMap;

use bytes::Bytes;
use jiff::Timestamp;
use ratify_oci::{Content, Descriptor, Digest, Reference, Repository};
use ratify_testkit::certs::{Authority, Chain};
use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::{Image, Signature, SignatureManifest};
use ratify_testkit::time::NOW;
use ratify_verify::notation::{self, SIGNATURE_ARTIFACT_TYPE};
use ratify_verify::trust::{Certificate, StoreType, TrustPolicy, TrustStores};
use ratify_verify::{
    Accepted, Answer, Artifact, Basis, Finding, Need, Outcome, ReasonCode, Step, Subject,
    Validation, Verdict, Verifier,
};
use serde_json::{Value as Json, json};

/// Where every image of these tests lies.
pub(crate) const REPOSITORY: &str = "registry.example.com/web";

/// An image, who signs it, and who is trusted. Accepted as it stands.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) image: Descriptor,
    pub(crate) root: Authority,
    pub(crate) signer: Chain,
    /// The only statement of the trust policy.
    pub(crate) statement: Json,
    pub(crate) stores: Vec<(StoreType, &'static str, Vec<Vec<u8>>)>,
    pub(crate) now: Timestamp,
}

impl Scene {
    /// Level `strict`, the root in `ca:acme`, any identity, a P-256 leaf below an intermediate.
    pub(crate) fn new() -> Self {
        let root = Authority::new("Acme Root");
        let signer = root.intermediate("Acme Signing CA").leaf("acme signer");
        Self::with_signer(root, signer)
    }

    pub(crate) fn with_signer(root: Authority, signer: Chain) -> Self {
        let anchor = root.certificate().to_vec();
        Self {
            image: Image::new("web").descriptor().clone(),
            root,
            signer,
            statement: json!({
                "name": "acme",
                "registryScopes": [REPOSITORY],
                "signatureVerification": { "level": "strict" },
                "trustStores": ["ca:acme"],
                "trustedIdentities": ["*"],
            }),
            stores: vec![(StoreType::Ca, "acme", vec![anchor])],
            now: NOW,
        }
    }

    /// The same with another level and `override`.
    pub(crate) fn level(mut self, level: &str, overrides: &Json) -> Self {
        self.statement["signatureVerification"] = json!({ "level": level, "override": overrides });
        self
    }

    pub(crate) fn envelope(&self, format: Format) -> Envelope<'static> {
        Envelope::new(format, &self.signer, &self.image)
    }

    pub(crate) fn verifier(&self) -> Verifier {
        let policy = json!({ "version": "1.0", "trustPolicies": [self.statement] });
        let parsed = TrustPolicy::parse(policy.to_string().as_bytes()).unwrap();
        let mut stores = TrustStores::builder();
        for (store_type, name, certificates) in &self.stores {
            let certificates = certificates
                .iter()
                .map(|der| Certificate::from_der(der).unwrap())
                .collect();
            stores.insert(*store_type, name, certificates).unwrap();
        }
        let artifact_types = vec![SIGNATURE_ARTIFACT_TYPE.to_owned()];
        let verifier = notation::Verifier::new(
            "verifier-notation",
            artifact_types,
            parsed.policy,
            stores.build(),
        );
        Verifier::Notation(verifier.unwrap())
    }

    pub(crate) fn subject(&self) -> Subject {
        Subject {
            repository: repository(REPOSITORY),
            descriptor: self.image.clone(),
        }
    }

    /// Judge `envelope`, attached to the image as `notation` attaches it.
    pub(crate) fn judge(&self, format: Format, envelope: &[u8]) -> Finding {
        self.judge_signature(&self.attach(format, envelope).build())
    }

    pub(crate) fn attach(&self, format: Format, envelope: &[u8]) -> SignatureManifest {
        SignatureManifest::new(&self.image, format, envelope).thumbprints(&self.signer)
    }

    pub(crate) fn judge_signature(&self, signature: &Signature) -> Finding {
        self.drive(signature.referrer(), &mut Shelf::of(signature))
    }

    /// Run a session to its end, answering from `registry`.
    pub(crate) fn drive(&self, listed: Descriptor, registry: &mut Shelf) -> Finding {
        self.drive_with(&self.verifier(), listed, registry)
    }

    /// The same with a verifier that was built before.
    pub(crate) fn drive_with(
        &self,
        verifier: &Verifier,
        listed: Descriptor,
        registry: &mut Shelf,
    ) -> Finding {
        let artifact = Artifact { descriptor: listed };
        let mut session = verifier.begin(&self.subject(), &artifact);
        let mut answers = Vec::new();
        for _ in 0..8 {
            match session.step(answers, self.now) {
                Step::Need(needs) => {
                    answers = needs.iter().map(|need| registry.answer(need)).collect();
                }
                Step::Done(finding) => {
                    let again = session.step(Vec::new(), self.now);
                    assert_eq!(again, Step::Done(finding.clone()), "a session ends once");
                    return finding;
                }
            }
        }
        panic!("a session did not end");
    }
}

pub(crate) fn repository(name: &str) -> Repository {
    let digest = Digest::sha256(b"");
    let reference: Reference = format!("{name}@{digest}").parse().unwrap();
    reference.repository().clone()
}

/// What a registry would answer, and what it was asked.
#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) answers: HashMap<Digest, Answer>,
    pub(crate) asked: Vec<Need>,
}

impl Shelf {
    pub(crate) fn of(signature: &Signature) -> Self {
        let packed = signature.packed();
        let mut shelf = Self::default();
        for bytes in packed.blobs.iter().chain([&packed.bytes]) {
            shelf.put(bytes.clone());
        }
        shelf
    }

    pub(crate) fn put(&mut self, bytes: Bytes) {
        let content = Content::hash(bytes);
        self.answers
            .insert(content.digest().clone(), Answer::Content(content));
    }

    fn answer(&mut self, need: &Need) -> Answer {
        self.asked.push(need.clone());
        let (Need::Manifest { descriptor, .. } | Need::Blob { descriptor, .. }) = need;
        let answer = self.answers.get(&descriptor.digest);
        answer.cloned().unwrap_or(Answer::Absent)
    }
}

/// Assert that everything was enforced and passed.
#[track_caller]
pub(crate) fn assert_verified(finding: &Finding) {
    let accepted = finding.verdict.accepted();
    let basis = accepted.map(Accepted::basis);
    assert_eq!(basis, Some(&Basis::Verified), "{finding:#?}");
}

/// Assert a rejection with this code whose detail holds `said`: another rule must not have fired first.
#[track_caller]
pub(crate) fn assert_rejected(finding: &Finding, code: ReasonCode, said: &str) {
    let Verdict::Rejected(reason) = &finding.verdict else {
        panic!("expected {code}, found {finding:#?}");
    };
    assert_eq!(reason.code(), code, "{reason}");
    assert!(
        reason.detail().contains(said),
        "expected `{said}` in: {reason}"
    );
}

/// Assert an acceptance that only logs these codes.
#[track_caller]
pub(crate) fn assert_logged(finding: &Finding, codes: &[ReasonCode]) {
    let Some(Basis::LoggedFailures(reasons)) = finding.verdict.accepted().map(Accepted::basis)
    else {
        panic!("expected an acceptance with logged failures, found {finding:#?}");
    };
    let found: Vec<_> = reasons.iter().map(ratify_verify::Reason::code).collect();
    assert_eq!(found, codes, "{finding:#?}");
}

/// The outcome of one validation, if it was made.
pub(crate) fn outcome(finding: &Finding, validation: Validation) -> Option<&Outcome> {
    let mut results = finding.validations.iter();
    let found = results.find(|result| result.validation == validation);
    found.map(|result| &result.outcome)
}
