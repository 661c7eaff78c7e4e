//! The engine: the only place that turns samples into decisions.

mod cause;
mod clock;
mod glance;
mod history;
mod measure;
mod overrides;
mod pass;
mod program;
mod quiet;
mod recollection;
mod report;
mod stages;
mod trace;
mod triggers;
mod view;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use self::cause::comparison_words;
use self::clock::Outcome;
pub use self::glance::{Closeness, Glance, Measured};
use self::history::History;
use self::overrides::Overrides;
pub use self::overrides::UnknownTrigger;
use self::pass::{Memory, Pass};
use self::program::Program;
pub(crate) use self::program::reach;
use self::quiet::Quiet;
pub use self::recollection::{FAILURE_WORDS_MAX, RECALLED_MAX, Recollection, RecollectionError};
use self::stages::StageMemory;
pub use self::trace::Conditions;
use self::triggers::Levels;
use self::view::View;
use crate::decision::{Change, Decision, Observed, Truth, Verdict};
use crate::planted::{self, Bug};
use crate::policy::Policy;
use crate::signal::{Sample, Track};
use crate::time::Timestamp;
use crate::trigger::TriggerId;

/// Decides a release from samples, at instants that the caller names.
///
/// It is pure and total: the same samples and instants give the same decisions, bit for bit, and nothing that it
/// is given makes it fail or panic; what cannot be known is part of the answer. Its state can be
/// [saved](Self::save), [restored](Self::restore), and folded again from recorded samples and instants.
///
/// An evaluation sees every sample whose time is not after its instant. Instants only go forward: an earlier one
/// than the last is answered as the last.
#[derive(Debug, Clone)]
pub struct Engine {
    policy: Arc<Policy>,
    program: Arc<Program>,
    state: EngineState,
    /// Room for one evaluation's comparisons, kept to be used again.
    compared: Vec<Option<Outcome>>,
    /// By trigger: what the last evaluation made of its conditions.
    traced: Vec<Option<Levels>>,
    quiet: Quiet,
}

/// The engine's state between evaluations, to be saved. It means something only beside its policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineState {
    /// What the policy was, so that it is not taken for another.
    policy: u64,
    /// The plan that is followed.
    plan: Option<String>,
    /// By signal: the canary's samples and the baseline's.
    histories: Vec<[History; 2]>,
    memory: Memory,
    stages: StageMemory,
    /// By signal: whether its expectation was met, and the first instant at which it was so.
    expectations: Vec<Option<(Truth, Timestamp)>>,
    last: Option<Decision>,
    #[serde(default, skip_serializing_if = "Overrides::is_empty")]
    overrides: Overrides,
}

/// Why a state is not of this policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// It was saved under another policy, or by another version of the engine.
    #[error("the saved state is of another policy: fold the recorded samples again instead")]
    OtherPolicy,
}

impl Engine {
    /// An engine without a plan: decisions are made over all triggers and expectations.
    pub fn new(policy: Arc<Policy>) -> Self {
        Self::start(policy, None)
    }

    /// An engine that also follows a plan's `proceed when`; never ready where the policy has no such plan.
    pub fn with_plan(policy: Arc<Policy>, plan: &str) -> Self {
        Self::start(policy, Some(plan.to_owned()))
    }

    fn start(policy: Arc<Policy>, plan: Option<String>) -> Self {
        let program = Program::new(&policy, plan.as_deref());
        let memory = Memory {
            clocks: vec![Default::default(); program.clocks.len()],
            sequences: vec![Default::default(); program.sequences],
            triggers: vec![Default::default(); policy.triggers().len()],
        };
        let state = EngineState {
            policy: policy.fingerprint(),
            plan,
            histories: vec![Default::default(); policy.signals().len()],
            memory,
            stages: StageMemory::default(),
            expectations: vec![None; policy.signals().len()],
            last: None,
            overrides: Overrides::default(),
        };
        let compared = vec![None; program.comparisons.len()];
        let traced = vec![None; policy.triggers().len()];
        let quiet = Quiet::new(&policy);
        Self { policy, program: Arc::new(program), state, compared, traced, quiet }
    }

    /// The policy.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// The last decision.
    pub fn last(&self) -> Option<&Decision> {
        self.state.last.as_ref()
    }

