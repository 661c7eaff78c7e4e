//! The tree → the parts of a policy. Split by concern: names, units, conditions, signals, triggers, stages, tests.
//! What is wrong is told once: an unknown name has the type "wrong", which goes with everything.

mod alone;
mod checks;
mod conditions;
mod expressions;
mod looked;
mod meant;
mod metrics;
mod names;
mod problems;
mod rates;
mod settings;
mod signals;
mod stages;
mod tests;
mod texts;
mod triggers;
pub(crate) mod units;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use rust_decimal::Decimal;
use spark_core::check::Check;
use spark_core::{PerTime, PolicyParts, SourceSpan as Span, TimeSpan, Unit};

use crate::ast;
use crate::files::Files;
use crate::lint;
use crate::suggest::joined;
use crate::test::TestCase;
pub(crate) use alone::{Declared, Surroundings, typical};
pub(crate) use names::line_name;
pub(crate) use problems::Problems;
pub(crate) use texts::Texts;

/// What a signal may be.
pub(crate) const TYPES: &[&str] =
    &["duration", "ratio", "count", "counter", "rate", "bytes", "money", "number"];

/// What a measure of a check may be. A counter says nothing at one look.
pub(crate) const MEASURE_TYPES: &[&str] =
    &["duration", "ratio", "count", "rate", "bytes", "money", "number", "flag"];

/// The types, for messages.
pub(crate) fn types_help(types: &[&'static str]) -> String {
    format!("types are {}", joined(types.iter().copied(), " and "))
}

/// Files checked: the parts of a policy, and the tests.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) parts: PolicyParts,
    pub(crate) tests: Vec<TestCase>,
}

/// What is known of a signal before conditions are read.
#[derive(Debug, Clone)]
pub(crate) struct SignalInfo {
    /// None where its declaration is wrong: then it goes with everything.
    unit: Option<Unit>,
    per: PerTime,
    /// `is rate` whose source does not say of what.
    open_rate: bool,
    /// What its lengths of time are like.
    scale: Option<meant::Scale>,
    /// Whether it is true or false; only a measure of a check is.
    flag: bool,
}

/// What a name stands for among signals and triggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Signal(u32),
    Trigger(u32),
}

/// The blocks of all files, by kind, in the order of the files.
#[derive(Debug, Default)]
struct Blocks<'t> {
    signals: Vec<&'t ast::Signal>,
    /// With the name, which of a one-line trigger is made from its place.
    triggers: Vec<(Cow<'t, str>, &'t ast::Trigger)>,
    plans: Vec<&'t ast::Plan>,
    checks: Vec<&'t ast::Check>,
    tests: Vec<&'t ast::Test>,
}

struct Checker<'t> {
    texts: &'t dyn Texts,
    problems: &'t mut Problems,
    every: TimeSpan,
    names: HashMap<Cow<'t, str>, (Named, Span)>,
    /// What names stand for outside of the check that is read; none outside of checks.
    outer: Option<HashMap<Cow<'t, str>, (Named, Span)>>,
    plans: HashMap<String, (usize, Span)>,
    signals: Vec<SignalInfo>,
    /// The lengths of time that signals are compared with in the trigger that is read.
    beside: HashMap<String, Decimal>,
    /// Names that may be declared in what could not be read; none where nothing is known of them.
    doubtful: Option<HashSet<&'t str>>,
    /// Whether a plan could not be read, so that its stages are not all known.
    plans_broken: bool,
    /// Where each signal says what it is.
    signal_types: Vec<Option<Span>>,
    /// Names for suggestions.
    signal_names: Vec<&'t str>,
    trigger_names: Vec<Cow<'t, str>>,
}

/// Checks the files. The result is to be used only where no error was told.
pub(crate) fn check(files: &Files, trees: &[ast::File], problems: &mut Problems) -> Checked {
    let every = settings::check(files, trees, problems);
    let mut checker = Checker::new(files, problems, every, trees);
    let blocks = checker.gather(trees);
    checker.declare(&blocks);
    checker.plans_broken = blocks.plans.iter().any(|plan| plan.broken);
    let mut signals: Vec<_> = blocks.signals.iter().map(|signal| checker.signal(signal)).collect();
    checker.settle_rates(&blocks);
    for (place, signal) in signals.iter_mut().enumerate() {
        checker.finish_signal(place, blocks.signals.get(place).copied(), signal);
    }
    let triggers: Vec<_> =
        blocks.triggers.iter().map(|(name, trigger)| checker.trigger(name, trigger)).collect();
    let plans: Vec<_> = blocks.plans.iter().map(|plan| checker.plan(plan)).collect();
    checker.refuse_circles(&triggers, &blocks);
    let checks: Vec<Check> = blocks.checks.iter().filter_map(|check| checker.check(check)).collect();
    checker.refuse_shared_evidence(&blocks.checks);
    let tests: Vec<TestCase> =
        blocks.tests.iter().map(|test| checker.test(test, &plans, &blocks.checks)).collect();
    let parts = PolicyParts { every, signals, triggers, plans, checks };
    lint::run(files, &parts, &blocks.beside(&parts, &tests), checker.problems);
    Checked { parts, tests }
}

impl<'t> Blocks<'t> {
    /// Each block beside what it means.
    fn beside<'p>(&self, parts: &'p PolicyParts, tests: &'p [TestCase]) -> lint::Blocks<'p>
    where
        't: 'p,
    {
        let triggers = self.triggers.iter().map(|(_, tree)| *tree);
        lint::Blocks {
            signals: self.signals.iter().copied().zip(&parts.signals).collect(),
            triggers: triggers.zip(&parts.triggers).collect(),
            plans: self.plans.iter().copied().zip(&parts.plans).collect(),
            checks: self
                .checks
                .iter()
                .copied()
                .filter_map(|tree| {
                    let check = parts.checks.iter().find(|check| check.span == tree.span)?;
                    Some((tree, check))
                })
                .collect(),
            tests: self.tests.iter().copied().zip(tests).collect(),
        }
    }
}

impl<'t> Checker<'t> {
    /// A checker that knows no name yet.
    fn new(
        texts: &'t dyn Texts,
        problems: &'t mut Problems,
        every: TimeSpan,
        trees: impl IntoIterator<Item = &'t ast::File, IntoIter: Clone>,
    ) -> Self {
        let trees = trees.into_iter();
        let blind = trees.clone().any(|tree| tree.blind);
        Self {
            texts,
            problems,
            every,
            names: HashMap::new(),
            outer: None,
            plans: HashMap::new(),
            signals: Vec::new(),
            beside: HashMap::new(),
            doubtful: (!blind).then(|| trees.flat_map(|tree| &tree.doubtful).map(String::as_str).collect()),
            plans_broken: false,
            signal_types: Vec::new(),
            signal_names: Vec::new(),
            trigger_names: Vec::new(),
        }
    }

    /// Whether a name that nothing has may be declared in what could not be read.
    fn doubtful(&self, name: &str) -> bool {
        self.doubtful.as_ref().is_none_or(|names| names.contains(name))
    }

    fn written(&self, span: Span) -> &str {
        self.texts.text(span)
    }
}
