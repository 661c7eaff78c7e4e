//! Shares and percentiles without `given`: with few events one of them decides.

use spark_core::{Expression, Trigger, WindowFunction};

use super::Linter;
use crate::ast;
use crate::codes;
use crate::diagnostic::Diagnostic;

impl Linter<'_> {
    /// Advice, once for a trigger, at its first such comparison.
    pub(super) fn without_given(&mut self, tree: &ast::Trigger, trigger: &Trigger) {
        if trigger.given.is_some() || tree.broken {
            return;
        }
        let mut found = None;
        for level in &trigger.levels {
            level.condition.comparisons(&mut |comparison| {
                if found.is_none() {
                    found = self.fragile(&comparison.left).map(|kind| (comparison.span, kind));
                }
            });
        }
        let Some((span, kind)) = found else { return };
        let message = format!("`{}` compares {kind}, whatever it is taken of", self.written(span));
        self.tell(
            Diagnostic::warning(codes::A0301, span, message)
                .help("say how much evidence it needs, as in `given increase(requests over 5m) >= 200`"),
        );
    }

    fn fragile(&self, expression: &Expression) -> Option<&'static str> {
        match expression {
            Expression::Signal(signal) => self.facts.signal(*signal)?.fragile,
            Expression::Window { function: WindowFunction::Quantile(_), .. } => Some("a percentile"),
            Expression::Window { signal, .. } => self.facts.signal(*signal)?.fragile,
            Expression::Arithmetic { left, right, .. } => self.fragile(left).or_else(|| self.fragile(right)),
            _ => None,
        }
    }
}
