//! What a test needs to ask a face: images, a configuration read from a file, or a store that does as it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use ratify_config::{Environment, LoadOptions, Loaded, load};
use ratify_engine::{
    CacheOptions, Deadline, Dispatcher, DispatcherOptions, Limits, Listing, ScopeId, Snapshot,
    Store, StoreError,
};
use ratify_oci::{Descriptor, Digest, Reference, Repository, media};
use ratify_policy::{ConfigPolicy, Requirement};
use ratify_server::{Arrival, Configuration, Face, Metrics, RequestLimits, Timeouts};
use ratify_testkit::certs::{Authority, Chain};
use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::{Image, SignatureManifest};
use ratify_testkit::registry::Registry;
use ratify_verify::{Answer, FetchFailure, Need, Reason, ReasonCode, Unavailable, Verifier};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) const VERIFY: &str = "/ratify/gatekeeper/v1/verify";
pub(crate) const MUTATE: &str = "/ratify/gatekeeper/v1/mutate";
pub(crate) const SIGNATURE: &str = "application/vnd.cncf.notary.signature";

/// A face and what is behind it.
pub(crate) struct Rig {
    pub(crate) face: Arc<Face>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) configuration: watch::Sender<Arc<Configuration>>,
}

/// How a rig is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) limits: RequestLimits,
    pub(crate) timeouts: Timeouts,
    pub(crate) cache: Option<CacheOptions>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            limits: RequestLimits::default(),
            timeouts: Timeouts {
                verification: Duration::from_secs(20),
                mutation: Duration::from_secs(10),
            },
            cache: None,
        }
    }
}

impl Setting {
    /// With verdicts that are remembered.
    pub(crate) fn remembering(self) -> Self {
        let cache = CacheOptions {
            ttl: Duration::from_mins(1),
            bytes: 1 << 20,
        };
        Self {
            cache: Some(cache),
            ..self
        }
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answered {
    /// The body as JSON, one document and nothing else.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn items(&self) -> Vec<Value> {
        let items = self.json()["response"]["items"].clone();
        items.as_array().cloned().unwrap_or_default()
    }

    pub(crate) fn system_error(&self) -> String {
        let response = &self.json()["response"]["systemError"];
        response.as_str().unwrap_or_default().to_owned()
    }

    /// `isSuccess` and `code` of each item.
    pub(crate) fn verdicts(&self) -> Vec<(bool, String)> {
        let verdict = |item: Value| {
            let success = item["value"]["isSuccess"].as_bool().unwrap();
            (success, item["value"]["code"].as_str().unwrap().to_owned())
        };
        self.items().into_iter().map(verdict).collect()
    }
}

impl Rig {
    pub(crate) fn new(configuration: Configuration, setting: Setting) -> Self {
        let metrics = Arc::new(Metrics::new().unwrap());
        let options = DispatcherOptions {
            cache: setting.cache,
            ..DispatcherOptions::default()
        };
        let dispatcher = Arc::new(Dispatcher::new(options, None));
        metrics.follow(&dispatcher);
        let (configuration, receiver) = watch::channel(Arc::new(configuration));
        let face = Face::new(
            receiver,
            Arc::clone(&dispatcher),
            Arc::clone(&metrics),
            setting.limits,
        );
        Self {
            face: Arc::new(face),
            metrics,
            dispatcher,
            configuration,
        }
    }

    /// Over a store that does as it is told.
    pub(crate) fn told(store: Told, setting: Setting) -> Self {
        // it accepts nothing, so that only a defect of the face could admit an image
        let unavailable = Unavailable {
            name: "checker".to_owned(),
            verifier_type: "checker".to_owned(),
            artifact_types: vec![SIGNATURE.to_owned()],
            reason: Unavailable::because("a test"),
        };
        let snapshot = Snapshot::new(
            vec![Verifier::Unavailable(unavailable)],
            vec![Arc::new(store)],
            ConfigPolicy::new(BTreeMap::new(), Requirement::All),
            Limits::default(),
            ScopeId::unique(),
        );
        let configuration = Configuration {
            snapshot: Arc::new(snapshot.unwrap()),
            timeouts: setting.timeouts,
            typed_verifiers: BTreeSet::new(),
            trace_headers: Vec::new(),
            generation: 1,
        };
        Self::new(configuration, setting)
    }

