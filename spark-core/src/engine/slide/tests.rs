//! What windows that slide give is what all their samples give, bit for bit, at every instant.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::history::{History, Needed};
use super::super::windows::Windows;
use super::super::{Engine, EngineState};
use super::*;
use crate::condition::{Comparison, Condition, Expression, Operator, Quantile, Relation, Test};
use crate::decision::Observed;
use crate::policy::{Policy, PolicyParts};
use crate::quantity::{Dimension, PerTime, Unit};
use crate::signal::{Sample, Signal, SignalId, Source, SourceSpan, Track};
use crate::trigger::{Level, Severity, Trigger};

/// Beside them, one that reads the first two: what is true of them does not matter here.
pub(in crate::engine) const SIGNALS: u32 = 2;

pub(in crate::engine) fn seconds(n: u32) -> TimeSpan {
    TimeSpan::from_seconds(n)
}

fn a_function() -> impl Strategy<Value = WindowFunction> {
    let quantile = |word| Just(WindowFunction::Quantile(Quantile::parse(word).unwrap()));
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
        quantile("p50"),
        quantile("p95"),
        quantile("p99.9"),
    ]
}

pub(in crate::engine) fn a_window() -> impl Strategy<Value = Expression> {
    let over = prop_oneof![Just(20_u32), Just(60), 1..400_u32];
    let window = (a_function(), 0..SIGNALS, over.clone()).prop_map(|(function, signal, over)| {
        Expression::Window { function, signal: SignalId(signal), over: seconds(over) }
    });
    let correlation = (0..SIGNALS, 0..SIGNALS, over).prop_map(|(a, b, over)| Expression::Correlation {
        a: SignalId(a),
        b: SignalId(b),
        over: seconds(over),
    });
    prop_oneof![10 => window.boxed(), 1 => correlation.boxed()]
}

pub(in crate::engine) fn a_relation() -> impl Strategy<Value = Relation> {
    use Relation::{Above, AtLeast, AtMost, Below, Equal, NotEqual};
    prop_oneof![Just(Above), Just(AtLeast), Just(AtMost), Just(Below), Just(Equal), Just(NotEqual)]
}

fn a_literal() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        4 => (0..60_i64).prop_map(|tenths| Decimal::new(tenths, 1)),
        2 => Just(sixtieth()),
        2 => Just(Decimal::new(25, 1)),
        1 => a_wild_number(),
    ]
}

/// It does not end: as a literal per minute, it is not exact.
fn sixtieth() -> Decimal {
    Decimal::ONE.checked_div(Decimal::from(60)).unwrap()
}

/// Few different ones, so that they are equal, near to thresholds, and counters fall.
pub(in crate::engine) fn an_ordinary_number() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        30 => (0..60_i64).prop_map(|tenths| Decimal::new(tenths, 1)),
        5 => (0..60_i64, 0..4_u32).prop_map(|(value, more)| Decimal::new(value * 10_i64.pow(more), more + 1)),
        5 => (-60..0_i64).prop_map(|tenths| Decimal::new(tenths, 1)),
        3 => (0..6_000_000_i64).prop_map(|value| Decimal::new(value, 6)),
    ]
}

/// As good as a threshold, where anything was computed.
fn a_near_number() -> impl Strategy<Value = Decimal> {
    let step = |places| (-3..4_i64).prop_map(move |steps| Decimal::new(steps, places));
    let near = prop_oneof![step(11), step(13), step(15), step(17), step(20)];
    (prop_oneof![Just(sixtieth()), Just(sixtieth().round_dp(18)), Just(Decimal::new(25, 1))], near)
        .prop_map(|(number, step)| number + step)
}

fn a_long_number() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        (0.0..6.0_f64).prop_map(|value| crate::decimal::from_float(value).unwrap()),
        (1..1_000_u32, 1..1_000_u32)
            .prop_map(|(a, b)| Decimal::from(a).checked_div(Decimal::from(b)).unwrap()),
    ]
}

pub(in crate::engine) fn a_wild_number() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        3 => an_ordinary_number(),
        1 => a_long_number(),
        1 => (any::<i64>(), 0..29_u32).prop_map(|(value, places)| Decimal::new(value, places)),
        1 => (any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>(), 0..29_u32)
            .prop_map(|(low, mid, high, negative, places)| Decimal::from_parts(low, mid, high, negative, places)),
    ]
}

