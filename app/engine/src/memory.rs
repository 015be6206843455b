//! What is remembered, for how long and for whom: verdicts, judgements of single signatures, and what references point to.
//!
//! Every key begins with the scope, so that one configuration never answers for another, and names the repository, so
//! that a copy of an image is judged under the policy of the place it lies in. Every value ends at the first instant at
//! which it may change. Nothing that could not be told is ever remembered.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use ratify_oci::{Descriptor, Digest, Reference, Repository, Target};
use ratify_policy::Decision;
use ratify_verify::{Basis, Finding, ReasonCode, Signer, Verdict};
use tokio::time::Instant;

use crate::judge::Task;
use crate::run::Judgement;
use crate::{CacheOptions, ScopeId};

/// An acceptance that rests on less than every check lives no longer (decision 4).
const LONGEST_UNENFORCED: Duration = Duration::from_mins(1);
/// A denial lives no longer, however long `--cache-ttl` is: the person who mends the image should not have to wait.
const LONGEST_DENIAL: Duration = Duration::from_mins(1);
/// What a tag points to is remembered no longer: enough for the mutation and the validation of one admission.
const LONGEST_TAG: Duration = Duration::from_secs(2);
/// The judgement of one signature lives no longer; certificates and expiry end it earlier.
const LONGEST_SIGNATURE: Duration = Duration::from_hours(24);
/// A rejected signature lives no longer.
const LONGEST_REJECTION: Duration = Duration::from_mins(5);
/// How much later than the time of its request work may end, roughly. By the clock on the wall a value lives so much
/// longer; that clock has a say because the other may stand still while the machine sleeps.
const LATE: Duration = Duration::from_mins(1);
/// How often what has ended is cleared away.
const SWEEP: Duration = Duration::from_secs(30);
/// What an entry weighs beside its texts: the map's own slots, counts and allocations.
const OVERHEAD: u64 = 256;

/// A value and when it ends, in few bytes, because there are many.
#[derive(Clone)]
struct Kept<V> {
    value: V,
    /// By the clock that never jumps, in milliseconds since the map was made.
    until: u64,
    /// By the clock on the wall, in seconds: before the first it was not judged, at the second it may change or is too old.
    from: i64,
    valid_until: i64,
    weight: u32,
}

#[derive(Clone)]
struct ByWeight;

impl<K, V> Weighter<K, Kept<V>> for ByWeight {
    fn weight(&self, _: &K, kept: &Kept<V>) -> u64 {
        u64::from(kept.weight)
    }
}

/// A map of bounded weight whose values end.
struct Memory<V> {
    cache: Cache<Key, Kept<V>, ByWeight>,
    made: Instant,
    swept: Mutex<Instant>,
}

/// How long a value lives.
#[derive(Debug, Clone, Copy)]
struct Life {
    longest: Duration,
    valid_until: Option<Timestamp>,
}

impl<V: Clone> Memory<V> {
    fn new(bytes: u64) -> Self {
        let now = Instant::now();
        // the number is a first guess of the map's, not a limit
        Self {
            cache: Cache::with_weighter(256, bytes, ByWeight),
            made: now,
            swept: Mutex::new(now),
        }
    }

    fn find(&self, key: &Key, now: Timestamp) -> Option<V> {
        let kept = self.cache.get(key)?;
        let second = now.as_second();
        let lives = kept.until > self.clock() && kept.from <= second && second < kept.valid_until;
        lives.then_some(kept.value)
    }

    fn keep(&self, key: Key, value: V, life: Life, now: Timestamp, weight: u64) {
        if life.longest.is_zero() {
            return;
        }
        let too_old = now.saturating_add(life.longest.saturating_add(LATE));
        let too_old = too_old.unwrap_or(Timestamp::MAX);
        let kept = Kept {
            value,
            until: self.clock().saturating_add(milliseconds(life.longest)),
            from: now.as_second(),
            valid_until: life.valid_until.unwrap_or(too_old).min(too_old).as_second(),
            weight: u32::try_from(weight + OVERHEAD).unwrap_or(u32::MAX),
        };
        self.cache.insert(key, kept);
        self.sweep();
    }

    /// Milliseconds since the map was made.
    fn clock(&self) -> u64 {
        milliseconds(self.made.elapsed())
    }

