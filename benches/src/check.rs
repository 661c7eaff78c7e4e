//! Checking a large rule file: 10,000 triggers in 4 MB, parsed, checked and compiled.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

const TRIGGERS: usize = 10_000;
const PAIRS: usize = 7;
/// The goal: a rule author waits for it at every save.
const GOAL: Duration = Duration::from_secs(1);

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
        ours.push(timed(|| load(&text))?);
        peers.push(timed(|| super::peer::count(&text))?);
    }
    let (ours, peers) = (median(ours), median(peers));
    let megabytes = text.len() as f64 / 1e6;
    let ratio = ours.as_secs_f64() / peers.as_secs_f64();
    Ok(format!(
        "check {TRIGGERS} triggers, {megabytes:.1} MB (medians of {PAIRS} interleaved pairs)\n\
         parse, check, compile {ours:>10.3?}   goal {GOAL:?}: {}\n\
         pest alone            {peers:>10.3?}   ratio {ratio:.2}",
        if ours < GOAL { "met" } else { "missed" },
    ))
}

pub(crate) fn load(text: &str) -> Result<usize, String> {
    let mut no_file = |name: &str| Err(format!("no `{name}`"));
    match spark_rules::load("bench.rules", text, &mut no_file) {
        Ok(loaded) => Ok(loaded.policy.triggers().len()),
        Err(failed) => Err(format!("{failed:?}").chars().take(2_000).collect()),
    }
}

fn timed<T>(work: impl FnOnce() -> Result<T, String>) -> Result<Duration, String> {
    let start = Instant::now();
    std::hint::black_box(work()?);
    Ok(start.elapsed())
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Rules as a large house would have them: 200 signals, triggers with all their clauses.
pub(crate) fn rules(triggers: usize) -> String {
    let mut text = String::from("edition 2026\nevaluate every 15s\n\n");
    for n in 0..200 {
        // writing to a string cannot fail
        let _ = writeln!(text, "signal latency_{n} {{ is duration from push stale after 45s }}");
        let _ = writeln!(text, "signal share_{n}   {{ is ratio    from push stale after 45s }}");
    }
    for n in 0..triggers {
        let s = n.checked_rem(200).unwrap_or(0);
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