    /// Takes a sample in; it is seen by every later evaluation at an instant that is not before it.
    pub fn observe(&mut self, sample: &Sample) -> Observed {
        let Some([canary, baseline]) = self.state.histories.get_mut(sample.signal.index()) else {
            return Observed::Undeclared;
        };
        let history = match sample.track {
            Track::Canary => canary,
            Track::Baseline => baseline,
        };
        let became = history.observe(sample.at, &sample.reading);
        if became == Observed::Kept {
            self.quiet.observe(sample.signal, sample.track, sample.at, &sample.reading);
        }
        became
    }

    /// Says that the rollout entered the stage with this place in the plan. What was measured until now is then
    /// `previous stage`.
    pub fn enter_stage(&mut self, stage: u32) {
        self.quiet.end();
        self.state.stages.enter(stage);
    }

    /// Decides at an instant.
    pub fn evaluate(&mut self, at: Timestamp) -> Decision {
        if let Some(last) = &self.state.last
            && at <= last.at
        {
            return last.clone();
        }
        self.remember_stage_means(at);
        if let Some(same) = self.repeat(at) {
            return same;
        }
        self.state.overrides.end_before(at);
        let before: Vec<_> = self.state.memory.triggers.iter().map(|trigger| trigger.shown).collect();
        self.compared.iter_mut().for_each(|slot| *slot = None);
        let state = &mut self.state;
        let view = View {
            policy: &self.policy,
            program: &self.program,
            histories: &state.histories,
            stages: &state.stages,
            at,
        };
        let mut pass = Pass {
            view,
            memory: &mut state.memory,
            compared: &mut self.compared,
            every_expectation: Outcome::True,
        };
        let mut asked = expectations(&mut pass, &mut state.expectations);
        triggers(&mut pass, &state.overrides, &mut asked, &mut self.traced);
        let ready = match &view.program.proceed {
            Some(proceed) => truth(pass.root(proceed, None).unwrap_or(Outcome::True)),
            // a plan that the policy does not have can never be ready
            None if state.plan.as_ref().is_some_and(|plan| view.policy.plan(plan).is_none()) => {
                Truth::Unknown
            }
            None => Truth::True,
        };
        let verdict = asked.iter().map(|(verdict, _)| *verdict).max().unwrap_or(Verdict::Proceed);
        let mut because: Vec<_> =
            asked.into_iter().filter(|(asks, _)| *asks == verdict).map(|(_, name)| name.to_owned()).collect();
        because.sort_unstable();
        let changes = self.changes(&before, at);
        let overridden = self.state.overrides.names();
        let decision = Decision { at, verdict, because, ready, changes, overridden };
        self.state.last = Some(decision.clone());
        let state = &self.state;
        let view = View {
            at,
            policy: &self.policy,
            program: &self.program,
            histories: &state.histories,
            stages: &state.stages,
        };
        self.quiet.settle(&view, &state.memory, &state.overrides);
        self.forget(at);
        decision
    }

    /// The last decision again, at a later instant, where nothing that it was made of has changed.
    fn repeat(&mut self, at: Timestamp) -> Option<Decision> {
        let state = &mut self.state;
        let last = state.last.as_mut()?;
        let view = View {
            at,
            policy: &self.policy,
            program: &self.program,
            histories: &state.histories,
            stages: &state.stages,
        };
        if !self.quiet.repeat(&view, last.at, &mut state.memory.clocks, &self.compared) {
            return None;
        }
        last.at = at;
        last.changes.clear();
        let same = last.clone();
        self.forget(at);
        Some(same)
    }

    /// Adds what later stages are compared with to the means of this one.
    fn remember_stage_means(&mut self, at: Timestamp) {
        if !self.state.stages.in_stage() {
            return;
        }
        for place in &self.program.previous_stage {
            let view = View {
                policy: &self.policy,
                program: &self.program,
                histories: &self.state.histories,
                stages: &self.state.stages,
                at,
            };
            let value = view.left(*place).ok();
            self.state.stages.add(*place, value);
        }
    }

