//! A store that is a table, so that time can be turned and every call is counted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use ratify_engine::{Deadline, Limits, Listing, ScopeId, Snapshot, Store, StoreError};
use ratify_oci::{Content, Descriptor, Digest, Reference, Repository};
use ratify_policy::ConfigPolicy;
use ratify_testkit::certs::{Authority, Chain};
use ratify_testkit::envelope::{Envelope, Format};
use ratify_testkit::image::{Image, SignatureManifest};
use ratify_verify::trust::{Certificate, StoreType, TrustPolicy, TrustStores};
use ratify_verify::{Answer, FetchFailure, Need, Reason, ReasonCode, Verifier, notation};

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Trouble {
    #[default]
    None,
    /// Every call fails as if the registry were away.
    Down,
    /// Looking an image up is a defect of this program.
    Panic,
}

#[derive(Default)]
struct Table {
    tags: HashMap<String, Descriptor>,
    subjects: HashMap<(String, Digest), Descriptor>,
    referrers: HashMap<(String, Digest), Vec<Descriptor>>,
    content: HashMap<Digest, Bytes>,
    delay: Duration,
    trouble: Trouble,
}

/// How often what was asked.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) resolved: AtomicUsize,
    pub(crate) listed: AtomicUsize,
    pub(crate) fetched: AtomicUsize,
    pub(crate) most_at_once: AtomicUsize,
    at_once: AtomicUsize,
}

impl Counts {
    /// Looked up, listed, fetched.
    pub(crate) fn read(&self) -> [usize; 3] {
        [&self.resolved, &self.listed, &self.fetched].map(|one| one.load(Ordering::SeqCst))
    }
}

#[derive(Clone, Default)]
pub(crate) struct Shelf {
    table: Arc<Mutex<Table>>,
    pub(crate) counts: Arc<Counts>,
}

impl Shelf {
    pub(crate) fn delay(&self, delay: Duration) {
        self.table.lock().unwrap().delay = delay;
    }

    pub(crate) fn trouble(&self, trouble: Trouble) {
        self.table.lock().unwrap().trouble = trouble;
    }

    /// Put an image into `repository` under `tag`.
    pub(crate) fn push(&self, repository: &str, tag: &str, image: &Image) {
        let mut table = self.table.lock().unwrap();
        let descriptor = image.descriptor().clone();
        table
            .tags
            .insert(format!("{repository}:{tag}"), descriptor.clone());
        table.subjects.insert(
            (repository.to_owned(), descriptor.digest.clone()),
            descriptor,
        );
    }

    /// Attach a signature by `signer`.
    pub(crate) fn sign(&self, repository: &str, image: &Image, signer: &Chain) {
        let envelope = Envelope::new(Format::Jws, signer, image.descriptor()).build();
        self.attach(repository, image, &envelope);
    }

    pub(crate) fn attach(&self, repository: &str, image: &Image, envelope: &[u8]) {
        let signature = SignatureManifest::new(image.descriptor(), Format::Jws, envelope).build();
        let mut table = self.table.lock().unwrap();
        let manifest = signature.packed();
        table
            .content
            .insert(manifest.descriptor.digest.clone(), manifest.bytes.clone());
        let blob = Content::hash(Bytes::copy_from_slice(envelope));
        table
            .content
            .insert(blob.digest().clone(), blob.bytes().clone());
        table
            .referrers
            .entry((repository.to_owned(), image.descriptor().digest.clone()))
            .or_default()
            .push(signature.referrer());
    }

    /// Wait as a registry would, and fail as told.
    async fn enter(&self, counter: &AtomicUsize) -> Result<(), Reason> {
        counter.fetch_add(1, Ordering::SeqCst);
        let now = self.counts.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.counts.most_at_once.fetch_max(now, Ordering::SeqCst);
        let (delay, trouble) = {
            let table = self.table.lock().unwrap();
            (table.delay, table.trouble)
        };
        let _leave = Leave(&self.counts.at_once);
        tokio::time::sleep(delay).await;
        match trouble {
            Trouble::None => Ok(()),
            Trouble::Down => Err(Reason::new(ReasonCode::RegistryUnreachable, "away")),
            Trouble::Panic => panic!("a defect, made on purpose"),
        }
    }
}

