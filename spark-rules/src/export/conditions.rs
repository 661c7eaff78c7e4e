//! Conditions as PromQL: what is present where they are true, and what is present where they are false. Where neither is, they are unknown.

use rust_decimal::Decimal;
use spark_core::{Comparison, Condition, Expression, Operator, Relation, SourceSpan, Test, TimeSpan, Track};

use super::record::Builder;
use super::text::{Binding, Promql, number, seconds};

/// The part of a value within which two computed values are the same, as in the engine.
const SAME_SCALE: u32 = 13;

/// Significant digits, or places, from which a decimal was cut and does not end.
const ENDLESS_DIGITS: u32 = 26;

/// A condition: present where it is true, and present where it is false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Truth {
    pub(super) yes: Promql,
    pub(super) no: Promql,
    /// One expression that is 1 or 0, where there is a short one.
    short: Option<Promql>,
}

impl Truth {
    /// What a recorded series says: 1 or 0.
    pub(super) fn of_series(series: &str) -> Self {
        let relation = |value: u8| Promql::new(format!("{series} == {value}"), Binding::Relation);
        Self { yes: relation(1), no: relation(0), short: Some(Promql::atom(series)) }
    }

    pub(super) const fn new(yes: Promql, no: Promql) -> Self {
        Self { yes, no, short: None }
    }

    fn negated(self) -> Self {
        Self { yes: self.no, no: self.yes, short: None }
    }

    /// 1 or 0, to be recorded.
    fn value(&self) -> Promql {
        self.short.clone().unwrap_or_else(|| {
            Promql::new(format!("group({}) or 0 * group({})", self.yes.text(), self.no.text()), Binding::Or)
        })
    }
}

/// A condition as written, and its `for`s aside.
#[derive(Debug, Clone)]
pub(super) struct Readings {
    pub(super) full: Truth,
    /// The same where there is no `for` in it.
    pub(super) bare: Truth,
    pub(super) has_for: bool,
}

/// Where the series of a condition are recorded.
#[derive(Debug)]
pub(super) struct Scope {
    /// What their names begin with.
    pub(super) series: String,
    /// What must be true for anything to be known.
    pub(super) given: Option<String>,
    /// The series of the clocks, of the condition as written.
    pub(super) clocks: Vec<String>,
    parts: u32,
}

impl Scope {
    pub(super) fn new(series: impl Into<String>, given: Option<&str>) -> Self {
        Self { series: series.into(), given: given.map(str::to_owned), clocks: Vec::new(), parts: 0 }
    }

    /// The name that the parts of the next `for` or sequence begin with.
    pub(super) fn part(&mut self) -> String {
        self.parts = self.parts.saturating_add(1);
        match self.parts {
            1 => self.series.clone(),
            part => format!("{}:{part}", self.series),
        }
    }

    /// The truth that is only known where `given` is true.
    fn masked(&self, truth: Truth) -> Truth {
        let Some(given) = &self.given else { return truth };
        let given = Promql::new(format!("{given} == 1"), Binding::Relation);
        let and_given = |part: Promql| Promql::all(&[part, given.clone()]);
        Truth { yes: and_given(truth.yes), no: and_given(truth.no), short: truth.short.map(and_given) }
    }
}

