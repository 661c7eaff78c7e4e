//! An evaluation: the parts that have to be visited, each after those that it listens to, and the decision from all.

use super::clock::Outcome;
use super::overrides::Overrides;
use super::parts::PartKind;
use super::pass::Pass;
use super::triggers::Levels;
use super::view::View;
use super::{Engine, truth};
use crate::decision::{Decision, Truth, Verdict};
use crate::planted::{self, Bug};
use crate::time::Timestamp;
use crate::trigger::TriggerId;

/// What the last evaluation made of each part, beside the state: to be told, and not to be made again.
#[derive(Debug, Clone)]
pub(super) struct Made {
    /// By comparison; `None` where it was not asked.
    pub(super) compared: Vec<Option<Outcome>>,
    /// By trigger.
    pub(super) traced: Vec<Option<Levels>>,
    /// By signal: its expectation.
    met: Vec<Option<Outcome>>,
    /// By part: what it asks for.
    asks: Vec<Option<Verdict>>,
    /// Room for the triggers that change in an evaluation, kept to be used again.
    changed: Vec<usize>,
}

impl Made {
    pub(super) fn new(comparisons: usize, triggers: usize, signals: usize, parts: usize) -> Self {
        Self {
            compared: vec![None; comparisons],
            traced: vec![None; triggers],
            met: vec![None; signals],
            asks: vec![None; parts],
            changed: Vec::new(),
        }
    }
}

impl Engine {
    /// Decides at an instant.
    pub fn evaluate(&mut self, at: Timestamp) -> Decision {
        if let Some(last) = &self.state.last
            && at <= last.at
        {
            return last.clone();
        }
        self.remember_stage_means(at);
        self.state.overrides.end_before(at);
        let visited = self.visit(at);
        let mut decision = self.state.last.take().unwrap_or_else(|| self.undecided());
        decision.at = at;
        if visited.asks_changed {
            decision.verdict = self.made.asks.iter().flatten().copied().max().unwrap_or(Verdict::Proceed);
            decision.because = self.because(decision.verdict);
        }
        if let Some(ready) = visited.ready {
            decision.ready = ready;
        }
        decision.changes.clear();
        decision.changes.extend(self.made.changed.iter().filter_map(|place| self.change(*place, at)));
        decision.changes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        if !(decision.overridden.is_empty() && self.state.overrides.is_empty()) {
            decision.overridden = self.state.overrides.names();
        }
        self.state.last = Some(decision.clone());
        self.forget(at);
        decision
    }

    /// The decision before the first evaluation. A plan that the policy does not have can never be ready.
    fn undecided(&self) -> Decision {
        let has_plan = |plan: &String| self.policy.plan(plan).is_some();
        let ready = if self.state.plan.as_ref().is_none_or(has_plan) { Truth::True } else { Truth::Unknown };
        Decision {
            at: Timestamp::EPOCH,
            verdict: Verdict::Proceed,
            because: Vec::new(),
            ready,
            changes: Vec::new(),
            overridden: Vec::new(),
        }
    }

