//! The rollout: one state machine that turns decisions into explicit steps.

use serde::{Deserialize, Serialize};

use crate::decision::Decision;
use crate::time::{TimeSpan, Timestamp};
use crate::trigger::Plan;

/// A rollout on its way (skeleton: the signatures stand, the meaning follows).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Where it is.
    pub state: RolloutState,
    /// Good time served in the stage.
    pub served: TimeSpan,
    /// The last decision's instant and whether it was proceed.
    last: Option<(Timestamp, bool)>,
}

/// Where a rollout is. Exhaustive on purpose.
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
    /// The release is at 100 % and done.
    Complete,
}

impl Rollout {
    /// The start of a plan, with its first step.
    pub fn start(_plan: &Plan) -> (Self, Vec<Step>) {
        (Self { state: RolloutState::Stage(0), served: TimeSpan::ZERO, last: None }, Vec::new())
    }

    /// The next state and what to carry out.
    pub fn apply(&mut self, _plan: &Plan, _decision: &Decision) -> Vec<Step> {
        Vec::new()
    }
}
