//! What must hold for every policy and every history.

use std::sync::Arc;

use proptest::prelude::*;
use rust_decimal::Decimal;
use spark_core::{
    Condition, Decision, Dimension, Engine, Expression, Operator, Policy, PolicyParts, Quantile, Reading,
    Relation, Sample, Severity, Signal, SignalId, State, TimeSpan, Timestamp, Track, Trigger, TriggerId,
    Verdict, WindowFunction,
};

use crate::policies::*;

pub(crate) const SIGNALS: u32 = 3;

pub(crate) fn relation() -> impl Strategy<Value = Relation> {
    prop_oneof![
        Just(Relation::Above),
        Just(Relation::AtLeast),
        Just(Relation::Below),
        Just(Relation::AtMost),
        Just(Relation::Equal),
        Just(Relation::NotEqual),
    ]
}

fn function() -> impl Strategy<Value = WindowFunction> {
    prop_oneof![
        Just(WindowFunction::Avg),
        Just(WindowFunction::Min),
        Just(WindowFunction::Max),
        Just(WindowFunction::Sum),
        Just(WindowFunction::Count),
        Just(WindowFunction::Stddev),
        Just(WindowFunction::Increase),
        Just(WindowFunction::Rate),
        Just(WindowFunction::Delta),
        Just(WindowFunction::Slope),
        Just(WindowFunction::Quantile(Quantile::parse("p95").unwrap())),
    ]
}

pub(crate) fn expression(windows: bool) -> BoxedStrategy<Expression> {
    let signal = (0..SIGNALS).prop_map(|id| Expression::Signal(SignalId(id)));
    if !windows {
        return signal.boxed();
    }
    prop_oneof![
        4 => signal.clone(),
        2 => (function(), 0..SIGNALS, 1..8u32).prop_map(|(f, signal, n)| window(f, signal, n * 15)),
        1 => (0..SIGNALS, 0..SIGNALS, 2..8u32).prop_map(|(a, b, n)| Expression::Correlation {
            a: SignalId(a),
            b: SignalId(b),
            over: seconds(n * 15)
        }),
        1 => (signal.clone(), signal).prop_map(|(left, right)| Expression::Arithmetic {
            operator: Operator::Divide,
            left: Box::new(left),
            right: Box::new(right)
        }),
    ]
    .boxed()
}

pub(crate) fn comparison(windows: bool) -> impl Strategy<Value = Condition> {
    let right = prop_oneof![
        6 => (0..6i64).prop_map(|n| Expression::Literal(Decimal::from(n))),
        u32::from(windows) => Just(Expression::Baseline),
        u32::from(windows) => Just(Expression::PreviousStage),
    ];
    (expression(windows), relation(), right)
        .prop_map(|(left, relation, right)| compare(left, relation, right))
}

/// A condition; `holds` lets `for` stand in it, `windows` more than signals on the left.
pub(crate) fn condition(holds: bool, windows: bool) -> BoxedStrategy<Condition> {
    let leaf = comparison(windows).boxed();
    leaf.prop_recursive(3, 12, 3, move |inner| {
        let pair = proptest::collection::vec(inner.clone(), 2..4);
        let sequence = (inner.clone(), inner.clone(), 0..5u32).prop_map(|(first, then, n)| {
            Condition::Sequence { first: Box::new(first), then: Box::new(then), within: seconds(n * 15) }
        });
        let negated = comparison(windows).prop_map(|c| Condition::Not(Box::new(c)));
        let mut choices = vec![
            pair.clone().prop_map(Condition::All).boxed(),
            pair.prop_map(Condition::Any).boxed(),
            sequence.boxed(),
            negated.boxed(),
        ];
        if holds {
            choices.push((inner, 0..100u32).prop_map(|(c, d)| held(c, d)).boxed());
        }
        proptest::strategy::Union::new(choices)
    })
    .boxed()
}

pub(crate) fn a_trigger(place: u32, windows: bool, clear: bool) -> impl Strategy<Value = Trigger> {
    let level = |severity| (Just(severity), proptest::option::weighted(0.6, condition(true, windows)));
    let levels =
        (level(Severity::Warn), level(Severity::Hold), level(Severity::Rollback), condition(true, windows));
    let clears = if clear {
        proptest::option::weighted(0.4, condition(true, windows)).boxed()
    } else {
        Just(None).boxed()
    };
    let unless = proptest::collection::vec(0..place.max(1), 0..usize::from(place > 0) + 1);
    let given = proptest::option::weighted(0.2, condition(false, windows));
    (levels, clears, given, unless, proptest::option::weighted(0.3, 0..120u32)).prop_map(
        move |((warn, hold, rollback, other), clear, given, unless, after)| {
            let mut levels: Vec<_> =
                [warn, hold, rollback].into_iter().filter_map(|(severity, c)| Some((severity, c?))).collect();
            if levels.is_empty() {
                levels.push((Severity::Rollback, other));
            }
            let mut made = trigger(&format!("t{place}"), levels);
            made.clear = clear;
            made.given = given;
            made.unless = if place == 0 { Vec::new() } else { unless.into_iter().map(TriggerId).collect() };
            made.unknown_rollback_after = after.map(seconds);
            made
        },
    )
}

