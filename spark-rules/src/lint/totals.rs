//! Counters whose total is compared: it only grows, so that what is true of it stays true.

use rust_decimal::Decimal;
use spark_core::{Relation, Signal, Source};

use super::Linter;
use crate::ast::{self, Against, Compare, Expression, ExpressionKind};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};

/// Whether a signal is a total that only grows, as far as its source shows: a window in it says otherwise, and what a
/// query of SQL counts is not known.
pub(super) fn is_total(signal: &Signal) -> bool {
    signal.counter
        && match &signal.source {
            Source::Push => true,
            Source::Metrics(metrics) => metrics.over.is_none(),
            Source::Prometheus { query, .. } => !query.contains('['),
            Source::Sql { .. } => false,
        }
}

impl Linter<'_> {
    pub(super) fn totals(&mut self, tree: &ast::Trigger) {
        for clause in &tree.clauses {
            let Some(condition) = clause.kind.condition() else { continue };
            condition.comparisons(&mut |compare| self.total(compare));
        }
    }

    fn total(&mut self, compare: &Compare) {
        let Some(left) = &compare.left else { return };
        let ExpressionKind::Name(name) = &left.kind else { return };
        if !self.facts.named(name).is_some_and(|signal| signal.total) || !compare.limits().any(is_amount) {
            return;
        }
        // that it has counted at all, or never has, is a question of its total
        if matches!(&compare.test, Against::Is(Relation::Equal | Relation::NotEqual, _)) {
            return;
        }
        let message = format!("`{name}` is a counter, and its total only grows until it restarts");
        let meant = format!("increase({name} over 5m)");
        self.tell(
            Diagnostic::warning(codes::W0325, left.span, message)
                .help(format!("compare how much it grew: `{meant}`"))
                .maybe(vec![Edit::replace(left.span, meant)]),
        );
    }
}

/// Whether a limit asks how many there are, not whether there are any. Another version's total is never what is asked.
fn is_amount(limit: &Expression) -> bool {
    let mut amount = false;
    limit.visit(&mut |part| {
        amount |= match &part.kind {
            ExpressionKind::Literal(value) => value.value > Decimal::ONE,
            ExpressionKind::Baseline | ExpressionKind::PreviousStage => true,
            _ => false,
        };
    });
    amount
}
