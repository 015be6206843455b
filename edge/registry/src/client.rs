//! The client and what it gives back.

use std::sync::Arc;

use ratify_http::{Certificates, Origin, Targets};
use ratify_oci::{Content, Descriptor, Digest, Reference, Repository};

use crate::auth::{Refusals, Scheme, Tokens};
use crate::counts::Counters;
use crate::endpoint::{Endpoint, Endpoints};
use crate::memory::Memory;
use crate::options::{self, Limits, Options, OptionsError};
use crate::{Deadline, Error, Logins, RequestCounts};

/// A client for all registries. Clones share connections, tokens and what was learnt; a process needs one.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) http: ratify_http::Client,
    pub(crate) endpoints: Endpoints,
    pub(crate) logins: Arc<dyn Logins>,
    pub(crate) limits: Limits,
    pub(crate) counters: Counters,
    /// How each repository wants to be asked: some registries name a token service for each of them.
    pub(crate) schemes: Memory<Arc<str>, Scheme>,
    pub(crate) tokens: Tokens,
    pub(crate) refusals: Refusals,
    /// Registries that were seen without the referrers API, but with the referrers tag schema in use.
    pub(crate) without_referrers_api: Memory<Origin, ()>,
}

/// A manifest that was fetched to find out what a reference means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Media type (as served and as the bytes bear out), digest and size of the bytes: nothing in it is hearsay.
    pub descriptor: Descriptor,
    /// The manifest.
    pub content: Content,
}

/// Whether a listing is all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// All referrers that the registry names are listed.
    Complete,
    /// There are more, beyond this limit.
    OverLimit {
        /// What was limited: `referrers` or `pages of referrers`.
        of: &'static str,
        /// The most that is listed.
        limit: usize,
    },
}

/// How referrers were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// By the referrers API.
    Api,
    /// Under the referrers tag.
    TagSchema,
}

/// Manifests that say they are about a subject. That they are is for the caller to check, in the manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrers {
    /// In the order of the registry; all of the artifact type that was asked for.
    pub descriptors: Vec<Descriptor>,
    /// Whether that is all.
    pub completeness: Completeness,
    /// How they were found.
    pub source: Source,
}

impl Client {
    /// A client with `options`. Nothing is asked and no file is read yet.
    pub fn new(options: Options) -> Result<Self, OptionsError> {
        let known = options::parse(&options.registries)?;
        let mut http = options.http;
        for registry in &options.registries {
            let address = Endpoints::address(&registry.host);
            let (Some(own), Some(origin)) = (&registry.authorities, options::https_origin(address))
            else {
                continue;
            };
            let own: Certificates = own.clone();
            http.authorities_of.insert(origin.authority(), own);
        }
        let endpoints = Endpoints::new(known, options.plain_http_all, options.loopback_http);
        if options.guarded {
            let mut allowed = endpoints.configured();
            if let Targets::Guarded { allowed: more } = &http.targets {
                allowed.extend(more.iter().cloned());
            }
            http.targets = Targets::Guarded { allowed };
        }
        Ok(Self(Arc::new(Inner {
            http: ratify_http::Client::new(&http),
            endpoints,
            logins: options.logins,
            limits: options.limits,
            counters: Counters::default(),
            schemes: Memory::default(),
            tokens: Tokens::default(),
            refusals: Refusals::new(options.refusal_pause),
            without_referrers_api: Memory::default(),
        })))
    }

    /// Do in the background what the first TLS connection would have to wait for.
    pub fn prepare(&self) {
        self.0.http.prepare();
    }

    /// Find out what `reference` means: fetch its manifest and hash it. With a digest, the hash must be that digest; with
    /// a tag, a digest that the registry announces must be right. One answer serves the whole judgement of an image: a
    /// tag may point elsewhere a moment later (decision 7).
    pub async fn resolve(
        &self,
        reference: &Reference,
        deadline: Deadline,
    ) -> Result<Resolved, Error> {
        self.0.resolve(reference, deadline).await
    }

    /// List the referrers of `subject`, of `artifact_type` alone if one is given: by the referrers API, all pages, or under
    /// the referrers tag. An empty list is a definitive "none"; whatever went wrong is an error and never an empty list
    /// (decision 5). Every error here means "unknown".
    pub async fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        artifact_type: Option<&str>,
        deadline: Deadline,
    ) -> Result<Referrers, Error> {
        self.0
            .referrers(repository, subject, artifact_type, deadline)
            .await
    }

    /// Fetch the manifest that `descriptor` names, checked against its media type, digest and size. Embedded data saves
    /// the request.
    pub async fn manifest(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        deadline: Deadline,
    ) -> Result<Content, Error> {
        self.0.manifest(repository, descriptor, deadline).await
    }

    /// Fetch the blob that `descriptor` names, checked against its digest and size, and refused before any request if it
    /// has more than `limit` bytes. Embedded data saves the request.
    pub async fn blob(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        limit: u64,
        deadline: Deadline,
    ) -> Result<Content, Error> {
        self.0.blob(repository, descriptor, limit, deadline).await
    }

    /// Fetch a blob of which nothing but the digest is known, as when a person names it: checked against the digest, and
    /// of at most `limit` bytes.
    pub async fn blob_by_digest(
        &self,
        repository: &Repository,
        digest: &Digest,
        limit: u64,
        deadline: Deadline,
    ) -> Result<Content, Error> {
        self.0
            .blob_by_digest(repository, digest, limit, deadline)
            .await
    }

    /// How many requests went out since the client was made.
    pub fn counts(&self) -> RequestCounts {
        self.0.counters.read()
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Inner {
    pub(crate) fn endpoint(&self, repository: &Repository) -> Result<Arc<Endpoint>, Error> {
        self.endpoints.of(repository).ok_or_else(|| {
            let host = repository.registry().to_owned();
            let reason = "makes no URL";
            Error::Request(ratify_http::Error::Url { host, reason })
        })
    }
}
