//! What is counted: fixed work, from fixed seeds, without a clock or an environment.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use rust_decimal::Decimal;
use spark_core::{Engine, Reading, Sample, SignalId, TimeSpan, Timestamp, Track};
use spark_rules::Loaded;

/// Some work that can be repeated.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// How often it is repeated, at least.
    pub(crate) times: u64,
    /// Repeats it so often, and gives how many units one repetition has.
    pub(crate) run: fn(u64) -> Result<u64, String>,
}

const SIGNALS: u32 = 8;

/// All of them; a unit's instructions are what is recorded.
pub(crate) const WORKLOADS: &[Workload] = &[
    Workload { name: "decision, 8 samples, calm", times: 1_000, run: |times| live(times, 40, SIGNALS) },
    Workload { name: "decision, 8 samples, hovering", times: 1_000, run: |times| live(times, 900, SIGNALS) },
    Workload { name: "decision, 1 sample, calm", times: 2_000, run: |times| live(times, 40, 1) },
    Workload { name: "decision, 1 sample, hovering", times: 2_000, run: |times| live(times, 900, 1) },
    Workload { name: "decision, all stale", times: 2_000, run: |times| live(times, 900, 0) },
    Workload { name: "window of 300, max", times: 1_000, run: |times| window(times, "max(s over 5m)") },
    Workload { name: "window of 300, avg", times: 1_000, run: |times| window(times, "avg(s over 5m)") },
    Workload { name: "window of 300, p95", times: 1_000, run: |times| window(times, "p95(s over 5m)") },
    Workload { name: "check of the pack, a byte", times: 1, run: check },
    Workload { name: "tests of the pack, a sample", times: 1, run: tests },
];

/// Values `100..100 + spread` ms from a fixed seed.
fn values(spread: i64) -> impl FnMut() -> Reading {
    let mut seed: u64 = 1;
    move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = i64::try_from(seed >> 33).unwrap_or_default();
        Reading::Value(Decimal::new(random.checked_rem(spread).unwrap_or_default().saturating_add(100), 3))
    }
}

fn loaded(text: &str) -> Result<Loaded, String> {
    let mut no_file = |name: &str| Err(format!("no `{name}`"));
    spark_rules::load("instructions.rules", text, &mut no_file).map_err(|failed| format!("{failed:?}"))
}

fn engine(text: &str) -> Result<Engine, String> {
    Ok(Engine::new(Arc::new(loaded(text)?.policy)))
}

/// Twenty triggers over eight signals, thresholds from 250 to 820 ms.
fn twenty() -> String {
    let mut text = String::from("edition 2026\nevaluate every 1s\n");
    for signal in 0..SIGNALS {
        // writing to a string cannot fail
        let _ = writeln!(text, "signal s{signal} {{ is duration from push stale after 45s }}");
    }
    let signals = (0..SIGNALS).zip((0..SIGNALS).cycle().skip(3)).cycle();
    for ((n, threshold), (signal, other)) in (0..20).zip((250..).step_by(30)).zip(signals) {
        let condition = match n & 3 {
            0 | 1 => format!("s{signal} > {threshold}ms"),
            2 => format!("(s{signal} > {threshold}ms and s{other} > 300ms)"),
            _ => format!("(s{signal} > {threshold}ms or s{other} > 900ms)"),
        };
        let _ = writeln!(text, "trigger t{n} {{ rollback when {condition} for 5m }}");
    }
    text
}

/// Decisions a second apart, each after so many samples, in turn over the signals.
fn live(times: u64, spread: i64, samples: u32) -> Result<u64, String> {
    let mut engine = engine(&twenty())?;
    let mut value = values(spread);
    let mut at = Timestamp::EPOCH;
    let mut turn = (0..SIGNALS).cycle();
    let mut observe = |engine: &mut Engine, signal: u32, at: Timestamp| {
        let sample = Sample { signal: SignalId(signal), track: Track::Canary, at, reading: value() };
        black_box(engine.observe(&sample));
    };
    (0..SIGNALS).for_each(|signal| observe(&mut engine, signal, at));
    for _ in 0..times {
        at = at.plus(TimeSpan::from_seconds(1));
        for signal in turn.by_ref().take(usize::try_from(samples).unwrap_or_default()) {
            observe(&mut engine, signal, at);
        }
        black_box(engine.decide(at).verdict());
    }
    Ok(1)
}

/// A sample a second into a window of five minutes, and a decision over it.
fn window(times: u64, function: &str) -> Result<u64, String> {
    let rules = "edition 2026\nevaluate every 1s\nsignal s { is duration from push }\n";
    let mut engine = engine(&format!("{rules}trigger t {{ rollback when {function} > 900ms }}\n"))?;
    let mut value = values(900);
    let mut at = Timestamp::EPOCH;
    // until the window is full
    for n in 0..times.saturating_add(600) {
        at = Timestamp::EPOCH.plus(TimeSpan::from_seconds(u32::try_from(n).unwrap_or(u32::MAX)));
        let sample = Sample { signal: SignalId(0), track: Track::Canary, at, reading: value() };
        black_box(engine.observe(&sample));
        black_box(engine.decide(at).verdict());
    }
    black_box(at);
    Ok(1)
}

fn read(name: &str) -> Result<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    std::fs::read_to_string(folder.join(name)).map_err(|error| format!("rules/{name}: {error}"))
}

fn pack() -> Result<Loaded, String> {
    let text = read("canary.rules")?;
    spark_rules::load("canary.rules", &text, &mut |name| read(name)).map_err(|failed| format!("{failed:?}"))
}

/// The shipped pack, parsed, checked, linted and compiled; a unit is a byte of it, so that a rule more is no loss.
fn check(times: u64) -> Result<u64, String> {
    for _ in 0..times {
        black_box(pack()?);
    }
    let mut bytes = 0_u64;
    let text = read("canary.rules")?;
    let mut counted =
        |text: &str| bytes = bytes.saturating_add(u64::try_from(text.len()).unwrap_or_default());
    counted(&text);
    let mut resolve = |name: &str| read(name).inspect(|text| counted(text));
    black_box(spark_rules::load("canary.rules", &text, &mut resolve).is_ok());
    Ok(bytes)
}

/// The tests of the pack, run; a unit is a sample of them.
fn tests(times: u64) -> Result<u64, String> {
    let pack = pack()?;
    let mut samples = 0_u64;
    for time in 0..=times {
        for case in &pack.tests {
            let outcome = black_box(spark_rules::test::run(&pack.policy, case));
            if time == 0 {
                samples = samples.saturating_add(outcome.samples);
            }
        }
    }
    Ok(samples)
}
