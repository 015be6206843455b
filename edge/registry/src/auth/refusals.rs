//! Who answered 401 or 403 a moment ago and is not asked the same again yet, so that a periodic audit of many images
//! does not hammer a registry or lock an account.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::LoginId;
use crate::endpoint::Endpoint;
use crate::memory::Memory;
use crate::{Error, Unauthorized};

/// How long a login that worked is known to work: what one refusal says is then about one repository.
const ACCEPTED: Duration = Duration::from_hours(1);

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    Unauthorized(Unauthorized),
    Forbidden,
    /// The login was held back from a token service at this host.
    Withheld(String),
}

impl Refusal {
    pub(crate) fn error(&self, host: String, remembered: bool) -> Error {
        match self {
            Self::Unauthorized(why) => Error::Unauthorized {
                host,
                why: *why,
                remembered,
            },
            Self::Forbidden => Error::Forbidden { host, remembered },
            Self::Withheld(realm) => Error::LoginWithheld {
                host,
                realm: realm.clone(),
                remembered,
            },
        }
    }
}

/// The memory. A refusal concerns one repository: whoever can name an image must not be able to shut out others at the
/// same registry. Only a login that was never accepted and is now refused as such is held back for all repositories.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    pause: Duration,
    /// By [`Endpoint::key`].
    of_repository: Memory<(Arc<str>, LoginId), Refusal>,
    /// By [`Endpoint::origin_key`], as the next.
    of_login: Memory<(Arc<str>, LoginId), Refusal>,
    accepted: Memory<(Arc<str>, LoginId), ()>,
}

impl Refusals {
    pub(crate) fn new(pause: Duration) -> Self {
        Self {
            pause,
            ..Self::default()
        }
    }

    /// What this registry answered to this login a moment ago.
    pub(crate) fn recent(&self, endpoint: &Endpoint, id: &LoginId) -> Option<Refusal> {
        let of_login = self.of_login.recall(&of_login(endpoint, id));
        of_login.or_else(|| self.of_repository.recall(&of_repository(endpoint, id)))
    }

    pub(crate) fn refused(&self, endpoint: &Endpoint, id: &LoginId, refusal: Refusal) {
        let login = of_login(endpoint, id);
        let login_is_wrong = refusal == Refusal::Unauthorized(Unauthorized::LoginRefused)
            && self.accepted.recall(&login).is_none();
        if login_is_wrong {
            self.of_login.remember(login, refusal, self.pause);
        } else {
            let repository = of_repository(endpoint, id);
            self.of_repository.remember(repository, refusal, self.pause);
        }
    }

    /// The login was shown and let in.
    pub(crate) fn accepted(&self, endpoint: &Endpoint, id: &LoginId) {
        let login = of_login(endpoint, id);
        if self.accepted.recall(&login).is_none() {
            self.accepted.remember(login, (), ACCEPTED);
        }
    }
}

fn of_login(endpoint: &Endpoint, id: &LoginId) -> (Arc<str>, LoginId) {
    (Arc::clone(&endpoint.origin_key), id.clone())
}

fn of_repository(endpoint: &Endpoint, id: &LoginId) -> (Arc<str>, LoginId) {
    (Arc::clone(&endpoint.key), id.clone())
}

#[cfg(test)]
mod tests {
    use ratify_oci::Reference;

    use super::*;
    use crate::Login;
    use crate::auth::KnownLogin;
    use crate::endpoint::Endpoints;

    fn endpoint(repository: &str) -> Arc<Endpoint> {
        let reference: Reference = format!("reg.io/{repository}:1").parse().unwrap();
        let endpoints = Endpoints::default();
        endpoints.of(reference.repository()).unwrap()
    }

    fn setup() -> (Refusals, LoginId) {
        let refusals = Refusals::new(Duration::from_secs(10));
        let login = Login::RegistryToken("x".into());
        (refusals, KnownLogin::from(login).id)
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_concerns_one_repository_for_ten_seconds() {
        let (refusals, id) = setup();
        let (a, b) = (endpoint("a"), endpoint("b"));
        refusals.refused(&a, &id, Refusal::Forbidden);
        assert_eq!(refusals.recent(&a, &id), Some(Refusal::Forbidden));
        assert_eq!(refusals.recent(&b, &id), None);
        let other = KnownLogin::anonymous().id;
        assert_eq!(refusals.recent(&a, &other), None);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(refusals.recent(&a, &id), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_login_is_held_back_from_the_whole_registry() {
        let (refusals, id) = setup();
        let (a, b) = (endpoint("a"), endpoint("b"));
        let wrong = Refusal::Unauthorized(Unauthorized::LoginRefused);
        refusals.refused(&a, &id, wrong.clone());
        assert_eq!(refusals.recent(&b, &id), Some(wrong.clone()));
        tokio::time::advance(Duration::from_secs(10)).await;
        refusals.accepted(&a, &id);
        refusals.refused(&a, &id, wrong.clone());
        assert_eq!(refusals.recent(&a, &id), Some(wrong));
        assert_eq!(refusals.recent(&b, &id), None, "it works elsewhere");
    }
}
