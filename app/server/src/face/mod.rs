//! Ratify v1.4's external-data wire (V 2), turned into questions to a [`Dispatcher`] and its reports turned into answers.
//!
//! Nothing here judges, and nothing here waits longer than the request's time. Every way out is an answer that denies
//! unless a [`ratify_engine::Report`] says otherwise: each asked key has exactly one item, or none and a non-empty
//! `systemError` (attack catalogue T-51).

mod body;
mod go_json;
mod images;
mod key;
mod mutate;
mod queue;
mod report_v1;
mod request;
mod response;
mod time;
mod trace;
mod verify;
mod work;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Body;
use ratify_engine::Dispatcher;
use ratify_verify::ReasonCode;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, error, warn};

use crate::metrics::Endpoint;
use crate::{Arrival, Configuration, Metrics, plain};

use body::Budget;
use queue::Queue;
use request::RequestError;
use response::Answer;
use time::Times;

pub use report_v1::{NotEnforced, Reports, code_of};

/// How much one request may ask, and how many at once (decisions, limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// The largest body, in bytes.
    pub body: usize,
    /// The most keys.
    pub keys: usize,
    /// Keys of one request that are worked on at once.
    pub keys_at_once: usize,
    /// Requests that ask registries at once.
    pub at_work: usize,
    /// Requests that wait for that.
    pub waiting: usize,
    /// Bytes of all bodies beyond the first 16 KiB of each that are held at once.
    pub held: usize,
}

impl Default for RequestLimits {
    /// 1 MiB and 1,000 keys, 256 at once; 512 requests at work and 1,024 waiting; 32 MiB held.
    fn default() -> Self {
        Self {
            body: 1024 * 1024,
            keys: 1_000,
            keys_at_once: 256,
            at_work: 512,
            waiting: 1_024,
            held: 32 * 1024 * 1024,
        }
    }
}

/// Answers requests. One for a process.
pub struct Face {
    configuration: watch::Receiver<Arc<Configuration>>,
    dispatcher: Arc<Dispatcher>,
    metrics: Arc<Metrics>,
    limits: RequestLimits,
    queue: Queue,
    held: Budget,
}

/// One request on its way to an answer.
struct Asked<'a> {
    face: &'a Face,
    configuration: &'a Configuration,
    endpoint: Endpoint,
    times: Times,
    trace_id: String,
}

/// Why a request gets an answer without items.
enum Failure {
    /// It is not a request (decision 3).
    Malformed(RequestError),
    /// It is one, but nothing can be said of any key.
    Unanswerable(ReasonCode, String),
}

impl Face {
    /// A face that shows the configuration in `configuration`, always the newest to each new request.
    pub fn new(
        configuration: watch::Receiver<Arc<Configuration>>,
        dispatcher: Arc<Dispatcher>,
        metrics: Arc<Metrics>,
        limits: RequestLimits,
    ) -> Self {
        Self {
            configuration,
            dispatcher,
            metrics,
            limits,
            queue: Queue::new(limits.at_work, limits.waiting),
            held: Budget::new(limits.held),
        }
    }

    /// The answer to `request`, before its time is up.
    ///
    /// Dropping the future gives up the request; work that others may want goes on in the [`Dispatcher`].
    pub async fn answer<B>(&self, request: Request<B>, arrival: Arrival) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
        B::Error: fmt::Display,
    {
        let Some(endpoint) = endpoint(request.uri().path()) else {
            return plain::not_found();
        };
        if request.method() != Method::POST {
            return plain::not_allowed("POST");
        }
        let under_way = self.metrics.begin(endpoint);
        let configuration = Arc::clone(&self.configuration.borrow());
        let (head, body) = request.into_parts();
        let asked = Asked {
            face: self,
            configuration: &configuration,
            endpoint,
            times: Times::of(endpoint, &configuration.timeouts, arrival.began),
            trace_id: trace::id(&head.headers, &configuration.trace_headers),
        };
        let (status, body) = asked.answer(body).await;
        let took = Instant::now().saturating_duration_since(arrival.began);
        asked.note_time(took);
        under_way.answered(status, took);
        plain::text(status, body)
    }
}

