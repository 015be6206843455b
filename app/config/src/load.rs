//! From a path to everything that runs: read, parse, build, in this order and all or nothing.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use ratify_engine::{Limits, ScopeId, Snapshot, SnapshotError, Store};
use ratify_http::Observer;
use ratify_verify::json::parse_strict;

use crate::error::{ConfigError, Misplaced, Problem};
use crate::evidence::Evidence;
use crate::fields::{Notes, Spec};
use crate::place::{Place, shown};
use crate::policy::Policy;
use crate::readers::{Placed, warn_of_order, warn_of_unread};
use crate::spec::{ConfigSpec, ExecutorSpec, LoggerSpec, StoresSpec, VerifierSpec, VerifiersSpec};
use crate::{Environment, notation, store};

/// The largest configuration file. The largest of v1.4's own samples has 5 KiB; a policy text may be in it.
const MAX_CONFIG: u64 = 4 * 1024 * 1024;
/// The deepest nesting. A trust policy inside a verifier is 8 deep.
const MAX_DEPTH: usize = 64;
/// v1.4's defaults: Gatekeeper's time-outs of 3 s and 1 s less a margin for the network (V 3.3).
const DEFAULT_VERIFICATION: Duration = Duration::from_millis(2_900);
const DEFAULT_MUTATION: Duration = Duration::from_millis(950);
/// How much of a written time-out is used, in percent: the rest is for the answer's way back.
const USED_PERCENT: u32 = 85;

/// What the caller decides, and not the file.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Ask registries on this machine (`localhost` and loopback addresses) in plain HTTP. For the command line only: in
    /// a server whoever names an image would choose.
    pub allow_loopback_http: bool,
    /// Refuse registries and token services on this machine, on its links and at the metadata services of clouds, unless
    /// the configuration names them. For servers.
    pub guarded: bool,
    /// How much of an image is looked at.
    pub limits: Limits,
    /// Who is told of each request to a registry.
    pub observer: Option<Observer>,
}

/// A configuration that is ready to run.
#[derive(Debug)]
pub struct Loaded {
    /// The file it came from.
    pub path: PathBuf,
    /// What stood in that file.
    pub document: Document,
    /// What the engine works with.
    pub snapshot: Snapshot,
    /// How long a request to the server may take.
    pub timeouts: Timeouts,
    /// The shape of log lines.
    pub formatter: Formatter,
    /// Names of the verifiers whose `type` is written beside the name: v1.4 reports the type of no other (V 2.5).
    pub typed_verifiers: BTreeSet<String>,
    /// Headers that may carry the caller's trace id, in the order of preference (V 2.9).
    pub trace_headers: Vec<HeaderName>,
    /// Whether revocation lists are to be kept (`crl.cache.enabled`).
    pub crl_cache: bool,
    /// Every file and folder that was read, or looked for: a change of any of them may make another configuration.
    pub sources: Vec<PathBuf>,
    /// What somebody should look at, in the order of the file's parts.
    pub warnings: Vec<Warning>,
}

/// What stood in a configuration file that could be used. Prints its length, for it may hold what nobody should read.
#[derive(Clone, PartialEq, Eq)]
pub struct Document(Arc<[u8]>);

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes)", self.0.len())
    }
}

/// What came of reading a configuration.
#[derive(Debug)]
pub struct Attempt {
    /// Every file and folder that was read, or looked for, up to where it ended: a change of any of them may make another
    /// result.
    pub sources: Vec<PathBuf>,
    /// The configuration, or the first thing that cannot be used.
    pub result: Result<Loaded, ConfigError>,
}

/// How long a request to the server may take, counted from its arrival to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Verification: 85 % of `executor.verificationRequestTimeout`, else 2.9 s.
    pub verification: Duration,
    /// Mutation: 85 % of `executor.mutationRequestTimeout`, else 0.95 s.
    pub mutation: Duration,
}

/// The shape of log lines (V 6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Formatter {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
    /// The same with Logstash's names.
    Logstash,
}

/// Something in the file that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where in the file, such as `store.plugins[0].useHttp`.
    pub path: String,
    /// What about it.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Load the file at `path`, or the default one: `$RATIFY_CONFIG/config.json`, else `~/.ratify/config.json` (V 1.4).
/// Blocks: it reads this file and the certificates it names; it does not touch the network.
///
/// # Errors
/// The first thing that cannot be used, with file and place. Nothing is built then.
pub fn load(
    path: Option<&Path>,
    environment: &Environment,
    options: &LoadOptions,
) -> Result<Loaded, ConfigError> {
    attempt(path, environment, options).result
}

