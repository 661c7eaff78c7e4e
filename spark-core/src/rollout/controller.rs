//! The engine and the rollout together: what every runner, audit and simulation folds its facts with.

use std::sync::Arc;

use super::fact::{Fact, Start, Word};
use super::words::Refusal;
use super::{Contradiction, Due, Phase, Rollout};
use crate::decision::{Decision, Observed};
use crate::engine::{Engine, Recollection};
use crate::policy::Policy;
use crate::signal::Sample;
use crate::tighten;
use crate::time::{TimeSpan, Timestamp};

/// Longest time that a trigger may be overridden for: a day covers the longest incident; what lasts is a change of rules.
pub const OVERRIDE_MAX: TimeSpan = TimeSpan::from_seconds(24 * 3600);

/// Decides a release and walks it.
///
/// Live, a runner [observes](Self::observe) and [evaluates](Self::evaluate), records what came out, and then
/// [applies](Self::apply) it. After a crash, and in an audit, [`Controller::replay`] takes the recorded facts: it observes and evaluates again,
/// and says where the record and the derivation part.
#[derive(Debug, Clone)]
pub struct Controller {
    engine: Engine,
    rollout: Rollout,
    plan: String,
    /// All that the engine was told, so that stricter rules can be told it again.
    told: Recollection,
}

impl Controller {
    /// The controller of a rollout that begins.
    ///
    /// # Errors
    /// The policy has no such plan.
    pub fn begin(start: &Start) -> Result<Self, Contradiction> {
        let Some(plan) = start.policy.plan(&start.plan) else {
            return Err(Contradiction::new(format!("the rules have no plan `{}`", start.plan)));
        };
        let opens = start.opens.unwrap_or(start.at);
        let rollout = Rollout::new(plan, start.pace, start.policy.reach(), opens, start.fence);
        let engine = Engine::with_plan(Arc::clone(&start.policy), &start.plan);
        let told = Recollection::new(&start.policy);
        Ok(Self { engine, rollout, plan: start.plan.clone(), told })
    }

    /// The engine, for its reports.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The rollout.
    pub const fn rollout(&self) -> &Rollout {
        &self.rollout
    }

    /// The name of the plan that is walked.
    pub fn plan(&self) -> &str {
        &self.plan
    }

    /// What is to be done at an instant.
    pub fn due(&self, now: Timestamp) -> Due {
        self.rollout.due(now)
    }

    /// Takes a sample in. Record it as [`Fact::Sample`].
    pub fn observe(&mut self, sample: &Sample) -> Observed {
        let became = self.engine.observe(sample);
        self.told.observed(sample, became);
        became
    }

    /// Decides at an instant. Record the answer as [`Fact::Decided`], then [apply](Self::apply) it: until then it moves nothing.
    pub fn evaluate(&mut self, at: Timestamp) -> Decision {
        self.told.evaluated(at);
        self.engine.evaluate(at)
    }

    /// Whether a word would be taken now.
    ///
    /// # Errors
    /// It would not, for this reason.
    pub fn accepts(&self, word: &Word, at: Timestamp) -> Result<(), Refusal> {
        if let Word::Override { trigger, until } = word {
            if self.engine.policy().trigger_id(trigger).is_none() {
                return Err(Refusal::UnknownTrigger(trigger.clone()));
            }
            if *until <= at || until.since(at) > OVERRIDE_MAX {
                return Err(Refusal::OverrideTime(*until));
            }
        }
        self.rollout.accepts(word)
    }

    /// Whether a running release may go on under these rules, and what becomes stricter with them.
    ///
    /// # Errors
    /// They loosen it, or cannot be shown not to: every reason. It keeps the rules that it has.
    pub fn tightens(&self, policy: &Policy) -> Result<Vec<String>, Vec<String>> {
        match tighten::compare(self.engine.policy(), policy, &self.plan) {
            Ok(tightened) => Ok(tightened.changes),
            Err(loosenings) => Err(loosenings.iter().map(ToString::to_string).collect()),
        }
    }

    /// An engine under stricter rules, as if they had been there from the start.
    fn under(&self, policy: &Arc<Policy>) -> Result<(Engine, Recollection), Contradiction> {
        self.tightens(policy).map_err(|reasons| {
            Contradiction::new(format!("rules were loaded that are not stricter: {}", reasons.join("; ")))
        })?;
        let mut told = self.told.clone();
        let engine = told.replay_into(Arc::clone(policy), Some(&self.plan));
        let engine = engine.map_err(|error| Contradiction::new(error.to_string()))?;
        told.continue_under(policy);
        Ok((engine, told))
    }

    /// Takes a fact in that was recorded. Samples and decisions have been taken in by the engine already.
    ///
    /// # Errors
    /// It cannot have happened to this rollout.
    pub fn apply(&mut self, fact: &Fact) -> Result<(), Contradiction> {
        let moving = matches!(self.rollout.phase, Phase::Moving(..));
        if let Fact::Reloaded { at, policy, .. } = fact {
            let (engine, told) = self.under(policy)?;
            self.rollout.apply(fact)?;
            (self.engine, self.told) = (engine, told);
            if let Some(plan) = policy.plan(&self.plan) {
                self.rollout.follow(plan, policy.reach(), *at);
            }
            return Ok(());
        }
        self.rollout.apply(fact)?;
        if let (true, Phase::Serving(stage)) = (moving, &self.rollout.phase) {
            self.engine.enter_stage(*stage);
            self.told.entered_stage(*stage);
        }
        if let Fact::Word { said: Word::Override { trigger, until }, .. } = fact {
            let silenced = self.engine.override_trigger(trigger, *until);
            silenced.map_err(|error| Contradiction::new(error.to_string()))?;
            self.told.overridden(trigger, *until);
        }
        Ok(())
    }

    /// Takes a recorded fact in, and derives again what the engine made of it.
    ///
    /// # Errors
    /// It cannot have happened to this rollout, or the engine decides otherwise.
    pub fn replay(&mut self, fact: &Fact) -> Result<(), Contradiction> {
        match fact {
            Fact::Sample(sample) => {
                // whether it was kept is the engine's business: a dropped sample is dropped again
                let _ = self.observe(sample);
            }
            Fact::Decided { decision } => {
                let derived = self.evaluate(decision.at);
                if derived != *decision {
                    return Err(Contradiction::new(format!(
                        "the decision at {} is recorded as {} and derived as {}",
                        decision.at, decision.verdict, derived.verdict
                    )));
                }
            }
            _ => {}
        }
        self.apply(fact)
    }

    /// Up to when the record goes, in the rollout's own time.
    pub fn last(&self) -> Option<Timestamp> {
        self.engine.last().map(|ruling| ruling.at())
    }
}
