//! Tests that expect nothing, and triggers that no test tries.

use std::collections::BTreeSet;

use spark_core::{State, Verdict};

use super::{Blocks, Linter};
use crate::ast::{self, TestClause};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::test::{Expected, Subject};

impl Linter<'_> {
    pub(super) fn expects_nothing(&mut self, tree: &ast::Test) {
        let expects = tree.clauses.iter().any(|clause| {
            matches!(
                clause.kind,
                TestClause::ExpectState { .. }
                    | TestClause::ExpectDecision { .. }
                    | TestClause::ExpectCheck { .. }
            )
        });
        if expects || tree.broken {
            return;
        }
        let message = format!("test `{}` expects nothing: it would always pass", tree.title.value);
        self.tell(
            Diagnostic::warning(codes::W0309, tree.title.span, message)
                .help("write what it is for, such as `expect decision hold at 5m`"),
        );
    }

    /// Advice: each trigger is seen to fire by some test, and to be unknown.
    pub(super) fn untested_triggers(&mut self, blocks: &Blocks<'_>) {
        let (mut fired, mut unknown): (BTreeSet<usize>, BTreeSet<usize>) = Default::default();
        for expected in blocks.tests.iter().flat_map(|(_, test)| &test.expected) {
            match expected {
                Expected::State { subject: Subject::Trigger(id), state, .. } => match state {
                    State::Warn | State::Hold | State::Rollback => {
                        fired.insert(id.index());
                    }
                    State::Unknown => {
                        unknown.insert(id.index());
                    }
                    State::Ok | State::Pending => {}
                },
                Expected::Decision { verdict: Verdict::Rollback, because, .. } => {
                    fired.extend(because.iter().filter_map(|subject| match subject {
                        Subject::Trigger(id) => Some(id.index()),
                        Subject::Expectation(_) => None,
                    }));
                }
                Expected::State { .. } | Expected::Decision { .. } | Expected::Check { .. } => {}
            }
        }
        for (place, (tree, trigger)) in blocks.triggers.iter().enumerate() {
            let name = &trigger.name;
            let span = tree.name.as_ref().map_or(tree.span, |name| name.span);
            let diagnostic = match (fired.contains(&place), unknown.contains(&place)) {
                (false, _) => Diagnostic::warning(codes::A0302, span, format!("no test fires `{name}`"))
                    .help(format!("give what it is for, and `expect {name} rollback from 15m`")),
                (true, false) => {
                    let message = format!("no test sees `{name}` without evidence");
                    Diagnostic::warning(codes::A0303, span, message).help(format!(
                        "let its signal fall silent, `then nothing for 10m`, and `expect {name} unknown from 10m45s`"
                    ))
                }
                (true, true) => continue,
            };
            self.tell(diagnostic);
        }
    }
}