pub(crate) fn signals() -> Vec<Signal> {
    let expected = |name: &str| Signal {
        expectation: Some(simple(0, Relation::AtMost, "4")),
        ..signal(name, Dimension::Duration)
    };
    vec![expected("a"), signal("b", Dimension::Duration), signal("c", Dimension::Duration)]
}

pub(crate) fn a_policy(windows: bool, clear: bool) -> impl Strategy<Value = Arc<Policy>> {
    (a_trigger(0, windows, clear), a_trigger(1, windows, clear), a_trigger(2, windows, clear))
        .prop_map(|(a, b, c)| policy(signals(), vec![a, b, c]))
}

pub(crate) fn a_reading() -> impl Strategy<Value = Reading> {
    prop_oneof![
        12 => (0..12i64).prop_map(|n| Reading::Value(Decimal::new(n * 5, 1))),
        1 => Just(Reading::NotANumber),
        1 => Just(Reading::Infinite { negative: false }),
        1 => Just(Reading::Failed("down".to_owned())),
        1 => Just(Reading::Value(Decimal::MAX)),
        1 => Just(Reading::Value(Decimal::MIN)),
    ]
}

/// What happens at one instant.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) samples: Vec<Sample>,
    pub(crate) stage: Option<u32>,
}

/// A history: at each multiple of 15 s, samples of some signals, a few seconds old, or late, or ahead.
pub(crate) fn a_history() -> impl Strategy<Value = Vec<Moment>> {
    let one = (0..SIGNALS, any::<bool>(), -40..8i64, a_reading());
    let moment = (proptest::collection::vec(one, 0..6), proptest::option::weighted(0.05, 0..3u32));
    proptest::collection::vec(moment, 1..40).prop_map(|moments| {
        let sample = |place: usize, (signal, baseline, offset, reading): (u32, bool, i64, Reading)| Sample {
            signal: SignalId(signal),
            track: if baseline { Track::Baseline } else { Track::Canary },
            at: Timestamp::from_millis((i64::try_from(place).unwrap() * 15 + offset.min(2)) * 1000),
            reading,
        };
        moments
            .into_iter()
            .enumerate()
            .map(|(place, (samples, stage))| Moment {
                samples: samples.into_iter().map(|parts| sample(place, parts)).collect(),
                stage,
            })
            .collect()
    })
}

pub(crate) fn instant(place: usize) -> Timestamp {
    at(u32::try_from(place).unwrap() * 15)
}

pub(crate) fn step(engine: &mut Engine, place: usize, moment: &Moment) -> Decision {
    moment.stage.iter().for_each(|stage| engine.enter_stage(*stage));
    for sample in &moment.samples {
        engine.observe(sample);
    }
    engine.evaluate(instant(place))
}

pub(crate) fn run(policy: &Arc<Policy>, history: &[Moment]) -> Vec<Decision> {
    let mut engine = Engine::new(policy.clone());
    history.iter().enumerate().map(|(place, moment)| step(&mut engine, place, moment)).collect()
}

fn states(engine: &Engine) -> Vec<State> {
    engine.trigger_reports().into_iter().map(|report| report.state).collect()
}

