//! How high a quantile can read: to the highest finite bucket of its histogram, and never above it.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::expression::{AggregateFunction, LabelMatcher, MetricsNode, Selector};
use super::histogram::Bound;
use super::matching::{Labels, Patterns, buckets_of};
use super::promql::selector_text;
use super::reader::{MetricPoint, TRACK_LABEL};
use crate::condition::Operator;
use crate::decimal::settled;
use crate::policy::Policy;
use crate::signal::{Reading, SignalId, Source, Track};

/// The highest value that a signal can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    /// The signal.
    pub signal: SignalId,
    /// The histogram that it takes a quantile of, named without `_bucket`.
    pub histogram: String,
    /// The upper bound of the histogram's highest finite bucket, as its `le` has it.
    pub le: Decimal,
    /// The value, in the signal's base unit.
    pub value: Decimal,
    /// Whether the signal reads that bound itself, scaled to its unit, and nothing computed from it.
    pub is_bound: bool,
}

/// Learns from series how high the canary's signals can read that take one quantile of a classic histogram.
///
/// Buckets that any series has count, whenever it had them: series of several instances are added up, and one with a
/// higher bucket lifts them all. Where a signal adds quantiles up, or computes with two of them, nothing is known.
#[derive(Debug, Clone)]
pub struct Ceilings {
    watched: Vec<Watched>,
}

/// A signal that takes one quantile.
#[derive(Debug, Clone)]
struct Watched {
    signal: SignalId,
    root: MetricsNode,
    scale: Decimal,
    patterns: Patterns,
    histogram: Selector,
    /// The metric of the histogram's buckets.
    buckets: String,
    /// The highest bound so far.
    top: Option<Decimal>,
}

impl Ceilings {
    /// For the signals of a policy; nothing is known yet.
    pub fn new(policy: &Policy) -> Self {
        let mut watched = Vec::new();
        for (signal, declared) in (0_u32..).map(SignalId).zip(policy.signals()) {
            let Source::Metrics(expression) = &declared.source else { continue };
            let Some(histogram) = histogram_of(&expression.root) else { continue };
            watched.push(Watched {
                signal,
                root: expression.root.clone(),
                scale: declared.scale,
                patterns: Patterns::of(&expression.root),
                buckets: buckets_of(histogram),
                histogram: histogram.clone(),
                top: None,
            });
        }
        Self { watched }
    }

    /// Takes a point's series in. The baseline's say nothing of the canary.
    pub fn see(&mut self, track: Track, point: &MetricPoint) {
        if !self.watched.iter().any(|watched| watched.buckets == point.metric) {
            return;
        }
        let mut labels = Cow::Borrowed(&point.labels);
        if labels.contains_key(TRACK_LABEL) {
            let said = labels.to_mut().remove(TRACK_LABEL);
            if said.as_deref() == Some(Track::Baseline.as_str()) {
                return;
            }
        }
        if track == Track::Canary {
            self.see_series(&point.metric, &labels);
        }
    }

    /// Takes a series of the canary in; its labels are without the track's.
    pub(super) fn see_series(&mut self, metric: &str, labels: &Labels) {
        let Some(Bound::At(bound)) = labels.get("le").and_then(|le| Bound::parse(le)) else { return };
        for watched in self.watched.iter_mut().filter(|watched| watched.buckets == metric) {
            // matching costs more, and most points are of bounds that are known
            if watched.top.is_none_or(|top| top < bound)
                && watched.patterns.matches(&watched.histogram, labels)
            {
                watched.top = Some(bound);
            }
        }
    }

    /// The series that tell a ceiling, as PromQL selectors with these matchers beside their own; a server that keeps them
    /// can be asked for the values of their label `le`, which [`Ceilings::see_bound`] takes.
    pub fn selectors(&self, matchers: &[LabelMatcher]) -> Vec<(SignalId, String)> {
        let selector = |watched: &Watched| {
            let all = watched.histogram.matchers.iter().chain(matchers);
            (watched.signal, selector_text(&watched.buckets, all))
        };
        self.watched.iter().map(selector).collect()
    }

    /// Takes in that a signal's histogram has a bucket with this `le`.
    pub fn see_bound(&mut self, signal: SignalId, le: &str) {
        let Some(Bound::At(bound)) = Bound::parse(le) else { return };
        for watched in self.watched.iter_mut().filter(|watched| watched.signal == signal) {
            watched.top = Some(watched.top.map_or(bound, |top| top.max(bound)));
        }
    }

