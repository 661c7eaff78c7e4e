//! What the engine answers: a verdict, its reasons, and for every trigger what a reader needs to trust it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quantity::Quantity;
use crate::signal::{SignalId, SourceSpan, Track};
use crate::time::{TimeSpan, Timestamp};
use crate::trigger::{Severity, TriggerId};

/// True, false, or not known; Kleene's logic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Evidence is missing.
    Unknown,
}

/// What the release may do. Exhaustive on purpose: a new verdict must break the build of whoever moves traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Go on.
    Proceed,
    /// Wait.
    Hold,
    /// Go back.
    Rollback,
}

impl Verdict {
    /// The word in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proceed => "proceed",
            Self::Hold => "hold",
            Self::Rollback => "rollback",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The state that a trigger shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Evidence is missing.
    Unknown,
    /// No level's condition is true.
    Ok,
    /// A level's condition is true, but not yet for long enough.
    Pending,
    /// At `warn`.
    Warn,
    /// At `hold`.
    Hold,
    /// At `rollback`.
    Rollback,
}

impl State {
    /// The word in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Pending => "pending",
            Self::Warn => "warn",
            Self::Hold => "hold",
            Self::Rollback => "rollback",
        }
    }

    /// The level, where the state is one.
    pub const fn level(self) -> Option<Severity> {
        match self {
            Self::Warn => Some(Severity::Warn),
            Self::Hold => Some(Severity::Hold),
            Self::Rollback => Some(Severity::Rollback),
            Self::Unknown | Self::Ok | Self::Pending => None,
        }
    }
}

impl From<Severity> for State {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Warn => Self::Warn,
            Severity::Hold => Self::Hold,
            Severity::Rollback => Self::Rollback,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a value is not known. Small and `Copy`: it travels through every evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// The signal has no sample yet.
    NoSample(SignalId, Track),
    /// The newest sample is older than `stale after`.
    Stale(SignalId, Track, TimeSpan),
    /// The newest sample, or one in the window, is not a number.
    NotANumber(SignalId, Track),
    /// The newest sample, or one in the window, is infinite.
    Infinite(SignalId, Track),
    /// The newest sample, or one in the window, is beyond what a decimal holds.
    OutOfRange(SignalId, Track),
    /// The source failed.
    SourceFailed(SignalId, Track),
    /// Less than 80 % of the window is covered by samples; the part that is, in hundredths of a percent.
    ShortHistory(SignalId, Track, u16),
    /// The window holds fewer samples than its function needs.
    TooFewSamples(SignalId, Track),
    /// The divisor is zero, or the samples do not vary.
    DivisionByZero,
    /// The result is beyond what a decimal holds.
    Overflow,
    /// The stage before was measured too little.
    NoPreviousStage,
    /// `given` is not true.
    TooLittleEvidence,
    /// The condition is true, but whether what had to come before it did is not known.
    SequenceUncertain,
}

/// The decision at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a decision that nobody carries out protects nothing"]
pub struct Decision {
    /// The instant.
    pub at: Timestamp,
    /// What the release may do.
    pub verdict: Verdict,
    /// All that by themselves ask for it: trigger names, signal names for expectations; sorted, empty for proceed.
    pub because: Vec<String>,
    /// Whether the plan's `proceed when` holds; true without a plan or without that clause.
    pub ready: Truth,
    /// The triggers whose shown state differs from the instant before, by name.
    pub changes: Vec<Change>,
    /// The triggers that an operator had overridden at that instant, sorted: they ask for nothing, whatever they show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overridden: Vec<String>,
}

/// A trigger's new state, with what brought it there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which trigger.
    pub trigger: TriggerId,
    /// Its name.
    pub name: String,
    /// The state that it shows now.
    pub state: State,
    /// Since when, in the sense of the state: of a level, since when its condition has been true.
    pub since: Timestamp,
    /// The deciding comparison's left side.
    pub value: Option<Quantity>,
    /// The signed distance to the threshold: negative when it is crossed.
    pub margin: Option<Quantity>,
    /// Why it is unknown, in words.
    pub cause: Option<String>,
}

/// Everything that a reader gets for one trigger or one expectation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The trigger's or the signal's name.
    pub name: String,
    /// The state; of an expectation `ok` when met, `pending` never, `hold` when not met.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// The deciding comparison's left side.
    pub value: Option<Quantity>,
    /// What it is compared with, as computed.
    pub threshold: Option<Quantity>,
    /// The signed distance to the threshold: negative when it is crossed.
    pub margin: Option<Quantity>,
    /// The same in percent of the threshold; none for a threshold of zero.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub margin_percent: Option<rust_decimal::Decimal>,
    /// The samples that it rests on.
    pub evidence: Evidence,
    /// The text that decided.
    pub span: SourceSpan,
    /// Why it is unknown, in words.
    pub cause: Option<String>,
    /// What would change it, in words.
    pub would_change: Option<String>,
    /// Until when an operator has overridden it, where that is so: until then it asks for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden_until: Option<Timestamp>,
}

/// The samples that a report rests on: those of the deciding comparison's signals, as far back as it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// How many.
    pub samples: u64,
    /// The oldest.
    pub oldest: Option<Timestamp>,
    /// The newest.
    pub newest: Option<Timestamp>,
    /// The longest time without one, up to the instant itself.
    pub largest_gap: Option<TimeSpan>,
}

/// What became of a sample that was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// It was kept.
    Kept,
    /// The same time and value as the newest: nothing new.
    Repeated,
    /// Older than the newest of its series: dropped.
    Late,
    /// The same time as the newest and another value: the first stays.
    Conflict,
    /// Its signal is not in the policy.
    Undeclared,
}