    /// Give back the memory of what has ended. Called by those who work in the background, never by those who wait.
    fn sweep(&self) {
        let now = Instant::now();
        if let Ok(mut swept) = self.swept.try_lock()
            && now.saturating_duration_since(*swept) >= SWEEP
        {
            *swept = now;
            let clock = self.clock();
            self.cache.retain(|_, kept| kept.until > clock);
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What a value is about: a SHA-256 over everything that it depends on, so that a key has 32 bytes however long names are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// Which image under which configuration.
    pub(crate) fn of_verdict(scope: ScopeId, repository: &Repository, digest: &Digest) -> Self {
        let mut key = KeyWriter::new(b"verdict", scope);
        key.text(repository.registry());
        key.text(repository.name());
        key.text(digest.as_str());
        key.finish()
    }

    /// Which reference under which configuration.
    fn of_resolution(scope: ScopeId, reference: &Reference) -> Self {
        let mut key = KeyWriter::new(b"resolution", scope);
        key.text(reference.repository().registry());
        key.text(reference.repository().name());
        match reference.target() {
            Target::Digest(digest) => {
                key.text("@");
                key.text(digest.as_str());
            }
            Target::Tag(tag) => {
                key.text(":");
                key.text(tag.as_str());
            }
        }
        key.finish()
    }

    /// Which signature of which image, judged by whom.
    ///
    /// The repository is part of it, because the trust policy goes by repository; so is the artifact type, because the
    /// same manifest may be listed under two.
    pub(crate) fn of_signature(scope: ScopeId, task: &Task) -> Self {
        let mut key = KeyWriter::new(b"signature", scope);
        key.text(task.subject.repository.registry());
        key.text(task.subject.repository.name());
        for descriptor in [&task.subject.descriptor, &task.artifact.descriptor] {
            key.text(&descriptor.media_type);
            key.text(descriptor.digest.as_str());
            key.number(descriptor.size);
        }
        key.text(task.artifact.artifact_type());
        key.number(bytes(task.place));
        key.finish()
    }
}

/// Puts parts together so that no two lists of parts make the same bytes.
struct KeyWriter(Context);

impl KeyWriter {
    fn new(kind: &[u8], scope: ScopeId) -> Self {
        let mut writer = Self(Context::new(&SHA256));
        writer.part(kind);
        writer.part(scope.as_bytes());
        writer
    }

    fn part(&mut self, part: &[u8]) {
        self.number(bytes(part.len()));
        self.0.update(part);
    }

    fn text(&mut self, text: &str) {
        self.part(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_be_bytes());
    }

    fn finish(self) -> Key {
        let mut key = [0; 32];
        for (place, byte) in key.iter_mut().zip(self.0.finish().as_ref()) {
            *place = *byte;
        }
        Key(key)
    }
}

/// Judgements of single signatures.
pub(crate) struct SignatureMemo {
    memory: Memory<Arc<Finding>>,
    /// Few people sign many images: each signer is kept once.
    signers: Mutex<HashSet<Arc<Signer>>>,
    hits: AtomicU64,
}

/// Signers that are kept once; with more the list begins anew.
const MOST_SIGNERS: usize = 1_000;
/// The longest names, in bytes, of a signer that is kept once: anybody can write a certificate with names of 64 KiB.
const LONGEST_SIGNER: usize = 512;

impl SignatureMemo {
    fn new(bytes: u64) -> Self {
        Self {
            memory: Memory::new(bytes),
            signers: Mutex::default(),
            hits: AtomicU64::new(0),
        }
    }

    pub(crate) fn find(&self, key: Key, now: Timestamp) -> Option<Arc<Finding>> {
        let found = self.memory.find(&key, now);
        self.hits
            .fetch_add(u64::from(found.is_some()), Ordering::Relaxed);
        found
    }

    /// The finding as it is kept and answered by a server: the single validations are left out, only the command line
    /// shows them.
    pub(crate) fn slim(&self, mut finding: Finding) -> Arc<Finding> {
        finding.validations = Vec::new();
        finding.signer = finding.signer.map(|signer| self.shared(signer));
        Arc::new(finding)
    }

    /// Keep what nothing but content led to.
    pub(crate) fn keep(&self, key: Key, finding: &Arc<Finding>, now: Timestamp) {
        if let Some(life) = signature_life(&finding.verdict) {
            let weight = bytes(finding_bytes(finding));
            self.memory
                .keep(key, Arc::clone(finding), life, now, weight);
        }
    }

    fn shared(&self, signer: Arc<Signer>) -> Arc<Signer> {
        if signer.subject.len() + signer.issuer.len() > LONGEST_SIGNER {
            return signer;
        }
        let mut signers = self.signers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = signers.get(&signer) {
            return Arc::clone(known);
        }
        if signers.len() >= MOST_SIGNERS {
            signers.clear();
        }
        signers.insert(Arc::clone(&signer));
        signer
    }
}

/// Everything that is remembered.
pub(crate) struct Remembered {
    ttl: Duration,
    verdicts: Memory<Arc<Judgement>>,
    resolutions: Memory<Arc<Descriptor>>,
    pub(crate) signatures: Arc<SignatureMemo>,
}

impl Remembered {
    /// Nothing yet. `None` if nothing may ever be.
    pub(crate) fn new(options: CacheOptions) -> Option<Self> {
        (!options.ttl.is_zero() && options.bytes > 0).then(|| Self {
            ttl: options.ttl,
            verdicts: Memory::new(options.bytes / 2),
            resolutions: Memory::new(options.bytes / 8),
            signatures: Arc::new(SignatureMemo::new(options.bytes / 4)),
        })
    }

    pub(crate) fn verdict(&self, key: Key, now: Timestamp) -> Option<Arc<Judgement>> {
        self.verdicts.find(&key, now)
    }

    /// Keep a decision. One that could not be made is not kept.
    pub(crate) fn keep_verdict(&self, key: Key, judgement: &Arc<Judgement>, now: Timestamp) {
        if let Some(life) = verdict_life(judgement, self.ttl) {
            let texts: usize = judgement
                .findings
                .iter()
                .map(|one| finding_bytes(one))
                .sum();
            self.verdicts
                .keep(key, Arc::clone(judgement), life, now, bytes(texts));
        }
    }

    pub(crate) fn resolution(
        &self,
        scope: ScopeId,
        reference: &Reference,
        now: Timestamp,
    ) -> Option<Arc<Descriptor>> {
        self.resolutions
            .find(&Key::of_resolution(scope, reference), now)
    }

    /// Keep what `reference` points to: a tag for a moment, a digest as long as a verdict.
    pub(crate) fn keep_resolution(
        &self,
        scope: ScopeId,
        reference: &Reference,
        descriptor: &Descriptor,
        now: Timestamp,
    ) {
        let longest = if reference.digest().is_some() {
            self.ttl
        } else {
            self.ttl.min(LONGEST_TAG)
        };
        let life = Life {
            longest,
            valid_until: None,
        };
        let key = Key::of_resolution(scope, reference);
        self.resolutions
            .keep(key, Arc::new(descriptor.clone()), life, now, 400);
    }

    /// How many verdicts are remembered, and roughly how many bytes everything has.
    pub(crate) fn size(&self) -> (u64, u64) {
        let verdicts = u64::try_from(self.verdicts.cache.len()).unwrap_or(u64::MAX);
        let weight = self.verdicts.cache.weight()
            + self.resolutions.cache.weight()
            + self.signatures.memory.cache.weight();
        (verdicts, weight)
    }

    /// How often a signature need not be judged again.
    pub(crate) fn signature_hits(&self) -> u64 {
        self.signatures.hits.load(Ordering::Relaxed)
    }
}

/// How long a decision may be answered; `None`: not even once more.
fn verdict_life(judgement: &Judgement, ttl: Duration) -> Option<Life> {
    let longest = match &judgement.decision {
        Decision::Admit(admission) if admission.code() == ReasonCode::Verified => ttl,
        Decision::Admit(_) => ttl.min(LONGEST_UNENFORCED),
        // a defect of ours says nothing about the image
        Decision::Deny(_) if judgement.findings.iter().any(|one| is_defect(one)) => return None,
        Decision::Deny(_) => ttl.min(LONGEST_DENIAL),
        Decision::Undecided(_) => return None,
    };
    Some(Life {
        longest,
        valid_until: judgement.ends(),
    })
}

fn is_defect(finding: &Finding) -> bool {
    let reason = finding.verdict.reason();
    reason.is_some_and(|reason| reason.code() == ReasonCode::Internal)
}

/// How long the judgement of one signature may be taken over.
fn signature_life(verdict: &Verdict) -> Option<Life> {
    match verdict {
        Verdict::Accepted(accepted) => Some(Life {
            longest: match accepted.basis() {
                Basis::Verified => LONGEST_SIGNATURE,
                Basis::LoggedFailures(_) | Basis::Skipped => LONGEST_UNENFORCED,
            },
            valid_until: accepted.valid_until(),
        }),
        Verdict::Rejected(reason) => match reason.code() {
            // these change with time or with this program
            ReasonCode::CertificateNotYetValid
            | ReasonCode::Internal
            | ReasonCode::VerifierUnavailable => None,
            _ => Some(Life {
                longest: LONGEST_REJECTION,
                valid_until: None,
            }),
        },
        Verdict::Unknown(_) => None,
    }
}

fn finding_bytes(finding: &Finding) -> usize {
    let signer = finding.signer.as_ref();
    let signer = signer.map_or(0, |one| one.subject.len() + one.issuer.len());
    let texts = finding.verifier.len() + finding.verifier_type.len() + finding.artifact_type.len();
    signer + texts + verdict_bytes(&finding.verdict) + 200
}

fn verdict_bytes(verdict: &Verdict) -> usize {
    match verdict {
        Verdict::Accepted(accepted) => match accepted.basis() {
            Basis::LoggedFailures(reasons) => reasons.iter().map(|one| one.detail().len()).sum(),
            Basis::Verified | Basis::Skipped => 0,
        },
        Verdict::Rejected(reason) | Verdict::Unknown(reason) => reason.detail().len(),
    }
}

fn bytes(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
