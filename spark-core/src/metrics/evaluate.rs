//! The value of an expression at an instant, from the series of one track.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::cause::Cause;
use super::expression::{
    AggregateFunction, Aggregation, MetricsExpression, MetricsNode, RangeFunction, Selector,
};
use super::histogram::{Bound, Buckets};
use super::matching::{Labels, Patterns, buckets_of, matchers_text};
use super::number::Number;
use super::range::{extreme, mean, over_window, sum};
use super::series::{Family, Series, Store};
use crate::condition::{Operator, Quantile};
use crate::time::{TimeSpan, Timestamp};

/// Deepest nesting of an expression. Rule text is held to 64; this fits any stack.
const DEPTH_MAX: usize = 256;

/// What an expression is computed from.
pub(super) struct Evaluation<'a> {
    /// The track's series.
    pub(super) store: &'a Store,
    /// The expression's regular expressions, compiled.
    pub(super) patterns: &'a Patterns,
    /// The instant.
    pub(super) at: Timestamp,
    /// The window of its range functions.
    pub(super) over: Option<TimeSpan>,
    /// The age beyond which a sample is no longer believed.
    pub(super) stale_after: TimeSpan,
    /// Whether the signal is a counter: then bare selectors are summed.
    pub(super) counter: bool,
}

/// Series by their labels, or a number that has none.
enum Value {
    Plain(Number),
    Series(BTreeMap<Labels, Number>),
}

/// A metric's series, their freshness seen to.
struct Source<'a> {
    metric: String,
    family: &'a Family,
}

impl<'a> Evaluation<'a> {
    /// The one value of the expression.
    pub(super) fn value(&self, expression: &MetricsExpression) -> Result<Number, Cause> {
        if expression.root.deeper_than(DEPTH_MAX) {
            return Err(Cause::TooDeep);
        }
        match self.node(&expression.root, false)? {
            Value::Plain(number) => Ok(number),
            Value::Series(series) => match series.len() {
                1 => Ok(series.into_values().next().unwrap_or(Number::NAN)),
                several => Err(Cause::Several(several)),
            },
        }
    }

    /// `grouped`: an aggregation stands above, so series stay apart.
    fn node(&self, node: &MetricsNode, grouped: bool) -> Result<Value, Cause> {
        match node {
            MetricsNode::Number(number) => Ok(Value::Plain(Number::Exact(*number))),
            MetricsNode::Select(selector) => {
                let series = self.newest(selector)?;
                Ok(Value::Series(if self.counter && !grouped { summed(series) } else { series }))
            }
            MetricsNode::Age(selector) => {
                let now = Number::Exact(self.at.unix_seconds());
                let age = |number: Number| now.apply(Operator::Subtract, number);
                let series = self.newest(selector)?;
                Ok(Value::Series(series.into_iter().map(|(labels, number)| (labels, age(number))).collect()))
            }
            MetricsNode::Range { function, selector } if !grouped && function.is_growth() => {
                self.total(*function, selector)
            }
            MetricsNode::Range { function, selector } => {
                let (source, over) = self.windowed(selector, selector.metric.clone())?;
                self.growths(*function, selector, &source, over).map(Value::Series)
            }
            MetricsNode::HistogramQuantile { quantile, selector, by } => {
                self.histogram(*quantile, selector, by, grouped)
            }
            MetricsNode::Aggregate(aggregation) => self.aggregate(aggregation),
            MetricsNode::Arithmetic { operator, left, right } => {
                arithmetic(*operator, self.node(left, grouped)?, self.node(right, grouped)?)
            }
        }
    }

