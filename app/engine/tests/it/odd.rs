//! A shelf with oddities, and a dispatcher that is asked about one image on it.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use ratify_engine::{
    CacheOptions, Deadline, Dispatcher, DispatcherOptions, Limits, Listing, Report, ScopeId,
    Snapshot, Store, StoreError,
};
use ratify_oci::{Descriptor, Digest, Reference, Repository};
use ratify_policy::{ConfigPolicy, Requirement};
use ratify_testkit::certs::{Authority, Chain};
use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::Image;
use ratify_testkit::time::NOW;
use ratify_verify::{Answer, Need, notation};
use tokio::time::Instant;

use crate::shelf::{Shelf, Statement, verifier};

pub(crate) const REPOSITORY: &str = "team/app";
pub(crate) const TTL: Duration = Duration::from_mins(5);
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(crate) struct Oddities {
    /// What every reference resolves to.
    pub(crate) resolved: Option<Descriptor>,
    /// What is listed for every image.
    pub(crate) listed: Option<Vec<Descriptor>>,
    /// What is listed and not there.
    pub(crate) absent: HashSet<Digest>,
    /// How many fetches are a defect of this program.
    pub(crate) defects: usize,
    /// Every artifact type that a listing was asked for.
    pub(crate) types: Vec<Option<String>>,
    /// Every deadline that was given.
    pub(crate) deadlines: Vec<Deadline>,
}

#[derive(Clone, Default)]
pub(crate) struct Odd {
    pub(crate) shelf: Shelf,
    oddities: Arc<Mutex<Oddities>>,
}

impl Odd {
    pub(crate) fn set<T>(&self, set: impl FnOnce(&mut Oddities) -> T) -> T {
        set(&mut self.oddities.lock().unwrap())
    }

    /// What is listed for the image without oddities.
    pub(crate) async fn listed(&self, repository: &str, image: &Image) -> Vec<Descriptor> {
        let reference: Reference = format!("reg.example/{repository}").parse().unwrap();
        let (repository, subject) = (reference.repository(), &image.descriptor().digest);
        let deadline = Deadline::after(PATIENCE);
        let listing = self.shelf.referrers(repository, subject, None, deadline);
        listing.await.unwrap().referrers
    }
}

impl Store for Odd {
    fn name(&self) -> &'static str {
        "odd"
    }

    fn resolve<'a>(
        &'a self,
        reference: &'a Reference,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<Descriptor, StoreError>> {
        let resolved = self.set(|odd| {
            odd.deadlines.push(deadline);
            odd.resolved.clone()
        });
        async move {
            let found = self.shelf.resolve(reference, deadline).await;
            resolved.map_or(found, Ok)
        }
        .boxed()
    }

    fn referrers<'a>(
        &'a self,
        repository: &'a Repository,
        subject: &'a Digest,
        artifact_type: Option<&'a str>,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        let listed = self.set(|odd| {
            odd.deadlines.push(deadline);
            odd.types.push(artifact_type.map(str::to_owned));
            odd.listed.clone()
        });
        async move {
            let listing = self
                .shelf
                .referrers(repository, subject, artifact_type, deadline);
            let mut listing = listing.await?;
            if let Some(listed) = listed {
                listing.referrers = listed;
            }
            Ok(listing)
        }
        .boxed()
    }

    fn fetch<'a>(
        &'a self,
        repository: &'a Repository,
        need: &'a Need,
        deadline: Deadline,
    ) -> BoxFuture<'a, Answer> {
        let (Need::Manifest { descriptor, .. } | Need::Blob { descriptor, .. }) = need;
        let (defect, absent) = self.set(|odd| {
            let left = odd.defects.checked_sub(1);
            odd.defects = left.unwrap_or(0);
            odd.deadlines.push(deadline);
            (left.is_some(), odd.absent.contains(&descriptor.digest))
        });
        assert!(!defect, "a defect, made on purpose");
        if absent {
            return async { Answer::Absent }.boxed();
        }
        self.shelf.fetch(repository, need, deadline)
    }
}

