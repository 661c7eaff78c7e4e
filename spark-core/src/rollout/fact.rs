//! What happens to a rollout: the facts that its journal keeps, and whose fold it is.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::look::Look;
use super::pace::Pace;
use crate::decision::Decision;
use crate::policy::Policy;
use crate::signal::Sample;
use crate::time::Timestamp;

/// A file of rules as it was when the release began or its rules were loaded again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleText {
    /// The name under which it was read.
    pub name: String,
    /// What stood in it.
    pub text: String,
}

/// How a runner's clock was set: instants are the wall time of one moment, carried on by the time since boot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClockAnchor {
    /// The wall time at that moment.
    pub wall: Timestamp,
    /// Nanoseconds since boot at that moment, suspended time included.
    pub boot_nanos: i64,
    /// Which boot of which machine.
    pub boot: String,
}

/// What a rollout starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The release.
    pub release: String,
    /// When it began.
    pub at: Timestamp,
    /// T-0: when the first stage may be entered; at once where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<Timestamp>,
    /// The plan that it walks.
    pub plan: String,
    /// The times that it keeps to.
    pub pace: Pace,
    /// The fencing token of the runner that began.
    pub fence: u64,
    /// How its clock was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockAnchor>,
    /// The rules' text, the named file first.
    pub rules: Vec<RuleText>,
    /// What the text says: this is what the release is pinned to.
    pub policy: Arc<Policy>,
}

/// The name of a step, and its idempotency key within the release.
///
/// All attempts at a step carry the same one, also those of another runner that took over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepId {
    /// The fencing token of the runner that first had to carry it out.
    pub epoch: u64,
    /// Its place among the rollout's steps, from 1.
    pub number: u32,
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.number)
    }
}

/// What is to be carried out; nothing is left to choose.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
#[must_use = "a step that nobody carries out moves nothing"]
pub enum Step {
    /// Send this share of traffic to the canary.
    SetShare {
        /// The stage's place in the plan.
        stage: u32,
        /// The share, in hundredths of a percent.
        share_bp: u16,
    },
    /// Take all traffic back, because of these.
    RollBack {
        /// The stage's place in the plan.
        stage: u32,
        /// Why.
        because: Vec<String>,
    },
}

impl Step {
    /// The share that the canary has once it was carried out, in hundredths of a percent.
    pub const fn share_bp(&self) -> u16 {
        match self {
            Self::SetShare { share_bp, .. } => *share_bp,
            Self::RollBack { .. } => 0,
        }
    }

    /// The place of the stage in which it is taken.
    pub const fn stage(&self) -> u32 {
        match self {
            Self::SetShare { stage, .. } | Self::RollBack { stage, .. } => *stage,
        }
    }
}

/// How an attempt ended. It is a hint alone: what happened is what a probe sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It said that it was done.
    Succeeded,
    /// It said that it was not done.
    Failed,
    /// It said nothing in time: it may take effect yet.
    Unknown,
}

/// An operator's word.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case")]
pub enum Word {
    /// Nothing advances until `resume`.
    Hold,
    /// Takes `hold` back.
    Resume,
    /// Lets the rollout enter the next stage that needs approval.
    Approve,
    /// Skips the rest of the stage's time; the decision still has to be proceed.
    Promote,
    /// A trigger asks for nothing until an instant.
    Override {
        /// Which.
        trigger: String,
        /// Until when.
        until: Timestamp,
    },
    /// Take all traffic back.
    Rollback {
        /// Why, for the evidence and for the action.
        reason: String,
        /// The stage, from 1, in which the operator believes the rollout to be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<u32>,
    },
    /// End here; the traffic stays where it is.
    Abort,
}

impl Word {
    /// The word as it is typed.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::Approve => "approve",
            Self::Promote => "promote",
            Self::Override { .. } => "override",
            Self::Rollback { .. } => "rollback",
            Self::Abort => "abort",
        }
    }
}

