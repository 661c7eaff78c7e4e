//! Whether two conditions say the same, wherever they stand and however their values are written.

use spark_core::{Comparison, Condition};

/// Whether both have the same parts in the same order.
pub(crate) fn same(a: &Condition, b: &Condition) -> bool {
    let all = |ours: &[Condition], theirs: &[Condition]| {
        ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same(a, b))
    };
    match (a, b) {
        (Condition::Compare(a), Condition::Compare(b)) => same_comparison(a, b),
        (Condition::All(a), Condition::All(b)) | (Condition::Any(a), Condition::Any(b)) => all(a, b),
        (Condition::Not(a), Condition::Not(b)) => same(a, b),
        (Condition::Held { condition: a, duration }, Condition::Held { condition: b, duration: other }) => {
            duration == other && same(a, b)
        }
        (
            Condition::Sequence { first, then, within },
            Condition::Sequence { first: other_first, then: other_then, within: other_within },
        ) => within == other_within && same(first, other_first) && same(then, other_then),
        (Condition::EveryExpectation, Condition::EveryExpectation) => true,
        _ => false,
    }
}

fn same_comparison(a: &Comparison, b: &Comparison) -> bool {
    a.unit == b.unit && a.left == b.left && a.test == b.test
}
