//! Multiples of a reference that may be zero: three times nothing is nothing.

use rust_decimal::Decimal;
use spark_core::{
    Comparison, Condition, Dimension, Expression, Operator, Relation, SignalId, Test, Trigger, WindowFunction,
};

use super::Linter;
use crate::codes;
use crate::diagnostic::Diagnostic;

impl Linter<'_> {
    /// Advice: `errors > 3x baseline` without a floor beside it.
    pub(super) fn without_floor(&mut self, trigger: &Trigger) {
        let mut given = Vec::new();
        trigger.given.iter().for_each(|condition| floors(condition, &mut given));
        for level in &trigger.levels {
            self.floor_of(&level.condition, &mut given.clone());
        }
    }

    fn floor_of(&mut self, condition: &Condition, known: &mut Vec<SignalId>) {
        match condition {
            Condition::Compare(comparison) => self.multiple(comparison, known),
            Condition::All(parts) => {
                let before = known.len();
                parts.iter().for_each(|part| floors(part, known));
                parts.iter().for_each(|part| self.floor_of(part, known));
                known.truncate(before);
            }
            Condition::Any(parts) => parts.iter().for_each(|part| self.floor_of(part, known)),
            Condition::Held { condition, .. } => self.floor_of(condition, known),
            Condition::Sequence { first, then, .. } => {
                self.floor_of(first, known);
                self.floor_of(then, known);
            }
            Condition::Not(_) | Condition::EveryExpectation => {}
        }
    }

    fn multiple(&mut self, comparison: &Comparison, known: &[SignalId]) {
        let Test::Is(Relation::Above | Relation::AtLeast, limit) = &comparison.test else { return };
        let Some(reference) = multiplied(limit) else { return };
        let (kind, example) = match (comparison.unit.dimension, comparison.unit.per_time) {
            (Dimension::Ratio, false) => ("a share", "1%"),
            (Dimension::Count, false) => ("a count", "10"),
            (_, true) => ("a rate", "1/s"),
            _ => return,
        };
        let mut signals = Vec::new();
        comparison.left.signals(&mut |id| signals.push(id));
        if !self.may_be_nothing(&comparison.left) || signals.iter().any(|id| known.contains(id)) {
            return;
        }
        // what is compared, as it is written
        let text = self.written(comparison.span);
        let subject = text.split(['>', '\n']).next().unwrap_or(text).trim();
        let example = if comparison.unit.dimension == Dimension::Bytes { "1MiB/min" } else { example };
        let message = format!(
            "`{text}` compares {kind}: where {reference} is zero, anything more than nothing fires it"
        );
        self.tell(
            Diagnostic::warning(codes::A0306, comparison.span, message)
                .help(format!("add a floor, such as `and {subject} > {example}`")),
        );
    }

    /// Whether the left side is a number of events, or a share of them, which is zero while nothing happens. What a total
    /// is compared with is told otherwise.
    fn may_be_nothing(&self, left: &Expression) -> bool {
        match left {
            Expression::Signal(signal) => self.facts.signal(*signal).is_some_and(|facts| !facts.total),
            Expression::Window { function, .. } => !matches!(
                function,
                WindowFunction::Count
                    | WindowFunction::Delta
                    | WindowFunction::Slope
                    | WindowFunction::Stddev
            ),
            Expression::Arithmetic { operator: Operator::Divide, left, .. } => self.may_be_nothing(left),
            _ => false,
        }
    }
}

/// `3x baseline`: the reference that a number multiplies, as it is named.
fn multiplied(limit: &Expression) -> Option<&'static str> {
    let Expression::Arithmetic { operator: Operator::Multiply, left, right } = limit else { return None };
    match (left.as_ref(), right.as_ref()) {
        (Expression::Literal(_), Expression::Baseline) | (Expression::Baseline, Expression::Literal(_)) => {
            Some("the baseline")
        }
        (Expression::Literal(_), Expression::PreviousStage)
        | (Expression::PreviousStage, Expression::Literal(_)) => Some("the stage before"),
        _ => None,
    }
}

/// The signals that a condition asks to be above some value, wherever in it.
fn floors(condition: &Condition, found: &mut Vec<SignalId>) {
    condition.comparisons(&mut |comparison| {
        let (side, limit) = match &comparison.test {
            Test::Is(Relation::Above | Relation::AtLeast, limit) => (&comparison.left, limit),
            Test::Is(Relation::Below | Relation::AtMost, limit) => (limit, &comparison.left),
            Test::Between(low, _) => (&comparison.left, low),
            Test::Is(..) => return,
        };
        if matches!(limit, Expression::Literal(value) if *value > Decimal::ZERO) {
            side.signals(&mut |id| found.push(id));
        }
    });
}
