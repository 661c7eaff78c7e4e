//! The rollout: one state machine that turns decisions into explicit steps.

use serde::{Deserialize, Serialize};

use crate::decision::{Decision, Truth, Verdict};
use crate::time::{TimeSpan, Timestamp};
use crate::trigger::Plan;

/// A rollout on its way through a plan.
///
/// It only ever moves by [`Rollout::apply`], so a rollout is a fold over decisions: the same decisions give the
/// same steps, live and in replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    state: RolloutState,
    /// Good time served in the stage.
    served: TimeSpan,
    /// The last decision's instant, where it was proceed.
    proceeding_since: Option<Timestamp>,
    /// The longest time between two decisions that serves: nobody looked in a longer one.
    reach: TimeSpan,
}

/// Where a rollout is. Exhaustive on purpose: a new state must break the build of whoever moves traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutState {
    /// In the stage with this place.
    Stage(u32),
    /// All stages are served.
    Completed,
    /// Sent back while in the stage with this place.
    RolledBack(u32),
}

/// What is to be carried out now; nothing is left to choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[must_use = "a step that nobody carries out moves nothing"]
pub enum Step {
    /// Send this share of traffic (hundredths of a percent) to the canary, and enter that stage.
    EnterStage {
        /// The stage's place.
        stage: u32,
        /// The share.
        share_bp: u16,
    },
    /// Take all traffic back, because of these.
    RollBack {
        /// The stage's place.
        stage: u32,
        /// Why.
        because: Vec<String>,
    },
    /// The release is at its last share and done.
    Complete,
}

impl Rollout {
    /// The start of a plan, with its first step; a plan without stages is complete.
    ///
    /// `reach` is the longest time between two decisions that may serve, as [`Policy::reach`](crate::Policy::reach)
    /// gives it: after a sleep of the host, nobody knows what happened in between.
    pub fn start(plan: &Plan, reach: TimeSpan) -> (Self, Step) {
        let (state, step) = entered(plan, 0);
        (Self { state, served: TimeSpan::ZERO, proceeding_since: None, reach }, step)
    }

    /// Where it is.
    pub const fn state(&self) -> RolloutState {
        self.state
    }

    /// The good time served in the present stage: time at hold does not serve.
    pub const fn served(&self) -> TimeSpan {
        self.served
    }

    /// Takes a decision in and says what to carry out, if anything.
    ///
    /// A stage is left when its time is served, the decision is proceed and `proceed when` holds. The time between
    /// two decisions serves when both are proceed and it is not longer than `reach`. A rollback takes all traffic back, from any stage.
    pub fn apply(&mut self, plan: &Plan, decision: &Decision) -> Option<Step> {
        let RolloutState::Stage(place) = self.state else { return None };
        match decision.verdict {
            Verdict::Rollback => {
                self.state = RolloutState::RolledBack(place);
                Some(Step::RollBack { stage: place, because: decision.because.clone() })
            }
            Verdict::Hold => {
                self.proceeding_since = None;
                None
            }
            Verdict::Proceed => {
                if let Some(before) = self.proceeding_since
                    && decision.at.since(before) <= self.reach
                {
                    self.served = self.served.plus(decision.at.since(before));
                }
                self.proceeding_since = Some(decision.at);
                let duration =
                    plan.stages.get(place as usize).map(|stage| stage.duration).unwrap_or_default();
                if self.served < duration || decision.ready != Truth::True {
                    return None;
                }
                let (state, step) = entered(plan, place.saturating_add(1));
                self.state = state;
                self.served = TimeSpan::ZERO;
                Some(step)
            }
        }
    }
}

/// The stage with this place, or the end behind the last.
fn entered(plan: &Plan, place: u32) -> (RolloutState, Step) {
    match plan.stages.get(place as usize) {
        Some(stage) => {
            (RolloutState::Stage(place), Step::EnterStage { stage: place, share_bp: stage.share_bp })
        }
        None => (RolloutState::Completed, Step::Complete),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::SourceSpan;
    use crate::trigger::Stage;

    /// Walks two stages of 30 s each over decisions 15 s apart; a letter a decision, `p` where `proceed when` does not hold.
    fn check(decisions: &str, expected: &str) {
        let stage = |share_bp| Stage {
            share_bp,
            duration: TimeSpan::from_seconds(30),
            approval: false,
            span: SourceSpan::default(),
        };
        let plan = Plan {
            name: "canary".to_owned(),
            title: None,
            stages: vec![stage(100), stage(10_000)],
            proceed: None,
            warmup: TimeSpan::ZERO,
            watch: TimeSpan::ZERO,
            span: SourceSpan::default(),
        };
        let (mut rollout, step) = Rollout::start(&plan, TimeSpan::from_seconds(15));
        assert_eq!(step, Step::EnterStage { stage: 0, share_bp: 100 });
        let mut steps = String::new();
        for (place, letter) in decisions.chars().enumerate() {
            if letter == '_' {
                steps.push('.');
                continue;
            }
            let decision = Decision {
                at: Timestamp::EPOCH.plus(TimeSpan::from_seconds(15).times(u32::try_from(place).unwrap())),
                verdict: match letter {
                    'H' => Verdict::Hold,
                    'R' => Verdict::Rollback,
                    _ => Verdict::Proceed,
                },
                because: Vec::new(),
                ready: if letter == 'p' { Truth::Unknown } else { Truth::True },
                changes: Vec::new(),
                overridden: Vec::new(),
            };
            steps.push(match rollout.apply(&plan, &decision) {
                None => '.',
                Some(Step::EnterStage { stage, .. }) => char::from_digit(stage, 10).unwrap(),
                Some(Step::RollBack { .. }) => 'R',
                Some(Step::Complete) => 'C',
            });
        }
        assert_eq!(steps, expected, "{decisions}");
    }

    /// A stage is left when its time is served, the decision is proceed and `proceed when` holds; hold does not serve.
    #[test]
    fn stages() {
        check("PPPPP", "..1.C");
        check("HHHPPPPP", ".....1.C");
        check("PPHPPP", "....1.");
        check("PPpppP", ".....1");
        check("HHHHHH", "......");
        check("PPR", "..R");
        check("PPPRPPP", "..1R...");
        // an interval of 30 s, in which nobody looked, does not serve
        check("P_P_P_P", ".......");
        check("P_PP_PPP", "......1.");
    }
}
