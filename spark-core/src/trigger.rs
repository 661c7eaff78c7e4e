//! Triggers: the levels that evidence can bring them to, and what they do when there is none.

use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::signal::SourceSpan;
use crate::time::TimeSpan;

/// The place of a trigger in [`Policy::triggers`](crate::Policy::triggers).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TriggerId(pub u32);

impl TriggerId {
    /// The place as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How far a trigger has gone; ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be read; asks for nothing.
    Warn,
    /// The rollout must wait.
    Hold,
    /// The release must go back.
    Rollback,
}

impl Severity {
    /// The word in rules and in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Hold => "hold",
            Self::Rollback => "rollback",
        }
    }
}

/// A level of a trigger: `rollback when …`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// How far.
    pub severity: Severity,
    /// When.
    pub condition: Condition,
    /// Where it stands.
    pub span: SourceSpan,
}

/// A trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its name; of a one-line trigger, `line_N`. Unique among signals and triggers.
    pub name: String,
    /// What people call it.
    pub title: Option<String>,
    /// Its levels, at least one, each severity at most once, in order of severity.
    pub levels: Vec<Level>,
    /// When it leaves its level; without one, when the level's condition, its `for` aside, is false.
    pub clear: Option<Condition>,
    /// What must be true for its levels to be known: enough evidence.
    pub given: Option<Condition>,
    /// The triggers that speak for this one while they show a level that is no lower.
    pub unless: Vec<TriggerId>,
    /// `unknown hold, then rollback after d`: how long unknown may last before it asks for rollback.
    pub unknown_rollback_after: Option<TimeSpan>,
    /// Where an operator reads on.
    pub runbook: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where it stands.
    pub span: SourceSpan,
}

/// A stage of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The share of traffic that the canary gets, in hundredths of a percent: 1 to 10,000.
    pub share_bp: u16,
    /// The time that must be served there.
    pub duration: TimeSpan,
    /// Whether a person has to approve before it is entered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approval: bool,
    /// Where it stands.
    pub span: SourceSpan,
}

impl Stage {
    /// The share as rules write it: `25%`, `0.5%`.
    pub fn share_text(&self) -> String {
        let share = rust_decimal::Decimal::new(i64::from(self.share_bp), 2).normalize();
        format!("{share}%")
    }
}

/// A plan: the stages that a rollout walks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub title: Option<String>,
    /// The stages in order, at least one, shares rising.
    pub stages: Vec<Stage>,
    /// What must hold for a stage to be left; without one, the decision alone.
    pub proceed: Option<Condition>,
    /// How long nothing serves after the share was changed: caches fill, connections open. Rollbacks do not wait for it.
    #[serde(default)]
    pub warmup: TimeSpan,
    /// How long the release is watched after its last stage was served, before it is complete.
    #[serde(default)]
    pub watch: TimeSpan,
    /// Where it stands.
    pub span: SourceSpan,
}
