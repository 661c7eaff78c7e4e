//! What a decision costs: after samples of all signals, and after one; beside a function that somebody wrote by hand.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use spark_core::{Engine, Policy, State, TimeSpan, TriggerId};

use super::rules::{Random, SIGNALS, TRIGGERS, Way, by_hand, instant, mixed, sample};
use super::stopwatch::{Least, PASSES, nothing};

const STEPS: usize = 20_000;

/// What comes before each decision.
#[derive(Debug, Clone, Copy)]
enum Before {
    All,
    One,
}

pub(crate) fn table() -> Result<String, String> {
    let at_once = mixed(TimeSpan::ZERO)?;
    let held = mixed(TimeSpan::from_seconds(300))?;
    equal(&at_once)?;
    let clock = nothing(1 << 14).mean();
    let mut table = String::from("a decision, 20 triggers over 8 signals\n");
    let _ = writeln!(table, "{:<34} {:>12} {:>14}", "after", "ns, lent", "ns, given away");
    for (rules, policy) in [("", &at_once), (", for 5m", &held)] {
        for (before, words) in [(Before::One, "one sample"), (Before::All, "8 samples")] {
            for way in Way::ALL {
                let lent = timed(policy, before, way, |engine, at| {
                    let _ = black_box(engine.decide(at));
                }) - clock;
                let given = timed(policy, before, way, |engine, at| {
                    let _ = black_box(engine.evaluate(at));
                }) - clock;
                let what = format!("{words}, {}{rules}", way.name());
                let _ = writeln!(table, "{what:<34} {lent:>12.1} {given:>14.1}");
            }
        }
    }
    let _ = writeln!(table, "{:<34} {:>12.1}", "by hand, in Rust", by_hand_time());
    let _ = writeln!(table, "{:<34} {clock:>12.1}", "the clock alone (Instant, elapsed)");
    Ok(table)
}

/// The triggers are those of the function by hand, at each of many steps.
fn equal(policy: &std::sync::Arc<Policy>) -> Result<(), String> {
    let (mut engine, mut random) = (Engine::new(policy.clone()), Random::new());
    let mut values = [0_i64; SIGNALS];
    for step in 0..STEPS {
        for (signal, value) in values.iter_mut().enumerate() {
            *value = Way::Hovering.value(&mut random);
            let _ = engine.observe(&sample(signal, instant(step), *value));
        }
        let _ = engine.decide(instant(step));
        let fires =
            |n: u32| engine.glance(TriggerId(n)).is_some_and(|glance| glance.state == State::Rollback);
        let mask = (0..TRIGGERS as u32).fold(0, |mask, n| mask | u32::from(fires(n)) << n);
        if mask != by_hand(&values) {
            return Err(format!("at {step} the engine says {mask:b}, by hand it is {:b}", by_hand(&values)));
        }
    }
    Ok(())
}

fn timed(
    policy: &std::sync::Arc<Policy>,
    before: Before,
    way: Way,
    mut decide: impl FnMut(&mut Engine, spark_core::Timestamp),
) -> f64 {
    let mut least = Least::default();
    for _ in 0..PASSES {
        let (mut engine, mut random) = (Engine::new(policy.clone()), Random::new());
        for step in 0..STEPS {
            let at = instant(step);
            for signal in 0..SIGNALS {
                let now = match before {
                    Before::All => true,
                    Before::One => step % SIGNALS == signal || step == 0,
                };
                if now {
                    let _ = engine.observe(&sample(signal, at, way.value(&mut random)));
                }
            }
            let start = Instant::now();
            decide(&mut engine, at);
            least.take(step, start);
        }
    }
    least.mean()
}

fn by_hand_time() -> f64 {
    const BATCH: usize = 256;
    let mut least = Least::default();
    for _ in 0..PASSES {
        let mut random = Random::new();
        for step in 0..STEPS / 32 {
            let inputs: Vec<[i64; SIGNALS]> =
                (0..BATCH).map(|_| std::array::from_fn(|_| Way::Hovering.value(&mut random))).collect();
            let start = Instant::now();
            for values in &inputs {
                let _ = black_box(by_hand(black_box(values)));
            }
            least.take(step, start);
        }
    }
    least.mean() / BATCH as f64
}
