//! Keeps a rollout's status up to date: an observer that is told every fact that counts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spark_core::Decision;
use spark_core::rollout::{Controller, Fact, RolloutState, Word};

use super::shown::{self, Recent};
use super::status::{Frozen, Note, Reason, Spoke, Standing, Status, Taken};
use crate::journal::Record;
use crate::runner::Observer;

/// Decisions and words that are kept for readers; all of them stand in the journal.
pub const HISTORY_MAX: usize = 20;

/// Keeps a status up to date; its clones keep the same one.
#[derive(Debug, Clone, Default)]
pub struct Keeper {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    running: bool,
    status: Option<Status>,
    recent: Recent,
}

impl Keeper {
    /// The status of a rollout as its record has it, with no runner on it.
    ///
    /// # Errors
    /// The record is not one of a rollout; what stands before the first wrong line is told all the same.
    pub fn of_record(records: &[Record]) -> (Option<Status>, Result<(), crate::audit::AuditError>) {
        let mut keeper = Self::default();
        let (_, whole) = crate::audit::fold_as_far(records, &mut keeper);
        (keeper.status(), whole)
    }

    /// What the rollout is doing; none before it began.
    pub fn status(&self) -> Option<Status> {
        let kept = self.lock();
        kept.status.clone().map(|status| Status { running: kept.running, ..status })
    }

    /// Says whether a runner carries the rollout on.
    pub fn set_running(&self, running: bool) {
        self.lock().running = running;
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Keeper {
    fn on(&mut self, fact: &Fact, controller: &Controller) {
        let mut kept = self.lock();
        let kept = &mut *kept;
        if let Fact::Start(start) = fact {
            kept.status = Some(Status::begin(start));
        }
        let Some(status) = &mut kept.status else { return };
        // samples come by the hundred, and the decision after them tells all of it
        if matches!(fact, Fact::Sample(_)) {
            return;
        }
        status.at = status.at.max(fact.at());
        status.follow(controller);
        match fact {
            Fact::Decided { decision } => decided(status, &mut kept.recent, decision, controller),
            Fact::Word { at, by, because, said } => {
                let reason = Reason { at: *at, by: by.clone(), because: because.clone() };
                spoke(status, said, reason);
            }
            Fact::Probed { at, .. } => {
                status.share_at = Some(*at);
                entered(status, controller, *at);
            }
            Fact::Resumed { .. } => (status.share_at, status.unrecorded) = (None, None),
            Fact::Frozen { freeze, .. } => {
                let frozen = |freeze: &spark_core::rollout::Freeze| Frozen {
                    until: freeze.until,
                    because: freeze.because.clone(),
                };
                status.frozen = freeze.as_ref().map(frozen);
            }
            Fact::Unrecorded { reason, .. } => status.unrecorded = Some(reason.clone()),
            Fact::Noted { at, words } => noted(status, *at, words.clone()),
            Fact::ClockStepped { at, by_millis } => {
                noted(
                    status,
                    *at,
                    format!("the wall clock was set by {by_millis}ms: the stage begins to serve anew"),
                );
            }
            Fact::Reloaded { at, changes, .. } => {
                noted(status, *at, format!("stricter rules: {}", changes.join("; ")));
            }
            _ => {}
        }
    }
}

fn decided(status: &mut Status, recent: &mut Recent, decision: &Decision, controller: &Controller) {
    let same = |before: &Taken| before.decision == decision.verdict && before.because == decision.because;
    let taken = Taken { at: decision.at, decision: decision.verdict, because: decision.because.clone() };
    if !status.decisions.last().is_some_and(same) {
        push(&mut status.decisions, taken.clone());
    }
    status.decision = Some(taken);
    let engine = controller.engine();
    status.signals = shown::signals(engine, recent);
    status.triggers = shown::triggers(engine);
}

fn spoke(status: &mut Status, said: &Word, reason: Reason) {
    match said {
        Word::Hold => status.held = Some(reason.clone()),
        Word::Resume => status.held = None,
        _ => {}
    }
    let word = match said {
        Word::Override { trigger, until } => format!("override {trigger} until {until}"),
        Word::Rollback { .. } | Word::Hold | Word::Resume | Word::Approve | Word::Promote | Word::Abort => {
            said.as_str().to_owned()
        }
    };
    push(&mut status.words, Spoke { word, said: reason });
}

fn noted(status: &mut Status, at: spark_core::Timestamp, words: String) {
    push(&mut status.notes, Note { at, words });
}

fn entered(status: &mut Status, controller: &Controller, at: spark_core::Timestamp) {
    let RolloutState::Stage { stage } = controller.rollout().state() else { return };
    let place = usize::try_from(stage).ok();
    if let (Standing::Stage, Some(stage)) =
        (status.state, place.and_then(|place| status.stages.get_mut(place)))
    {
        stage.entered.get_or_insert(at);
    }
}

fn push<T>(kept: &mut Vec<T>, new: T) {
    if kept.len() >= HISTORY_MAX {
        kept.remove(0);
    }
    kept.push(new);
}
