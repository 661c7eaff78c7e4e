//! Whether new rules are at least as tight as those of a running release.
//!
//! A reload may tighten a running release, never loosen it. [`compare`] shows, for every history of samples and instants,
//! that the new policy's verdict is at least the old one's at each instant (proceed < hold < rollback), that no stage is
//! left sooner or larger, and that no approval is lost. It is sound, not complete: what it cannot show it refuses, and
//! says which part and why. A signal with an expectation, a trigger, and a condition beside an old one (`or`) can
//! always be added.

mod implication;
mod normal;
mod plan;
mod triggers;
mod words;

use self::normal::NOWHERE;
use crate::policy::Policy;
use crate::signal::{Signal, SignalId, SourceSpan};

/// New rules that are at least as tight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tightened {
    /// What changed, in words; empty where both mean the same.
    pub changes: Vec<String>,
}

/// A change of which it cannot be shown that it loosens nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Loosening {
    /// Which part of the rules, and how it changed.
    pub what: String,
    /// Why it may loosen a running release.
    pub why: String,
    /// Where it stands in the new rules; nothing where it is gone from them.
    pub span: Option<SourceSpan>,
}

/// Compares the rules that a release runs under with new ones.
///
/// # Errors
/// All that loosens, or that cannot be shown not to: the release keeps its rules.
pub fn compare(old: &Policy, new: &Policy, plan: &str) -> Result<Tightened, Vec<Loosening>> {
    let places = old.signals().iter().map(|signal| new.signal_id(&signal.name).unwrap_or(NOWHERE)).collect();
    let mut comparer = Comparer { old, new, places, changes: Vec::new(), loosenings: Vec::new() };
    comparer.settings();
    comparer.signals();
    // conditions mean nothing without the signals that they read
    if comparer.loosenings.is_empty() {
        comparer.expectations();
        comparer.triggers();
    }
    comparer.plan(plan);
    if comparer.loosenings.is_empty() {
        Ok(Tightened { changes: comparer.changes })
    } else {
        Err(comparer.loosenings)
    }
}

/// Two policies on their way through the comparison.
#[derive(Debug)]
struct Comparer<'a> {
    old: &'a Policy,
    new: &'a Policy,
    /// The old policy's signals in the new one.
    places: Vec<SignalId>,
    changes: Vec<String>,
    loosenings: Vec<Loosening>,
}

impl<'a> Comparer<'a> {
    /// The old policy's signals, and those of the new one that are called so.
    fn signals_and_namesakes(&self) -> Vec<(&'a Signal, Option<&'a Signal>)> {
        self.old.signals().iter().zip(self.places.iter().map(|place| self.new.signal(*place))).collect()
    }

    fn refuse(&mut self, what: String, why: impl Into<String>, span: Option<SourceSpan>) {
        self.loosenings.push(Loosening { what, why: why.into(), span });
    }

    /// Instants are those of the old rules, and how far apart two may be to count must not grow.
    fn settings(&mut self) {
        let (old, new) = (self.old.every(), self.new.every());
        if old != new {
            let what = format!("`evaluate every {old}` is now `evaluate every {new}`");
            self.refuse(what, "evidence adds up between instants, which would be others", None);
        }
        let (old, new) = (self.old.reach(), self.new.reach());
        if new > old {
            let what = format!("time between two decisions serves up to {new}, before up to {old}");
            self.refuse(what, "keep a signal with the smallest `stale after`", None);
        }
    }

    /// What is measured stays what it is.
    fn signals(&mut self) {
        for (old, new) in self.signals_and_namesakes() {
            let Some(new) = new else {
                self.refuse(
                    format!("signal `{}` is gone", old.name),
                    "a release keeps what it is measured by",
                    None,
                );
                continue;
            };
            let parts = [
                ("type", old.unit == new.unit && old.counter == new.counter),
                ("source", old.source == new.source && old.scale == new.scale),
                ("`stale after`", old.stale_after == new.stale_after),
            ];
            for (part, _) in parts.iter().filter(|(_, same)| !same) {
                let why = match *part {
                    "`stale after`" => {
                        "believed for longer, missing evidence shows later; for shorter, what is known to be bad becomes unknown"
                    }
                    _ => "its samples would mean something else",
                };
                self.refuse(format!("signal `{}`: its {part} changed", old.name), why, Some(new.span));
            }
        }
        for new in self.new.signals() {
            if self.old.signal_id(&new.name).is_none() {
                self.changes.push(format!("signal `{}` is new", new.name));
            }
        }
    }
}
