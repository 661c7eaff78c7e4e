//! Comparisons that the buckets of a histogram decide: no quantile reads above the highest finite one.
//!
//! The buckets are in the data, not in the rules. Whoever reads data learns them with
//! [`Ceilings`](spark_core::metrics::Ceilings), and asks here what they mean for the rules.

use spark_core::metrics::Ceiling;
use spark_core::{Comparison, Condition, Expression, Policy, Quantity, SourceSpan, Test};

use crate::files::Files;
use crate::interval::{CanBe, Ranges, truth_of};

/// A comparison that is always the same because a quantile reads no higher than its histogram's buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeyondBuckets {
    /// The comparison's place.
    pub span: SourceSpan,
    /// Whether it holds wherever it is known; else it never does.
    pub always: bool,
    /// What it rests on: the first of its signals that has a ceiling.
    pub ceiling: Ceiling,
    /// The name of that signal.
    pub signal: String,
    /// The signal's highest value.
    pub highest: Quantity,
    /// What it is compared with, where that is one value.
    pub threshold: Option<Quantity>,
}

/// The comparisons of a policy that are always the same with these ceilings, and would not be without them, in the order
/// of the text.
///
/// Those that read a baseline are left out: its histogram may have other buckets.
pub fn beyond_buckets(policy: &Policy, ceilings: &[Ceiling]) -> Vec<BeyondBuckets> {
    if ceilings.is_empty() {
        return Vec::new();
    }
    let plain = Ranges::of(policy.signals(), policy.triggers(), policy.plans(), []);
    let mut bounded = plain.clone();
    for ceiling in ceilings {
        bounded.bound(ceiling.signal, ceiling.value);
    }
    let mut found = Vec::new();
    let mut look = |part: &Condition| {
        let Condition::Compare(comparison) = part else { return };
        let Some(ceiling) = read_by(comparison, ceilings) else { return };
        let CanBe { yes: true, no: true } = truth_of(part, &plain) else { return };
        let always = match truth_of(part, &bounded) {
            CanBe { yes: true, no: false } => true,
            CanBe { yes: false, no: true } => false,
            _ => return,
        };
        found.extend(beyond(policy, comparison, ceiling, always));
    };
    for condition in conditions(policy) {
        condition.visit(&mut look);
    }
    found.sort_by_key(|beyond| beyond.span);
    found.dedup_by_key(|beyond| beyond.span);
    found
}

impl BeyondBuckets {
    /// It in a sentence, with the place in the text that the policy was read from.
    pub fn words(&self, files: &Files) -> String {
        let text = files.text(self.span).split_whitespace().collect::<Vec<_>>().join(" ");
        let text = match text.starts_with("expect ") {
            true => format!("`{text}` of `{}`", self.signal),
            false => format!("`{text}`"),
        };
        let place = files.position(self.span);
        let (file, line, column) = (files.name(self.span.file), place.line, place.column);
        let what = if self.always { "holds whatever is measured" } else { "can never hold" };
        let (signal, highest, histogram) = (&self.signal, self.highest, &self.ceiling.histogram);
        let why = match self.ceiling.is_bound {
            true => format!("ends at {highest}, and a quantile never reads above it"),
            false => format!("ends at {}, so `{signal}` never reads above {highest}", self.ceiling.le),
        };
        let advice = match self.threshold {
            Some(threshold) if self.ceiling.is_bound => format!("add a bucket above {threshold}"),
            _ => "add a higher bucket".to_owned(),
        };
        format!(
            "{text} ({file}:{line}:{column}) {what}: the highest finite bucket of `{histogram}` {why}; {advice}"
        )
    }
}

fn beyond(
    policy: &Policy,
    comparison: &Comparison,
    ceiling: &Ceiling,
    always: bool,
) -> Option<BeyondBuckets> {
    let signal = policy.signal(ceiling.signal)?;
    let threshold = match (&comparison.left, &comparison.test) {
        (_, Test::Is(_, Expression::Literal(value))) | (Expression::Literal(value), Test::Is(..)) => {
            Some(*value)
        }
        (_, Test::Between(Expression::Literal(low), Expression::Literal(high))) => {
            Some(if always { *high } else { *low })
        }
        _ => None,
    };
    Some(BeyondBuckets {
        span: comparison.span,
        always,
        ceiling: ceiling.clone(),
        signal: signal.name.clone(),
        highest: Quantity::new(ceiling.value, signal.unit).shown_per(signal.per),
        threshold: threshold.map(|value| Quantity::new(value, comparison.unit).shown_per(comparison.per)),
    })
}

/// The ceiling of the first signal of a comparison that has one.
fn read_by<'c>(comparison: &Comparison, ceilings: &'c [Ceiling]) -> Option<&'c Ceiling> {
    if comparison.reads(&Expression::Baseline) {
        return None;
    }
    let mut first = None;
    comparison.signals(&mut |id| {
        first = first.or_else(|| ceilings.iter().find(|ceiling| ceiling.signal == id));
    });
    first
}

fn conditions(policy: &Policy) -> impl Iterator<Item = &Condition> {
    let expectations = policy.signals().iter().filter_map(|signal| signal.expectation.as_ref());
    let triggers = policy.triggers().iter().flat_map(|trigger| {
        trigger.levels.iter().map(|level| &level.condition).chain(&trigger.clear).chain(&trigger.given)
    });
    let plans = policy.plans().iter().filter_map(|plan| plan.proceed.as_ref());
    expectations.chain(triggers).chain(plans)
}
