//! An evaluation that visits only what may have changed gives what one gives that visits all.

use std::sync::Arc;

use proptest::prelude::*;
use rust_decimal::Decimal;
use spark_core::{
    Condition, Engine, Expression, Operator, Policy, PolicyParts, Reading, Relation, Sample, Severity,
    SignalId, Test, TimeSpan, Timestamp, Track, Trigger, TriggerId, WindowFunction,
};

use crate::policies::*;
use crate::properties::{SIGNALS, signals};

/// Literals near to what is measured, baselines, windows, sequences, and `for`s of all lengths.
fn condition() -> impl Strategy<Value = Condition> {
    let left = prop_oneof![
        6 => (0..SIGNALS).prop_map(|id| Expression::Signal(SignalId(id))),
        1 => (0..SIGNALS, 2..6u32).prop_map(|(signal, n)| window(WindowFunction::Max, signal, n * 15)),
    ];
    let right = prop_oneof![
        6 => (0..6i64).prop_map(|n| Expression::Literal(Decimal::from(n))),
        1 => Just(Expression::Baseline),
        1 => Just(Expression::PreviousStage),
    ];
    let signal = || (0..SIGNALS).prop_map(|id| Expression::Signal(SignalId(id)));
    let literal = |n: i64| Expression::Literal(Decimal::from(n));
    let plain = prop_oneof![
        8 => (left, crate::properties::relation(), right)
            .prop_map(|(left, relation, right)| compare(left, relation, right)),
        1 => (signal(), crate::properties::relation(), 0..6i64)
            .prop_map(move |(signal, relation, n)| compare(literal(n), relation, signal)),
        1 => (signal(), 0..6i64, 0..3i64).prop_map(move |(signal, low, width)| {
            between(signal, literal(low), literal(low + width - 1))
        }),
    ]
    .boxed();
    let plain = prop_oneof![
        4 => plain.clone(),
        1 => (plain.clone(), plain.clone()).prop_map(|(a, b)| Condition::All(vec![a, b])).boxed(),
        1 => (plain.clone(), plain.clone()).prop_map(|(a, b)| Condition::Any(vec![a, b])).boxed(),
        1 => plain.clone().prop_map(|c| Condition::Not(Box::new(c))).boxed(),
        1 => (plain.clone(), plain, 0..5u32)
            .prop_map(|(first, then, n)| Condition::Sequence {
                first: Box::new(first),
                then: Box::new(then),
                within: seconds(n * 15),
            })
            .boxed(),
    ];
    (plain, proptest::option::weighted(0.6, 0..200u32)).prop_map(|(condition, duration)| match duration {
        Some(duration) => held(condition, duration),
        None => condition,
    })
}

fn a_trigger(place: u32) -> impl Strategy<Value = Trigger> {
    let maybe = |weight| proptest::option::weighted(weight, condition());
    (
        maybe(0.5),
        condition(),
        maybe(0.4),
        maybe(0.1),
        any::<bool>(),
        proptest::option::weighted(0.3, 0..120u32),
    )
        .prop_map(move |(hold, rollback, clear, given, quiet, after)| {
            let hold = hold.map(|condition| (Severity::Hold, condition));
            let levels = hold.into_iter().chain([(Severity::Rollback, rollback)]).collect();
            let mut made = trigger(&format!("t{place}"), levels);
            (made.clear, made.given) = (clear, given);
            made.unless = if quiet && place > 0 { vec![TriggerId(0)] } else { Vec::new() };
            made.unknown_rollback_after = after.map(seconds);
            made
        })
}

