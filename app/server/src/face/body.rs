//! Reading a body: bounded in bytes, in time, and over all requests together.

use std::fmt;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use ratify_verify::ReasonCode;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::request::RequestError;
use super::{Failure, RequestLimits};

/// What every body may have without asking the common budget: some hundred keys. Four thousand connections with so much
/// each hold 64 MiB.
const FREE: usize = 16 * 1024;

/// Bytes that all bodies together may hold, beyond what is free to each.
#[derive(Debug)]
pub(super) struct Budget(Semaphore);

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS)))
    }

    fn take(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        self.0.try_acquire_many(u32::try_from(bytes).ok()?).ok()
    }
}

/// A body that was read whole, and its part of the budget.
#[derive(Debug)]
pub(super) struct Whole<'a> {
    bytes: Bytes,
    _held: Option<SemaphorePermit<'a>>,
}

impl Whole<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Read `body` until `deadline`.
pub(super) async fn read<'a, B>(
    body: B,
    limits: &RequestLimits,
    budget: &'a Budget,
    deadline: Instant,
) -> Result<Whole<'a>, Failure>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    let late = |_| {
        let text = "the request was not received whole in its time";
        Err(Failure::Unanswerable(
            ReasonCode::DeadlineExceeded,
            text.to_owned(),
        ))
    };
    timeout_at(deadline, whole(body, limits.body, budget))
        .await
        .unwrap_or_else(late)
}

async fn whole<B>(body: B, most: usize, budget: &Budget) -> Result<Whole<'_>, Failure>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    let too_large = || Failure::Malformed(RequestError::TooLarge(most));
    // what says that it is too long need not be read
    if usize::try_from(body.size_hint().lower()).map_or(true, |bytes| bytes > most) {
        return Err(too_large());
    }
    let mut body = pin!(body);
    let mut read = Pieces::default();
    let mut held: Option<SemaphorePermit<'_>> = None;
    while let Some(frame) = body.as_mut().frame().await {
        let broken = |error: B::Error| Failure::Malformed(RequestError::Read(error.to_string()));
        let Ok(piece) = frame.map_err(broken)?.into_data() else {
            continue;
        };
        let (before, after) = (read.len(), read.len() + piece.len());
        if after > most {
            return Err(too_large());
        }
        let more = after.saturating_sub(FREE) - before.saturating_sub(FREE);
        if more > 0 {
            let permit = budget.take(more).ok_or_else(overloaded)?;
            match &mut held {
                Some(held) => held.merge(permit),
                None => held = Some(permit),
            }
        }
        read.push(piece);
    }
    Ok(Whole {
        bytes: read.joined(),
        _held: held,
    })
}

fn overloaded() -> Failure {
    let text = "overloaded: too many bytes of requests are held, send fewer keys or ask again";
    Failure::Unanswerable(ReasonCode::Overloaded, text.to_owned())
}

/// The pieces of a body. One piece, the common case, is not copied.
#[derive(Debug, Default)]
struct Pieces {
    first: Bytes,
    joined: BytesMut,
}

impl Pieces {
    fn len(&self) -> usize {
        self.first.len() + self.joined.len()
    }

    fn push(&mut self, piece: Bytes) {
        if self.len() == 0 {
            self.first = piece;
            return;
        }
        self.joined
            .extend_from_slice(&std::mem::take(&mut self.first));
        self.joined.extend_from_slice(&piece);
    }

    fn joined(self) -> Bytes {
        if self.joined.is_empty() {
            self.first
        } else {
            self.joined.freeze()
        }
    }
}

#[cfg(test)]
mod tests;
