//! `ratify referrer show-blob` and `show-manifest`: one artifact as it is.
//!
//! Both panic in v1.4, so there is only what was meant to follow (V 1.4).

use std::sync::Arc;

use ratify_engine::{Deadline, Store};
use ratify_oci::{Content, Descriptor, Digest, Manifest};
use ratify_verify::{Answer, FetchFailure, Need, Reason, ReasonCode};
use tokio::time::timeout_at;

use super::Running;
use crate::args::ReferrerTarget;
use crate::console::Console;
use crate::error::{Error, Status};
use crate::render::{ManifestV1, json};
use crate::wait::wait;

/// The largest blob that is shown (decision table "limits": other blob, 64 MiB).
const MAX_BLOB: u64 = 64 << 20;
/// The largest manifest that is shown (decision table "limits": manifest, 4 MiB).
const MAX_MANIFEST: u64 = 4 << 20;

/// The store, the digest and the rest, checked.
struct Wanted {
    running: Running,
    store: Arc<dyn Store>,
    digest: Digest,
}

/// Write a blob to standard output.
pub(crate) async fn show_blob(
    console: &Console,
    args: &ReferrerTarget,
    debug: bool,
) -> Result<Status, Error> {
    let wanted = wanted(console, args, debug)?;
    let message = || format!("fetching {}", wanted.digest);
    let content = wait(console, message, wanted.blob()).await??;
    console.write(content.bytes())?;
    Ok(Status::Done)
}

/// Print a manifest.
pub(crate) async fn show_manifest(
    console: &Console,
    args: &ReferrerTarget,
    debug: bool,
) -> Result<Status, Error> {
    let wanted = wanted(console, args, debug)?;
    let message = || format!("fetching {}", wanted.digest);
    let (descriptor, manifest) = wait(console, message, wanted.manifest()).await??;
    let shown = ManifestV1::new(&descriptor.media_type, &manifest).ok_or(Error::Index)?;
    console.write(json(&shown).as_bytes())?;
    Ok(Status::Done)
}

fn wanted(console: &Console, args: &ReferrerTarget, debug: bool) -> Result<Wanted, Error> {
    if args.target.subject.is_empty() {
        return Err(Error::NoSubject);
    }
    if args.digest.is_empty() {
        return Err(Error::NoDigest);
    }
    if args.store.is_empty() {
        return Err(Error::NoStore);
    }
    let digest = args.digest.parse().map_err(Error::Digest)?;
    let running = Running::start(console, &args.target, &[], debug)?;
    let stores = running.engine.snapshot().stores();
    let unknown = || Error::UnknownStore {
        name: args.store.clone(),
        known: stores.iter().map(|store| store.name().to_owned()).collect(),
    };
    let store = stores
        .iter()
        .find(|store| store.name() == args.store)
        .cloned()
        .ok_or_else(unknown)?;
    Ok(Wanted {
        running,
        store,
        digest,
    })
}

impl Wanted {
    async fn manifest(&self) -> Result<(Descriptor, Manifest), Error> {
        let reference = self.running.reference.repository().at(self.digest.clone());
        let descriptor = self
            .store
            .resolve(&reference, Deadline::at(self.running.deadline))
            .await
            .map_err(Error::Store)?;
        let need = Need::Manifest {
            descriptor: descriptor.clone(),
            limit: MAX_MANIFEST,
        };
        let fetch = self.store.fetch(
            reference.repository(),
            &need,
            Deadline::at(self.running.deadline),
        );
        let content = self.content(fetch).await?;
        let manifest =
            Manifest::parse(&descriptor.media_type, content.bytes()).map_err(Error::Manifest)?;
        Ok((descriptor, manifest))
    }

    async fn blob(&self) -> Result<Content, Error> {
        let Running {
            reference,
            deadline,
            ..
        } = &self.running;
        let fetch = self.store.blob(
            reference.repository(),
            &self.digest,
            MAX_BLOB,
            Deadline::at(*deadline),
        );
        self.content(fetch).await
    }

    /// What came of a fetch, at the deadline at the latest.
    async fn content(&self, fetch: impl Future<Output = Answer>) -> Result<Content, Error> {
        let late = || {
            Reason::new(
                ReasonCode::DeadlineExceeded,
                "time ran out while fetching it",
            )
        };
        let answer = timeout_at(self.running.deadline, fetch).await;
        let reason = match answer.unwrap_or_else(|_| Answer::Failed(FetchFailure(late()))) {
            Answer::Content(content) => return Ok(content),
            Answer::Absent => Reason::new(
                ReasonCode::SignatureUnavailable,
                format!("the registry has nothing under {}", self.digest),
            ),
            Answer::TooLarge => Reason::new(
                ReasonCode::SignatureUnavailable,
                format!(
                    "what the registry has under {} is larger than is shown",
                    self.digest
                ),
            ),
            Answer::Mismatch(mismatch) => {
                Reason::new(ReasonCode::SignatureContentMismatch, mismatch)
            }
            Answer::Malformed(reason) => reason,
            Answer::Failed(failure) => failure.0,
        };
        Err(Error::Content(reason))
    }
}