/// Three triggers, and a plan that waits for every expectation.
fn a_policy() -> impl Strategy<Value = Arc<Policy>> {
    let proceed = (condition(), 0..60u32).prop_map(|(other, duration)| {
        Condition::All(vec![held(Condition::EveryExpectation, duration), other])
    });
    (a_trigger(0), a_trigger(1), a_trigger(2), proceed).prop_map(|(a, b, c, proceed)| {
        let plan = crate::tighten::a_plan(Some(proceed));
        let triggers = vec![a, b, c];
        let parts =
            PolicyParts { every: EVERY, signals: signals(), triggers, plans: vec![plan], checks: vec![] };
        Arc::new(Policy::new(parts).unwrap())
    })
}

/// So many flat triggers that they stand in several words: samples beside literals under one `and` or one `or`, some of them
/// with a `for`, and a few of all kinds among them.
fn a_wide_policy() -> impl Strategy<Value = Arc<Policy>> {
    let compared = (0..SIGNALS, crate::properties::relation(), 0..12i64).prop_map(|(signal, relation, n)| {
        let literal = Expression::Literal(Decimal::new(n, 0) / Decimal::TWO);
        compare(Expression::Signal(SignalId(signal)), relation, literal)
    });
    let condition = (proptest::collection::vec(compared, 1..5), any::<bool>())
        .prop_map(|(parts, any)| if any { Condition::Any(parts) } else { Condition::All(parts) });
    let duration = proptest::option::weighted(0.4, prop_oneof![Just(0u32), 1..40u32]);
    let severity = prop_oneof![Just(Severity::Warn), Just(Severity::Hold), Just(Severity::Rollback)];
    let flat = (condition, duration, severity).prop_map(|(condition, duration, severity)| {
        let condition = match duration {
            Some(duration) => held(condition, duration),
            None => condition,
        };
        trigger("t", vec![(severity, condition)])
    });
    let others = [a_trigger(0), a_trigger(1), a_trigger(2)];
    (others, proptest::collection::vec(flat, 20..60)).prop_map(|(others, flat)| {
        let mut triggers: Vec<Trigger> = others.into_iter().chain(flat).collect();
        for (n, trigger) in triggers.iter_mut().enumerate() {
            trigger.name = format!("t{n}");
        }
        let parts = PolicyParts { every: EVERY, signals: signals(), triggers, plans: vec![], checks: vec![] };
        Arc::new(Policy::new(parts).unwrap())
    })
}

/// The same triggers, written so that no comparison is one of a sample beside literals alone, and each has a `given`.
fn the_long_way(policy: &Policy) -> Arc<Policy> {
    fn expression(side: &mut Expression) {
        if let Expression::Signal(_) = side {
            *side = Expression::Arithmetic {
                operator: Operator::Add,
                left: Box::new(side.clone()),
                right: Box::new(Expression::Literal(Decimal::ZERO)),
            };
        }
    }
    fn lengthen(condition: &mut Condition) {
        match condition {
            Condition::Compare(comparison) => {
                expression(&mut comparison.left);
                match &mut comparison.test {
                    Test::Is(_, right) => expression(right),
                    Test::Between(low, high) => [low, high].into_iter().for_each(expression),
                }
            }
            Condition::All(parts) | Condition::Any(parts) => parts.iter_mut().for_each(lengthen),
            Condition::Not(inner) | Condition::Held { condition: inner, .. } => lengthen(inner),
            Condition::Sequence { first, then, .. } => [first, then].into_iter().for_each(|c| lengthen(c)),
            Condition::EveryExpectation => {}
        }
    }
    let mut parts = PolicyParts::from(policy.clone());
    for trigger in &mut parts.triggers {
        let conditions =
            trigger.levels.iter_mut().map(|level| &mut level.condition).chain(&mut trigger.clear);
        conditions.chain(&mut trigger.given).for_each(lengthen);
        let literal = |n: i64| Expression::Literal(Decimal::from(n));
        trigger.given.get_or_insert_with(|| compare(literal(1), Relation::Above, literal(0)));
    }
    Arc::new(Policy::new(parts).unwrap())
}

