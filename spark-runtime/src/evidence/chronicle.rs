//! What a rollout did, gathered from its facts: the files of an evidence folder are written from this alone, so that
//! a crash loses none of them.

use spark_core::rollout::{Controller, Fact, RolloutState};
use spark_core::{Decision, Timestamp, Verdict};

use super::{EvidenceError, EvidenceFolder, SignalSummary, StageSummary};
use crate::audit::Folded;
use crate::replay::{Event, Events};
use crate::runner::Observer;

/// What happened, as far as it was told.
#[derive(Debug, Default)]
pub struct Chronicle {
    stages: Vec<StageSummary>,
    changes: Events,
    events: Vec<Event>,
    decision: Option<Decision>,
    /// What is neither a sample nor a repeated decision.
    story: Vec<Fact>,
    unrecorded: Option<String>,
}

impl Chronicle {
    /// The stages that were entered, in order.
    pub fn stages(&self) -> &[StageSummary] {
        &self.stages
    }

    /// The last decision.
    pub const fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// All facts but samples and decisions.
    pub fn story(&self) -> &[Fact] {
        &self.story
    }

    /// Says why the journal does not tell everything, where it does not.
    pub fn unrecorded(&mut self, reason: Option<String>) {
        self.unrecorded = reason;
    }

    fn decided(&mut self, decision: &Decision, controller: &Controller) {
        self.events.extend(self.changes.of(decision));
        self.decision = Some(decision.clone());
        let Some(summary) = self.stages.last_mut().filter(|summary| summary.left.is_none()) else { return };
        summary.evaluations = summary.evaluations.saturating_add(1);
        if decision.verdict == Verdict::Hold {
            summary.held = summary.held.saturating_add(1);
        }
        summary.signals = controller.engine().expectation_reports().iter().map(SignalSummary::of).collect();
    }

    fn moved(&mut self, at: Timestamp, controller: &Controller) {
        let rollout = controller.rollout();
        let entered = match rollout.state() {
            RolloutState::Stage { stage } => Some(stage),
            _ => None,
        };
        let open = self.stages.last().filter(|summary| summary.left.is_none()).map(|summary| summary.stage);
        let left = match rollout.state() {
            RolloutState::Stage { stage } => open.is_some_and(|open| open != stage),
            RolloutState::Waiting { .. } | RolloutState::Entering { .. } | RolloutState::Scheduled { .. } => {
                false
            }
            RolloutState::Watching { .. } | RolloutState::RollingBack { .. } | RolloutState::Ended(_) => true,
        };
        if let Some(summary) = self.stages.last_mut().filter(|summary| left && summary.left.is_none()) {
            summary.left = Some(at);
        }
        if let Some(stage) = entered.filter(|stage| open != Some(*stage)) {
            self.stages.push(StageSummary {
                stage,
                share: format!("{}%", crate::action::percent(rollout.expected_bp())),
                entered: at,
                left: None,
                evaluations: 0,
                held: 0,
                signals: Vec::new(),
            });
        }
    }

    /// Writes the files of an evidence folder.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, folder: &EvidenceFolder, folded: &Folded) -> Result<(), EvidenceError> {
        let controller = &folded.controller;
        for summary in &self.stages {
            let name = format!("stage-{}.json", summary.stage.saturating_add(1));
            folder.write_json("stages", &name, summary)?;
        }
        let mut decisions = Vec::new();
        for event in &self.events {
            decisions.extend_from_slice(event.to_json().as_bytes());
            decisions.push(b'\n');
        }
        folder.write("", "decisions.jsonl", &decisions)?;
        let told = serde_json::json!({
            "release": folded.start.release,
            "plan": controller.plan(),
            "ended": folded.last,
            "result": folded.ending.as_ref().map(ToString::to_string),
            "state": controller.rollout().state(),
            "share_bp": controller.rollout().traffic(),
            "decision": self.decision,
            "unrecorded": self.unrecorded,
        });
        folder.write_json("", "result.json", &told)
    }
}

impl Observer for Chronicle {
    fn on(&mut self, fact: &Fact, controller: &Controller) {
        match fact {
            Fact::Sample(_) => return,
            Fact::Decided { decision } => self.decided(decision, controller),
            Fact::Unrecorded { reason, .. } => self.unrecorded = Some(reason.clone()),
            _ => {}
        }
        self.moved(fact.at(), controller);
        if !matches!(fact, Fact::Decided { .. }) {
            self.story.push(fact.clone());
        }
    }
}
