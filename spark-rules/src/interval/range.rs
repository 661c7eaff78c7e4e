//! Between which values an expression lies, from what its signals are.

use rust_decimal::Decimal;
use spark_core::metrics::{AggregateFunction, LabelMatch, MetricsNode, RangeFunction, Selector};
use spark_core::{
    Comparison, Condition, Dimension, Expression, Operator, Plan, Relation, Signal, SignalId, Source, Test,
    TimeSpan, Trigger, WindowFunction,
};

use crate::test::{Series, TestCase};

/// The part of a window that samples must cover for its function to be known, in percent: as the engine has it.
const COVERED_MIN_PERCENT: i64 = 80;

/// Values from `low` to `high`, both included; without an end, on and on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) low: Option<Decimal>,
    pub(crate) high: Option<Decimal>,
}

impl Range {
    pub(super) const ANY: Self = Self { low: None, high: None };
    const POSITIVE: Self = Self { low: Some(Decimal::ZERO), high: None };
    const SHARE: Self = Self { low: Some(Decimal::ZERO), high: Some(Decimal::ONE) };
    const CORRELATION: Self = Self { low: Some(Decimal::NEGATIVE_ONE), high: Some(Decimal::ONE) };

    const fn only(value: Decimal) -> Self {
        Self { low: Some(value), high: Some(value) }
    }

    const fn at_least(low: Decimal) -> Self {
        Self { low: Some(low), high: None }
    }

    pub(super) fn is_positive(self) -> bool {
        self.low.is_some_and(|low| low >= Decimal::ZERO)
    }

    fn widened(self, value: Decimal) -> Self {
        Self { low: self.low.map(|low| low.min(value)), high: self.high.map(|high| high.max(value)) }
    }

    fn negated(self) -> Self {
        let turned = |end: Option<Decimal>| end.and_then(|end| Decimal::ZERO.checked_sub(end));
        Self { low: turned(self.high), high: turned(self.low) }
    }

    fn plus(self, other: Self) -> Self {
        let sum = |a: Option<Decimal>, b: Option<Decimal>| a.zip(b).and_then(|(a, b)| a.checked_add(b));
        Self { low: sum(self.low, other.low), high: sum(self.high, other.high) }
    }

    fn times(self, other: Self) -> Self {
        if let (Some(a), Some(b), Some(c), Some(d)) = (self.low, self.high, other.low, other.high) {
            let products = [a.checked_mul(c), a.checked_mul(d), b.checked_mul(c), b.checked_mul(d)];
            let known: Option<Vec<Decimal>> = products.into_iter().collect();
            let Some(known) = known else { return Self::ANY };
            return Self { low: known.iter().min().copied(), high: known.iter().max().copied() };
        }
        match (self.is_positive(), other.is_positive()) {
            (true, true) => Self {
                low: self.low.zip(other.low).and_then(|(a, b)| a.checked_mul(b)).or(Some(Decimal::ZERO)),
                high: None,
            },
            _ => Self::ANY,
        }
    }

    fn over(self, other: Self) -> Self {
        match (other.low, other.high) {
            // a divisor that may be zero is unknown there, and may be next to zero
            (Some(low), high) if low > Decimal::ZERO => {
                let inverse = |value: Decimal| Decimal::ONE.checked_div(value);
                let least = high.and_then(inverse).unwrap_or(Decimal::ZERO);
                // a quotient is rounded, so its bounds are not used to the last digit: see `Space`
                self.times(Self { low: Some(least), high: inverse(low) })
            }
            _ if self.is_positive() && other.is_positive() => Self::POSITIVE,
            _ => Self::ANY,
        }
    }

    fn apply(self, operator: Operator, other: Self) -> Self {
        match operator {
            Operator::Add => self.plus(other),
            Operator::Subtract => self.plus(other.negated()),
            Operator::Multiply => self.times(other),
            Operator::Divide => self.over(other),
        }
    }
}

