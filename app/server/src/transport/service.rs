//! The seam between connections and what answers their requests.

use std::future::Future;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::Arrival;

/// Answers requests. Any `Fn(Request<Incoming>, Arrival) -> impl Future<Output = Response<Full<Bytes>>>` is one.
///
/// The transport bounds the time that a request's head may
/// take and the time between requests; reading the body and answering in time is the service's part. An answer that has
/// begun is always awaited, also when the client has left: the future is dropped only when the server is cut off.
pub trait Service: Send + Sync + 'static {
    /// The answer to `request`, which arrived so.
    fn answer(
        &self,
        request: Request<Incoming>,
        arrival: Arrival,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;

    /// The answer to a request whose [`Service::answer`] panicked. It must not be one that admits anything.
    fn panicked(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    }
}

impl<F, Answering> Service for F
where
    F: Fn(Request<Incoming>, Arrival) -> Answering + Send + Sync + 'static,
    Answering: Future<Output = Response<Full<Bytes>>> + Send,
{
    fn answer(
        &self,
        request: Request<Incoming>,
        arrival: Arrival,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send {
        self(request, arrival)
    }
}
