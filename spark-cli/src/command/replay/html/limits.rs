//! What a signal is compared with, as lines in its chart.

use rust_decimal::Decimal;
use spark_core::{Comparison, Condition, Expression, Severity, Signal, SignalId, Test, WindowFunction};

use crate::rules::Rules;

/// Most limits in one chart: more cover what was measured.
const LIMITS_MAX: usize = 12;
/// Longest name of a limit: a phone's width.
const NAME_CHARS: usize = 52;

/// A value that a signal is compared with.
pub(super) struct Limit {
    pub(super) value: Decimal,
    /// Of which clause.
    pub(super) class: &'static str,
    /// Whose, and as rules write it.
    pub(super) words: String,
}

/// The fixed values that a signal is compared with, as it is or summed up over a window in its own unit.
pub(super) fn limits(rules: &Rules, signal: &Signal) -> Vec<Limit> {
    let policy = &rules.policy;
    let Some(id) = policy.signal_id(&signal.name) else { return Vec::new() };
    let mut found = Vec::new();
    let mut add = |owner: &str, class: &'static str, condition: &Condition| {
        condition.comparisons(&mut |comparison| {
            if !is_of(comparison, id) {
                return;
            }
            let written = rules.files.text(comparison.span).split_whitespace().collect::<Vec<_>>().join(" ");
            let words = format!("{owner} {written}");
            for value in fixed(comparison) {
                found.push(Limit { value, class, words: cut(words.trim_start()) });
            }
        });
    };
    for trigger in policy.triggers() {
        for level in trigger.levels.iter().rev() {
            let class = match level.severity {
                Severity::Warn => "warn",
                Severity::Hold => "hold",
                Severity::Rollback => "rollback",
            };
            add(&format!("{} {class}", trigger.name), class, &level.condition);
        }
        if let Some(clear) = &trigger.clear {
            add(&format!("{} clear", trigger.name), "clear", clear);
        }
        if let Some(given) = &trigger.given {
            add(&format!("{} given", trigger.name), "given", given);
        }
    }
    if let Some(expectation) = &signal.expectation {
        add("", "expect", expectation);
    }
    found.truncate(LIMITS_MAX);
    found
}

fn cut(words: &str) -> String {
    match words.char_indices().nth(NAME_CHARS) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or("")),
        None => words.to_owned(),
    }
}

/// Whether the left side is the signal, or a value of it in its own unit.
fn is_of(comparison: &Comparison, id: SignalId) -> bool {
    match &comparison.left {
        Expression::Signal(signal) => *signal == id,
        Expression::Window { function, signal, .. } => {
            let summed_up = matches!(
                function,
                WindowFunction::Avg | WindowFunction::Min | WindowFunction::Max | WindowFunction::Quantile(_)
            );
            summed_up && *signal == id
        }
        _ => false,
    }
}

fn fixed(comparison: &Comparison) -> Vec<Decimal> {
    let sides = match &comparison.test {
        Test::Is(_, right) => vec![right],
        Test::Between(low, high) => vec![low, high],
    };
    let value = |side: &Expression| match side {
        Expression::Literal(value) => Some(*value),
        _ => None,
    };
    sides.into_iter().filter_map(value).collect()
}
