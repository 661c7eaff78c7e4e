//! `is rate` says per time, not of what. Its source may say it (`in MiB/min`); else the first comparison with a rate
//! does (`> 10MiB/min`), and else it is how many per time.

use spark_core::{Dimension, WindowFunction};

use super::{Blocks, Checker, Named};
use crate::ast::{Compare, Expression, ExpressionKind, PlanClause, SignalClause};

impl Checker<'_> {
    /// Gives every open rate its dimension.
    pub(super) fn settle_rates(&mut self, blocks: &Blocks<'_>) {
        if !self.signals.iter().any(|signal| signal.open_rate) {
            return;
        }
        for (place, signal) in blocks.signals.iter().enumerate() {
            for clause in &signal.clauses {
                if let SignalClause::Expect(compare) = &clause.kind {
                    self.settle(Some(place), compare);
                }
            }
        }
        for (_, trigger) in &blocks.triggers {
            for clause in &trigger.clauses {
                if let Some(condition) = clause.kind.condition() {
                    condition.comparisons(&mut |compare| self.settle(None, compare));
                }
            }
        }
        for plan in &blocks.plans {
            for clause in &plan.clauses {
                if let PlanClause::Proceed(condition) = &clause.kind {
                    condition.comparisons(&mut |compare| self.settle(None, compare));
                }
            }
        }
        for signal in &mut self.signals {
            signal.open_rate = false;
        }
    }

    fn settle(&mut self, subject: Option<usize>, compare: &Compare) {
        let left = compare.left.as_ref().map_or(subject, |left| self.open_rate_of(left));
        let flipped = compare.limits().next().and_then(|limit| self.open_rate_of(limit));
        let Some(dimension) = compare.limits().chain(&compare.left).find_map(rate_literal) else { return };
        let Some(signal) = left.or(flipped).and_then(|place| self.signals.get_mut(place)) else { return };
        if signal.open_rate {
            signal.open_rate = false;
            if let Some(unit) = &mut signal.unit {
                unit.dimension = dimension;
            }
        }
    }

    /// The signal with an open rate that the expression has the unit of.
    fn open_rate_of(&self, expression: &Expression) -> Option<usize> {
        let named = |name: &str| match self.names.get(name) {
            Some((Named::Signal(id), _)) => Some(*id as usize),
            _ => None,
        };
        let place = match &expression.kind {
            ExpressionKind::Name(name) => named(name),
            ExpressionKind::Group(inner) | ExpressionKind::Negate(inner) => self.open_rate_of(inner),
            ExpressionKind::Binary(_, left, right) => {
                self.open_rate_of(left).or_else(|| self.open_rate_of(right))
            }
            ExpressionKind::Call(call) => {
                let keeps = !matches!(
                    WindowFunction::parse(&call.function.text),
                    None | Some(WindowFunction::Count | WindowFunction::Rate | WindowFunction::Slope)
                );
                call.of.first().filter(|_| keeps).and_then(|name| named(&name.text))
            }
            _ => None,
        };
        place.filter(|place| self.signals.get(*place).is_some_and(|signal| signal.open_rate))
    }
}

/// The dimension of the first rate that is written in the expression.
fn rate_literal(expression: &Expression) -> Option<Dimension> {
    match &expression.kind {
        ExpressionKind::Literal(value) => value.unit.per_time.then_some(value.unit.dimension),
        _ => expression.parts().find_map(rate_literal),
    }
}
