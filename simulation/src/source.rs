//! What is measured, and all the ways in which it is measured wrongly.

use rust_decimal::Decimal;
use spark_core::{Reading, Sample, SignalId, TimeSpan, Timestamp, Track};
use spark_runtime::runner::SampleSource;

use crate::fault::Fault;
use crate::world::{DAY, MS, SECOND, Shared, World, lock, wait};

pub struct SimSource {
    pub world: Shared,
    pub process: usize,
}

impl World {
    fn is_bad(&self) -> bool {
        // a release that nobody sees does no harm
        self.traffic.share > 0 && self.bad.iter().any(|(from, to)| (*from..*to).contains(&self.now))
    }

    fn honest(&mut self, at: Timestamp) -> Vec<Sample> {
        let bad = self.is_bad();
        self.counter += 5;
        let counter = self.counter;
        let mut samples = Vec::with_capacity(self.rules.signals.len() + 1);
        for (place, made) in self.rules.signals.iter().enumerate() {
            let signal = SignalId(place as u32);
            let value = match (made.counter, bad) {
                (true, _) => Decimal::from(counter),
                (false, true) => made.bad,
                (false, false) => made.good,
            };
            samples.push(Sample { signal, track: Track::Canary, at, reading: Reading::Value(value) });
            if made.baseline {
                samples.push(Sample {
                    signal,
                    track: Track::Baseline,
                    at,
                    reading: Reading::Value(made.good),
                });
            }
        }
        samples
    }

    /// One sample gone wrong.
    fn spoil(&mut self, samples: &mut Vec<Sample>, place: usize) {
        let second = |count: i64| TimeSpan::from_nanos(count * SECOND);
        let sample = &mut samples[place];
        let counter = self.rules.signals[sample.signal.index()].counter;
        let fault = match self.rng.below(11) {
            0..=5 if counter => Fault::CounterReset,
            0 => Fault::SampleTwice,
            1 => Fault::SampleConflict,
            2 => Fault::SampleLate,
            3 => Fault::NotANumber,
            4 => Fault::Infinite,
            5 => Fault::Negative,
            6 => Fault::OutOfRange,
            7 => Fault::FutureSample,
            8 => Fault::NoTraffic,
            9 => Fault::StaleSample,
            _ => Fault::WrongTrack,
        };
        match fault {
            Fault::SampleTwice => {
                let again = sample.clone();
                samples.push(again);
            }
            Fault::SampleConflict => {
                let other = Sample { reading: Reading::Value(Decimal::ZERO), ..sample.clone() };
                samples.push(other);
            }
            Fault::SampleLate => {
                let late = Sample { at: sample.at.minus(second(2)), ..sample.clone() };
                samples.push(late);
            }
            Fault::NotANumber | Fault::NoTraffic => sample.reading = Reading::NotANumber,
            Fault::Infinite => sample.reading = Reading::Infinite { negative: false },
            Fault::Negative => sample.reading = Reading::Infinite { negative: true },
            Fault::OutOfRange => sample.reading = Reading::OutOfRange,
            Fault::FutureSample => sample.at = sample.at.plus(second(3)),
            Fault::CounterReset => {
                self.counter = 0;
                sample.reading = Reading::Value(Decimal::ZERO);
            }
            Fault::StaleSample => sample.at = sample.at.minus(second(4)),
            Fault::WrongTrack => {
                sample.track = match sample.track {
                    Track::Canary => Track::Baseline,
                    Track::Baseline => Track::Canary,
                };
            }
            _ => {}
        }
        self.happens(fault);
    }
}

impl SampleSource for SimSource {
    async fn samples(&mut self, at: Timestamp) -> Vec<Sample> {
        let (silent, slow, now) = {
            let mut world = lock(&self.world);
            let part = world.weather.sources;
            let silent = world.strikes(part, Fault::SourceSilent);
            let slow = !silent && world.strikes(part, Fault::SourceSlow);
            (silent, slow, world.now)
        };
        let until = match (silent, slow) {
            (true, _) => i64::MAX,
            (_, true) => now + 700 * MS,
            _ => i64::MIN,
        };
        wait(&self.world, self.process, until).await;
        let mut world = lock(&self.world);
        let mut samples = world.honest(at);
        let part = world.weather.sources;
        if world.strikes(part / 2, Fault::Empty) {
            return Vec::new();
        }
        if samples.len() > 1 && world.strikes(part / 2, Fault::Partial) {
            let place = world.rng.below(samples.len() as u64) as usize;
            samples.remove(place);
        }
        for place in 0..samples.len() {
            let part = world.weather.samples;
            if !world.calm() && world.rng.permille(part) {
                world.spoil(&mut samples, place);
            }
        }
        debug_assert!(at.nanos() > DAY / 2);
        samples
    }
}
