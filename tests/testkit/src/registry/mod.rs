//! An OCI registry in memory, on loopback, that tells the truth until it is told to lie
//! (OCI distribution specification 1.1: pull, push, referrers API, referrers tag schema).
//!
//! It answers any client: ours, `notation`, `oras`, `crane`. Nothing a client sends makes it panic. It never leaves the
//! machine and never touches the disk.

mod answer;
mod auth;
mod body;
mod content;
mod fault;
mod listing;
mod log;
mod route;
mod server;
mod upload;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ratify_oci::{Descriptor, media};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::certs::Chain;
use crate::image::{Image, ImageIndex, Packed, Signature, describe};

pub use auth::{Auth, Bearer, Login};
pub use fault::{Fault, Match, Times};
pub use log::Request;
pub use route::Kind;

use server::Shared;

/// A running registry. Dropping it closes the port and every connection; [`Registry::stop`] also waits for that.
#[derive(Debug)]
pub struct Registry {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

/// What a registry shall be like. Made by [`Registry::builder`].
#[derive(Debug)]
pub struct Builder {
    settings: Settings,
    tls: Option<Chain>,
}

/// What does not change while the registry runs.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) referrers_api: bool,
    pub(crate) page_size: usize,
    pub(crate) auth: Auth,
    pub(crate) delay: Duration,
    pub(crate) connect_delay: Duration,
}

impl Builder {
    /// Whether the referrers API exists; without it, referrers are listed under the tag `sha256-<hex>`.
    #[must_use]
    pub fn referrers_api(mut self, available: bool) -> Self {
        self.settings.referrers_api = available;
        self
    }

    /// How many referrers a page has at most. Not paged by default.
    #[must_use]
    pub fn page_size(mut self, entries: usize) -> Self {
        self.settings.page_size = entries.max(1);
        self
    }

    /// Who may read and write.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.settings.auth = auth;
        self
    }

    /// Wait so long before each answer, refusals and tokens included: how far away the registry is.
    /// ([`Fault::Latency`] concerns single requests, and only those that got past the login.)
    #[must_use]
    pub fn delay(mut self, time: Duration) -> Self {
        self.settings.delay = time;
        self
    }

    /// Wait so long before a new connection is heard, TLS handshake included.
    #[must_use]
    pub fn connect_delay(mut self, time: Duration) -> Self {
        self.settings.connect_delay = time;
        self
    }

    /// Serve HTTPS (HTTP/1.1 and HTTP/2) with this chain, for example
    /// `authority.issue(&Template::tls_server(&["127.0.0.1", "localhost"]))`.
    #[must_use]
    pub fn tls(mut self, server: &Chain) -> Self {
        self.tls = Some(server.clone());
        self
    }

    /// Open a free port on 127.0.0.1 and serve. Fails if there is no port or the TLS chain is not one.
    pub async fn start(self) -> std::io::Result<Registry> {
        let tls = self.tls.as_ref().map(tls_config).transpose();
        let tls = tls.map_err(std::io::Error::other)?;
        // gathering entropy takes 40 ms and more, once: the first token shall not seem to take them
        let _unfilled = aws_lc_rs::rand::fill(&mut [0]);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base_url = format!("{scheme}://{address}");
        let shared = Arc::new(Shared::new(self.settings, base_url));
        let (stop, stopped) = watch::channel(false);
        let served = server::serve(listener, tls, Arc::clone(&shared), stopped);
        Ok(Registry {
            shared,
            address,
            stop,
            task: Some(tokio::spawn(served)),
        })
    }
}

