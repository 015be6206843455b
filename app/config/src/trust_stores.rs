//! Trust stores of a notation verifier: which certificates each store of its trust policy gets (K 4.1, 4.2).
//!
//! A store that `verificationCertStores` names gets what stands there and nothing else; an empty one stays empty, and an
//! empty trust store denies. A store that is not named there gets the certificates of `verificationCerts` and of the
//! default directory, as in v1.4. Only stores that the policy refers to are read.

use std::collections::{BTreeMap, BTreeSet};

use ratify_keys::{Collected, Found, PassedOver, certificates_at, inline_certificates};
use ratify_verify::json::{Value, nearest_name};
use ratify_verify::trust::{StoreType, TrustStoreError, TrustStores, TrustStoresBuilder};

use crate::Environment;
use crate::error::{Misplaced, Problem};
use crate::fields::{Notes, elements, members, text, unexpected};
use crate::place::{Place, shown};

/// What an entry of `verificationCertStores` looks like if it is a certificate and not a path.
const PEM: &str = "-----BEGIN";

/// `verificationCertStores`, parsed: for each type and name the sources of certificates.
#[derive(Debug, Default)]
pub(crate) struct NamedStores(BTreeMap<(StoreType, String), NamedStore>);

#[derive(Debug)]
struct NamedStore {
    place: Place,
    entries: Vec<(Place, String)>,
}

impl NamedStores {
    /// Read both formats: types that hold names (`{"ca": {"certs": [..]}}`), or names alone, which are then of type `ca`
    /// (`{"certs": [..]}`).
    pub(crate) fn parse(place: &Place, value: Value) -> Result<Self, Misplaced> {
        let members = members(place, value)?;
        refuse_misspelt_types(&members)?;
        let typed = members
            .iter()
            .find(|(_, name, _)| StoreType::named(name).is_some());
        let untyped = members
            .iter()
            .find(|(_, name, _)| StoreType::named(name).is_none());
        if let (Some((_, type_name, _)), Some((_, store, _))) = (typed, untyped) {
            let problem = Problem::MixedStores {
                type_name: shown(type_name),
                store: shown(store),
            };
            return Err(problem.at(place.clone()));
        }
        let mut stores = Self::default();
        for (place, name, value) in members {
            match StoreType::named(&name) {
                Some(kind) => stores.add_type(kind, &place, value)?,
                None => stores.add(StoreType::Ca, name, place, value)?,
            }
        }
        Ok(stores)
    }

    fn add_type(&mut self, kind: StoreType, place: &Place, value: Value) -> Result<(), Misplaced> {
        for (place, name, value) in members(place, value)? {
            self.add(kind, name, place, value)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        kind: StoreType,
        name: String,
        place: Place,
        value: Value,
    ) -> Result<(), Misplaced> {
        if !matches!(value, Value::Array(_)) {
            return Err(unexpected(&value, "a list of files, directories or PEM texts").at(place));
        }
        let entries = elements(&place, value)?;
        let entries = entries
            .into_iter()
            .map(|(place, value)| Ok((place.clone(), text(place, value)?)));
        let store = NamedStore {
            place,
            entries: entries.collect::<Result<_, _>>()?,
        };
        self.0.insert((kind, name), store);
        Ok(())
    }
}

/// A name like `signingauthority` that holds names of its own: v1.4 takes it for a store and says something else.
fn refuse_misspelt_types(members: &[(Place, String, Value)]) -> Result<(), Misplaced> {
    let types = StoreType::ALL.map(StoreType::as_str);
    for (place, name, value) in members {
        let nearest = nearest_name(name, &types).and_then(StoreType::named);
        let nearest = nearest
            .map(StoreType::as_str)
            .filter(|nearest| nearest != name);
        if nearest.is_some() && matches!(value, Value::Object(_)) {
            return Err(Problem::Unknown { nearest }.at(place.clone()));
        }
    }
    Ok(())
}

/// Where the certificates of a verifier's trust stores come from.
#[derive(Debug)]
pub(crate) struct Sources<'e> {
    /// `verificationCertStores`.
    pub(crate) named: NamedStores,
    /// `verificationCerts`, and where that is.
    pub(crate) unnamed: Vec<(Place, String)>,
    pub(crate) unnamed_place: Place,
    pub(crate) environment: &'e Environment,
}

/// A certificate for a trust store, and the entry of the configuration that brought it.
#[derive(Debug, Clone)]
struct Candidate {
    place: Place,
    found: Found,
}

