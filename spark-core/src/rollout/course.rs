//! The part of a plan that a rollout walks, small enough to be part of its state.

use serde::{Deserialize, Serialize};

use crate::time::TimeSpan;
use crate::trigger::Plan;

/// A stage to be walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Leg {
    pub(super) share_bp: u16,
    pub(super) duration: TimeSpan,
    pub(super) approval: bool,
}

/// A plan's stages and times.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Course {
    legs: Vec<Leg>,
    pub(super) warmup: TimeSpan,
    pub(super) watch: TimeSpan,
}

impl Course {
    pub(super) fn of(plan: &Plan) -> Self {
        let legs = plan
            .stages
            .iter()
            .map(|stage| Leg { share_bp: stage.share_bp, duration: stage.duration, approval: stage.approval })
            .collect();
        Self { legs, warmup: plan.warmup, watch: plan.watch }
    }

    pub(super) fn leg(&self, place: u32) -> Option<Leg> {
        self.legs.get(place as usize).copied()
    }

    /// The share of the stage with this place, or of the last where it is behind it; zero without stages.
    pub(super) fn share_bp(&self, place: u32) -> u16 {
        self.leg(place).or_else(|| self.legs.last().copied()).map_or(0, |leg| leg.share_bp)
    }

    pub(super) fn last(&self) -> u32 {
        u32::try_from(self.legs.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }
}