/// What is known of one signal.
#[derive(Debug, Clone, Copy)]
struct Known {
    range: Range,
    stale_after: TimeSpan,
    /// The range follows from how it is computed; else only from what it is said to be.
    sure: bool,
    /// The highest bucket that a quantile can be taken from.
    top_bucket: Option<Decimal>,
}

/// Between which values signals lie.
///
/// A share lies between 0 and 1, a length of time, an amount, a number of things and a counter are not negative, unless the
/// signal is computed as a difference. What a test gives can be, whatever the type says; and a duration that is compared
/// with a negative one is taken to have a sign, as a clock's offset has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ranges {
    signals: Vec<Known>,
}

impl Ranges {
    /// Of the signals of a policy.
    pub(crate) fn of<'t>(
        signals: &[Signal],
        triggers: &[Trigger],
        plans: &[Plan],
        tests: impl IntoIterator<Item = &'t TestCase>,
    ) -> Self {
        let mut ranges = Self { signals: signals.iter().map(known).collect() };
        let mut see = |condition: &Condition| {
            condition.comparisons(&mut |comparison| ranges.see_sign(comparison));
        };
        signals.iter().filter_map(|signal| signal.expectation.as_ref()).for_each(&mut see);
        for trigger in triggers {
            trigger.levels.iter().map(|level| &level.condition).for_each(&mut see);
            trigger.clear.iter().chain(&trigger.given).for_each(&mut see);
        }
        plans.iter().filter_map(|plan| plan.proceed.as_ref()).for_each(&mut see);
        for given in tests.into_iter().flat_map(|test| &test.given) {
            for step in &given.steps {
                ranges.see_given(given.signal, &step.series);
            }
        }
        ranges
    }

    /// Holds a signal to at most `high`.
    pub(crate) fn bound(&mut self, signal: SignalId, high: Decimal) {
        if let Some(known) = self.signals.get_mut(signal.index()) {
            let Range { low, high: known_high } = known.range;
            let high = known_high.map_or(high, |known| known.min(high));
            known.range = Range { low: low.map(|low| low.min(high)), high: Some(high) };
        }
    }

    /// Holds a signal between both.
    pub(crate) fn bound_to(&mut self, signal: SignalId, low: Decimal, high: Decimal) {
        if let Some(known) = self.signals.get_mut(signal.index()) {
            known.range = Range { low: Some(low), high: Some(high) };
        }
    }

    /// A value that a signal has somewhere can be.
    pub(crate) fn see_value(&mut self, signal: SignalId, value: Decimal) {
        if let Some(known) = self.signals.get_mut(signal.index()) {
            known.range = known.range.widened(value);
        }
    }

    /// The highest bucket that a quantile can be taken from, where its source says it.
    pub(crate) fn top_bucket(&self, signal: SignalId) -> Option<Decimal> {
        self.signals.get(signal.index())?.top_bucket
    }

    /// A literal below zero beside a signal says that its author takes it to have a sign.
    fn see_sign(&mut self, comparison: &Comparison) {
        let right = match &comparison.test {
            Test::Is(_, right) => vec![right],
            Test::Between(low, high) => vec![low, high],
        };
        let sides = || right.iter().copied().chain([&comparison.left]);
        if !sides().any(|side| constant(side).is_some_and(|value| value < Decimal::ZERO)) {
            return;
        }
        for side in sides() {
            let mut signed = Vec::new();
            side.signals(&mut |id| signed.push(id));
            for id in signed {
                if let Some(known) = self.signals.get_mut(id.index()).filter(|known| !known.sure) {
                    known.range.low = None;
                }
            }
        }
    }

    fn see_given(&mut self, signal: SignalId, series: &Series) {
        let Some(known) = self.signals.get_mut(signal.index()) else { return };
        let mut see = |value: Decimal| known.range = known.range.widened(value);
        match series {
            Series::Value { value, noise } => {
                [value.checked_sub(*noise), value.checked_add(*noise)].into_iter().flatten().for_each(see);
            }
            Series::Ramp { from, to } => {
                see(*from);
                see(*to);
            }
            // it may fall below, or rise above, whatever it started from
            Series::Rises { by } if *by < Decimal::ZERO => known.range.low = None,
            Series::Rises { .. } => known.range.high = None,
            _ => {}
        }
    }

    fn signal(&self, id: SignalId) -> Range {
        self.signals.get(id.index()).map_or(Range::ANY, |known| known.range)
    }

    /// Between which values an expression without references lies where it is known.
    pub(crate) fn of_expression(&self, expression: &Expression) -> Range {
        self.expression(expression, expression)
    }

    /// Between which values an expression lies where it is known; `left` is what references stand for.
    pub(super) fn expression(&self, expression: &Expression, left: &Expression) -> Range {
        match expression {
            Expression::Signal(id) => self.signal(*id),
            Expression::Literal(value) => Range::only(*value),
            Expression::Window { function, signal, over } => self.window(*function, *signal, *over),
            Expression::Correlation { .. } => Range::CORRELATION,
            Expression::Arithmetic { operator, left: a, right: b } => {
                self.expression(a, left).apply(*operator, self.expression(b, left))
            }
            // a mean, or the same of the other version, lies where the left side does
            Expression::Baseline | Expression::PreviousStage => match matches_reference(left) {
                true => Range::ANY,
                false => self.expression(left, left),
            },
        }
    }

    fn window(&self, function: WindowFunction, signal: SignalId, over: TimeSpan) -> Range {
        let inner = self.signal(signal);
        match function {
            WindowFunction::Avg | WindowFunction::Min | WindowFunction::Max | WindowFunction::Quantile(_) => {
                inner
            }
            WindowFunction::Sum => Range {
                low: inner.low.filter(|low| *low >= Decimal::ZERO),
                high: inner.high.filter(|high| *high <= Decimal::ZERO),
            },
            WindowFunction::Count => Range::at_least(self.fewest(signal, over)),
            WindowFunction::Stddev => {
                let spread = inner.low.zip(inner.high).and_then(|(low, high)| high.checked_sub(low));
                let most = spread.and_then(|spread| spread.checked_div(Decimal::TWO));
                Range { low: Some(Decimal::ZERO), high: most }
            }
            WindowFunction::Increase | WindowFunction::Rate if inner.is_positive() => Range::POSITIVE,
            WindowFunction::Increase
            | WindowFunction::Rate
            | WindowFunction::Delta
            | WindowFunction::Slope => Range::ANY,
        }
    }

    /// The fewest samples with which a window is known: each covers at most `stale after` of it.
    pub(crate) fn fewest(&self, signal: SignalId, over: TimeSpan) -> Decimal {
        let stale = self.signals.get(signal.index()).map_or(TimeSpan::MAX, |known| known.stale_after);
        let covered = i128::from(over.nanos()).saturating_mul(COVERED_MIN_PERCENT.into());
        let each = i128::from(stale.nanos()).saturating_mul(100).max(1);
        let rest = covered.checked_rem(each).unwrap_or(0);
        let whole = covered.checked_div(each).unwrap_or(0).saturating_add((rest > 0).into());
        Decimal::from(u64::try_from(whole.max(1)).unwrap_or(1))
    }
}

