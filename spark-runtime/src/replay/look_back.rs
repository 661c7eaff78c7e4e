//! How far back a decision looks.

use spark_core::{Comparison, Condition, Expression, Policy, TimeSpan};

/// How much history a decision needs: the longest that any condition's windows, `for`s and sequences reach back
/// together, the age at which samples are still believed, and how long unknown may last before it counts.
///
/// A level that was reached before and is not cleared yet reaches back further than any history: with this much,
/// the conditions themselves are decided as they are live.
pub fn look_back(policy: &Policy) -> TimeSpan {
    let stale = policy.signals().iter().map(|signal| signal.stale_after).max().unwrap_or_default();
    let unknown = policy.triggers().iter().filter_map(|trigger| trigger.unknown_rollback_after).max();
    let triggers = policy.triggers().iter().flat_map(|trigger| {
        trigger.levels.iter().map(|level| &level.condition).chain(&trigger.clear).chain(&trigger.given)
    });
    let conditions = triggers.chain(policy.signals().iter().filter_map(|signal| signal.expectation.as_ref()));
    let reach = conditions.map(of_condition).max().unwrap_or_default();
    // two steps: the first instant of the history is up to one step late, and a clock starts at an instant
    reach.plus(unknown.unwrap_or_default()).plus(stale).plus(policy.every().times(2))
}

fn of_condition(condition: &Condition) -> TimeSpan {
    match condition {
        Condition::Compare(comparison) => of_comparison(comparison),
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().map(of_condition).max().unwrap_or_default()
        }
        Condition::Not(inner) => of_condition(inner),
        Condition::Held { condition, duration } => of_condition(condition).plus(*duration),
        Condition::Sequence { first, then, within } => {
            of_condition(first).plus(*within).max(of_condition(then))
        }
        Condition::EveryExpectation => TimeSpan::ZERO,
    }
}

fn of_comparison(comparison: &Comparison) -> TimeSpan {
    comparison.expressions().into_iter().map(of_expression).max().unwrap_or_default()
}

fn of_expression(expression: &Expression) -> TimeSpan {
    match expression {
        Expression::Window { over, .. } | Expression::Correlation { over, .. } => *over,
        Expression::Arithmetic { left, right, .. } => of_expression(left).max(of_expression(right)),
        Expression::Signal(_) | Expression::Literal(_) | Expression::Baseline | Expression::PreviousStage => {
            TimeSpan::ZERO
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(trigger: &str, expected: &str) {
        let text = format!(
            "edition 2026\nevaluate every 15s\n\
             signal p95 {{ is duration  from push  stale after 45s }}\n\
             signal errors {{ is ratio  from push  stale after 45s }}\n\
             trigger t {{ {trigger} }}\n"
        );
        let loaded = spark_rules::load("r.rules", &text, &mut |_| Err(String::new())).unwrap();
        assert_eq!(look_back(&loaded.policy).to_string(), expected, "{trigger}");
    }

    /// History reaches as far as windows, `for`s and sequences do together, beside what is always needed: the age of
    /// a believed sample and two steps.
    #[test]
    fn reaches() {
        check("rollback when p95 > 400ms", "1m15s");
        check("rollback when p95 > 400ms for 5m", "6m15s");
        check("rollback when avg(p95 over 10m) > 400ms for 5m", "16m15s");
        check("hold when p95 > 1s  rollback when p95 > 1s for 2m  clear when p95 < 1s for 9m", "10m15s");
        check("rollback when (p95 > 1s for 1m) then (errors > 1%) within 2m", "4m15s");
        check("rollback when p95 > 400ms  unknown hold, then rollback after 10m", "11m15s");
    }
}
