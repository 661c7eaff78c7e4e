//! The same expressions as PromQL, for a Prometheus that has scraped what Spark would scrape.
//!
//! What a query gives at an instant agrees with Spark's own evaluation, these aside:
//!
//! - Coverage of a window is asked at twenty places of it: whether a sample was at most `stale after` old there. So
//!   it is known to a twentieth, and after a gap a window is covered up to `stale after` later.
//! - A sample exactly as old as the window or as 5 m: Prometheus 2 sees it, Prometheus 3 and Spark do not.
//! - With `stale after` above 5 m, Prometheus' look-back, a sample exactly `stale after` old is not seen.
//! - Below a millisecond, times are rounded.
//! - Where Spark has a failed reading with its cause, a query has no result, or several.

use std::fmt::Write as _;

use rust_decimal::Decimal;

use super::expression::{
    AggregateFunction, LabelMatch, LabelMatcher, MetricsExpression, MetricsNode, RangeFunction, Selector,
};
use super::matching::buckets_of;
use crate::signal::{Signal, Track};
use crate::time::TimeSpan;

/// How far an instant selector of Prometheus looks back, unless its operator changed it.
const LOOK_BACK: TimeSpan = TimeSpan::from_seconds(300);

/// At how many places of a window its coverage is asked, and more than how many of them must be covered: 80 %.
const COVERAGE_PLACES: i64 = 20;
const COVERED_PLACES: i64 = 16;

/// What a query needs to know beside the expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromqlOptions {
    /// Whether the signal is a counter: then bare selectors are summed.
    pub counter: bool,
    /// The age beyond which a sample is no longer believed.
    pub stale_after: TimeSpan,
    /// Matchers that every selector gets: those that choose the track.
    pub matchers: Vec<LabelMatcher>,
}

impl PromqlOptions {
    /// The options of a signal, without a track's matchers.
    pub const fn of(signal: &Signal) -> Self {
        Self { counter: signal.counter, stale_after: signal.stale_after, matchers: Vec::new() }
    }

    /// The same with the matcher for series that carry their track as a label: `track="baseline"`, or another.
    #[must_use]
    pub fn on_track(mut self, track: Track) -> Self {
        let operator = match track {
            Track::Canary => LabelMatch::NotEqual,
            Track::Baseline => LabelMatch::Equal,
        };
        let value = Track::Baseline.as_str().to_owned();
        self.matchers.push(LabelMatcher { label: "track".to_owned(), operator, value });
        self
    }
}

/// The expression as one PromQL query, to be asked at an instant; its one result is the value, not yet scaled.
///
/// No result means that there is no value that could be believed; several mean that the expression leaves
/// several series where a signal is one.
pub fn to_promql(expression: &MetricsExpression, options: &PromqlOptions) -> String {
    let query = Query { over: expression.over.unwrap_or_default(), options };
    let text = query.node(&expression.root, false);
    if is_plain(&expression.root) { format!("vector({text})") } else { text }
}

fn is_plain(node: &MetricsNode) -> bool {
    match node {
        MetricsNode::Number(_) => true,
        MetricsNode::Arithmetic { left, right, .. } => is_plain(left) && is_plain(right),
        _ => false,
    }
}

struct Query<'a> {
    over: TimeSpan,
    options: &'a PromqlOptions,
}

