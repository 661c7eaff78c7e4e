//! All metrics of an instance, by name. A rule that reads one finds it here.

use std::sync::Arc;

use prometheus::{
    Counter, Encoder as _, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter,
    IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

/// Bounds of latencies, in seconds: the golden limit 0.2 and the triggers' 0.28, 0.3, 0.4 are bounds, so that a share is exact there.
const LATENCY: [f64; 16] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.28, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 10.0];

/// Bounds of the runtime's lag, in seconds: 0.05 is the golden limit.
const LAG: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 2.5];

/// The metrics of an instance. Copies share them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident: $kind:ty = $make:ident($text:literal, $help:literal $(, $more:expr)*);)*) => {
        /// The metrics by their purpose; each field says what it counts.
        pub struct Inner {
            registry: Registry,
            $(#[doc = $help] pub $name: $kind,)*
        }

        impl Metrics {
            /// Makes and registers all of them.
            ///
            /// # Errors
            /// None that can happen: the names are fixed, valid and distinct, as a test sees.
            pub fn new() -> Result<Self, prometheus::Error> {
                let registry = Registry::new();
                $(
                    let $name = make::$make($text, $help $(, $more)*)?;
                    registry.register(Box::new($name.clone()))?;
                )*
                Ok(Self(Arc::new(Inner { registry, $($name,)* })))
            }
        }
    };
}

metrics! {
    request_duration: HistogramVec = histograms("http_request_duration_seconds", "time to answer a request, health and metrics aside", &["route"], &LATENCY);
    requests: IntCounterVec = counters("http_requests_total", "requests answered, health and metrics aside", &["route", "status"]);
    last_message: GaugeVec = gauges("market_data_last_message_timestamp_seconds", "when a feed last spoke, as a Unix time", &["feed"]);
    ws_disconnects: IntCounterVec = counters("ws_disconnects_total", "ends of WebSocket connections to a feed", &["feed"]);
    ws_refused: IntCounterVec = counters("ws_messages_refused_total", "messages of a feed that were passed over, by what was wrong with them", &["feed", "reason"]);
    market_gaps: IntCounterVec = counters("market_data_gaps_total", "times that numbered messages of a feed were missing", &["feed"]);
    risk_blocks: IntCounterVec = counters("risk_blocks_total", "orders that a risk check blocked", &["reason"]);
    orders: IntCounterVec = counters("orders_total", "orders by what became of the request", &["result"]);
    idempotency_requests: IntCounter = counter("idempotency_requests_total", "requests with an idempotency key");
    idempotency_conflicts: IntCounter = counter("idempotency_conflicts_total", "keys that came again with another body");
    idempotency_replays: IntCounter = counter("idempotency_replays_total", "keys that came again with the same body");
    idempotency_keys: Gauge = gauge("idempotency_keys_stored", "idempotency keys of this instance in the table");
    keys_overdue: Gauge = gauge("idempotency_keys_overdue", "those of them that have expired and wait for the collector");
    csp_violations: IntCounter = counter("csp_violations_total", "violations of the content security policy that browsers reported");
    csp_dropped: IntCounter = counter("csp_reports_dropped_total", "reports that flood control turned away");
    lag: Histogram = histogram("runtime_lag_seconds", "how late the runtime wakes a task that is due", &LAG);
    pause_sum: Counter = float_counter("gc_pause_seconds_sum", "time in which the store of trades was swept and could not be used");
    pause_count: Counter = float_counter("gc_pause_seconds_count", "sweeps of the store of trades");
    heap_used: Gauge = gauge("heap_used_ratio", "resident memory, of what the process may use");
    resident: Gauge = gauge("process_resident_memory_bytes", "resident memory");
    cpu: Counter = float_counter("process_cpu_seconds_total", "processor time, user and system");
    cpu_limit: Gauge = gauge("process_cpu_limit_cores", "cores that the process may use");
    open_fds: Gauge = gauge("process_open_fds", "open file descriptors");
    threads: Gauge = gauge("process_threads", "threads");
    start_time: Gauge = gauge("process_start_time_seconds", "when the process started, as a Unix time");
    db_connections: IntGauge = int_gauge("db_connections_open", "open connections of this process to the database, used or not");
    outbox_age: Gauge = gauge("outbox_oldest_unsent_age_seconds", "age of the oldest event that is not sent; 0 without any");
    outbox_unsent: Gauge = gauge("outbox_unsent_total", "events that are not sent");
    outbox_sent: IntCounter = counter("outbox_sent_total", "events sent");
    outbox_failures: IntCounter = counter("outbox_send_failures_total", "attempts to send an event that failed");
    precision_errors: IntCounter = counter("money_precision_errors_total", "amounts that were not what exact decimals come to");
    pool_current: GaugeVec = gauges("pgbouncer_databases_current_connections", "server connections of this instance's pool", &["database"]);
    pool_size: GaugeVec = gauges("pgbouncer_databases_pool_size", "most server connections of this instance's pool", &["database"]);
    pool_used: GaugeVec = gauges("pgbouncer_pool_used_ratio", "server connections in use, of the pool's size", &["database"]);
    pool_waiting: GaugeVec = gauges("pgbouncer_pools_client_waiting_connections", "clients that wait for a server connection", &["database"]);
    pool_max_wait: GaugeVec = gauges("pgbouncer_pools_client_maxwait_seconds", "how long the first of them has waited", &["database"]);
    live_tuples: GaugeVec = gauges("pg_live_tuples", "live rows of a table, by the statistics", &["table"]);
    dead_tuples: GaugeVec = gauges("pg_dead_tuples", "dead rows of a table, by the statistics", &["table"]);
    last_autovacuum: GaugeVec = gauges("pg_last_autovacuum_timestamp_seconds", "when autovacuum last finished a table, as a Unix time; 0 if never", &["table"]);
    guard_frozen: IntGauge = int_gauge("guard_frozen", "1 while the embedded guard has frozen trading");
    guard_freezes: IntCounter = counter("guard_freezes_total", "times that the embedded guard froze trading");
    guard_refused: IntCounter = counter("guard_refused_total", "orders refused because trading was frozen");
    fault_on: GaugeVec = gauges("fault_switch_on", "1 while a fault is switched on", &["fault"]);
}

