//! Bodies of answers, and how they end: well, never, or too early.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// What comes after the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The proper end.
    Proper,
    /// Nothing, ever.
    Stall,
    /// The connection is closed.
    Cut,
    /// Blanks without end.
    Endless,
}

#[derive(Debug)]
pub(crate) struct ReplyBody {
    bytes: Option<Bytes>,
    end: End,
    /// Turns left to send what was handed over, before the connection is cut.
    turns: u8,
}

/// The connection is to be closed.
#[derive(Debug)]
pub(crate) struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection closed on purpose")
    }
}

impl std::error::Error for Closed {}

static BLANKS: [u8; 8192] = [b' '; 8192];

impl ReplyBody {
    pub(crate) fn new(bytes: Bytes, end: End) -> Self {
        let bytes = (!bytes.is_empty()).then_some(bytes);
        Self {
            bytes,
            end,
            turns: 16,
        }
    }

    pub(crate) fn end(&self) -> &End {
        &self.end
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Closed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Closed>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.end {
            End::Proper => Poll::Ready(None),
            End::Stall => Poll::Pending,
            End::Cut if self.turns > 0 => {
                self.turns = self.turns.saturating_sub(1);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            End::Cut => Poll::Ready(Some(Err(Closed))),
            End::Endless => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&BLANKS))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && self.end == End::Proper
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.end, &self.bytes) {
            (End::Proper, None) => SizeHint::with_exact(0),
            (End::Proper, Some(bytes)) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            _ => SizeHint::default(),
        }
    }
}