fn a_comparison() -> impl Strategy<Value = Comparison> {
    let arithmetic = (a_window(), a_window()).prop_map(|(left, right)| Expression::Arithmetic {
        operator: Operator::Divide,
        left: Box::new(left),
        right: Box::new(right),
    });
    let left = prop_oneof![8 => a_window().boxed(), 1 => arithmetic.boxed()];
    let right = prop_oneof![
        6 => a_literal().prop_map(Expression::Literal).boxed(),
        1 => a_window().boxed(),
        1 => Just(Expression::Baseline).boxed(),
    ];
    let test = prop_oneof![
        8 => (a_relation(), right).prop_map(|(relation, right)| Test::Is(relation, right)).boxed(),
        1 => (a_literal(), a_literal())
            .prop_map(|(low, high)| Test::Between(Expression::Literal(low), Expression::Literal(high)))
            .boxed(),
    ];
    (left, test, any::<bool>()).prop_map(|(left, test, per_time)| Comparison {
        left,
        test,
        unit: Unit { dimension: Dimension::Number, per_time },
        per: PerTime::Second,
        span: SourceSpan::default(),
    })
}

/// A policy whose triggers hold these comparisons, one each. The second signal is computed by its source.
pub(in crate::engine) fn policy(comparisons: Vec<Comparison>, stale_after: u32) -> Arc<Policy> {
    let signal = |name: &str, source| Signal {
        name: name.to_owned(),
        title: None,
        unit: Unit::of(Dimension::Number),
        per: PerTime::Second,
        counter: false,
        source,
        scale: Decimal::ONE,
        stale_after: seconds(stale_after),
        expectation: None,
        span: SourceSpan::default(),
    };
    let triggers = comparisons.into_iter().enumerate().map(|(place, comparison)| Trigger {
        name: format!("t{place}"),
        title: None,
        levels: vec![Level {
            severity: Severity::Rollback,
            condition: Condition::Compare(Box::new(comparison)),
            span: SourceSpan::default(),
        }],
        clear: None,
        given: None,
        unless: Vec::new(),
        unknown_rollback_after: None,
        runbook: None,
        owner: None,
        span: SourceSpan::default(),
    });
    let parts = PolicyParts {
        every: seconds(15),
        signals: vec![
            signal("written", Source::Push),
            signal("computed", Source::Prometheus { query: "x".to_owned() }),
        ],
        triggers: triggers.collect(),
        plans: Vec::new(),
        checks: Vec::new(),
    };
    Arc::new(Policy::new(parts).unwrap())
}

/// What comes before an evaluation.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Event {
    signal: u32,
    track: Track,
    /// By how many nanoseconds it is ahead of the evaluation before.
    ahead: i64,
    reading: Reading,
}

fn an_event(number: BoxedStrategy<Decimal>) -> impl Strategy<Value = Event> {
    let reading = prop_oneof![
        100 => number.prop_map(Reading::Value),
        1 => Just(Reading::NotANumber),
        1 => any::<bool>().prop_map(|negative| Reading::Infinite { negative }),
        1 => Just(Reading::OutOfRange),
        1 => Just(Reading::Failed("down".to_owned())),
    ];
    let ahead = prop_oneof![
        20 => (0..20_i64).prop_map(|n| n * 1_000_000_000),
        2 => (0..20_000_i64).prop_map(|n| n * 1_000_000),
        1 => 0..20_000_000_000_i64,
        1 => -10_000_000_000..90_000_000_000_i64,
    ];
    (0..SIGNALS, prop_oneof![5 => Just(Track::Canary), 1 => Just(Track::Baseline)], ahead, reading)
        .prop_map(|(signal, track, ahead, reading)| Event { signal, track, ahead, reading })
}

pub(in crate::engine) type Story = Vec<(u32, Vec<Event>, Vec<Event>, bool)>;

/// Evaluations: how long after the one before, what is observed before and after it, and whether it is restored then.
pub(in crate::engine) fn a_history() -> impl Strategy<Value = Story> {
    prop_oneof![
        3 => a_history_of(an_ordinary_number().boxed()),
        2 => a_history_of(a_near_number().boxed()),
        2 => a_history_of(a_long_number().boxed()),
        2 => a_history_of(a_wild_number().boxed()),
    ]
}