    /// The metric, if its newest sample can be believed.
    fn source(&self, selector: &Selector, metric: String) -> Result<Source<'a>, Cause> {
        if let Some(pattern) = self.patterns.broken(selector) {
            return Err(Cause::Pattern(pattern.to_owned()));
        }
        let seen = self.store.family(&metric, self.at);
        let newest = seen.and_then(|family| Some((family, family.newest(self.at)?)));
        let Some((family, newest)) = newest else { return Err(Cause::NotSeen(metric)) };
        let age = self.at.since(newest);
        if age > self.stale_after {
            return Err(Cause::Stale { metric, age, limit: self.stale_after });
        }
        Ok(Source { metric, family })
    }

    /// The metric, if its samples also cover the window; and the window.
    fn windowed(&self, selector: &Selector, metric: String) -> Result<(Source<'a>, TimeSpan), Cause> {
        let Some(over) = self.over else { return Err(Cause::NoWindow(metric)) };
        let source = self.source(selector, metric)?;
        let (covered, enough) = source.family.coverage(self.at.minus(over), self.at, self.stale_after);
        if !enough {
            let covered = rust_decimal::Decimal::new(covered.into(), 2).trunc().to_string();
            return Err(Cause::ShortHistory { metric: source.metric, covered, over });
        }
        Ok((source, over))
    }

    /// The newest sample of each matching series that can be believed.
    fn newest(&self, selector: &Selector) -> Result<BTreeMap<Labels, Number>, Cause> {
        let source = self.source(selector, selector.metric.clone())?;
        let mut newest_of_all = None;
        let mut found = BTreeMap::new();
        for (labels, series) in source.family.series() {
            let point = series.newest(self.at).filter(|_| self.patterns.matches(selector, labels));
            let Some((time, reading)) = point else { continue };
            newest_of_all = newest_of_all.max(Some(*time));
            if self.at.since(*time) <= self.stale_after {
                found.insert(labels.clone(), Number::from_reading(reading));
            }
        }
        match newest_of_all {
            _ if !found.is_empty() => Ok(found),
            Some(time) => {
                let metric = format!("{}{}", source.metric, matchers_text(selector));
                Err(Cause::Stale { metric, age: self.at.since(time), limit: self.stale_after })
            }
            None => Err(Cause::NoMatch { metric: source.metric, matchers: matchers_text(selector) }),
        }
    }

    /// The function of each matching series over the window.
    fn growths(
        &self,
        function: RangeFunction,
        selector: &Selector,
        source: &Source<'a>,
        over: TimeSpan,
    ) -> Result<BTreeMap<Labels, Number>, Cause> {
        let found = self.growths_or_none(function, selector, source, over);
        match found.is_empty() {
            false => Ok(found),
            true => {
                let metric = format!("{}{}", source.metric, matchers_text(selector));
                Err(Cause::TooFew { metric, over })
            }
        }
    }

    fn growths_or_none(
        &self,
        function: RangeFunction,
        selector: &Selector,
        source: &Source<'a>,
        over: TimeSpan,
    ) -> BTreeMap<Labels, Number> {
        let start = self.at.minus(over);
        let of = |series: &Series| over_window(function, series.within(start, self.at), start, self.at);
        source
            .family
            .series()
            .filter(|(labels, _)| self.patterns.matches(selector, labels))
            .filter_map(|(labels, series)| Some((labels.clone(), of(series)?)))
            .collect()
    }

    /// `sum(rate(…))`. What matches nothing of a metric that does grow is zero: no error was ever counted.
    fn total(&self, function: RangeFunction, selector: &Selector) -> Result<Value, Cause> {
        let (source, over) = self.windowed(selector, selector.metric.clone())?;
        let matching = self.growths_or_none(function, selector, &source, over);
        if !matching.is_empty() {
            return Ok(Value::Series(summed(matching)));
        }
        let all = Selector { metric: selector.metric.clone(), matchers: Vec::new() };
        let whole = sum(self.growths(function, &all, &source, over)?.into_values());
        let none = Number::ZERO.apply(Operator::Multiply, whole);
        Ok(Value::Series(BTreeMap::from([(Labels::new(), none)])))
    }

    fn histogram(
        &self,
        quantile: Quantile,
        selector: &Selector,
        by: &[String],
        grouped: bool,
    ) -> Result<Value, Cause> {
        let (source, over) = self.windowed(selector, buckets_of(selector))?;
        let mut groups: BTreeMap<Labels, Buckets> = BTreeMap::new();
        for (mut labels, rate) in self.growths(RangeFunction::Rate, selector, &source, over)? {
            let Some(bound) = labels.remove("le").as_deref().and_then(Bound::parse) else { continue };
            if !grouped || !by.is_empty() {
                labels.retain(|label, _| by.contains(label));
            }
            groups.entry(labels).or_default().add(bound, rate);
        }
        if groups.is_empty() {
            return Err(Cause::TooFew { metric: source.metric, over });
        }
        let of = |buckets: Buckets| buckets.quantile(quantile.fraction());
        Ok(Value::Series(groups.into_iter().map(|(labels, buckets)| (labels, of(buckets))).collect()))
    }

    fn aggregate(&self, aggregation: &Aggregation) -> Result<Value, Cause> {
        let Aggregation { function, by, of } = aggregation;
        if let (AggregateFunction::Sum, [], MetricsNode::Range { function, selector }) =
            (function, by.as_slice(), of.as_ref())
            && function.is_growth()
        {
            // what stands there when nothing is written
            return self.total(*function, selector);
        }
        let Value::Series(series) = self.node(of, true)? else { return Err(Cause::PlainNumber) };
        let mut groups: BTreeMap<Labels, Vec<Number>> = BTreeMap::new();
        for (mut labels, number) in series {
            labels.retain(|label, _| by.contains(label));
            groups.entry(labels).or_default().push(number);
        }
        let reduce = |numbers: Vec<Number>| reduced(*function, &numbers);
        Ok(Value::Series(groups.into_iter().map(|(labels, numbers)| (labels, reduce(numbers))).collect()))
    }
}

