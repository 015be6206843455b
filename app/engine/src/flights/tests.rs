use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::*;
use crate::call::Call;

const LIMITS: FlightLimits = FlightLimits {
    outliving: 2,
    running: 4,
};

/// Work that ends when it is told to, and how much of it there is.
#[derive(Clone)]
struct Works {
    flights: Arc<Flights<u32, u32>>,
    end: Arc<Semaphore>,
    alive: Arc<AtomicUsize>,
    begun: Arc<AtomicUsize>,
}

struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Works {
    fn new(limits: FlightLimits) -> Self {
        Self {
            flights: Arc::new(Flights::new(limits, || u32::MAX)),
            end: Arc::new(Semaphore::new(0)),
            alive: Arc::default(),
            begun: Arc::default(),
        }
    }

    fn join(&self, key: u32) -> Result<Ticket<u32, u32>, Full> {
        let call = Call::new(Timestamp::UNIX_EPOCH, Instant::now(), 1);
        self.flights.join(key, call.begun(), |_| {
            self.begun.fetch_add(1, Ordering::SeqCst);
            self.alive.fetch_add(1, Ordering::SeqCst);
            let (end, alive) = (Arc::clone(&self.end), Alive(Arc::clone(&self.alive)));
            async move {
                let _alive = alive;
                end.acquire().await.unwrap().forget();
                key
            }
        })
    }

    /// Running, outliving, and what is really alive once everything has had its turn.
    async fn counts(&self) -> (usize, usize, usize) {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let stats = self.flights.stats();
        (
            stats.running,
            stats.outliving,
            self.alive.load(Ordering::SeqCst),
        )
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(1)
}

#[tokio::test]
async fn only_the_last_who_leaves_leaves_work_to_itself() {
    let works = Works::new(LIMITS);
    let [first, second, third] = [0, 0, 0].map(|key| works.join(key).unwrap());
    drop(first);
    drop(third);
    assert_eq!(works.counts().await, (1, 0, 1));
    drop(second);
    assert_eq!(works.counts().await, (1, 1, 1));
    // whoever joins takes it back, also several times
    for _ in 0..3 {
        let ticket = works.join(0).unwrap();
        assert_eq!(works.counts().await, (1, 0, 1));
        drop(ticket);
        assert_eq!(works.counts().await, (1, 1, 1));
    }
    works.end.add_permits(1);
    assert_eq!(works.counts().await, (0, 0, 0));
    assert_eq!(works.begun.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn one_who_stays_keeps_the_work_when_no_more_may_outlive() {
    let works = Works::new(FlightLimits {
        outliving: 0,
        ..LIMITS
    });
    let [first, second] = [0, 0].map(|key| works.join(key).unwrap());
    drop(first);
    assert_eq!(works.counts().await, (1, 0, 1));
    works.end.add_permits(1);
    assert!(matches!(second.wait(soon()).await, Ok(0)));
    let last = works.join(0).unwrap();
    drop(last);
    assert_eq!(works.counts().await, (0, 0, 0));
}

#[tokio::test]
async fn no_more_outlives_than_may_and_what_is_ended_can_be_begun_again() {
    let works = Works::new(LIMITS);
    let tickets = [0, 1, 2].map(|key| works.join(key).unwrap());
    drop(tickets);
    assert_eq!(works.counts().await, (2, 2, 2), "the third was ended");
    let again = works.join(2).unwrap();
    assert_eq!(works.begun.load(Ordering::SeqCst), 4);
    works.end.add_permits(3);
    assert!(matches!(again.wait(soon()).await, Ok(2)));
    assert_eq!(works.counts().await, (0, 0, 0));
    // the places of those that have ended can be taken
    drop([3, 4].map(|key| works.join(key).unwrap()));
    assert_eq!(works.counts().await, (2, 2, 2));
}

#[tokio::test]
async fn there_is_no_more_work_than_may_be() {
    let works = Works::new(LIMITS);
    let tickets = [0, 1, 2, 3].map(|key| works.join(key).unwrap());
    assert!(works.join(4).is_err());
    assert!(works.join(3).is_ok(), "what is under way may be joined");
    drop(tickets);
    assert!(works.join(4).is_ok());
}

#[tokio::test]
async fn a_ticket_of_ended_work_does_not_end_its_successor() {
    let works = Works::new(LIMITS);
    let old = works.join(0).unwrap();
    works.end.add_permits(1);
    assert_eq!(works.counts().await, (0, 0, 0));
    let new = works.join(0).unwrap();
    drop(old);
    assert_eq!(works.counts().await, (1, 0, 1), "somebody waits for it");
    works.end.add_permits(1);
    assert!(matches!(new.wait(soon()).await, Ok(0)));
}

#[tokio::test]
async fn at_the_end_all_work_ends() {
    let works = Works::new(LIMITS);
    let waiting = works.join(0).unwrap();
    drop(works.join(1).unwrap());
    works.flights.stop().await;
    assert_eq!(
        works.alive.load(Ordering::SeqCst),
        0,
        "its end was waited for"
    );
    assert_eq!(works.counts().await, (0, 0, 0));
    assert!(waiting.wait(soon()).await.is_err());
    assert!(works.join(0).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn att_48_in_a_crowd_that_comes_and_goes_every_answer_is_right_and_nothing_stays() {
    let limits = FlightLimits {
        outliving: 3,
        running: 10_000,
    };
    let flights = Arc::new(Flights::new(limits, || u32::MAX));
    let alive = Arc::new(AtomicUsize::new(0));
    let visitors = (0..8_u32).map(|visitor| {
        let (flights, alive) = (Arc::clone(&flights), Arc::clone(&alive));
        tokio::spawn(async move {
            for round in 0..2_000 {
                let key = (visitor * 7 + round) % 5;
                let call = Call::new(Timestamp::UNIX_EPOCH, soon(), 1);
                let ticket = flights.join(key, call.begun(), |_| {
                    alive.fetch_add(1, Ordering::SeqCst);
                    let alive = Alive(Arc::clone(&alive));
                    async move {
                        let _alive = alive;
                        for _ in 0..(visitor + round) % 4 {
                            tokio::task::yield_now().await;
                        }
                        assert!((visitor + round) % 50 != 0, "a defect, made on purpose");
                        key
                    }
                });
                let ticket = ticket.unwrap();
                match (visitor + round) % 3 {
                    0 => drop(ticket),
                    1 => drop(tokio::time::timeout(Duration::ZERO, ticket.wait(soon())).await),
                    _ => {
                        let far = Instant::now() + Duration::from_mins(1);
                        let value = ticket.wait(far).await;
                        assert!(matches!(value, Ok(one) if one == key || one == u32::MAX));
                    }
                }
            }
        })
    });
    for visitor in visitors.collect::<Vec<_>>() {
        visitor.await.unwrap();
    }
    flights.inner.tasks.close();
    flights.inner.tasks.wait().await;
    let stats = flights.stats();
    assert_eq!((stats.running, stats.outliving), (0, 0));
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    assert!(stats.panics > 0);
}
