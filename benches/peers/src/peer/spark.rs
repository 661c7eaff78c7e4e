//! Spark's engine: fresh samples of all signals, or of the one that changed, and a decision with its reasons.

use std::sync::Arc;

use rust_decimal::Decimal;
use spark_core::{Engine, Policy, Reading, Ruling, Sample, SignalId, TimeSpan, Timestamp, Track, Verdict};

use super::{Inputs, Peer};
use crate::triggers::{SIGNALS, spark_rules};

/// The policy of a text.
pub(crate) fn policy(text: &str) -> Arc<Policy> {
    let mut no_file = |name: &str| Err(format!("no `{name}`"));
    match spark_rules::load("peers.rules", text, &mut no_file) {
        Ok(loaded) => Arc::new(loaded.policy),
        Err(failed) => panic!("{failed:?}"),
    }
}

/// A value in milliseconds, as a sample.
pub(crate) fn sample(signal: usize, milliseconds: i64) -> Sample {
    let signal = SignalId(signal as u32);
    let reading = Reading::Value(Decimal::new(milliseconds, 3));
    Sample { signal, track: Track::Canary, at: Timestamp::EPOCH, reading }
}

/// Which triggers a ruling names.
pub(crate) fn mask(ruling: &Ruling<'_>, prefix: char) -> u32 {
    let number = |name: &str| name.strip_prefix(prefix).and_then(|n| n.parse::<u32>().ok()).expect("spark");
    match ruling.verdict() {
        Verdict::Rollback => ruling.because().fold(0, |mask, name| mask | 1 << number(name)),
        // pending and unknown ask for hold: nothing fires
        Verdict::Hold | Verdict::Proceed => 0,
    }
}

/// Reads a ruling as a caller would: what it says, and all that say so.
pub(crate) fn look(ruling: &Ruling<'_>) {
    std::hint::black_box(ruling.verdict());
    ruling.because().for_each(|name| {
        std::hint::black_box(name);
    });
}

pub(crate) struct Spark {
    engine: Engine,
    samples: Vec<[Sample; SIGNALS]>,
    at: Timestamp,
    incremental: bool,
}

impl Spark {
    /// Every decision after a fresh sample of each signal; or, incremental, of the one that changed.
    pub(crate) fn new(inputs: &Inputs, incremental: bool) -> Self {
        let of = |values: &[i64; SIGNALS]| std::array::from_fn(|signal| sample(signal, values[signal]));
        let samples: Vec<[Sample; SIGNALS]> = inputs.iter().map(of).collect();
        Self { engine: Engine::new(policy(&spark_rules())), samples, at: Timestamp::EPOCH, incremental }
    }

    fn answer(&mut self, input: usize) -> Ruling<'_> {
        self.at = self.at.plus(TimeSpan::from_seconds(1));
        let signals = match self.incremental && self.engine.last().is_some() {
            // the input before had the same values but for this one
            true => input % SIGNALS..input % SIGNALS + 1,
            false => 0..SIGNALS,
        };
        for sample in &mut self.samples[input][signals] {
            sample.at = self.at;
            self.engine.observe(sample);
        }
        self.engine.decide(self.at)
    }
}

impl Peer for Spark {
    fn mask(&mut self, input: usize) -> u32 {
        mask(&self.answer(input), 't')
    }

    fn decide(&mut self, input: usize) {
        look(&self.answer(input));
    }
}
