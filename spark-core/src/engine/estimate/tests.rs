//! Estimates tell the truth that the values tell, wherever the thresholds are, and mostly they do tell it.

use proptest::prelude::*;

use super::super::Engine;
use super::super::slide::tests::{
    SIGNALS, Story, a_history, a_relation, a_wild_number, a_window, an_ordinary_number, policy, seconds, tell,
};
use super::*;
use crate::condition::Operator;
use crate::quantity::{Dimension, PerTime, Unit};
use crate::signal::{Reading, Sample, SourceSpan};
use crate::time::Timestamp;
use rust_decimal::Decimal;

fn a_number() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        3 => an_ordinary_number().boxed(),
        1 => (1..3_000_i64, 0..19_u32).prop_map(|(value, places)| Decimal::new(value, places)).boxed(),
        1 => a_wild_number().boxed(),
    ]
}

/// A side without references.
fn a_side() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![
        6 => a_window().boxed(),
        2 => (0..SIGNALS).prop_map(|signal| Expression::Signal(SignalId(signal))).boxed(),
        1 => a_number().prop_map(Expression::Literal).boxed(),
    ];
    let operator = prop_oneof![
        Just(Operator::Add),
        Just(Operator::Subtract),
        Just(Operator::Multiply),
        Just(Operator::Divide)
    ];
    leaf.prop_recursive(2, 6, 2, move |inner| {
        (operator.clone(), inner.clone(), inner).prop_map(|(operator, left, right)| Expression::Arithmetic {
            operator,
            left: Box::new(left),
            right: Box::new(right),
        })
    })
}

/// What a threshold's value becomes: the same, the next decimal, or one as near as computed values are taken for the same.
fn a_nudge() -> impl Strategy<Value = (i64, u32, bool)> {
    let last_place = (-1..2_i64).prop_map(|steps| (steps, 28, false));
    let part = (-30..31_i64, prop_oneof![Just(14_u32), 12..17_u32])
        .prop_map(|(steps, places)| (steps, places, true));
    // just within the 10^-13 in which they are the same, where a narrower band shows
    let within = prop_oneof![
        (60..100_i64).prop_map(|steps| (steps, 15)),
        (950..1_000_i64).prop_map(|steps| (steps, 16))
    ];
    let edge = (any::<bool>(), within)
        .prop_map(|(up, (steps, places))| (if up { steps } else { steps.wrapping_neg() }, places, true));
    prop_oneof![1 => Just((0, 0, false)).boxed(), 1 => last_place.boxed(), 2 => part.boxed(), 4 => edge.boxed()]
}

fn nudged(value: Decimal, (steps, places, is_part): (i64, u32, bool)) -> Decimal {
    let step = Decimal::new(steps, places);
    let step = if is_part { value.checked_mul(step).unwrap_or_default() } else { step };
    value.checked_add(step).unwrap_or(value)
}

/// What the right side has of the threshold, and of what else.
#[derive(Debug, Clone)]
enum Right {
    Literal,
    /// A multiple of a reference that is worth about the left side.
    Scaled(Decimal, Expression),
    Between(Decimal),
}

fn a_right() -> impl Strategy<Value = Right> {
    let reference = prop_oneof![Just(Expression::Baseline), Just(Expression::PreviousStage)];
    let factor = prop_oneof![Just(Decimal::ONE), Just(Decimal::new(15, 1)), a_number()];
    prop_oneof![
        6 => Just(Right::Literal).boxed(),
        2 => (factor, reference).prop_map(|(factor, reference)| Right::Scaled(factor, reference)).boxed(),
        1 => a_number().prop_map(Right::Between).boxed(),
    ]
}

fn comparison(left: Expression, test: Test, per_time: bool) -> Comparison {
    Comparison {
        left,
        test,
        unit: Unit { dimension: Dimension::Number, per_time },
        per: PerTime::Second,
        span: SourceSpan::default(),
    }
}

