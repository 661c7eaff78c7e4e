//! Conditions in words, as rules write them.

use crate::condition::Condition;
use crate::engine::comparison_words;
use crate::policy::Policy;

/// A condition as rules write it; literals in the comparison's unit.
pub(super) fn condition_words(policy: &Policy, condition: &Condition) -> String {
    let inside = |inner: &Condition| match inner {
        Condition::Compare(_) | Condition::EveryExpectation | Condition::Not(_) => {
            condition_words(policy, inner)
        }
        _ => format!("({})", condition_words(policy, inner)),
    };
    let joined = |parts: &[Condition], word: &str| parts.iter().map(inside).collect::<Vec<_>>().join(word);
    match condition {
        Condition::Compare(comparison) => comparison_words(policy, comparison),
        Condition::All(parts) => joined(parts, " and "),
        Condition::Any(parts) => joined(parts, " or "),
        Condition::Not(inner) => format!("not {}", inside(inner)),
        Condition::Held { condition, duration } => format!("{} for {duration}", inside(condition)),
        Condition::Sequence { first, then, within } => {
            format!("{} then {} within {within}", inside(first), inside(then))
        }
        Condition::EveryExpectation => "every signal meets its expectation".to_owned(),
    }
}
