//! The series that v1.4 does not have.

use jiff::Timestamp;
use prometheus::core::Collector;
use prometheus::{Error, Gauge, GaugeVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};
use ratify_engine::Stats;

use crate::{ConnectionCounts, Handshakes, TlsState};

/// The series.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) in_flight: IntGaugeVec,
    pub(super) cut_off: IntCounterVec,
    pub(super) shed: IntCounterVec,
    pub(super) verdicts: IntCounterVec,
    pub(super) deadline_misses: IntCounter,
    pub(super) panics: IntCounterVec,
    pub(super) registry_requests: IntCounterVec,
    pub(super) generation: Gauge,
    pub(super) reloads: IntCounterVec,
    pub(super) configuration_loaded: Gauge,
    tls_loaded: Gauge,
    tls_not_after: Gauge,
    tls_generation: Gauge,
    tls_problems: Gauge,
    client_authorities: Gauge,
    cache_hits: IntCounter,
    cache_misses: IntCounter,
    cache_entries: Gauge,
    cache_bytes: Gauge,
    signature_hits: IntCounter,
    images: GaugeVec,
    connections_open: Gauge,
    connections: IntCounter,
    connections_ended: IntCounterVec,
    handshakes: IntCounterVec,
    accept_errors: IntCounter,
}

/// Makes series and registers them.
struct Maker<'a>(&'a Registry);

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

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, Error> {
        self.add(GaugeVec::new(Opts::new(name, help), labels))
    }
}

impl Own {
    pub(super) fn register(registry: &Registry) -> Result<Self, Error> {
        let make = Maker(registry);
        let in_flight = Opts::new(
            "ratify_requests_in_flight",
            "Requests that arrived and are not answered yet",
        );
        let start = make.gauge(
            "process_start_time_seconds",
            "When the process began, in seconds since 1970",
        )?;
        start.set(seconds(Timestamp::now()));
        Ok(Self {
            in_flight: make.add(IntGaugeVec::new(in_flight, &["endpoint"]))?,
            cut_off: make.counters(
                "ratify_requests_cut_off_total",
                "Requests that ended without an answer, because the server stopped",
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
            registry_requests: make.counters(
                "ratify_registry_requests_total",
                "Requests to registries, by what was asked for and what came of it",
                &["kind", "outcome"],
            )?,
            connections_open: make.gauge(
                "ratify_connections_open",
                "Connections that are open, handshakes included",
            )?,
            connections: make
                .counter("ratify_connections_total", "Connections that were accepted")?,
            connections_ended: make.counters(
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
            generation: make.gauge(
                "ratify_configuration_generation",
                "Number of the configuration in use, counted from the start of the process",
            )?,
            configuration_loaded: make.gauge(
                "ratify_configuration_loaded_timestamp_seconds",
                "When the configuration in use was loaded, in seconds since 1970",
            )?,
            reloads: make.counters(
                "ratify_configuration_reload_total",
                "Changes of the configuration since the start, by whether they could be used",
                &["result"],
            )?,
            tls_loaded: make.gauge(
                "ratify_tls_certificate_loaded_timestamp_seconds",
                "When the server certificate in use was read, in seconds since 1970",
            )?,
            tls_not_after: make.gauge(
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
            cache_hits: make.counter(
                "ratify_verdict_cache_hits_total",
                "Verdicts that were remembered when asked for",
            )?,
            cache_misses: make.counter(
                "ratify_verdict_cache_misses_total",
                "Verdicts that were not",
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
            images: make.gauges(
                "ratify_images_in_work",
                "Images being judged or resolved, by whether somebody waits for them",
                &["awaited"],
            )?,
        })
    }

    /// Take over what the dispatcher counts.
    pub(super) fn take(&self, stats: &Stats) {
        catch_up(&self.cache_hits, stats.hits);
        catch_up(&self.cache_misses, stats.misses);
        catch_up(&self.signature_hits, stats.signature_hits);
        catch_up(&self.panics.with_label_values(&["judging"]), stats.panics);
        self.cache_entries.set(number(stats.remembered));
        self.cache_bytes.set(number(stats.remembered_bytes));
        let awaited = stats.running.saturating_sub(stats.outliving);
        let images = |label, count| self.images.with_label_values(&[label]).set(number(count));
        images("yes", awaited);
        images("no", stats.outliving);
    }

    /// Take over what is counted of connections.
    pub(super) fn take_connections(&self, counts: &ConnectionCounts) {
        self.connections_open.set(number(counts.open));
        catch_up(&self.connections, counts.opened);
        catch_up(&self.accept_errors, counts.accept_errors);
        catch_up(
            &self.panics.with_label_values(&["connection"]),
            counts.panics,
        );
        for (why, count) in [
            ("full", counts.refused_full),
            ("not_ready", counts.refused_not_ready),
            ("evicted", counts.evicted),
            ("idle", counts.idle_closed),
            ("slow_head", counts.head_timeouts),
            ("stopped", counts.cut),
        ] {
            catch_up(&self.connections_ended.with_label_values(&[why]), count);
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

impl Own {
    /// Take over how TLS is doing.
    pub(super) fn take_tls(&self, state: &TlsState) {
        let length = |count: usize| u32::try_from(count).map_or(f64::INFINITY, f64::from);
        self.tls_loaded.set(seconds(state.certificate.loaded));
        self.tls_not_after.set(seconds(state.certificate.not_after));
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
fn catch_up(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

/// Seconds since 1970.
pub(super) fn seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

/// Prometheus has only floating point; whole numbers are exact to 2^53.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "the standard library has no other way, and gauges need no last digit"
)]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}
