//! Which of an operator's words a rollout takes, and why not the others.

use super::fact::{Ending, Word};
use super::{Phase, Rollout};
use crate::planted::{self, Bug};
use crate::time::Timestamp;

/// Why a word is refused. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The rollout is over.
    #[error("the rollout is over: {0}")]
    Over(Ending),
    /// A rollback has begun, and is never abandoned.
    #[error("traffic is being taken back, and a rollback that has begun is not abandoned")]
    RollingBack,
    /// It is held already.
    #[error("it is held already")]
    AlreadyHeld,
    /// It is not held.
    #[error("it is not held")]
    NotHeld,
    /// No stage that is left needs approval, or it was given.
    #[error("no stage is waiting for approval, and the next one needs none")]
    NothingToApprove,
    /// There is no stage to be promoted from.
    #[error("no stage is being served")]
    NoStage,
    /// The last decision was not proceed, or `proceed when` did not hold.
    #[error("the last decision is not to proceed: promote skips a stage's time, not its evidence")]
    NotProceeding,
    /// The rules have no such trigger.
    #[error("the rules have no trigger `{0}`")]
    UnknownTrigger(String),
    /// The time of an override is past, or too far away.
    #[error("an override ends within 24 hours from now, and {0} does not")]
    OverrideTime(Timestamp),
    /// It is held or frozen.
    #[error("it is held or frozen: say `resume` first, or wait until the freeze is over")]
    InTheWay,
}

impl Rollout {
    /// Whether a word would be taken now.
    ///
    /// # Errors
    /// It would not, for this reason.
    pub fn accepts(&self, word: &Word) -> Result<(), Refusal> {
        if let Phase::Over(ending) = &self.phase {
            return Err(Refusal::Over(ending.clone()));
        }
        if let Phase::RollingBack(..) = self.phase {
            return Err(Refusal::RollingBack);
        }
        match word {
            Word::Hold if self.held => Err(Refusal::AlreadyHeld),
            Word::Resume if !self.held => Err(Refusal::NotHeld),
            Word::Approve => self.may_approve(),
            Word::Promote => self.may_promote(),
            Word::Hold | Word::Resume | Word::Override { .. } | Word::Rollback { .. } | Word::Abort => Ok(()),
        }
    }

    fn may_approve(&self) -> Result<(), Refusal> {
        let next = match &self.phase {
            Phase::Scheduled(_) => 0,
            Phase::Gate(stage) => *stage,
            Phase::Moving(stage, _) | Phase::Serving(stage) => stage.saturating_add(1),
            Phase::Watching(_) | Phase::RollingBack(..) | Phase::Over(_) => {
                return Err(Refusal::NothingToApprove);
            }
        };
        if self.lacks_approval(next) { Ok(()) } else { Err(Refusal::NothingToApprove) }
    }

    fn may_promote(&self) -> Result<(), Refusal> {
        if !matches!(self.phase, Phase::Serving(_)) {
            return Err(Refusal::NoStage);
        }
        if self.held || self.frozen {
            return Err(Refusal::InTheWay);
        }
        if (self.proceeding_since.is_none() || !self.ready) && !planted::is(Bug::PromoteWithoutEvidence) {
            return Err(Refusal::NotProceeding);
        }
        Ok(())
    }
}
