//! The series that v1.4 does not have, in groups.

use jiff::Timestamp;
use prometheus::core::Collector;
use prometheus::{
    Error, Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use ratify_engine::Stats;

use super::Endpoint;
use crate::{ConnectionCounts, Handshakes, TlsState};

/// Makes series and registers them.
pub(super) struct Maker<'a>(pub(super) &'a Registry);

impl Maker<'_> {
    fn add<C: Collector + Clone + 'static>(&self, made: Result<C, Error>) -> Result<C, Error> {
        let made = made?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, Error> {
        self.add(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> Result<Gauge, Error> {
        self.add(Gauge::new(name, help))
    }
}

/// Requests and what was answered.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) verifying: IntGauge,
    pub(super) mutating: IntGauge,
    pub(super) cut_off: IntCounterVec,
    pub(super) shed: IntCounterVec,
    pub(super) verdicts: IntCounterVec,
    pub(super) deadline_misses: IntCounter,
    pub(super) panics: IntCounterVec,
    pub(super) to_registries: IntCounterVec,
}

impl Requests {
    pub(super) fn register(make: &Maker<'_>) -> Result<Self, Error> {
        let in_flight = Opts::new(
            "ratify_requests_in_flight",
            "Requests that arrived and are not answered yet",
        );
        let in_flight = make.add(IntGaugeVec::new(in_flight, &["endpoint"]))?;
        Ok(Self {
            verifying: in_flight.with_label_values(&[Endpoint::Verify.word()]),
            mutating: in_flight.with_label_values(&[Endpoint::Mutate.word()]),
            cut_off: make.counters(
                "ratify_requests_cut_off_total",
                "Requests that ended without an answer, because their connection or the server did",
                &["endpoint"],
            )?,
            shed: make.counters(
                "ratify_requests_shed_total",
                "Requests that were turned away because too many ask registries, by why",
                &["why"],
            )?,
            verdicts: make.counters(
                "ratify_verdicts_total",
                "Images answered for, by endpoint, decision and reason code",
                &["endpoint", "decision", "code"],
            )?,
            deadline_misses: make.counter(
                "ratify_deadline_misses_total",
                "Images that had no verdict when the answer was due",
            )?,
            panics: make.counters(
                "ratify_panics_total",
                "Panics that were caught and turned into a denial, by where",
                &["where"],
            )?,
            to_registries: make.counters(
                "ratify_registry_requests_total",
                "Requests to registries, by what was asked for and what came of it",
                &["kind", "outcome"],
            )?,
        })
    }
}

/// What the dispatcher counts.
#[derive(Debug)]
pub(super) struct Judging {
    cache_hits: IntCounter,
    cache_misses: IntCounter,
    cache_entries: Gauge,
    cache_bytes: Gauge,
    signature_hits: IntCounter,
    images: GaugeVec,
}

impl Judging {
    pub(super) fn register(make: &Maker<'_>) -> Result<Self, Error> {
        let images = Opts::new(
            "ratify_images_in_work",
            "Images being judged or resolved, by whether somebody waits for them",
        );
        Ok(Self {
            cache_hits: make.counter(
                "ratify_verdict_cache_hits_total",
                "Verdicts that were remembered when asked for",
            )?,
            cache_misses: make.counter(
                "ratify_verdict_cache_misses_total",
                "Verdicts that were not remembered when asked for",
            )?,
            cache_entries: make.gauge(
                "ratify_verdict_cache_entries",
                "Verdicts that are remembered",
            )?,
            cache_bytes: make.gauge(
                "ratify_verdict_cache_bytes",
                "Bytes of what is remembered, roughly",
            )?,
            signature_hits: make.counter(
                "ratify_signature_memo_hits_total",
                "Signatures whose judgement was remembered",
            )?,
            images: make.add(GaugeVec::new(images, &["awaited"]))?,
        })
    }

    pub(super) fn take(&self, stats: &Stats) {
        catch_up(&self.cache_hits, stats.hits);
        catch_up(&self.cache_misses, stats.misses);
        catch_up(&self.signature_hits, stats.signature_hits);
        self.cache_entries.set(number(stats.remembered));
        self.cache_bytes.set(number(stats.remembered_bytes));
        let awaited = stats.running.saturating_sub(stats.outliving);
        let images = |label, count| self.images.with_label_values(&[label]).set(number(count));
        images("yes", awaited);
        images("no", stats.outliving);
    }
}

/// What the transport counts.
#[derive(Debug)]
pub(super) struct Connections {
    open: Gauge,
    accepted: IntCounter,
    ended: IntCounterVec,
    handshakes: IntCounterVec,
    accept_errors: IntCounter,
}