fn a_history_of(number: BoxedStrategy<Decimal>) -> impl Strategy<Value = Story> {
    let after = prop_oneof![10 => 1..20_u32, 1 => 1..100_u32, 1 => 300..900_u32];
    let events = |most| proptest::collection::vec(an_event(number.clone()), 0..most);
    let restored = prop_oneof![20 => Just(false), 1 => Just(true)];
    proptest::collection::vec(
        (after, events(5), prop_oneof![8 => events(1), 1 => events(3)], restored),
        1..60,
    )
}

/// Tells an engine of an event beside an instant.
pub(in crate::engine) fn tell(engine: &mut Engine, at: Timestamp, event: &Event) -> Observed {
    let Event { signal, track, ahead, reading } = event.clone();
    let at = Timestamp::from_nanos(at.nanos() + ahead);
    engine.observe(&Sample { signal: SignalId(signal), track, at, reading })
}

/// All that an engine tells, with every digit of every value.
fn told(engine: &Engine) -> String {
    let view = engine.latest.at.map(|last| engine.view(last));
    let sides = |place| {
        let sides = view.as_ref()?.sides(place);
        Some(sides.map(|s| format!("{} {} {} {}", s.left, s.right, s.margin, s.holds)))
    };
    let places = 0..engine.program.comparisons.len();
    let all: Vec<_> =
        places.map(|place| (view.as_ref().map(|view| view.compare(place)), sides(place))).collect();
    format!("{all:?} {:?}", engine.trigger_reports())
}

fn plain(policy: &Arc<Policy>, state: EngineState) -> Engine {
    let mut engine = Engine::restore(policy.clone(), state).unwrap();
    engine.windows = Windows::default();
    engine
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// An engine with its windows carried along decides, keeps and tells what one does that looks at all samples each
    /// time; so does one that was restored, and so do reports after samples that came late to an evaluation.
    #[test]
    fn sliding_is_looking_at_all(
        comparisons in proptest::collection::vec(a_comparison(), 1..6),
        stale_after in prop_oneof![Just(15_u32), Just(45), Just(200)],
        history in a_history(),
    ) {
        let policy = policy(comparisons, stale_after);
        let mut slid = Engine::new(policy.clone());
        let mut whole = plain(&policy, slid.save());
        let mut at = Timestamp::EPOCH.plus(seconds(1_000));
        for (after, before_it, after_it, restored) in history {
            for event in &before_it {
                prop_assert_eq!(tell(&mut slid, at, event), tell(&mut whole, at, event));
            }
            at = at.plus(seconds(after));
            prop_assert_eq!(slid.evaluate(at), whole.evaluate(at));
            prop_assert_eq!(slid.save(), whole.save());
            prop_assert_eq!(told(&slid), told(&whole));
            for event in &after_it {
                // seen by a report, though not by the evaluation before it
                let early = Event { ahead: event.ahead - 15_000_000_000, ..event.clone() };
                prop_assert_eq!(tell(&mut slid, at, &early), tell(&mut whole, at, &early));
            }
            prop_assert_eq!(told(&slid), told(&whole));
            if restored {
                slid = Engine::restore(policy.clone(), slid.save()).unwrap();
            }
        }
    }
}

/// A window out of which a sample had to go is covered by nothing, and is carried on once it is whole again.
#[test]
fn samples_that_had_to_go() {
    let mut history = History::default();
    let (at, over) = (|n| Timestamp::EPOCH.plus(seconds(n)), seconds(60));
    let mut slide = Slide::new(over, seconds(45));
    slide.need(WindowFunction::Max);
    let mut look = |history: &History, second: u32| {
        slide.advance(history, at(second));
        let largest = slide.value(WindowFunction::Max, history);
        slide.stands(history, at(second)).then(|| (slide.covered(history), largest.unwrap()))
    };
    for second in 0..=100 {
        let reading = Reading::Value(Decimal::from(second % 7));
        history.observe(at(second), &reading, None, &Needed::default());
    }
    assert_eq!(look(&history, 100), Some((over, Decimal::from(6))));
    (0..45).for_each(|_| history.evict());
    assert_eq!(look(&history, 100), None, "a sample of second 44 is missing");
    assert_eq!(look(&history, 103), None);
    let known = look(&history, 104).unwrap();
    assert_eq!(known.1, Decimal::from(6));
    assert_eq!(known.0, history.covered(at(104), over, seconds(45)));
}