/// Goes through a history in two stages, and calls `see` after each evaluation.
fn go_through(engine: &mut Engine, history: &Story, see: &mut dyn FnMut(&View<'_>)) {
    let mut at = Timestamp::EPOCH.plus(seconds(1_000));
    engine.enter_stage(0);
    for (n, (after, before_it, ..)) in history.iter().enumerate() {
        if n == history.len() / 2 {
            engine.enter_stage(1);
        }
        before_it.iter().for_each(|event| _ = tell(engine, at, event));
        at = at.plus(seconds(*after));
        drop(engine.evaluate(at));
        see(&engine.view(at));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// The truth of every comparison is that of its sides' values: at a threshold that a value has had, one step of a decimal
    /// beside it, and about as near as computed values are taken for the same.
    #[test]
    fn estimates_tell_what_values_tell(
        left in a_side(),
        rights in proptest::collection::vec(
            (a_right(), a_relation(), any::<prop::sample::Index>(), a_nudge(), any::<bool>()),
            1..8,
        ),
        stale_after in prop_oneof![Just(15_u32), Just(45), Just(200)],
        history in a_history(),
    ) {
        let zero = Test::Is(Relation::Above, Expression::Literal(Decimal::ZERO));
        let mut values = vec![Decimal::ZERO];
        let mut plain = Engine::new(policy(vec![comparison(left.clone(), zero, false)], stale_after));
        go_through(&mut plain, &history, &mut |view| values.extend(view.left(0).ok()));
        let comparisons = rights.into_iter().map(|(right, relation, value, nudge, per_time)| {
            let threshold = Expression::Literal(nudged(*value.get(&values), nudge));
            let test = match right {
                Right::Literal => Test::Is(relation, threshold),
                Right::Scaled(factor, reference) => Test::Is(relation, Expression::Arithmetic {
                    operator: Operator::Multiply,
                    left: Box::new(Expression::Literal(factor)),
                    right: Box::new(reference),
                }),
                Right::Between(high) => Test::Between(threshold, Expression::Literal(high)),
            };
            comparison(left.clone(), test, per_time)
        });
        let comparisons: Vec<_> = comparisons.collect();
        let mut engine = Engine::new(policy(comparisons.clone(), stale_after));
        let mut differs = None;
        go_through(&mut engine, &history, &mut |view| {
            for (place, comparison) in comparisons.iter().enumerate() {
                let plain = match view.sides(place) {
                    Ok(sides) => Outcome::of(sides.holds),
                    Err(cause) => Outcome::Unknown(cause),
                };
                let found = view.compare(place);
                if found != plain {
                    differs = Some((view.at, comparison.clone(), found, view.sides(place).map(|it| it.left)));
                }
            }
        });
        prop_assert_eq!(differs, None);
    }
}

/// Far from a threshold every function tells its truth by an estimate, a quantile by counting, and so do sums of them.
#[test]
fn estimates_do_tell() {
    let window = |word: &str| Expression::Window {
        function: WindowFunction::parse(word).unwrap(),
        signal: SignalId(0),
        over: seconds(60),
    };
    let words = ["avg", "sum", "min", "max", "count", "rate", "increase", "delta", "slope", "stddev"];
    let mut lefts: Vec<_> = words.into_iter().map(window).collect();
    lefts.push(Expression::Arithmetic {
        operator: Operator::Divide,
        left: Box::new(window("rate")),
        right: Box::new(window("avg")),
    });
    lefts.push(Expression::Correlation { a: SignalId(0), b: SignalId(1), over: seconds(60) });
    let far = Test::Is(Relation::Above, Expression::Literal(Decimal::from(-1_000)));
    let comparisons: Vec<_> = lefts.iter().map(|left| comparison(left.clone(), far.clone(), false)).collect();
    let mut engine = Engine::new(policy(comparisons, 45));
    let mut told = 0;
    for second in 0..200_u32 {
        let at = Timestamp::EPOCH.plus(seconds(second));
        let reading = Reading::Value(Decimal::new((i64::from(second) * 7_919) % 1_000, 3));
        for signal in 0..SIGNALS {
            let sample =
                Sample { signal: SignalId(signal), track: Track::Canary, at, reading: reading.clone() };
            engine.observe(&sample);
        }
        drop(engine.evaluate(at));
        if second >= 100 {
            let view = engine.view(at);
            told += (0..lefts.len()).filter(|place| view.estimated(*place) == Some(Outcome::True)).count();
        }
    }
    assert_eq!(told, 100 * lefts.len());
}
