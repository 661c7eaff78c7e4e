//! The engine: the only place that turns samples into decisions.

mod agenda;
mod bits;
mod cause;
mod clock;
mod deadlines;
mod deciding;
mod estimate;
mod evaluate;
mod fixed;
mod flat;
mod glance;
mod histories;
mod history;
mod measure;
mod overrides;
mod pairing;
mod parts;
mod pass;
mod passage;
mod places;
mod program;
mod readers;
mod recollection;
mod report;
mod ruling;
mod runs;
mod short;
mod slide;
mod stages;
mod trace;
mod triggers;
mod view;
mod watch;
mod windows;
mod word;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::agenda::Agenda;
pub(crate) use self::cause::comparison_words;
use self::clock::Outcome;
use self::evaluate::Made;
pub use self::glance::{Closeness, Glance, Measured};
use self::histories::Histories;
use self::overrides::Overrides;
pub use self::overrides::UnknownTrigger;
use self::pass::Memory;
use self::program::Program;
pub(crate) use self::program::reach;
pub use self::recollection::{FAILURE_WORDS_MAX, RECALLED_MAX, Recollection, RecollectionError};
use self::ruling::Latest;
pub use self::ruling::Ruling;
use self::stages::StageMemory;
pub use self::trace::Conditions;
use self::watch::Watch;
use self::windows::Windows;
use self::word::Word;
use crate::decision::{Decision, Observed, Truth};
use crate::policy::Policy;
use crate::signal::Sample;
use crate::time::Timestamp;

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
    made: Made,
    latest: Latest,
    watch: Watch,
    agenda: Agenda,
    windows: Windows,
}

/// The engine's state between evaluations, to be saved. It means something only beside its policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineState {
    /// What the policy was, so that it is not taken for another; once the state is saved.
    policy: u64,
    /// The plan that is followed.
    plan: Option<String>,
    /// By signal: the canary's samples and the baseline's.
    histories: Histories,
    memory: Memory,
    stages: StageMemory,
    /// By signal, up to the last that has one: whether its expectation was met, and the first instant at which it was so.
    expectations: Vec<Option<(Truth, Timestamp)>>,
    /// The last decision, once it is saved.
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
            policy: 0,
            plan,
            histories: Histories::new(policy.signals().len()),
            memory,
            stages: StageMemory::default(),
            expectations: vec![None; program.expectations.len()],
            last: None,
            overrides: Overrides::default(),
        };
        // a plan that the policy does not have can never be ready
        let has_plan = state.plan.as_ref().is_none_or(|plan| policy.plan(plan).is_some());
        let ready = if has_plan { Truth::True } else { Truth::Unknown };
        let latest = Latest::new(program.bits.len(), ready);
        let agenda = Agenda::new(&program.parts, program.clocks.len());
        let (made, watch) = (Made::new(&program), Watch::new(&program.readers.newest));
        let windows = Windows::new(&policy, &program.comparisons);
        Self { policy, program: Arc::new(program), state, made, latest, watch, agenda, windows }
    }

    /// The policy.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Takes a sample in; it is seen by every later evaluation at an instant that is not before it.
    pub fn observe(&mut self, sample: &Sample) -> Observed {
        if self.latest.has_open_details {
            self.settle_details_before(sample);
        }
        let Sample { signal, track, at, reading } = sample;
        let needed = self.program.needed.get(signal.index());
        let Some((needed, history)) = needed.zip(self.state.histories.get_mut(*signal, *track)) else {
            return Observed::Undeclared;
        };
        let word = Word::of(reading);
        let became = history.take_in(*at, reading, word, self.latest.at, needed);
        if became == Observed::Kept
            && let Some(place) = self.program.readers.series(*signal, *track)
        {
            self.watch.observe(place, word);
        }
        became
    }

    /// Says that the rollout entered the stage with this place in the plan. What was measured until now is then
    /// `previous stage`.
    pub fn enter_stage(&mut self, stage: u32) {
        self.settle_details();
        self.agenda.unsettle();
        self.state.stages.enter(stage);
    }

    /// Adds what later stages are compared with to the means of this one.
    fn remember_stage_means(&mut self, at: Timestamp) {
        if !self.state.stages.in_stage() {
            return;
        }
        for place in &self.program.previous_stage {
            let value = self.view(at).left(*place).ok();
            self.state.stages.add(*place, value);
        }
    }

    /// The state, to be saved.
    pub fn save(&self) -> EngineState {
        let mut state = self.state.clone();
        state.policy = self.policy.fingerprint();
        let Some(last) = self.last() else { return state };
        let at = last.at();
        // what is done bit by bit, or once somebody looks, is done
        state.histories.forget_before(at, &self.program.needed);
        for (place, clock) in state.memory.clocks.iter_mut().enumerate() {
            *clock = self.clock(place, at).unwrap_or(*clock);
        }
        for (place, memory) in state.memory.triggers.iter_mut().enumerate() {
            *memory = self.remembered(place).unwrap_or(*memory);
        }
        state.last = Some(last.to_decision());
        state
    }

    /// An engine that goes on where another stopped, with the same bytes out.
    ///
    /// # Errors
    /// The state was saved under another policy: its parts do not fit.
    pub fn restore(policy: Arc<Policy>, mut state: EngineState) -> Result<Self, RestoreError> {
        let mut engine = Self::start(policy, state.plan.clone());
        let shape = |state: &EngineState| {
            let memory = &state.memory;
            let parts = [memory.triggers.len(), memory.clocks.len(), memory.sequences.len()];
            (parts, state.histories.signals(), state.expectations.len())
        };
        if state.policy != engine.policy.fingerprint() || shape(&state) != shape(&engine.state) {
            return Err(RestoreError::OtherPolicy);
        }
        let last = state.last.take();
        engine.state = state;
        if let Some(last) = last {
            engine.take_up(last);
        }
        Ok(engine)
    }
}

const fn truth(outcome: Outcome) -> Truth {
    match outcome {
        Outcome::True => Truth::True,
        Outcome::False => Truth::False,
        Outcome::Unknown(_) => Truth::Unknown,
    }
}
