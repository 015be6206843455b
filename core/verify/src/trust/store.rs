//! Trust stores: named sets of certificates that chains may lead to (N section 6.6, 7.3). Reads no files: whoever fills a
//! store got its certificates from somewhere.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use crate::trust::certificate::Certificate;

/// The most certificates of one store: ten times the number of public authorities.
const MAX_CERTIFICATES: usize = 2_000;

/// What a trust store is for (N V-12). A chain is only ever matched against stores of the type that its signing scheme
/// demands (N T-02).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StoreType {
    /// Signers' authorities, for the scheme `notary.x509`.
    Ca,
    /// Signing authorities, for the scheme `notary.x509.signingAuthority`.
    SigningAuthority,
    /// Time-stamping authorities.
    Tsa,
}

impl StoreType {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Ca, Self::SigningAuthority, Self::Tsa];

    /// The word in a trust policy and in directory names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::SigningAuthority => "signingAuthority",
            Self::Tsa => "tsa",
        }
    }

    /// The type of that word, exact case.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

impl fmt::Display for StoreType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether `name` may name a trust store: letters, digits, `_`, `.` and `-` (N V-12), but not `.` or `..`, which would
/// leave the directory of stores (N V-13).
pub(super) fn is_store_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !name.is_empty() && name.bytes().all(good) && name != "." && name != ".."
}

/// Why a trust store cannot be filled, or does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustStoreError {
    /// Not a name of a store (N V-12, V-13).
    #[error("`{0}` is not a name of a trust store, expected letters, digits, `_`, `.` and `-`")]
    Name(String),
    /// A store of that type and name is there already.
    #[error("the trust store `{kind}:{name}` is defined twice")]
    Twice {
        /// Type of the store.
        kind: StoreType,
        /// Name of the store.
        name: String,
    },
    /// No certificate in it (N S-08).
    #[error("the trust store `{kind}:{name}` has no certificates, expected at least one")]
    Empty {
        /// Type of the store.
        kind: StoreType,
        /// Name of the store.
        name: String,
    },
    /// More certificates than a store may have.
    #[error(
        "the trust store `{kind}:{name}` has {found} certificates, expected at most {MAX_CERTIFICATES}"
    )]
    TooMany {
        /// Type of the store.
        kind: StoreType,
        /// Name of the store.
        name: String,
        /// How many there are.
        found: usize,
    },
    /// A certificate that somebody else issued and that is no CA (N S-06).
    #[error(
        "the trust store `{kind}:{name}` holds `{subject}`, which is neither a CA nor self-signed; put its issuer there"
    )]
    NotAnAuthority {
        /// Type of the store.
        kind: StoreType,
        /// Name of the store.
        name: String,
        /// Subject of the certificate, RFC 4514.
        subject: String,
    },
    /// A certificate in a `tsa` store that is not a root (N S-07).
    #[error(
        "the trust store `tsa:{name}` holds `{subject}`, which is not a self-signed CA; put its root there"
    )]
    NotARoot {
        /// Name of the store.
        name: String,
        /// Subject of the certificate, RFC 4514.
        subject: String,
    },
    /// The policy names no store of the type (N A-01).
    #[error("the trust policy names no trust store of the type `{0}`, which this signature needs")]
    NoneNamed(StoreType),
    /// The policy names a store that there is not (N S-09).
    #[error(
        "the trust store `{kind}:{name}` that the trust policy names does not exist or could not be loaded"
    )]
    Missing {
        /// Type of the store.
        kind: StoreType,
        /// Name of the store.
        name: String,
    },
}

/// All trust stores there are. Cannot be changed once built; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct TrustStores(Arc<Stores>);

#[derive(Debug, Default)]
struct Stores {
    by_name: BTreeMap<(StoreType, String), Store>,
    /// The certificates of all stores by their bytes: read once, and what was found out about them is remembered.
    read: HashMap<Box<[u8]>, Certificate>,
}

#[derive(Debug)]
struct Store {
    certificates: Vec<Certificate>,
    /// By their bytes (N A-02).
    by_bytes: HashSet<Box<[u8]>>,
}

/// Collects trust stores.
#[derive(Debug, Default)]
pub struct TrustStoresBuilder(BTreeMap<(StoreType, String), Store>);

impl TrustStores {
    /// Start without stores.
    pub fn builder() -> TrustStoresBuilder {
        TrustStoresBuilder::default()
    }