impl Connections {
    pub(super) fn register(make: &Maker<'_>) -> Result<Self, Error> {
        Ok(Self {
            open: make.gauge(
                "ratify_connections_open",
                "Connections that are open, handshakes included",
            )?,
            accepted: make.counter("ratify_connections_total", "Connections that were accepted")?,
            ended: make.counters(
                "ratify_connections_ended_total",
                "Connections that the server refused or closed, by why",
                &["why"],
            )?,
            handshakes: make.counters(
                "ratify_tls_handshakes_total",
                "TLS handshakes, by what came of them",
                &["result"],
            )?,
            accept_errors: make.counter(
                "ratify_accept_errors_total",
                "Times that no connection could be accepted, such as for lack of file descriptors",
            )?,
        })
    }

    pub(super) fn take(&self, counts: &ConnectionCounts) {
        self.open.set(number(counts.open));
        catch_up(&self.accepted, counts.opened);
        catch_up(&self.accept_errors, counts.accept_errors);
        for (why, count) in [
            ("full", counts.refused_full),
            ("not_ready", counts.refused_not_ready),
            ("evicted", counts.evicted),
            ("idle", counts.idle_closed),
            ("slow_head", counts.head_timeouts),
            ("stopped", counts.cut),
        ] {
            catch_up(&self.ended.with_label_values(&[why]), count);
        }
        let handshakes = |result, count| {
            catch_up(&self.handshakes.with_label_values(&[result]), count);
        };
        handshakes("success", counts.handshakes);
        for (reason, count) in counts.handshake_failures.by_reason() {
            handshakes(reason, count);
        }
    }
}

/// What is loaded from disk, and when.
#[derive(Debug)]
pub(super) struct Loaded {
    generation: Gauge,
    configuration: Gauge,
    pub(super) reloads: IntCounterVec,
    certificate: Gauge,
    not_after: Gauge,
    tls_generation: Gauge,
    tls_problems: Gauge,
    client_authorities: Gauge,
}

impl Loaded {
    pub(super) fn register(make: &Maker<'_>) -> Result<Self, Error> {
        let start = make.gauge(
            "process_start_time_seconds",
            "When the process began, in seconds since 1970",
        )?;
        start.set(seconds(Timestamp::now()));
        Ok(Self {
            generation: make.gauge(
                "ratify_configuration_generation",
                "Number of the configuration in use, counted from the start of the process",
            )?,
            configuration: make.gauge(
                "ratify_configuration_loaded_timestamp_seconds",
                "When the configuration in use was loaded, in seconds since 1970",
            )?,
            reloads: make.counters(
                "ratify_configuration_reload_total",
                "Changes of the configuration since the start, by whether they could be used",
                &["result"],
            )?,
            certificate: make.gauge(
                "ratify_tls_certificate_loaded_timestamp_seconds",
                "When the server certificate in use was read, in seconds since 1970",
            )?,
            not_after: make.gauge(
                "ratify_tls_certificate_not_after_timestamp_seconds",
                "When the server certificate in use ends, in seconds since 1970",
            )?,
            tls_generation: make.gauge(
                "ratify_tls_generation",
                "Number of the TLS material in use, counted from the start of the process; 0 refuses all connections",
            )?,
            tls_problems: make.gauge(
                "ratify_tls_file_problems",
                "Files of certificates and keys that cannot be used as they are now",
            )?,
            client_authorities: make.gauge(
                "ratify_tls_client_ca_certificates",
                "Authorities that client certificates are checked against; -1 if clients need none",
            )?,
        })
    }

    pub(super) fn configuration(&self, generation: u64, now: Timestamp) {
        self.generation.set(number(generation));
        self.configuration.set(seconds(now));
    }

    pub(super) fn take(&self, state: &TlsState) {
        let length = |count: usize| u32::try_from(count).map_or(f64::INFINITY, f64::from);
        self.certificate.set(seconds(state.certificate.loaded));
        self.not_after.set(seconds(state.certificate.not_after));
        self.tls_generation.set(match state.handshakes {
            Handshakes::Ready { generation, .. } => number(generation),
            Handshakes::Refusing(_) => 0.0,
        });
        self.tls_problems.set(length(state.problems.len()));
        self.client_authorities
            .set(state.client_authorities.map_or(-1.0, length));
    }
}

/// Bring a counter up to what was counted elsewhere. One scrape at a time does this.
pub(super) fn catch_up(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

/// Seconds since 1970.
fn seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

/// Prometheus has only floating point; whole numbers are exact to 2^53.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "the standard library has no other way, and gauges need no last digit"
)]
fn number(count: u64) -> f64 {
    count as f64
}
