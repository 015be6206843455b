//! The series that v1.4.4 exports, under the names a running v1.4.4 gives them (V 7). Durations are whole milliseconds.

use std::time::Duration;

use prometheus::{Error, Histogram, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use ratify_verify::{Finding, Reason, ReasonCode};

use super::labels::{self, Values};

/// Bounds of the buckets, in milliseconds.
const VERIFICATION: &[f64] = &[
    0.0, 10.0, 30.0, 50.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0, 900.0, 1000.0,
    1100.0, 1200.0, 1400.0, 1600.0, 1800.0, 2000.0, 2300.0, 2600.0, 4000.0, 4400.0, 4900.0,
];
const MUTATION: &[f64] = &[
    0.0, 10.0, 30.0, 50.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0, 900.0, 1000.0,
    1100.0, 1200.0, 1400.0, 1600.0, 1800.0,
];
const VERIFIER: &[f64] = &[
    0.0, 10.0, 50.0, 100.0, 200.0, 300.0, 400.0, 600.0, 800.0, 1100.0, 1500.0, 2000.0,
];

/// v1.4's label that is always empty in file mode here: who asks a registry or judges an artifact works for all requests.
const NO_NAMESPACE: &str = "";
/// v1.4's label with the whole image reference; empty, because pod authors choose it.
const NO_SUBJECT: &str = "";

/// The series.
#[derive(Debug)]
pub(super) struct V1 {
    pub(super) verification: Histogram,
    pub(super) mutation: Histogram,
    verifier: HistogramVec,
    system_errors: IntCounterVec,
    registry_requests: IntCounterVec,
    blob_cache: IntCounterVec,
    verifiers: Values,
    hosts: Values,
}

impl V1 {
    pub(super) fn register(registry: &Registry) -> Result<Self, Error> {
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            HistogramOpts::new(name, help).buckets(buckets.to_vec())
        };
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, Error>(counter)
        };
        let verification = Histogram::with_opts(histogram(
            "ratify_verification_request_millisecond",
            "Time of requests to verify, from arrival to answer, in milliseconds",
            VERIFICATION,
        ))?;
        let mutation = Histogram::with_opts(histogram(
            "ratify_mutation_request_millisecond",
            "Time of requests to mutate, from arrival to answer, in milliseconds",
            MUTATION,
        ))?;
        let verifier = HistogramVec::new(
            histogram(
                "ratify_verifier_duration_millisecond",
                "Time to judge one artifact, fetching included, in milliseconds",
                VERIFIER,
            ),
            &[
                "verifier",
                "subject",
                "success",
                "error",
                "workload_namespace",
            ],
        )?;
        registry.register(Box::new(verification.clone()))?;
        registry.register(Box::new(mutation.clone()))?;
        registry.register(Box::new(verifier.clone()))?;
        Ok(Self {
            verification,
            mutation,
            verifier,
            system_errors: counter(
                "ratify_system_error_count_total",
                "Answers with a systemError, by reason code",
                &["error", "workload_namespace"],
            )?,
            registry_requests: counter(
                "ratify_registry_request_count_total",
                "Answers of registries, by status and host",
                &["status_code", "registry_host", "workload_namespace"],
            )?,
            blob_cache: counter(
                "ratify_blob_cache_count_total",
                "Signatures whose judgement was remembered (hit) and blobs that were fetched (no hit)",
                &["hit", "workload_namespace"],
            )?,
            verifiers: Values::default(),
            hosts: Values::default(),
        })
    }

    pub(super) fn judged(&self, finding: &Finding, time: Duration) {
        let code = finding.verdict.reason().map(Reason::code);
        let labels = [
            self.verifiers.bounded(&finding.verifier),
            NO_SUBJECT,
            if code.is_none() { "true" } else { "false" },
            code.map_or("", ReasonCode::as_str),
            NO_NAMESPACE,
        ];
        self.verifier
            .with_label_values(&labels)
            .observe(milliseconds(time));
    }

    pub(super) fn system_error(&self, code: &str) {
        self.system_errors
            .with_label_values(&[code, NO_NAMESPACE])
            .inc();
    }

    pub(super) fn registry_answered(&self, host: &str, status: u16) {
        let (status, host) = (labels::status(status), self.hosts.bounded(host));
        let labels = [status.as_str(), host, NO_NAMESPACE];
        self.registry_requests.with_label_values(&labels).inc();
    }

    pub(super) fn blob_fetched(&self) {
        self.blob_cache
            .with_label_values(&["false", NO_NAMESPACE])
            .inc();
    }

    /// So many judgements were remembered since the process began.
    pub(super) fn blobs_remembered(&self, total: u64) {
        let counter = self.blob_cache.with_label_values(&["true", NO_NAMESPACE]);
        counter.inc_by(total.saturating_sub(counter.get()));
    }
}

/// Whole milliseconds, as v1.4 counts them.
pub(super) fn milliseconds(time: Duration) -> f64 {
    // a duration in milliseconds that does not fit has no meaning; the largest bucket has 4,900
    u32::try_from(time.as_millis()).map_or(f64::INFINITY, f64::from)
}