impl Builder<'_> {
    /// Why a condition cannot be said, where it cannot; what it reads is recorded.
    pub(super) fn prepare(&mut self, condition: &Condition) -> Vec<(SourceSpan, String)> {
        let mut reasons = Vec::new();
        let mut comparisons = Vec::new();
        condition.comparisons(&mut |comparison| comparisons.push(comparison));
        for comparison in &comparisons {
            if let Err(reason) = sayable(comparison) {
                reasons.push((comparison.span, reason));
            }
        }
        if !reasons.is_empty() {
            return reasons;
        }
        for comparison in comparisons {
            let reads_baseline = comparison.reads(&Expression::Baseline);
            for side in comparison.expressions() {
                let read = self.value(side, Track::Canary, &comparison.left);
                let baseline = match reads_baseline {
                    true => self.value(&comparison.left, Track::Baseline, &comparison.left).map(|_| ()),
                    false => Ok(()),
                };
                if let Err(reason) = read.map(|_| ()).and(baseline) {
                    reasons.push((comparison.span, reason));
                    break;
                }
            }
        }
        reasons
    }

    /// Both readings of a condition; its clocks and sequences are recorded.
    pub(super) fn readings(&mut self, condition: &Condition, scope: &mut Scope) -> Result<Readings, String> {
        if !remembers(condition) {
            let truth = scope.masked(self.instant(condition)?);
            return Ok(Readings { full: truth.clone(), bare: truth, has_for: false });
        }
        Ok(match condition {
            Condition::All(parts) | Condition::Any(parts) => {
                let parts =
                    parts.iter().map(|part| self.readings(part, scope)).collect::<Result<Vec<_>, _>>()?;
                let all = matches!(condition, Condition::All(_));
                Readings {
                    full: joined(parts.iter().map(|part| &part.full), all),
                    bare: joined(parts.iter().map(|part| &part.bare), all),
                    has_for: parts.iter().any(|part| part.has_for),
                }
            }
            Condition::Not(inner) => {
                let inner = self.readings(inner, scope)?;
                Readings { full: inner.full.negated(), bare: inner.bare.negated(), has_for: inner.has_for }
            }
            Condition::Held { condition: inner, duration } => self.held(inner, *duration, scope)?,
            Condition::Sequence { first, then, within } => {
                let (first, then) = (self.readings(first, scope)?, self.readings(then, scope)?);
                let has_for = first.has_for || then.has_for;
                let full = self.sequence(&first.full, &then.full, *within, scope);
                let bare = match has_for {
                    true => {
                        let bare = self.sequence(&first.bare, &then.bare, *within, scope);
                        without_doubt(bare, &full)
                    }
                    false => full.clone(),
                };
                Readings { full, bare, has_for }
            }
            Condition::Compare(_) | Condition::EveryExpectation => {
                return Err("`every signal meets its expectation` is a plan's".to_owned());
            }
        })
    }

    /// The truth of a condition that remembers nothing.
    fn instant(&mut self, condition: &Condition) -> Result<Truth, String> {
        Ok(match condition {
            Condition::Compare(comparison) => self.comparison(comparison)?,
            Condition::Not(inner) => self.instant(inner)?.negated(),
            Condition::All(parts) | Condition::Any(parts) => {
                let parts = parts.iter().map(|part| self.instant(part)).collect::<Result<Vec<_>, _>>()?;
                joined(parts.iter(), matches!(condition, Condition::All(_)))
            }
            Condition::Held { .. } | Condition::Sequence { .. } | Condition::EveryExpectation => {
                return Err("`every signal meets its expectation` is a plan's".to_owned());
            }
        })
    }

    /// Records a truth as a series.
    pub(super) fn record_truth(&mut self, name: &str, truth: &Truth) -> Truth {
        self.record(name, truth.value().text());
        Truth::of_series(name)
    }

    /// A `for`: the evidence is added up in a series of its own.
    fn held(&mut self, inner: &Condition, duration: TimeSpan, scope: &mut Scope) -> Result<Readings, String> {
        let readings = self.readings(inner, scope)?;
        let part = scope.part();
        let (now, held, lost) = (format!("{part}:now"), format!("{part}:held"), format!("{part}:lost"));
        let known = self.record_truth(&now, &readings.full);
        let (d, reach) = (seconds(duration), seconds(self.reach(inner)));
        // an interval counts if it was true at both of its ends; unknown keeps what was held, for as long as the `for`
        self.record(
            &held,
            format!(
                "(({held} + time() - timestamp({held}) and time() - timestamp({held}) <= {reach} unless {lost}) \
                 or {held} or 0 * {now}) and {now} == 1 or ({held} unless time() - {lost} > {d}) unless {now}"
            ),
        );
        self.record(&lost, format!("({lost} or vector(time())) and {held} unless {now}"));
        scope.clocks.push(held.clone());
        let relation = |text: String| Promql::new(text, Binding::And);
        let full = Truth {
            yes: relation(format!("{now} == 1 and {held} >= {d}")),
            no: Promql::new(format!("{now} == 0 or {now} == 1 and {held} < {d}"), Binding::Or),
            short: Some(Promql::new(
                format!("({held} >= bool {d}) and {now} == 1 or {now} == 0"),
                Binding::Or,
            )),
        };
        let bare = if readings.has_for { readings.bare } else { known };
        Ok(Readings { full, bare, has_for: true })
    }

    /// The longest interval that is evidence: the smallest `stale after` of the signals.
    fn reach(&self, condition: &Condition) -> TimeSpan {
        let policy = &self.loaded.policy;
        let mut smallest: Option<TimeSpan> = None;
        condition.comparisons(&mut |comparison| {
            comparison.signals(&mut |id| {
                if let Some(signal) = policy.signal(id) {
                    let known = smallest.unwrap_or(signal.stale_after);
                    smallest = Some(known.min(signal.stale_after));
                }
            });
        });
        smallest.unwrap_or(TimeSpan::MAX)
    }

    fn comparison(&mut self, comparison: &Comparison) -> Result<Truth, String> {
        let left = self.value(&comparison.left, Track::Canary, &comparison.left)?;
        let plain = |side: &&Expression| match side {
            Expression::Signal(_) => true,
            Expression::Literal(value) => !is_endless(*value),
            _ => false,
        };
        let exact = comparison.expressions().iter().all(plain);
        let mut side = |expression: &Expression| -> Result<Side, String> {
            let text = self.value(expression, Track::Canary, &comparison.left)?;
            Ok(Side { text, literal: literal(expression) })
        };
        Ok(match &comparison.test {
            Test::Is(relation, right) => {
                let right = side(right)?;
                let short = exact.then(|| {
                    let text = format!(
                        "{} {} bool {}",
                        left.within(Binding::Sum),
                        relation.as_str(),
                        right.text.within(Binding::Sum)
                    );
                    Promql::new(text, Binding::Relation)
                });
                Truth {
                    yes: related(&left, *relation, &right, exact),
                    no: related(&left, opposite(*relation), &right, exact),
                    short,
                }
            }
            Test::Between(low, high) => {
                let (low, high) = (side(low)?, side(high)?);
                let related = |relation, side: &Side| related(&left, relation, side, exact);
                Truth {
                    yes: Promql::all(&[related(Relation::AtLeast, &low), related(Relation::AtMost, &high)]),
                    no: Promql::any(&[related(Relation::Below, &low), related(Relation::Above, &high)]),
                    short: None,
                }
            }
        })
    }

    /// An expression's value; `baseline` is the left side on the other track.
    fn value(&mut self, expression: &Expression, track: Track, left: &Expression) -> Result<Promql, String> {
        Ok(match expression {
            Expression::Signal(id) => Promql::atom(self.signal(*id, track)?.value),
            Expression::Literal(value) => Promql::atom(number(*value)),
            Expression::Window { function, signal, over } => {
                Promql::atom(self.window(*function, *signal, *over, track)?)
            }
            Expression::Arithmetic { operator, left: a, right: b } => {
                let scalar = is_scalar(a) && is_scalar(b);
                let (a, b) = (self.value(a, track, left)?, self.value(b, track, left)?);
                let (binding, inside) = match operator {
                    Operator::Add | Operator::Subtract => (Binding::Sum, Binding::Product),
                    Operator::Multiply | Operator::Divide => (Binding::Product, Binding::Atom),
                };
                let text = format!("{} {} {}", a.within(binding), operator.as_str(), b.within(inside));
                match operator {
                    // what is divided by zero is unknown
                    Operator::Divide if !scalar => Promql::atom(format!("({text} > -7.9e28 < 7.9e28)")),
                    _ => Promql::new(text, binding),
                }
            }
            Expression::Baseline => self.value(left, Track::Baseline, left)?,
            Expression::Correlation { .. } | Expression::PreviousStage => {
                return Err("it is not of one instant".to_owned());
            }
        })
    }
}

