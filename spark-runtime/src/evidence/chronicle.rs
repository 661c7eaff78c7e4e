//! What a rollout did, in short: what is kept of it when its files are written.

use spark_core::Decision;

use super::StageSummary;
use super::files::RollbackTimes;

/// What happened, as far as it is recorded.
#[derive(Debug, Clone, Default)]
pub struct Chronicle {
    stages: Vec<StageSummary>,
    decision: Option<Decision>,
    rollback: Option<RollbackTimes>,
}

impl Chronicle {
    pub(super) const fn new(
        stages: Vec<StageSummary>,
        decision: Option<Decision>,
        rollback: Option<RollbackTimes>,
    ) -> Self {
        Self { stages, decision, rollback }
    }

    /// The stages that were entered, in order.
    pub fn stages(&self) -> &[StageSummary] {
        &self.stages
    }

    /// The last decision.
    pub const fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// How traffic was taken back, where it was.
    pub const fn rollback(&self) -> Option<&RollbackTimes> {
        self.rollback.as_ref()
    }
}
