//! What is remembered, for how long and for whom: verdicts, judgements of single signatures, and what references point to.
//!
//! Every key begins with the scope, so that one configuration never answers for another, and names the repository, so
//! that a copy of an image is judged under the policy of the place it lies in. Every value ends at the first instant at
//! which it may change. Nothing that could not be told is ever remembered.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};
use ratify_oci::{Descriptor, Digest, Reference, Repository};
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
/// How often what has ended is cleared away.
const SWEEP: Duration = Duration::from_secs(30);
/// What an entry weighs beside its texts: the map's own slots, counts and allocations.
const OVERHEAD: u64 = 256;

/// A value and when it ends.
#[derive(Clone)]
struct Kept<V> {
    value: V,
    /// By the clock that never jumps.
    until: Instant,
    /// By the clock of certificates: before the first it was not judged, at the second it may change.
    from: Timestamp,
    valid_until: Option<Timestamp>,
    weight: u64,
}

#[derive(Clone)]
struct ByWeight;

impl<K, V> Weighter<K, Kept<V>> for ByWeight {
    fn weight(&self, _: &K, kept: &Kept<V>) -> u64 {
        kept.weight
    }
}

/// A map of bounded weight whose values end.
struct Memory<K, V> {
    cache: Cache<K, Kept<V>, ByWeight>,
    swept: Mutex<Instant>,
}

/// How long a value lives.
#[derive(Debug, Clone, Copy)]
struct Life {
    longest: Duration,
    valid_until: Option<Timestamp>,
}

impl<K: Hash + Eq, V: Clone> Memory<K, V> {
    fn new(bytes: u64) -> Self {
        // the number is a first guess of the map's, not a limit
        Self {
            cache: Cache::with_weighter(256, bytes, ByWeight),
            swept: Mutex::new(Instant::now()),
        }
    }

    fn find<Q: Hash + Equivalent<K>>(&self, key: &Q, now: Timestamp) -> Option<V> {
        let kept = self.cache.get(key)?;
        let lives = kept.until > Instant::now()
            && kept.from <= now
            && kept.valid_until.is_none_or(|end| now < end);
        lives.then_some(kept.value)
    }

    fn keep(&self, key: K, value: V, life: Life, now: Timestamp, weight: u64) {
        if life.longest.is_zero() {
            return;
        }
        let kept = Kept {
            value,
            until: Instant::now() + life.longest,
            from: now,
            valid_until: life.valid_until,
            weight: weight + OVERHEAD,
        };
        self.cache.insert(key, kept);
        self.sweep();
    }

    /// Give back the memory of what has ended. Called by those who work in the background, never by those who wait.
    fn sweep(&self) {
        let now = Instant::now();
        if let Ok(mut swept) = self.swept.try_lock()
            && now.saturating_duration_since(*swept) >= SWEEP
        {
            *swept = now;
            self.cache.retain(|_, kept| kept.until > now);
        }
    }
}

/// Which image under which configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct VerdictKey {
    pub(crate) scope: ScopeId,
    pub(crate) repository: Repository,
    pub(crate) digest: Digest,
}

/// The same, borrowed.
#[derive(Hash)]
struct VerdictQuestion<'a> {
    scope: ScopeId,
    repository: &'a Repository,
    digest: &'a Digest,
}

impl Equivalent<VerdictKey> for VerdictQuestion<'_> {
    fn equivalent(&self, key: &VerdictKey) -> bool {
        self.scope == key.scope && self.repository == &key.repository && self.digest == &key.digest
    }
}

/// Which signature of which image, judged by whom.
///
/// The repository is part of it, because the trust policy goes by repository; so is the artifact type, because the same
/// manifest may be listed under two.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SignatureKey {
    scope: ScopeId,
    repository: Repository,
    subject: (String, Digest, u64),
    artifact: (String, Digest, u64),
    artifact_type: String,
    verifier: usize,
}

