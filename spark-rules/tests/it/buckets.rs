//! Which comparisons the buckets of scraped histograms decide, and in which words.

use spark_core::metrics::{Ceilings, MetricPoint};
use spark_core::{Reading, Timestamp, Track};
use spark_rules::beyond_buckets;

const HEAD: &str = "edition 2026
signal p95   { is duration  from metrics p95(http_seconds) over 1m  stale after 45s }
signal p99ms { is duration  from metrics p99(http_seconds) * 1000 over 1m in ms }
signal pods  { is duration  from metrics max(p95(http_seconds) by (pod)) over 1m }
signal one   { is duration  from metrics p95(http_seconds{pod=\"a\"}) over 1m }
signal sizes { is bytes     from metrics p50(http_bytes) over 1m }
signal pushed { is duration from push }
";

/// `series`: labels of `http_seconds_bucket`, apart by commas. `expected`: what is told, without the places.
fn check(rule: &str, series: &str, expected: &[&str]) {
    let text = format!("{HEAD}{rule}\n");
    let loaded = spark_rules::load("r.rules", &text, &mut |_| Err("no other file".to_owned())).unwrap();
    let mut ceilings = Ceilings::new(&loaded.policy);
    for series in series.split(',').filter(|series| !series.trim().is_empty()) {
        let labels = series.split_whitespace().map(|pair| pair.split_once('=').unwrap());
        let labels = labels.map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
        let (metric, reading) = ("http_seconds_bucket".to_owned(), Reading::NotANumber);
        let point = MetricPoint { metric, labels, at: Timestamp::from_millis(0), reading };
        ceilings.see(Track::Canary, &point);
    }
    let known: Vec<_> = ceilings.known().collect();
    let told: Vec<_> = beyond_buckets(&loaded.policy, &known)
        .iter()
        .map(|beyond| beyond.words(&loaded.files).replace("the highest finite bucket of `http_seconds`", "…"))
        .collect();
    assert_eq!(told, expected, "{rule}\n{series}");
}

fn level(condition: &str, series: &str, expected: &[&str]) {
    check(&format!("trigger t {{ hold when {condition} }}"), series, expected);
}

const HALF: &str = "le=0.1, le=0.5, le=+Inf";

/// A comparison is told of where the highest finite bucket decides it, at whatever side and in whatever it stands.
#[test]
fn loud() {
    level(
        "p95 > 600ms",
        HALF,
        &[
            "`p95 > 600ms` (r.rules:8:23) can never hold: … ends at 500ms, and a quantile never reads above it; \
           add a bucket above 600ms",
        ],
    );
    level(
        "p95 > 500ms for 5m",
        HALF,
        &[
            "`p95 > 500ms` (r.rules:8:23) can never hold: … ends at 500ms, and a quantile never reads above it; \
           add a bucket above 500ms",
        ],
    );
    level(
        "600ms <= p95",
        HALF,
        &[
            "`600ms <= p95` (r.rules:8:23) can never hold: … ends at 500ms, and a quantile never reads above it; \
           add a bucket above 600ms",
        ],
    );
    level(
        "pushed > 1s or (max(p95 over 5m) > 600ms and pushed > 0s)",
        HALF,
        &[
            "`max(p95 over 5m) > 600ms` (r.rules:8:39) can never hold: … ends at 500ms, and a quantile never reads \
           above it; add a bucket above 600ms",
        ],
    );
    level(
        "p99ms > 600ms",
        HALF,
        &[
            "`p99ms > 600ms` (r.rules:8:23) can never hold: … ends at 0.5, so `p99ms` never reads above 500ms; add a \
           higher bucket",
        ],
    );
    level(
        "pods > 2s",
        "le=0.5 pod=a, le=1 pod=b",
        &[
            "`pods > 2s` (r.rules:8:23) can never hold: … ends at 1s, and a quantile never reads above it; add a \
           bucket above 2s",
        ],
    );
    level(
        "one > 600ms",
        "le=0.5 pod=a, le=1 pod=b",
        &[
            "`one > 600ms` (r.rules:8:23) can never hold: … ends at 500ms, and a quantile never reads above it; add \
           a bucket above 600ms",
        ],
    );
    level(
        "2 * p95 > 1s + 100ms",
        HALF,
        &[
            "`2 * p95 > 1s + 100ms` (r.rules:8:23) can never hold: … ends at 500ms, and a quantile never reads above \
           it; add a higher bucket",
        ],
    );
    level(
        "p95 between 600ms and 1s",
        HALF,
        &[
            "`p95 between 600ms and 1s` (r.rules:8:23) can never hold: … ends at 500ms, and a quantile never reads \
           above it; add a bucket above 600ms",
        ],
    );
}

/// What always holds tells nothing of the service either: an expectation, a clear, what must be known.
#[test]
fn always() {
    let expectation = |expect: &str, expected: &[&str]| {
        check(
            &format!("signal own {{ is duration  from metrics p95(http_seconds) over 1m  expect {expect} }}"),
            HALF,
            expected,
        );
    };
    expectation(
        "<= 500ms",
        &[
            "`expect <= 500ms` of `own` (r.rules:8:67) holds whatever is measured: … ends at 500ms, and a quantile never reads \
           above it; add a bucket above 500ms",
        ],
    );
    expectation(
        "between 0s and 600ms",
        &[
            "`expect between 0s and 600ms` of `own` (r.rules:8:67) holds whatever is measured: … ends at 500ms, and a quantile \
           never reads above it; add a bucket above 600ms",
        ],
    );
    expectation("< 500ms", &[]);
    expectation("between 100ms and 600ms", &[]);
    check(
        "trigger t { hold when p95 > 400ms  clear when p95 < 600ms }",
        HALF,
        &[
            "`p95 < 600ms` (r.rules:8:47) holds whatever is measured: … ends at 500ms, and a quantile never reads \
           above it; add a bucket above 600ms",
        ],
    );
}

/// Nothing is told where the threshold can be passed, where the buckets are not known, and where rules alone decide.
#[test]
fn quiet() {
    level("p95 > 499ms", HALF, &[]);
    // true where the quantile is beyond the highest finite bucket: it reads just that
    level("p95 >= 500ms", HALF, &[]);
    level("p95 == 500ms", HALF, &[]);
    level("p95 > 600ms", "le=0.5 pod=a, le=1 pod=b, le=+Inf", &[]);
    level("p95 > 600ms", "le=+Inf", &[]);
    level("p95 > 600ms", "", &[]);
    level("one > 600ms", "le=0.5 pod=b", &[]);
    level("pushed > 600ms", HALF, &[]);
    level("sizes > 1GiB", HALF, &[]);
    level("p95 > 1.2 * baseline", HALF, &[]);
    level("p95 > baseline + 600ms", HALF, &[]);
    level("p95 < 0s", HALF, &[]);
    level("count(p95 over 5m) > 600", HALF, &[]);
    level("sum(p95 over 5m) > 600ms", HALF, &[]);
}
