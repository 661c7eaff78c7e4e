//! What a `given` makes: samples and restarts, in order of time, one at a time.

use rust_decimal::Decimal;
use spark_core::{Policy, Reading, Sample, TimeSpan, Timestamp};

use super::{Given, Series, TestStep};

/// The parts that noise is cut into: a sample differs by a whole number of thousandths of the noise, so that its value is
/// as short as what was written.
const NOISE_PARTS: i64 = 1_000;

/// What happens in a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A sample.
    Sample(Sample),
    /// Everything restarts.
    Restart(Timestamp),
}

impl Event {
    /// When, with the test's start as the Unix epoch.
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Sample(sample) => sample.at,
            Self::Restart(at) => *at,
        }
    }
}

/// The events of one series in order of time, endless where its last piece has no length.
///
/// ```
/// # let text = "edition 2026\nevaluate every 15s\nsignal p95 { is duration  from push }\n\
/// #   test \"t\" { given p95 200ms for 30s, then 450ms }";
/// # let loaded = spark_rules::load("a.rules", text, &mut |_| Err("none".to_owned())).unwrap();
/// // given p95 200ms for 30s, then 450ms
/// let events = spark_rules::test::Events::new(&loaded.policy, &loaded.tests[0].given[0]);
/// let times: Vec<String> = events.take(3).map(|event| event.at().to_string()).collect();
/// assert_eq!(times, ["1970-01-01T00:00:00Z", "1970-01-01T00:00:15Z", "1970-01-01T00:00:30Z"]);
/// ```
#[derive(Debug, Clone)]
pub struct Events<'a> {
    given: &'a Given,
    /// `evaluate every`.
    every: TimeSpan,
    seed: u64,
    /// The place of the step, when it starts, and how many samples of it there were.
    step: usize,
    start: Timestamp,
    sampled: u32,
    /// The value of the newest sample.
    level: Decimal,
    /// The value before the step.
    before: Decimal,
}

impl<'a> Events<'a> {
    /// The events of a series of a test of this policy.
    pub fn new(policy: &Policy, given: &'a Given) -> Self {
        let name = policy.signal(given.signal).map_or("", |signal| signal.name.as_str());
        Self {
            given,
            every: policy.every(),
            seed: seed(name, given.track.as_str()),
            step: 0,
            start: Timestamp::EPOCH,
            sampled: 0,
            level: Decimal::ZERO,
            before: Decimal::ZERO,
        }
    }

    /// When the series ends; none where it goes on.
    pub fn end(given: &Given, every: TimeSpan) -> Option<TimeSpan> {
        given.steps.iter().try_fold(TimeSpan::ZERO, |end, step| Some(end.plus(length(step, every)?)))
    }

    /// How many samples a series has up to `end`, or somewhat more.
    pub(super) fn count(given: &Given, every: TimeSpan, end: TimeSpan) -> u64 {
        let (mut start, mut count) = (TimeSpan::ZERO, 0u64);
        for step in &given.steps {
            if start > end {
                break;
            }
            let length = length(step, every).unwrap_or(TimeSpan::MAX);
            let samples = match step.series {
                Series::Nothing | Series::Restart => 0,
                _ if step.once => 1,
                _ => {
                    let lasts = length.min(end.minus(start)).nanos();
                    let samples = lasts.checked_div(between_samples(step, every).nanos()).unwrap_or(0);
                    u64::try_from(samples).unwrap_or(0).saturating_add(1)
                }
            };
            count = count.saturating_add(samples);
            start = start.plus(length);
        }
        count
    }

    /// Goes to the next step.
    fn leave(&mut self, length: TimeSpan) {
        self.start = self.start.plus(length);
        self.step = self.step.saturating_add(1);
        self.sampled = 0;
        self.before = self.level;
    }

    fn reading(&mut self, step: &TestStep, passed: TimeSpan) -> Reading {
        let value = match &step.series {
            Series::Value { value, noise } => value.checked_add(self.noise(*noise)),
            Series::Ramp { from, to } => between(*from, *to, passed, step.duration.unwrap_or(TimeSpan::ZERO)),
            Series::Rises { by } => {
                let rises = match step.every.filter(|every| !every.is_zero()) {
                    Some(every) => Decimal::from(passed.nanos().checked_div(every.nanos()).unwrap_or(0)),
                    None => Decimal::from(self.sampled),
                };
                // the first sample has risen already
                let rises = rises.checked_add(Decimal::ONE);
                rises.and_then(|rises| by.checked_mul(rises)).and_then(|by| self.before.checked_add(by))
            }
            Series::NotANumber => return Reading::NotANumber,
            Series::Infinite { negative } => return Reading::Infinite { negative: *negative },
            Series::Failed(words) => return Reading::Failed(words.clone()),
            // these have no samples
            Series::Nothing | Series::Restart => None,
        };
        let Some(value) = value else { return Reading::OutOfRange };
        self.level = value;
        Reading::Value(value.normalize())
    }

