//! What the service measures about itself, and its `/metrics` page in the text format 0.0.4.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::orders::CONNECTIONS;

/// Upper bounds of request durations, in seconds: fine around 200, 300 and 400 ms, where rules decide.
const REQUEST_BOUNDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8, 1.0, 2.5];

/// Upper bounds of pauses of the runtime and the allocator, in seconds: fine around 20 and 50 ms.
const PAUSE_BOUNDS: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 1.0];

/// The statuses that an order can be answered with. All are on the page from the start: a share of errors is then
/// 0 % before the first error, not unknown.
const STATUSES: [u16; 6] = [200, 201, 409, 422, 500, 503];

/// A number that only goes up.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub(super) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Adds one, and gives the number before.
    pub(super) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A classic histogram of durations.
#[derive(Debug)]
pub(super) struct Histogram {
    bounds: &'static [f64],
    /// How many were at most each bound and above the one before; one more for those above all.
    counts: Vec<AtomicU64>,
    sum_micros: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum_micros: AtomicU64::new(0) }
    }

    /// Takes one duration in.
    pub(super) fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let place = self.bounds.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn render(&self, page: &mut Page, name: &str, help: &str) {
        page.head(name, "histogram", help);
        let mut below = 0u64;
        for (place, count) in self.counts.iter().enumerate() {
            below = below.saturating_add(count.load(Ordering::Relaxed));
            match self.bounds.get(place) {
                Some(bound) => page.line(name, &format!("_bucket{{le=\"{bound}\"}}"), below),
                None => page.line(name, "_bucket{le=\"+Inf\"}", below),
            }
        }
        let sum = Duration::from_micros(self.sum_micros.load(Ordering::Relaxed)).as_secs_f64();
        page.line(name, "_sum", sum);
        page.line(name, "_count", below);
    }
}

/// All that the service measures.
#[derive(Debug)]
pub(super) struct Counters {
    /// How long orders took.
    pub(super) request_duration: Histogram,
    /// Orders by status, in the order of [`STATUSES`].
    requests: [Counter; STATUSES.len()],
    /// Orders that risk checks blocked.
    pub(super) risk_blocks: Counter,
    /// Orders that came with an idempotency key.
    pub(super) keyed: Counter,
    /// Keyed orders whose key was used before, for another order.
    pub(super) conflicts: Counter,
    /// Reports of violations of the content security policy.
    pub(super) csp_violations: Counter,
    /// How late the runtime was for a timer.
    pub(super) runtime_lag: Histogram,
    /// How long an allocation took.
    pub(super) allocator_pause: Histogram,
    /// When the market-data feed last brought a price: milliseconds since the Unix epoch.
    feed_millis: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            request_duration: Histogram::new(REQUEST_BOUNDS),
            requests: Default::default(),
            risk_blocks: Counter::default(),
            keyed: Counter::default(),
            conflicts: Counter::default(),
            csp_violations: Counter::default(),
            runtime_lag: Histogram::new(PAUSE_BOUNDS),
            allocator_pause: Histogram::new(PAUSE_BOUNDS),
            feed_millis: AtomicU64::new(unix_millis()),
        }
    }
}

impl Counters {
    /// An order was answered with this status after so long.
    pub(super) fn request(&self, status: u16, took: Duration) {
        for (known, count) in STATUSES.iter().zip(&self.requests) {
            if *known == status {
                count.add(1);
            }
        }
        self.request_duration.observe(took);
    }

    /// The feed brought a price.
    pub(super) fn feed_update(&self) {
        self.feed_millis.store(unix_millis(), Ordering::Relaxed);
    }

    /// The `/metrics` page.
    pub(super) fn render(&self, connections_in_use: u32) -> String {
        let mut page = Page(String::with_capacity(4096));
        page.head("http_requests_total", "counter", "Orders by the status of the answer.");
        for (status, count) in STATUSES.iter().zip(&self.requests) {
            let labels = format!("{{route=\"/orders\",status=\"{status}\"}}");
            page.line("http_requests_total", &labels, count.get());
        }
        self.request_duration.render(
            &mut page,
            "http_request_duration_seconds",
            "How long orders took, in seconds.",
        );
        for (name, help, count) in [
            ("risk_blocks_total", "Orders that risk checks blocked.", &self.risk_blocks),
            ("idempotent_requests_total", "Orders with an idempotency key.", &self.keyed),
            ("idempotency_conflicts_total", "Keys used again for another order.", &self.conflicts),
            ("csp_violations_total", "Content security policy violations.", &self.csp_violations),
        ] {
            page.head(name, "counter", help);
            page.line(name, "", count.get());
        }
        let name = "market_data_last_update_timestamp_seconds";
        page.head(name, "gauge", "When the feed last brought a price, in Unix seconds.");
        let feed = Duration::from_millis(self.feed_millis.load(Ordering::Relaxed)).as_secs_f64();
        page.line(name, "{venue=\"BIST\"}", format_args!("{feed:.3}"));
        self.runtime_lag.render(&mut page, "runtime_lag_seconds", "How late the runtime was, in seconds.");
        self.allocator_pause.render(
            &mut page,
            "allocator_pause_seconds",
            "How long an allocation took, in seconds.",
        );
        page.head("pool_connections", "gauge", "Database connections that the pool may open.");
        page.line("pool_connections", "", CONNECTIONS);
        page.head("pool_connections_in_use", "gauge", "Database connections that orders hold now.");
        page.line("pool_connections_in_use", "", connections_in_use);
        page.0
    }
}

/// A page in the text format 0.0.4.
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // writing to a `String` cannot fail
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, rest: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{name}{rest} {value}");
    }
}

fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Buckets are cumulative, a bound is in its own bucket, and the sum and the count agree with what was observed.
    #[test]
    fn histogram_page() {
        let counters = Counters::default();
        for millis in [40, 50, 450, 9_000] {
            counters.request(201, Duration::from_millis(millis));
        }
        let page = counters.render(3);
        for line in [
            "http_requests_total{route=\"/orders\",status=\"201\"} 4",
            "http_requests_total{route=\"/orders\",status=\"500\"} 0",
            "http_request_duration_seconds_bucket{le=\"0.025\"} 0",
            "http_request_duration_seconds_bucket{le=\"0.05\"} 2",
            "http_request_duration_seconds_bucket{le=\"0.5\"} 3",
            "http_request_duration_seconds_bucket{le=\"+Inf\"} 4",
            "http_request_duration_seconds_sum 9.54",
            "http_request_duration_seconds_count 4",
            "pool_connections_in_use 3",
        ] {
            assert!(page.lines().any(|found| found == line), "`{line}` is missing from\n{page}");
        }
    }
}
