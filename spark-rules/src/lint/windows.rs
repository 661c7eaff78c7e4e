//! Windows that hold too few samples for what is asked of them.

use spark_core::{TimeSpan, WindowFunction};

use super::Linter;
use crate::ast::{self, Call, Condition, Expression, ExpressionKind, SignalClause, Source};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};

impl Linter<'_> {
    pub(super) fn windows_of_trigger(&mut self, tree: &ast::Trigger) {
        for clause in &tree.clauses {
            if let Some(condition) = clause.kind.condition() {
                calls(condition, &mut |call| self.short_window(call));
            }
        }
    }

    /// `over` of `from metrics`: metrics are read once at each evaluation.
    pub(super) fn source_window(&mut self, tree: &ast::Signal) {
        for clause in &tree.clauses {
            let SignalClause::From { source: Source::Metrics(metrics), .. } = &clause.kind else { continue };
            let (Some(over), Some(function)) = (metrics.over, metrics.ranged.first()) else { continue };
            let every = self.facts.every;
            if over.value <= every {
                let two = every.times(2);
                let message = format!(
                    "`over {}` is no longer than the time between evaluations, {every}: `{}` needs two samples",
                    self.written(over.span),
                    function.text
                );
                self.tell(
                    Diagnostic::warning(codes::W0316, over.span, message)
                        .help(format!("write at least `over {two}`"))
                        .maybe(vec![Edit::replace(over.span, two.to_string())]),
                );
            }
        }
    }

    fn short_window(&mut self, call: &Call) {
        let every = self.facts.every;
        let signals: Vec<_> = call.of.iter().filter_map(|name| self.facts.named(&name.text)).collect();
        let polled = signals.iter().all(|signal| signal.polled);
        let cadence = signals.iter().filter_map(|signal| signal.given_every).min();
        let over = call.over.value;
        // what is pushed may come more often than it is looked at
        let short = match (cadence.filter(|cadence| *cadence < every), polled) {
            (Some(cadence), false) => over < cadence.times(2),
            (_, true) => over < every.times(2),
            (None, false) => over < every || (over == every && needs_two(&call.function.text)),
        };
        if !short || signals.is_empty() || over.is_zero() {
            return;
        }
        let written = self.written(call.over.span);
        let message = match !polled && cadence.is_none() && over < every {
            // it may hold many, of the last moment alone
            true => format!(
                "a window of {written} is shorter than the time between evaluations: {} of every {every} are never looked at",
                every.minus(over)
            ),
            false => {
                let consequence = consequence(&call.function.text, over, every);
                format!("a window of {written} holds a single sample: {consequence}")
            }
        };
        let two = every.times(2);
        self.tell(
            Diagnostic::warning(codes::W0316, call.over.span, message)
                .help(format!("`evaluate every` is {every}: write at least `{two}`"))
                .maybe(vec![Edit::replace(call.over.span, two.to_string())]),
        );
    }
}

fn needs_two(function: &str) -> bool {
    function == "correlation"
        || matches!(
            WindowFunction::parse(function),
            Some(
                WindowFunction::Increase
                    | WindowFunction::Rate
                    | WindowFunction::Delta
                    | WindowFunction::Slope
                    | WindowFunction::Stddev
            )
        )
}

fn consequence(function: &str, over: TimeSpan, every: TimeSpan) -> String {
    let sometimes = if over > every { " whenever one comes late" } else { "" };
    match function {
        "stddev" => format!("its deviation is always 0{sometimes}"),
        _ if needs_two(function) => format!("`{function}` is unknown{sometimes}"),
        "count" => "it would always count one".to_owned(),
        _ => format!("`{function}` of it is that sample{sometimes}"),
    }
}

/// Shows every function of a window in a condition.
fn calls(condition: &Condition, see: &mut impl FnMut(&Call)) {
    let mut look = |value: &Expression| {
        if let ExpressionKind::Call(call) = &value.kind {
            see(call);
        }
    };
    condition.comparisons(&mut |compare| compare.sides().for_each(|side| side.visit(&mut look)));
}
