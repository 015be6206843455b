//! Waiting for what another process does: look, and look again until a deadline.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long to wait between two looks. Starting kubectl takes longer.
const PAUSE: Duration = Duration::from_millis(50);

/// What one look found.
#[derive(Debug)]
pub enum Seen<T> {
    /// What was waited for.
    Done(T),
    /// Not there yet; what was found instead goes into the message if the time runs out.
    NotYet(String),
}

/// Look until it is there.
///
/// # Errors
///
/// The first error of `look`, or that `what` was not there within `deadline`, with what was seen
/// last.
pub fn until<T>(
    what: &str,
    deadline: Duration,
    mut look: impl FnMut() -> Result<Seen<T>>,
) -> Result<T> {
    let end = Instant::now() + deadline;
    loop {
        match look()? {
            Seen::Done(found) => return Ok(found),
            Seen::NotYet(seen) if Instant::now() >= end => {
                bail!("expected {what} within {deadline:?}, last seen: {seen}");
            }
            Seen::NotYet(_) => thread::sleep(PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_again_until_it_is_there() {
        let mut looks = 0;
        let found = until("the third look", Duration::from_mins(1), || {
            looks += 1;
            Ok(if looks == 3 {
                Seen::Done(looks)
            } else {
                Seen::NotYet(looks.to_string())
            })
        });
        assert_eq!(found.unwrap(), 3);
    }

    #[test]
    fn what_was_seen_last_is_told() {
        let error = until::<()>("a pod", Duration::ZERO, || {
            Ok(Seen::NotYet("no pods".to_owned()))
        });
        let error = error.unwrap_err().to_string();
        assert_eq!(error, "expected a pod within 0ns, last seen: no pods");
    }
}
