//! Certificate, key and client CAs from files, read again whenever these change.
//!
//! Looked at on a timer rather than watched: a Secret volume is updated by renaming a link in another directory, editors
//! rename, file systems of the network tell nothing, and a lost event would be an expired certificate months later (D-52).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls_pki_types::CertificateDer;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::transport::tls::material::{
    Authorities, Authority, ConfigError, Pair, TlsFileError, read_authorities, read_pair,
    server_config, valid_at,
};
use crate::transport::tls::stamp::WatchedFile;
use crate::transport::tls::{Handshakes, Refusal, TlsProblem, TlsState};

/// How often one read is repeated because a file changed while it was read.
const RETRIES: usize = 3;

/// Where the files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsPaths {
    /// The certificate, followed by those between it and its root, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
    /// The CAs of clients, in PEM. `None`: clients need no certificate.
    pub client_ca: Option<PathBuf>,
}

impl TlsPaths {
    /// `tls.crt` and `tls.key` in `directory` (V 2.2).
    pub fn in_directory(directory: &Path, client_ca: Option<PathBuf>) -> Self {
        Self {
            certificate: directory.join("tls.crt"),
            key: directory.join("tls.key"),
            client_ca,
        }
    }
}

/// The files, what was last read of them, and where that is told.
#[derive(Debug)]
pub struct TlsFiles {
    provider: Arc<CryptoProvider>,
    certificate: WatchedFile,
    key: WatchedFile,
    client_ca: Option<ClientAuthorities>,
    pair: Pair,
    pair_trouble: Trouble,
    expiry: Trouble,
    /// What connections are met with, as it was last built.
    built: Built,
    build_trouble: Trouble,
    told: watch::Sender<TlsState>,
}

#[derive(Debug)]
struct ClientAuthorities {
    file: WatchedFile,
    /// What was last read successfully.
    last_good: Option<Vec<Authority>>,
    trouble: Trouble,
    /// About single certificates of what was last read.
    partly: Trouble,
    validity: Trouble,
}

/// What the present configuration was built from.
#[derive(Debug, Default)]
struct Built {
    chain: Vec<CertificateDer<'static>>,
    authorities: Option<Vec<CertificateDer<'static>>>,
    generation: u64,
    client_ca_generation: u64,
}

/// What is wrong with something, and whether that was logged.
#[derive(Debug, Default)]
struct Trouble {
    problem: Option<TlsProblem>,
    logged: bool,
}

impl Trouble {
    /// It is wrong, or (`None`) right again. A problem is logged when it is found a second time: a pair of files that is
    /// just being written looks wrong for a moment.
    fn set(&mut self, error: Option<TlsFileError>, now: Timestamp, patient: bool) {
        let Some(error) = error else {
            if let (Some(problem), true) = (&self.problem, self.logged) {
                tracing::info!("no longer so: {problem}");
            }
            *self = Self::default();
            return;
        };
        let found = TlsProblem {
            error: Arc::new(error),
            since: now,
        };
        let known = self
            .problem
            .as_ref()
            .is_some_and(|known| known.to_string() == found.to_string());
        if !known {
            self.problem = Some(found);
            self.logged = false;
        }
        if let Some(problem) = &self.problem
            && !self.logged
            && (known || !patient)
        {
            tracing::error!("{problem}");
            self.logged = true;
        }
    }
}

impl TlsFiles {
    /// Read the files for the first time.
    ///
    /// # Errors
    /// There is no certificate with its key, as in v1.4 (V 2.3). A client CA file that is missing or bad is no error: all
    /// clients are refused until it is good (D-15).
    pub fn load(paths: TlsPaths) -> Result<Self, TlsFileError> {
        let now = Timestamp::now();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut certificate = WatchedFile::new(paths.certificate);
        let mut key = WatchedFile::new(paths.key);
        let pair = read_pair(&mut certificate, &mut key, &provider, now)?;
        let (told, _) = watch::channel(TlsState {
            handshakes: Handshakes::Refusing(Refusal::NoClientAuthority),
            certificate: pair.facts,
            client_authorities: None,
            problems: Vec::new(),
        });
        let mut files = Self {
            provider,
            certificate,
            key,
            client_ca: paths.client_ca.map(ClientAuthorities::new),
            pair,
            pair_trouble: Trouble::default(),
            expiry: Trouble::default(),
            built: Built::default(),
            build_trouble: Trouble::default(),
            told,
        };
        if let Some(client_ca) = &mut files.client_ca {
            client_ca.read(now, false);
        }
        let handshakes = files.handshakes(now)?;
        files.tell(handshakes);
        Ok(files)
    }

