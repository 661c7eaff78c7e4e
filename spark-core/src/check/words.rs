//! Conditions of checks in words.

use rust_decimal::Decimal;

use super::Check;
use crate::condition::{Comparison, Condition, Expression, Test};
use crate::engine::comparison_words;
use crate::policy::Policy;
use crate::quantity::{Dimension, Unit};
use crate::signal::SignalId;

/// What a unit is called, with an article.
pub(super) fn unit_words(unit: Unit) -> String {
    let name = match unit.dimension {
        Dimension::Count if unit.per_time => return "a rate".to_owned(),
        Dimension::Number => "a number".to_owned(),
        Dimension::Count => "a count".to_owned(),
        Dimension::Ratio => "a ratio".to_owned(),
        Dimension::Duration => "a duration".to_owned(),
        Dimension::Bytes => "bytes".to_owned(),
        Dimension::Money(currency) => format!("money in {}", currency.as_str()),
    };
    if unit.per_time { format!("{name} per time") } else { name }
}

/// What is not as it must be, of a part that is false: what was found, and what it is not.
pub(super) fn failing(
    check: &Check,
    policy: &Policy,
    part: &Condition,
    worths: &[Result<Decimal, String>],
) -> String {
    let found = |id: SignalId| {
        let measure = check.measures.get(id.index())?;
        let value = worths.get(id.index())?.as_ref().ok()?;
        Some(format!("`{}` is {}", measure.name, measure.shown(*value)))
    };
    let flag = |id: SignalId| check.measures.get(id.index()).is_some_and(|measure| measure.flag);
    match part {
        Condition::Compare(comparison) => {
            if let Expression::Signal(id) = comparison.left
                && let Some(found) = found(id)
            {
                // a flag is all that is said of it
                return if flag(id) {
                    found
                } else {
                    format!("{found}, not {}", test_words(policy, comparison))
                };
            }
        }
        Condition::Not(inner) => {
            if let Condition::Compare(comparison) = &**inner
                && let Expression::Signal(id) = comparison.left
                && let Some(found) = found(id).filter(|_| flag(id))
            {
                return found;
            }
        }
        _ => {}
    }
    let mut read = std::collections::BTreeSet::new();
    part.comparisons(&mut |comparison| {
        comparison.signals(&mut |id| {
            read.insert(id);
        });
    });
    let values: Vec<String> = read.into_iter().filter_map(found).collect();
    format!("{}: not `{}`", values.join(", "), condition_words(check, policy, part))
}

/// What stands behind the left side: `< 90%`.
fn test_words(policy: &Policy, comparison: &Comparison) -> String {
    let whole = comparison_words(policy, comparison);
    let sign = match &comparison.test {
        Test::Is(relation, _) => relation.as_str(),
        Test::Between(..) => "between",
    };
    // a lone name holds no sign
    whole.find(sign).and_then(|place| whole.get(place..)).unwrap_or(&whole).to_owned()
}

/// A condition as rules write it.
fn condition_words(check: &Check, policy: &Policy, condition: &Condition) -> String {
    let words = |condition: &Condition| condition_words(check, policy, condition);
    let joined = |parts: &[Condition], joint: &str| {
        let parts = parts.iter().map(|part| match part {
            Condition::All(_) | Condition::Any(_) => format!("({})", words(part)),
            _ => words(part),
        });
        parts.collect::<Vec<_>>().join(joint)
    };
    match condition {
        Condition::Compare(comparison) => match comparison.left {
            Expression::Signal(id) if check.measures.get(id.index()).is_some_and(|measure| measure.flag) => {
                check.measures.get(id.index()).map_or_else(String::new, |measure| measure.name.clone())
            }
            _ => comparison_words(policy, comparison),
        },
        Condition::All(parts) => joined(parts, " and "),
        Condition::Any(parts) => joined(parts, " or "),
        Condition::Not(inner) => match &**inner {
            Condition::Compare(comparison) if matches!(comparison.test, Test::Is(..)) => {
                format!("not {}", words(inner))
            }
            _ => format!("not ({})", words(inner)),
        },
        // no check has one: `Check::refusal`
        Condition::Held { condition, duration } => format!("({}) for {duration}", words(condition)),
        Condition::Sequence { first, then, within } => {
            format!("({}) then ({}) within {within}", words(first), words(then))
        }
        Condition::EveryExpectation => "every signal meets its expectation".to_owned(),
    }
}
