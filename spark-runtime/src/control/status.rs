//! What a rollout is doing, as plain data: for `spark status`, its JSON, and screens.

use serde::{Deserialize, Serialize};
use spark_core::rollout::{Controller, Ending, RolloutState, RunOfShow, Start};
use spark_core::{Plan, TimeSpan, Timestamp, Verdict};

use super::shown::Shown;
use crate::action::percent;

/// Where a rollout stands. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Waits for T-0.
    Scheduled,
    /// The stage before is served, and the next one may not be entered yet.
    Waiting,
    /// A share is being set, or measured.
    Entering,
    /// In a stage.
    Stage,
    /// All stages are served; the release is watched.
    Watching,
    /// Traffic is being taken back.
    RollingBack,
    /// Every stage was served.
    Completed,
    /// A probe saw that the canary has no traffic.
    RolledBack,
    /// ROLLBACK UNVERIFIED: the canary may still get traffic.
    Unverified,
    /// An operator ended it; the traffic stays.
    Aborted,
}

/// A stage, and how it went so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageStatus {
    /// Its share, as rules write it.
    pub share: String,
    /// The good time that it needs.
    pub needs: TimeSpan,
    /// Whether a person has to approve before it is entered.
    pub approval: bool,
    /// When its share was first measured.
    pub entered: Option<Timestamp>,
}

/// Who said something, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Why.
    pub because: String,
}

/// A freeze that is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// When it ends.
    pub until: Timestamp,
    /// Why.
    pub because: String,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// When it was first taken.
    pub at: Timestamp,
    /// What the release may do.
    pub decision: Verdict,
    /// Why.
    pub because: Vec<String>,
}

/// An operator's word that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoke {
    /// What, in words.
    pub word: String,
    /// Who, when and why.
    #[serde(flatten)]
    pub said: Reason,
}

/// Something that a reader should know: rules that were not taken, a clock that was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// What, in words.
    pub words: String,
}

/// What a rollout is doing, as of the last fact that counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The release.
    pub release: String,
    /// The plan that it walks.
    pub plan: String,
    /// Whether a runner carries it on now.
    pub running: bool,
    /// When the last fact counted.
    pub at: Timestamp,
    /// When it began.
    pub started: Timestamp,
    /// T-0.
    pub opens: Timestamp,
    /// Where it stands.
    pub state: Standing,
    /// The stage that it is in, goes to, or goes back from; from 1.
    pub stage: Option<u32>,
    /// The plan's stages.
    pub stages: Vec<StageStatus>,
    /// The canary's share as it was measured last, in percent; none where it is not known.
    pub share: Option<String>,
    /// When that was measured.
    pub share_at: Option<Timestamp>,
    /// The share that it should have, in percent.
    pub expected_share: String,
    /// The good time served in the stage.
    pub served: TimeSpan,
    /// Until when the stage warms up, which does not serve; none once it serves.
    pub warm_up_until: Option<Timestamp>,
    /// Since when every stage is served and the release is watched.
    pub watched_since: Option<Timestamp>,
    /// How long it is watched.
    pub watch: TimeSpan,
    /// The attempt at the step that is on its way, from 1.
    pub attempt: Option<u32>,
    /// Since when traffic is being taken back.
    pub back_since: Option<Timestamp>,
    /// How long that may take, until it is unverified.
    pub back_within: TimeSpan,
    /// Whether it waits for `approve`.
    pub needs_approval: bool,
    /// Who holds it.
    pub held: Option<Reason>,
    /// The freeze that is on.
    pub frozen: Option<Frozen>,
    /// Why the journal cannot be written.
    pub unrecorded: Option<String>,
    /// Why it goes back, or ended.
    pub because: Vec<String>,
    /// The last decision.
    pub decision: Option<Taken>,
    /// The last changes of the decision, oldest first.
    pub decisions: Vec<Taken>,
    /// The last words of operators, oldest first.
    pub words: Vec<Spoke>,
    /// The last notes, oldest first.
    pub notes: Vec<Note>,
    /// The signals with an expectation.
    pub signals: Vec<Shown>,
    /// The triggers.
    pub triggers: Vec<Shown>,
    /// The plan's timetable, by the clock whose zero is T-0.
    pub show: Option<RunOfShow>,
    /// The fencing token of the runner that had it last.
    pub fence: u64,
}