    /// What is to be used now, and whenever that changes.
    pub fn state(&self) -> watch::Receiver<TlsState> {
        self.told.subscribe()
    }

    /// Look at the files `every` so often until `stop`.
    pub async fn follow(mut self, every: Duration, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            let looked = tokio::task::spawn_blocking(move || {
                self.look(Timestamp::now());
                self
            });
            // a file system that does not answer must not keep the process from ending
            let looked = tokio::select! {
                () = stop.cancelled() => return,
                looked = looked => looked,
            };
            match looked {
                Ok(files) => self = files,
                Err(error) => {
                    tracing::error!(%error, "reading the TLS files failed; they are not read again");
                    return;
                }
            }
        }
    }

    /// See what changed, and tell.
    pub(super) fn look(&mut self, now: Timestamp) {
        if self.pair_trouble.problem.is_some() || self.certificate.is_stale() || self.key.is_stale()
        {
            self.read_pair(now);
        }
        if let Some(client_ca) = &mut self.client_ca
            && (client_ca.trouble.problem.is_some() || client_ca.file.is_stale())
        {
            log_change(&client_ca.file);
            client_ca.read(now, true);
        }
        match self.handshakes(now) {
            Ok(handshakes) => {
                self.build_trouble.set(None, now, true);
                self.tell(handshakes);
            }
            // what was built before stays
            Err(error) => {
                self.build_trouble.set(Some(error), now, true);
                self.tell(None);
            }
        }
    }

    fn read_pair(&mut self, now: Timestamp) {
        log_change(&self.certificate);
        log_change(&self.key);
        let mut read = Err(None);
        for _ in 0..RETRIES {
            read =
                read_pair(&mut self.certificate, &mut self.key, &self.provider, now).map_err(Some);
            // both files of one moment, or a new one over the other
            if self.certificate.change().is_none() && self.key.change().is_none() {
                break;
            }
        }
        match read {
            Ok(pair) => {
                if pair.key.cert != self.pair.key.cert {
                    self.pair = pair;
                }
                self.pair_trouble.set(None, now, true);
            }
            Err(error) => self.pair_trouble.set(error, now, true),
        }
    }

    /// How connections are to be met at `now`, if not as was told last.
    fn handshakes(&mut self, now: Timestamp) -> Result<Option<Handshakes>, TlsFileError> {
        self.expiry.set(self.expired(now), now, false);
        let authorities = match &mut self.client_ca {
            None => None,
            Some(client_ca) => match client_ca.valid_at(now) {
                Ok(authorities) => Some(authorities),
                Err(refusal) => {
                    self.built.authorities = None;
                    return Ok(Some(Handshakes::Refusing(refusal)));
                }
            },
        };
        self.build(authorities)
    }

    fn expired(&self, now: Timestamp) -> Option<TlsFileError> {
        let not_after = self.pair.facts.not_after;
        (now > not_after).then(|| TlsFileError::Expired {
            path: self.certificate.path().to_owned(),
            not_after,
        })
    }

    /// The configuration of these CAs and the present pair, if it is not the one in use.
    fn build(
        &mut self,
        authorities: Option<Vec<CertificateDer<'static>>>,
    ) -> Result<Option<Handshakes>, TlsFileError> {
        let built = &self.built;
        let in_use = matches!(self.told.borrow().handshakes, Handshakes::Ready { .. });
        let same_authorities = built.authorities == authorities;
        if in_use && same_authorities && built.chain == self.pair.key.cert {
            return Ok(None);
        }
        let config = server_config(&self.pair, authorities.as_deref(), &self.provider)
            .map_err(|error| self.not_built(error))?;
        let built = &mut self.built;
        built.generation = built.generation.saturating_add(1);
        if !same_authorities {
            built.client_ca_generation = built.client_ca_generation.saturating_add(1);
        }
        built.chain.clone_from(&self.pair.key.cert);
        built.authorities = authorities;
        Ok(Some(Handshakes::Ready {
            config: Arc::new(config),
            generation: built.generation,
            client_ca_generation: built.client_ca_generation,
        }))
    }

    fn not_built(&self, error: ConfigError) -> TlsFileError {
        match (error, &self.client_ca) {
            (ConfigError::Authorities(source), Some(client_ca)) => TlsFileError::Authorities {
                path: client_ca.file.path().to_owned(),
                source,
            },
            (ConfigError::Authorities(source), None) => TlsFileError::Authorities {
                path: self.certificate.path().to_owned(),
                source,
            },
            (ConfigError::Tls(source), _) => TlsFileError::Tls {
                path: self.certificate.path().to_owned(),
                source,
            },
        }
    }

    fn problems(&self) -> Vec<TlsProblem> {
        let of_clients = self
            .client_ca
            .iter()
            .flat_map(|client_ca| [&client_ca.trouble, &client_ca.partly, &client_ca.validity]);
        [&self.pair_trouble, &self.expiry, &self.build_trouble]
            .into_iter()
            .chain(of_clients)
            .filter_map(|trouble| trouble.problem.clone())
            .collect()
    }

    fn tell(&self, handshakes: Option<Handshakes>) {
        let problems = self.problems();
        let client_authorities = self
            .client_ca
            .as_ref()
            .map(|_| self.built.authorities.as_ref().map_or(0, Vec::len));
        self.told.send_if_modified(|state| {
            let printed = |problems: &[TlsProblem]| -> Vec<String> {
                problems.iter().map(ToString::to_string).collect()
            };
            let refused_the_same = match (&state.handshakes, &handshakes) {
                (Handshakes::Refusing(before), Some(Handshakes::Refusing(now))) => before == now,
                _ => handshakes.is_none(),
            };
            let same = refused_the_same && printed(&state.problems) == printed(&problems);
            if let Some(handshakes) = handshakes {
                state.handshakes = handshakes;
            }
            if !refused_the_same {
                log_state(state, client_authorities, &self.pair);
            }
            state.certificate = self.pair.facts;
            state.client_authorities = client_authorities;
            state.problems = problems;
            !same
        });
    }
}

