//! Policies by hand: the core's tests know no rule text.

use std::sync::Arc;

use rust_decimal::Decimal;
use spark_core::{
    Comparison, Condition, Dimension, Expression, Level, PerTime, Policy, PolicyParts, Reading, Relation,
    Sample, Severity, Signal, SignalId, Source, SourceSpan, Test, TimeSpan, Timestamp, Track, Trigger, Unit,
    WindowFunction,
};

pub(crate) const EVERY: TimeSpan = TimeSpan::from_seconds(15);

pub(crate) fn seconds(n: u32) -> TimeSpan {
    TimeSpan::from_seconds(n)
}

pub(crate) fn at(n: u32) -> Timestamp {
    Timestamp::EPOCH.plus(seconds(n))
}

pub(crate) fn number(text: &str) -> Decimal {
    spark_core::decimal::parse_exact(text).unwrap()
}

pub(crate) fn signal(name: &str, dimension: Dimension) -> Signal {
    Signal {
        name: name.to_owned(),
        title: None,
        unit: Unit::of(dimension),
        per: PerTime::Second,
        counter: false,
        source: Source::Push,
        scale: Decimal::ONE,
        stale_after: seconds(45),
        expectation: None,
        span: SourceSpan::default(),
    }
}

pub(crate) fn compare(left: Expression, relation: Relation, right: Expression) -> Condition {
    Condition::Compare(Box::new(Comparison {
        left,
        test: Test::Is(relation, right),
        unit: Unit::of(Dimension::Duration),
        per: PerTime::Second,
        span: SourceSpan::default(),
    }))
}

/// `left between low and high`
pub(crate) fn between(left: Expression, low: Expression, high: Expression) -> Condition {
    match compare(left, Relation::Equal, low.clone()) {
        Condition::Compare(mut comparison) => {
            comparison.test = Test::Between(low, high);
            Condition::Compare(comparison)
        }
        other => other,
    }
}

/// `signal RELATION threshold`
pub(crate) fn simple(signal: u32, relation: Relation, threshold: &str) -> Condition {
    compare(Expression::Signal(SignalId(signal)), relation, Expression::Literal(number(threshold)))
}

pub(crate) fn held(condition: Condition, duration: u32) -> Condition {
    Condition::Held { condition: Box::new(condition), duration: seconds(duration) }
}

pub(crate) fn window(function: WindowFunction, signal: u32, over: u32) -> Expression {
    Expression::Window { function, signal: SignalId(signal), over: seconds(over) }
}

pub(crate) fn trigger(name: &str, levels: Vec<(Severity, Condition)>) -> Trigger {
    Trigger {
        name: name.to_owned(),
        title: None,
        levels: levels
            .into_iter()
            .map(|(severity, condition)| Level { severity, condition, span: SourceSpan::default() })
            .collect(),
        clear: None,
        given: None,
        unless: Vec::new(),
        unknown_rollback_after: None,
        runbook: None,
        owner: None,
        span: SourceSpan::default(),
    }
}

pub(crate) fn policy(signals: Vec<Signal>, triggers: Vec<Trigger>) -> Arc<Policy> {
    Arc::new(
        Policy::new(PolicyParts { every: EVERY, signals, triggers, plans: Vec::new(), checks: vec![] })
            .unwrap(),
    )
}

pub(crate) fn sample(signal: u32, second: u32, value: &str) -> Sample {
    let written = spark_core::decimal::parse_exact(value).map(Reading::Value);
    let reading = written
        .or_else(|| Reading::from_float_text(value))
        .unwrap_or_else(|| Reading::Failed(value.to_owned()));
    Sample { signal: SignalId(signal), track: Track::Canary, at: at(second), reading }
}