/// What happens before an evaluation.
#[derive(Debug, Clone)]
enum Event {
    /// The value that most samples have, so that much stays as it is; by how many milliseconds it is ahead.
    Sample {
        signal: u32,
        baseline: bool,
        ahead: i64,
        reading: Reading,
    },
    Stage(u32),
    Override {
        trigger: usize,
        seconds: u32,
    },
    EndOverride(usize),
}

fn an_event() -> impl Strategy<Value = Event> {
    let reading = prop_oneof![
        20 => Just(Reading::Value(Decimal::new(25, 1))),
        3 => (1..5i64).prop_map(|literal| Reading::Value(Decimal::from(literal))),
        3 => (0..60i64).prop_map(|tenths| Reading::Value(Decimal::new(tenths, 1))),
        1 => Just(Reading::NotANumber),
        1 => Just(Reading::Failed("down".to_owned())),
    ];
    let ahead = prop_oneof![8 => Just(0), 1 => -20_000..0i64, 1 => 0..60_000i64];
    prop_oneof![
        40 => (0..SIGNALS, any::<bool>(), ahead, reading)
            .prop_map(|(signal, baseline, ahead, reading)| Event::Sample { signal, baseline, ahead, reading }),
        1 => (0..3u32).prop_map(Event::Stage),
        1 => (0..3usize, 0..100u32).prop_map(|(trigger, seconds)| Event::Override { trigger, seconds }),
        1 => (0..3usize).prop_map(Event::EndOverride),
    ]
}

/// Evaluations: how long after the one before, and what happens before it.
fn a_history() -> impl Strategy<Value = Vec<(u32, Vec<Event>)>> {
    let after = prop_oneof![6 => Just(5u32), 3 => Just(15), 1 => 1..100u32];
    proptest::collection::vec((after, proptest::collection::vec(an_event(), 0..6)), 1..80)
}