/// As v1.4 logs it (V Appendix A).
impl fmt::Display for TlsFiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (certificate, key) = (self.certificate.path(), self.key.path());
        write!(
            formatter,
            "[certFile:{}] [keyFile:{}]",
            certificate.display(),
            key.display()
        )
    }
}

impl ClientAuthorities {
    fn new(path: PathBuf) -> Self {
        Self {
            file: WatchedFile::new(path),
            last_good: None,
            trouble: Trouble::default(),
            partly: Trouble::default(),
            validity: Trouble::default(),
        }
    }

    fn read(&mut self, now: Timestamp, patient: bool) {
        match read_authorities(&mut self.file) {
            Ok(Authorities { usable, problem }) => {
                self.last_good = Some(usable);
                self.trouble.set(None, now, patient);
                self.partly.set(problem, now, false);
            }
            Err(error) => self.trouble.set(Some(error), now, patient),
        }
    }

    /// The CAs that clients may chain to at `now`.
    fn valid_at(&mut self, now: Timestamp) -> Result<Vec<CertificateDer<'static>>, Refusal> {
        let Some(authorities) = &self.last_good else {
            return Err(Refusal::NoClientAuthority);
        };
        let valid = valid_at(authorities, now);
        if valid.is_empty() {
            let path = self.file.path().to_owned();
            let error = TlsFileError::NoValidAuthority { path };
            self.validity.set(Some(error), now, false);
            return Err(Refusal::NoValidClientAuthority);
        }
        self.validity.set(None, now, false);
        Ok(valid)
    }
}

/// As v1.4 logs it (V Appendix A).
fn log_change(file: &WatchedFile) {
    if let Some(change) = file.change() {
        tracing::info!(
            "tls certificate rotation event: {} \"{}\"",
            change.word(),
            file.path().display()
        );
    }
}

fn log_state(state: &TlsState, client_authorities: Option<usize>, pair: &Pair) {
    match &state.handshakes {
        Handshakes::Ready { generation, .. } => tracing::info!(
            generation,
            client_authorities,
            not_after = %pair.facts.not_after,
            "new connections use the TLS certificate and client CAs read last"
        ),
        Handshakes::Refusing(refusal) => tracing::error!("all connections are refused: {refusal}"),
    }
}
