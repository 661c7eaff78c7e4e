//! The fold over a journal: what a rollout's record says, with every decision and every step derived again.
//!
//! A runner that takes a rollout up, `spark status`, `spark evidence` and the simulation read a record through here.

use serde::{Deserialize, Serialize};
use spark_core::rollout::{Controller, Ending, Fact, RuleText, Start};

use crate::harmless;
use crate::journal::Record;
use crate::runner::Observer;

/// Why a record is not one of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// There is nothing in it.
    #[error("the journal is empty")]
    Empty,
    /// A line is no fact.
    #[error("line {line} of the journal is no fact: {reason}")]
    Malformed {
        /// Which line, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
    /// A line says what cannot have happened after those before it.
    #[error("line {line} of the journal cannot follow from those before it: {reason}")]
    Differs {
        /// Which line, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
}

/// What a record says.
#[derive(Debug, Clone)]
pub struct Folded {
    /// What the rollout started from.
    pub start: Start,
    /// The rules' text that it runs under now.
    pub rules: Vec<RuleText>,
    /// Where it is.
    pub controller: Controller,
    /// How it ended, where that is recorded.
    pub ending: Option<Ending>,
    /// The last fact that says how a runner's clock was set.
    pub clock: Option<spark_core::rollout::ClockAnchor>,
    /// The time of the last fact.
    pub last: spark_core::Timestamp,
    /// What was counted on the way.
    pub counts: Counts,
}

/// How much a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Lines.
    pub facts: u64,
    /// Samples.
    pub samples: u64,
    /// Decisions, each derived again with the same bytes.
    pub decisions: u64,
}

/// Goes through a record and derives everything again; `observer` is told of each fact as a live one would be.
///
/// # Errors
/// A line is no fact, or cannot follow from those before it.
pub fn fold(records: &[Record], observer: &mut dyn Observer) -> Result<Folded, AuditError> {
    let (folded, whole) = fold_as_far(records, observer);
    whole?;
    folded.ok_or(AuditError::Empty)
}

/// As [`fold`], as far as it goes: what stands before the first wrong line is to be seen all the same.
pub fn fold_as_far(
    records: &[Record],
    observer: &mut dyn Observer,
) -> (Option<Folded>, Result<(), AuditError>) {
    let mut folding = Folding::default();
    let whole = records.iter().try_for_each(|record| folding.take(record, observer));
    (folding.so_far, whole)
}

/// A fold on its way, for a record that is read line by line.
#[derive(Debug, Default)]
pub struct Folding {
    so_far: Option<Folded>,
}

impl Folding {
    /// Takes the next line in.
    ///
    /// # Errors
    /// It is no fact, or cannot follow from those before it.
    pub fn take(&mut self, record: &Record, observer: &mut dyn Observer) -> Result<(), AuditError> {
        step(&mut self.so_far, record, observer)
    }

    /// What the lines so far say; none before the first.
    pub const fn so_far(&self) -> Option<&Folded> {
        self.so_far.as_ref()
    }

    /// What all of it says.
    ///
    /// # Errors
    /// There was no line.
    pub fn end(self) -> Result<Folded, AuditError> {
        self.so_far.ok_or(AuditError::Empty)
    }
}

/// A fact as a journal has it, in its one spelling. What operators and commands said stands in it, and a journal is shown on
/// terminals: nothing in it does anything to one.
///
/// # Errors
/// It cannot be written as JSON.
pub fn written(fact: &Fact) -> serde_json::Result<String> {
    serde_json::to_string(fact).map(harmless::json)
}

fn step(so_far: &mut Option<Folded>, record: &Record, observer: &mut dyn Observer) -> Result<(), AuditError> {
    let line = record.seq;
    let fact: Fact = serde_json::from_str(&record.json)
        .map_err(|error| AuditError::Malformed { line, reason: error.to_string() })?;
    let differs = |reason: String| AuditError::Differs { line, reason };
    let written = written(&fact).map_err(|error| differs(error.to_string()))?;
    if written != record.json {
        return Err(differs(format!("it is written `{}` where Spark writes `{written}`", record.json)));
    }
    let at = fact.at();
    let folded = match (&mut *so_far, &fact) {
        (None, Fact::Start(start)) => {
            if start.fence != record.fence {
                return Err(differs("its fence is not the line's".to_owned()));
            }
            let controller = Controller::begin(start).map_err(|error| differs(error.to_string()))?;
            let clock = start.clock.clone();
            so_far.insert(Folded {
                start: (**start).clone(),
                rules: start.rules.clone(),
                controller,
                ending: None,
                clock,
                last: at,
                counts: Counts::default(),
            })
        }
        (None, _) => {
            return Err(AuditError::Malformed { line, reason: "a journal begins with `start`".to_owned() });
        }
        (Some(folded), fact) => {
            folded.controller.replay(fact).map_err(|error| differs(error.to_string()))?;
            if folded.controller.rollout().fence() != record.fence {
                return Err(differs("a runner wrote it that had not taken the rollout up".to_owned()));
            }
            folded
        }
    };
    match &fact {
        Fact::Resumed { clock, .. } => {
            folded.ending = None;
            folded.clock.clone_from(clock);
        }
        Fact::Reloaded { rules, .. } => folded.rules.clone_from(rules),
        Fact::Sample(_) => folded.counts.samples = folded.counts.samples.saturating_add(1),
        Fact::Decided { .. } => folded.counts.decisions = folded.counts.decisions.saturating_add(1),
        Fact::End { ending, .. } => folded.ending = Some(ending.clone()),
        _ => {}
    }
    folded.last = folded.last.max(at);
    folded.counts.facts = folded.counts.facts.saturating_add(1);
    observer.on(&fact, &folded.controller);
    Ok(())
}