    /// Whether every ceiling that can be known is.
    pub fn is_complete(&self) -> bool {
        self.watched.iter().all(|watched| watched.top.is_some())
    }

    /// The metrics whose series are of any use.
    pub(super) fn metrics(&self) -> Vec<String> {
        self.watched.iter().map(|watched| watched.buckets.clone()).collect()
    }

    /// What is known by now, in the order of the signals.
    pub fn known(&self) -> impl Iterator<Item = Ceiling> {
        self.watched.iter().filter_map(|watched| {
            // as a sample comes to its value
            let scaled = |value: Decimal| Reading::Value(settled(value)).scaled(watched.scale).value();
            let le = watched.top?;
            let value = scaled(highest(&watched.root, le)?)?;
            Some(Ceiling {
                signal: watched.signal,
                histogram: watched.histogram.metric.clone(),
                le,
                value,
                is_bound: scaled(le) == Some(value),
            })
        })
    }
}

/// The histogram of an expression that rises and falls with one quantile of one histogram.
fn histogram_of(node: &MetricsNode) -> Option<&Selector> {
    match node {
        MetricsNode::HistogramQuantile { selector, .. } => Some(selector),
        MetricsNode::Aggregate(aggregation) => match aggregation.function {
            AggregateFunction::Avg | AggregateFunction::Min | AggregateFunction::Max => {
                histogram_of(&aggregation.of)
            }
            AggregateFunction::Sum | AggregateFunction::Count => None,
        },
        MetricsNode::Arithmetic { .. } => histogram_of(by_number(node)?.0),
        MetricsNode::Select(_) | MetricsNode::Number(_) | MetricsNode::Range { .. } | MetricsNode::Age(_) => {
            None
        }
    }
}

/// What is changed by a number so that it still rises and falls as it did, the operator and the number.
fn by_number(node: &MetricsNode) -> Option<(&MetricsNode, Operator, Decimal)> {
    let MetricsNode::Arithmetic { operator, left, right } = node else { return None };
    let (changed, number) = match (left.as_ref(), right.as_ref(), operator) {
        (changed, MetricsNode::Number(number), _)
        | (MetricsNode::Number(number), changed, Operator::Add | Operator::Multiply) => (changed, *number),
        _ => return None,
    };
    let keeps_order = match operator {
        Operator::Add | Operator::Subtract => true,
        Operator::Multiply | Operator::Divide => number > Decimal::ZERO,
    };
    keeps_order.then_some((changed, *operator, number))
}