/// A moment in which the source of every signal gives nothing usable, in one of the ways that this can happen.
fn blind(place: usize, way: u8) -> Moment {
    let reading = match way % 3 {
        0 => Reading::NotANumber,
        1 => Reading::Infinite { negative: true },
        _ => Reading::Failed("timeout".to_owned()),
    };
    let samples = (0..SIGNALS)
        .map(|id| Sample {
            signal: SignalId(id),
            track: Track::Canary,
            at: instant(place),
            reading: reading.clone(),
        })
        .collect();
    Moment { samples, stage: None }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// No policy and no history makes the engine panic, and reports are whole at every instant.
    #[test]
    fn the_engine_is_total(policy in a_policy(true, true), history in a_history()) {
        let mut engine = Engine::new(policy.clone());
        for (place, moment) in history.iter().enumerate() {
            let decision = step(&mut engine, place, moment);
            prop_assert_eq!(engine.trigger_reports().len(), policy.triggers().len());
            prop_assert_eq!(engine.expectation_reports().len(), 1);
            prop_assert_eq!(decision.because.is_empty(), decision.verdict == Verdict::Proceed);
        }
    }

    /// The same samples and instants give the same bytes, and a save and restore at any instant changes none.
    #[test]
    fn saving_changes_nothing(policy in a_policy(true, true), history in a_history(), cut in any::<prop::sample::Index>()) {
        let whole = run(&policy, &history);
        let cut = cut.index(history.len());
        let mut engine = Engine::new(policy.clone());
        let mut resumed = Vec::new();
        for (place, moment) in history.iter().enumerate() {
            if place == cut {
                let saved = serde_json::to_string(&engine.save()).unwrap();
                engine = Engine::restore(policy.clone(), serde_json::from_str(&saved).unwrap()).unwrap();
                prop_assert_eq!(serde_json::to_string(&engine.save()).unwrap(), saved);
            }
            resumed.push(step(&mut engine, place, moment));
        }
        prop_assert_eq!(serde_json::to_string(&whole).unwrap(), serde_json::to_string(&resumed).unwrap());
    }

    /// The order of triggers changes nothing that is decided.
    #[test]
    fn the_order_of_rules_changes_nothing(policy in a_policy(true, true), history in a_history()) {
        let mut parts = PolicyParts::from((*policy).clone());
        let last = u32::try_from(parts.triggers.len()).unwrap() - 1;
        parts.triggers.reverse();
        for trigger in &mut parts.triggers {
            trigger.unless.iter_mut().for_each(|id| id.0 = last - id.0);
        }
        let reversed = Arc::new(Policy::new(parts).unwrap());
        let told = |decisions: Vec<Decision>| -> Vec<_> {
            decisions
                .into_iter()
                .map(|d| {
                    let changes: Vec<_> =
                        d.changes.into_iter().map(|c| (c.name, c.state, c.since, c.value, c.margin, c.cause)).collect();
                    (d.verdict, d.because, changes)
                })
                .collect()
        };
        prop_assert_eq!(told(run(&policy, &history)), told(run(&reversed, &history)));
    }

    /// When nothing usable arrives, nothing proceeds, and no trigger leaves its level: unknown never clears.
    #[test]
    fn blindness_never_proceeds(policy in a_policy(false, true), history in a_history(), ways in proptest::collection::vec(any::<u8>(), 1..8)) {
        let mut engine = Engine::new(policy);
        for (place, moment) in history.iter().enumerate() {
            let _ = step(&mut engine, place, moment);
        }
        for (more, way) in ways.iter().enumerate() {
            let before = states(&engine);
            let place = history.len() + more;
            // the expectation reads `a`, so that blindness alone asks for hold
            prop_assert!(step(&mut engine, place, &blind(place, *way)).verdict >= Verdict::Hold);
            for (before, now) in before.into_iter().zip(states(&engine)) {
                prop_assert!(before.level().is_none() || before == now, "{before} became {now}");
            }
        }
    }

    /// Without new samples, a condition on signals goes from its truth to unknown, never to the other side: hold and
    /// rollback stay at least hold. (With a `clear … for` shorter than `stale after` the last sample may still clear.)
    #[test]
    fn silence_never_proceeds(policy in a_policy(false, false), history in a_history(), silent in 1..8usize) {
        let mut engine = Engine::new(policy);
        for (place, moment) in history.iter().enumerate() {
            let _ = step(&mut engine, place, moment);
        }
        // samples that were ahead of the last instant are evidence that is still to be seen
        let settled = history.len();
        let mut verdict = engine.evaluate(instant(settled)).verdict;
        for more in 1..=silent {
            let next = engine.evaluate(instant(settled + more)).verdict;
            prop_assert!(next >= Verdict::Hold || verdict == Verdict::Proceed, "{verdict:?} became {next:?}");
            verdict = next;
        }
    }

    /// A late sample, a repeated one and one in conflict with a kept one change nothing.
    #[test]
    fn late_samples_change_nothing(policy in a_policy(true, true), mut history in a_history(), value in 0..60i64) {
        // a failure is no sample: what follows one at the same instant is new
        for moment in &mut history {
            moment.samples.retain(|sample| !matches!(sample.reading, Reading::Failed(_)));
        }
        let plain = run(&policy, &history);
        for moment in &mut history {
            let again = moment.samples.clone();
            let other = |sample: &Sample| Sample { reading: Reading::Value(Decimal::from(value)), ..sample.clone() };
            let late = |sample: &Sample| Sample { at: sample.at.minus(TimeSpan::from_seconds(1)), ..sample.clone() };
            moment.samples.extend(again.clone());
            moment.samples.extend(again.iter().map(other));
            moment.samples.extend(again.iter().map(late));
        }
        prop_assert_eq!(plain, run(&policy, &history));
    }
}
