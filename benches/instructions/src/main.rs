//! Instruction counts of Spark's hot paths, compared with the recorded ones: `cargo run --release -p spark-instructions`.
//! `-- --record` records them anew.
//!
//! A machine's load and speed are in every time, and in no instruction count: what grew by more than 5 % is slower. Each
//! workload runs under valgrind with some repetitions and with twice as many; the difference is what the repetitions cost,
//! without the start, the environment and the preparation.

mod baseline;
mod count;
mod workload;

use std::process::ExitCode;

use crate::baseline::{Baseline, Judged};
use crate::workload::WORKLOADS;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        [] => compare(),
        ["--record"] => record(),
        ["run", name, times] => run(name, times).map(|()| true),
        _ => Err("usage: spark-instructions [--record]".to_owned()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(words) => {
            eprintln!("error: {words}");
            ExitCode::FAILURE
        }
    }
}

/// A workload by itself, as it runs under valgrind.
fn run(name: &str, times: &str) -> Result<(), String> {
    let workload = WORKLOADS.iter().find(|workload| workload.name == name);
    let workload = workload.ok_or_else(|| format!("no workload `{name}`"))?;
    let times = times.parse().map_err(|_| format!("`{times}` is no number of repetitions"))?;
    (workload.run)(times).map(drop)
}

/// Each workload's instructions for one of its units.
fn counts() -> Result<Vec<(&'static str, u64)>, String> {
    WORKLOADS.iter().map(|workload| Ok((workload.name, count::each(workload)?))).collect()
}

fn record() -> Result<bool, String> {
    let baseline = Baseline::of(counts()?)?;
    baseline.write()?;
    println!("{}recorded in {}", baseline.text(), baseline::PATH);
    Ok(true)
}

/// Says how each count stands to the recorded one; whether all may stand.
fn compare() -> Result<bool, String> {
    let baseline = Baseline::read()?;
    let mut slower = 0_usize;
    for (name, found) in counts()? {
        let judged = baseline.judge(name, found)?;
        let verdict = match judged {
            Judged::Same => "",
            Judged::Slower => "  more than 5 % slower",
            Judged::Faster => "  faster: record it, or a later loss hides behind it",
        };
        slower = slower.saturating_add(usize::from(judged == Judged::Slower));
        let recorded = baseline.recorded(name)?;
        let change = 100.0 * (found as f64 / recorded as f64 - 1.0);
        println!("{name:<28} {found:>10} instructions, recorded {recorded:>10}, {change:>+6.1} %{verdict}");
    }
    if slower == 0 {
        return Ok(true);
    }
    let again = "where that is meant, `cargo run --release -p spark-instructions -- --record`";
    match baseline.compiler_now() {
        true => {
            println!("{slower} slower than recorded: {again}");
            Ok(false)
        }
        false => {
            println!(
                "{slower} more than recorded, by another compiler ({}): not judged. {again}",
                baseline.compiler
            );
            Ok(true)
        }
    }
}
