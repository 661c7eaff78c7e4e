//! Causes and expressions in words.

use crate::condition::{Comparison, Expression, Operator, Test};
use crate::decision::Unknown;
use crate::policy::Policy;
use crate::quantity::Quantity;
use crate::signal::{SignalId, Track};

use super::view::View;

impl View<'_> {
    fn signal_words(&self, signal: SignalId, track: Track) -> String {
        let name = self.policy.signal(signal).map_or("?", |signal| signal.name.as_str());
        match track {
            Track::Canary => format!("`{name}`"),
            Track::Baseline => format!("the baseline of `{name}`"),
        }
    }

    /// Why a trigger is unknown, in words; where its `given` is not known, that has a cause of its own.
    pub(super) fn causes(&self, cause: Option<Unknown>, given: Option<Unknown>) -> Option<String> {
        let words = self.cause_words(cause?);
        Some(match given {
            Some(given) => format!("{words}: {}", self.cause_words(given)),
            None => words,
        })
    }

    /// Why something is unknown, in words.
    pub(super) fn cause_words(&self, cause: Unknown) -> String {
        match cause {
            Unknown::NoSample(signal, track) => {
                format!("{} has no sample yet", self.signal_words(signal, track))
            }
            Unknown::Stale(signal, track, age) => {
                let stale_after =
                    self.policy.signal(signal).map(|signal| signal.stale_after).unwrap_or_default();
                let words = self.signal_words(signal, track);
                format!("{words} is stale: its newest sample is {age} old, believed for {stale_after}")
            }
            Unknown::NotANumber(signal, track) => {
                format!("{} is not a number", self.signal_words(signal, track))
            }
            Unknown::Infinite(signal, track) => format!("{} is infinite", self.signal_words(signal, track)),
            Unknown::OutOfRange(signal, track) => {
                format!("{} is beyond what a decimal holds", self.signal_words(signal, track))
            }
            Unknown::SourceFailed(signal, track) => {
                let words = self
                    .history(signal, track)
                    .and_then(|history| history.failure(self.at))
                    .unwrap_or("no words");
                format!("the source of {} failed: {words}", self.signal_words(signal, track))
            }
            Unknown::ShortHistory(signal, track, part) => {
                let percent = rust_decimal::Decimal::new(i64::from(part), 2).round_dp(0);
                let words = self.signal_words(signal, track);
                format!("too little history of {words}: {percent}% of the window is covered, 80% is needed")
            }
            Unknown::TooFewSamples(signal, track) => {
                format!("the window holds too few samples of {}", self.signal_words(signal, track))
            }
            Unknown::DivisionByZero => "a division by zero, or samples that do not vary".to_owned(),
            Unknown::Overflow => "the result is beyond what a decimal holds".to_owned(),
            Unknown::NoPreviousStage => "the stage before was measured too little".to_owned(),
            Unknown::TooLittleEvidence => "too little evidence".to_owned(),
            Unknown::SequenceUncertain => "whether the first part came before is not known".to_owned(),
        }
    }
}

/// A comparison as rules write it, with the threshold as it stands there.
pub(crate) fn comparison_words(policy: &Policy, comparison: &Comparison) -> String {
    let words = |expression: &Expression| expression_words(policy, comparison, expression);
    let left = words(&comparison.left);
    match &comparison.test {
        Test::Is(relation, right) => format!("{left} {} {}", relation.as_str(), words(right)),
        Test::Between(low, high) => format!("{left} between {} and {}", words(low), words(high)),
    }
}

/// An expression as rules write it; literals in the comparison's unit.
fn expression_words(policy: &Policy, comparison: &Comparison, expression: &Expression) -> String {
    let name = |id: &SignalId| policy.signal(*id).map_or("?", |signal| signal.name.as_str());
    match expression {
        Expression::Signal(id) => name(id).to_owned(),
        Expression::Literal(value) => {
            Quantity::new(*value, comparison.unit).shown_per(comparison.per).to_string()
        }
        Expression::Window { function, signal, over } => format!("{function}({} over {over})", name(signal)),
        Expression::Correlation { a, b, over } => {
            format!("correlation({}, {} over {over})", name(a), name(b))
        }
        Expression::Arithmetic { operator, left, right } => {
            let inner = |expression: &Expression| match (operator, expression) {
                // a factor is a plain number, whatever the comparison's unit
                (Operator::Multiply | Operator::Divide, Expression::Literal(factor)) => factor.to_string(),
                _ => expression_words(policy, comparison, expression),
            };
            let (left, right) = (inner(left), inner(right));
            match operator {
                Operator::Add => format!("({left} + {right})"),
                Operator::Subtract => format!("({left} - {right})"),
                Operator::Multiply => format!("{left} * {right}"),
                Operator::Divide => format!("{left} / {right}"),
            }
        }
        Expression::Baseline => "baseline".to_owned(),
        Expression::PreviousStage => "previous stage".to_owned(),
    }
}
