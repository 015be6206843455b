//! What can be wrong with a trust policy document, and what is only worth a warning.

use std::fmt;

use crate::json::JsonError;
use crate::trust::identity::IdentityFormError;
use crate::trust::scope::ScopeError;

/// The largest document that is read: ten thousand statements of the usual size.
pub(super) const MAX_DOCUMENT: usize = 4 * 1024 * 1024;

/// Why a document is not a trust policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustPolicyError {
    /// More bytes than are read.
    #[error("the trust policy has {0} bytes, expected at most {MAX_DOCUMENT}")]
    TooLarge(usize),
    /// Not JSON as strict as it must be (N L-05).
    #[error("the trust policy is not valid JSON: {0}")]
    Json(JsonError),
    /// A member breaks a rule.
    #[error("`{path}` {fault}")]
    Rule {
        /// Where, such as `trustPolicies[0].signatureVerification.level`.
        path: String,
        /// Which rule.
        fault: PolicyFault,
    },
}

/// Which rule a member of a trust policy breaks. Reads on after the path of the member.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFault {
    /// Another JSON type than expected.
    #[error("is {found}, expected {expected}")]
    Type {
        /// What it is.
        found: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// It is absent, null, or an empty list (N V-01, V-02, V-04, V-11, R-01).
    #[error("is missing or empty")]
    Missing,
    /// More entries than are read.
    #[error("has more than {0} entries")]
    TooMany(usize),
    /// A known name in another case (N L-05): the reference implementation would read it, others would not.
    #[error("is written in the wrong case, expected `{0}`")]
    CaseVariant(&'static str),
    /// A name that is not known where a slip weakens the policy (N L-05).
    #[error("is not known; {}", meant(.0.as_ref()))]
    Unknown(Option<&'static str>),
    /// Not version 1.0 (N V-01).
    #[error("is `{0}`, expected `1.0`")]
    Version(String),
    /// The name is blank (N V-03).
    #[error("is blank, expected a name")]
    BlankName,
    /// Another statement has the name (N V-03).
    #[error("is `{0}`, which another statement has already")]
    DuplicateName(String),
    /// Not a level (N V-04).
    #[error("is `{0}`, expected `strict`, `permissive`, `audit` or `skip`")]
    Level(String),
    /// Overrides at level `skip` (N V-05).
    #[error("is not allowed at level `skip`, which looks at nothing")]
    OverrideOfSkip,
    /// Integrity is always enforced (N V-06).
    #[error("is not allowed: integrity is always enforced")]
    OverrideOfIntegrity,
    /// An action that cannot be chosen for this validation (N V-07).
    #[error("is `{word}`, expected {expected}")]
    Action {
        /// What stands there.
        word: String,
        /// What may.
        expected: &'static str,
    },
    /// Not a word for when to look at time-stamps (N V-09).
    #[error("is `{0}`, expected `always` or `afterCertExpiry`")]
    VerifyTimestamp(String),
    /// Trust at level `skip` (N V-10).
    #[error(
        "is not allowed at level `skip`, which trusts everybody; remove it or choose another level"
    )]
    TrustAtSkip,
    /// Not `type:name` (N V-12).
    #[error("is `{0}`, expected `ca:name`, `signingAuthority:name` or `tsa:name`")]
    StoreForm(String),
    /// A name that a store cannot have (N V-12, V-13).
    #[error("names the trust store `{0}`, expected letters, digits, `_`, `.` and `-`")]
    StoreName(String),
    /// Not an identity (N I-02 to I-12).
    #[error("is not a trusted identity: {0}")]
    Identity(IdentityFormError),
    /// `*` beside others (N I-01).
    #[error("has `*` beside other identities; `*` trusts every subject and must stand alone")]
    AnyIdentityBesideOthers,
    /// One identity includes another (N I-11).
    #[error("has `{wide}`, which trusts everybody that `{narrow}` trusts; remove one of them")]
    Overlap {
        /// The identity that matches more.
        wide: String,
        /// The one that it includes.
        narrow: String,
    },
    /// Not a scope (N ).
    #[error("is not a registry scope: {0}")]
    Scope(ScopeError),
    /// `*` beside others (N R-02).
    #[error("has `*` beside other scopes; `*` must stand alone")]
    GlobalBesideOthers,
    /// A scope that a statement has already (N R-03).
    #[error("is `{scope}`, which is in the statement `{statement}` already")]
    DuplicateScope {
        /// The scope, in its canonical spelling.
        scope: String,
        /// The statement that has it first; may be the same.
        statement: String,
    },
}

