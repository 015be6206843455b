//! The right to send one request over one connection.

use std::sync::Arc;

use tokio::time::Instant;

use super::Pool;
use super::granted::Granted;
use crate::connection::Connection;

/// The right to send one request. It goes back to the pool when it is dropped, but only if the connection is known to be
/// fit for another request.
pub(crate) struct Lease {
    pool: Arc<Pool>,
    granted: Option<Granted>,
    /// Nothing was sent, or the answer was read to its end.
    clean: bool,
    sent: Option<Instant>,
}

impl Lease {
    pub(super) fn new(pool: Arc<Pool>, granted: Granted) -> Self {
        Self {
            pool,
            granted: Some(granted),
            clean: true,
            sent: None,
        }
    }

    /// The connection, or nothing after [`Lease::retire`].
    pub(crate) fn connection(&mut self) -> Option<&mut Connection> {
        match self.granted.as_mut()? {
            Granted::Own { own, .. } => Some(&mut own.connection),
            Granted::Shared(stream) => Some(&mut stream.connection),
        }
    }

    /// Whether requests were sent over this connection before: then its end may have been on the way already.
    pub(crate) fn is_reused(&self) -> bool {
        match &self.granted {
            Some(Granted::Own { reused, .. }) => *reused,
            _ => true,
        }
    }

    /// A request is being sent: until it is answered, the connection is fit for nothing else.
    pub(crate) fn begun(&mut self) {
        self.clean = false;
        self.sent = Some(Instant::now());
        self.pool.sent();
    }

    /// The head of the answer is there.
    pub(crate) fn answered(&mut self) {
        if let Some(sent) = self.sent.take() {
            self.pool.answered(sent.elapsed());
        }
    }

    /// The answer was read to its end.
    pub(crate) fn finished(&mut self) {
        self.clean = true;
    }

    /// The host did not answer in time. Others shall not share a connection that may be dead; those who do already go on.
    pub(crate) fn retire(&mut self) {
        if let Some(Granted::Shared(stream)) = self.granted.take() {
            self.pool.retire(&stream.shared);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        match self.granted.take() {
            Some(granted @ Granted::Shared(_)) => self.pool.give_back(granted),
            Some(granted) if self.clean => self.pool.give_back(granted),
            Some(granted) => {
                drop(granted);
                self.pool.lost();
            }
            None => {}
        }
    }
}