/// The same for somebody who will try again when something has changed.
pub fn attempt(path: Option<&Path>, environment: &Environment, options: &LoadOptions) -> Attempt {
    let given = path
        .filter(|path| !path.as_os_str().is_empty())
        .map(Path::to_owned);
    let Some(path) = given.or_else(|| environment.default_config()) else {
        return Attempt {
            sources: Vec::new(),
            result: Err(ConfigError::NoDefault),
        };
    };
    match read(&path, options) {
        Ok(body) => attempt_with(&path, &body, environment, options),
        Err(error) => Attempt {
            sources: vec![path],
            result: Err(error),
        },
    }
}

/// The same without reading the file at `path` again: with what stood there when it could be used last, but the certificates
/// and logins of now. What was taken out of a trust store must count even while the file itself is broken.
pub fn attempt_again(
    path: &Path,
    document: &Document,
    environment: &Environment,
    options: &LoadOptions,
) -> Attempt {
    attempt_with(path, &document.0, environment, options)
}

fn attempt_with(
    path: &Path,
    body: &[u8],
    environment: &Environment,
    options: &LoadOptions,
) -> Attempt {
    let mut notes = Notes::default();
    notes.evidence.source(path);
    let built = build(path, body, environment, options, &mut notes);
    let sources = notes.evidence.sources();
    Attempt {
        result: built.map(|parts| parts.loaded(path, body, notes, sources.clone())),
        sources,
    }
}

/// The same for a body that was read already; `path` is only for messages.
///
/// # Errors
/// As [`load`].
pub fn parse(
    path: &Path,
    body: &[u8],
    environment: &Environment,
    options: &LoadOptions,
) -> Result<Loaded, ConfigError> {
    let mut notes = Notes::default();
    let parts = build(path, body, environment, options, &mut notes)?;
    let sources = notes.evidence.sources();
    Ok(parts.loaded(path, body, notes, sources))
}

fn build(
    path: &Path,
    body: &[u8],
    environment: &Environment,
    options: &LoadOptions,
    notes: &mut Notes,
) -> Result<Parts, ConfigError> {
    let syntax = |error| ConfigError::Syntax {
        path: path.to_owned(),
        error,
    };
    let value = parse_strict(body, MAX_DEPTH).map_err(syntax)?;
    notes.evidence.document(&value);
    let spec = ConfigSpec::read(Place::default(), value, notes);
    let parts = spec.and_then(|spec| Parts::build(spec, environment, options, notes));
    parts.map_err(|misplaced| misplaced.in_file(path))
}

fn read(path: &Path, options: &LoadOptions) -> Result<Vec<u8>, ConfigError> {
    let mut body = Vec::new();
    // a command may be given a pipe; a server reads again and again
    let file = if options.guarded {
        open_file(path)
    } else {
        File::open(path)
    };
    let read = file.and_then(|file| file.take(MAX_CONFIG + 1).read_to_end(&mut body));
    let length = read.map_err(|error| ConfigError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    if u64::try_from(length).is_ok_and(|length| length <= MAX_CONFIG) {
        Ok(body)
    } else {
        Err(ConfigError::TooLarge {
            path: path.to_owned(),
            limit: MAX_CONFIG,
        })
    }
}

/// Open a file, and nothing else: opening a named pipe would wait for its writer, perhaps for ever.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    // of a folder, reading says what it is
    if kind.is_file() || kind.is_dir() {
        return File::open(path);
    }
    let kind = io::ErrorKind::InvalidInput;
    Err(io::Error::new(kind, "it is not a regular file"))
}

pub(crate) struct Parts {
    snapshot: Snapshot,
    timeouts: Timeouts,
    formatter: Formatter,
    typed_verifiers: BTreeSet<String>,
    trace_headers: Vec<HeaderName>,
    crl_cache: bool,
}

impl Parts {
    fn loaded(self, path: &Path, body: &[u8], notes: Notes, sources: Vec<PathBuf>) -> Loaded {
        Loaded {
            path: path.to_owned(),
            document: Document(body.into()),
            snapshot: self.snapshot,
            timeouts: self.timeouts,
            formatter: self.formatter,
            typed_verifiers: self.typed_verifiers,
            trace_headers: self.trace_headers,
            crl_cache: self.crl_cache,
            sources,
            warnings: notes.warnings,
        }
    }