fn meant(nearest: Option<&&str>) -> String {
    match nearest {
        Some(name) => format!("was `{name}` meant?"),
        None => "remove it".to_owned(),
    }
}

/// What is allowed, but should be known.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustPolicyWarning {
    /// A member that is not known, and is ignored.
    UnknownMember {
        /// Its path.
        path: String,
        /// The known name it is most like.
        nearest: Option<&'static str>,
    },
    /// Level `skip` for scope `*` (N R-06, which the specification forbids and the reference implementation allows).
    SkipsEverything {
        /// Name of the statement.
        statement: String,
    },
    /// The statement with scope `*` is weaker than one for a repository (N P-06).
    GlobalIsWeaker {
        /// Name of the statement with scope `*`.
        global: String,
        /// Name of the first stricter one.
        stricter: String,
    },
    /// Only `tsa` stores: no signature can ever pass (N V-15).
    OnlyTsaStores {
        /// Name of the statement.
        statement: String,
    },
    /// Two stores whose names differ only in case: one directory on some file systems (N V-13).
    StoresDifferInCase {
        /// Name of the statement.
        statement: String,
        /// The two.
        stores: [String; 2],
    },
    /// A certificate can satisfy two identities (N I-11, by the specification an error).
    IdentitiesOverlap {
        /// Name of the statement.
        statement: String,
        /// The first two that do.
        identities: [String; 2],
    },
    /// An identity that only a plugin could check: it never matches (N I-03).
    ForeignIdentity {
        /// Name of the statement.
        statement: String,
        /// The identity.
        identity: String,
    },
    /// An identity with an attribute that no certificate is read for: it never matches (N I-07, I-24).
    UnmatchableIdentity {
        /// Name of the statement.
        statement: String,
        /// The identity.
        identity: String,
        /// The attribute.
        attribute: String,
    },
    /// A scope that no reference has in its normal form: it never matches (N R-07).
    UnreachableScope {
        /// Name of the statement.
        statement: String,
        /// The scope.
        scope: String,
    },
}

impl fmt::Display for TrustPolicyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownMember { path, nearest } => {
                write!(f, "`{path}` is not known and is ignored")?;
                match nearest {
                    Some(name) => write!(f, "; was `{name}` meant?"),
                    None => Ok(()),
                }
            }
            Self::SkipsEverything { statement } => write!(
                f,
                "statement `{statement}` admits every image without looking: level `skip` for the scope `*`"
            ),
            Self::GlobalIsWeaker { global, stricter } => write!(
                f,
                "statement `{global}` for the scope `*` is weaker than `{stricter}`: a repository whose scope is mistyped there falls to the weaker one"
            ),
            Self::OnlyTsaStores { statement } => write!(
                f,
                "statement `{statement}` names only `tsa` stores: no signature can ever pass it"
            ),
            Self::StoresDifferInCase {
                statement,
                stores: [one, other],
            } => write!(
                f,
                "statement `{statement}` names the trust stores `{one}` and `{other}`, which differ only in case"
            ),
            Self::IdentitiesOverlap {
                statement,
                identities: [one, other],
            } => write!(
                f,
                "statement `{statement}`: one certificate can satisfy both `{one}` and `{other}`"
            ),
            Self::ForeignIdentity {
                statement,
                identity,
            } => write!(
                f,
                "statement `{statement}`: the identity `{identity}` never matches, because plugins are not run; expected `x509.subject:`"
            ),
            Self::UnmatchableIdentity {
                statement,
                identity,
                attribute,
            } => write!(
                f,
                "statement `{statement}`: the identity `{identity}` never matches, because no certificate is read for the attribute `{attribute}`"
            ),
            Self::UnreachableScope { statement, scope } => write!(
                f,
                "statement `{statement}`: the scope `{scope}` never matches; write `docker.io/library/...` in full"
            ),
        }
    }
}
