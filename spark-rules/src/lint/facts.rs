//! What a lint of one block has to know of all the others.

use std::collections::BTreeMap;

use spark_core::metrics::MetricsNode;
use spark_core::{
    Dimension, Plan, PolicyParts, Signal, SignalId, Source, SourceSpan as Span, TimeSpan, Unit,
};

use super::Blocks;
use super::durations::held;
use super::scales::{Threshold, thresholds};
use super::totals::is_total;
use crate::ast::TriggerClause;
use crate::interval::Ranges;
use crate::test::TestCase;

/// Facts of a whole policy.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The time between evaluations.
    pub(super) every: TimeSpan,
    /// What signals can be.
    pub(super) ranges: Ranges,
    /// By signal.
    pub(super) signals: Vec<SignalFacts>,
    /// By name.
    pub(super) places: BTreeMap<String, usize>,
    /// The shortest stage of all plans.
    pub(super) shortest: Option<Stay>,
    /// The longest `for` of a trigger's level, and where it stands.
    pub(super) longest: Option<(TimeSpan, Span)>,
    /// Whether signals are declared, and none has an expectation.
    pub(super) expects_nothing: bool,
    /// The lengths of time that each signal is compared with.
    pub(super) thresholds: BTreeMap<String, Vec<Threshold>>,
}

/// How long a release is at a stage: its warm-up is time in which decisions are made, too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stay {
    pub(super) lasts: TimeSpan,
    /// Whether a warm-up is part of it.
    pub(super) warmed: bool,
    /// Where the stage stands.
    pub(super) span: Span,
}

impl Stay {
    /// The stages of a plan.
    pub(super) fn of(plan: &Plan) -> impl Iterator<Item = Self> {
        plan.stages.iter().map(|stage| Self {
            lasts: stage.duration.plus(plan.warmup),
            warmed: !plan.warmup.is_zero(),
            span: stage.span,
        })
    }
}

/// Facts of one signal.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignalFacts {
    /// Whether its source is asked at each evaluation; else samples come as they come.
    pub(super) polled: bool,
    /// The least time between its samples in a test, where one says it.
    pub(super) given_every: Option<TimeSpan>,
    /// Whether it is a share or a percentile: few events move it far.
    pub(super) fragile: Option<&'static str>,
    /// Whether it is the total of a counter.
    pub(super) total: bool,
}

impl Facts {
    pub(crate) fn of(parts: &PolicyParts, tests: &[&TestCase], blocks: &Blocks<'_>) -> Self {
        let mut facts = Self {
            every: parts.every,
            ranges: Ranges::of(&parts.signals, &parts.triggers, &parts.plans, tests.iter().copied()),
            signals: parts.signals.iter().map(signal_facts).collect(),
            places: parts.signals.iter().enumerate().map(|(place, s)| (s.name.clone(), place)).collect(),
            shortest: parts.plans.iter().flat_map(Stay::of).min_by_key(|stay| stay.lasts),
            longest: None,
            expects_nothing: !parts.signals.is_empty()
                && parts.signals.iter().all(|signal| signal.expectation.is_none()),
            thresholds: thresholds(blocks),
        };
        for given in tests.iter().flat_map(|test| &test.given) {
            for step in &given.steps {
                let Some(signal) = facts.signals.get_mut(given.signal.index()) else { continue };
                signal.given_every = signal.given_every.into_iter().chain(step.every).min();
            }
        }
        for (tree, _) in &blocks.triggers {
            for clause in &tree.clauses {
                let TriggerClause::Level(_, condition) = &clause.kind else { continue };
                held(condition, &mut |length| {
                    if facts.longest.is_none_or(|(longest, _)| length.value > longest) {
                        facts.longest = Some((length.value, length.span));
                    }
                });
            }
        }
        facts
    }

    /// Facts of the measures of one check, of which only their ranges matter.
    pub(super) fn of_measures(ranges: Ranges) -> Self {
        Self { ranges, ..Self::default() }
    }

    pub(super) fn signal(&self, id: SignalId) -> Option<&SignalFacts> {
        self.signals.get(id.index())
    }

    pub(super) fn named(&self, name: &str) -> Option<&SignalFacts> {
        self.signals.get(*self.places.get(name)?)
    }
}

fn signal_facts(signal: &Signal) -> SignalFacts {
    let percentile = matches!(&signal.source, Source::Metrics(metrics)
        if matches!(metrics.root, MetricsNode::HistogramQuantile { .. }));
    let fragile = match (percentile, signal.unit == Unit::of(Dimension::Ratio)) {
        (true, _) => Some("a percentile"),
        (false, true) => Some("a share"),
        _ => None,
    };
    let polled = !matches!(signal.source, Source::Push);
    SignalFacts { polled, given_every: None, fragile, total: is_total(signal) }
}