impl Sources<'_> {
    /// Read the certificates of the `wanted` stores, and of no others.
    ///
    /// # Errors
    /// A source that holds anything but certificates, or a certificate that may not be in its store.
    pub(crate) fn fill(
        mut self,
        wanted: &BTreeSet<(StoreType, String)>,
        notes: &mut Notes,
    ) -> Result<TrustStores, Misplaced> {
        let mut stores = TrustStores::builder();
        let mut shared = None;
        let any_named = !self.named.0.is_empty();
        for id in wanted {
            if let Some(named) = self.named.0.remove(id) {
                let candidates = read(&named.entries, self.environment, notes)?;
                insert(&mut stores, id, &named.place, candidates, notes)?;
                continue;
            }
            if any_named {
                notes.warn(&self.unnamed_place, stands_in(id));
            }
            let shared = match &shared {
                Some(read) => read,
                None => shared.insert(self.read_unnamed(notes)?),
            };
            insert(
                &mut stores,
                id,
                &self.unnamed_place,
                usable(id.0, shared),
                notes,
            )?;
        }
        for ((kind, name), unused) in &self.named.0 {
            let name = shown(name);
            let text = format!(
                "no statement of the trust policy refers to `{kind}:{name}`, so it is not read"
            );
            notes.warn(&unused.place, text);
        }
        Ok(stores.build())
    }

    fn read_unnamed(&self, notes: &mut Notes) -> Result<Vec<Candidate>, Misplaced> {
        let mut candidates = read(&self.unnamed, self.environment, notes)?;
        if let Some(directory) = self.environment.default_certificates() {
            let place = &self.unnamed_place;
            notes.evidence.source(&directory);
            let collected = certificates_at(&directory)
                .map_err(|error| Problem::from(error).at(place.clone()))?;
            let missing = PassedOver::Missing(directory);
            let worth_saying = |passed_over: &PassedOver| *passed_over != missing;
            candidates.extend(accept(collected, place, worth_saying, notes));
        }
        Ok(candidates)
    }
}

fn stands_in((kind, name): &(StoreType, String)) -> String {
    let name = shown(name);
    format!(
        "gives its certificates to trust store `{kind}:{name}`, which `verificationCertStores` does not name"
    )
}

/// Read every entry: a file, a directory or a PEM text.
fn read(
    entries: &[(Place, String)],
    environment: &Environment,
    notes: &mut Notes,
) -> Result<Vec<Candidate>, Misplaced> {
    let mut candidates = Vec::new();
    for (place, written) in entries {
        let collected = if written.trim_start().starts_with(PEM) {
            inline_certificates(written)
        } else {
            let path = environment.path(written);
            notes.evidence.source(&path);
            certificates_at(&path)
        };
        let collected = collected.map_err(|error| Problem::from(error).at(place.clone()))?;
        candidates.extend(accept(collected, place, |_| true, notes));
    }
    Ok(candidates)
}

fn accept(
    collected: Collected,
    place: &Place,
    worth_saying: impl Fn(&PassedOver) -> bool,
    notes: &mut Notes,
) -> Vec<Candidate> {
    for passed_over in collected.passed_over.iter().filter(|one| worth_saying(one)) {
        notes.warn(place, passed_over.to_string());
    }
    let candidate = |found| Candidate {
        place: place.clone(),
        found,
    };
    collected.found.into_iter().map(candidate).collect()
}

/// Of certificates that were not meant for one store, those that can be in a store of this type. `verificationCerts` mixes
/// signers' and time stampers' authorities; only of the latter can be told by the certificate that it is none.
fn usable(kind: StoreType, candidates: &[Candidate]) -> Vec<Candidate> {
    let may_be_in = |one: &&Candidate| kind != StoreType::Tsa || alone(kind, "any", one).is_ok();
    candidates.iter().filter(may_be_in).cloned().collect()
}

/// Whether one certificate may be in a store.
fn alone(kind: StoreType, name: &str, candidate: &Candidate) -> Result<(), TrustStoreError> {
    TrustStores::builder().insert(kind, name, vec![candidate.found.certificate.clone()])
}

fn insert(
    stores: &mut TrustStoresBuilder,
    (kind, name): &(StoreType, String),
    place: &Place,
    candidates: Vec<Candidate>,
    notes: &mut Notes,
) -> Result<(), Misplaced> {
    let certificates = candidates.iter().map(|one| &one.found.certificate);
    notes
        .evidence
        .certificates(&format!("{kind}:{name}"), certificates);
    if candidates.is_empty() {
        let text = format!(
            "trust store `{kind}:{name}` has no certificates, so signatures that need it are rejected"
        );
        notes.warn(place, text);
        return Ok(());
    }
    for candidate in &candidates {
        alone(*kind, name, candidate).map_err(|error| {
            let origin = candidate.found.origin.clone();
            Problem::Certificate { origin, error }.at(candidate.place.clone())
        })?;
    }
    let certificates = candidates
        .into_iter()
        .map(|candidate| candidate.found.certificate)
        .collect();
    stores
        .insert(*kind, name, certificates)
        .map_err(|error| Problem::TrustStore(error).at(place.clone()))
}
