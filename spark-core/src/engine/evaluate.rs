//! An evaluation: the parts that have to be visited, each after those that it listens to, and the decision from all.

use super::clock::Outcome;
use super::flat::Flat;
use super::overrides::Overrides;
use super::parts::PartKind;
use super::pass::Pass;
use super::places::PlaceSet;
use super::program::Program;
use super::ruling::{Asks, Ruling};
use super::triggers::Traced;
use super::view::View;
use super::{Engine, truth};
use crate::decision::{Decision, Truth, Verdict};
use crate::planted::{self, Bug};
use crate::time::Timestamp;
use crate::trigger::TriggerId;

/// What the last evaluation made of each part, beside the state: to be told, and not to be made again.
#[derive(Debug, Clone)]
pub(super) struct Made {
    /// By comparison; `None` where it was not asked. Of flat triggers that are kept it stands there, as do their clauses.
    pub(super) compared: Vec<Option<Outcome>>,
    /// By trigger.
    pub(super) traced: Vec<Option<Traced>>,
    /// By signal: its expectation.
    met: Vec<Option<Outcome>>,
    /// The parts that ask for something, by their bits.
    pub(super) asks: Asks,
    /// The triggers that changed in it, by their bits.
    pub(super) changed: PlaceSet,
    pub(super) flat: Flat,
}

impl Made {
    pub(super) fn new(program: &Program) -> Self {
        let triggers = program.triggers.len();
        Self {
            compared: vec![None; program.comparisons.len()],
            traced: vec![None; triggers],
            met: vec![None; program.expectations.len()],
            asks: Asks::new(program.bits.len()),
            changed: PlaceSet::new(program.bits.len()),
            flat: Flat::new(&program.bits),
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
        self.forget_changes();
        if self.is_quiet(at) {
            self.latest.at = Some(at);
            return;
        }
        self.windows.advance(&self.state.histories, at);
        self.remember_stage_means(at);
        self.state.overrides.end_before(at);
        let ready = self.visit(at);
        let latest = &mut self.latest;
        latest.ready = ready.unwrap_or(latest.ready);
        latest.at = Some(at);
        latest.verdict = self.made.asks.verdict();
        if !(latest.overridden.is_empty() && self.state.overrides.is_empty()) {
            latest.overridden = self.state.overrides.names();
        }
        latest.has_changes = !self.made.changed.is_empty();
        latest.has_open_details = latest.has_changes;
    }

    /// Whether an evaluation would visit nothing, and all stays as it was at the last one.
    fn is_quiet(&self, at: Timestamp) -> bool {
        let reach = self.made.flat.reach(&self.program.bits);
        self.latest.at.is_some_and(|last| self.agenda.is_quiet(last, at, reach))
            && self.watch.is_quiet(at)
            && self.program.readers.timed.is_empty()
            && !self.state.stages.in_stage()
            && self.latest.overridden.is_empty()
            && self.state.overrides.is_empty()
    }

    /// Visits every part that may come to something else than before. Gives whether the plan's `proceed when` holds, where
    /// it was visited.
    fn visit(&mut self, at: Timestamp) -> Option<Truth> {
        let (state, agenda, last) = (&mut self.state, &mut self.agenda, self.latest.at);
        let (policy, program, made) = (&self.policy, &self.program, &mut self.made);
        let (histories, windows) = (&state.histories, &self.windows);
        let view = View { policy, program, histories, windows, stages: &state.stages, at };
        agenda.open(&mut self.watch, &view, last, made);
        let mut ready = None;
        let mut pass = Pass {
            view,
            watch: &self.watch,
            memory: &mut state.memory,
            compared: &mut made.compared,
            every_expectation: Outcome::True,
        };
        while let Some((place, part)) = agenda.next().and_then(|n| Some((n, program.parts.get(n)?))) {
            if let Some(last) = last {
                made.flat.leave(part, last, pass.memory);
                agenda.bring_forward(pass.memory, part, last);
            }
            let short = part.short.and_then(|short| Some((short, pass.holds(part, short)?)));
            if short.is_none()
                && let Some(compared) = pass.compared.get_mut(part.comparisons.range())
            {
                compared.fill(None);
            }
            let mut is_kept = false;
            let asks = match part.kind {
                PartKind::Expectation(signal) => {
                    let signal = signal as usize;
                    let root = program.expectations.get(signal).and_then(Option::as_deref);
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
                    let trigger = trigger as usize;
                    let before = pass.memory.triggers.get(trigger).map(|memory| memory.shown);
                    let traced = match short {
                        Some((short, holds)) => Some(pass.in_short(part, trigger, short, holds)),
                        None => triggered(&mut pass, trigger, &state.overrides),
                    };
                    if let (Some(slot), Some(traced)) = (made.traced.get_mut(trigger), traced) {
                        *slot = Some(traced);
                        is_kept = short.is_some()
                            && state.overrides.is_empty()
                            && made.flat.keep(program, part, at, pass.memory, &traced);
                    }
                    let memory = pass.memory.triggers.get(trigger);
                    let asks = memory.and_then(|memory| memory.asks);
                    let asks = asks.filter(|_| !is_overridden(&view, trigger, &state.overrides));
                    if memory.map(|memory| memory.shown) != before {
                        made.changed.insert(part.bit as usize);
                        let listeners = program.listeners.get(part.listeners.range()).unwrap_or_default();
                        listeners.iter().for_each(|listener| agenda.put_on(*listener as usize));
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
            made.asks.set(part.bit as usize, asks);
            agenda.take_up(&view, pass.memory, place, part, is_kept);
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

/// Evaluates a trigger, and gives what its clauses are worth. One that is overridden speaks for nobody; all else of it goes
/// on.
fn triggered(pass: &mut Pass<'_>, place: usize, overrides: &Overrides) -> Option<Traced> {
    let view = pass.view;
    let (trigger, roots) = (view.policy.triggers().get(place)?, view.program.triggers.get(place)?);
    let levels = pass.levels(roots);
    // who has no voice speaks for nobody
    let speaks = |id: &&TriggerId| !is_overridden(&view, id.index(), overrides);
    let shown = |id: &TriggerId| pass.memory.triggers.get(id.index())?.shown.level();
    let speaking = trigger.unless.iter().filter(speaks).filter_map(shown).max();
    if let Some(memory) = pass.memory.triggers.get_mut(place) {
        memory.advance(trigger, &levels, speaking, view.at);
    }
    Some(Traced::of(&levels))
}

/// Whether a trigger has no voice at the instant.
fn is_overridden(view: &View<'_>, place: usize, overrides: &Overrides) -> bool {
    let name = || view.policy.triggers().get(place).map(|trigger| trigger.name.as_str());
    !overrides.is_empty() && name().is_some_and(|name| overrides.until(name, view.at).is_some())
}