impl SignatureKey {
    pub(crate) fn new(scope: ScopeId, task: &Task) -> Self {
        let of = |descriptor: &Descriptor| {
            let media_type = descriptor.media_type.clone();
            (media_type, descriptor.digest.clone(), descriptor.size)
        };
        Self {
            scope,
            repository: task.subject.repository.clone(),
            subject: of(&task.subject.descriptor),
            artifact: of(&task.artifact.descriptor),
            artifact_type: task.artifact.artifact_type().to_owned(),
            verifier: task.place,
        }
    }
}

/// What is kept of a judgement; the single validations are not, only the command line shows them.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    verdict: Verdict,
    signer: Option<Signer>,
}

/// Judgements of single signatures.
pub(crate) struct SignatureMemo {
    memory: Memory<SignatureKey, Arc<Signature>>,
    hits: AtomicU64,
}

impl SignatureMemo {
    pub(crate) fn find(&self, key: &SignatureKey, now: Timestamp) -> Option<Arc<Signature>> {
        let found = self.memory.find(key, now);
        self.hits
            .fetch_add(u64::from(found.is_some()), Ordering::Relaxed);
        found
    }

    /// Keep what nothing but content led to.
    pub(crate) fn keep(&self, key: SignatureKey, finding: &Finding, now: Timestamp) {
        let Some(life) = signature_life(&finding.verdict) else {
            return;
        };
        let signature = Signature {
            verdict: finding.verdict.clone(),
            signer: finding.signer.clone(),
        };
        let signer = finding.signer.as_ref();
        let signer = signer.map_or(0, |one| one.subject.len() + one.issuer.len());
        let texts = signer + verdict_bytes(&finding.verdict) + 4 * 80;
        self.memory
            .keep(key, Arc::new(signature), life, now, bytes(texts));
    }
}

impl Task {
    /// The finding of an earlier judgement of the same signature.
    pub(crate) fn recalled(&self, kept: &Signature) -> Finding {
        let mut finding = self.finding(kept.verdict.clone());
        finding.signer.clone_from(&kept.signer);
        finding
    }
}

/// Everything that is remembered.
pub(crate) struct Remembered {
    ttl: Duration,
    verdicts: Memory<VerdictKey, Arc<Judgement>>,
    resolutions: Memory<(ScopeId, Reference), Arc<Descriptor>>,
    pub(crate) signatures: Arc<SignatureMemo>,
}

impl Remembered {
    /// Nothing yet. `None` if nothing may ever be.
    pub(crate) fn new(options: CacheOptions) -> Option<Self> {
        (!options.ttl.is_zero() && options.bytes > 0).then(|| Self {
            ttl: options.ttl,
            verdicts: Memory::new(options.bytes / 2),
            resolutions: Memory::new(options.bytes / 8),
            signatures: Arc::new(SignatureMemo {
                memory: Memory::new(options.bytes / 4),
                hits: AtomicU64::new(0),
            }),
        })
    }

    pub(crate) fn verdict(
        &self,
        scope: ScopeId,
        repository: &Repository,
        digest: &Digest,
        now: Timestamp,
    ) -> Option<Arc<Judgement>> {
        let question = VerdictQuestion {
            scope,
            repository,
            digest,
        };
        self.verdicts.find(&question, now)
    }

    /// Keep a decision. One that could not be made is not kept.
    pub(crate) fn keep_verdict(&self, key: VerdictKey, judgement: &Arc<Judgement>, now: Timestamp) {
        if let Some(life) = verdict_life(judgement, self.ttl) {
            let texts = judgement.findings.iter().map(finding_bytes).sum::<usize>()
                + key.repository.name().len()
                + 400;
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
        // a reference is a few short texts; this is not on the path of an answer by digest
        self.resolutions.find(&(scope, reference.clone()), now)
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
        let key = (scope, reference.clone());
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
        Decision::Deny(reason) if reason.code() == ReasonCode::Internal => return None,
        Decision::Deny(_) => ttl.min(LONGEST_DENIAL),
        Decision::Undecided(_) => return None,
    };
    let ends = judgement
        .findings
        .iter()
        .filter_map(|finding| finding.verdict.accepted())
        .filter_map(ratify_verify::Accepted::valid_until);
    Some(Life {
        longest,
        valid_until: ends.min(),
    })
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
    signer + texts + verdict_bytes(&finding.verdict) + 400
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
