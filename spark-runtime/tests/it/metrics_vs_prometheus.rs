//! `from metrics` against the real Prometheus: both scrape the same exposition, and must say the same.

#![expect(clippy::arithmetic_side_effects, reason = "a test's own small numbers; an overflow fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rust_decimal::Decimal;
use spark_core::metrics::{
    AggregateFunction, Aggregation, LabelMatch, LabelMatcher, MetricsExpression, MetricsNode, MetricsReader,
    PromqlOptions, RangeFunction, Selector, to_promql,
};
use spark_core::{
    Dimension, Operator, PerTime, Policy, PolicyParts, Quantile, Reading, Sample, Signal, SignalId, Source,
    SourceSpan, TimeSpan, Timestamp, Track, Unit, decimal,
};
use spark_runtime::http::{HttpClient, HttpConfig};
use spark_runtime::source::scrape::{Scraper, Target};

const STALE: TimeSpan = TimeSpan::from_seconds(45);

/// Seconds of data, and between the instants at which both are asked.
const LENGTH: i64 = 1_500;
const STEP: i64 = 7;

/// What is asked: a name, the expression, whether it is a counter, and the PromQL that a person would write.
struct Question {
    name: &'static str,
    expression: MetricsExpression,
    counter: bool,
    by_hand: &'static str,
}

