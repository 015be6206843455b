//! A registry with one image, an engine that trusts one root, and what is needed to break either.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ratify_engine::{Engine, Limits, RegistryStore, Report, ScopeId, Snapshot, Store};
use ratify_oci::Reference;
use ratify_policy::{ConfigPolicy, Requirement};
use ratify_registry::{Client, Options};
use ratify_testkit::certs::{Authority, Chain};
use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::{Image, Signature, SignatureManifest};
use ratify_testkit::registry::{Builder, Registry};
use ratify_testkit::time::NOW;
use ratify_verify::trust::{Certificate, StoreType, TrustPolicy, TrustStores};
use ratify_verify::{Verifier, notation};
use tokio::time::Instant;

pub(crate) const REPOSITORY: &str = "team/app";

pub(crate) struct Fixture {
    pub(crate) registry: Registry,
    pub(crate) image: Image,
    pub(crate) root: Authority,
    pub(crate) signer: Chain,
    pub(crate) client: Client,
    pub(crate) now: Timestamp,
    pub(crate) patience: Duration,
    level: String,
    identities: String,
    scope: String,
    requirement: Requirement,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::of(Registry::builder()).await
    }

    pub(crate) async fn of(builder: Builder) -> Self {
        let registry = builder.start().await.unwrap();
        let image = Image::new("app");
        registry.push_image(REPOSITORY, "v1", &image);
        let root = Authority::new("Acme Root");
        let signer = root.leaf("acme signer");
        let mut options = Options {
            loopback_http: true,
            ..Options::default()
        };
        options.http.proxies = ratify_http::Proxies::Off;
        Self {
            client: Client::new(options).unwrap(),
            registry,
            image,
            root,
            signer,
            now: NOW,
            patience: Duration::from_secs(20),
            level: r#"{"level":"strict"}"#.to_owned(),
            identities: r#"["*"]"#.to_owned(),
            scope: "*".to_owned(),
            requirement: Requirement::All,
        }
    }

    pub(crate) async fn signed() -> Self {
        let fixture = Self::new().await;
        fixture.sign();
        fixture
    }

    pub(crate) fn level(mut self, level: &str) -> Self {
        level.clone_into(&mut self.level);
        self
    }

    pub(crate) fn identities(mut self, identities: &str) -> Self {
        identities.clone_into(&mut self.identities);
        self
    }

    pub(crate) fn scope(mut self, scope: &str) -> Self {
        scope.clone_into(&mut self.scope);
        self
    }

    pub(crate) fn requirement(mut self, requirement: Requirement) -> Self {
        self.requirement = requirement;
        self
    }

    /// A valid envelope over the image.
    pub(crate) fn envelope(&self) -> Envelope<'static> {
        Envelope::new(Format::Jws, &self.signer, self.image.descriptor())
    }

    /// Attach these bytes as a signature of the image.
    pub(crate) fn attach(&self, envelope: &[u8]) -> Signature {
        let signature =
            SignatureManifest::new(self.image.descriptor(), Format::Jws, envelope).build();
        self.registry.attach(REPOSITORY, &signature);
        signature
    }

    pub(crate) fn sign(&self) -> Signature {
        self.attach(&self.envelope().build())
    }

    pub(crate) fn engine(&self) -> Engine {
        let (level, identities, scope) = (&self.level, &self.identities, &self.scope);
        let trust = if level.contains("skip\"}") && level.contains("level\":\"skip") {
            String::new()
        } else {
            format!(r#","trustStores":["ca:acme"],"trustedIdentities":{identities}"#)
        };
        let policy = format!(
            r#"{{"version":"1.0","trustPolicies":[{{"name":"test","registryScopes":["{scope}"],
                "signatureVerification":{level}{trust}}}]}}"#
        );
        let policy = TrustPolicy::parse(policy.as_bytes()).unwrap().policy;
        let mut stores = TrustStores::builder();
        let root = Certificate::from_der(self.root.certificate()).unwrap();
        stores.insert(StoreType::Ca, "acme", vec![root]).unwrap();
        let types = vec![notation::SIGNATURE_ARTIFACT_TYPE.to_owned()];
        let verifier = notation::Verifier::new("notation", types, policy, stores.build()).unwrap();
        let store: Arc<dyn Store> = Arc::new(RegistryStore::new("oras", self.client.clone()));
        let policy = ConfigPolicy::new(BTreeMap::new(), self.requirement);
        let snapshot = Snapshot::new(
            vec![Verifier::Notation(verifier)],
            vec![store],
            policy,
            Limits::default(),
            ScopeId::unique(),
        );
        Engine::new(Arc::new(snapshot.unwrap()))
    }

    pub(crate) fn pinned(&self) -> Reference {
        self.registry
            .pinned(REPOSITORY, self.image.descriptor())
            .parse()
            .unwrap()
    }

    pub(crate) fn tagged(&self) -> Reference {
        self.registry.tagged(REPOSITORY, "v1").parse().unwrap()
    }

    pub(crate) async fn verify(&self) -> Report {
        self.verify_reference(&self.pinned()).await
    }

    pub(crate) async fn verify_reference(&self, reference: &Reference) -> Report {
        let deadline = Instant::now() + self.patience;
        self.engine()
            .verify(reference, self.now, deadline, &|_| {})
            .await
    }
}

/// The decision in two words: `admit VERIFIED`, `deny NO_SIGNATURE`, `undecided REGISTRY_TIMEOUT`.
pub(crate) fn told(report: &Report) -> String {
    use ratify_policy::Decision;
    let word = match report.decision {
        Decision::Admit(_) => "admit",
        Decision::Deny(_) => "deny",
        Decision::Undecided(_) => "undecided",
    };
    format!("{word} {}", report.code())
}
