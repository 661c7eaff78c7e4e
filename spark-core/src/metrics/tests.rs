//! What expressions are worth, and what is said where they are worth nothing.
use std::sync::Arc;

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::series::{Full, POINTS_MAX};
use super::*;
use crate::condition::{Operator, Quantile};
use crate::decision::Observed;
use crate::policy::{Policy, PolicyParts};
use crate::quantity::{Dimension, PerTime, Unit};
use crate::signal::{Reading, Sample, Signal, SignalId, Source, SourceSpan, Track};
use crate::time::{TimeSpan, Timestamp};

/// A series' name, its labels as `label=value` with blanks between, and its points as `seconds value`.
type Series<'a> = (&'a str, &'a str, &'a [(i64, &'a str)]);

const STEADY: [Series<'static>; 3] = [
    ("req", "status=200 pod=a", &[(0, "1000"), (15, "1010"), (30, "1020"), (45, "1030"), (60, "1040")]),
    ("req", "status=500 pod=a", &[(0, "100"), (15, "101"), (30, "102"), (45, "103"), (60, "104")]),
    ("req", "status=200 pod=b", &[(0, "1000"), (15, "1005"), (30, "1010"), (45, "1015"), (60, "1020")]),
];

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1_000))
}

pub(super) fn select(metric: &str, matchers: &[(&str, LabelMatch, &str)]) -> Selector {
    let matcher = |(label, operator, value): &(&str, LabelMatch, &str)| LabelMatcher {
        label: (*label).into(),
        operator: *operator,
        value: (*value).into(),
    };
    Selector { metric: metric.into(), matchers: matchers.iter().map(matcher).collect() }
}

fn newest(metric: &str) -> MetricsNode {
    MetricsNode::Select(select(metric, &[]))
}

fn status(operator: LabelMatch, value: &str) -> Selector {
    select("req", &[("status", operator, value)])
}

fn rate(selector: Selector) -> MetricsNode {
    MetricsNode::Range { function: RangeFunction::Rate, selector }
}

pub(super) fn aggregate(function: AggregateFunction, by: &[&str], of: MetricsNode) -> MetricsNode {
    let by = by.iter().map(|label| (*label).to_owned()).collect();
    MetricsNode::Aggregate(Aggregation { function, by, of: Box::new(of) })
}

pub(super) fn arithmetic(operator: Operator, left: MetricsNode, right: MetricsNode) -> MetricsNode {
    MetricsNode::Arithmetic { operator, left: Box::new(left), right: Box::new(right) }
}

pub(super) fn number(value: i64) -> MetricsNode {
    MetricsNode::Number(value.into())
}

pub(super) fn signal(name: &str, root: MetricsNode, counter: bool) -> Signal {
    Signal {
        name: name.into(),
        title: None,
        unit: Unit::of(Dimension::Number),
        per: PerTime::Second,
        counter,
        source: Source::Metrics(MetricsExpression { root, over: Some(TimeSpan::from_seconds(60)) }),
        scale: Decimal::ONE,
        stale_after: TimeSpan::from_seconds(45),
        expectation: None,
        span: SourceSpan::default(),
    }
}

pub(super) fn policy(signals: Vec<Signal>) -> Arc<Policy> {
    let every = TimeSpan::from_seconds(15);
    Arc::new(
        Policy::new(PolicyParts { every, signals, triggers: vec![], plans: vec![], checks: vec![] }).unwrap(),
    )
}

