//! What big sets cost: loading them, a round of samples, and a decision; how that grows, and what the engine holds.

use std::fmt::Write as _;
use std::hint::black_box;

use spark_core::Engine;

use super::rules::{Random, Way, instant, many, sample};
use crate::cpu;
use crate::options::flag;

const ROUNDS: usize = 7;

pub(crate) fn table() -> Result<String, String> {
    let mut table = String::from("big sets: a trigger for each series, 1 s apart\n");
    let head = ["series", "load ns", "sample ns", "idle ns", "one hovers", "all hover", "bytes"];
    let _ = writeln!(table, "{}", head.map(|word| format!("{word:>12}")).join(""));
    let mut rows = Vec::new();
    // a million takes 3 GB
    let largest = flag("million").then_some(1_000_000);
    for series in [100, 1_000, 10_000, 100_000].into_iter().chain(largest) {
        let row = row(series)?;
        let _ = writeln!(table, "{series:>12}{}", row.map(|cost| format!("{cost:>12.1}")).join(""));
        rows.push((series as f64, row));
    }
    // load and samples are told by series: what is left is how they grow
    for (n, name, by_series) in [
        (0, "load", true),
        (1, "sample", true),
        (2, "idle decision", false),
        (3, "decision, one hovers", false),
    ] {
        let exponent =
            slope(rows.iter().map(|(series, row)| (*series, row.get(n).copied().unwrap_or_default())));
        let exponent = if by_series { exponent + 1.0 } else { exponent };
        let _ = writeln!(table, "{name}: fitted exponent {exponent:.2}");
    }
    Ok(table)
}

/// By series: loading, a sample; a decision after nothing and after one sample that crosses; by series: one after all did,
/// and the bytes of the engine beside its policy.
fn row(series: usize) -> Result<[f64; 6], String> {
    let policy = many(series, 1)?;
    // before an engine was dropped, whose memory the next one would find
    let before = resident();
    let mut engine = Engine::new(policy.clone());
    let bytes = resident().saturating_sub(before) as f64;
    let load = least((0..3).map(|_| timed(|| drop(black_box(Engine::new(policy.clone()))))));
    let mut random = Random::new();
    let mut second = 0;
    let mut round = |engine: &mut Engine, way: Way, series: usize| {
        second += 1;
        let samples: Vec<_> =
            (0..series).map(|signal| sample(signal, instant(second), way.value(&mut random))).collect();
        let observed = timed(|| {
            for sample in &samples {
                let _ = black_box(engine.observe(sample));
            }
        });
        let decided = timed(|| {
            let _ = black_box(engine.decide(instant(second)));
        });
        (observed, decided)
    };
    for _ in 0..3 {
        round(&mut engine, Way::Calm, series);
    }
    let calm: Vec<_> = (0..ROUNDS).map(|_| round(&mut engine, Way::Calm, series)).collect();
    let idle = least((0..ROUNDS).map(|_| round(&mut engine, Way::Calm, 0).1));
    let one = least((0..ROUNDS).map(|_| round(&mut engine, Way::Hovering, 1).1));
    let all = least((0..ROUNDS).map(|_| round(&mut engine, Way::Hovering, series).1));
    let by = series as f64;
    Ok([load / by, least(calm.iter().map(|(observed, _)| *observed)) / by, idle, one, all / by, bytes / by])
}

/// CPU time of this thread in nanoseconds: a round over a big set is long enough to be interrupted each time.
fn timed(work: impl FnOnce()) -> f64 {
    let start = cpu::used();
    work();
    (cpu::used() - start).as_nanos() as f64
}

fn least(times: impl Iterator<Item = f64>) -> f64 {
    times.fold(f64::INFINITY, f64::min)
}

/// The slope of a line through the logarithms.
fn slope(points: impl Iterator<Item = (f64, f64)>) -> f64 {
    let logs: Vec<(f64, f64)> = points.map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = logs.len() as f64;
    let (x, y) = logs.iter().fold((0.0, 0.0), |(x, y), (a, b)| (x + a / count, y + b / count));
    let (over, under) = logs
        .iter()
        .fold((0.0, 0.0), |(over, under), (a, b)| (over + (a - x) * (b - y), under + (a - x) * (a - x)));
    over / under
}

/// Bytes of memory that the process has in use, where the system says it.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or_default().saturating_mul(4_096)
}