/// How a scene is set.
pub(crate) struct Setup {
    pub(crate) ttl: Duration,
    pub(crate) requirement: Requirement,
    pub(crate) options: DispatcherOptions,
    pub(crate) limits: Limits,
    /// What the verifier reads.
    pub(crate) types: &'static [&'static str],
    pub(crate) statements: Vec<Statement<'static>>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            ttl: TTL,
            requirement: Requirement::All,
            options: DispatcherOptions::default(),
            limits: Limits::default(),
            types: &[notation::SIGNATURE_ARTIFACT_TYPE],
            statements: vec![Statement::default()],
        }
    }
}

pub(crate) struct Scene {
    pub(crate) odd: Odd,
    pub(crate) signer: Chain,
    pub(crate) image: Image,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) snapshot: Arc<Snapshot>,
    /// How many artifacts were judged.
    pub(crate) judged: Arc<AtomicUsize>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::of(&Setup::default())
    }

    pub(crate) fn of(setup: &Setup) -> Self {
        let odd = Odd::default();
        let root = Authority::new("Acme Root");
        let image = Image::new("app");
        odd.shelf.push(REPOSITORY, "v1", &image);
        let stores: Vec<Arc<dyn Store>> = vec![Arc::new(odd.clone())];
        let snapshot = Snapshot::new(
            vec![verifier(setup.types, &root, &setup.statements)],
            stores,
            ConfigPolicy::new(BTreeMap::new(), setup.requirement),
            setup.limits,
            ScopeId::unique(),
        );
        let options = DispatcherOptions {
            cache: Some(CacheOptions {
                ttl: setup.ttl,
                bytes: 64 << 20,
            }),
            ..setup.options
        };
        let judged = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&judged);
        let sink = move |_: &_, _| {
            count.fetch_add(1, Ordering::SeqCst);
        };
        Self {
            odd,
            signer: root.leaf("acme signer"),
            image,
            dispatcher: Dispatcher::new(options, Some(Arc::new(sink))),
            snapshot: Arc::new(snapshot.unwrap()),
            judged,
        }
    }

    pub(crate) fn sign(&self) {
        self.odd.shelf.sign(REPOSITORY, &self.image, &self.signer);
    }

    pub(crate) fn sign_until(&self, expiry: Timestamp) {
        let target = self.image.descriptor();
        let envelope = Envelope::new(Format::Jws, &self.signer, target).expiry(expiry);
        self.odd
            .shelf
            .attach(REPOSITORY, &self.image, &envelope.build());
    }

    pub(crate) fn tagged() -> Reference {
        format!("reg.example/{REPOSITORY}:v1").parse().unwrap()
    }

    pub(crate) fn pinned(&self) -> Reference {
        self.pinned_in(&format!("reg.example/{REPOSITORY}"))
    }

    /// The image in a repository, named with its registry.
    pub(crate) fn pinned_in(&self, repository: &str) -> Reference {
        let digest = &self.image.descriptor().digest;
        format!("{repository}@{digest}").parse().unwrap()
    }

    pub(crate) async fn ask(&self, reference: &Reference) -> Report {
        self.ask_at(reference, NOW).await
    }

    pub(crate) async fn ask_at(&self, reference: &Reference, now: Timestamp) -> Report {
        let call = self.dispatcher.call(now, Instant::now() + PATIENCE);
        self.dispatcher
            .verify(&self.snapshot, reference, &call)
            .await
    }

    pub(crate) async fn resolve(&self, reference: &Reference) -> Result<Descriptor, StoreError> {
        let call = self.dispatcher.call(NOW, Instant::now() + PATIENCE);
        self.dispatcher
            .resolve(&self.snapshot, reference, &call)
            .await
    }

    /// Looked up, listed, fetched.
    pub(crate) fn counts(&self) -> [usize; 3] {
        self.odd.shelf.counts.read()
    }
}