fn points(series: &[Series<'_>]) -> Vec<MetricPoint> {
    let mut all = Vec::new();
    for (metric, labels, samples) in series {
        let labels = labels.split_whitespace().map(|pair| pair.split_once('=').unwrap());
        let labels: std::collections::BTreeMap<String, String> =
            labels.map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
        for (second, value) in *samples {
            let reading = Reading::from_float_text(value).unwrap();
            let (metric, labels) = ((*metric).to_owned(), labels.clone());
            all.push(MetricPoint { metric, labels, at: at(*second), reading });
        }
    }
    all
}

fn observed(mut reader: MetricsReader, series: &[Series<'_>]) -> MetricsReader {
    for point in points(series) {
        reader.observe(Track::Canary, point);
    }
    reader
}

fn shown(samples: &[Sample]) -> Vec<String> {
    let one = |sample: &Sample| {
        let reading = match &sample.reading {
            Reading::Value(value) => value.to_string(),
            Reading::Failed(cause) => cause.clone(),
            other => format!("{other:?}"),
        };
        let track = if sample.track == Track::Baseline { "baseline " } else { "" };
        format!("{track}{} {reading}", sample.at.unix_seconds())
    };
    samples.iter().map(one).collect()
}

/// What a live reader gives at 60 s, after a first look at 59 s.
fn check(root: MetricsNode, series: &[Series<'_>], expected: &str) {
    check_signal(signal("s", root, false), series, &[expected]);
}

fn check_signal(signal: Signal, series: &[Series<'_>], expected: &[&str]) {
    let label = format!("{:?} {series:?}", signal.source);
    let mut reader = observed(MetricsReader::live(policy(vec![signal])), series);
    reader.samples_at(at(59));
    assert_eq!(shown(&reader.samples_at(at(60))), expected, "{label}");
}

/// Growth is summed over the series that match, apart within an aggregation, and zero where nothing matches.
#[test]
fn growth_of_several_series() {
    use AggregateFunction::{Avg, Count, Max, Min, Sum};
    use LabelMatch::{Equal, Matches, NotEqual};
    let errors = || rate(status(Matches, "5.."));
    let all = || rate(select("req", &[]));
    let ratio = |left, right| arithmetic(Operator::Divide, left, right);
    check(all(), &STEADY, "60 1.06666666666667");
    check(errors(), &STEADY, "60 0.0666666666666667");
    check(ratio(errors(), all()), &STEADY, "60 0.0625");
    check(arithmetic(Operator::Multiply, ratio(errors(), all()), number(100)), &STEADY, "60 6.25");
    check(rate(status(Equal, "418")), &STEADY, "60 0");
    check(aggregate(Sum, &[], rate(status(Equal, "418"))), &STEADY, "60 0");
    check(aggregate(Max, &[], all()), &STEADY, "60 0.666666666666667");
    check(aggregate(Min, &[], all()), &STEADY, "60 0.0666666666666667");
    check(aggregate(Count, &[], all()), &STEADY, "60 3");
    check(aggregate(Avg, &[], all()), &STEADY, "60 0.355555555555556");
    let by_pod = |node| aggregate(Sum, &["pod"], node);
    check(aggregate(Max, &[], by_pod(all())), &STEADY, "60 0.733333333333333");
    // pod b has no errors: it has no counterpart
    check(aggregate(Max, &[], ratio(by_pod(errors()), by_pod(all()))), &STEADY, "60 0.0909090909090909");
    check(by_pod(rate(status(NotEqual, "200"))), &STEADY, "60 0.0666666666666667");
    let increase = MetricsNode::Range { function: RangeFunction::Increase, selector: select("req", &[]) };
    check(increase, &STEADY, "60 64");
    // a new series has no growth before its second sample, and does not hide the others
    let mut late = STEADY.to_vec();
    late.push(("req", "status=503 pod=a", &[(60, "7")]));
    check(errors(), &late, "60 0.0666666666666667");
}

/// Quantiles are of the sum of all matching histograms, apart by the labels that are named.
#[test]
fn quantiles_of_several_histograms() {
    const LATENCY: [Series<'static>; 5] = [
        ("lat_bucket", "pod=a le=0.1", &[(15, "1000"), (30, "1000"), (45, "1000"), (60, "1045")]),
        ("lat_bucket", "pod=a le=+Inf", &[(15, "2000"), (30, "2000"), (45, "2000"), (60, "2045")]),
        ("lat_bucket", "pod=b le=0.1", &[(15, "1000"), (30, "1000"), (45, "1000"), (60, "1000")]),
        ("lat_bucket", "pod=b le=0.10", &[(15, "0"), (60, "0")]),
        ("lat_bucket", "pod=b le=+Inf", &[(0, "2000"), (15, "2000"), (60, "2045")]),
    ];
    let quantile = |by: &[&str]| MetricsNode::HistogramQuantile {
        quantile: Quantile::parse("p50").unwrap(),
        selector: select("lat", &[]),
        by: by.iter().map(|label| (*label).to_owned()).collect(),
    };
    check(quantile(&[]), &LATENCY, "60 0.1");
    check(aggregate(AggregateFunction::Min, &[], quantile(&[])), &LATENCY, "60 0.05");
    check(aggregate(AggregateFunction::Min, &[], quantile(&["pod"])), &LATENCY, "60 0.05");
    check(
        quantile(&["pod"]),
        &LATENCY,
        "60 2 series where one is needed: make it one with sum, avg, max or min",
    );
    // zones of a pod are one histogram where only the pod stays apart
    let zones = [
        ("lat_bucket", "pod=a zone=x le=0.1", LATENCY[0].2),
        ("lat_bucket", "pod=a zone=x le=+Inf", LATENCY[1].2),
        ("lat_bucket", "pod=a zone=y le=0.1", LATENCY[2].2),
        ("lat_bucket", "pod=a zone=y le=+Inf", LATENCY[4].2),
    ];
    check(aggregate(AggregateFunction::Min, &[], quantile(&["pod"])), &zones, "60 0.1");
    check(aggregate(AggregateFunction::Count, &[], quantile(&[])), &zones, "60 2");
    let idle = [("lat_bucket", "le=+Inf", &[(0, "1"), (15, "1"), (30, "1"), (45, "1"), (60, "1")][..])];
    check(quantile(&[]), &idle, "60 NotANumber");
}

/// What cannot be computed says why.
#[test]
fn causes() {
    use LabelMatch::{Equal, Matches};
    let gauge = |samples: &'static [(i64, &str)]| [("g", "", samples)];
    check(newest("g"), &[], "60 no series `g` was scraped");
    let sum = |node| aggregate(AggregateFunction::Sum, &[], node);
    check(sum(newest("g")), &gauge(&[(14, "1")]), "60 the newest sample of `g` is 46s old, older than 45s");
    check(sum(newest("g")), &gauge(&[(15, "1")]), "60 1");
    check(
        MetricsNode::Select(status(Equal, "418")),
        &STEADY,
        "60 no series of `req` matches {status=\"418\"}",
    );
    check(newest("req"), &STEADY, "60 3 series where one is needed: make it one with sum, avg, max or min");
    check(
        rate(select("g", &[])),
        &gauge(&[(20, "1"), (40, "1"), (60, "1")]),
        "60 samples of `g` cover 66% of the last 1m, and 80% is needed",
    );
    let two = [("g", "a=x", &[(14, "1"), (60, "1")][..]), ("g", "a=y", &[(0, "1"), (45, "1")][..])];
    check(rate(select("g", &[])), &[two[0], ("g", "a=y", &[(0, "1"), (45, "1")])], "60 0");
    let single = [("g", "a=x", &[(0, "1"), (60, "1")][..]), ("g", "a=y", &[(-1, "1"), (45, "1")][..])];
    check(rate(select("g", &[])), &single, "60 no series of `g` has enough samples in the last 1m");
    check(rate(status(Matches, "(")), &STEADY, "60 `(` is no regular expression that is understood here");
    let by = |label| aggregate(AggregateFunction::Sum, &[label], rate(select("req", &[])));
    check(
        arithmetic(Operator::Divide, by("pod"), by("status")),
        &STEADY,
        "60 the two sides of `/` share no series with equal labels",
    );
    check(sum(number(3)), &STEADY, "60 a plain number is no series to aggregate");
    let zero = [("z", "", &[(60, "0")][..])];
    check(arithmetic(Operator::Divide, number(1), newest("z")), &zero, "60 Infinite { negative: false }");
    check(arithmetic(Operator::Divide, newest("z"), newest("z")), &zero, "60 NotANumber");
    let deep = (0..400).fold(number(1), |node, _| arithmetic(Operator::Add, node, number(1)));
    check(deep, &[], "60 the expression is nested too deeply");
    let mut no_window = signal("s", rate(select("g", &[])), false);
    no_window.source = Source::Metrics(MetricsExpression { root: rate(select("g", &[])), over: None });
    check_signal(
        no_window,
        &gauge(&[(60, "1")]),
        &["60 `g` is read over a window, but the signal has no `over`"],
    );
}

/// One series is passed on with its own times, each point once; a counter's several series are summed.
#[test]
fn bare_selectors() {
    let one = [("g", "a=x", &[(10, "1"), (59, "2"), (60, "3"), (61, "4")][..])];
    let mut reader = observed(MetricsReader::new(policy(vec![signal("s", newest("g"), false)])), &one);
    assert_eq!(shown(&reader.samples_at(at(9))), Vec::<String>::new());
    assert_eq!(shown(&reader.samples_at(at(59))), ["10 1", "59 2"]);
    assert_eq!(shown(&reader.samples_at(at(60))), ["60 3"]);
    assert_eq!(shown(&reader.samples_at(at(60))), Vec::<String>::new());
    assert_eq!(shown(&reader.samples_at(at(90))), ["61 4"]);
    assert_eq!(shown(&reader.samples_at(at(120))), Vec::<String>::new(), "the engine knows what is stale");
    check_signal(signal("s", newest("req"), true), &STEADY[..1], &["60 1040"]);
    check_signal(signal("s", newest("req"), true), &STEADY, &["60 2164"]);
    let largest = aggregate(AggregateFunction::Max, &[], newest("req"));
    check_signal(signal("s", largest, true), &STEADY, &["60 1040"]);
    // a series that went is not carried on
    let gone = [("req", "pod=a", &[(14, "1")][..]), ("req", "pod=b", &[(15, "2")][..])];
    check_signal(signal("s", newest("req"), true), &gone, &["60 2"]);
    let millis = Signal { scale: Decimal::new(1, 3), ..signal("s", newest("g"), false) };
    check_signal(millis, &one, &["60 0.003"]);
    let age = MetricsNode::Age(select("g", &[]));
    check_signal(signal("s", age, false), &one, &["60 57"]);
    let not_finite = [("g", "", &[(60, "NaN")][..])];
    check_signal(signal("s", newest("g"), false), &not_finite, &["60 NotANumber"]);
}

/// The label `track` chooses the track and is taken off; a baseline that was never scraped gives nothing.
#[test]
fn tracks() {
    let sum = aggregate(AggregateFunction::Sum, &[], newest("g"));
    let both = [
        ("g", "track=canary", &[(60, "1")][..]),
        ("g", "track=baseline", &[(60, "2")][..]),
        ("g", "track=baseline pod=b", &[(60, "3")][..]),
    ];
    check_signal(signal("s", sum.clone(), false), &both, &["60 1", "baseline 60 5"]);
    check_signal(signal("s", sum, false), &both[..1], &["60 1"]);
    let labelled = [("g", "track=canary pod=a", &[(60, "6")][..]), ("h", "pod=a", &[(60, "3")][..])];
    check(arithmetic(Operator::Divide, newest("g"), newest("h")), &labelled, "60 2");
    check_signal(
        signal("s", newest("g"), false),
        &both[1..2],
        &["60 no series `g` was scraped", "baseline 60 2"],
    );
}

/// A recording says nothing of what it does not hold; a live scrape that lacks it is a failure.
#[test]
fn recorded_and_live() {
    let signals = || policy(vec![signal("s", newest("g"), false), signal("n", number(3), false)]);
    let mut recorded = MetricsReader::new(signals());
    assert_eq!(shown(&recorded.samples_at(at(60))), ["60 3"]);
    let mut live = MetricsReader::live(signals());
    assert_eq!(shown(&live.samples_at(at(60))), ["60 no series `g` was scraped", "60 3"]);
    assert_eq!(live.metrics().iter().collect::<Vec<_>>(), ["g"]);
    let other =
        MetricPoint { metric: "h".into(), labels: [].into(), at: at(1), reading: Reading::NotANumber };
    assert_eq!(live.observe(Track::Canary, other), Observed::Undeclared);
}

/// A track that could not be read fails at that instant, for every signal, and for no other track or instant.
#[test]
fn failures() {
    let series = [("g", "", &[(50, "1"), (60, "2"), (70, "3")][..])];
    let signals =
        vec![signal("s", newest("g"), false), signal("a", MetricsNode::Age(select("g", &[])), false)];
    let mut reader = observed(MetricsReader::live(policy(signals)), &series);
    reader.fail(Track::Canary, at(60), "down");
    reader.fail(Track::Canary, at(60), "said twice");
    reader.fail(Track::Baseline, at(60), "off");
    let expected = ["50 1", "60 down", "baseline 60 off", "60 down", "baseline 60 off"];
    assert_eq!(shown(&reader.samples_at(at(60))), expected);
    assert_eq!(shown(&reader.samples_at(at(70))), ["70 3", "70 67"]);
    for second in 0..2_000 {
        reader.fail(Track::Canary, at(second), "down");
    }
    let waiting = reader.samples_at(at(3_000)).len();
    assert!(waiting <= 2_002, "no flood of failures is kept: {waiting}");
}

/// Points that found no place make their track fail as long as a window could have read them.
#[test]
fn floods() {
    let mut reader = MetricsReader::live(policy(vec![signal("s", newest("g"), false)]));
    reader.fill(Track::Canary);
    let point = |second| points(&[("g", "", &[(second, "1")])]).remove(0);
    assert_eq!(reader.observe(Track::Canary, point(10)), Observed::Late);
    let refused = format!("more than {POINTS_MAX} points were scraped: select fewer");
    assert_eq!(shown(&reader.samples_at(at(10))), [format!("10 {refused}")]);
    assert_eq!(shown(&reader.samples_at(at(115))), [format!("115 {refused}")]);
    assert_eq!(Full { of: "points", limit: 1 }.of, "points");
    assert_ne!(shown(&reader.samples_at(at(116))), [format!("116 {refused}")]);
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        (0_i64..2_000).prop_map(|n| n.to_string()),
        prop::sample::select(vec!["0", "NaN", "+Inf", "-Inf", "7.9e28", "-7.9e28", "1e300", "1e-28", "0.1"])
            .prop_map(str::to_owned),
    ]
}

fn any_points() -> impl Strategy<Value = Vec<MetricPoint>> {
    let point = (0_usize..3, 0_usize..4, 0_usize..3, 0_i64..240, any_text()).prop_map(
        |(metric, le, pod, second, value)| {
            let metric = ["g", "h_bucket", "req"][metric];
            let mut labels = vec![("pod".to_owned(), ["a", "b", ""][pod].to_owned())];
            labels.extend(["0.1", "1", "+Inf"].get(le).map(|le| ("le".to_owned(), (*le).to_owned())));
            let reading = Reading::from_float_text(&value).unwrap();
            MetricPoint {
                metric: metric.into(),
                labels: labels.into_iter().collect(),
                at: at(second),
                reading,
            }
        },
    );
    prop::collection::vec(point, 0..120)
}

fn any_node() -> impl Strategy<Value = MetricsNode> {
    use RangeFunction::{AvgOverTime, Delta, Increase, MaxOverTime, MinOverTime, Rate, Slope};
    let selector = || {
        let matcher = prop::sample::select(vec![
            ("pod", LabelMatch::Equal, "a"),
            ("pod", LabelMatch::NotMatches, "b|"),
            ("le", LabelMatch::Matches, "("),
        ]);
        let metric = prop::sample::select(vec!["g", "h", "h_bucket", "req", "none"]);
        (metric, prop::collection::vec(matcher, 0..2))
            .prop_map(|(metric, matchers)| select(metric, &matchers))
    };
    let functions = vec![Rate, Increase, Delta, Slope, AvgOverTime, MinOverTime, MaxOverTime];
    let quantile = |selector, by: bool| MetricsNode::HistogramQuantile {
        quantile: Quantile::parse("p95").unwrap(),
        selector,
        by: if by { vec!["pod".into()] } else { vec![] },
    };
    let leaf = prop_oneof![
        (-3_i64..3).prop_map(number),
        selector().prop_map(MetricsNode::Select),
        selector().prop_map(MetricsNode::Age),
        (prop::sample::select(functions), selector())
            .prop_map(|(function, selector)| MetricsNode::Range { function, selector }),
        (selector(), any::<bool>()).prop_map(move |(selector, by)| quantile(selector, by)),
    ];
    use AggregateFunction::{Avg, Count, Max, Min, Sum};
    use Operator::{Add, Divide, Multiply, Subtract};
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (prop::sample::select(vec![Sum, Avg, Min, Max, Count]), any::<bool>(), inner.clone())
                .prop_map(|(function, by, of)| aggregate(function, if by { &["pod"] } else { &[] }, of)),
            (prop::sample::select(vec![Add, Subtract, Multiply, Divide]), inner.clone(), inner)
                .prop_map(|(operator, left, right)| arithmetic(operator, left, right)),
        ]
    })
}

