//! Checks: one look at a system before or beside a release, and what it must show there.
//!
//! A check names a probe, the measures that the probe brings, and the condition under which it passes. It is judged from
//! what was found alone, at no particular time: no window, no `for`, no baseline. What is not known never passes.
//!
//! ```
//! use std::collections::BTreeMap;
//! use spark_core::check::{Check, CheckMeasure, CheckPhase, CheckSeverity, CheckVerdict, Finding};
//! use spark_core::{Comparison, Condition, Dimension, Expression, PerTime, Quantity, Relation, SignalId};
//! use spark_core::{SourceSpan, Test, TimeSpan, Unit};
//!
//! let unit = Unit::of(Dimension::Ratio);
//! let limit = Expression::Literal(Quantity::parse("90%").unwrap().value);
//! let check = Check {
//!     name: "pool_saturation".to_owned(),
//!     title: Some("P3 pgBouncer saturation".to_owned()),
//!     phase: CheckPhase::Preflight,
//!     probe: "pgbouncer".to_owned(),
//!     measures: vec![CheckMeasure::value("saturation", unit)],
//!     // a measure is known by its place
//!     condition: Condition::Compare(Box::new(Comparison {
//!         left: Expression::Signal(SignalId(0)),
//!         test: Test::Is(Relation::Below, limit),
//!         unit,
//!         per: PerTime::Second,
//!         span: SourceSpan::default(),
//!     })),
//!     severity: CheckSeverity::NoGo,
//!     within: TimeSpan::from_seconds(5),
//!     evidence: "pgbouncer-pools.json".to_owned(),
//!     owner: None,
//!     runbook: None,
//!     span: SourceSpan::default(),
//! };
//! let found = |text: &str| BTreeMap::from([("saturation".to_owned(), Finding::Value(Quantity::parse(text).unwrap()))]);
//! let judged = check.judge(&found("95%"));
//! assert_eq!(judged.verdict, CheckVerdict::NoGo);
//! assert_eq!(judged.words, "`saturation` is 95%, not < 90%");
//! assert_eq!(check.judge(&found("41%")).verdict, CheckVerdict::Pass);
//! // nothing found is nothing known, and that is no pass
//! let judged = check.judge(&BTreeMap::new());
//! assert_eq!((judged.verdict, judged.is_unknown()), (CheckVerdict::NoGo, true));
//! assert_eq!(judged.words, "unknown: `saturation` was not measured");
//! ```

mod judge;
mod refuse;
mod words;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::judge::{Finding, Judged};
pub use self::refuse::{CheckError, is_evidence_name};
use crate::condition::Condition;
use crate::quantity::{Dimension, PerTime, Unit};
use crate::signal::SourceSpan;
use crate::time::TimeSpan;

/// Most measures of one check. A check is one question: the largest in use has six, and what a reader is told of one
/// that failed is a line.
pub const MEASURES_MAX: usize = 32;

/// Longest name of an evidence file, in bytes: with a folder and a release's name before it, it fits any file system.
pub const EVIDENCE_NAME_BYTES_MAX: usize = 100;

/// A check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name in rules; unique among checks.
    pub name: String,
    /// What people call it.
    pub title: Option<String>,
    /// When it is made.
    pub phase: CheckPhase,
    /// The probe that looks, by its name in the configuration.
    pub probe: String,
    /// What the probe has to bring.
    pub measures: Vec<CheckMeasure>,
    /// What must be true for it to pass. It reads measures: `SignalId(n)` is the measure at place `n`.
    pub condition: Condition,
    /// What it says where that is not true, or not known.
    pub severity: CheckSeverity,
    /// How long the probe may take.
    pub within: TimeSpan,
    /// The file that keeps what was found: a plain name ending in `.json`, `.jsonl` or `.txt`, unique in the policy.
    pub evidence: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where to read on.
    pub runbook: Option<String>,
    /// Where it stands.
    pub span: SourceSpan,
}

/// When a check is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckPhase {
    /// Before a release, side by side, in a minute.
    Preflight,
    /// Before a release, on purpose hostile, in ten minutes.
    RedTeam,
    /// Against one instance that takes part in no traffic yet: half a minute of health.
    Blast,
}

impl CheckPhase {
    /// All of them, in the order in which they are made.
    pub const ALL: [Self; 3] = [Self::Preflight, Self::RedTeam, Self::Blast];

    /// The word in rules, in output, and of the command that makes its checks.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::RedTeam => "redteam",
            Self::Blast => "blast",
        }
    }

    /// The phase of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == word)
    }

    /// How long all of its checks may take, side by side: a deadline beyond it can never be waited for. Blast watches for
    /// half a minute, and has as long again to begin and to end.
    pub const fn budget(self) -> TimeSpan {
        match self {
            Self::Preflight | Self::Blast => TimeSpan::from_seconds(60),
            Self::RedTeam => TimeSpan::from_seconds(600),
        }
    }
}

impl fmt::Display for CheckPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a check says where it does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckSeverity {
    /// To be read, and answered for by who goes on.
    Warn,
    /// The release must not begin.
    NoGo,
}

impl CheckSeverity {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Warn, Self::NoGo];

    /// The word in rules and in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::NoGo => "no-go",
        }
    }

    /// The severity of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == word)
    }
}

impl fmt::Display for CheckSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a check says. Ordered: the highest of several decides. Exhaustive on purpose: a new one must break the build of
/// whoever lets releases begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckVerdict {
    /// All is as it must be.
    Pass,
    /// It is not, or that is not known, and somebody has to answer for it.
    Warn,
    /// It is not, or that is not known, and the release must not begin.
    NoGo,
}

impl CheckVerdict {
    /// The word in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::NoGo => "no-go",
        }
    }
}

impl fmt::Display for CheckVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<CheckSeverity> for CheckVerdict {
    fn from(severity: CheckSeverity) -> Self {
        match severity {
            CheckSeverity::Warn => Self::Warn,
            CheckSeverity::NoGo => Self::NoGo,
        }
    }
}

/// What a probe has to bring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckMeasure {
    /// Its name in the check's condition; unique in the check.
    pub name: String,
    /// The unit of its values.
    pub unit: Unit,
    /// The time that its values are shown per, where it is a rate.
    #[serde(default)]
    pub per: PerTime,
    /// Whether it is true or false, and no quantity: then its unit is a plain number, 1 for true and 0 for false.
    #[serde(default)]
    pub flag: bool,
}

impl CheckMeasure {
    /// A quantity in a unit.
    pub fn value(name: &str, unit: Unit) -> Self {
        Self { name: name.to_owned(), unit, per: PerTime::Second, flag: false }
    }

    /// What is true or false.
    pub fn flag(name: &str) -> Self {
        Self { flag: true, ..Self::value(name, Unit::of(Dimension::Number)) }
    }
}
