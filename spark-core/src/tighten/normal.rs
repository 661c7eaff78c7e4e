//! Conditions of two policies, made comparable: both in the new policy's signals, without places in the text.

use crate::condition::{Comparison, Condition, Expression};
use crate::signal::{SignalId, SourceSpan};
use crate::trigger::{Severity, Trigger};

/// A trigger's meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) levels: Vec<(Severity, Condition)>,
    pub(super) clear: Option<Condition>,
    pub(super) given: Option<Condition>,
}

/// Writes a policy's conditions in the signals of another: by the places of its own there, or as they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Translation<'a>(pub(super) Option<&'a [SignalId]>);

impl Translation<'_> {
    pub(super) fn trigger(self, trigger: &Trigger) -> Meaning {
        Meaning {
            levels: trigger.levels.iter().map(|l| (l.severity, self.condition(&l.condition))).collect(),
            clear: trigger.clear.as_ref().map(|condition| self.condition(condition)),
            given: trigger.given.as_ref().map(|condition| self.condition(condition)),
        }
    }

    pub(super) fn condition(self, condition: &Condition) -> Condition {
        condition.mapped(&|comparison| Comparison {
            span: SourceSpan::default(),
            ..comparison.renamed(&|id| self.signal(id))
        })
    }

    /// A signal of the other policy with the same name; where there is none, one that no policy has.
    fn signal(self, id: SignalId) -> SignalId {
        self.0.map_or(id, |places| places.get(id.index()).copied().unwrap_or(NOWHERE))
    }
}

/// A signal that no policy has.
pub(super) const NOWHERE: SignalId = SignalId(u32::MAX);

/// Whether a condition has a `for` that lasts.
pub(super) fn has_for(condition: &Condition) -> bool {
    let mut found = false;
    condition.visit(&mut |part| found |= matches!(part, Condition::Held { .. }));
    found
}

/// Whether a `for` stands inside of a `then`.
pub(super) fn has_for_in_sequence(condition: &Condition) -> bool {
    let mut found = false;
    condition.visit(&mut |part| found |= matches!(part, Condition::Sequence { .. }) && has_for(part));
    found
}

/// Whether a condition reads the stage before, and so is left out in the first.
pub(super) fn reads_previous_stage(condition: &Condition) -> bool {
    let mut found = false;
    condition.comparisons(&mut |comparison| found |= comparison.reads(&Expression::PreviousStage));
    found
}

/// Whether `every signal meets its expectation` stands where more of it could mean less: under `not`, or in a `then`.
pub(super) fn turns_expectations(condition: &Condition) -> bool {
    let mut found = false;
    condition.visit(&mut |part| {
        if matches!(part, Condition::Not(_) | Condition::Sequence { .. }) {
            part.visit(&mut |inner| found |= matches!(inner, Condition::EveryExpectation));
        }
    });
    found
}