impl Query<'_> {
    fn node(&self, node: &MetricsNode, grouped: bool) -> String {
        match node {
            MetricsNode::Number(number) => number_text(*number),
            MetricsNode::Select(selector) if self.options.counter && !grouped => {
                format!("sum({})", self.newest(selector))
            }
            MetricsNode::Select(selector) => self.newest(selector),
            MetricsNode::Age(selector) => format!("(time() - {})", self.newest(selector)),
            MetricsNode::Range { function, selector } if !grouped && function.is_growth() => {
                self.total(*function, selector)
            }
            MetricsNode::Range { function, selector } => {
                let text = self.range(*function, &self.select(&selector.metric, &selector.matchers));
                self.believed(&text, &selector.metric)
            }
            MetricsNode::HistogramQuantile { quantile, selector, by } => {
                let metric = buckets_of(selector);
                let mut rates = self.range(RangeFunction::Rate, &self.select(&metric, &selector.matchers));
                if !grouped || !by.is_empty() {
                    let labels: Vec<_> =
                        std::iter::once("le").chain(by.iter().map(String::as_str)).map(label_text).collect();
                    rates = format!("sum by ({}) ({rates})", labels.join(", "));
                }
                let quantile = number_text(quantile.fraction());
                self.believed(&format!("histogram_quantile({quantile}, {rates})"), &metric)
            }
            MetricsNode::Aggregate(aggregation) => {
                if let (AggregateFunction::Sum, [], MetricsNode::Range { function, selector }) =
                    (aggregation.function, aggregation.by.as_slice(), aggregation.of.as_ref())
                    && function.is_growth()
                {
                    return self.total(*function, selector);
                }
                let of = self.node(&aggregation.of, true);
                let by: Vec<_> = aggregation.by.iter().map(|label| label_text(label)).collect();
                let by = if by.is_empty() { String::new() } else { format!(" by ({})", by.join(", ")) };
                format!("{}{by}({of})", aggregation.function.as_str())
            }
            MetricsNode::Arithmetic { operator, left, right } => {
                let (left, right) = (self.node(left, grouped), self.node(right, grouped));
                format!("({left} {} {right})", operator.as_str())
            }
        }
    }

    /// The newest sample of each series, if it can be believed.
    fn newest(&self, selector: &Selector) -> String {
        let text = self.select(&selector.metric, &selector.matchers);
        let stale = self.options.stale_after;
        if stale > LOOK_BACK {
            return format!("last_over_time({text}[{}])", span_text(stale));
        }
        format!("({text} and (time() - timestamp({text}) <= {}))", number_text(stale.seconds()))
    }

    /// The sum over all series; what matches nothing of a metric that does grow is zero.
    fn total(&self, function: RangeFunction, selector: &Selector) -> String {
        let matching = self.range(function, &self.select(&selector.metric, &selector.matchers));
        let mut text = format!("sum({matching})");
        if !selector.matchers.is_empty() {
            let all = self.range(function, &self.select(&selector.metric, &[]));
            text = format!("({text} or 0 * sum({all}))");
        }
        self.believed(&text, &selector.metric)
    }

    fn range(&self, function: RangeFunction, selected: &str) -> String {
        format!("{}({selected}[{}])", range_name(function), span_text(self.over))
    }

    /// `text`, if the metric's newest sample can be believed and its samples cover the window.
    fn believed(&self, text: &str, metric: &str) -> String {
        let all = self.select(metric, &[]);
        let stale = self.options.stale_after;
        let alive = format!("count(count_over_time({all}[{}]))", span_text(stale));
        let fresh = if stale > LOOK_BACK {
            format!("{alive} > 0")
        } else {
            format!("time() - max(timestamp({all})) <= {}", number_text(stale.seconds()))
        };
        let between = self.over.nanos().checked_div(COVERAGE_PLACES).unwrap_or_default();
        let (over, step) = (span_text(self.over), span_text(TimeSpan::from_nanos(between)));
        let covered = format!("count_over_time({alive}[{over}:{step}]) > {COVERED_PLACES}");
        format!("({text} and on() ({fresh}) and on() ({covered}))")
    }

    /// A selector with the matchers of the track.
    fn select(&self, metric: &str, matchers: &[LabelMatcher]) -> String {
        selector_text(metric, matchers.iter().chain(&self.options.matchers))
    }
}

/// A selector of a metric's series.
pub(super) fn selector_text<'m>(metric: &str, matchers: impl Iterator<Item = &'m LabelMatcher>) -> String {
    let mut parts: Vec<String> = Vec::new();
    let plain = is_name(metric, true);
    if !plain {
        parts.push(format!("__name__={}", quoted(metric)));
    }
    for matcher in matchers {
        let label = label_text(&matcher.label);
        parts.push(format!("{label}{}{}", matcher.operator.as_str(), quoted(&matcher.value)));
    }
    let name = if plain { metric } else { "" };
    if parts.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", parts.join(",")) }
}

/// How PromQL writes it.
const fn range_name(function: RangeFunction) -> &'static str {
    match function {
        RangeFunction::Slope => "deriv",
        same => same.as_str(),
    }
}

fn number_text(number: Decimal) -> String {
    let text = number.normalize().to_string();
    if number.is_sign_negative() { format!("({text})") } else { text }
}

/// Whole seconds, or milliseconds: at least one, since Prometheus knows nothing shorter.
fn span_text(span: TimeSpan) -> String {
    let millis = span.nanos().checked_div(1_000_000).unwrap_or_default().max(1);
    match (millis.checked_rem(1_000), millis.checked_div(1_000)) {
        (Some(0), Some(seconds)) => format!("{seconds}s"),
        _ => format!("{millis}ms"),
    }
}

fn is_name(text: &str, colons: bool) -> bool {
    let first = |b: u8| b.is_ascii_alphabetic() || b == b'_' || (colons && b == b':');
    text.bytes().next().is_some_and(first) && text.bytes().all(|b| first(b) || b.is_ascii_digit())
}

