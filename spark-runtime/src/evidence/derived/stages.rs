//! The files of the stages: how each came about and ended, what it showed, and its log.

use spark_core::rollout::{Controller, Ending, Fact, RolloutState, Step, Word};
use spark_core::{Decision, Timestamp, Verdict};

use super::super::EvidenceError;
use super::super::files::{DataPoint, StageRollout, data_points_csv};
use super::super::folder::{SignalSummary, StageSummary};
use super::super::layout::stage_file;
use super::shelf::{Shelf, append_line, put_json};
use crate::action::percent;

/// What is gathered of the stages.
#[derive(Debug, Default)]
pub(super) struct Stages {
    /// Those whose share was seen.
    pub(super) summaries: Vec<StageSummary>,
    rollouts: Vec<StageRollout>,
    /// Where the log goes.
    log: Option<u32>,
    promoted_by: Option<String>,
    approved_by: Option<String>,
}

impl Stages {
    pub(super) fn on(
        &mut self,
        fact: &Fact,
        controller: &Controller,
        shelf: &mut dyn Shelf,
    ) -> Result<(), EvidenceError> {
        match fact {
            Fact::Sample(_) => return Ok(()),
            Fact::Decided { decision } => self.decided(decision, controller),
            Fact::Word { by, said: Word::Promote, .. } => self.promoted_by = Some(by.clone()),
            Fact::Word { by, said: Word::Approve, .. } => self.approved_by = Some(by.clone()),
            Fact::Intent { at, id, step, .. } => self.intended(*at, &id.to_string(), step),
            _ => {}
        }
        let state = controller.rollout().state();
        self.moved(fact.at(), &state, controller);
        if let RolloutState::Watching { .. } = state {
            // what comes now is told hour by hour
            self.log = None;
        }
        match self.log {
            Some(stage) => append_line(shelf, &stage_file(stage, "log.jsonl"), fact),
            None => Ok(()),
        }
    }

    fn decided(&mut self, decision: &Decision, controller: &Controller) {
        let Some(summary) = self.summaries.last_mut().filter(|summary| summary.left.is_none()) else {
            return;
        };
        summary.evaluations = summary.evaluations.saturating_add(1);
        if decision.verdict == Verdict::Hold {
            summary.held = summary.held.saturating_add(1);
        }
        summary.decided = Some(decision.at);
        summary.signals = controller.engine().expectation_reports().iter().map(SignalSummary::of).collect();
    }

    fn intended(&mut self, at: Timestamp, key: &str, step: &Step) {
        let stage = step.stage();
        let open = self.rollouts.last().is_some_and(|rollout| rollout.stage == stage);
        if let (false, Step::SetShare { share_bp, .. }) = (open, step) {
            self.log = Some(stage);
            self.rollouts.push(StageRollout {
                stage,
                share: format!("{}%", percent(*share_bp)),
                asked: Some(at),
                seen: None,
                left: None,
                served: spark_core::TimeSpan::ZERO,
                steps: Vec::new(),
                approved_by: self.approved_by.take(),
                ended: None,
            });
        }
        if let Step::RollBack { .. } = step {
            self.log = Some(stage);
        }
        if let Some(rollout) = self.rollouts.last_mut().filter(|rollout| rollout.stage == stage)
            && rollout.steps.last().is_none_or(|last| last != key)
        {
            rollout.steps.push(key.to_owned());
        }
    }

    fn moved(&mut self, at: Timestamp, state: &RolloutState, controller: &Controller) {
        let entered = match state {
            RolloutState::Stage { stage } => Some(*stage),
            _ => None,
        };
        let open =
            self.summaries.last().filter(|summary| summary.left.is_none()).map(|summary| summary.stage);
        let left = match state {
            RolloutState::Stage { stage } => open.is_some_and(|open| open != *stage),
            RolloutState::Waiting { .. } | RolloutState::Entering { .. } | RolloutState::Scheduled { .. } => {
                false
            }
            RolloutState::Watching { .. } | RolloutState::RollingBack { .. } | RolloutState::Ended(_) => true,
        };
        if left {
            self.leave(at, state);
        } else if let Some(rollout) = self.rollouts.last_mut()
            && rollout.left.is_none()
            && (entered == Some(rollout.stage) || matches!(state, RolloutState::Waiting { .. }))
        {
            rollout.served = controller.rollout().served();
        }
        if let Some(stage) = entered.filter(|stage| open != Some(*stage)) {
            let share = format!("{}%", percent(controller.rollout().expected_bp()));
            if let Some(rollout) = self.rollouts.last_mut().filter(|rollout| rollout.stage == stage) {
                rollout.seen = Some(at);
            }
            self.summaries.push(StageSummary {
                stage,
                share,
                entered: at,
                left: None,
                evaluations: 0,
                held: 0,
                decided: None,
                signals: Vec::new(),
            });
        }
    }

    fn leave(&mut self, at: Timestamp, state: &RolloutState) {
        if let Some(summary) = self.summaries.last_mut().filter(|summary| summary.left.is_none()) {
            summary.left = Some(at);
        }
        // the next stage may have been asked for already
        let next = match state {
            RolloutState::Stage { stage } => Some(*stage),
            _ => None,
        };
        let last = self.rollouts.len().saturating_sub(1);
        for (place, rollout) in self.rollouts.iter_mut().enumerate() {
            if rollout.left.is_some() || Some(rollout.stage) == next {
                continue;
            }
            rollout.left = Some(at);
            rollout.ended = Some(match (state, self.promoted_by.take()) {
                // what is asked for after it began because its own time was over
                (RolloutState::RollingBack { because, .. }, _) if place == last => {
                    format!("rolled back because {}", because.join(", "))
                }
                (RolloutState::Ended(Ending::Aborted { by, .. }), _) if place == last => {
                    format!("aborted by {by}")
                }
                (_, Some(by)) => format!("promoted by {by}"),
                (_, None) => "served".to_owned(),
            });
        }
    }

    /// Writes what is told of each stage in one.
    pub(super) fn write(&self, shelf: &mut dyn Shelf) -> Result<(), EvidenceError> {
        for rollout in &self.rollouts {
            put_json(shelf, &stage_file(rollout.stage, "rollout.json"), rollout)?;
        }
        for summary in &self.summaries {
            put_json(shelf, &stage_file(summary.stage, "summary.json"), summary)?;
        }
        let points: Vec<DataPoint> = self.summaries.iter().flat_map(points).collect();
        let table = data_points_csv(&points).map_err(|error| EvidenceError::BadTable {
            path: "data-points.csv".to_owned(),
            why: error.to_string(),
        })?;
        shelf.append("data-points.csv", &table)
    }
}

/// A stage's measured data points: each signal as it was at its end.
fn points(summary: &StageSummary) -> impl Iterator<Item = DataPoint> {
    summary.signals.iter().map(|signal| DataPoint {
        stage: summary.stage.saturating_add(1),
        share: summary.share.clone(),
        at: summary.decided,
        signal: signal.signal.clone(),
        value: signal.value.clone(),
        limit: signal.limit.clone(),
        met: match signal.met {
            Some(true) => "yes",
            Some(false) => "no",
            None => "unknown",
        }
        .to_owned(),
        cause: signal.cause.clone(),
    })
}