    /// Visits every part that may come to something else than before.
    fn visit(&mut self, at: Timestamp) -> Visited {
        let state = &mut self.state;
        let last = state.last.as_ref().map(|last| last.at);
        let (policy, program, made) = (&self.policy, &self.program, &mut self.made);
        let view = View { policy, program, histories: &state.histories, stages: &state.stages, at };
        let mut visited =
            Visited { asks_changed: self.agenda.open(&view, last, &made.compared), ready: None };
        made.changed.clear();
        let mut pass = Pass {
            view,
            memory: &mut state.memory,
            compared: &mut made.compared,
            every_expectation: Outcome::True,
        };
        while let Some((place, part)) = self.agenda.next().and_then(|n| Some((n, program.parts.get(n)?))) {
            if let Some(compared) = pass.compared.get_mut(part.comparisons.clone()) {
                compared.fill(None);
            }
            let asks = match part.kind {
                PartKind::Expectation(signal) => {
                    let root = program.expectations.get(signal).and_then(Option::as_ref);
                    let outcome = root.and_then(|root| pass.root(root, None));
                    if let Some(met) = made.met.get_mut(signal)
                        && std::mem::replace(met, outcome) != outcome
                    {
                        // `every signal meets its expectation` stands in the last part alone
                        self.agenda.put_on(program.parts.len().saturating_sub(1));
                    }
                    if let Some(memory) = state.expectations.get_mut(signal) {
                        *memory = outcome.map(|outcome| {
                            let truth = truth(outcome);
                            let before = memory.filter(|(before, _)| *before == truth);
                            (truth, before.map_or(at, |(_, since)| since))
                        });
                    }
                    outcome.filter(|outcome| !is_met(*outcome)).map(|_| Verdict::Hold)
                }
                PartKind::Trigger(trigger) => {
                    let before = pass.memory.triggers.get(trigger).map(|memory| memory.shown);
                    let (levels, asks) = triggered(&mut pass, trigger, &state.overrides);
                    if let (Some(slot), Some(levels)) = (made.traced.get_mut(trigger), levels) {
                        *slot = Some(levels);
                    }
                    if pass.memory.triggers.get(trigger).map(|memory| memory.shown) != before {
                        made.changed.push(trigger);
                        part.listeners.iter().for_each(|listener| self.agenda.put_on(*listener));
                    }
                    asks
                }
                PartKind::Proceed => {
                    pass.every_expectation = made.met.iter().flatten().fold(Outcome::True, |a, b| a.and(*b));
                    let root = program.proceed.as_ref();
                    visited.ready = root.map(|root| truth(pass.root(root, None).unwrap_or(Outcome::True)));
                    None
                }
            };
            if let Some(asked) = made.asks.get_mut(place) {
                visited.asks_changed |= std::mem::replace(asked, asks) != asks;
            }
        }
        self.agenda.close(&view, last, &mut state.memory, &state.overrides);
        visited
    }

    /// The names of what asks for a verdict, in order.
    fn because(&self, verdict: Verdict) -> Vec<String> {
        let asking =
            self.program.parts.iter().zip(&self.made.asks).filter(|(_, asks)| **asks == Some(verdict));
        let mut names: Vec<String> = asking
            .filter_map(|(part, _)| match part.kind {
                PartKind::Expectation(signal) => Some(self.policy.signals().get(signal)?.name.clone()),
                PartKind::Trigger(trigger) => Some(self.policy.triggers().get(trigger)?.name.clone()),
                PartKind::Proceed => None,
            })
            .collect();
        names.sort_unstable();
        names
    }
}

/// What a visit came to, beside what is remembered.
struct Visited {
    /// Whether any part asks for something else than before.
    asks_changed: bool,
    /// Whether the plan's `proceed when` holds, where it was visited.
    ready: Option<Truth>,
}

fn is_met(expectation: Outcome) -> bool {
    match planted::is(Bug::UnknownIsMet) {
        true => !expectation.is_false(),
        false => expectation.is_true(),
    }
}

/// Evaluates a trigger: what its conditions are, and what it asks for. One that is overridden asks for nothing and speaks
/// for nobody; all else of it goes on.
fn triggered(pass: &mut Pass<'_>, place: usize, overrides: &Overrides) -> (Option<Levels>, Option<Verdict>) {
    let view = pass.view;
    let (Some(trigger), Some(roots)) = (view.policy.triggers().get(place), view.program.triggers.get(place))
    else {
        return (None, None);
    };
    let levels = pass.levels(roots);
    // who has no voice speaks for nobody
    let silent = |id: &TriggerId| {
        let named = view.policy.triggers().get(id.index());
        named.is_some_and(|named| overrides.until(&named.name, view.at).is_some())
    };
    let shown = |id: &TriggerId| pass.memory.triggers.get(id.index())?.shown.level();
    let speaking = trigger.unless.iter().filter(|id| !silent(id)).filter_map(shown).max();
    let Some(memory) = pass.memory.triggers.get_mut(place) else { return (Some(levels), None) };
    memory.advance(trigger, &levels, speaking, view.at);
    let asks = memory.asks.filter(|_| overrides.until(&trigger.name, view.at).is_none());
    (Some(levels), asks)
}