fn questions() -> Vec<Question> {
    use AggregateFunction::{Avg, Count, Max, Min, Sum};
    use LabelMatch::{Equal, Matches, NotEqual, NotMatches};
    use RangeFunction::{AvgOverTime, Delta, Increase, MaxOverTime, MinOverTime, Rate, Slope};
    let errors = || select("req_total", &[("status", Matches, "5..")]);
    let all = || select("req_total", &[]);
    let ask = |name, seconds, root, by_hand| {
        let over = Some(TimeSpan::from_seconds(seconds));
        Question { name, expression: MetricsExpression { root, over }, counter: false, by_hand }
    };
    let pod_errors = || aggregate(Sum, &["pod"], range(Rate, errors()));
    let pod_all = || aggregate(Sum, &["pod"], range(Rate, all()));
    let escaped = || select("depth", &[("path", Equal, "a\"b\\c\nd"), ("kind", NotEqual, "other")]);
    vec![
        ask("rate", 300, range(Rate, all()), "sum(rate(req_total[5m]))"),
        ask("rate_1m", 60, range(Rate, all()), "sum(rate(req_total[1m]))"),
        ask(
            "share",
            300,
            arithmetic(Operator::Divide, range(Rate, errors()), range(Rate, all())),
            r#"(sum(rate(req_total{status=~"5.."}[5m])) or 0 * sum(rate(req_total[5m]))) / sum(rate(req_total[5m]))"#,
        ),
        ask("increase", 120, range(Increase, all()), "sum(increase(req_total[2m]))"),
        ask(
            "none_match",
            300,
            range(Rate, select("req_total", &[("status", Equal, "418")])),
            "0 * sum(rate(req_total[5m]))",
        ),
        ask("p50", 300, quantile("p50", &[]), "histogram_quantile(0.5, sum by (le) (rate(lat_bucket[5m])))"),
        ask("p95", 300, quantile("p95", &[]), "histogram_quantile(0.95, sum by (le) (rate(lat_bucket[5m])))"),
        ask(
            "p99.9",
            120,
            quantile("p99.9", &[]),
            "histogram_quantile(0.999, sum by (le) (rate(lat_bucket[2m])))",
        ),
        ask(
            "worst_pod_p90",
            300,
            aggregate(Max, &[], quantile("p90", &["pod"])),
            "max(histogram_quantile(0.9, sum by (le, pod) (rate(lat_bucket[5m]))))",
        ),
        ask(
            "mean_pod_p90",
            300,
            aggregate(Avg, &[], quantile("p90", &[])),
            "avg(histogram_quantile(0.9, rate(lat_bucket[5m])))",
        ),
        ask("busiest_pod", 300, aggregate(Max, &[], pod_all()), "max(sum by (pod) (rate(req_total[5m])))"),
        ask(
            "worst_pod_share",
            300,
            aggregate(Max, &[], arithmetic(Operator::Divide, pod_errors(), pod_all())),
            r#"max(sum by (pod) (rate(req_total{status=~"5.."}[5m])) / sum by (pod) (rate(req_total[5m])))"#,
        ),
        ask(
            "a_pod",
            300,
            aggregate(Min, &["pod"], range(Rate, select("req_total", &[("pod", NotMatches, "b.*|c")]))),
            r#"min by (pod) (rate(req_total{pod!~"b.*|c"}[5m]))"#,
        ),
        ask("sum", 60, aggregate(Sum, &[], MetricsNode::Select(select("rss", &[]))), "sum(rss)"),
        ask("avg", 60, aggregate(Avg, &[], MetricsNode::Select(select("rss", &[]))), "avg(rss)"),
        ask("min", 60, aggregate(Min, &[], MetricsNode::Select(select("rss", &[]))), "min(rss)"),
        ask("count", 60, aggregate(Count, &[], MetricsNode::Select(select("rss", &[]))), "count(rss)"),
        ask(
            "used",
            60,
            aggregate(
                Max,
                &[],
                arithmetic(
                    Operator::Multiply,
                    arithmetic(
                        Operator::Divide,
                        MetricsNode::Select(select("rss", &[])),
                        MetricsNode::Select(select("rss_limit", &[])),
                    ),
                    MetricsNode::Number(Decimal::ONE_HUNDRED),
                ),
            ),
            "max(rss / rss_limit * 100)",
        ),
        ask(
            "feed_age",
            60,
            MetricsNode::Age(select("feed_at", &[("feed", Equal, "x")])),
            r#"time() - feed_at{feed="x"}"#,
        ),
        ask(
            "oldest_feed",
            60,
            aggregate(Max, &[], MetricsNode::Age(select("feed_at", &[]))),
            "max(time() - feed_at)",
        ),
        ask("delta", 300, range(Delta, escaped()), r#"delta(depth{path="a\"b\\c\nd"}[5m])"#),
        ask("slope", 300, range(Slope, escaped()), r#"deriv(depth{path="a\"b\\c\nd"}[5m])"#),
        ask("mean", 120, range(AvgOverTime, escaped()), r#"avg_over_time(depth{path="a\"b\\c\nd"}[2m])"#),
        ask("low", 120, range(MinOverTime, escaped()), r#"min_over_time(depth{path="a\"b\\c\nd"}[2m])"#),
        ask("high", 120, range(MaxOverTime, escaped()), r#"max_over_time(depth{path="a\"b\\c\nd"}[2m])"#),
        Question {
            counter: true,
            ..ask("counter", 60, MetricsNode::Select(select("req_total", &[])), "sum(req_total)")
        },
        ask("several", 60, MetricsNode::Select(select("rss", &[])), "rss"),
        ask("no_such", 60, MetricsNode::Select(select("nothing_here", &[])), "nothing_here"),
    ]
}

fn select(metric: &str, matchers: &[(&str, LabelMatch, &str)]) -> Selector {
    let matcher = |(label, operator, value): &(&str, LabelMatch, &str)| LabelMatcher {
        label: (*label).to_owned(),
        operator: *operator,
        value: (*value).to_owned(),
    };
    Selector { metric: metric.to_owned(), matchers: matchers.iter().map(matcher).collect() }
}

fn range(function: RangeFunction, selector: Selector) -> MetricsNode {
    MetricsNode::Range { function, selector }
}

fn quantile(word: &str, by: &[&str]) -> MetricsNode {
    MetricsNode::HistogramQuantile {
        quantile: Quantile::parse(word).unwrap(),
        selector: select("lat", &[]),
        by: by.iter().map(|label| (*label).to_owned()).collect(),
    }
}

fn aggregate(function: AggregateFunction, by: &[&str], of: MetricsNode) -> MetricsNode {
    let by = by.iter().map(|label| (*label).to_owned()).collect();
    MetricsNode::Aggregate(Aggregation { function, by, of: Box::new(of) })
}

fn arithmetic(operator: Operator, left: MetricsNode, right: MetricsNode) -> MetricsNode {
    MetricsNode::Arithmetic { operator, left: Box::new(left), right: Box::new(right) }
}

fn policy(questions: &[Question]) -> Policy {
    let signal = |question: &Question| Signal {
        name: question.name.replace('.', "_"),
        title: None,
        unit: Unit::of(Dimension::Number),
        per: PerTime::Second,
        counter: question.counter,
        source: Source::Metrics(question.expression.clone()),
        scale: Decimal::ONE,
        stale_after: STALE,
        expectation: None,
        span: SourceSpan::default(),
    };
    let signals = questions.iter().map(signal).collect();
    let every = TimeSpan::from_seconds(15);
    Policy::new(PolicyParts { every, signals, triggers: Vec::new(), plans: Vec::new(), checks: vec![] })
        .unwrap()
}

/// Small deterministic random numbers (an LCG of Knuth's).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// One exposition with every point of every series, in OpenMetrics with times.
///
/// Samples come about every 15 s, never on a whole second, where instants and so windows' starts are; counters
/// stay far above zero, where versions of Prometheus differ. There is a reset, a series that comes late, one that
/// goes, and a gap of two minutes.
fn exposition(base: i64) -> String {
    let mut chance = Chance(7);
    let mut text = String::new();
    let mut series = |name: &str, value: &mut dyn FnMut(&mut Chance, i64) -> Option<String>| {
        let mut second = 1;
        while second < LENGTH {
            let millis = 1 + chance.below(998);
            let given = value(&mut chance, second);
            if let Some(value) = given.filter(|_| !(700..820).contains(&second)) {
                writeln!(text, "{name} {value} {}.{millis:03}", base + second).unwrap();
            }
            second += 13 + i64::try_from(chance.below(5)).unwrap();
        }
    };
    for (pod, status, first, last) in
        [("a", "200", 0, 9_999), ("a", "500", 400, 9_999), ("b1", "200", 0, 9_999), ("b1", "503", 0, 1_000)]
    {
        let mut total = 1_000_000;
        series(&format!("req_total{{pod=\"{pod}\",status=\"{status}\"}}"), &mut |chance, second| {
            total += chance.below(if status == "200" { 900 } else { 30 });
            if (500..515).contains(&second) && pod == "b1" {
                total = 600_000;
            }
            (first..last).contains(&second).then(|| total.to_string())
        });
    }
    for pod in ["a", "b1"] {
        let mut below = 0;
        for (le, share) in
            [("0.005", 10), ("0.05", 80), ("0.1", 160), ("0.25", 300), ("1.0", 40), ("2.5", 9), ("+Inf", 3)]
        {
            below += share;
            let mut total = 2_000_000;
            series(&format!("lat_bucket{{le=\"{le}\",pod=\"{pod}\"}}"), &mut |chance, _| {
                total += below + chance.below(4);
                Some(total.to_string())
            });
        }
    }
    for pod in ["a", "b1", "c"] {
        series(&format!("rss{{pod=\"{pod}\"}}"), &mut |chance, _| {
            Some(format!("{}", 100_000_000 + chance.below(90_000_000)))
        });
        series(&format!("rss_limit{{pod=\"{pod}\"}}"), &mut |_, _| Some("2.5e+08".to_owned()));
        let pod_feed = if pod == "a" { "x" } else { pod };
        series(&format!("feed_at{{feed=\"{pod_feed}\"}}"), &mut |chance, second| {
            Some(format!("{}.{}", base + second - 3, chance.below(1_000)))
        });
    }
    series(r#"depth{kind="",path="a\"b\\c\nd"}"#, &mut |chance, second| {
        Some(format!("{}.{}", 5 + second / 9 + i64::try_from(chance.below(40)).unwrap(), chance.below(100)))
    });
    text.push_str("# EOF\n");
    text
}

/// A Prometheus that ends with the test.
struct Prometheus {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    fn start(target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        std::fs::write(
            &config,
            format!(
                "scrape_configs:\n- job_name: it\n  honor_labels: true\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  \
                 static_configs:\n  - targets: ['{target}']\n"
            ),
        )
        .unwrap();
        // another process may take the free port before Prometheus does, which then ends at once
        for _ in 0..5 {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let mut child = Command::new("prometheus")
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap_or_else(|error| {
                    panic!("`prometheus` does not start ({error}): install it: apt-get install prometheus")
                });
            std::thread::sleep(Duration::from_millis(500));
            if child.try_wait().unwrap().is_none() {
                return Self { child, url: format!("http://127.0.0.1:{port}"), _folder: folder };
            }
        }
        panic!("`prometheus` ends at once, five times");
    }

    /// The query's series at each instant, by its second.
    async fn range(&self, client: &HttpClient, query: &str, from: i64, to: i64) -> BTreeMap<i64, Vec<f64>> {
        let (from, to, step) = (from.to_string(), to.to_string(), STEP.to_string());
        let fields =
            [("query", query), ("start", from.as_str()), ("end", to.as_str()), ("step", step.as_str())];
        let answer = client
            .post_form(&format!("{}/api/v1/query_range", self.url), "application/json", &fields)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}"));
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["data"]["resultType"], "matrix", "{query}: {body}");
        let mut found: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for series in body["data"]["result"].as_array().unwrap() {
            for pair in series["values"].as_array().unwrap() {
                let value = pair[1].as_str().unwrap().parse().unwrap();
                found.entry(pair[0].as_i64().unwrap()).or_default().push(value);
            }
        }
        found
    }

    async fn wait_for_scrape(&self, client: &HttpClient, at: i64) {
        for _ in 0..150 {
            let url = format!("{}/api/v1/query?query=count(rss)&time={at}", self.url);
            let answer = client.get(&url, "application/json").await;
            if answer.is_ok_and(|answer| String::from_utf8_lossy(&answer.body).contains("\"value\"")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("prometheus did not scrape within 15 s");
    }
}

async fn serve(body: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = move || {
        let body = body.clone();
        async move { ([("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")], body) }
    };
    let app = axum::Router::new().route("/metrics", axum::routing::get(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Within 1e-9 of the larger, or within what Prometheus' own floats lose on the way.
fn close(a: f64, b: f64, lost: f64) -> bool {
    (a - b).abs() <= (1e-9 * a.abs().max(b.abs())).max(lost)
}

/// What Spark itself says at each instant, by signal.
async fn own_answers(target: &str, policy: Policy, instants: &[i64]) -> BTreeMap<(SignalId, i64), Reading> {
    let mut reader = MetricsReader::new(Arc::new(policy));
    let url = format!("http://{target}/metrics");
    let targets = vec![Target { url, track: Track::Canary }];
    let scraper = Scraper::new(targets, HttpConfig::default()).unwrap();
    let now = Timestamp::from_millis(instants.last().unwrap() * 1_000);
    scraper.scrape_into(&mut reader, now).await;
    let mut answers = BTreeMap::new();
    for second in instants {
        let at = Timestamp::from_millis(second * 1_000);
        for Sample { signal, at: time, reading, .. } in reader.samples_at(at) {
            if time == at {
                answers.insert((signal, *second), reading);
            }
        }
    }
    answers
}

/// What Spark computes from an exposition is what Prometheus computes, from Spark's query and from a person's.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_exposition_gives_the_same_values() {
    let questions = questions();
    let policy = policy(&questions);
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    // where subqueries step must not change from run to run
    let base = (now - LENGTH - 60) / 300 * 300;
    let target = serve(exposition(base)).await;
    let prometheus = Prometheus::start(&target);
    let instants: Vec<i64> = (base..base + LENGTH).step_by(STEP.try_into().unwrap()).collect();
    let own = own_answers(&target, policy.clone(), &instants).await;

    let client = HttpClient::new(HttpConfig::default()).unwrap();
    let last = *instants.last().unwrap();
    prometheus.wait_for_scrape(&client, base + 600).await;
    let mut without_value = BTreeSet::new();
    for ((place, question), signal) in (0..).zip(&questions).zip(policy.signals()) {
        let query = to_promql(&question.expression, &PromqlOptions::of(signal));
        let generated = prometheus.range(&client, &query, base, last).await;
        let by_hand = prometheus.range(&client, question.by_hand, base, last).await;
        // two floats near 1.8e9 are subtracted there; Spark subtracts decimals
        let lost = if question.name.contains("feed") { 5e-7 } else { 0.0 };
        let over = question.expression.over.unwrap().nanos() / 1_000_000_000;
        let (mut compared, mut differently_covered) = (0, 0);
        for second in &instants {
            let reading = own.get(&(SignalId(place), *second));
            let (generated, by_hand) = (generated.get(second), by_hand.get(second));
            let place = format!("{} at {} s: {reading:?}\n{query}", question.name, second - base);
            match reading {
                Some(Reading::Value(value)) => {
                    let value = decimal::to_float(*value);
                    // the query looks at coverage in steps, and after a gap waits up to `stale after` longer
                    let since = second - base;
                    let waits = (820..820 + over).contains(&since) || (since * 20 - over * 16) / over <= 1;
                    let theirs = generated.or(if waits { by_hand } else { None });
                    // by hand, nobody asks how old a sample is: Prometheus carries it on for five minutes
                    let gone = (700..870).contains(&since) || (question.counter && since >= 1_000);
                    let carried_on = gone && over == 60;
                    for theirs in [theirs, if carried_on { theirs } else { by_hand }] {
                        let theirs = theirs.unwrap_or_else(|| panic!("{place}\ngives nothing there"));
                        assert!(
                            theirs.len() == 1 && close(value, theirs[0], lost),
                            "{place}\ngives {theirs:?}"
                        );
                    }
                    compared += 1;
                }
                // the time since the newest sample is not covered here
                Some(Reading::Failed(cause)) if cause.contains("cover") => {
                    differently_covered += usize::from(generated.is_some());
                }
                Some(Reading::Failed(cause)) if cause.contains("series where one is needed") => {
                    assert!(generated.is_some_and(|series| series.len() > 1), "{place}\ngives {generated:?}");
                }
                _ => assert!(
                    generated.is_none_or(|series| series.iter().all(|value| value.is_nan())),
                    "{place}\ngives {generated:?}"
                ),
            }
        }
        let lenient = if question.name == "rate_1m" { 100 } else { 20 };
        assert!(differently_covered < lenient, "{}: {differently_covered}", question.name);
        match compared {
            0 => _ = without_value.insert(question.name),
            // 214 instants, of which the first five minutes and those around the gap may lack what is needed
            n => assert!(n > if question.name == "rate_1m" { 60 } else { 100 }, "{}: {n}", question.name),
        }
    }
    assert_eq!(without_value, BTreeSet::from(["no_such", "several"]));
}
