//! Checking large rule files, parsed, checked with their units and compiled: 10,000 triggers beside pest alone, and what
//! ten to ten thousand of them cost.

use std::fmt::Write as _;
use std::time::Duration;

use crate::cpu::cost;

const TRIGGERS: usize = 10_000;
const PAIRS: usize = 7;
/// The goal: this part of the speed at which pest alone cuts the words of the same text.
const GOAL: f64 = 0.6;
/// Sizes over which the exponent is fitted.
const SIZES: [usize; 4] = [10, 100, 1_000, TRIGGERS];
/// The goal: cost grows as the file does.
const EXPONENT_GOAL: f64 = 1.05;

/// Times `spark_rules::load` beside pest alone.
pub(crate) fn run() -> Result<String, String> {
    let text = rules(TRIGGERS);
    let words = super::peer::count(&text)?;
    let triggers = load(&text)?;
    if triggers != TRIGGERS || words < TRIGGERS {
        return Err(format!("{triggers} triggers and {words} words: the input is not what it should be"));
    }
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        ours.push(cost(|| load(&text))?);
        peers.push(cost(|| super::peer::count(&text))?);
    }
    let (ours, peers) = (median(ours), median(peers));
    let megabytes = text.len() as f64 / 1e6;
    let speed = |time: Duration| megabytes / time.as_secs_f64();
    let ratio = peers.as_secs_f64() / ours.as_secs_f64();
    let mut table = format!(
        "check {TRIGGERS} triggers, {megabytes:.1} MB (CPU time, medians of {PAIRS} interleaved pairs)\n\
         parse, check, compile {ours:>10.3?} {:>5.1} MB/s\n\
         pest alone            {peers:>10.3?} {:>5.1} MB/s   Spark at {:.0} % of it   goal {:.0} %: {}\n",
        speed(ours),
        speed(peers),
        ratio * 100.0,
        GOAL * 100.0,
        if ratio >= GOAL { "met" } else { "missed" },
    );
    let mut points = Vec::new();
    for triggers in SIZES {
        let each = of_size(triggers)?;
        points.push((triggers as f64, each.as_secs_f64()));
        // writing to a string cannot fail
        let _ = writeln!(table, "{triggers:>6} triggers       {each:>10.3?}");
    }
    let exponent = fitted(&points);
    let _ = write!(
        table,
        "fitted exponent {exponent:.3}   goal {EXPONENT_GOAL}: {}",
        if exponent <= EXPONENT_GOAL { "met" } else { "missed" },
    );
    Ok(table)
}

/// What one load of so many triggers costs: of small files, many are loaded at a time.
fn of_size(triggers: usize) -> Result<Duration, String> {
    let text = rules(triggers);
    let loads = u32::try_from(TRIGGERS.checked_div(triggers).unwrap_or(1)).unwrap_or(1);
    let mut times = Vec::new();
    for _ in 0..PAIRS {
        let all = cost(|| (0..loads).try_for_each(|_| load(&text).map(drop)))?;
        times.push(all.checked_div(loads).unwrap_or(all));
    }
    Ok(median(times))
}

/// The exponent of the power law that fits best: the slope of the logarithms by least squares.
pub(crate) fn fitted(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let logs = || points.iter().map(|(size, cost)| (size.ln(), cost.ln()));
    let (x, y) = logs().fold((0.0, 0.0), |(x, y), (size, cost)| (x + size / count, y + cost / count));
    let (up, across) = logs().fold((0.0, 0.0), |(up, across), (size, cost)| {
        (up + (size - x) * (cost - y), across + (size - x) * (size - x))
    });
    up / across
}

pub(crate) fn load(text: &str) -> Result<usize, String> {
    let mut no_file = |name: &str| Err(format!("no `{name}`"));
    match spark_rules::load("bench.rules", text, &mut no_file) {
        Ok(loaded) => Ok(loaded.policy.triggers().len()),
        Err(failed) => Err(format!("{failed:?}").chars().take(2_000).collect()),
    }
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Rules as a large house would have them: at most 200 times two signals, triggers with all their clauses.
pub(crate) fn rules(triggers: usize) -> String {
    let mut text = String::from("edition 2026\nevaluate every 15s\n\n");
    let signals = triggers.clamp(1, 200);
    for n in 0..signals {
        // writing to a string cannot fail
        let _ = writeln!(text, "signal latency_{n} {{ is duration from push stale after 45s }}");
        let _ = writeln!(text, "signal share_{n}   {{ is ratio    from push stale after 45s }}");
    }
    for n in 0..triggers {
        let s = n.checked_rem(signals).unwrap_or(0);
        let _ = writeln!(
            text,
            "\n# orders of desk {n}: agreed with the desk, see the runbook before you change a number\n\
             trigger desk_{n} \"orders of desk {n} are slow or fail\" {{\n\
             \x20 hold     when latency_{s} > 300ms for 3m\n\
             \x20 rollback when (latency_{s} > 400ms and share_{s} > 3%) for 5m or avg(share_{s} over 10m) > 5.5%\n\
             \x20 clear    when latency_{s} < 280ms for 2m\n\
             \x20 given    count(latency_{s} over 5m) >= 10\n\
             \x20 unknown  hold, then rollback after 10m\n\
             \x20 runbook  \"https://runbooks.example/desks/{n}\"\n\
             \x20 owner    \"desk {n}\"\n}}"
        );
    }
    text
}
