//! Expectations of a test between two evaluations.

use spark_core::TimeSpan;

use super::Linter;
use crate::ast::{self, TestClause};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};

impl Linter<'_> {
    /// `expect t rollback from 2m10s` where 2m and 2m15s are evaluated: what stands at 2m is looked at.
    pub(super) fn between_instants(&mut self, tree: &ast::Test) {
        let every = self.facts.every;
        for clause in &tree.clauses {
            let (TestClause::ExpectState { at, .. } | TestClause::ExpectDecision { at, .. }) = &clause.kind
            else {
                continue;
            };
            let time = at.time;
            let beyond = time.value.nanos().checked_rem(every.nanos()).unwrap_or(0);
            if beyond == 0 {
                continue;
            }
            let before = time.value.minus(TimeSpan::from_nanos(beyond));
            let after = before.plus(every);
            let written = self.written(time.span);
            let message =
                format!("`{written}` lies between two evaluations: what stands at {before} is looked at");
            self.tell(
                Diagnostic::warning(codes::W0324, time.span, message)
                    .help(format!("`evaluate every` is {every}: write `{before}` or `{after}`"))
                    .maybe(vec![Edit::replace(time.span, before.to_string())]),
            );
        }
    }
}