fn matches_reference(expression: &Expression) -> bool {
    matches!(expression, Expression::Baseline | Expression::PreviousStage)
}

/// The value of an expression that reads nothing, computed as the engine computes it.
pub(super) fn constant(expression: &Expression) -> Option<Decimal> {
    match expression {
        Expression::Literal(value) => Some(*value),
        Expression::Arithmetic { operator, left, right } => {
            let (left, right) = (constant(left)?, constant(right)?);
            match operator {
                Operator::Add => left.checked_add(right),
                Operator::Subtract => left.checked_sub(right),
                Operator::Multiply => left.checked_mul(right),
                Operator::Divide => left.checked_div(right),
            }
        }
        _ => None,
    }
}

fn known(signal: &Signal) -> Known {
    let computed = match &signal.source {
        Source::Metrics(metrics) => metrics_range(&metrics.root),
        _ => Range::ANY,
    };
    let difference = matches!(&signal.source, Source::Metrics(metrics) if is_signed(&metrics.root));
    let (typed, sure) = match (signal.unit.dimension, signal.unit.per_time) {
        _ if difference => (Range::ANY, false),
        _ if signal.counter => (Range::POSITIVE, true),
        (Dimension::Ratio, false) => (Range::SHARE, true),
        (Dimension::Duration, false) => (Range::POSITIVE, computed.is_positive()),
        (Dimension::Bytes | Dimension::Count, false) => (Range::POSITIVE, true),
        _ if computed.is_positive() => (Range::POSITIVE, true),
        _ => (Range::ANY, false),
    };
    let top_bucket = match &signal.source {
        Source::Metrics(metrics) => top_bucket(&metrics.root).and_then(|top| top.checked_mul(signal.scale)),
        _ => None,
    };
    Known { range: typed, stale_after: signal.stale_after, sure, top_bucket }
}

