//! Reading trust policy documents. Strict where a slip would weaken the policy, lenient (with a warning) elsewhere.

use std::collections::{HashMap, HashSet};

use crate::Validation;
use crate::json;
use crate::trust::distinguished_name::DistinguishedName;
use crate::trust::identity::{Identity, TrustedIdentities};
use crate::trust::level::{Action, Level};
use crate::trust::name::AttributeType;
use crate::trust::policy::error::{
    MAX_DOCUMENT, PolicyFault as Fault, TrustPolicyError, TrustPolicyWarning as Warning,
};
use crate::trust::policy::members::{Members, Result, rule, shown, text};
use crate::trust::policy::{Parsed, Statement, TrustPolicy, VerifyTimestamp};
use crate::trust::scope::{CanonicalRepository, Scope};
use crate::trust::store::{StoreType, is_store_name};

/// A document is nested four deep; this leaves room for members of others that are ignored.
const MAX_DEPTH: usize = 32;
/// The most statements.
const MAX_STATEMENTS: usize = 10_000;
/// The most scopes of one statement.
const MAX_SCOPES: usize = 10_000;
/// The most stores or identities of one statement. Identities are compared in pairs.
const MAX_TRUST: usize = 500;

/// Read a whole document.
pub(super) fn document(bytes: &[u8]) -> Result<Parsed> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(TrustPolicyError::TooLarge(bytes.len()));
    }
    let value = json::parse_strict(bytes, MAX_DEPTH).map_err(TrustPolicyError::Json)?;
    let mut warnings = Vec::new();
    let top = Members::of(&value, "trust policy".to_owned())?;
    let top = Members {
        path: String::new(),
        ..top
    };
    top.known(&["version", "trustPolicies"], Some(&mut warnings))?;
    match top.required_text("version")? {
        "1.0" => {}
        other => return Err(top.fault("version", Fault::Version(shown(other)))),
    }
    let mut reader = Reader {
        warnings,
        names: HashSet::new(),
        policy: TrustPolicy {
            statements: Vec::new(),
            by_repository: HashMap::new(),
            global: None,
        },
    };
    let statements = top.list("trustPolicies", MAX_STATEMENTS)?;
    if statements.is_empty() {
        return Err(top.fault("trustPolicies", Fault::Missing));
    }
    for (i, statement) in statements.iter().enumerate() {
        reader.statement(&Members::of(statement, format!("trustPolicies[{i}]"))?)?;
    }
    reader.compare_with_global();
    Ok(Parsed {
        policy: reader.policy,
        warnings: reader.warnings,
    })
}

/// The document as far as it is read.
struct Reader {
    policy: TrustPolicy,
    warnings: Vec<Warning>,
    names: HashSet<String>,
}

impl Reader {
    fn statement(&mut self, members: &Members<'_>) -> Result<()> {
        let known = [
            "name",
            "registryScopes",
            "signatureVerification",
            "trustStores",
            "trustedIdentities",
        ];
        members.known(&known, Some(&mut self.warnings))?;
        let name = members.required_text("name")?.to_owned();
        if name.trim().is_empty() {
            return Err(members.fault("name", Fault::BlankName));
        }
        if !self.names.insert(name.clone()) {
            return Err(members.fault("name", Fault::DuplicateName(shown(&name))));
        }
        let verification = members.value("signatureVerification");
        let verification = verification
            .ok_or_else(|| members.fault("signatureVerification.level", Fault::Missing))?;
        let verification = Members::of(verification, members.at("signatureVerification"))?;
        // a mistyped `override` or `verifyTimestamp` would silently weaken the policy
        verification.known(&["level", "override", "verifyTimestamp"], None)?;
        let level = level(&verification)?;
        let overrides = overrides(&verification, level)?;
        let verify_timestamp = verify_timestamp(&verification)?;
        for trust in ["trustStores", "trustedIdentities"] {
            let empty = members.list(trust, MAX_TRUST)?.is_empty();
            match (level == Level::Skip, empty) {
                (true, false) => return Err(members.fault(trust, Fault::TrustAtSkip)),
                (false, true) => return Err(members.fault(trust, Fault::Missing)),
                _ => {}
            }
        }
        let stores = self.stores(members, &name)?;
        let identities = self.identities(members, &name)?;
        let place = self.policy.statements.len();
        self.policy.statements.push(Statement {
            name,
            level,
            overrides,
            verify_timestamp,
            stores,
            identities,
        });
        self.scopes(members, place)
    }

