//! A registry with a signed image, judged with a configuration that was loaded from a file.

use std::sync::Arc;
use std::time::Duration;

use ratify_config::{LoadOptions, Loaded, load};
use ratify_engine::{Engine, Report};
use ratify_policy::Decision;
use ratify_testkit::certs::{Authority, Chain};
use ratify_testkit::envelope::{Envelope, Format, Scheme};
use ratify_testkit::image::{Image, SignatureManifest};
use ratify_testkit::registry::{Builder, Registry};
use ratify_testkit::time::NOW;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::home::Home;

pub(crate) const REPOSITORY: &str = "team/app";

/// Everything a verdict needs but the configuration.
pub(crate) struct Signed {
    pub(crate) home: Home,
    pub(crate) registry: Registry,
    pub(crate) image: Image,
    pub(crate) root: Authority,
    pub(crate) signer: Chain,
}

impl Signed {
    /// An image signed by `signer`, which `root` issued.
    pub(crate) async fn new() -> Self {
        let signed = Self::unsigned(Registry::builder()).await;
        signed.sign(Scheme::X509);
        signed
    }

    /// The same without a signature, in such a registry.
    pub(crate) async fn unsigned(registry: Builder) -> Self {
        let registry = registry.start().await.unwrap();
        let image = Image::new("app");
        registry.push_image(REPOSITORY, "v1", &image);
        let root = Authority::new("Acme Root");
        let home = Home::new();
        home.write("docker.json", "{}");
        Self {
            home,
            registry,
            image,
            signer: root.leaf("acme signer"),
            root,
        }
    }

    /// Sign the image under a scheme.
    pub(crate) fn sign(&self, scheme: Scheme) {
        let image = self.image.descriptor();
        let envelope = Envelope::new(Format::Jws, &self.signer, image)
            .scheme(scheme)
            .build();
        let signature = SignatureManifest::new(image, Format::Jws, &envelope).build();
        self.registry.attach(REPOSITORY, &signature);
    }

    /// `config` without the logins of whoever runs the tests.
    fn written(mut config: Value) -> String {
        let store = &mut config["store"]["plugins"][0];
        if store["authProvider"].is_null() {
            store["authProvider"] =
                json!({ "name": "dockerConfig", "configPath": "~/docker.json" });
        }
        config.to_string()
    }

    /// Load `config`. As on the command line, loopback is asked in plain HTTP.
    pub(crate) fn load(&self, config: Value) -> Loaded {
        self.load_with(
            config,
            &LoadOptions {
                allow_loopback_http: true,
                ..LoadOptions::default()
            },
        )
    }

    pub(crate) fn load_with(&self, config: Value, options: &LoadOptions) -> Loaded {
        let path = self
            .home
            .write(".ratify/config.json", Self::written(config));
        load(Some(&path), &self.home.environment(), options).unwrap()
    }

    /// The verdict of `loaded`, such as `admit VERIFIED` or `deny SIGNER_UNTRUSTED`.
    pub(crate) async fn verdict_of(&self, loaded: Loaded) -> String {
        let image = self
            .registry
            .pinned(REPOSITORY, self.image.descriptor())
            .parse()
            .unwrap();
        let engine = Engine::new(Arc::new(loaded.snapshot));
        let deadline = Instant::now() + Duration::from_secs(30);
        told(&engine.verify(&image, NOW, deadline, &|_| {}).await)
    }

    /// The verdict with `config`.
    pub(crate) async fn verdict(&self, config: Value) -> String {
        self.verdict_of(self.load(config)).await
    }
}

fn told(report: &Report) -> String {
    let word = match report.decision {
        Decision::Admit(_) => "admit",
        Decision::Deny(_) => "deny",
        Decision::Undecided(_) => "undecided",
    };
    format!("{word} {}", report.code())
}