    fn changes(&self, before: &[crate::decision::State], at: Timestamp) -> Vec<Change> {
        let mut changes: Vec<_> = self
            .policy
            .triggers()
            .iter()
            .zip(&self.state.memory.triggers)
            .zip(before)
            .enumerate()
            .filter(|(_, ((_, memory), before))| memory.shown != **before)
            .filter_map(|(place, _)| self.change(place, at))
            .collect();
        changes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        changes
    }

    fn forget(&mut self, at: Timestamp) {
        for (histories, horizon) in self.state.histories.iter_mut().zip(&self.program.horizons) {
            histories.iter_mut().for_each(|history| history.forget_before(at, *horizon));
        }
    }

    /// The state, to be saved.
    pub fn save(&self) -> EngineState {
        self.state.clone()
    }

    /// An engine that goes on where another stopped, with the same bytes out.
    ///
    /// # Errors
    /// The state was saved under another policy: its parts do not fit.
    pub fn restore(policy: Arc<Policy>, state: EngineState) -> Result<Self, RestoreError> {
        let mut engine = Self::start(policy, state.plan.clone());
        let shape = |state: &EngineState| {
            let memory = &state.memory;
            let parts = [memory.triggers.len(), memory.clocks.len(), memory.sequences.len()];
            (state.policy, parts, state.histories.len(), state.expectations.len())
        };
        if shape(&state) != shape(&engine.state) {
            return Err(RestoreError::OtherPolicy);
        }
        engine.state = state;
        Ok(engine)
    }
}

/// Evaluates every expectation; what is not met asks for hold.
fn expectations<'a>(
    pass: &mut Pass<'a>,
    remembered: &mut [Option<(Truth, Timestamp)>],
) -> Vec<(Verdict, &'a str)> {
    let view = pass.view;
    let mut asked = Vec::new();
    let mut every = Outcome::True;
    for ((signal, root), memory) in
        view.policy.signals().iter().zip(&view.program.expectations).zip(remembered)
    {
        let outcome = root.as_ref().and_then(|root| pass.root(root, None));
        let Some(outcome) = outcome else {
            *memory = None;
            continue;
        };
        every = every.and(outcome);
        let met = match planted::is(Bug::UnknownIsMet) {
            true => !outcome.is_false(),
            false => outcome.is_true(),
        };
        if !met {
            asked.push((Verdict::Hold, signal.name.as_str()));
        }
        let truth = truth(outcome);
        let since = memory.filter(|(before, _)| *before == truth).map_or(view.at, |(_, since)| since);
        *memory = Some((truth, since));
    }
    pass.every_expectation = every;
    asked
}

/// Evaluates every trigger, each after those that it is quiet for. One that is overridden asks for nothing and speaks for
/// nobody; all else of it goes on.
fn triggers<'a>(
    pass: &mut Pass<'a>,
    overrides: &Overrides,
    asked: &mut Vec<(Verdict, &'a str)>,
    traced: &mut [Option<Levels>],
) {
    let view = pass.view;
    for id in view.policy.order() {
        let place = id.index();
        let (Some(trigger), Some(roots)) =
            (view.policy.triggers().get(place), view.program.triggers.get(place))
        else {
            continue;
        };
        let truth = pass.levels(roots);
        // who has no voice speaks for nobody
        let silent = |id: &TriggerId| {
            let named = view.policy.triggers().get(id.index());
            named.is_some_and(|named| overrides.until(&named.name, view.at).is_some())
        };
        let shown = |id: &TriggerId| pass.memory.triggers.get(id.index())?.shown.level();
        let speaking = trigger.unless.iter().filter(|id| !silent(id)).filter_map(shown).max();
        if let Some(memory) = pass.memory.triggers.get_mut(place) {
            memory.advance(trigger, &truth, speaking, view.at);
            let asks = memory.asks.filter(|_| overrides.until(&trigger.name, view.at).is_none());
            asked.extend(asks.map(|asks| (asks, trigger.name.as_str())));
        }
        if let Some(slot) = traced.get_mut(place) {
            *slot = Some(truth);
        }
    }
}

const fn truth(outcome: Outcome) -> Truth {
    match outcome {
        Outcome::True => Truth::True,
        Outcome::False => Truth::False,
        Outcome::Unknown(_) => Truth::Unknown,
    }
}