impl RangeFunction {
    /// Whether it is read off counters, and summed where nothing else is said.
    pub(super) const fn is_growth(self) -> bool {
        matches!(self, Self::Rate | Self::Increase)
    }
}

fn summed(series: BTreeMap<Labels, Number>) -> BTreeMap<Labels, Number> {
    BTreeMap::from([(Labels::new(), sum(series.into_values()))])
}

fn reduced(function: AggregateFunction, numbers: &[Number]) -> Number {
    let all = numbers.iter().copied();
    match function {
        AggregateFunction::Sum => sum(all),
        AggregateFunction::Avg => mean(all).unwrap_or(Number::NAN),
        AggregateFunction::Min => extreme(all, Ordering::Less).unwrap_or(Number::NAN),
        AggregateFunction::Max => extreme(all, Ordering::Greater).unwrap_or(Number::NAN),
        AggregateFunction::Count => Number::Exact(numbers.len().into()),
    }
}

/// Series meet on equal labels; a plain number meets every series.
fn arithmetic(operator: Operator, left: Value, right: Value) -> Result<Value, Cause> {
    Ok(match (left, right) {
        (Value::Plain(a), Value::Plain(b)) => Value::Plain(a.apply(operator, b)),
        (Value::Series(series), Value::Plain(b)) => {
            Value::Series(series.into_iter().map(|(labels, a)| (labels, a.apply(operator, b))).collect())
        }
        (Value::Plain(a), Value::Series(series)) => {
            Value::Series(series.into_iter().map(|(labels, b)| (labels, a.apply(operator, b))).collect())
        }
        (Value::Series(left), Value::Series(right)) => {
            let both: BTreeMap<Labels, Number> = left
                .into_iter()
                .filter_map(|(labels, a)| {
                    let b = *right.get(&labels)?;
                    Some((labels, a.apply(operator, b)))
                })
                .collect();
            if both.is_empty() {
                return Err(Cause::NothingInCommon(operator.as_str()));
            }
            Value::Series(both)
        }
    })
}
