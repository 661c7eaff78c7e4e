//! An evaluation: the parts that have to be visited, each after those that it listens to, and the decision from all.

use super::clock::Outcome;
use super::overrides::Overrides;
use super::parts::PartKind;
use super::pass::Pass;
use super::program::Program;
use super::ruling::{Asks, Ruling};
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
    /// The parts that ask for something, by the rank of their names.
    pub(super) asks: Asks,
    /// The triggers that changed in it.
    changed: Vec<usize>,
}

impl Made {
    pub(super) fn new(program: &Program) -> Self {
        let triggers = program.triggers.len();
        Self {
            compared: vec![None; program.comparisons.len()],
            traced: vec![None; triggers],
            met: vec![None; program.expectations.len()],
            asks: Asks::new(program.parts.len()),
            changed: Vec::with_capacity(triggers),
        }
    }
}

impl Engine {
    /// Decides at an instant, and gives the decision away. Where it is looked at and dropped, [`Self::decide`] is cheaper.
    pub fn evaluate(&mut self, at: Timestamp) -> Decision {
        self.decide(at).to_decision()
    }

    /// Decides at an instant, and lends the decision: nothing is allocated where no trigger changes.
    pub fn decide(&mut self, at: Timestamp) -> Ruling<'_> {
        if self.latest.at.is_none_or(|last| at > last) {
            self.advance(at);
        }
        Ruling::new(self)
    }

    fn advance(&mut self, at: Timestamp) {
        self.windows.advance(&self.state.histories, at);
        self.remember_stage_means(at);
        self.state.overrides.end_before(at);
        let ready = self.visit(at);
        let latest = &mut self.latest;
        latest.ready = ready.unwrap_or(latest.ready);
        latest.at = Some(at);
        latest.verdict = self.made.asks.verdict();
        latest.turned.clear();
        if !(latest.overridden.is_empty() && self.state.overrides.is_empty()) {
            latest.overridden = self.state.overrides.names();
        }
        if !self.made.changed.is_empty() {
            let rank = |place: &usize| self.program.trigger_ranks.get(*place);
            self.made.changed.sort_unstable_by_key(rank);
            let mut turned = std::mem::take(&mut self.latest.turned);
            turned.extend(self.made.changed.iter().filter_map(|place| self.turned(*place, at)));
            self.latest.turned = turned;
        }
    }

    /// Visits every part that may come to something else than before. Gives whether the plan's `proceed when` holds, where
    /// it was visited.
    fn visit(&mut self, at: Timestamp) -> Option<Truth> {
        let (state, agenda, last) = (&mut self.state, &mut self.agenda, self.latest.at);
        let (policy, program, made) = (&self.policy, &self.program, &mut self.made);
        let (histories, windows) = (&state.histories, &self.windows);
        let view = View { policy, program, histories, windows, stages: &state.stages, at };
        agenda.open(&mut self.watch, &view, last, &made.compared);
        made.changed.clear();
        let mut ready = None;
        let mut pass = Pass {
            view,
            watch: &self.watch,
            memory: &mut state.memory,
            compared: &mut made.compared,
            every_expectation: Outcome::True,
        };
        while let Some((place, part)) = agenda.next().and_then(|n| Some((n, program.parts.get(n)?))) {
            if let Some(compared) = pass.compared.get_mut(part.comparisons.clone()) {
                compared.fill(None);
            }
            if let Some(last) = last {
                agenda.bring_forward(pass.memory, part, last);
            }
            let asks = match part.kind {
                PartKind::Expectation(signal) => {
                    let root = program.expectations.get(signal).and_then(Option::as_ref);
                    let outcome = root.and_then(|root| pass.root(root, None));
                    if let Some(met) = made.met.get_mut(signal)
                        && std::mem::replace(met, outcome) != outcome
                    {
                        // `every signal meets its expectation` stands in the last part alone
                        agenda.put_on(program.parts.len().saturating_sub(1));
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
                        part.listeners.iter().for_each(|listener| agenda.put_on(*listener));
                    }
                    asks
                }
                PartKind::Proceed => {
                    pass.every_expectation = made.met.iter().flatten().fold(Outcome::True, |a, b| a.and(*b));
                    let root = program.proceed.as_ref();
                    ready = root.map(|root| truth(pass.root(root, None).unwrap_or(Outcome::True)));
                    None
                }
            };
            made.asks.set(part.rank, asks);
            agenda.take_up(&view, pass.memory, place, part);
        }
        agenda.close(&view, &state.overrides);
        ready
    }
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