/// Whether a metrics expression may be below zero by what it computes.
fn is_signed(node: &MetricsNode) -> bool {
    match node {
        MetricsNode::Range { function, .. } => {
            matches!(function, RangeFunction::Delta | RangeFunction::Slope)
        }
        MetricsNode::Number(value) => *value < Decimal::ZERO,
        MetricsNode::Aggregate(aggregation) => is_signed(&aggregation.of),
        MetricsNode::Arithmetic { operator, left, right } => {
            *operator == Operator::Subtract || is_signed(left) || is_signed(right)
        }
        MetricsNode::Select(_) | MetricsNode::HistogramQuantile { .. } | MetricsNode::Age(_) => false,
    }
}

/// Between which values a metrics expression lies by what it computes; of a gauge nothing is known.
fn metrics_range(node: &MetricsNode) -> Range {
    match node {
        MetricsNode::Range { function: RangeFunction::Rate | RangeFunction::Increase, .. }
        | MetricsNode::HistogramQuantile { .. } => Range::POSITIVE,
        MetricsNode::Number(value) => Range::only(*value),
        MetricsNode::Aggregate(aggregation) if metrics_range(&aggregation.of).is_positive() => {
            Range::POSITIVE
        }
        MetricsNode::Arithmetic { operator, left, right } => {
            metrics_range(left).apply(*operator, metrics_range(right))
        }
        _ => Range::ANY,
    }
}

/// The highest finite bucket of a quantile whose selector names its buckets: `{le=~"0.1|0.5|[+]Inf"}`.
fn top_bucket(node: &MetricsNode) -> Option<Decimal> {
    match node {
        MetricsNode::HistogramQuantile { selector, .. } => named_buckets(selector),
        MetricsNode::Aggregate(aggregation) => match aggregation.function {
            AggregateFunction::Avg | AggregateFunction::Min | AggregateFunction::Max => {
                top_bucket(&aggregation.of)
            }
            AggregateFunction::Sum | AggregateFunction::Count => None,
        },
        _ => None,
    }
}

fn named_buckets(selector: &Selector) -> Option<Decimal> {
    let named = selector.matchers.iter().find(|matcher| {
        matcher.label == "le" && matches!(matcher.operator, LabelMatch::Matches | LabelMatch::Equal)
    })?;
    let mut top: Option<Decimal> = None;
    for bound in named.value.split('|') {
        let plain = bound.replace("\\.", ".").replace("[.]", ".").replace("\\+", "+").replace("[+]", "+");
        if plain == "+Inf" {
            continue;
        }
        // anything else than plain numbers may match any bucket
        let value = spark_core::decimal::parse_exact(&plain)?;
        top = Some(top.map_or(value, |top| top.max(value)));
    }
    top
}

/// The relation with its sides changed over.
pub(super) const fn turned(relation: Relation) -> Relation {
    match relation {
        Relation::Above => Relation::Below,
        Relation::AtLeast => Relation::AtMost,
        Relation::Below => Relation::Above,
        Relation::AtMost => Relation::AtLeast,
        same @ (Relation::Equal | Relation::NotEqual) => same,
    }
}
