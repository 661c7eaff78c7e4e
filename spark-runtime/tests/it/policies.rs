//! Policies for tests of sources, built from parts.

use spark_core::{
    Comparison, Condition, Currency, Dimension, Expression, PerTime, Policy, PolicyParts, Relation, Signal,
    Source, SourceSpan, Test, TimeSpan, Unit,
};

/// A signal of that name, unit and source, with numbers in the base unit, stale after 45 s.
pub(crate) fn signal(name: &str, unit: Unit, source: Source) -> Signal {
    Signal {
        name: name.to_owned(),
        title: None,
        unit,
        per: PerTime::Second,
        counter: false,
        source,
        scale: 1.into(),
        stale_after: TimeSpan::from_seconds(45),
        expectation: None,
        span: SourceSpan::default(),
    }
}

/// A number that Prometheus gives for `query`.
pub(crate) fn asked(name: &str, query: &str) -> Signal {
    signal(name, Unit::of(Dimension::Number), Source::Prometheus { query: query.to_owned() })
}

/// A policy of these signals, evaluated every 15 s.
pub(crate) fn policy(signals: Vec<Signal>) -> Policy {
    let every = TimeSpan::from_seconds(15);
    Policy::new(PolicyParts { every, signals, triggers: vec![], plans: vec![], checks: vec![] }).unwrap()
}

/// The same signals, where the one at `place` is expected not to exceed its baseline.
pub(crate) fn with_baseline(signals: Vec<Signal>, place: usize) -> Policy {
    at_most(signals, place, Expression::Baseline)
}

/// The same signals, where the one at `place` is expected not to exceed `limit`.
pub(crate) fn at_most(mut signals: Vec<Signal>, place: usize, limit: Expression) -> Policy {
    let id = spark_core::SignalId(u32::try_from(place).unwrap());
    signals[place].expectation = Some(Condition::Compare(Box::new(Comparison {
        left: Expression::Signal(id),
        test: Test::Is(Relation::AtMost, limit),
        unit: signals[place].unit,
        per: PerTime::Second,
        span: SourceSpan::default(),
    })));
    policy(signals)
}

/// One signal of each type.
pub(crate) fn every_type() -> Policy {
    let push = |name: &str, unit: Unit| signal(name, unit, Source::Push);
    let mut slow = push("slow", Unit::of(Dimension::Duration));
    slow.scale = "0.001".parse().unwrap();
    let mut requests = push("requests", Unit::of(Dimension::Count));
    requests.counter = true;
    policy(vec![
        push("p95", Unit::of(Dimension::Duration)),
        slow,
        push("errors", Unit::of(Dimension::Ratio)),
        requests,
        push("drift", Unit::of(Dimension::Money(Currency::new("USDT").unwrap()))),
        push("ws", Unit::per_time(Dimension::Count)),
        push("rss", Unit::of(Dimension::Bytes)),
        push("score", Unit::of(Dimension::Number)),
    ])
}