    pub(crate) fn build(
        spec: ConfigSpec,
        environment: &Environment,
        options: &LoadOptions,
        notes: &mut Notes,
    ) -> Result<Self, Misplaced> {
        let root = Place::default();
        note_options(options, &mut notes.evidence);
        let formatter = Formatter::parse(&root.member("logger"), &spec.logger)?;
        let typed = spec
            .verifier
            .plugins
            .iter()
            .filter_map(|(_, spec)| spec.typed_name());
        let typed_verifiers = typed.map(str::to_owned).collect();
        let verifiers = verifiers(&root.member("verifier"), spec.verifier, environment, notes)?;
        let reads_cosign = verifiers
            .iter()
            .any(|one| store::reads_cosign(&one.verifier));
        let stores = stores(
            &root.member("store"),
            spec.store,
            reads_cosign,
            environment,
            options,
            notes,
        )?;
        let policy = Policy::parse(&root.member("policy"), spec.policy)?;
        warn_of_order(&verifiers, notes);
        warn_of_unread(&policy.listed, &verifiers, notes);
        let verifiers = verifiers.into_iter().map(|one| one.verifier).collect();
        let snapshot = Snapshot::new(
            verifiers,
            stores,
            policy.policy,
            options.limits,
            ScopeId::new(notes.evidence.id()),
        );
        let snapshot = snapshot.map_err(|error| match error {
            SnapshotError::NoVerifier => {
                Problem::NoVerifier.at(root.member("verifier").member("plugins"))
            }
            _ => Problem::NoStore.at(root.member("store").member("plugins")),
        })?;
        Ok(Self {
            snapshot,
            timeouts: Timeouts::from(&spec.executor),
            formatter,
            typed_verifiers,
            trace_headers: spec.logger.trace_headers,
            crl_cache: spec.crl.cache_enabled,
        })
    }
}

/// What the caller decides and a verdict may depend on.
fn note_options(options: &LoadOptions, evidence: &mut Evidence) {
    let LoadOptions {
        allow_loopback_http,
        guarded,
        limits,
        observer: _,
    } = options;
    evidence.note("loopback http", &[u8::from(*allow_loopback_http)]);
    evidence.note("guarded", &[u8::from(*guarded)]);
    evidence.note("limits", format!("{limits:?}").as_bytes());
}

fn verifiers(
    place: &Place,
    spec: VerifiersSpec,
    environment: &Environment,
    notes: &mut Notes,
) -> Result<Vec<Placed>, Misplaced> {
    if spec.plugins.is_empty() {
        return Err(Problem::NoVerifier.at(place.member("plugins")));
    }
    let mut verifiers = Vec::new();
    for (place, spec) in spec.plugins {
        let verifier = match spec {
            VerifierSpec::Notation(spec) => notation::verifier(&place, spec, environment, notes)?,
            VerifierSpec::Other(spec) => notation::unavailable(&place, spec, notes),
        };
        verifiers.push(Placed { place, verifier });
    }
    Ok(verifiers)
}

fn stores(
    place: &Place,
    spec: StoresSpec,
    reads_cosign: bool,
    environment: &Environment,
    options: &LoadOptions,
    notes: &mut Notes,
) -> Result<Vec<Arc<dyn Store>>, Misplaced> {
    if spec.plugins.is_empty() {
        return Err(Problem::NoStore.at(place.member("plugins")));
    }
    let build =
        |(place, spec)| store::store(&place, spec, reads_cosign, environment, options, notes);
    spec.plugins.into_iter().map(build).collect()
}

impl Formatter {
    fn parse(place: &Place, spec: &LoggerSpec) -> Result<Self, Misplaced> {
        match spec.formatter.as_deref() {
            None | Some("" | "text") => Ok(Self::Text),
            Some("json") => Ok(Self::Json),
            Some("logstash") => Ok(Self::Logstash),
            Some(other) => Err(Problem::Formatter {
                found: shown(other),
            }
            .at(place.member("formatter"))),
        }
    }
}

impl From<&ExecutorSpec> for Timeouts {
    fn from(spec: &ExecutorSpec) -> Self {
        let used = |written: Option<Duration>, default| {
            written.map_or(default, |written| written * USED_PERCENT / 100)
        };
        Self {
            verification: used(spec.verification_request_timeout, DEFAULT_VERIFICATION),
            mutation: used(spec.mutation_request_timeout, DEFAULT_MUTATION),
        }
    }
}