    /// By how much a sample differs: the same for the same signal, version, step and place in it, in every run.
    fn noise(&self, noise: Decimal) -> Decimal {
        if noise.is_zero() {
            return Decimal::ZERO;
        }
        let place = u64::try_from(self.step).unwrap_or(0).rotate_left(32) ^ u64::from(self.sampled);
        let choices = NOISE_PARTS.saturating_mul(2).saturating_add(1).unsigned_abs();
        let chosen = mixed(self.seed ^ mixed(place)).checked_rem(choices).unwrap_or(0);
        let parts = i64::try_from(chosen).unwrap_or(0).saturating_sub(NOISE_PARTS);
        let part = Decimal::from(parts).checked_div(Decimal::from(NOISE_PARTS));
        part.and_then(|part| noise.checked_mul(part)).unwrap_or(Decimal::ZERO)
    }
}

impl Iterator for Events<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        loop {
            let step = self.given.steps.get(self.step)?;
            let length = length(step, self.every);
            match step.series {
                Series::Nothing => {
                    self.leave(length?);
                    continue;
                }
                Series::Restart => {
                    let at = self.start.plus(length.unwrap_or(TimeSpan::ZERO));
                    self.leave(length.unwrap_or(TimeSpan::ZERO));
                    (self.level, self.before) = (Decimal::ZERO, Decimal::ZERO);
                    return Some(Event::Restart(at));
                }
                _ => {}
            }
            let passed = to_first(step, self.start, self.every)
                .plus(between_samples(step, self.every).times(self.sampled));
            let over = length.is_some_and(|length| passed >= length) || (step.once && self.sampled > 0);
            if over || self.sampled == u32::MAX {
                self.leave(length?);
                continue;
            }
            let at = self.start.plus(passed);
            let reading = self.reading(step, passed);
            self.sampled = self.sampled.saturating_add(1);
            return Some(Event::Sample(Sample {
                signal: self.given.signal,
                track: self.given.track,
                at,
                reading,
            }));
        }
    }
}

/// How long a step lasts; none where it goes on.
fn length(step: &TestStep, every: TimeSpan) -> Option<TimeSpan> {
    match (step.duration, &step.series) {
        (Some(length), _) => Some(length),
        (None, Series::Restart) => Some(TimeSpan::ZERO),
        (None, _) if step.once => Some(between_samples(step, every)),
        (None, _) => None,
    }
}

/// From a step's start to its first sample: samples come at the multiples of `evaluate every`, wherever a step begins, but
/// where the step says how often it is sampled.
fn to_first(step: &TestStep, start: Timestamp, every: TimeSpan) -> TimeSpan {
    match (step.every.filter(|every| !every.is_zero()), &step.series) {
        (Some(_), Series::Rises { .. }) | (None, _) => start.next_multiple(every).since(start),
        (Some(_), _) => TimeSpan::ZERO,
    }
}

/// The time between two samples of a step.
fn between_samples(step: &TestStep, every: TimeSpan) -> TimeSpan {
    match (step.every.filter(|every| !every.is_zero()), &step.series) {
        // it says how often it rises, not how often it is looked at
        (Some(_), Series::Rises { .. }) | (None, _) => every,
        (Some(said), _) => said,
    }
}

/// The value on the straight line from one value to another.
fn between(from: Decimal, to: Decimal, passed: TimeSpan, whole: TimeSpan) -> Option<Decimal> {
    let way = to.checked_sub(from)?.checked_mul(passed.seconds())?;
    from.checked_add(way.checked_div(whole.seconds())?)
}

/// FNV-1a: it tells series apart, and is the same on every platform.
fn seed(name: &str, track: &str) -> u64 {
    let bytes = name.bytes().chain([0]).chain(track.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The mixer of SplitMix64: neighbouring places get unlike numbers.
const fn mixed(place: u64) -> u64 {
    let mut x = place.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