    /// N V-12 to V-15.
    fn stores(
        &mut self,
        members: &Members<'_>,
        statement: &str,
    ) -> Result<Vec<(StoreType, String)>> {
        let mut stores: Vec<(StoreType, String)> = Vec::new();
        for (path, text) in members.texts("trustStores", MAX_TRUST)? {
            let fault = |fault| rule(path.clone(), fault);
            let store = text
                .split_once(':')
                .and_then(|(kind, name)| Some((StoreType::named(kind)?, name)));
            let (kind, name) = store.ok_or_else(|| fault(Fault::StoreForm(shown(text))))?;
            if !is_store_name(name) {
                return Err(fault(Fault::StoreName(shown(name))));
            }
            let twin = stores
                .iter()
                .find(|(k, n)| *k == kind && n != name && n.eq_ignore_ascii_case(name));
            if let Some((_, twin)) = twin {
                self.warnings.push(Warning::StoresDifferInCase {
                    statement: statement.to_owned(),
                    stores: [format!("{kind}:{twin}"), format!("{kind}:{name}")],
                });
            }
            let store = (kind, name.to_owned());
            if !stores.contains(&store) {
                stores.push(store);
            }
        }
        if !stores.is_empty() && stores.iter().all(|(kind, _)| *kind == StoreType::Tsa) {
            self.warnings.push(Warning::OnlyTsaStores {
                statement: statement.to_owned(),
            });
        }
        Ok(stores)
    }

    /// N I-01 to I-12.
    fn identities(&mut self, members: &Members<'_>, statement: &str) -> Result<TrustedIdentities> {
        let texts = members.texts("trustedIdentities", MAX_TRUST)?;
        let many = texts.len() > 1;
        let mut names: Vec<DistinguishedName> = Vec::new();
        for (path, text) in texts {
            let identity = Identity::parse(text);
            match identity.map_err(|error| rule(path, Fault::Identity(error)))? {
                Identity::Any if many => {
                    let fault = Fault::AnyIdentityBesideOthers;
                    return Err(members.fault("trustedIdentities", fault));
                }
                Identity::Any => return Ok(TrustedIdentities::any()),
                Identity::Foreign => self.warnings.push(Warning::ForeignIdentity {
                    statement: statement.to_owned(),
                    identity: shown(text),
                }),
                Identity::Subject(name) => {
                    self.warn_unmatchable(statement, &name);
                    names.push(name);
                }
            }
        }
        self.compare_identities(members, statement, &names)?;
        Ok(TrustedIdentities::subjects(names))
    }

    fn warn_unmatchable(&mut self, statement: &str, name: &DistinguishedName) {
        let mut attributes = name.attributes();
        let unknown = attributes.find(|(kind, _)| AttributeType::named(kind).is_none());
        if let Some((attribute, _)) = unknown {
            self.warnings.push(Warning::UnmatchableIdentity {
                statement: statement.to_owned(),
                identity: name.to_string(),
                attribute: attribute.to_owned(),
            });
        }
    }

    /// N I-11: one that includes another is an error; two that could both match are worth one warning per statement.
    fn compare_identities(
        &mut self,
        members: &Members<'_>,
        statement: &str,
        names: &[DistinguishedName],
    ) -> Result<()> {
        let mut overlap = None;
        let pairs = names.iter().enumerate().flat_map(|(i, one)| {
            names
                .iter()
                .skip(i.saturating_add(1))
                .map(move |other| (one, other))
        });
        for (one, other) in pairs {
            let included = if one.covers(other) {
                Some((one, other))
            } else if other.covers(one) {
                Some((other, one))
            } else {
                None
            };
            if let Some((wide, narrow)) = included {
                let (wide, narrow) = (wide.to_string(), narrow.to_string());
                let fault = Fault::Overlap { wide, narrow };
                return Err(members.fault("trustedIdentities", fault));
            }
            if overlap.is_none() && one.overlaps(other) {
                overlap = Some([one.to_string(), other.to_string()]);
            }
        }
        if let Some(identities) = overlap {
            self.warnings.push(Warning::IdentitiesOverlap {
                statement: statement.to_owned(),
                identities,
            });
        }
        Ok(())
    }