/// A label's name; one that is not of the classic letters is quoted, which Prometheus 3 reads.
fn label_text(label: &str) -> String {
    if is_name(label, false) { label.to_owned() } else { quoted(label) }
}

/// Text as a PromQL string: backslashes, quotes and control characters are escaped.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::{Operator, Quantile};
    use crate::metrics::Aggregation;

    fn select(metric: &str, matchers: &[(&str, LabelMatch, &str)]) -> Selector {
        let matcher = |(label, operator, value): &(&str, LabelMatch, &str)| LabelMatcher {
            label: (*label).into(),
            operator: *operator,
            value: (*value).into(),
        };
        Selector { metric: metric.into(), matchers: matchers.iter().map(matcher).collect() }
    }

    fn check(root: MetricsNode, options: &PromqlOptions, expected: &str) {
        let expression = MetricsExpression { root, over: Some(TimeSpan::from_seconds(60)) };
        assert_eq!(to_promql(&expression, options), expected);
    }

    fn options(stale: u32) -> PromqlOptions {
        let stale_after = TimeSpan::from_seconds(stale);
        PromqlOptions { counter: false, stale_after, matchers: Vec::new() }
    }

    /// Every node becomes the PromQL that it stands for, guarded as its evaluation is.
    #[test]
    fn queries() {
        use LabelMatch::{Equal, Matches};
        let gauge = || MetricsNode::Select(select("up", &[("job", Equal, "a\"b\\c\nd")]));
        let text = r#"up{job="a\"b\\c\nd"}"#;
        check(gauge(), &options(45), &format!("({text} and (time() - timestamp({text}) <= 45))"));
        check(gauge(), &options(600), &format!("last_over_time({text}[600s])"));
        check(
            MetricsNode::Age(select("t", &[])),
            &options(45),
            "(time() - (t and (time() - timestamp(t) <= 45)))",
        );
        let counter = PromqlOptions { counter: true, ..options(45) };
        check(MetricsNode::Select(select("n", &[])), &counter, "sum((n and (time() - timestamp(n) <= 45)))");
        let guard = "and on() (time() - max(timestamp(m)) <= 45) and on() (count_over_time(count(count_over_time(m[45s]))[60s:3s]) > 16)";
        let errors = || MetricsNode::Range {
            function: RangeFunction::Rate,
            selector: select("m", &[("s", Matches, r"5\d")]),
        };
        let total = format!(r#"((sum(rate(m{{s=~"5\\d"}}[60s])) or 0 * sum(rate(m[60s]))) {guard})"#);
        check(errors(), &options(45), &total);
        let sum = |by: &[&str]| {
            MetricsNode::Aggregate(Aggregation {
                function: AggregateFunction::Sum,
                by: by.iter().map(|b| (*b).to_owned()).collect(),
                of: Box::new(errors()),
            })
        };
        check(sum(&[]), &options(45), &total);
        check(
            sum(&["a", "b"]),
            &options(45),
            &format!(r#"sum by (a, b)((rate(m{{s=~"5\\d"}}[60s]) {guard}))"#),
        );
        let negative = MetricsNode::Number(Decimal::NEGATIVE_ONE);
        let product = MetricsNode::Arithmetic {
            operator: Operator::Multiply,
            left: Box::new(negative.clone()),
            right: Box::new(MetricsNode::Select(select("a.b", &[]))),
        };
        let dotted = r#"{__name__="a.b"}"#;
        check(
            product,
            &options(45),
            &format!("((-1) * ({dotted} and (time() - timestamp({dotted}) <= 45)))"),
        );
        check(negative, &options(45), "vector((-1))");
    }

    /// A histogram is read through its buckets, and the track's matchers stand in every selector.
    #[test]
    fn histograms_and_tracks() {
        let node = MetricsNode::HistogramQuantile {
            quantile: Quantile::parse("p99.9").unwrap(),
            selector: select("h", &[]),
            by: vec!["instance".into()],
        };
        let h = r#"h_bucket{track="baseline"}"#;
        check(
            node,
            &options(45).on_track(Track::Baseline),
            &format!(
                "(histogram_quantile(0.999, sum by (le, instance) (rate({h}[60s]))) \
                 and on() (time() - max(timestamp({h})) <= 45) \
                 and on() (count_over_time(count(count_over_time({h}[45s]))[60s:3s]) > 16))"
            ),
        );
        let canary = options(45).on_track(Track::Canary);
        let text = r#"x{track!="baseline"}"#;
        check(
            MetricsNode::Select(select("x", &[])),
            &canary,
            &format!("({text} and (time() - timestamp({text}) <= 45))"),
        );
    }
}