struct Leave<'a>(&'a AtomicUsize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Store for Shelf {
    fn name(&self) -> &'static str {
        "shelf"
    }

    fn resolve<'a>(
        &'a self,
        reference: &'a Reference,
        _: Deadline,
    ) -> BoxFuture<'a, Result<Descriptor, StoreError>> {
        async move {
            self.enter(&self.counts.resolved)
                .await
                .map_err(StoreError::Unknown)?;
            let table = self.table.lock().unwrap();
            let repository = reference.repository().name().to_owned();
            let found = if let Some(digest) = reference.digest() {
                table.subjects.get(&(repository, digest.clone()))
            } else {
                let text = reference.to_string();
                let tag = text.rsplit(':').next().unwrap();
                table.tags.get(&format!("{repository}:{tag}"))
            };
            found.cloned().ok_or_else(|| {
                StoreError::Unknown(Reason::new(ReasonCode::SubjectNotFound, "not here"))
            })
        }
        .boxed()
    }

    fn referrers<'a>(
        &'a self,
        repository: &'a Repository,
        subject: &'a Digest,
        _: Option<&'a str>,
        _: Deadline,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        async move {
            self.enter(&self.counts.listed)
                .await
                .map_err(StoreError::Unknown)?;
            let table = self.table.lock().unwrap();
            let key = (repository.name().to_owned(), subject.clone());
            Ok(Listing {
                referrers: table.referrers.get(&key).cloned().unwrap_or_default(),
                over_budget: None,
            })
        }
        .boxed()
    }

    fn fetch<'a>(
        &'a self,
        _: &'a Repository,
        need: &'a Need,
        _: Deadline,
    ) -> BoxFuture<'a, Answer> {
        async move {
            if let Err(reason) = self.enter(&self.counts.fetched).await {
                return Answer::Failed(FetchFailure(reason));
            }
            let (Need::Manifest { descriptor, .. } | Need::Blob { descriptor, .. }) = need;
            let table = self.table.lock().unwrap();
            match table.content.get(&descriptor.digest) {
                Some(bytes) => Answer::Content(Content::check(descriptor, bytes.clone()).unwrap()),
                None => Answer::Absent,
            }
        }
        .boxed()
    }
}

/// A trust policy statement.
pub(crate) struct Statement<'a> {
    pub(crate) scope: &'a str,
    pub(crate) level: &'a str,
    pub(crate) identity: &'a str,
}

impl Default for Statement<'_> {
    fn default() -> Self {
        Self {
            scope: "*",
            level: "strict",
            identity: "*",
        }
    }
}

/// A verifier of `types` that trusts `root` under `statements`.
pub(crate) fn verifier(types: &[&str], root: &Authority, statements: &[Statement<'_>]) -> Verifier {
    let statements: Vec<String> = statements
        .iter()
        .enumerate()
        .map(|(number, one)| {
            let trust = if one.level == "skip" {
                String::new()
            } else {
                let identity = one.identity;
                format!(r#","trustStores":["ca:acme"],"trustedIdentities":["{identity}"]"#)
            };
            format!(
                r#"{{"name":"s{number}","registryScopes":["{}"],"signatureVerification":{{"level":"{}"}}{trust}}}"#,
                one.scope, one.level
            )
        })
        .collect();
    let text = format!(
        r#"{{"version":"1.0","trustPolicies":[{}]}}"#,
        statements.join(",")
    );
    let trust = TrustPolicy::parse(text.as_bytes()).unwrap().policy;
    let mut stores = TrustStores::builder();
    let certificate = Certificate::from_der(root.certificate()).unwrap();
    stores
        .insert(StoreType::Ca, "acme", vec![certificate])
        .unwrap();
    let types = types.iter().map(|one| (*one).to_owned()).collect();
    let verifier = notation::Verifier::new("notation", types, trust, stores.build()).unwrap();
    Verifier::Notation(verifier)
}

/// A configuration over `shelf` that trusts `root` under `statements`.
pub(crate) fn snapshot(
    shelf: &Shelf,
    root: &Authority,
    statements: &[Statement<'_>],
    policy: ConfigPolicy,
    scope: ScopeId,
) -> Arc<Snapshot> {
    let verifiers = vec![verifier(
        &[notation::SIGNATURE_ARTIFACT_TYPE],
        root,
        statements,
    )];
    let store: Arc<dyn Store> = Arc::new(shelf.clone());
    Arc::new(Snapshot::new(verifiers, vec![store], policy, Limits::default(), scope).unwrap())
}
