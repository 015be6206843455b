//! How it is going, for Prometheus: v1.4's series (V 7) and ours, in the classic text format.
//!
//! Labels take their values from bounded sets (decisions 33, V D-45): no image reference, no error text, nothing that a
//! pod author or a registry can make up without end.

mod labels;
mod own;
mod v1;

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use jiff::Timestamp;
use prometheus::{Registry, TextEncoder};
use ratify_engine::Dispatcher;
use ratify_verify::{Finding, ReasonCode};
use tokio::sync::watch;

use own::{Connections, Judging, Loaded, Maker, Requests, catch_up};
use v1::V1;

use crate::{ConnectionCounters, TlsState, plain};

/// The format that Prometheus asks for.
const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// What the registry client calls requests for blobs.
const BLOBS: &str = "blob";

/// Series could not be made.
#[derive(Debug, thiserror::Error)]
#[error("a metric cannot be registered")]
pub struct MetricsError(#[from] prometheus::Error);

/// All series of a process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    v1: V1,
    requests: Requests,
    judging: Judging,
    connections: Connections,
    loaded: Loaded,
    dispatcher: OnceLock<Weak<Dispatcher>>,
    counters: OnceLock<Arc<ConnectionCounters>>,
    tls: OnceLock<watch::Receiver<TlsState>>,
    scrape: Mutex<()>,
}

/// What is asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    /// May these images run?
    Verify,
    /// Which digests do these tags point to?
    Mutate,
}

impl Endpoint {
    /// In one word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Mutate => "mutate",
        }
    }
}

