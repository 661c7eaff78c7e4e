//! What no check can be.

use std::collections::BTreeSet;

use super::{Check, EVIDENCE_NAME_BYTES_MAX, MEASURES_MAX};
use crate::condition::{Condition, Expression};

/// Why something is no check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// It has no measure, so that nothing could be known.
    #[error("has no measure")]
    NoMeasure,
    /// It has more measures than can be.
    #[error("has more than {MEASURES_MAX} measures")]
    TooManyMeasures,
    /// Two measures have one name.
    #[error("has two measures of one name")]
    DuplicateMeasure,
    /// Its condition reads a measure that it does not have.
    #[error("reads a measure that it does not have")]
    UnknownMeasure,
    /// Its condition reads what only time shows: a window, a `for`, a sequence, the baseline, the stage before, or every
    /// expectation.
    #[error("reads more than one look shows")]
    ReadsTime,
    /// Its probe has no time at all.
    #[error("gives its probe no time")]
    NoTime,
    /// Its evidence has no name that a file can have everywhere.
    #[error("keeps its evidence in a file that cannot be")]
    EvidenceName,
}

/// Whether a name is one of an evidence file: ASCII letters, digits, `-`, `_` and `.`, beginning with a letter or a digit,
/// at most 100 bytes, ending in `.json`, `.jsonl` or `.txt`. So it is no path, and means the same on every file system.
pub fn is_evidence_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let stem = [".json", ".jsonl", ".txt"].iter().find_map(|ending| name.strip_suffix(ending));
    name.len() <= EVIDENCE_NAME_BYTES_MAX
        && name.bytes().all(plain)
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && stem.is_some_and(|stem| !stem.is_empty())
}

impl Check {
    /// Why it is none; nothing where all is well.
    pub(crate) fn refusal(&self) -> Option<CheckError> {
        let mut names = BTreeSet::new();
        let (mut known, mut one_look) = (true, !reads_time(&self.condition));
        self.condition.comparisons(&mut |comparison| {
            comparison.signals(&mut |id| known &= id.index() < self.measures.len());
            comparison.expressions().into_iter().for_each(|side| one_look &= is_one_look(side));
        });
        if self.measures.is_empty() {
            Some(CheckError::NoMeasure)
        } else if self.measures.len() > MEASURES_MAX {
            Some(CheckError::TooManyMeasures)
        } else if !self.measures.iter().all(|measure| names.insert(&measure.name)) {
            Some(CheckError::DuplicateMeasure)
        } else if !known {
            Some(CheckError::UnknownMeasure)
        } else if !one_look {
            Some(CheckError::ReadsTime)
        } else if self.within.is_zero() {
            Some(CheckError::NoTime)
        } else if !is_evidence_name(&self.evidence) {
            Some(CheckError::EvidenceName)
        } else {
            None
        }
    }
}

fn reads_time(condition: &Condition) -> bool {
    match condition {
        Condition::Compare(_) => false,
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(reads_time),
        Condition::Not(inner) => reads_time(inner),
        Condition::Held { .. } | Condition::Sequence { .. } | Condition::EveryExpectation => true,
    }
}

fn is_one_look(expression: &Expression) -> bool {
    match expression {
        Expression::Signal(_) | Expression::Literal(_) => true,
        Expression::Arithmetic { left, right, .. } => is_one_look(left) && is_one_look(right),
        Expression::Window { .. }
        | Expression::Correlation { .. }
        | Expression::Baseline
        | Expression::PreviousStage => false,
    }
}
