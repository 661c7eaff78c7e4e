//! The live engine: what a sample and a decision cost the caller's thread, calm and hovering.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use spark_core::{Engine, Policy, Reading, Sample, SignalId, TimeSpan, Timestamp, Track};

const ROUNDS: usize = 7;
const DECISIONS: u32 = 20_000;

/// Times samples and decisions of a policy of twenty triggers over eight signals.
pub(crate) fn run() -> Result<String, String> {
    let policy = Arc::new(policy(20)?);
    let mut table = String::from("live engine, 8 samples and a decision over 20 triggers\n");
    for (name, spread) in [("calm", 40), ("hovering", 900)] {
        let mut times: Vec<Duration> = (0..ROUNDS).map(|_| timed(&policy, spread)).collect();
        times.sort_unstable();
        let median = times.get(ROUNDS / 2).copied().unwrap_or_default();
        let nanos = median.as_secs_f64() * 1e9 / f64::from(DECISIONS);
        // writing to a string cannot fail
        let _ = writeln!(table, "{name:<10} {nanos:>8.0} ns a decision with its 8 samples");
    }
    Ok(table)
}

/// Values are `100..100 + spread` ms; thresholds lie from 250 to 820 ms.
fn timed(policy: &Arc<Policy>, spread: i64) -> Duration {
    let mut engine = Engine::new(Arc::clone(policy));
    let mut seed: u64 = 1;
    let mut value = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = i64::try_from(seed >> 33).unwrap_or_default();
        Decimal::new(random.checked_rem(spread).unwrap_or_default().saturating_add(100), 3)
    };
    let mut sample = Sample {
        signal: SignalId(0),
        track: Track::Canary,
        at: Timestamp::EPOCH,
        reading: Reading::Value(Decimal::ZERO),
    };
    let mut spent = Duration::ZERO;
    for second in 0..DECISIONS {
        let at = Timestamp::EPOCH.plus(TimeSpan::from_seconds(second));
        let values: [Decimal; 8] = std::array::from_fn(|_| value());
        let start = Instant::now();
        for (signal, value) in (0..).zip(values) {
            sample.signal = SignalId(signal);
            sample.at = at;
            sample.reading = Reading::Value(value);
            std::hint::black_box(engine.observe(&sample));
        }
        let _ = std::hint::black_box(engine.evaluate(at));
        spent = spent.saturating_add(start.elapsed());
    }
    spent
}

/// Rules with so many triggers over eight signals.
fn policy(triggers: usize) -> Result<Policy, String> {
    let mut text = String::from("edition 2026\nevaluate every 1s\n");
    for signal in 0..8 {
        let _ = writeln!(text, "signal s{signal} {{ is duration from push stale after 45s }}");
    }
    let signals = [0, 1, 2, 3, 4, 5, 6, 7];
    let pairs = signals.iter().zip(signals.iter().cycle().skip(3)).cycle();
    for ((n, threshold), (signal, other)) in (0..triggers).zip((250..).step_by(30)).zip(pairs) {
        let condition = match n & 3 {
            0 | 1 => format!("s{signal} > {threshold}ms"),
            2 => format!("(s{signal} > {threshold}ms and s{other} > 300ms)"),
            _ => format!("(s{signal} > {threshold}ms or s{other} > 900ms)"),
        };
        let _ = writeln!(text, "trigger t{n} {{ rollback when {condition} for 5m }}");
    }
    let mut no_file = |name: &str| Err(format!("no `{name}`"));
    match spark_rules::load("live.rules", &text, &mut no_file) {
        Ok(loaded) => Ok(loaded.policy),
        Err(failed) => Err(format!("{failed:?}").chars().take(2_000).collect()),
    }
}
