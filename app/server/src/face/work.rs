//! Many pieces of work at once, each on its own: one that panics or does not end takes nothing from the others.

use std::panic::AssertUnwindSafe;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use futures::{FutureExt, pin_mut};
use tokio::time::{Instant, sleep_until};

/// A piece of work panicked. What it knew is gone; what is left denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Panicked;

/// Run all of `work`, `at_once` at a time, and give each result to `done` with the place of its work, until `deadline`.
/// What has not ended by then is dropped, and `done` is not called for it.
pub(super) async fn run<T>(
    work: Vec<BoxFuture<'_, T>>,
    at_once: usize,
    deadline: Instant,
    mut done: impl FnMut(usize, Result<T, Panicked>),
) {
    let mut waiting = work.into_iter().enumerate();
    let mut running = FuturesUnordered::new();
    let late = sleep_until(deadline);
    pin_mut!(late);
    loop {
        while running.len() < at_once.max(1)
            && let Some((place, work)) = waiting.next()
        {
            running.push(placed(place, work));
        }
        tokio::select! {
            // what ended at the last moment counts
            biased;
            ended = running.next() => match ended {
                Some((place, result)) => done(place, result),
                None => return,
            },
            () = &mut late => return,
        }
    }
}

async fn placed<T>(place: usize, work: BoxFuture<'_, T>) -> (usize, Result<T, Panicked>) {
    (place, guarded_future(work).await)
}

/// Run `work` to its end. A panic is caught.
pub(super) async fn guarded_future<F: Future>(work: F) -> Result<F::Output, Panicked> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .map_err(|_| Panicked)
}

/// Run `work` now. A panic is caught.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    async fn ended(
        work: Vec<BoxFuture<'_, u32>>,
        at_once: usize,
    ) -> Vec<(usize, Result<u32, Panicked>)> {
        let mut ended = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(1);
        run(work, at_once, deadline, |place, result| {
            ended.push((place, result));
        })
        .await;
        ended.sort_by_key(|(place, _)| *place);
        ended
    }

    #[tokio::test(start_paused = true)]
    async fn att_21_a_panic_takes_nothing_from_the_others() {
        let work: Vec<BoxFuture<'_, u32>> = vec![
            Box::pin(async { 1 }),
            Box::pin(async { panic!("on purpose") }),
            Box::pin(async {
                sleep(Duration::from_millis(5)).await;
                panic!("on purpose, later")
            }),
            Box::pin(async {
                sleep(Duration::from_millis(10)).await;
                4
            }),
        ];
        let all = [
            (0, Ok(1)),
            (1, Err(Panicked)),
            (2, Err(Panicked)),
            (3, Ok(4)),
        ];
        assert_eq!(ended(work, 8).await, all);
        assert_eq!(guarded(|| panic!("on purpose")), Err::<(), _>(Panicked));
    }

    #[tokio::test(start_paused = true)]
    async fn att_49_what_does_not_end_is_left_at_the_deadline() {
        let begin = Instant::now();
        let work: Vec<BoxFuture<'_, u32>> = vec![
            Box::pin(std::future::pending()),
            Box::pin(async { 2 }),
            Box::pin(async {
                sleep(Duration::from_secs(1)).await;
                3
            }),
        ];
        let all = [(1, Ok(2)), (2, Ok(3))];
        assert_eq!(
            ended(work, 8).await,
            all,
            "what ends at the last moment counts"
        );
        assert_eq!(begin.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_run_at_once() {
        let begin = Instant::now();
        let nap = || -> BoxFuture<'_, u32> {
            Box::pin(async {
                sleep(Duration::from_millis(100)).await;
                0
            })
        };
        assert_eq!(ended((0..6).map(|_| nap()).collect(), 2).await.len(), 6);
        assert_eq!(begin.elapsed(), Duration::from_millis(300));
    }
}
