//! A stricter rule beside many others while a release runs: reading the new text, showing that it only tightens, and an
//! engine that decides as if it had been there from the start.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use rust_decimal::Decimal;
use spark_core::{
    Engine, Policy, Reading, Recollection, Sample, SignalId, TimeSpan, Timestamp, Track, tighten,
};

use crate::check::{fitted, median};
use crate::cpu::cost;

/// Series with a trigger each.
const SIZES: [usize; 3] = [100, 1_000, 10_000];
/// Seconds told before the rules change: a sample of each series and a decision in each.
const SECONDS: u32 = 60;
const ROUNDS: usize = 5;
/// The goal: cost grows as the rules do.
const EXPONENT_GOAL: f64 = 1.05;
const PLAN: &str = "canary";

/// Times a reload of rules of which one threshold is stricter.
pub(crate) fn run() -> Result<String, String> {
    let mut table = format!(
        "reload, one threshold of all is stricter, after {SECONDS} s of a sample each (CPU time, medians of {ROUNDS})\n\
         {:>8}{:>14}{:>14}{:>14}\n",
        "triggers", "read", "compare", "told again"
    );
    let mut points: [Vec<(f64, f64)>; 3] = Default::default();
    for size in SIZES {
        let times = of_size(size)?;
        let _ = write!(table, "{size:>8}");
        for (points, time) in points.iter_mut().zip(times) {
            let _ = write!(table, "{:>14}", format!("{time:.3?}"));
            points.push((size as f64, time.as_secs_f64()));
        }
        table.push('\n');
    }
    for (name, points) in ["read", "compare", "told again"].iter().zip(&points) {
        let exponent = fitted(points);
        let met = if exponent <= EXPONENT_GOAL { "met" } else { "missed" };
        let _ = writeln!(table, "{name}: fitted exponent {exponent:.2}   goal {EXPONENT_GOAL}: {met}");
    }
    Ok(table)
}

fn of_size(size: usize) -> Result<[Duration; 3], String> {
    let (old, stricter) = (load(&rules(size, 400))?, rules(size, 390));
    let new = load(&stricter)?;
    let mut engine = Engine::with_plan(Arc::clone(&old), PLAN);
    let mut told = Recollection::new(&old);
    for second in 1..=SECONDS {
        let at = Timestamp::EPOCH.plus(TimeSpan::from_seconds(second));
        for signal in (0..).map(SignalId).take(size) {
            let sample = Sample { signal, track: Track::Canary, at, reading: value(signal, second) };
            let became = engine.observe(&sample);
            told.observed(&sample, became);
        }
        let _ = engine.decide(at);
        told.evaluated(at);
    }
    let mut times: [Vec<Duration>; 3] = Default::default();
    for _ in 0..ROUNDS {
        let [read, compare, again] = &mut times;
        read.push(cost(|| load(&stricter))?);
        compare.push(cost(|| changes(&old, &new))?);
        again.push(cost(|| again_under(&told, &new))?);
    }
    let changes = changes(&old, &new)?;
    let turned = again_under(&told, &new)?.last().map_or(0, |last| last.because().count());
    if changes.len() != 1 || turned != 1 {
        return Err(format!("{size} triggers: {changes:?}, {turned} ask: one was to change, and to ask"));
    }
    Ok(times.map(median))
}

fn changes(old: &Policy, new: &Policy) -> Result<Vec<String>, String> {
    match tighten::compare(old, new, PLAN) {
        Ok(tightened) => Ok(tightened.changes),
        Err(loosenings) => Err(loosenings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    }
}

fn again_under(told: &Recollection, new: &Arc<Policy>) -> Result<Engine, String> {
    told.replay_into(Arc::clone(new), Some(PLAN)).map_err(|error| error.to_string())
}

/// Between the two thresholds of the trigger that changes, below those of all others.
fn value(signal: SignalId, second: u32) -> Reading {
    let millis = if signal.0 == 0 { 395 } else { i64::from(second.wrapping_mul(7) % 100).saturating_add(50) };
    Reading::Value(Decimal::new(millis, 3))
}

/// A trigger for each signal; the first has its own threshold.
fn rules(size: usize, first: u32) -> String {
    let mut text = String::from("edition 2026\nevaluate every 1s\n\n");
    for n in 0..size {
        let threshold = if n == 0 { first } else { 400 };
        // writing to a string cannot fail
        let _ = writeln!(text, "signal s{n} {{ is duration from push }}");
        let _ = writeln!(text, "trigger t{n} {{ rollback when s{n} > {threshold}ms for 30s }}");
    }
    let _ = writeln!(text, "plan {PLAN} {{ stage 100% for 15m }}");
    text
}

fn load(text: &str) -> Result<Arc<Policy>, String> {
    let mut no_file = |name: &str| Err(format!("no `{name}`"));
    match spark_rules::load("bench.rules", text, &mut no_file) {
        Ok(loaded) => Ok(Arc::new(loaded.policy)),
        Err(failed) => Err(format!("{failed:?}").chars().take(2_000).collect()),
    }
}