impl Status {
    /// A rollout that begins.
    pub(super) fn begin(start: &Start) -> Self {
        let plan = start.policy.plan(&start.plan);
        Self {
            release: start.release.clone(),
            plan: start.plan.clone(),
            running: false,
            at: start.at,
            started: start.at,
            opens: start.opens.unwrap_or(start.at),
            state: Standing::Scheduled,
            stage: None,
            stages: plan.map(stages).unwrap_or_default(),
            share: None,
            share_at: None,
            expected_share: percent(0),
            served: TimeSpan::ZERO,
            warm_up_until: None,
            watched_since: None,
            watch: plan.map_or(TimeSpan::ZERO, |plan| plan.watch),
            attempt: None,
            back_since: None,
            back_within: start.pace.rollback_within,
            needs_approval: false,
            held: None,
            frozen: None,
            unrecorded: None,
            because: Vec::new(),
            decision: None,
            decisions: Vec::new(),
            words: Vec::new(),
            notes: Vec::new(),
            signals: Vec::new(),
            triggers: Vec::new(),
            show: plan.map(|plan| RunOfShow::of(plan, start.opens.unwrap_or(start.at))),
            fence: start.fence,
        }
    }

    /// Takes over what the rollout is now.
    pub(super) fn follow(&mut self, controller: &Controller) {
        let rollout = controller.rollout();
        let number = |place: u32| Some(place.saturating_add(1));
        self.needs_approval = false;
        self.stage = rollout.stage().and_then(number);
        self.because = Vec::new();
        (self.warm_up_until, self.watched_since, self.attempt, self.back_since) = (None, None, None, None);
        self.state = match rollout.state() {
            RolloutState::Scheduled { .. } => Standing::Scheduled,
            RolloutState::Waiting { approval, .. } => {
                self.needs_approval = approval;
                Standing::Waiting
            }
            RolloutState::Entering { attempt, .. } => {
                self.attempt = Some(attempt);
                Standing::Entering
            }
            RolloutState::Stage { .. } => {
                self.warm_up_until = Some(rollout.serves_from()).filter(|until| *until > self.at);
                Standing::Stage
            }
            RolloutState::Watching { since } => {
                self.watched_since = Some(since);
                Standing::Watching
            }
            RolloutState::RollingBack { because, since, attempt, .. } => {
                (self.because, self.back_since, self.attempt) = (because, Some(since), Some(attempt));
                Standing::RollingBack
            }
            RolloutState::Ended(ending) => self.ended(ending),
        };
        self.share = rollout.traffic().map(percent);
        self.expected_share = percent(rollout.expected_bp());
        self.served = rollout.served();
        self.fence = rollout.fence();
    }

    fn ended(&mut self, ending: Ending) -> Standing {
        match ending {
            Ending::Completed => Standing::Completed,
            Ending::RolledBack { stage, because } => {
                (self.stage, self.because) = (Some(stage.saturating_add(1)), because);
                Standing::RolledBack
            }
            Ending::Unverified { stage, because } => {
                (self.stage, self.because) = (Some(stage.saturating_add(1)), because);
                Standing::Unverified
            }
            Ending::Aborted { by, .. } => {
                self.because = vec![format!("aborted by {by}")];
                Standing::Aborted
            }
        }
    }

    /// Whether it is over: nothing is to be taken up again. An unverified rollback still is.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, Standing::Completed | Standing::RolledBack | Standing::Aborted)
    }

    /// Where the canary's traffic is, in words.
    pub fn traffic(&self) -> String {
        match &self.share {
            Some(share) if *share == self.expected_share => format!("the canary has {share}%"),
            Some(share) => {
                format!("the canary has {share}%, and should have {}%", self.expected_share)
            }
            None => {
                format!("not known where the traffic is; the canary should have {}%", self.expected_share)
            }
        }
    }
}

fn stages(plan: &Plan) -> Vec<StageStatus> {
    let stage = |stage: &spark_core::Stage| StageStatus {
        share: stage.share_text(),
        needs: stage.duration,
        approval: stage.approval,
        entered: None,
    };
    plan.stages.iter().map(stage).collect()
}