    /// The certificates of the stores of type `kind` with these names, as one set of trust anchors.
    ///
    /// # Errors
    /// No name is given (N A-01), or one of the stores is not there (N S-09): then none of them counts.
    pub fn anchors<'a>(
        &self,
        kind: StoreType,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Anchors<'_>, TrustStoreError> {
        let mut stores = Vec::new();
        for name in names {
            let store = self.0.by_name.get(&(kind, name.to_owned()));
            stores.push(store.ok_or_else(|| TrustStoreError::Missing {
                kind,
                name: name.to_owned(),
            })?);
        }
        if stores.is_empty() {
            return Err(TrustStoreError::NoneNamed(kind));
        }
        Ok(Anchors { stores })
    }

    /// Type and name of every store, in that order.
    pub fn names(&self) -> impl Iterator<Item = (StoreType, &str)> {
        let names = self.0.by_name.keys();
        names.map(|(kind, name)| (*kind, name.as_str()))
    }

    /// The certificate with exactly these bytes, if some store holds it: the same as reading the bytes, without the work.
    /// It says nothing of trust; that is for [`TrustStores::anchors`].
    pub(crate) fn already_read(&self, der: &[u8]) -> Option<Certificate> {
        self.0.read.get(der).cloned()
    }
}

impl TrustStoresBuilder {
    /// Add the store `kind:name` with all its certificates.
    ///
    /// # Errors
    /// A name that a store cannot have, a second store of that type and name, no certificates (N S-08), or one that may not
    /// be in such a store (N S-06, S-07). Validity and key sizes are not looked at (N S-10).
    pub fn insert(
        &mut self,
        kind: StoreType,
        name: &str,
        certificates: Vec<Certificate>,
    ) -> Result<(), TrustStoreError> {
        let name = name.to_owned();
        if !is_store_name(&name) {
            return Err(TrustStoreError::Name(name.chars().take(100).collect()));
        }
        let key = (kind, name.clone());
        if self.0.contains_key(&key) {
            return Err(TrustStoreError::Twice { kind, name });
        }
        match certificates.len() {
            0 => return Err(TrustStoreError::Empty { kind, name }),
            1..=MAX_CERTIFICATES => {}
            found => return Err(TrustStoreError::TooMany { kind, name, found }),
        }
        for certificate in &certificates {
            check_member(kind, &name, certificate)?;
        }
        let by_bytes = certificates.iter().map(|one| one.der().into()).collect();
        let store = Store {
            certificates,
            by_bytes,
        };
        self.0.insert(key, store);
        Ok(())
    }

    /// The stores as they are now on.
    pub fn build(self) -> TrustStores {
        let certificates = self.0.values().flat_map(|store| &store.certificates);
        let read = certificates
            .map(|one| (one.der().into(), one.clone()))
            .collect();
        TrustStores(Arc::new(Stores {
            by_name: self.0,
            read,
        }))
    }
}

fn check_member(
    kind: StoreType,
    name: &str,
    certificate: &Certificate,
) -> Result<(), TrustStoreError> {
    let subject = || certificate.subject().to_string();
    let root = || certificate.is_ca() && certificate.is_self_signed();
    match kind {
        StoreType::Tsa if !root() => Err(TrustStoreError::NotARoot {
            name: name.to_owned(),
            subject: subject(),
        }),
        StoreType::Ca | StoreType::SigningAuthority
            if !certificate.is_ca() && certificate.verified_by_itself().is_err() =>
        {
            Err(TrustStoreError::NotAnAuthority {
                kind,
                name: name.to_owned(),
                subject: subject(),
            })
        }
        _ => Ok(()),
    }
}

/// The trust anchors that a statement names for one signing scheme.
#[derive(Debug, Clone)]
pub struct Anchors<'a> {
    stores: Vec<&'a Store>,
}

impl<'a> Anchors<'a> {
    /// Whether exactly this certificate, byte for byte, is one of them (N A-02). A chain is anchored if any of its
    /// certificates is, be it root, intermediate or leaf (N A-04).
    pub fn contains(&self, certificate: &Certificate) -> bool {
        self.stores
            .iter()
            .any(|store| store.by_bytes.contains(certificate.der()))
    }

    /// All of them.
    pub fn certificates(&self) -> impl Iterator<Item = &'a Certificate> {
        self.stores.iter().flat_map(|store| &store.certificates)
    }
}