impl std::ops::Deref for Metrics {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Metrics {
    /// All of them as text, format 0.0.4.
    ///
    /// # Errors
    /// None that can happen: a metric has a name and a value.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }
}

/// One maker for each kind.
mod make {
    use super::{
        Counter, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
        IntGauge, Opts,
    };
    use prometheus::Result;

    pub(super) fn counter(name: &str, help: &str) -> Result<IntCounter> {
        IntCounter::new(name, help)
    }

    pub(super) fn float_counter(name: &str, help: &str) -> Result<Counter> {
        Counter::new(name, help)
    }

    pub(super) fn counters(name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
        IntCounterVec::new(Opts::new(name, help), labels)
    }

    pub(super) fn gauge(name: &str, help: &str) -> Result<Gauge> {
        let gauge = Gauge::new(name, help)?;
        // what nobody has measured yet is no zero
        gauge.set(f64::NAN);
        Ok(gauge)
    }

    pub(super) fn int_gauge(name: &str, help: &str) -> Result<IntGauge> {
        IntGauge::new(name, help)
    }

    pub(super) fn gauges(name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec> {
        GaugeVec::new(Opts::new(name, help), labels)
    }

    pub(super) fn histogram(name: &str, help: &str, bounds: &[f64]) -> Result<Histogram> {
        Histogram::with_opts(HistogramOpts::new(name, help).buckets(bounds.to_vec()))
    }

    pub(super) fn histograms(
        name: &str,
        help: &str,
        labels: &[&str],
        bounds: &[f64],
    ) -> Result<HistogramVec> {
        HistogramVec::new(HistogramOpts::new(name, help).buckets(bounds.to_vec()), labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every metric can be made, and what is not measured yet is not a number.
    #[test]
    fn all_metrics_register() {
        let metrics = Metrics::new().unwrap();
        metrics.requests.with_label_values(&["/orders", "201"]).inc();
        let text = metrics.text().unwrap();
        assert!(text.contains("http_requests_total{route=\"/orders\",status=\"201\"} 1"), "{text}");
        assert!(text.contains("outbox_unsent_total NaN"), "{text}");
    }
}
