//! Whether two conditions are the same at every instant, whatever is measured: true, false and unknown together.

use std::collections::BTreeSet;

use spark_core::{Condition, Expression, SignalId};

use super::form::{Form, Free, Reading, Space};
use super::range::Ranges;
use super::same::same;
use super::solve::Want;

/// Most unknowns of which every part may have no value, one by one: two to the power of it are looked at.
const UNKNOWNS_MAX: usize = 6;

/// What is known of two conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// They are the same at every instant.
    Proven,
    /// They may differ.
    Unknown,
}

/// Whether two conditions are proved to be the same at every instant: where a trigger has one, the other changes no
/// decision and no state. What they say of margins may differ.
pub(crate) fn equivalent(a: &Condition, b: &Condition, ranges: &Ranges) -> Proof {
    if same_everywhere(a, b, ranges) { Proof::Proven } else { Proof::Unknown }
}

/// Whether two clocks or two sequences always stand alike: what is in them is the same at every instant.
pub(super) fn in_step(a: &Condition, b: &Condition, ranges: &Ranges) -> bool {
    if same(a, b) {
        return true;
    }
    match (a, b) {
        (Condition::Held { condition: a, duration }, Condition::Held { condition: b, duration: other }) => {
            duration == other && same_everywhere(a, b, ranges)
        }
        (
            Condition::Sequence { first, then, within },
            Condition::Sequence { first: other_first, then: other_then, within: other_within },
        ) => {
            within == other_within
                && same_everywhere(first, other_first, ranges)
                && same_everywhere(then, other_then, ranges)
        }
        _ => false,
    }
}

fn same_everywhere(a: &Condition, b: &Condition, ranges: &Ranges) -> bool {
    if same(a, b) {
        return true;
    }
    if reads_previous_stage(a) != reads_previous_stage(b) || signals(a) != signals(b) {
        return false;
    }
    let mut space = Space::new(ranges);
    let (ours, theirs) = (space.form(a, Reading::Whole), space.form(b, Reading::Whole));
    let unknowns = space.bases().len();
    // what is not followed may be anything
    let other = space.frees().iter().any(|free| matches!(free, Free::Other));
    // a running clock asks for hold also where the condition does not depend on it, so both must have the same ones
    let clocks = |form: &Form| {
        let mut found = Vec::new();
        form.free_parts(&mut found);
        found.sort_unstable();
        found
    };
    if unknowns > UNKNOWNS_MAX || other || space.is_shortened() || clocks(&ours) != clocks(&theirs) {
        return false;
    }
    (0u32..1 << unknowns).all(|which| {
        let valueless: Vec<usize> = (0..unknowns).filter(|place| which >> place & 1 == 1).collect();
        let differ = |one, other| space.can_with_unknown(&[one, other], &valueless);
        !differ((&ours, Want::True), (&theirs, Want::NotTrue))
            && !differ((&ours, Want::NotTrue), (&theirs, Want::True))
            && !differ((&ours, Want::False), (&theirs, Want::NotFalse))
            && !differ((&ours, Want::NotFalse), (&theirs, Want::False))
    })
}

fn signals(condition: &Condition) -> BTreeSet<SignalId> {
    let mut found = BTreeSet::new();
    condition.comparisons(&mut |comparison| {
        comparison.signals(&mut |id| {
            found.insert(id);
        });
    });
    found
}

fn reads_previous_stage(condition: &Condition) -> bool {
    let mut found = false;
    condition.comparisons(&mut |comparison| found |= comparison.reads(&Expression::PreviousStage));
    found
}
