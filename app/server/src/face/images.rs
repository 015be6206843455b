//! The keys of a request as images: each judged once however often it was asked for, all at once, in bounded time.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use futures::future::BoxFuture;
use ratify_verify::{Reason, ReasonCode};

use super::queue::Shed;
use super::{Asked, work};

/// Keys without repetitions.
pub(super) struct Distinct<'a> {
    /// Each text once, in the order in which they came.
    pub(super) texts: Vec<&'a str>,
    /// For each key that was asked for its place among `texts`.
    pub(super) places: Vec<usize>,
}

impl<'a> Distinct<'a> {
    pub(super) fn of(keys: &'a [Cow<'_, str>]) -> Self {
        if let [key] = keys {
            // most requests
            return Self {
                texts: vec![key.as_ref()],
                places: vec![0],
            };
        }
        let mut texts = Vec::with_capacity(keys.len());
        let mut known = HashMap::with_capacity(keys.len());
        let place = |key: &'a Cow<'_, str>| match known.entry(key.as_ref()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                texts.push(key.as_ref());
                *new.insert(texts.len() - 1)
            }
        };
        let places = keys.iter().map(place).collect();
        Self { texts, places }
    }
}

/// Why work on an image ended without its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It panicked.
    Panicked,
    /// It was not begun, because too much is going on.
    Shed(Shed),
    /// It did not end in time.
    Late,
}

impl Stopped {
    /// In the words of a verdict.
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::Panicked => Reason::new(
                ReasonCode::Internal,
                "a part of this program failed while working on this image",
            ),
            Self::Shed(shed) => Reason::new(ReasonCode::Overloaded, shed),
            Self::Late => Reason::new(
                ReasonCode::DeadlineExceeded,
                "time ran out before the verdict",
            ),
        }
    }
}

/// Work on one image, and its place among the distinct keys.
pub(super) type Work<'a, T> = (usize, BoxFuture<'a, T>);

/// What came of the work on one image.
pub(super) type Ended<T> = Result<T, Stopped>;

impl Asked<'_> {
    /// Do the work on each image that has some, and put what comes of it at its place in `ended`. What does not end in
    /// time leaves there what is there.
    pub(super) async fn work_on<T>(&self, work: Vec<Work<'_, T>>, ended: &mut [Ended<T>]) {
        if work.is_empty() {
            return;
        }
        let (places, work): (Vec<_>, Vec<_>) = work.into_iter().unzip();
        let mut put = |place: usize, result: Ended<T>| {
            let place = places.get(place).and_then(|place| ended.get_mut(*place));
            if let Some(slot) = place {
                *slot = result;
            }
        };
        let _seat = match self.face.queue.seat(self.times.work).await {
            Ok(seat) => seat,
            Err(shed) => {
                self.face.metrics.shed(shed.word());
                (0..places.len()).for_each(|place| put(place, Err(Stopped::Shed(shed))));
                return;
            }
        };
        let at_once = self.face.limits.keys_at_once;
        work::run(work, at_once, self.times.answer, |place, result| {
            if result.is_err() {
                self.face.metrics.panicked();
            }
            put(place, result.map_err(|work::Panicked| Stopped::Panicked));
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_are_one_image() {
        let keys = ["b", "a", "b", "", "a", "B"].map(Cow::Borrowed);
        let distinct = Distinct::of(&keys);
        assert_eq!(distinct.texts, ["b", "a", "", "B"]);
        assert_eq!(distinct.places, [0, 1, 0, 2, 1, 3]);
        let one = [Cow::Borrowed("a")];
        let one = Distinct::of(&one);
        assert_eq!((one.texts, one.places), (vec!["a"], vec![0]));
        let none = Distinct::of(&[]);
        assert!(none.texts.is_empty() && none.places.is_empty());
    }
}