/// Whether a condition depends on more than its instant.
fn remembers(condition: &Condition) -> bool {
    let mut found = false;
    condition.visit(&mut |part| {
        found |=
            matches!(part, Condition::Held { .. } | Condition::Sequence { .. } | Condition::EveryExpectation);
    });
    found
}

/// The right side of a comparison.
struct Side {
    text: Promql,
    literal: Option<Decimal>,
}

fn literal(expression: &Expression) -> Option<Decimal> {
    match expression {
        Expression::Literal(value) => Some(*value),
        _ => None,
    }
}

fn is_scalar(expression: &Expression) -> bool {
    match expression {
        Expression::Literal(_) => true,
        Expression::Arithmetic { left, right, .. } => is_scalar(left) && is_scalar(right),
        _ => false,
    }
}

/// Present where `left` stands in that relation to `right`. Where something was computed, two values are the same within
/// 10⁻¹³ of them, as in the engine.
fn related(left: &Promql, relation: Relation, right: &Side, exact: bool) -> Promql {
    let zero = right.literal.is_some_and(|value| value.is_zero());
    let b = right.text.within(Binding::Sum);
    if exact || zero {
        let text = format!("{} {} {b}", left.within(Binding::Sum), relation.as_str());
        return Promql::new(text, Binding::Relation);
    }
    let part = Decimal::new(1, SAME_SCALE);
    let reach = match right.literal {
        Some(value) => number(value.abs().checked_mul(part).unwrap_or(part)),
        None => format!("1e-{SAME_SCALE} * abs({})", right.text.text()),
    };
    let apart = format!("{} - {}", left.within(Binding::Sum), right.text.within(Binding::Product));
    let text = match relation {
        Relation::Above => format!("{apart} > {reach}"),
        Relation::AtLeast => format!("{apart} >= -{reach}"),
        Relation::Below => format!("{apart} < -{reach}"),
        Relation::AtMost => format!("{apart} <= {reach}"),
        Relation::Equal => format!("abs({apart}) <= {reach}"),
        Relation::NotEqual => format!("abs({apart}) > {reach}"),
    };
    Promql::new(text, Binding::Relation)
}