/// How a rollout ends. Exhaustive on purpose: a new ending must break the build of whoever reads exit codes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "ended", rename_all = "snake_case")]
pub enum Ending {
    /// All stages were served, and the release was watched for as long as the plan says.
    Completed,
    /// A probe saw that the canary has no traffic any more.
    RolledBack {
        /// The stage's place in the plan.
        stage: u32,
        /// Why.
        because: Vec<String>,
    },
    /// The time for the rollback is over, and no probe saw that the canary has no traffic.
    Unverified {
        /// The stage's place in the plan.
        stage: u32,
        /// Why it was to go back.
        because: Vec<String>,
    },
    /// An operator ended it; the traffic stays where it is.
    Aborted {
        /// Who.
        by: String,
        /// The share that was measured last, in hundredths of a percent, where it is known.
        share_bp: Option<u16>,
    },
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => f.write_str("completed"),
            Self::RolledBack { because, .. } => write!(f, "rolled back: {}", because.join(", ")),
            Self::Unverified { because, .. } => write!(f, "ROLLBACK UNVERIFIED: {}", because.join(", ")),
            Self::Aborted { by, .. } => write!(f, "aborted by {by}"),
        }
    }
}

/// A time in which nothing advances.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Freeze {
    /// When it ends.
    pub until: Timestamp,
    /// Why, as the configuration says.
    pub because: String,
}

/// One fact. A rollout's state is a fold over these, live, after a restart and in an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// A rollout begins.
    Start(Box<Start>),
    /// A runner took it up again, after a crash, a stop, or the loss of another runner's lease.
    Resumed {
        /// When.
        at: Timestamp,
        /// Its fencing token.
        fence: u64,
        /// How its clock was set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clock: Option<ClockAnchor>,
    },
    /// A sample was observed.
    Sample(Sample),
    /// The engine was asked, and answered.
    Decided {
        /// Its answer, with the instant.
        decision: Decision,
    },
    /// An operator spoke, and was heard.
    Word {
        /// When.
        at: Timestamp,
        /// Who.
        by: String,
        /// Why.
        because: String,
        /// What.
        said: Word,
    },
    /// An attempt at a step is about to be made.
    Intent {
        /// When.
        at: Timestamp,
        /// Which step.
        id: StepId,
        /// Which attempt at it, from 1.
        attempt: u32,
        /// What it does.
        step: Step,
    },
    /// An attempt ended.
    Outcome {
        /// When.
        at: Timestamp,
        /// Of which step.
        id: StepId,
        /// How.
        end: Ended,
        /// How it ended, in words: `exit status 0`.
        status: String,
        /// What was run, as a reader would type it; empty where nothing was.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        command: Vec<String>,
        /// The first part of what it said.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        output: String,
    },
    /// The canary's share of traffic was measured.
    Probed {
        /// When.
        at: Timestamp,
        /// The share, in hundredths of a percent; none where it could not be known.
        share_bp: Option<u16>,
        /// How it was measured, or why not.
        words: String,
    },
    /// A probe looked at the systems around the release at a stage's end.
    Looked {
        /// When it had looked.
        at: Timestamp,
        /// What it found.
        look: Look,
    },
    /// A freeze began or ended.
    Frozen {
        /// When.
        at: Timestamp,
        /// The freeze; none where it ended.
        freeze: Option<Freeze>,
    },
    /// The wall clock was set: it no longer agrees with the time since boot.
    ClockStepped {
        /// When, by the time since boot.
        at: Timestamp,
        /// How far the wall clock is ahead now, in milliseconds, beyond what it was.
        by_millis: i64,
    },
    /// Rules were loaded again, and are at least as strict as those before.
    Reloaded {
        /// When.
        at: Timestamp,
        /// What became stricter.
        changes: Vec<String>,
        /// The rules' text, the named file first.
        rules: Vec<RuleText>,
        /// What the text says.
        policy: Arc<Policy>,
    },
    /// The journal cannot be written any more. It can stand in no journal: it is what the runner goes on with.
    Unrecorded {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// Something that a reader should know, and that changes nothing.
    Noted {
        /// When.
        at: Timestamp,
        /// What, in words.
        words: String,
    },
    /// The rollout is over.
    End {
        /// When.
        at: Timestamp,
        /// How.
        ending: Ending,
    },
}

impl Fact {
    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Start(start) => start.at,
            Self::Sample(sample) => sample.at,
            Self::Decided { decision } => decision.at,
            Self::Resumed { at, .. }
            | Self::Word { at, .. }
            | Self::Intent { at, .. }
            | Self::Outcome { at, .. }
            | Self::Probed { at, .. }
            | Self::Looked { at, .. }
            | Self::Frozen { at, .. }
            | Self::ClockStepped { at, .. }
            | Self::Reloaded { at, .. }
            | Self::Unrecorded { at, .. }
            | Self::Noted { at, .. }
            | Self::End { at, .. } => *at,
        }
    }
}
