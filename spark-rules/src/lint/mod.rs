//! What can be run and is hardly meant (warnings), and what would make rules more complete (advice).
//!
//! A lint is a function of one block and of [`Facts`] of the whole policy, so that an editor can run it for the block that
//! changed; what only the policy as a whole shows is in [`whole`]. A warning must be right: where something may be meant,
//! nothing is said.

mod allow;
pub(crate) mod checks;
mod clear;
mod durations;
mod evidence;
mod facts;
mod floors;
mod instants;
mod labels;
mod levels;
mod names;
mod plan;
mod scales;
mod shares;
mod steps;
mod tests;
mod totals;
mod truth;
mod windows;
mod words;

use spark_core::check::Check;
use spark_core::{Plan, PolicyParts, Signal, SourceSpan as Span, Trigger};

use crate::ast;
use crate::check::{Problems, Texts};
use crate::diagnostic::Diagnostic;
use crate::test::TestCase;
pub(crate) use allow::{Allows, covers as allow_covers, read as read_allows, span as item_spans};
pub(crate) use facts::Facts;

/// The blocks of a policy, each as it was written beside what it means, in the order of the files.
#[derive(Debug)]
pub(crate) struct Blocks<'p> {
    pub(crate) signals: Vec<(&'p ast::Signal, &'p Signal)>,
    pub(crate) triggers: Vec<(&'p ast::Trigger, &'p Trigger)>,
    pub(crate) plans: Vec<(&'p ast::Plan, &'p Plan)>,
    /// Of those that say all that a check must.
    pub(crate) checks: Vec<(&'p ast::Check, &'p Check)>,
    pub(crate) tests: Vec<(&'p ast::Test, &'p TestCase)>,
}

/// What lints look at beside their block, and what they have found.
pub(crate) struct Linter<'p> {
    texts: &'p dyn Texts,
    facts: &'p Facts,
    found: Vec<Diagnostic>,
}

impl<'p> Linter<'p> {
    pub(crate) const fn new(texts: &'p dyn Texts, facts: &'p Facts) -> Self {
        Self { texts, facts, found: Vec::new() }
    }

    /// Lints of a signal.
    pub(crate) fn signal(&mut self, tree: &ast::Signal, signal: &Signal) {
        self.stale_too_soon(tree);
        self.source_window(tree);
        self.labels_apart(tree);
        self.words_of_signal(tree);
        self.truth_of_expectation(signal);
        self.expectation_scale(tree, signal);
    }

    /// Lints of a trigger.
    pub(crate) fn trigger(&mut self, tree: &ast::Trigger, trigger: &Trigger) {
        self.truth_of_trigger(trigger);
        self.clear_overlaps(trigger);
        self.levels_in_order(trigger);
        self.times_of_trigger(tree);
        self.windows_of_trigger(tree);
        self.repeated_in_trigger(trigger);
        self.words_of_trigger(tree);
        self.without_given(tree, trigger);
        self.trigger_scale(tree);
        self.totals(tree);
        self.without_floor(trigger);
    }

    /// Lints of a plan.
    pub(crate) fn plan(&mut self, tree: &ast::Plan, plan: &Plan) {
        self.truth_of_plan(plan);
        self.times_of_plan(tree);
        self.lengths_of_plan(tree, plan);
        self.short_stages(plan);
        self.empty_expectations(tree);
        self.words_of_plan(tree);
    }

    /// Lints of a test.
    pub(crate) fn test(&mut self, tree: &ast::Test) {
        self.expects_nothing(tree);
        self.between_instants(tree);
        self.without_sample(tree);
        self.words_of_test(tree);
    }

    #[expect(clippy::boxed_local, reason = "diagnostics are built in boxes, see `Diagnostic::error`")]
    fn tell(&mut self, diagnostic: Box<Diagnostic>) {
        self.found.push(*diagnostic);
    }

    fn written(&self, span: Span) -> &'p str {
        self.texts.text(span)
    }
}

/// Runs every lint. What only the whole policy shows is left out where something could not be read.
pub(crate) fn run(texts: &dyn Texts, parts: &PolicyParts, blocks: &Blocks<'_>, problems: &mut Problems) {
    let tests: Vec<&TestCase> = blocks.tests.iter().map(|(_, test)| *test).collect();
    let facts = Facts::of(parts, &tests, blocks);
    let mut linter = Linter::new(texts, &facts);
    // where a mistake stands, what is read of a block may not be what is written: nothing more is said of it
    let mistakes = problems.error_places();
    let sound = |block: Span| {
        let next = mistakes.partition_point(|place| (place.file, place.start) < (block.file, block.start));
        mistakes.get(next).is_none_or(|place| place.file != block.file || place.start > block.end)
    };
    let signals = blocks.signals.iter().filter(|(tree, _)| sound(tree.span));
    signals.for_each(|(tree, signal)| linter.signal(tree, signal));
    let triggers = blocks.triggers.iter().filter(|(tree, _)| sound(tree.span));
    triggers.for_each(|(tree, trigger)| linter.trigger(tree, trigger));
    let plans = blocks.plans.iter().filter(|(tree, _)| sound(tree.span));
    plans.for_each(|(tree, plan)| linter.plan(tree, plan));
    let checks = blocks.checks.iter().filter(|(tree, _)| sound(tree.span));
    checks.for_each(|(tree, check)| linter.check(tree, check, &tests));
    let tests = blocks.tests.iter().filter(|(tree, _)| sound(tree.span));
    tests.for_each(|(tree, _)| linter.test(tree));
    if mistakes.is_empty() {
        whole(&mut linter, parts, blocks);
    }
    linter.found.into_iter().for_each(|diagnostic| problems.tell(Box::new(diagnostic)));
}

/// Lints that only the whole policy shows.
fn whole(linter: &mut Linter<'_>, parts: &PolicyParts, blocks: &Blocks<'_>) {
    linter.repeated_triggers(parts);
    linter.out_of_reach(parts);
    linter.unused_signals(parts, blocks);
    linter.untested_triggers(blocks);
    linter.untested_checks(blocks);
}
