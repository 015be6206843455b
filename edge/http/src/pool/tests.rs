use super::*;

fn waiting(count: usize) -> VecDeque<Waiting> {
    let since = Instant::now();
    let one = |_| Waiting {
        sender: oneshot::channel().0,
        since,
    };
    (0..count).map(one).collect()
}

#[tokio::test(start_paused = true)]
async fn a_fast_host_needs_few_connections_and_a_slow_one_many() {
    let millis = Duration::from_millis;
    let state = |protocol, fastest: Option<Duration>| State {
        waiting: waiting(100),
        protocol,
        fastest: fastest.map(|fastest| (fastest, Instant::now())),
        first_sent: Some(Instant::now()),
        ..State::default()
    };
    let known = Some(Protocol::One);
    assert_eq!(state(None, None).reckoned(), 0, "nothing stands yet");
    assert_eq!(state(known, Some(Duration::from_micros(200))).reckoned(), 4);
    assert_eq!(state(known, Some(millis(1))).reckoned(), 20);
    assert_eq!(state(known, Some(millis(20))).reckoned(), 400);
    let silent = state(known, None);
    tokio::time::advance(millis(3)).await;
    assert_eq!(silent.reckoned(), 60, "as slow as it has been silent");
    assert!(!silent.waits_too_long());
    tokio::time::advance(TOO_LONG).await;
    assert!(silent.waits_too_long());
}

#[tokio::test(start_paused = true)]
async fn the_fastest_answer_is_forgotten_in_time() {
    let millis = Duration::from_millis;
    let pool = Pool::new(false, || Box::pin(std::future::pending()));
    let fastest = || lock(&pool.state).fastest.map(|(fastest, _)| fastest);
    pool.answered(millis(2));
    pool.answered(millis(40));
    assert_eq!(fastest(), Some(millis(2)));
    tokio::time::advance(FASTEST_KEPT).await;
    pool.answered(millis(40));
    assert_eq!(fastest(), Some(millis(40)));
}
