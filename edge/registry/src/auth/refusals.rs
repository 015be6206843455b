//! Who answered 401 or 403 a moment ago and is not asked the same again yet, so that a periodic audit of many images
//! does not hammer a registry or lock an account.

use std::time::Duration;

use ratify_http::Origin;

use crate::auth::LoginId;
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
    of_repository: Memory<(Origin, LoginId, String), Refusal>,
    of_login: Memory<(Origin, LoginId), Refusal>,
    accepted: Memory<(Origin, LoginId), ()>,
}

impl Refusals {
    pub(crate) fn new(pause: Duration) -> Self {
        Self {
            pause,
            ..Self::default()
        }
    }

    /// What this registry answered to this login a moment ago.
    pub(crate) fn recent(
        &self,
        origin: &Origin,
        id: &LoginId,
        repository: &str,
    ) -> Option<Refusal> {
        let login = (origin.clone(), id.clone());
        let repository = (origin.clone(), id.clone(), repository.to_owned());
        let of_login = self.of_login.recall(&login);
        of_login.or_else(|| self.of_repository.recall(&repository))
    }

    pub(crate) fn refused(
        &self,
        origin: &Origin,
        id: &LoginId,
        repository: &str,
        refusal: Refusal,
    ) {
        let login = (origin.clone(), id.clone());
        let login_is_wrong = refusal == Refusal::Unauthorized(Unauthorized::LoginRefused)
            && self.accepted.recall(&login).is_none();
        if login_is_wrong {
            self.of_login.remember(login, refusal, self.pause);
        } else {
            let repository = (origin.clone(), id.clone(), repository.to_owned());
            self.of_repository.remember(repository, refusal, self.pause);
        }
    }

    /// The login was shown and let in.
    pub(crate) fn accepted(&self, origin: &Origin, id: &LoginId) {
        self.accepted
            .remember((origin.clone(), id.clone()), (), ACCEPTED);
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::Login;
    use crate::auth::KnownLogin;

    fn setup() -> (Refusals, Origin, LoginId) {
        let refusals = Refusals::new(Duration::from_secs(10));
        let origin = Origin::of(&Url::parse("https://reg.io/").unwrap()).unwrap();
        let login = Login::RegistryToken("x".into());
        (refusals, origin, KnownLogin::from(login).id)
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_concerns_one_repository_for_ten_seconds() {
        let (refusals, origin, id) = setup();
        refusals.refused(&origin, &id, "a", Refusal::Forbidden);
        assert_eq!(refusals.recent(&origin, &id, "a"), Some(Refusal::Forbidden));
        assert_eq!(refusals.recent(&origin, &id, "b"), None);
        let other = KnownLogin::from(Login::Anonymous).id;
        assert_eq!(refusals.recent(&origin, &other, "a"), None);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(refusals.recent(&origin, &id, "a"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_login_is_held_back_from_the_whole_registry() {
        let (refusals, origin, id) = setup();
        let wrong = Refusal::Unauthorized(Unauthorized::LoginRefused);
        refusals.refused(&origin, &id, "a", wrong.clone());
        assert_eq!(refusals.recent(&origin, &id, "b"), Some(wrong.clone()));
        tokio::time::advance(Duration::from_secs(10)).await;
        refusals.accepted(&origin, &id);
        refusals.refused(&origin, &id, "a", wrong.clone());
        assert_eq!(refusals.recent(&origin, &id, "a"), Some(wrong));
        assert_eq!(
            refusals.recent(&origin, &id, "b"),
            None,
            "it works elsewhere"
        );
    }
}
