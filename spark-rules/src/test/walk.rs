//! One pass of the engine over a test, instant by instant. Expectations, timelines and coverage look at the same pass.

use std::iter::Peekable;
use std::ops::ControlFlow;

use spark_core::{Engine, Ruling, State, TimeSpan, Timestamp};

use super::kept::Kept;
use super::outcome::Broken;
use super::series::{Event, Events};
use super::{TestCase, TestStage};
use crate::limits::{TEST_EVALUATIONS_MAX, TEST_SAMPLES_MAX};

/// What stands at an instant.
pub(crate) struct Instant<'w> {
    /// Since the test's start.
    pub(crate) at: TimeSpan,
    pub(crate) engine: &'w Engine,
    pub(crate) decision: Ruling<'w>,
    /// By the trigger's place among those that take part: what it shows.
    pub(crate) states: &'w [State],
    /// The stages that were entered until here, in their order.
    pub(crate) stages: &'w [TestStage],
}

/// What a pass took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) evaluations: u64,
    pub(crate) samples: u64,
}

/// When the engine is saved and restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restarts {
    /// Where the test says so.
    AsWritten,
    /// Also before every instant: nothing may change by it.
    #[cfg(test)]
    Everywhere,
}

/// Walks a test to its end, or until the one who looks has seen enough, and shows every instant.
///
/// # Errors
/// It is too long.
pub(crate) fn walk(
    kept: &Kept,
    case: &TestCase,
    end: TimeSpan,
    restarts: Restarts,
    see: &mut dyn FnMut(&Instant<'_>) -> ControlFlow<()>,
) -> Result<Taken, Broken> {
    let every = kept.policy.every();
    let evaluations = evaluations(end, every)?;
    let samples = case.given.iter().map(|given| Events::count(given, every, end));
    let samples = samples.fold(0, u64::saturating_add);
    if samples > TEST_SAMPLES_MAX {
        return Err(Broken::TooManySamples(samples));
    }
    let mut stages = case.stages.clone();
    stages.sort_by_key(|stage| stage.from);
    let mut entered = 0usize;
    let mut walk = Walk {
        engine: kept.fresh.clone(),
        series: case.given.iter().map(|given| Events::new(&kept.policy, given).peekable()).collect(),
        states: vec![State::Unknown; kept.policy.triggers().len()],
        taken: Taken::default(),
    };
    let mut at = TimeSpan::ZERO;
    for _ in 0..evaluations {
        let instant = Timestamp::EPOCH.plus(at);
        let restarted = walk.feed(instant);
        match restarts {
            Restarts::AsWritten if !restarted => {}
            _ => walk.restart()?,
        }
        while let Some(stage) = stages.get(entered).filter(|stage| stage.from <= at) {
            walk.engine.enter_stage(u32::try_from(stage.stage).unwrap_or(u32::MAX));
            entered = entered.saturating_add(1);
        }
        walk.taken.evaluations = walk.taken.evaluations.saturating_add(1);
        for (trigger, state) in walk.engine.decide(instant).changes() {
            if let Some(shown) = walk.states.get_mut(trigger.index()) {
                *shown = state;
            }
        }
        // there is one from the first instant on
        let Some(decision) = walk.engine.last() else { break };
        let seen = see(&Instant {
            at,
            engine: &walk.engine,
            decision,
            states: &walk.states,
            stages: stages.get(..entered).unwrap_or_default(),
        });
        if seen.is_break() {
            break;
        }
        at = at.plus(every);
    }
    Ok(walk.taken)
}

/// How many instants there are up to `end`, and at it.
fn evaluations(end: TimeSpan, every: TimeSpan) -> Result<u64, Broken> {
    let intervals = end.nanos().checked_div(every.nanos()).unwrap_or(0);
    let evaluations = u64::try_from(intervals).unwrap_or(0).saturating_add(1);
    match evaluations > TEST_EVALUATIONS_MAX {
        true => Err(Broken::TooManyEvaluations(evaluations)),
        false => Ok(evaluations),
    }
}

struct Walk<'a> {
    engine: Engine,
    series: Vec<Peekable<Events<'a>>>,
    states: Vec<State>,
    taken: Taken,
}

impl Walk<'_> {
    /// Brings the engine every sample that an evaluation at `instant` sees; whether there was a restart among them.
    fn feed(&mut self, instant: Timestamp) -> bool {
        let mut restarted = false;
        for events in &mut self.series {
            while let Some(event) = events.next_if(|event| event.at() <= instant) {
                match event {
                    Event::Sample(sample) => {
                        // a series has one sample for an instant, in order: each is kept
                        let _ = self.engine.observe(&sample);
                        self.taken.samples = self.taken.samples.saturating_add(1);
                    }
                    Event::Restart(_) => restarted = true,
                }
            }
        }
        restarted
    }

    /// Saves the engine to text and restores it, as when Spark itself is started again.
    fn restart(&mut self) -> Result<(), Broken> {
        let saved = serde_json::to_string(&self.engine.save());
        let state = saved
            .and_then(|text| serde_json::from_str(&text))
            .map_err(|error| Broken::NotRestored(error.to_string()))?;
        self.engine = Engine::restore(self.engine.policy().clone(), state)
            .map_err(|error| Broken::NotRestored(error.to_string()))?;
        Ok(())
    }
}
