//! Checks: measures that nothing reads, deadlines that nobody waits for, conditions that are always the same, and checks that
//! no test tries.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use spark_core::SignalId;
use spark_core::check::{Check, Finding};

use super::{Blocks, Facts, Linter};
use crate::ast::{self, CheckClause};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::interval::Ranges;
use crate::test::{CheckState, Expected, TestCase};

/// Between which values a check's measures lie: what they are says it, and what tests give.
pub(crate) fn ranges(check: &Check, tests: &[&TestCase]) -> Ranges {
    let mut signals = check.signals();
    // its condition says which of them have a sign
    if let Some(first) = signals.first_mut() {
        first.expectation = Some(check.condition.clone());
    }
    let mut ranges = Ranges::of(&signals, &[], &[], []);
    for (place, measure) in check.measures.iter().enumerate() {
        let id = SignalId(u32::try_from(place).unwrap_or(u32::MAX));
        if measure.flag {
            ranges.bound_to(id, Decimal::ZERO, Decimal::ONE);
        }
        let given = tests.iter().flat_map(|test| &test.found);
        for found in given.filter(|found| found.check == check.name && found.measure == measure.name) {
            if let Finding::Value(value) = found.finding {
                ranges.see_value(id, value.value);
            }
        }
    }
    ranges
}

impl Linter<'_> {
    /// Lints of a check.
    pub(crate) fn check(&mut self, tree: &ast::Check, check: &Check, tests: &[&TestCase]) {
        let facts = Facts::of_measures(ranges(check, tests));
        let mut inner = Linter::new(self.texts, &facts);
        inner.truth_of_check(&check.condition);
        inner.repeated_in_condition(&check.condition);
        self.found.append(&mut inner.found);
        self.unread_measures(tree, check);
        self.long_deadline(tree, check);
        self.words_of_block(tree.span);
    }

    fn unread_measures(&mut self, tree: &ast::Check, check: &Check) {
        let mut read: BTreeSet<usize> = BTreeSet::new();
        check.condition.comparisons(&mut |comparison| {
            comparison.signals(&mut |id| {
                read.insert(id.index());
            });
        });
        let clauses = tree.clauses.iter().filter_map(|clause| match &clause.kind {
            CheckClause::Measure { name, .. } => Some((name, clause.span)),
            _ => None,
        });
        for (place, (name, clause)) in clauses.enumerate() {
            if read.contains(&place) {
                continue;
            }
            let message = format!("measure `{}` decides nothing: `pass when` does not read it", name.text);
            self.tell(
                Diagnostic::warning(codes::W0330, name.span, message)
                    .help("read it, or take it away: what a probe brings besides is kept as evidence anyway")
                    .maybe(vec![Edit::replace(clause, "")]),
            );
        }
    }

    fn long_deadline(&mut self, tree: &ast::Check, check: &Check) {
        let budget = check.phase.budget();
        let within = tree.clauses.iter().find_map(|clause| match &clause.kind {
            CheckClause::Within(length) => Some(length.span),
            _ => None,
        });
        let Some(span) = within.filter(|_| check.within > budget) else { return };
        let (written, phase) = (self.written(span), check.phase);
        let message = format!("`within {written}` is longer than all of {phase} may take, {budget}");
        self.tell(Diagnostic::warning(codes::W0331, span, message).help(format!(
            "checks are made side by side: give it at most {budget}, or make it in another phase"
        )));
    }

    /// Advice: each check is seen to pass by some test, and not to.
    pub(super) fn untested_checks(&mut self, blocks: &Blocks<'_>) {
        let mut seen: BTreeSet<(&str, bool)> = BTreeSet::new();
        for expected in blocks.tests.iter().flat_map(|(_, test)| &test.expected) {
            if let Expected::Check { check, state, .. } = expected
                && *state != CheckState::Unknown
            {
                seen.insert((check.as_str(), *state == CheckState::Pass));
            }
        }
        for (tree, check) in &blocks.checks {
            let name = check.name.as_str();
            let lacks = match (seen.contains(&(name, true)), seen.contains(&(name, false))) {
                (true, true) => continue,
                (true, false) => format!("sees `{name}` fail"),
                (false, true) => format!("sees `{name}` pass"),
                (false, false) => format!("tries `{name}`"),
            };
            let measure = check.measures.first().map_or("measure", |measure| measure.name.as_str());
            self.tell(Diagnostic::warning(codes::A0307, tree.name.span, format!("no test {lacks}")).help(
                format!("write `given {name}.{measure} …` and `expect check {name} {}`", check.severity),
            ));
        }
    }
}