    /// Send `body`.
    pub(crate) async fn send(&self, path: &str, body: impl Into<Bytes>) -> Answered {
        let request = Request::post(path).header("x-trace", "trace-1");
        let request = request.body(Full::new(body.into())).unwrap();
        self.request(request).await
    }

    pub(crate) async fn request(&self, request: Request<Full<Bytes>>) -> Answered {
        let response = self.face.answer(request, arrival()).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answered {
            status: head.status.as_u16(),
            headers: head.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// Ask about `keys`.
    pub(crate) async fn ask<K: AsRef<str>>(&self, path: &str, keys: &[K]) -> Answered {
        self.send(path, request_of(keys)).await
    }

    pub(crate) async fn verify<K: AsRef<str>>(&self, keys: &[K]) -> Answered {
        self.ask(VERIFY, keys).await
    }

    pub(crate) async fn mutate<K: AsRef<str>>(&self, keys: &[K]) -> Answered {
        self.ask(MUTATE, keys).await
    }

    /// The value of a metric that counts, 0 if it is not there.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.metrics.text();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |value| value.trim().parse().unwrap())
    }
}

/// Gatekeeper's request for `keys`.
pub(crate) fn request_of<K: AsRef<str>>(keys: &[K]) -> String {
    let keys: Vec<_> = keys.iter().map(AsRef::as_ref).collect();
    json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": { "keys": keys },
    })
    .to_string()
}

/// A request that arrives now.
pub(crate) fn arrival() -> Arrival {
    Arrival {
        began: Instant::now(),
        peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
    }
}

/// A registry with one image, signed or not, and a configuration that trusts one root.
pub(crate) struct Signed {
    pub(crate) registry: Registry,
    pub(crate) image: Image,
    root: Authority,
    signer: Chain,
    home: TempDir,
}

pub(crate) const REPOSITORY: &str = "team/app";