fn tell(engine: &mut Engine, at: Timestamp, event: &Event) {
    match event {
        Event::Sample { signal, baseline, ahead, reading } => {
            let track = if *baseline { Track::Baseline } else { Track::Canary };
            let at = Timestamp::from_nanos(at.nanos() + ahead * 1_000_000);
            engine.observe(&Sample { signal: SignalId(*signal), track, at, reading: reading.clone() });
        }
        Event::Stage(stage) => engine.enter_stage(*stage),
        Event::Override { trigger, seconds } => {
            let until = at.plus(TimeSpan::from_seconds(*seconds));
            engine.override_trigger(&format!("t{trigger}"), until).unwrap();
        }
        Event::EndOverride(trigger) => engine.end_override(&format!("t{trigger}")).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// A restored engine visits every part: its decision, its state and all that it tells are what they are for the
    /// one that went on.
    #[test]
    fn what_is_not_visited_is_as_it_was(policy in a_policy(), history in a_history()) {
        let mut on = Engine::with_plan(policy.clone(), "canary");
        let mut whole = on.clone();
        let mut at = Timestamp::EPOCH.plus(TimeSpan::from_seconds(1_000));
        for (after, events) in &history {
            at = at.plus(TimeSpan::from_seconds(*after));
            for event in events {
                tell(&mut on, at, event);
                tell(&mut whole, at, event);
            }
            whole = Engine::restore(policy.clone(), whole.save()).unwrap();
            prop_assert_eq!(on.evaluate(at), whole.evaluate(at));
            prop_assert_eq!(on.last().unwrap().to_decision(), whole.evaluate(at));
            prop_assert_eq!(on.save(), whole.save());
            prop_assert_eq!(on.trigger_reports(), whole.trigger_reports());
            prop_assert_eq!(on.expectation_reports(), whole.expectation_reports());
            prop_assert!(on.comparisons().eq(whole.comparisons()));
            for place in 0..3 {
                prop_assert_eq!(on.conditions(TriggerId(place)), whole.conditions(TriggerId(place)));
            }
        }
    }

    /// Comparisons as integers, and triggers in short, give what the general way gives: the same triggers are written so
    /// that neither applies.
    #[test]
    fn the_short_way_is_the_long_way(policy in a_policy(), history in a_history()) {
        let mut short = Engine::with_plan(policy.clone(), "canary");
        let mut long = Engine::with_plan(the_long_way(&policy), "canary");
        let mut at = Timestamp::EPOCH.plus(TimeSpan::from_seconds(1_000));
        for (after, events) in &history {
            at = at.plus(TimeSpan::from_seconds(*after));
            for event in events {
                tell(&mut short, at, event);
                tell(&mut long, at, event);
            }
            prop_assert_eq!(short.evaluate(at), long.evaluate(at));
            for trigger in (0..3).map(TriggerId) {
                prop_assert_eq!(short.glance(trigger), long.glance(trigger));
                for severity in [Severity::Hold, Severity::Rollback] {
                    let truths = |engine: &Engine| {
                        engine.level_closeness(trigger, severity).map(|c| (c.truth, c.bare, c.held))
                    };
                    prop_assert_eq!(truths(&short), truths(&long));
                }
            }
        }
    }

    /// A decision that was lent tells what it told at once, whatever came since: until the next one.
    #[test]
    fn what_is_told_later_is_what_was_decided(policy in a_policy(), history in a_history()) {
        let mut lends = Engine::with_plan(policy.clone(), "canary");
        let mut gives = lends.clone();
        let mut at = Timestamp::EPOCH.plus(TimeSpan::from_seconds(1_000));
        let mut decided = None;
        for (after, events) in &history {
            at = at.plus(TimeSpan::from_seconds(*after));
            for event in events {
                tell(&mut lends, at, event);
                tell(&mut gives, at, event);
                prop_assert_eq!(lends.last().map(|last| last.to_decision()), decided.clone());
            }
            decided = Some(gives.evaluate(at));
            let _ = lends.decide(at);
            prop_assert_eq!(lends.save(), gives.save());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Triggers that are evaluated as bits give what the general way gives, however many words they fill; and a restored
    /// engine, which goes that way once, tells the same and saves the same.
    #[test]
    fn bits_are_the_long_way(policy in a_wide_policy(), history in a_history()) {
        let mut bits = Engine::new(policy.clone());
        let mut long = Engine::new(the_long_way(&policy));
        let triggers = || (0..policy.triggers().len()).map(|n| TriggerId(u32::try_from(n).unwrap()));
        let mut at = Timestamp::EPOCH.plus(TimeSpan::from_seconds(1_000));
        for (after, events) in &history {
            at = at.plus(TimeSpan::from_seconds(*after));
            for event in events {
                tell(&mut bits, at, event);
                tell(&mut long, at, event);
            }
            let ruling = bits.decide(at);
            let told = ruling.to_decision();
            let changes: Vec<_> = told.changes.iter().map(|change| (change.trigger, change.state)).collect();
            prop_assert_eq!(ruling.changes().len(), changes.len());
            prop_assert!(ruling.changes().eq(changes));
            prop_assert_eq!(told, long.evaluate(at));
            prop_assert!(triggers().all(|trigger| bits.glance(trigger) == long.glance(trigger)));
        }
        for trigger in triggers() {
            let severity = policy.triggers()[trigger.index()].levels[0].severity;
            let truths =
                |engine: &Engine| engine.level_closeness(trigger, severity).map(|c| (c.truth, c.bare, c.held));
            prop_assert_eq!(truths(&bits), truths(&long));
        }
        let restored = Engine::restore(policy.clone(), bits.save()).unwrap();
        let last = |engine: &Engine| engine.last().map(|last| last.to_decision());
        prop_assert_eq!(last(&restored), last(&bits));
        prop_assert_eq!(restored.trigger_reports(), bits.trigger_reports());
        prop_assert_eq!(restored.save(), bits.save());
    }
}
