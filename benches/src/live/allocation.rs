//! What the caller's thread does not do: ask for memory.

use spark_core::{Engine, TimeSpan};

use super::rules::{Random, SIGNALS, Way, instant, many, mixed, sample};

/// How often a thread asked for memory in so many steps of the engine, after it is warm.
fn asked(way: Way, held: TimeSpan, steps: usize) -> u64 {
    const WARM: usize = 1_000;
    let mut engine = Engine::new(mixed(held).unwrap());
    let mut random = Random::new();
    let mut step = |engine: &mut Engine, second: usize| {
        for signal in 0..SIGNALS {
            let _ = engine.observe(&sample(signal, instant(second), way.value(&mut random)));
        }
        let _ = engine.decide(instant(second));
    };
    (0..WARM).for_each(|second| step(&mut engine, second));
    let counted = allocation_counter::measure(|| {
        (WARM..WARM + steps).for_each(|second| step(&mut engine, second));
    });
    counted.count_total
}

/// Once it is warm, the engine allocates nothing: neither for samples nor for decisions, be they calm or turn triggers at
/// each instant. What is told of a decision in words is made when somebody asks.
#[test]
fn a_warm_engine_allocates_nothing() {
    for way in Way::ALL {
        for held in [TimeSpan::ZERO, TimeSpan::from_seconds(300)] {
            assert_eq!(asked(way, held, 2_000), 0, "{way:?}, for {held}");
        }
    }
    let given_away = allocation_counter::measure(|| {
        let mut engine = Engine::new(mixed(TimeSpan::ZERO).unwrap());
        let _ = engine.evaluate(instant(1));
    });
    assert!(given_away.count_total > 0, "the counter counts");
}

/// An engine of a trigger for each series holds so many bytes for each, its samples and the policy aside, and no more.
#[test]
fn an_engine_holds_little_for_each_series() {
    const SERIES: usize = 2_000;
    const BYTES_MAX: u64 = 890;
    let policy = many(SERIES, 1).unwrap();
    let mut engine = None;
    let counted = allocation_counter::measure(|| engine = Some(Engine::new(policy)));
    let each = counted.bytes_current.cast_unsigned() / SERIES as u64;
    assert!(each > 0 && each <= BYTES_MAX, "{each} bytes for each of {SERIES} series");
    assert!(engine.is_some());
}
