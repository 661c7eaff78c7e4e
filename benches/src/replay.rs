//! Replay over a column in memory: `> threshold for W` rules beside a streaming sum of the same samples, which is the floor
//! of whatever reads each, and beside a state machine a rule. Then the memory of whole replays.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers of a measurement; an overflow would end it"
)]

use std::fmt::Write as _;
use std::ops::Range;
use std::process::Command;
use std::time::Duration;

use rust_decimal::Decimal;
use spark_core::column::Column;
use spark_core::{Relation, Timestamp};

use crate::cpu::used;
use crate::process::{Scratch, expect_code, spark, spread};
use crate::promtool::series::{self, Size};

const SAMPLES: usize = 1 << 22;
const ROUNDS: usize = 5;

/// Times four signals, two lengths of `for` and two numbers of rules, after each answer was found equal.
pub(crate) fn run() -> Result<String, String> {
    let mut table = format!(
        "columns, {SAMPLES} samples a second apart; times as fast as a streaming sum of the same 64-bit numbers (CPU time, \
         medians of {ROUNDS} interleaved rounds)\n{:<7}{:>5}{:>5}{:>11}{:>13}{:>15}{:>17}\n",
        "signal", "for", "K", "sum GB/s", "skipping", "every pending", "state machines"
    );
    for (name, signal) in
        [("quiet", Kind::Quiet), ("calm", Kind::Calm), ("walk", Kind::Walk), ("hot", Kind::Hot)]
    {
        let numbers = numbers(signal);
        let mut column = Column::default();
        for (second, number) in (0i64..).zip(&numbers) {
            let _ = column.observe_number(Timestamp::from_millis(second.saturating_mul(1_000)), *number, 3);
        }
        for length in [20usize, 300] {
            for rules in [1i64, 20] {
                let thresholds: Vec<i64> =
                    (0..rules).map(|n| 250i64.saturating_add(n.saturating_mul(570) / rules)).collect();
                row(&mut table, name, (&numbers, &column), length, &thresholds)?;
            }
        }
    }
    memory(&mut table)?;
    Ok(table.trim_end().to_owned())
}

/// Most memory of whole replays, the process of `spark replay` alone: a day every 15 s of more and more series, 20 rules each.
fn memory(table: &mut String) -> Result<(), String> {
    let binary = spark()?;
    table.push_str("\nmemory of `spark replay`, 24 h every 15 s, 20 rules a series\n");
    for series in [1, 10, 100, 1_000] {
        let size = Size { series, hours: 24, step: 15, rules: 20, pairs: 1 };
        let values: Vec<Vec<u64>> = (0..series).map(|series| series::values(size, series)).collect();
        let folder = Scratch::new()?;
        let mut command = Command::new(&binary);
        command.arg("replay").arg(folder.write("replay.rules", &series::spark_rules(size))?);
        command.arg("--samples").arg(folder.write("samples.csv", &series::csv(size, &values))?);
        let cost = expect_code(0, command.args(["--format", "jsonl"]), &folder.path("said"))?;
        let said = std::fs::read_to_string(folder.path("said")).map_err(|error| error.to_string())?;
        let samples = format!("\"samples\":{},", size.samples().saturating_mul(series));
        if !said.lines().last().unwrap_or_default().contains(&samples) {
            return Err(format!("{series} series: the summary does not tell of {samples}"));
        }
        // writing to a string cannot fail
        let _ = writeln!(table, "{series:>5} series {:>5} MiB   CPU {:.3?}", cost.peak_bytes >> 20, cost.cpu);
    }
    Ok(())
}

/// What work gives, and the CPU time that it takes.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = used();
    let result = std::hint::black_box(work());
    (result, used().saturating_sub(before))
}

fn seconds(times: &[Duration]) -> f64 {
    spread(times).0.as_secs_f64()
}

fn row(
    table: &mut String,
    name: &str,
    (numbers, column): (&[i64], &Column),
    length: usize,
    thresholds: &[i64],
) -> Result<(), String> {
    let decimals: Vec<Decimal> = thresholds.iter().map(|threshold| Decimal::new(*threshold, 3)).collect();
    let runs = |at_least: usize| column.runs(Relation::Above, &decimals, at_least).unwrap_or_default();
    let least = length.saturating_add(1);
    let (expected, machines) =
        timed(|| thresholds.iter().map(|t| machine(numbers, *t, 1)).collect::<Vec<_>>());
    if runs(1) != expected {
        return Err(format!("{name}: the runs differ from those of the state machines"));
    }
    let long =
        |runs: &Vec<Range<usize>>| runs.iter().filter(|run| run.len() >= least).cloned().collect::<Vec<_>>();
    if runs(least) != expected.iter().map(long).collect::<Vec<_>>() {
        return Err(format!("{name}: the runs of {least} differ from those of the state machines"));
    }
    drop(expected);
    let (mut sums, mut skipping, mut every) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        sums.push(timed(|| numbers.iter().fold(0i64, |sum, number| sum.wrapping_add(*number))).1);
        skipping.push(timed(|| runs(least)).1);
        every.push(timed(|| runs(1)).1);
    }
    let (sum, skipping, every) = (seconds(&sums), seconds(&skipping), seconds(&every));
    // writing to a string cannot fail
    let _ = writeln!(
        table,
        "{name:<7}{length:>5}{:>5}{:>11.1}{:>13.2}{:>15.2}{:>17.3}",
        thresholds.len(),
        numbers.len() as f64 * 8.0 / 1e9 / sum,
        sum / skipping,
        sum / every,
        sum / machines.as_secs_f64(),
    );
    Ok(())
}

/// The runs of at least so many samples above a threshold, as a rule's state machine finds them.
fn machine(numbers: &[i64], threshold: i64, least: usize) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start: Option<usize> = None;
    for (place, number) in numbers.iter().enumerate() {
        match (*number > threshold, start) {
            (true, None) => start = Some(place),
            (false, Some(from)) => {
                if place.saturating_sub(from) >= least {
                    runs.push(from..place);
                }
                start = None;
            }
            _ => {}
        }
    }
    if let Some(from) = start.filter(|from| numbers.len().saturating_sub(*from) >= least) {
        runs.push(from..numbers.len());
    }
    runs
}

#[derive(Clone, Copy)]
enum Kind {
    /// Bursts of 15 min around 500, 0.4 % of the time.
    Quiet,
    /// The same, 4 % of the time.
    Calm,
    /// A random walk over all thresholds.
    Walk,
    /// Anywhere at each sample.
    Hot,
}

fn numbers(kind: Kind) -> Vec<i64> {
    let mut seed: u64 = 7;
    let mut below = |count: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((seed >> 33) % count).unwrap_or(0)
    };
    let mut level = 500i64;
    (0..SAMPLES)
        .map(|second| match kind {
            Kind::Quiet | Kind::Calm => {
                let period = if matches!(kind, Kind::Quiet) { 225_000 } else { 22_500 };
                let centre = if second % period < 900 { 460 } else { 160 };
                below(80).saturating_add(centre)
            }
            Kind::Walk => {
                level = level.saturating_add(below(11)).saturating_sub(5).clamp(200, 880);
                level
            }
            Kind::Hot => below(680).saturating_add(200),
        })
        .collect()
}