    /// N, for the statement at `place`.
    fn scopes(&mut self, members: &Members<'_>, place: usize) -> Result<()> {
        let texts = members.texts("registryScopes", MAX_SCOPES)?;
        if texts.is_empty() {
            return Err(members.fault("registryScopes", Fault::Missing));
        }
        let many = texts.len() > 1;
        for (path, text) in texts {
            let scope = Scope::parse(text).map_err(|e| rule(path.clone(), Fault::Scope(e)))?;
            let taken = match &scope {
                Scope::Global if many => {
                    return Err(members.fault("registryScopes", Fault::GlobalBesideOthers));
                }
                Scope::Global => self.policy.global.replace(place),
                Scope::Repository(repository) => {
                    self.warn_unreachable(place, repository);
                    let scopes = &mut self.policy.by_repository;
                    scopes.insert(repository.clone(), place)
                }
            };
            if let Some(first) = taken {
                let scope = match scope {
                    Scope::Global => "*".to_owned(),
                    Scope::Repository(repository) => repository.to_string(),
                };
                let statement = self.name_at(first);
                return Err(rule(path, Fault::DuplicateScope { scope, statement }));
            }
        }
        Ok(())
    }

    fn warn_unreachable(&mut self, place: usize, repository: &CanonicalRepository) {
        if repository.is_unreachable() {
            self.warnings.push(Warning::UnreachableScope {
                statement: self.name_at(place),
                scope: repository.to_string(),
            });
        }
    }

    fn name_at(&self, place: usize) -> String {
        let statement = self.policy.statements.get(place);
        statement.map_or_else(String::new, |statement| statement.name.clone())
    }

    /// N R-06 and P-06.
    fn compare_with_global(&mut self) {
        let place = self.policy.global;
        let Some(global) = place.and_then(|place| self.policy.statements.get(place)) else {
            return;
        };
        if global.is_skip() {
            self.warnings.push(Warning::SkipsEverything {
                statement: global.name.clone(),
            });
            return;
        }
        let weaker_than = |other: &&Statement| {
            let mut all = Validation::ALL.into_iter();
            all.any(|validation| global.action(validation) < other.action(validation))
        };
        if let Some(stricter) = self.policy.statements.iter().find(weaker_than) {
            self.warnings.push(Warning::GlobalIsWeaker {
                global: global.name.clone(),
                stricter: stricter.name.clone(),
            });
        }
    }
}

/// N V-04.
fn level(verification: &Members<'_>) -> Result<Level> {
    let word = verification.required_text("level")?;
    Level::named(word).ok_or_else(|| verification.fault("level", Fault::Level(shown(word))))
}

/// N V-05 to V-08.
fn overrides(verification: &Members<'_>, level: Level) -> Result<Vec<(Validation, Action)>> {
    let Some(value) = verification.value("override") else {
        return Ok(Vec::new());
    };
    let members = Members::of(value, verification.at("override"))?;
    if level == Level::Skip && !members.object.is_empty() {
        return Err(verification.fault("override", Fault::OverrideOfSkip));
    }
    let known = [
        "integrity",
        "authenticity",
        "authenticTimestamp",
        "expiry",
        "revocation",
    ];
    members.known(&known, None)?;
    let mut overrides = Vec::new();
    for validation in Validation::ALL {
        let name = validation.as_str();
        let Some(word) = members.object.member(name) else {
            continue;
        };
        if validation == Validation::Integrity {
            return Err(members.fault(name, Fault::OverrideOfIntegrity));
        }
        let word = text(word, &members.at(name))?;
        let expected = match validation {
            Validation::Revocation => "`enforce`, `log` or `skip`",
            _ => "`enforce` or `log`",
        };
        let allowed =
            |action: &Action| *action != Action::Skip || validation == Validation::Revocation;
        let action = Action::named(word).filter(allowed).ok_or_else(|| {
            let word = shown(word);
            members.fault(name, Fault::Action { word, expected })
        })?;
        overrides.push((validation, action));
    }
    Ok(overrides)
}

/// N V-09.
fn verify_timestamp(verification: &Members<'_>) -> Result<VerifyTimestamp> {
    match verification.text("verifyTimestamp")? {
        None | Some("" | "always") => Ok(VerifyTimestamp::Always),
        Some("afterCertExpiry") => Ok(VerifyTimestamp::AfterCertExpiry),
        Some(other) => {
            let fault = Fault::VerifyTimestamp(shown(other));
            Err(verification.fault("verifyTimestamp", fault))
        }
    }
}
