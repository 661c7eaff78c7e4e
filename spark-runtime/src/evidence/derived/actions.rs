//! The files of the steps: each with its attempts, what was run, what it said, and when a probe saw its effect.

use std::collections::BTreeMap;

use spark_core::Timestamp;
use spark_core::rollout::{Controller, Ended, Ending, Fact, RolloutState, Step, StepId};

use super::super::EvidenceError;
use super::super::files::{ActionRecord, AttemptRecord, RollbackTimes};
use super::super::layout::action_file;
use super::super::text::first_part;
use super::shelf::{Shelf, put_json};

/// Attempts at one step that are listed: a rollback of five minutes has sixty, one that is taken up again has more.
const ATTEMPTS_MAX: usize = 200;

/// How much is kept of what an attempt said, in bytes; actions keep less themselves.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// How much is kept of how it ended.
const STATUS_BYTES_MAX: usize = 4 * 1024;

/// What is gathered of the steps.
#[derive(Debug, Default)]
pub(super) struct Actions {
    /// By the step's number.
    steps: BTreeMap<u32, ActionRecord>,
    /// The step that was tried last.
    last: Option<StepId>,
    /// How traffic was taken back.
    pub(super) rollback: Option<RollbackTimes>,
}

impl Actions {
    pub(super) fn on(&mut self, fact: &Fact, controller: &Controller) {
        let state = || controller.rollout().state();
        match fact {
            Fact::Sample(_) => return,
            Fact::Intent { at, id, step, attempt } => self.intended(*at, *id, step, *attempt),
            Fact::Outcome { at, end, status, command, output, .. } => {
                if let Some(attempt) = self.attempt() {
                    attempt.ended = Some(*at);
                    attempt.end = end_words(*end).to_owned();
                    attempt.status = first_part(status, STATUS_BYTES_MAX).into_owned();
                    attempt.command.clone_from(command);
                    attempt.output = first_part(output, OUTPUT_BYTES_MAX).into_owned();
                }
            }
            Fact::Probed { at, share_bp, .. } => self.probed(*at, *share_bp, &state()),
            _ => {}
        }
        if self.rollback.is_none()
            && let RolloutState::RollingBack { stage, because, .. } = state()
        {
            self.rollback = Some(RollbackTimes {
                stage,
                because,
                held_at: fact.at(),
                asked_at: None,
                effective_at: None,
                took_ms: None,
                attempts: 0,
            });
        }
    }

    fn intended(&mut self, at: Timestamp, id: StepId, step: &Step, attempt: u32) {
        self.last = Some(id);
        let record = self.steps.entry(id.number).or_insert_with(|| ActionRecord {
            key: id.to_string(),
            step: match step {
                Step::SetShare { .. } => "set share",
                Step::RollBack { .. } => "roll back",
            }
            .to_owned(),
            stage: step.stage(),
            share_bp: step.share_bp(),
            because: match step {
                Step::SetShare { .. } => Vec::new(),
                Step::RollBack { because, .. } => because.clone(),
            },
            attempts: Vec::new(),
            more_attempts: 0,
            seen: None,
            took_ms: None,
        });
        match record.attempts.len() < ATTEMPTS_MAX {
            true => record.attempts.push(AttemptRecord {
                attempt,
                began: at,
                ended: None,
                end: end_words(Ended::Unknown).to_owned(),
                status: "nothing is recorded of its end".to_owned(),
                command: Vec::new(),
                output: String::new(),
            }),
            false => record.more_attempts = record.more_attempts.saturating_add(1),
        }
        if let (Some(times), Step::RollBack { .. }) = (&mut self.rollback, step) {
            times.asked_at.get_or_insert(at);
            times.attempts = times.attempts.saturating_add(1);
        }
    }

    /// The attempt that is going on, where it is listed.
    fn attempt(&mut self) -> Option<&mut AttemptRecord> {
        let record = self.steps.get_mut(&self.last?.number)?;
        match record.more_attempts {
            0 => record.attempts.last_mut(),
            _ => None,
        }
    }

    fn probed(&mut self, at: Timestamp, share_bp: Option<u16>, state: &RolloutState) {
        let going_on = matches!(
            state,
            RolloutState::Entering { .. }
                | RolloutState::RollingBack { .. }
                | RolloutState::Ended(Ending::Unverified { .. })
        );
        let step = self.last.and_then(|id| self.steps.get_mut(&id.number));
        if let Some(record) =
            step.filter(|step| !going_on && step.seen.is_none() && Some(step.share_bp) == share_bp)
        {
            record.seen = Some(at);
            record.took_ms = record.attempts.first().map(|first| millis(at, first.began));
        }
        if let (RolloutState::Ended(Ending::RolledBack { .. }), Some(times)) = (state, &mut self.rollback)
            && times.effective_at.is_none()
        {
            times.effective_at = Some(at);
            times.took_ms = Some(millis(at, times.held_at));
        }
    }

    pub(super) fn write(&self, shelf: &mut dyn Shelf) -> Result<(), EvidenceError> {
        for (number, step) in &self.steps {
            put_json(shelf, &action_file(*number, &step.step.replace(' ', "-")), step)?;
        }
        Ok(())
    }
}

fn millis(at: Timestamp, since: Timestamp) -> u64 {
    let nanos = at.since(since).nanos();
    u64::try_from(nanos.checked_div(1_000_000).unwrap_or_default()).unwrap_or_default()
}

const fn end_words(end: Ended) -> &'static str {
    match end {
        Ended::Succeeded => "succeeded",
        Ended::Failed => "failed",
        Ended::Unknown => "unknown",
    }
}
