//! A block checked alone, against what all the others declare: what an editor needs at every keystroke. What only the
//! whole policy shows (circles, lints, what a rate is of) is left to `check`.

use spark_core::{Dimension, TimeSpan, Unit, WindowFunction};

use super::units::{Type, windowed};
use super::{Checker, Problems, SignalInfo, Texts};
use crate::ast::{File, Item, TestClause};
use crate::diagnostic::Diagnostic;

/// Values that something in a unit is often compared with; none of money, whose currency would have to be known.
pub(crate) const fn typical(unit: Unit) -> &'static [&'static str] {
    match (unit.dimension, unit.per_time) {
        (Dimension::Duration, false) => &["100ms", "200ms", "300ms", "500ms", "1s", "5s", "1m"],
        (Dimension::Ratio, false) => &["0.1%", "1%", "3%", "5%", "50%", "95%"],
        (Dimension::Count, false) => &["1", "10", "100", "1k"],
        (Dimension::Count, true) => &["1/s", "10/s", "10/min", "50/min"],
        (Dimension::Bytes, false) => &["512KiB", "10MiB", "100MiB", "1GiB"],
        (Dimension::Bytes, true) => &["10MiB/min", "1MiB/s"],
        (Dimension::Number, false) => &["0.5", "0.8", "1"],
        _ => &[],
    }
}

/// What the signals of a piece of text are, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Declared(Vec<SignalInfo>);

impl Declared {
    /// Reads the signals of a tree.
    pub(crate) fn of(texts: &dyn Texts, tree: &File) -> Self {
        let mut problems = Problems::new();
        let mut checker = Checker::new(texts, &mut problems, TimeSpan::ZERO, [tree]);
        for item in &tree.items {
            if let Item::Signal(signal) = item {
                checker.signal(signal);
            }
        }
        // what a rate is of is said by all comparisons together: until they are read, it goes with everything
        for info in &mut checker.signals {
            info.unit = info.unit.filter(|_| !info.open_rate);
        }
        Self(checker.signals)
    }

    /// What the signal at a place is, or a function of it, and values that it may be compared with; none where that is
    /// not known.
    pub(crate) fn fitting(&self, place: usize, function: Option<&str>) -> Option<(String, Vec<String>)> {
        let unit = self.0.get(place)?.unit?;
        let kind = match function {
            Some(function) => windowed(WindowFunction::parse(function)?, unit).ok()?,
            None => Type::Of(unit),
        };
        let Type::Of(unit) = kind else { return None };
        let values = match typical(unit) {
            [] => vec![kind.example()],
            values => values.iter().map(|value| (*value).to_owned()).collect(),
        };
        Some((kind.named(), values))
    }

    /// Whether the signals are what the others are.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self
                .0
                .iter()
                .zip(&other.0)
                .all(|(a, b)| a.unit == b.unit && a.per == b.per && a.scale == b.scale)
    }
}

/// All of a policy: the pieces that its text was cut in, each with a number of its own, in the order of the files.
#[derive(Debug, Default)]
pub(crate) struct Surroundings<'t> {
    pub(crate) trees: Vec<&'t File>,
    /// What the signals of each tree are.
    pub(crate) declared: Vec<&'t Declared>,
    /// Whether a file of the policy is not known, so that no name can be told as unknown.
    pub(crate) blind: bool,
}

impl Surroundings<'_> {
    /// Checks the blocks of the pieces with these numbers, and gives what is wrong in them.
    pub(crate) fn check(&self, texts: &dyn Texts, numbers: &[u32]) -> Vec<Diagnostic> {
        let mut problems = Problems::new();
        let mut checker = Checker::new(
            texts,
            &mut problems,
            super::settings::every(&self.trees),
            self.trees.iter().copied(),
        );
        checker.doubtful = checker.doubtful.take().filter(|_| !self.blind);
        let blocks = checker.gather(self.trees.iter().copied());
        checker.declare(&blocks);
        checker.plans_broken = blocks.plans.iter().any(|plan| plan.broken);
        checker.signals = self.declared.iter().flat_map(|declared| &declared.0).cloned().collect();
        let wanted = |file: u32| numbers.contains(&file);
        for (place, signal) in blocks.signals.iter().enumerate().filter(|(_, block)| wanted(block.span.file))
        {
            let mut checked = checker.signal(signal);
            checker.finish_signal(place, Some(signal), &mut checked);
        }
        for (name, trigger) in blocks.triggers.iter().filter(|(_, block)| wanted(block.span.file)) {
            checker.trigger(name, trigger);
        }
        for check in blocks.checks.iter().filter(|block| wanted(block.span.file)) {
            checker.check(check);
        }
        checker.refuse_shared_evidence(&blocks.checks);
        let tests: Vec<_> = blocks.tests.iter().filter(|block| wanted(block.span.file)).collect();
        let staged = tests
            .iter()
            .flat_map(|test| &test.clauses)
            .any(|clause| matches!(clause.kind, TestClause::AtStage { .. }));
        let plans: Vec<_> = blocks
            .plans
            .iter()
            .filter(|block| staged || wanted(block.span.file))
            .map(|plan| checker.plan(plan))
            .collect();
        for test in tests {
            checker.test(test, &plans, &blocks.checks);
        }
        let mut found = problems.sorted();
        // the declarations around them are told of where they stand
        found.retain(|diagnostic| wanted(diagnostic.span.file));
        found
    }
}