/// The two paths of v1.4. There are no others, and no other spelling of them.
fn endpoint(path: &str) -> Option<Endpoint> {
    match path {
        "/ratify/gatekeeper/v1/verify" => Some(Endpoint::Verify),
        "/ratify/gatekeeper/v1/mutate" => Some(Endpoint::Mutate),
        _ => None,
    }
}

impl Asked<'_> {
    /// Status and body. A panic outside the work on a key ends here, and denies.
    async fn answer<B>(&self, body: B) -> (StatusCode, Vec<u8>)
    where
        B: Body<Data = Bytes>,
        B::Error: fmt::Display,
    {
        let answer = work::guarded_future(self.work(body)).await;
        let failure = match answer {
            Ok(Ok(body)) => return (StatusCode::OK, body),
            Ok(Err(failure)) => failure,
            Err(work::Panicked) => {
                self.face.metrics.panicked();
                let text = "a part of this program failed while answering; that denies";
                Failure::Unanswerable(ReasonCode::Internal, text.to_owned())
            }
        };
        self.fail(&failure)
    }

    async fn work<B>(&self, body: B) -> Result<Vec<u8>, Failure>
    where
        B: Body<Data = Bytes>,
        B::Error: fmt::Display,
    {
        let path = self.endpoint.word();
        let trace_id = self.trace_id.as_str();
        debug!(
            "component-type" = "server",
            "trace-id" = trace_id,
            "start request POST /ratify/gatekeeper/v1/{path}"
        );
        let body = body::read(body, &self.face.limits, &self.face.held, self.times.answer).await?;
        let keys =
            request::keys(body.bytes(), self.face.limits.keys).map_err(Failure::Malformed)?;
        let answer = match self.endpoint {
            Endpoint::Verify => self.verify(&keys).await,
            Endpoint::Mutate => self.mutate(&keys).await,
        };
        let answer = answer.map_err(|error| {
            Failure::Unanswerable(
                ReasonCode::Internal,
                format!("the answer cannot be written: {error}"),
            )
        })?;
        if let Some(code) = answer.first_undecided() {
            self.face.metrics.system_error(code.as_str());
        }
        Ok(answer.end())
    }

    /// An answer without items, in v1.4's words.
    fn fail(&self, failure: &Failure) -> (StatusCode, Vec<u8>) {
        let (status, code, text) = match failure {
            Failure::Malformed(error) => {
                // v1.4 names a code on one of the two paths alone
                let code = match self.endpoint {
                    Endpoint::Verify => "",
                    Endpoint::Mutate => "BAD_REQUEST: ",
                };
                let text = format!("{code}{error}");
                (StatusCode::BAD_REQUEST, "BAD_REQUEST", text)
            }
            Failure::Unanswerable(code, text) => {
                if *code == ReasonCode::Overloaded {
                    self.face.metrics.shed("held");
                }
                let text = format!("{code}: {text}");
                (StatusCode::OK, code.as_str(), text)
            }
        };
        let text = format!("operation failed with error {text}");
        self.face.metrics.system_error(code);
        let trace_id = self.trace_id.as_str();
        if status == StatusCode::OK {
            error!("component-type" = "server", "trace-id" = trace_id, "{text}");
        } else {
            warn!("component-type" = "server", "trace-id" = trace_id, "{text}");
        }
        let idempotent = self.endpoint == Endpoint::Mutate;
        (status, Answer::failure(idempotent, &text))
    }

    fn note_time(&self, took: std::time::Duration) {
        let what = match self.endpoint {
            Endpoint::Verify => "verification",
            Endpoint::Mutate => "mutation",
        };
        let (trace_id, took) = (self.trace_id.as_str(), took.as_millis());
        debug!(
            "component-type" = "server",
            "trace-id" = trace_id,
            "{what}: execution time for request: {took}ms"
        );
    }
}

impl fmt::Debug for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Face")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