impl Signed {
    pub(crate) async fn new() -> Self {
        let registry = Registry::start().await.unwrap();
        let image = Image::new("app");
        registry.push_image(REPOSITORY, "v1", &image);
        let root = Authority::new("Acme Root");
        Self {
            registry,
            image,
            signer: root.leaf("acme signer"),
            root,
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// Sign the image; returns the digest of the signature.
    pub(crate) fn sign(&self) -> Digest {
        self.sign_in(REPOSITORY, &self.image, &self.signer)
    }

    /// Sign with a certificate that nobody trusts.
    pub(crate) fn sign_as_stranger(&self) -> Digest {
        let stranger = Authority::new("Mallory Root").leaf("mallory");
        self.sign_in(REPOSITORY, &self.image, &stranger)
    }

    pub(crate) fn sign_in(&self, repository: &str, image: &Image, signer: &Chain) -> Digest {
        let image = image.descriptor();
        let envelope = Envelope::new(Format::Jws, signer, image).build();
        let signature = SignatureManifest::new(image, Format::Jws, &envelope).build();
        self.registry.attach(repository, &signature).digest
    }

    /// The image by its tag, and by its digest.
    pub(crate) fn tagged(&self) -> String {
        self.registry.tagged(REPOSITORY, "v1")
    }

    pub(crate) fn pinned(&self) -> String {
        self.registry.pinned(REPOSITORY, self.image.descriptor())
    }

    pub(crate) fn rig(&self, setting: Setting) -> Rig {
        let level = json!({ "level": "strict" });
        Rig::new(self.configuration(&level, setting.timeouts), setting)
    }

    /// A configuration read from a file, with this level of trust.
    pub(crate) fn configuration(&self, level: &Value, timeouts: Timeouts) -> Configuration {
        let loaded = self.loaded(level);
        Configuration {
            snapshot: Arc::new(loaded.snapshot),
            timeouts,
            typed_verifiers: loaded.typed_verifiers,
            trace_headers: vec!["x-trace".parse().unwrap()],
            generation: 1,
        }
    }

    fn loaded(&self, level: &Value) -> Loaded {
        let at = |path: &str| self.home.path().join(path);
        fs::create_dir_all(at("certs")).unwrap();
        fs::write(at("certs/root.pem"), self.root.pem()).unwrap();
        fs::write(at("docker.json"), "{}").unwrap();
        let mut statement = json!({
            "name": "default",
            "registryScopes": ["*"],
            "signatureVerification": level,
        });
        if level["level"] != "skip" {
            statement["trustStores"] = json!(["ca:certs"]);
            statement["trustedIdentities"] = json!(["*"]);
        }
        let config = json!({
            "store": { "plugins": [{
                "name": "oras",
                "authProvider": { "name": "dockerConfig", "configPath": "~/docker.json" },
            }] },
            "policy": { "plugin": { "name": "configPolicy" } },
            "verifier": { "plugins": [{
                "name": "my-notation",
                "type": "notation",
                "artifactTypes": SIGNATURE,
                "verificationCerts": ["~/certs"],
                "trustPolicyDoc": { "version": "1.0", "trustPolicies": [statement] },
            }] },
        });
        fs::write(at("config.json"), config.to_string()).unwrap();
        let environment = Environment {
            home: Some(self.home.path().to_owned()),
            ..Environment::default()
        };
        let options = LoadOptions {
            allow_loopback_http: true,
            ..LoadOptions::default()
        };
        load(Some(&at("config.json")), &environment, &options).unwrap()
    }
}

/// A store that does what the repository's name says: `panic`, `stall`, `down`, `missing`, `bad`; any other name is an
/// image with one artifact, which nobody can check. Every name may be followed by a number.
#[derive(Debug, Default)]
pub(crate) struct Told;

impl Store for Told {
    fn name(&self) -> &'static str {
        "told"
    }

    fn resolve<'a>(
        &'a self,
        reference: &'a Reference,
        _: Deadline,
    ) -> BoxFuture<'a, Result<Descriptor, StoreError>> {
        Box::pin(async {
            let unknown = |code, text: &str| Err(StoreError::Unknown(Reason::new(code, text)));
            let name = reference.repository().name();
            let name = name.rsplit('/').next().unwrap_or(name);
            match name.trim_end_matches(|c: char| c.is_ascii_digit()) {
                "panic" => panic!("on purpose"),
                "stall" => std::future::pending().await,
                "down" => unknown(ReasonCode::RegistryUnreachable, "connection refused"),
                "missing" => unknown(ReasonCode::SubjectNotFound, "no such manifest"),
                "bad" => {
                    let reason = Reason::new(ReasonCode::SubjectUnusable, "not a manifest");
                    Err(StoreError::Definitive(reason))
                }
                _ => {
                    let digest = reference.digest().cloned();
                    let digest = digest.unwrap_or_else(|| Digest::sha256(name.as_bytes()));
                    Ok(Descriptor::new(media::OCI_MANIFEST, digest, 2))
                }
            }
        })
    }

    fn referrers<'a>(
        &'a self,
        _: &'a Repository,
        subject: &'a Digest,
        _: Option<&'a str>,
        _: Deadline,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        let digest = Digest::sha256(subject.as_str().as_bytes());
        let mut signature = Descriptor::new(media::OCI_MANIFEST, digest, 2);
        signature.artifact_type = Some(SIGNATURE.to_owned());
        Box::pin(async {
            Ok(Listing {
                referrers: vec![signature],
                over_budget: None,
            })
        })
    }

    fn fetch<'a>(&'a self, _: &'a Repository, _: &'a Need, _: Deadline) -> BoxFuture<'a, Answer> {
        let reason = Reason::new(ReasonCode::RegistryUnreachable, "nothing is here");
        Box::pin(async { Answer::Failed(FetchFailure(reason)) })
    }
}