const fn opposite(relation: Relation) -> Relation {
    match relation {
        Relation::Above => Relation::AtMost,
        Relation::AtLeast => Relation::Below,
        Relation::Below => Relation::AtLeast,
        Relation::AtMost => Relation::Above,
        Relation::Equal => Relation::NotEqual,
        Relation::NotEqual => Relation::Equal,
    }
}

/// Kleene's `and` or `or`.
fn joined<'t>(parts: impl Iterator<Item = &'t Truth>, all: bool) -> Truth {
    let (yes, no): (Vec<_>, Vec<_>) = parts.map(|part| (part.yes.clone(), part.no.clone())).unzip();
    match all {
        true => Truth { yes: Promql::all(&yes), no: Promql::any(&no), short: None },
        false => Truth { yes: Promql::any(&yes), no: Promql::all(&no), short: None },
    }
}

/// Where the reading without `for` is false, the condition as written decides.
fn without_doubt(bare: Truth, full: &Truth) -> Truth {
    Truth {
        yes: Promql::any(&[bare.yes, Promql::all(&[bare.no.clone(), full.yes.clone()])]),
        no: Promql::all(&[bare.no, full.no.clone()]),
        short: None,
    }
}

/// Whether a number was cut because it does not end.
fn is_endless(value: Decimal) -> bool {
    let value = value.normalize();
    let digits = value.mantissa().unsigned_abs().checked_ilog10().map_or(1, |log| log.saturating_add(1));
    value.scale() > ENDLESS_DIGITS || digits > ENDLESS_DIGITS
}

/// Whether a number is what was written.
pub(super) fn is_exact(value: Decimal) -> bool {
    !is_endless(value)
}

/// What is refused, whatever the signals are.
fn sayable(comparison: &Comparison) -> Result<(), String> {
    if comparison.reads(&Expression::PreviousStage) {
        return Err("`previous stage` is a mean over a stage of a rollout, and Prometheus knows no rollout"
            .to_owned());
    }
    let mut correlated = false;
    comparison.expressions().iter().for_each(|side| correlated |= correlates(side));
    if correlated {
        return Err("`correlation` has no function in PromQL".to_owned());
    }
    Ok(())
}

fn correlates(expression: &Expression) -> bool {
    match expression {
        Expression::Correlation { .. } => true,
        Expression::Arithmetic { left, right, .. } => correlates(left) || correlates(right),
        _ => false,
    }
}
