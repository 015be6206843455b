use std::time::Duration;

use futures::stream;
use http_body_util::{Full, StreamBody};
use hyper::body::Frame;

use super::*;

const LIMITS: RequestLimits = RequestLimits {
    body: 100_000,
    keys: 1_000,
    keys_at_once: 1,
    at_work: 1,
    waiting: 1,
    held: 0,
};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(1)
}

fn pieces(sizes: &[usize]) -> impl Body<Data = Bytes, Error = std::io::Error> {
    let frame = |size: &usize| Ok(Frame::data(Bytes::from(vec![b'x'; *size])));
    let frames: Vec<_> = sizes.iter().map(frame).collect();
    StreamBody::new(stream::iter(frames))
}

async fn read_with(sizes: &[usize], budget: &Budget) -> Result<usize, String> {
    let read = read(pieces(sizes), &LIMITS, budget, soon()).await;
    read.map(|body| body.bytes().len()).map_err(told)
}

fn told(failure: Failure) -> String {
    match failure {
        Failure::Malformed(error) => error.to_string(),
        Failure::Unanswerable(code, text) => format!("{code}: {text}"),
    }
}

#[tokio::test]
async fn pieces_come_together_in_order() {
    let frames =
        ["a", "", "bc", "d"].map(|text| Ok::<_, std::io::Error>(Frame::data(Bytes::from(text))));
    let body = StreamBody::new(stream::iter(frames));
    let budget = Budget::new(0);
    let whole = read(body, &LIMITS, &budget, soon())
        .await
        .map_err(told)
        .unwrap();
    assert_eq!(whole.bytes(), b"abcd");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_by_its_word_or_by_its_bytes() {
    let budget = Budget::new(1_000_000);
    let told_long = Full::new(Bytes::from(vec![b'x'; 100_001]));
    let failure = read(told_long, &LIMITS, &budget, soon()).await.unwrap_err();
    let text = "unable to read request body: it has more than 100000 bytes, the limit";
    assert_eq!(told(failure), text);
    assert_eq!(
        read_with(&[60_000, 40_001], &budget).await.unwrap_err(),
        text
    );
    assert_eq!(read_with(&[60_000, 40_000], &budget).await, Ok(100_000));
}

#[tokio::test]
async fn bodies_share_what_is_beyond_the_first_bytes_of_each() {
    let budget = Budget::new(1_000);
    let first = read(pieces(&[FREE, 600]), &LIMITS, &budget, soon()).await;
    let first = first.map_err(told).unwrap();
    assert_eq!(
        read_with(&[FREE], &budget).await,
        Ok(FREE),
        "small ones always fit"
    );
    let text = read_with(&[FREE - 1, 402], &budget).await.unwrap_err();
    assert!(text.starts_with("OVERLOADED: "), "{text}");
    assert_eq!(read_with(&[FREE - 1, 401], &budget).await, Ok(FREE + 400));
    drop(first);
    assert_eq!(read_with(&[FREE, 1, 999], &budget).await, Ok(FREE + 1_000));
}

#[tokio::test(start_paused = true)]
async fn att_49_a_body_that_never_ends_is_given_up() {
    let begin = Instant::now();
    let body = StreamBody::new(stream::pending::<Result<Frame<Bytes>, std::io::Error>>());
    let budget = Budget::new(0);
    let text = told(read(body, &LIMITS, &budget, soon()).await.unwrap_err());
    assert!(text.starts_with("DEADLINE_EXCEEDED: "), "{text}");
    assert_eq!(begin.elapsed(), Duration::from_secs(1));
}

#[tokio::test]
async fn a_body_that_breaks_is_no_request() {
    let frames = [
        Ok(Frame::data(Bytes::from("{}"))),
        Err(std::io::Error::other("reset")),
    ];
    let body = StreamBody::new(stream::iter(frames));
    let budget = Budget::new(0);
    let failure = read(body, &LIMITS, &budget, soon()).await.unwrap_err();
    assert_eq!(told(failure), "unable to read request body: reset");
}