fn tls_config(chain: &Chain) -> Result<Arc<ServerConfig>, rustls::Error> {
    let certificates = chain.certificates.iter().cloned().map(CertificateDer::from);
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(chain.key.pkcs8_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates.collect(), key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

impl Registry {
    /// A registry with the referrers API, without login and TLS, unless told otherwise.
    pub fn builder() -> Builder {
        Builder {
            settings: Settings {
                referrers_api: true,
                page_size: usize::MAX,
                auth: Auth::None,
                delay: Duration::ZERO,
                connect_delay: Duration::ZERO,
            },
            tls: None,
        }
    }

    /// [`Registry::builder`] as it is, started.
    pub async fn start() -> std::io::Result<Self> {
        Self::builder().start().await
    }

    /// `127.0.0.1:<port>`: the registry part of a reference.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:<port>` or `https://...`.
    pub fn base_url(&self) -> &str {
        self.shared.base_url()
    }

    /// `127.0.0.1:<port>/<repository>:<tag>`.
    pub fn tagged(&self, repository: &str, tag: &str) -> String {
        format!("{}/{repository}:{tag}", self.address)
    }

    /// `127.0.0.1:<port>/<repository>@<digest>`.
    pub fn pinned(&self, repository: &str, descriptor: &Descriptor) -> String {
        format!("{}/{repository}@{}", self.address, descriptor.digest)
    }

    /// Close the port and all connections, and wait until every task has ended.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.take() {
            // the task cannot fail but by a panic, which the test harness has printed already
            let _ended = task.await;
        }
    }

    /// Keep these bytes as a manifest, under a tag if one is given.
    pub fn push_manifest(
        &self,
        repository: &str,
        tag: Option<&str>,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> Descriptor {
        let bytes = bytes.into();
        let descriptor = describe(media_type, &bytes);
        let mut content = self.shared.content();
        content.put_manifest(repository, descriptor.digest.as_str(), media_type, bytes);
        if let Some(tag) = tag {
            content.set_tag(repository, tag, descriptor.digest.as_str());
        }
        descriptor
    }

    /// Keep these bytes as a blob.
    pub fn push_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> Descriptor {
        let bytes = bytes.into();
        let descriptor = describe("application/octet-stream", &bytes);
        let mut content = self.shared.content();
        content.put_blob(repository, descriptor.digest.as_str(), bytes);
        descriptor
    }

    /// Keep a manifest and its blobs, under a tag if one is given. It is listed nowhere: see [`Registry::attach`].
    pub fn push(&self, repository: &str, tag: Option<&str>, packed: &Packed) -> Descriptor {
        for blob in &packed.blobs {
            self.push_blob(repository, blob.clone());
        }
        let media_type = &packed.descriptor.media_type;
        self.push_manifest(repository, tag, media_type, packed.bytes.clone())
    }

    /// Keep an image under a tag.
    pub fn push_image(&self, repository: &str, tag: &str, image: &Image) -> Descriptor {
        self.push(repository, Some(tag), image.packed())
    }

    /// Keep an index under a tag, with its images.
    pub fn push_index(&self, repository: &str, tag: &str, index: &ImageIndex) -> Descriptor {
        for image in index.images() {
            self.push(repository, None, image.packed());
        }
        self.push(repository, Some(tag), index.packed())
    }

    /// Keep a signature and list it as a referrer of the subject it names (of nothing, if it names none).
    pub fn attach(&self, repository: &str, signature: &Signature) -> Descriptor {
        let descriptor = self.push(repository, None, signature.packed());
        if let Some(subject) = &signature.manifest().subject {
            self.list_referrer(repository, subject, signature.referrer());
        }
        descriptor
    }

    /// Keep a signature and list it as a referrer of `subject`, whatever subject it names itself.
    pub fn attach_to(
        &self,
        repository: &str,
        subject: &Descriptor,
        signature: &Signature,
    ) -> Descriptor {
        let descriptor = self.push(repository, None, signature.packed());
        self.list_referrer(repository, subject, signature.referrer());
        descriptor
    }

    /// List a descriptor as a referrer of `subject`, whether or not there is such content: by the referrers API, or in the
    /// index under the tag `sha256-<hex>`.
    pub fn list_referrer(&self, repository: &str, subject: &Descriptor, referrer: Descriptor) {
        self.list_referrers(repository, subject, vec![referrer]);
    }

    /// List so many referrers of that artifact type of which there is no content.
    pub fn many_referrers(
        &self,
        repository: &str,
        subject: &Descriptor,
        artifact_type: &str,
        count: usize,
    ) {
        let synthetic = (0..count).map(|number| listing::synthetic(artifact_type, number));
        self.list_referrers(repository, subject, synthetic.collect());
    }

    fn list_referrers(&self, repository: &str, subject: &Descriptor, more: Vec<Descriptor>) {
        let mut content = self.shared.content();
        let subject_digest = subject.digest.as_str();
        if self.shared.settings.referrers_api {
            content.add_referrers(repository, subject_digest, more);
            return;
        }
        // a client may have pushed a longer index in the meantime
        let tag = subject.digest.referrers_tag();
        let pushed = content.manifest(repository, &tag);
        let pushed = pushed.map(|stored| listing::entries(&stored.bytes));
        content.add_referrers(repository, subject_digest, pushed.unwrap_or_default());
        let listed = content.add_referrers(repository, subject_digest, more);
        let index = listing::index_bytes(listed);
        let digest = describe(media::OCI_INDEX, &index).digest;
        content.put_manifest(repository, digest.as_str(), media::OCI_INDEX, index);
        content.set_tag(repository, &tag, digest.as_str());
    }

    /// Let a tag point to other content (which need not be there).
    pub fn set_tag(&self, repository: &str, tag: &str, descriptor: &Descriptor) {
        let mut content = self.shared.content();
        content.set_tag(repository, tag, descriptor.digest.as_str());
    }

    /// Forget a manifest or blob, so that asking for it is a 404. Listings keep it.
    pub fn delete(&self, repository: &str, descriptor: &Descriptor) {
        let mut content = self.shared.content();
        content.delete(repository, descriptor.digest.as_str());
    }

    /// From now on, misbehave. Rules are tried in the order in which they were added; all that fire take effect.
    /// They concern requests that got past the login.
    pub fn fault(&self, requests: Match, times: Times, fault: Fault) {
        self.shared.faults().add(requests, times, fault);
    }

    /// Tell the truth again.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }

    /// Forget all bearer tokens that were issued, as if they had expired.
    pub fn revoke_tokens(&self) {
        self.shared.tokens().revoke();
    }

    /// All requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.log().requests()
    }

    /// How many requests of that kind arrived.
    pub fn count(&self, kind: Kind) -> usize {
        let requests = self.requests();
        requests
            .iter()
            .filter(|request| request.kind == kind)
            .count()
    }

    /// Forget the requests so far.
    pub fn clear_requests(&self) {
        self.shared.log().clear();
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> usize {
        self.shared.connections()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
