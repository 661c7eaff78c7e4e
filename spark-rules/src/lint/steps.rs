//! Pieces of a series that end before a sample of them comes.

use spark_core::{TimeSpan, Timestamp};

use super::Linter;
use crate::ast::{self, StepKind, TestClause};
use crate::codes;
use crate::diagnostic::Diagnostic;

impl Linter<'_> {
    /// `200ms for 20s, then 900ms for 5s, then 200ms` that is sampled at 0 s, 15 s and 30 s: nobody sees the 900 ms.
    pub(super) fn without_sample(&mut self, tree: &ast::Test) {
        for clause in &tree.clauses {
            if let TestClause::Given { steps, .. } = &clause.kind {
                self.steps_without_sample(steps);
            }
        }
    }

    fn steps_without_sample(&mut self, steps: &[ast::Step]) {
        let every = self.facts.every;
        let mut start = Timestamp::EPOCH;
        for step in steps {
            // it says how often it rises, not how often it is looked at
            let own = step
                .every
                .filter(|every| !every.value.is_zero() && !matches!(step.kind, StepKind::Rises { .. }));
            let length = match (step.length, &step.kind) {
                (Some(length), _) => length.value,
                (None, StepKind::Restart) => TimeSpan::ZERO,
                (None, StepKind::NotANumber | StepKind::Infinite { .. } | StepKind::Error(_)) => every,
                (None, _) if step.once => own.map_or(every, |own| own.value),
                (None, _) => return,
            };
            let end = start.plus(length);
            let sampled = !matches!(step.kind, StepKind::Nothing | StepKind::Restart);
            if sampled && own.is_none() && !length.is_zero() && start.next_multiple(every) >= end {
                let written = self.written(step.span);
                let since = |at: Timestamp| at.since(Timestamp::EPOCH);
                let message = format!(
                    "`{written}` has no sample: samples come every {every}, and it lasts from {} to {}",
                    since(start),
                    since(end)
                );
                self.tell(
                    Diagnostic::warning(codes::W0327, step.span, message)
                        .help(format!("let it last {every}, or say how often it is sampled")),
                );
            }
            start = end;
        }
    }
}
