//! A month of samples from Parquet, whole process: `spark replay` over 30 days of 8 signals at one a second, 20 triggers.
//! `--days 3` makes it smaller. Every change of every trigger is compared with a state machine of the harness first.

#![expect(clippy::arithmetic_side_effects, reason = "sizes that were checked; an overflow would end the run")]

use std::fmt::Write as _;
use std::process::Command;

use ::parquet::basic::Compression;

use crate::ingest::{names, write_parquet};
use crate::options;
use crate::process::{Scratch, expect_code, spark, spread};
use crate::promtool::series::{Size, story, values};

const SIGNALS: u32 = 8;
const TRIGGERS: u64 = 20;
const ROUNDS: usize = 5;

/// Times the replay, process by process.
pub(crate) fn run() -> Result<String, String> {
    let days = options::number("days", 30)?;
    if days > 100 {
        return Err("--days: at most 100".to_owned());
    }
    let size = Size { series: u64::from(SIGNALS), hours: days * 24, step: 1, rules: TRIGGERS, pairs: 5 };
    let all: Vec<Vec<u64>> = (0..size.series).map(|n| values(size, n)).collect();
    let mut rules = String::from("edition 2026\nevaluate every 1s\n\n");
    for n in 0..SIGNALS {
        let _ = writeln!(rules, "signal latency_{n} {{ is number from push }}");
    }
    let mut expected = Vec::new();
    for (rule, signal) in (0..TRIGGERS).zip((0..SIGNALS).cycle()) {
        let threshold = size.threshold(rule);
        let _ = writeln!(rules, "trigger r{rule} {{ rollback when latency_{signal} > {threshold} for 5m }}");
        let samples = all.get(usize::try_from(signal).unwrap_or(0)).map_or(&[][..], Vec::as_slice);
        let changes = story(size, samples, threshold).changes;
        expected.extend(changes.into_iter().map(|(at, state)| (at, format!("r{rule}"), state.to_owned())));
    }
    expected.sort_unstable();
    let folder = Scratch::new()?;
    let (rules, file) = (folder.write("month.rules", &rules)?, folder.path("month.parquet"));
    let seconds = u32::try_from(size.samples()).map_err(|_| "too many samples")?;
    let value = |at: u32, n: u32| {
        let samples = all.get(usize::try_from(n).ok()?)?;
        u32::try_from(*samples.get(usize::try_from(at).ok()?)?).ok().map(f64::from)
    };
    let rows = (0..seconds).flat_map(|at| (0..SIGNALS).map(move |n| (at, n)));
    write_parquet(
        &file,
        &names(SIGNALS),
        Compression::SNAPPY,
        rows.map(|(at, n)| (at, n, value(at, n).unwrap_or(0.0))),
    )?;
    let bytes = std::fs::metadata(&file).map_err(|error| error.to_string())?.len();

    let (binary, said) = (spark()?, folder.path("said"));
    let once = || {
        let mut command = Command::new(&binary);
        command.arg("replay").arg(&rules).arg("--samples").arg(&file).args(["--format", "jsonl"]);
        expect_code(0, &mut command, &said)
    };
    once()?;
    let told = told(&said)?;
    if told != expected {
        let differs = told.iter().zip(&expected).find(|(told, expected)| told != expected);
        return Err(format!("{} changes, expected {}; the first: {differs:?}", told.len(), expected.len()));
    }
    let costs = (0..ROUNDS).map(|_| once()).collect::<Result<Vec<_>, _>>()?;
    let cpu = spread(&costs.iter().map(|cost| cost.cpu).collect::<Vec<_>>());
    let wall = spread(&costs.iter().map(|cost| cost.wall).collect::<Vec<_>>());
    let peak = costs.iter().map(|cost| cost.peak_bytes).max().unwrap_or(0) >> 20;
    Ok(format!(
        "month: {days} days x {SIGNALS} signals x {TRIGGERS} triggers at 1 s, {} samples, Parquet of {} MB, {} changes\n\
         whole process, {ROUNDS} runs: wall {:.2?} ({:.2?} to {:.2?}), CPU {:.2?} ({:.2?} to {:.2?}), peak {peak} MiB",
        size.samples() * size.series,
        bytes / 1_000_000,
        expected.len(),
        wall.0,
        wall.1,
        wall.2,
        cpu.0,
        cpu.1,
        cpu.2,
    ))
}

/// The changes of triggers that were told: seconds from the first sample, trigger, state.
fn told(said: &std::path::Path) -> Result<Vec<(u64, String, String)>, String> {
    let text = std::fs::read_to_string(said).map_err(|error| error.to_string())?;
    let mut changes = Vec::new();
    for line in text.lines() {
        let event: serde_json::Value =
            serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
        let word = |key: &str| event.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
        if word("type") == "trigger" {
            let at = spark_core::Timestamp::parse(word("at")).ok_or_else(|| format!("{line}: no time"))?;
            let seconds = u64::try_from(at.nanos() / 1_000_000_000).unwrap_or(0);
            changes.push((
                seconds - crate::promtool::series::START,
                word("trigger").to_owned(),
                word("state").to_owned(),
            ));
        }
    }
    changes.sort_unstable();
    Ok(changes)
}