impl Metrics {
    /// All series at zero.
    ///
    /// # Errors
    /// Two series of one name; a mistake of this crate that its tests would show.
    pub fn new() -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let make = Maker(&registry);
        Ok(Self {
            v1: V1::register(&registry)?,
            requests: Requests::register(&make)?,
            judging: Judging::register(&make)?,
            connections: Connections::register(&make)?,
            loaded: Loaded::register(&make)?,
            registry,
            dispatcher: OnceLock::new(),
            counters: OnceLock::new(),
            tls: OnceLock::new(),
            scrape: Mutex::new(()),
        })
    }

    /// Show what this dispatcher counts, as long as it lives. The first one stays.
    pub fn follow(&self, dispatcher: &Arc<Dispatcher>) {
        // a second one is a mistake without consequences
        let _ = self.dispatcher.set(Arc::downgrade(dispatcher));
    }

    /// Show what is counted of the connections that requests come over. The first counters stay.
    pub fn follow_connections(&self, counters: &Arc<ConnectionCounters>) {
        // as above
        let _ = self.counters.set(Arc::clone(counters));
    }

    /// Show how old the server's certificate is and whether its files are good. The first state that is given stays.
    pub fn follow_tls(&self, state: watch::Receiver<TlsState>) {
        // as above
        let _ = self.tls.set(state);
    }

    /// An artifact was judged, not remembered (for [`ratify_engine::JudgedSink`]); `time` includes fetching.
    pub fn judged(&self, finding: &Finding, time: Duration) {
        self.v1.judged(finding, time);
    }

    /// A request went out to a registry: `kind` is what was asked for, `outcome` the status of its answer or in one word
    /// why there was none. Both words must come from a bounded set.
    pub fn registry_request(
        &self,
        host: &str,
        kind: &'static str,
        outcome: Result<u16, &'static str>,
    ) {
        let class = match outcome {
            Ok(status) => {
                self.v1.registry_answered(host, status);
                match status {
                    100..200 => "1xx",
                    200..300 => "2xx",
                    300..400 => "3xx",
                    400..500 => "4xx",
                    500..600 => "5xx",
                    _ => "other",
                }
            }
            Err(why) => why,
        };
        if kind == BLOBS {
            self.v1.blob_fetched();
        }
        let labels = [kind, class];
        self.requests.to_registries.with_label_values(&labels).inc();
    }

    /// The configuration of this number is in use from now on. Number 1 is no reload.
    pub fn configuration_loaded(&self, generation: u64, now: Timestamp) {
        self.loaded.configuration(generation, now);
        if generation > 1 {
            self.loaded.reloads.with_label_values(&["success"]).inc();
        }
    }

    /// The configuration changed and cannot be used; the one in use stays.
    pub fn configuration_failed(&self) {
        self.loaded.reloads.with_label_values(&["failure"]).inc();
    }

    /// Everything, in the classic text format.
    pub fn text(&self) -> String {
        // one at a time, because counters are brought up to what the dispatcher says
        let _scrape = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(dispatcher) = self.dispatcher.get().and_then(Weak::upgrade) {
            let stats = dispatcher.stats();
            let panics = &self.requests.panics;
            catch_up(&panics.with_label_values(&["judging"]), stats.panics);
            self.judging.take(&stats);
            self.v1.blobs_remembered(stats.signature_hits);
        }
        if let Some(counters) = self.counters.get() {
            let counts = counters.counts();
            let panics = &self.requests.panics;
            catch_up(&panics.with_label_values(&["connection"]), counts.panics);
            self.connections.take(&counts);
        }
        if let Some(state) = self.tls.get() {
            self.loaded.take(&state.borrow());
        }
        let mut text = String::with_capacity(16 * 1024);
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            tracing::error!("metrics cannot be written: {error}");
        }
        text
    }

    /// The answer to a request on the metrics port: `/metrics` and nothing else (decision 33; v1.4 serves pprof, too).
    pub fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        match path {
            "/metrics" if plain::reads(method) => {
                let mut response = Response::new(Full::from(self.text()));
                response
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, CONTENT_TYPE);
                response
            }
            "/metrics" => plain::not_allowed("GET, HEAD"),
            _ => plain::not_found(),
        }
    }

    /// A request is under way until the guard ends.
    pub(crate) fn begin(&self, endpoint: Endpoint) -> InFlight<'_> {
        let gauge = match endpoint {
            Endpoint::Verify => &self.requests.verifying,
            Endpoint::Mutate => &self.requests.mutating,
        };
        gauge.inc();
        InFlight {
            metrics: self,
            endpoint,
            gauge,
            answered: false,
        }
    }

    /// A request that asks registries was turned away.
    pub(crate) fn shed(&self, why: &str) {
        self.requests.shed.with_label_values(&[why]).inc();
    }

    /// Images were answered for, each with this decision and code. Equal ones are counted together, because finding a
    /// counter costs more than all else that a remembered verdict needs here.
    pub(crate) fn verdicts(
        &self,
        endpoint: Endpoint,
        words: impl Iterator<Item = (&'static str, ReasonCode)>,
    ) {
        let mut counts: Vec<((&'static str, ReasonCode), u64)> = Vec::new();
        for word in words {
            match counts.iter_mut().find(|(counted, _)| *counted == word) {
                Some((_, count)) => *count += 1,
                None => counts.push((word, 1)),
            }
        }
        for ((decision, code), count) in counts {
            let labels = [endpoint.word(), decision, code.as_str()];
            let verdicts = &self.requests.verdicts;
            verdicts.with_label_values(&labels).inc_by(count);
            if code == ReasonCode::DeadlineExceeded {
                self.requests.deadline_misses.inc_by(count);
            }
        }
    }

    /// A panic was caught while answering.
    pub(crate) fn panicked(&self) {
        self.requests.panics.with_label_values(&["answering"]).inc();
    }

    /// An answer has a `systemError`.
    pub(crate) fn system_error(&self, code: &str) {
        self.v1.system_error(code);
    }
}

/// A request under way. One that ends without an answer was cut off, with the server or in a panic.
#[derive(Debug)]
pub(crate) struct InFlight<'a> {
    metrics: &'a Metrics,
    endpoint: Endpoint,
    gauge: &'a prometheus::IntGauge,
    answered: bool,
}

impl InFlight<'_> {
    /// It was answered after so much time.
    pub(crate) fn answered(mut self, status: StatusCode, time: Duration) {
        self.answered = true;
        let v1 = &self.metrics.v1;
        let histogram = match self.endpoint {
            Endpoint::Verify => &v1.verification,
            Endpoint::Mutate => &v1.mutation,
        };
        if status == StatusCode::OK {
            histogram.observe(v1::milliseconds(time));
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.gauge.dec();
        if !self.answered {
            let labels = [self.endpoint.word()];
            let cut_off = &self.metrics.requests.cut_off;
            cut_off.with_label_values(&labels).inc();
        }
    }
}

#[cfg(test)]
mod tests;
