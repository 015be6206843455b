//! A registry with one signed image, and a client for it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, ready};
use ratify_http::{Proxies, Retries};
use ratify_oci::{Content, Descriptor, Reference, Repository};
use ratify_registry::{
    Client, Deadline, Error, FixedLogins, Login, LoginError, Logins, Options, Referrers,
    RequestCounts, Resolved,
};
use ratify_testkit::envelope::Format;
use ratify_testkit::image::{Image, Signature, SignatureManifest};
use ratify_testkit::registry::{Auth, Builder, Registry};

pub(crate) const REPOSITORY: &str = "team/app";
/// The artifact type of Notary Project signatures.
pub(crate) const SIGNATURE: &str = "application/vnd.cncf.notary.signature";
pub(crate) const ENVELOPE: &[u8] = br#"{"an":"envelope"}"#;

pub(crate) struct Fixture {
    pub(crate) registry: Registry,
    pub(crate) image: Image,
    pub(crate) signature: Signature,
    pub(crate) client: Client,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::of(Registry::builder()).await
    }

    pub(crate) async fn without_api() -> Self {
        Self::of(Registry::builder().referrers_api(false)).await
    }

    pub(crate) async fn of(builder: Builder) -> Self {
        Self::with(builder, options()).await
    }

    /// With a login for the registry.
    pub(crate) async fn with_login(auth: Auth, login: Login) -> Self {
        let fixture = Self::of(Registry::builder().auth(auth)).await;
        let client = client_with(&fixture.registry, login);
        Self { client, ..fixture }
    }

    pub(crate) async fn with(builder: Builder, options: Options) -> Self {
        let registry = builder.start().await.unwrap();
        let image = Image::new("app");
        registry.push_image(REPOSITORY, "v1", &image);
        let signature = SignatureManifest::new(image.descriptor(), Format::Jws, ENVELOPE)
            .with_artifact_type()
            .build();
        registry.attach(REPOSITORY, &signature);
        Self {
            registry,
            image,
            signature,
            client: Client::new(options).unwrap(),
        }
    }

    pub(crate) fn tagged(&self) -> Reference {
        self.registry.tagged(REPOSITORY, "v1").parse().unwrap()
    }

    pub(crate) fn pinned(&self) -> Reference {
        let pinned = self.registry.pinned(REPOSITORY, self.image.descriptor());
        pinned.parse().unwrap()
    }

    pub(crate) fn repository(&self) -> Repository {
        self.tagged().repository().clone()
    }

    pub(crate) async fn resolve(&self) -> Result<Resolved, Error> {
        self.client.resolve(&self.pinned(), patient()).await
    }

    pub(crate) async fn referrers(&self) -> Result<Referrers, Error> {
        let (repository, subject) = (self.repository(), &self.image.descriptor().digest);
        self.client
            .referrers(&repository, subject, Some(SIGNATURE), patient())
            .await
    }

    pub(crate) async fn manifest(&self, descriptor: &Descriptor) -> Result<Content, Error> {
        let repository = self.repository();
        self.client
            .manifest(&repository, descriptor, patient())
            .await
    }

    pub(crate) async fn blob(&self, descriptor: &Descriptor) -> Result<Content, Error> {
        let repository = self.repository();
        self.client
            .blob(&repository, descriptor, 4096, patient())
            .await
    }

    pub(crate) fn layer(&self) -> &Descriptor {
        &self.signature.manifest().layers[0]
    }

    /// All that judging an image with one signature asks of a registry.
    pub(crate) async fn everything(&self) -> Result<(), Error> {
        let resolved = self.resolve().await?;
        assert_eq!(&resolved.descriptor, self.image.descriptor());
        let referrers = self.referrers().await?;
        assert_eq!(referrers.descriptors, [self.signature.referrer()]);
        let manifest = self.manifest(&referrers.descriptors[0]).await?;
        assert_eq!(manifest.bytes(), &self.signature.packed().bytes);
        let envelope = self.blob(self.layer()).await?;
        assert_eq!(envelope.bytes(), ENVELOPE);
        Ok(())
    }
}

/// Options that do not make a test wait and ask no proxy.
pub(crate) fn options() -> Options {
    let mut options = Options {
        loopback_http: true,
        ..Options::default()
    };
    options.http.proxies = Proxies::Off;
    options.http.retries = Retries {
        most: 3,
        most_at_all: 10,
        base: Duration::from_millis(1),
        cap: Duration::from_millis(4),
    };
    options
}

pub(crate) fn client_with(registry: &Registry, login: Login) -> Client {
    let mut options = options();
    options.logins = Arc::new(FixedLogins::new([(registry.host(), login)]));
    Client::new(options).unwrap()
}

pub(crate) fn basic(user: &str, password: &str) -> Login {
    Login::Basic {
        user: user.to_owned(),
        password: password.into(),
    }
}

/// A minute: far longer than any test that does not stall takes.
pub(crate) fn patient() -> Deadline {
    Deadline::after(Duration::from_mins(1))
}

pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_millis(200))
}

/// Counts in the order of the fields.
pub(crate) fn counts(manifest: u64, referrers: u64, blob: u64, token: u64) -> RequestCounts {
    RequestCounts {
        manifest,
        referrers,
        blob,
        token,
    }
}

/// A login that a test changes.
pub(crate) struct Changing(Mutex<Login>);

impl Changing {
    pub(crate) fn new(login: Login) -> Self {
        Self(Mutex::new(login))
    }

    pub(crate) fn set(&self, login: Login) {
        *self.0.lock().unwrap() = login;
    }
}

impl Logins for Changing {
    fn login<'a>(&'a self, _host: &'a str) -> BoxFuture<'a, Result<Login, LoginError>> {
        ready(Ok(self.0.lock().unwrap().clone())).boxed()
    }
}
