//! Points that nothing can reach.

use spark_core::{Comparison, Condition, Expression, Policy};

use super::Value;
use crate::interval::{Ranges, truth_of};

/// Why a comparison cannot be that; none where it may. `given` is what must be true for the comparison to be asked.
pub(super) fn why_not(
    policy: &Policy,
    ranges: &Ranges,
    comparison: &Comparison,
    value: Value,
    given: Option<&Condition>,
) -> Option<String> {
    match value {
        Value::Unknown => known_by(policy, comparison, given?),
        Value::True | Value::False => {
            let condition = Condition::Compare(Box::new(comparison.clone()));
            let can = truth_of(&condition, ranges);
            let (can, word) = match value {
                Value::True => (can.yes, "never"),
                _ => (can.no, "always"),
            };
            (!can).then(|| format!("what its signals are makes it {word} true"))
        }
    }
}

/// Where `given` is true, all that the comparison reads is known: it is asked only where it is not unknown.
fn known_by(policy: &Policy, comparison: &Comparison, given: &Condition) -> Option<String> {
    let mut read = Vec::new();
    let mut divides = false;
    for expression in comparison.expressions() {
        leaves(expression, &mut read, &mut divides);
    }
    let references = comparison.reads(&Expression::Baseline) || comparison.reads(&Expression::PreviousStage);
    if divides || references || read.is_empty() {
        return None;
    }
    let mut known = Vec::new();
    for required in required(given) {
        for expression in required.expressions() {
            leaves(expression, &mut known, &mut false);
        }
    }
    if !read.iter().all(|leaf| known.contains(leaf)) {
        return None;
    }
    let mut names: Vec<&str> = Vec::new();
    comparison.signals(&mut |id| {
        let name = policy.signal(id).map_or("?", |signal| signal.name.as_str());
        if !names.contains(&name) {
            names.push(name);
        }
    });
    Some(format!("where `given` is true, {} is known", names.join(", ")))
}

/// The comparisons that must be true for a condition to be.
fn required(condition: &Condition) -> Vec<&Comparison> {
    match condition {
        Condition::Compare(comparison) => vec![comparison],
        Condition::All(parts) => parts.iter().flat_map(required).collect(),
        _ => Vec::new(),
    }
}

/// What an expression reads, and whether it can be unknown although all that is known.
fn leaves<'a>(expression: &'a Expression, found: &mut Vec<&'a Expression>, fails: &mut bool) {
    match expression {
        Expression::Arithmetic { operator, left, right } => {
            *fails |= *operator == spark_core::Operator::Divide;
            leaves(left, found, fails);
            leaves(right, found, fails);
        }
        Expression::Signal(_) | Expression::Window { .. } | Expression::Correlation { .. } => {
            found.push(expression)
        }
        Expression::Literal(_) | Expression::Baseline | Expression::PreviousStage => {}
    }
}
