//! Tokens that are kept until shortly before they end. One is fetched at a time for each purpose; others wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ratify_http::{Authorization, Deadline};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::Error;
use crate::auth::LoginId;
use crate::memory::Memory;

/// How long the place for a token is kept after its last use. No token lives longer.
const KEPT: Duration = Duration::from_hours(1);

/// What a token is good for, and whose it is. Two registries never share one, nor do two logins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TokenKey {
    /// [`BearerScheme::purpose`](super::BearerScheme).
    pub(crate) purpose: Arc<str>,
    pub(crate) login: LoginId,
}

/// A token that can be sent.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) authorization: Authorization,
    until: Instant,
    serial: u64,
}

impl PartialEq for Token {
    /// Whether it is the same token, not whether it reads the same.
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

#[derive(Debug, Default)]
struct Place {
    token: Option<Token>,
    /// What the last fetch ended in, and when.
    failure: Option<(Instant, Error)>,
}

/// The tokens of this process.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    places: Memory<TokenKey, Arc<Mutex<Place>>>,
    serial: AtomicU64,
}

impl Tokens {
    /// A token that still holds and is not `rejected`, from memory or by `fetch`.
    ///
    /// Whoever waits for a fetch of somebody else gets what comes of it, a failure too, unless that was for want of time:
    /// then it tries itself. If the one who fetches is cancelled, the next in line fetches.
    pub(crate) async fn token<F>(
        &self,
        key: TokenKey,
        rejected: Option<&Token>,
        deadline: Deadline,
        timeout: impl FnOnce() -> Error,
        fetch: F,
    ) -> Result<Token, Error>
    where
        F: AsyncFnOnce() -> Result<(Authorization, Duration), Error>,
    {
        let came = Instant::now();
        let place = self.places.recall_or(key, KEPT, Arc::default);
        let Ok(mut place) = deadline.bound(place.lock()).await else {
            return Err(timeout());
        };
        if let Some(token) = &place.token
            && token.until > Instant::now()
            && rejected != Some(token)
        {
            return Ok(token.clone());
        }
        if let Some((when, error)) = &place.failure
            && *when > came
            && !matches!(error, Error::Timeout(_))
        {
            return Err(error.clone());
        }
        match fetch().await {
            Ok((authorization, useful)) => {
                let token = Token {
                    authorization,
                    until: Instant::now() + useful,
                    serial: self.serial.fetch_add(1, Ordering::Relaxed),
                };
                place.token = Some(token.clone());
                place.failure = None;
                Ok(token)
            }
            Err(error) => {
                place.token = None;
                place.failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures::future::join_all;

    use super::*;
    use crate::Unauthorized;
    use crate::auth::KnownLogin;

    fn key(scope: &str) -> TokenKey {
        TokenKey {
            purpose: scope.into(),
            login: KnownLogin::anonymous().id,
        }
    }

    fn refused() -> Error {
        Error::Unauthorized {
            host: "reg.io".to_owned(),
            why: Unauthorized::NoLogin,
            remembered: false,
        }
    }

    fn timeout() -> Error {
        Error::Timeout(ratify_http::Error::Timeout {
            host: "reg.io".to_owned(),
            phase: ratify_http::Phase::Answer,
        })
    }

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(30))
    }

    /// A fetch that takes a second and counts itself.
    async fn fetch(
        count: &AtomicUsize,
        error: Option<Error>,
    ) -> Result<(Authorization, Duration), Error> {
        count.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let authorization = Authorization::new("Bearer x").unwrap();
        error.map_or(Ok((authorization, Duration::from_mins(1))), Err)
    }

    #[tokio::test(start_paused = true)]
    async fn one_fetch_for_all_who_wait() {
        let (tokens, count) = (Tokens::default(), AtomicUsize::new(0));
        let calls = (0..50).map(|_| {
            tokens.token(key("a"), None, soon(), timeout, async || {
                fetch(&count, None).await
            })
        });
        let all = join_all(calls).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(count.load(Ordering::Relaxed), 1);

        tokens
            .token(key("b"), None, soon(), timeout, async || {
                fetch(&count, None).await
            })
            .await
            .unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 2, "another scope");
        tokio::time::advance(Duration::from_mins(1)).await;
        let again = tokens
            .token(key("a"), None, soon(), timeout, async || {
                fetch(&count, None).await
            })
            .await;
        assert_ne!(&again.unwrap(), all[0].as_ref().unwrap());
        assert_eq!(count.load(Ordering::Relaxed), 3, "over");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rejected_token_is_replaced_once_for_all() {
        let (tokens, count) = (Tokens::default(), AtomicUsize::new(0));
        let old = tokens
            .token(key("a"), None, soon(), timeout, async || {
                fetch(&count, None).await
            })
            .await
            .unwrap();
        let calls = (0..50).map(|_| {
            tokens.token(key("a"), Some(&old), soon(), timeout, async || {
                fetch(&count, None).await
            })
        });
        for new in join_all(calls).await {
            assert_ne!(new.unwrap(), old);
        }
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_by_those_who_waited_and_not_kept() {
        let (tokens, count) = (Tokens::default(), AtomicUsize::new(0));
        let calls = (0..50).map(|_| {
            tokens.token(key("a"), None, soon(), timeout, async || {
                fetch(&count, Some(refused())).await
            })
        });
        assert!(join_all(calls).await.iter().all(Result::is_err));
        assert_eq!(count.load(Ordering::Relaxed), 1);
        tokio::time::advance(Duration::from_millis(1)).await;
        tokens
            .token(key("a"), None, soon(), timeout, async || {
                fetch(&count, None).await
            })
            .await
            .unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn att_57_a_waiter_survives_the_one_it_waits_for() {
        let (tokens, count) = (Tokens::default(), AtomicUsize::new(0));
        let first = tokens.token(key("a"), None, soon(), timeout, async || {
            fetch(&count, None).await
        });
        let second = tokens.token(key("a"), None, soon(), timeout, async || {
            fetch(&count, None).await
        });
        let cancelled = tokio::time::timeout(Duration::from_millis(500), first);
        let (cancelled, second) = tokio::join!(cancelled, second);
        assert!(cancelled.is_err() && second.is_ok());
        assert_eq!(count.load(Ordering::Relaxed), 2);

        let first = tokens.token(key("b"), None, soon(), timeout, async || {
            fetch(&count, Some(timeout())).await
        });
        let second = tokens.token(key("b"), None, soon(), timeout, async || {
            fetch(&count, None).await
        });
        let (first, second) = tokio::join!(first, second);
        assert!(matches!(first, Err(Error::Timeout(_))) && second.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_beyond_its_deadline() {
        let (tokens, count) = (Tokens::default(), AtomicUsize::new(0));
        let first = tokens.token(key("a"), None, soon(), timeout, async || {
            fetch(&count, None).await
        });
        let hasty = Deadline::after(Duration::from_millis(300));
        let second = tokens.token(key("a"), None, hasty, timeout, async || {
            fetch(&count, None).await
        });
        let (first, second) = tokio::join!(first, second);
        assert!(first.is_ok() && matches!(second, Err(Error::Timeout(_))));
    }
}