proptest! {
    /// Every expression has an answer over any points: the same when points come ahead of time, and when series
    /// come in another order. None is a panic, and a query can be written for each.
    #[test]
    fn total_and_deterministic(root in any_node(), counter in any::<bool>(), points in any_points()) {
        let signal = signal("s", root.clone(), counter);
        let expression = MetricsExpression { root, over: Some(TimeSpan::from_seconds(60)) };
        prop_assert!(!to_promql(&expression, &PromqlOptions::of(&signal)).is_empty());
        let policy = policy(vec![signal]);
        let mut points = points;
        points.sort_by_key(|point| point.at);
        let mut by_series = points.clone();
        by_series.sort_by(|a, b| (&a.metric, &a.labels, a.at).cmp(&(&b.metric, &b.labels, b.at)));
        let mut ahead = MetricsReader::new(Arc::clone(&policy));
        by_series.into_iter().for_each(|point| { ahead.observe(Track::Canary, point); });
        let mut step_by_step = MetricsReader::new(policy);
        for instant in (0..300).step_by(15).map(at) {
            while points.first().is_some_and(|point| point.at <= instant) {
                step_by_step.observe(Track::Canary, points.remove(0));
            }
            let samples = step_by_step.samples_at(instant);
            prop_assert_eq!(&samples, &ahead.samples_at(instant));
            prop_assert!(samples.iter().all(|sample| sample.signal == SignalId(0) && sample.at <= instant));
        }
    }
}
