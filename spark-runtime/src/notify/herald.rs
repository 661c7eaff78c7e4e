//! What of a rollout is worth a message: changes of stage and verdict, and what a person has to do.

use std::sync::Arc;

use spark_core::Verdict;
use spark_core::rollout::{Controller, Ending, Fact, RolloutState, Step, Word};

use super::{Message, Notifier, Signal};
use crate::runner::Observer;

/// Tells recipients of a rollout's changes; the rollout never waits for them.
#[derive(Debug)]
pub struct Herald {
    notifier: Arc<Notifier>,
    release: String,
    verdict: Option<(Verdict, Vec<String>)>,
    state: Option<RolloutState>,
}

impl Herald {
    /// A herald of a release.
    pub const fn new(notifier: Arc<Notifier>, release: String) -> Self {
        Self { notifier, release, verdict: None, state: None }
    }

    /// The message that a fact is worth, if it is worth one.
    fn message(&mut self, fact: &Fact, controller: &Controller) -> Option<Message> {
        let rollout = controller.rollout();
        let (signal, because) = self.signal(fact, controller)?;
        Some(Message {
            signal,
            release: self.release.clone(),
            stage: rollout.stage(),
            share_bp: rollout.traffic(),
            since: fact.at(),
            because,
            next: String::new(),
        })
    }

    fn signal(&mut self, fact: &Fact, controller: &Controller) -> Option<(Signal, Vec<String>)> {
        let state = controller.rollout().state();
        let before = self.state.replace(state.clone());
        match fact {
            Fact::Start(start) => Some((Signal::Started, vec![format!("plan {}", start.plan)])),
            Fact::Resumed { fence, .. } => {
                Some((Signal::Started, vec![format!("taken up again with fence {fence}")]))
            }
            Fact::Intent { step: Step::RollBack { because, .. }, attempt: 1, .. } => {
                Some((Signal::Rollback, because.clone()))
            }
            Fact::Unrecorded { reason, .. } => Some((Signal::Unrecorded, vec![reason.clone()])),
            Fact::Word { by, because, said: Word::Hold, .. } => {
                Some((Signal::Hold, vec![format!("{by}: {because}")]))
            }
            Fact::End { ending, .. } => Some(ended(ending)),
            Fact::Probed { .. }
                if matches!(state, RolloutState::Stage { .. }) && before.as_ref() != Some(&state) =>
            {
                self.verdict = None;
                Some((Signal::Stage, Vec::new()))
            }
            Fact::Decided { decision } => {
                if let RolloutState::Waiting { approval: true, .. } = state
                    && before.as_ref() != Some(&state)
                {
                    return Some((Signal::Approval, Vec::new()));
                }
                self.decided(decision.verdict, &decision.because)
            }
            _ => None,
        }
    }

    /// A verdict that changed; a rollback is told of by its step.
    fn decided(&mut self, verdict: Verdict, because: &[String]) -> Option<(Signal, Vec<String>)> {
        let now = (verdict, because.to_vec());
        let before = self.verdict.replace(now);
        if before.is_some_and(|(before, _)| before == verdict) {
            return None;
        }
        match verdict {
            Verdict::Proceed => Some((Signal::Proceed, Vec::new())),
            Verdict::Hold => Some((Signal::Hold, because.to_vec())),
            Verdict::Rollback => None,
        }
    }
}

impl Observer for Herald {
    fn on(&mut self, fact: &Fact, controller: &Controller) {
        if let Some(message) = self.message(fact, controller) {
            self.notifier.tell(&message);
        }
    }
}

fn ended(ending: &Ending) -> (Signal, Vec<String>) {
    match ending {
        Ending::Completed => (Signal::Completed, Vec::new()),
        Ending::RolledBack { because, .. } => (Signal::RolledBack, because.clone()),
        Ending::Unverified { because, .. } => (Signal::RollbackUnverified, because.clone()),
        Ending::Aborted { by, .. } => (Signal::Aborted, vec![by.clone()]),
    }
}