/// What the expression reads where its quantile is `top`.
fn highest(node: &MetricsNode, top: Decimal) -> Option<Decimal> {
    match node {
        MetricsNode::Aggregate(aggregation) => highest(&aggregation.of, top),
        MetricsNode::Arithmetic { .. } => {
            let (changed, operator, number) = by_number(node)?;
            let value = highest(changed, top)?;
            match operator {
                Operator::Add => value.checked_add(number),
                Operator::Subtract => value.checked_sub(number),
                Operator::Multiply => value.checked_mul(number),
                Operator::Divide => value.checked_div(number),
            }
        }
        _ => Some(top),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{aggregate, arithmetic, at, number, policy, select, signal};
    use super::*;
    use crate::condition::Quantile;
    use crate::metrics::{LabelMatch, MetricsReader};

    fn quantile(matchers: &[(&str, LabelMatch, &str)], by: &[&str]) -> MetricsNode {
        MetricsNode::HistogramQuantile {
            quantile: Quantile::parse("p95").unwrap(),
            selector: select("h", matchers),
            by: by.iter().map(|label| (*label).to_owned()).collect(),
        }
    }

    fn plain() -> MetricsNode {
        quantile(&[], &[])
    }

    fn point(series: &str, track: Track) -> (Track, MetricPoint) {
        let labels = series.split_whitespace().map(|pair| pair.split_once('=').unwrap());
        let labels = labels.map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
        let reading = Reading::Value(Decimal::ONE);
        (track, MetricPoint { metric: "h_bucket".into(), labels, at: at(0), reading })
    }

    /// Series of the canary as their labels; those after `|` come from the baseline.
    fn check(root: MetricsNode, series: &str, expected: &str) {
        let policy = policy(vec![signal("s", root, false)]);
        let (mut ceilings, mut reader) = (Ceilings::new(&policy), MetricsReader::live(policy.clone()));
        let (canary, baseline) = series.split_once('|').unwrap_or((series, ""));
        for (text, track) in [(canary, Track::Canary), (baseline, Track::Baseline)] {
            for series in text.split(',').filter(|series| !series.trim().is_empty()) {
                let (track, point) = point(series, track);
                ceilings.see(track, &point);
                reader.observe(track, point);
            }
        }
        let told = |ceilings: &Ceilings| {
            let all: Vec<_> = ceilings.known().map(|known| format!("{} {}", known.le, known.value)).collect();
            all.join(", ")
        };
        assert_eq!(told(&ceilings), expected, "{series}");
        assert_eq!(told(&reader.ceilings()), expected, "of a reader: {series}");
    }

    /// A quantile reads up to the highest finite bucket of all series that its selector matches.
    #[test]
    fn buckets() {
        check(plain(), "le=0.1, le=0.5, le=+Inf", "0.5 0.5");
        check(plain(), "le=0.5, le=0.1", "0.5 0.5");
        check(plain(), "le=0.5 pod=a, le=1 pod=b, le=+Inf pod=a", "1 1");
        check(quantile(&[("pod", LabelMatch::Equal, "a")], &[]), "le=0.5 pod=a, le=1 pod=b", "0.5 0.5");
        check(quantile(&[("pod", LabelMatch::Matches, "(")], &[]), "le=0.5 pod=a", "");
        check(plain(), "le=+Inf", "");
        check(plain(), "le=-1", "-1 -1");
        check(plain(), "le=x, pod=a, le=NaN, le=-Inf", "");
        check(plain(), "", "");
    }

    /// The baseline's buckets are not the canary's, whatever tells it.
    #[test]
    fn tracks() {
        check(plain(), "le=0.5 | le=1", "0.5 0.5");
        check(plain(), "le=0.5, le=1 track=baseline", "0.5 0.5");
        check(plain(), "le=0.5, le=1 track=canary", "1 1");
        check(plain(), "le=0.5 | le=1 track=canary", "0.5 0.5");
        check(plain(), " | le=1", "");
    }

    /// What rises and falls with one quantile is known as far as the quantile is; anything else is not.
    #[test]
    fn expressions() {
        use AggregateFunction::{Avg, Count, Max, Min, Sum};
        use Operator::{Add, Divide, Multiply, Subtract};
        let by_pod = || quantile(&[], &["pod"]);
        let times = |left, right| arithmetic(Multiply, left, right);
        for function in [Avg, Min, Max] {
            check(aggregate(function, &[], by_pod()), "le=0.5 pod=a, le=1 pod=b", "1 1");
        }
        for function in [Sum, Count] {
            check(aggregate(function, &[], by_pod()), "le=0.5 pod=a", "");
        }
        check(times(plain(), number(1000)), "le=0.5", "0.5 500");
        check(times(number(1000), plain()), "le=0.5", "0.5 500");
        check(arithmetic(Add, number(2), plain()), "le=0.5", "0.5 2.5");
        check(arithmetic(Subtract, plain(), number(2)), "le=0.5", "0.5 -1.5");
        check(arithmetic(Divide, plain(), number(2)), "le=0.5", "0.5 0.25");
        for falling in [
            times(plain(), number(-1)),
            times(plain(), number(0)),
            arithmetic(Divide, number(1), plain()),
            arithmetic(Divide, plain(), number(0)),
            arithmetic(Subtract, number(1), plain()),
            arithmetic(Add, plain(), plain()),
            number(1),
        ] {
            check(falling, "le=0.5", "");
        }
        let scaled = crate::Signal { scale: Decimal::new(1, 3), ..signal("s", plain(), false) };
        let mut ceilings = Ceilings::new(&policy(vec![signal("g", number(1), false), scaled]));
        let (track, point) = point("le=500", Track::Canary);
        ceilings.see(track, &point);
        let known: Vec<_> = ceilings.known().collect();
        let (le, value) = (Decimal::from(500), Decimal::new(5, 1));
        assert_eq!(
            known,
            [Ceiling { signal: SignalId(1), histogram: "h".into(), le, value, is_bound: true }]
        );
    }

    /// A server is asked for the bounds of just the series that the quantile is taken from.
    #[test]
    fn selectors() {
        let root = quantile(&[("pod", LabelMatch::Matches, "a|\"b\"")], &[]);
        let policy = policy(vec![signal("g", number(1), false), signal("s", root, false)]);
        let mut ceilings = Ceilings::new(&policy);
        let track =
            LabelMatcher { label: "track".into(), operator: LabelMatch::NotEqual, value: "baseline".into() };
        let selector = r#"h_bucket{pod=~"a|\"b\"",track!="baseline"}"#.to_owned();
        assert_eq!(ceilings.selectors(&[track]), [(SignalId(1), selector)]);
        for le in ["0.5", "x", "+Inf", "0.1"] {
            assert!(!ceilings.is_complete() || le != "0.5");
            ceilings.see_bound(SignalId(1), le);
            ceilings.see_bound(SignalId(0), "7");
        }
        assert!(ceilings.is_complete());
        assert_eq!(ceilings.known().map(|known| known.value).collect::<Vec<_>>(), [Decimal::new(5, 1)]);
    }

    fn any_rising() -> impl Strategy<Value = MetricsNode> {
        use AggregateFunction::{Avg, Max, Min, Sum};
        use Operator::{Add, Divide, Multiply, Subtract};
        let matchers: Vec<Vec<(&str, LabelMatch, &str)>> =
            vec![vec![], vec![("pod", LabelMatch::Equal, "a")], vec![("pod", LabelMatch::NotMatches, "b|")]];
        let leaf = (prop::sample::select(matchers), any::<bool>())
            .prop_map(|(matchers, by)| quantile(&matchers, if by { &["pod"] } else { &[] }));
        leaf.prop_recursive(3, 4, 1, |inner| {
            prop_oneof![
                (prop::sample::select(vec![Avg, Min, Max, Sum]), inner.clone())
                    .prop_map(|(function, of)| aggregate(function, &[], of)),
                (
                    prop::sample::select(vec![Add, Subtract, Multiply, Divide]),
                    -3_i64..7,
                    any::<bool>(),
                    inner
                )
                    .prop_map(|(operator, by, first, of)| match first {
                        true => arithmetic(operator, number(by), of),
                        false => arithmetic(operator, of, number(by)),
                    }),
            ]
        })
    }

    /// Series of two pods' buckets, scraped every 15 s: how much each grows from one scrape to the next.
    fn any_growth() -> impl Strategy<Value = Vec<MetricPoint>> {
        let bounds = prop::sample::select(vec!["0.1", "1", "5", "+Inf", "+Inf"]);
        let series = (any::<bool>(), bounds, prop::collection::vec(0_i64..9, 9));
        prop::collection::vec(series, 1..9).prop_map(|all| {
            let mut points = Vec::new();
            for (first, le, growth) in all {
                let (_, one) =
                    point(&format!("le={le} pod={}", if first { "a" } else { "b" }), Track::Canary);
                let counts = growth.iter().scan(0_i64, |count, more| {
                    *count = count.saturating_add(*more);
                    Some(*count)
                });
                points.extend((0..).step_by(15).zip(counts).map(|(second, count)| MetricPoint {
                    at: at(second),
                    reading: Reading::Value(count.into()),
                    ..one.clone()
                }));
            }
            points
        })
    }

    proptest! {
        /// No sample of a signal is above its ceiling, whatever was scraped.
        #[test]
        fn nothing_is_above(root in any_rising(), mut points in any_growth()) {
            let policy = policy(vec![signal("s", root, false)]);
            let (mut ceilings, mut reader) = (Ceilings::new(&policy), MetricsReader::new(policy.clone()));
            points.sort_by_key(|point| point.at);
            for point in points {
                ceilings.see(Track::Canary, &point);
                reader.observe(Track::Canary, point);
            }
            prop_assert_eq!(
                ceilings.known().collect::<Vec<_>>(), reader.ceilings().known().collect::<Vec<_>>()
            );
            let Some(top) = ceilings.known().next() else { return Ok(()) };
            for instant in (0..150).step_by(15).map(at) {
                let values = reader.samples_at(instant).into_iter().filter_map(|sample| sample.reading.value());
                for value in values {
                    prop_assert!(value <= top.value, "{} is above {}", value, top.value);
                }
            }
        }
    }
}
