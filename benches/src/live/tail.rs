//! The tail of a hundred million samples, each timed once: `live --tail`. A preemption is in it; what the clock alone shows in
//! as many readings stands beside it.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use spark_core::Engine;

use super::rules::{Random, Way, instant, many, sample};

const SAMPLES: u32 = 100_000_000;
const TRIGGERS: usize = 20;
/// Times from here on are counted together.
const LONG: usize = 1 << 20;

/// How often each time came, in nanoseconds.
struct Times {
    counts: Vec<u32>,
    worst: u128,
}

impl Times {
    fn new() -> Self {
        Self { counts: vec![0; LONG], worst: 0 }
    }

    fn take(&mut self, start: Instant) {
        let nanos = start.elapsed().as_nanos();
        self.worst = self.worst.max(nanos);
        let slot = usize::try_from(nanos).unwrap_or(LONG).min(LONG - 1);
        if let Some(count) = self.counts.get_mut(slot) {
            *count += 1;
        }
    }

    /// The time that all but so many were not above.
    fn all_but(&self, above: u32) -> usize {
        let mut left = 0_u32;
        let place = self.counts.iter().rposition(|count| {
            left = left.saturating_add(*count);
            left > above
        });
        place.unwrap_or_default()
    }

    fn line(&self, name: &str) -> String {
        let (p9999, p999999) = (self.all_but(SAMPLES / 10_000), self.all_but(SAMPLES / 1_000_000));
        format!("{name:<24}{:>10}{p9999:>12}{p999999:>14}{:>14}\n", self.all_but(SAMPLES / 2), self.worst)
    }
}

/// A table of calm and hovering samples of few series and of many.
pub(crate) fn table() -> Result<String, String> {
    let mut table = format!("one of {SAMPLES} samples, ns, each timed once, {TRIGGERS} triggers a series\n");
    let _ = writeln!(table, "{:<24}{:>10}{:>12}{:>14}{:>14}", "", "p50", "p99.99", "p99.9999", "worst");
    let mut clock = Times::new();
    (0..SAMPLES).for_each(|_| clock.take(Instant::now()));
    table.push_str(&clock.line("the clock alone"));
    for way in Way::ALL {
        for series in [8, 10_000] {
            let times = timed(series, way)?;
            table.push_str(&times.line(&format!("{}, {series} series", way.name())));
        }
    }
    Ok(table)
}

fn timed(series: usize, way: Way) -> Result<Times, String> {
    let mut engine = Engine::new(many(series, TRIGGERS)?);
    let (mut times, mut random) = (Times::new(), Random::new());
    let mut left = SAMPLES;
    for second in 0.. {
        for signal in (0..series).take(left as usize) {
            let next = sample(signal, instant(second), way.value(&mut random));
            let start = Instant::now();
            let _ = black_box(engine.observe(&next));
            // the first round and the few after it are the warming up
            if second > 3 {
                times.take(start);
                left -= 1;
            }
        }
        let _ = black_box(engine.decide(instant(second)));
        if left == 0 {
            break;
        }
    }
    Ok(times)
}
