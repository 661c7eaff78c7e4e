//! What a sample costs, and what the worst of many costs.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use spark_core::{Engine, Policy, Sample};

use super::rules::{Random, Way, instant, many, sample};
use super::stopwatch::{Least, PASSES, nothing};

/// Samples that are timed as one, so that the clock's own cost is a small part.
const BATCH: usize = 64;
const SAMPLES: usize = 1 << 16;

/// A table over series and triggers.
pub(crate) fn table() -> Result<String, String> {
    let clock = nothing(1 << 14);
    let mut table =
        String::from("a sample, 1 s apart for each series, a decision after each round of them\n");
    let _ = writeln!(
        table,
        "{:<10} {:>8} {:>10} {:>10} {:>12} {:>12}",
        "", "series", "triggers", "ns", "p99.99 ns", "worst ns"
    );
    for way in Way::ALL {
        let mut first = None;
        for (series, each) in [(1, 20), (8, 20), (100, 20), (10_000, 20), (1, 200)] {
            let policy = many(series, each)?;
            let (many, single) = timed(&policy, series, way);
            let alone = (many.mean() - clock.mean()) / series.min(BATCH) as f64;
            let (p9999, worst) = single.tail(9_999);
            let first = *first.get_or_insert(alone);
            let ratio = alone / first;
            let _ = writeln!(
                table,
                "{:<10} {series:>8} {each:>10} {alone:>10.1} {p9999:>12} {worst:>12} {ratio:>8.2} × the first",
                way.name(),
            );
        }
    }
    let (p9999, worst) = nothing(SAMPLES).tail(9_999);
    let _ = writeln!(table, "the clock alone: mean {:.1}, p99.99 {p9999}, worst {worst}", clock.mean());
    Ok(table)
}

/// The samples in order: rounds over all series.
fn rounds(series: usize, way: Way) -> Vec<Sample> {
    let mut random = Random::new();
    let place =
        |n: usize| (n.checked_rem(series).unwrap_or_default(), n.checked_div(series).unwrap_or_default());
    let one = |n: usize| {
        let (signal, round) = place(n);
        sample(signal, instant(round), way.value(&mut random))
    };
    (0..SAMPLES).map(one).collect()
}

/// Feeds samples and times each batch; a decision is made between two rounds, apart from what is timed.
fn feed(engine: &mut Engine, samples: &[Sample], series: usize, batch: usize, least: &mut Least) {
    let mut step: usize = 0;
    for round in samples.chunks(series) {
        for batch in round.chunks(batch) {
            let start = Instant::now();
            for sample in batch {
                let _ = black_box(engine.observe(sample));
            }
            least.take(step, start);
            step = step.saturating_add(1);
        }
        if let Some(last) = round.last() {
            let _ = black_box(engine.decide(last.at));
        }
    }
}

/// The times of batches, and of single samples, each of a half of the samples.
fn timed(policy: &Arc<Policy>, series: usize, way: Way) -> (Least, Least) {
    let samples = rounds(series, way);
    let (first, second) = samples.split_at(samples.len() / 2);
    let mut least = (Least::default(), Least::default());
    for _ in 0..PASSES {
        let mut engine = Engine::new(policy.clone());
        feed(&mut engine, first, series, BATCH, &mut least.0);
        feed(&mut engine, second, series, 1, &mut least.1);
    }
    least
}
