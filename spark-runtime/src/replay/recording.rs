//! A recording: the records of sample files, held to the rules of arrival, in the order of time.

use std::collections::{BTreeMap, BTreeSet};

use spark_core::metrics::{Ceiling, Ceilings};
use spark_core::{Policy, Reading, Sample, SignalId, Source, TimeSpan, Timestamp, Track, Verdict};

use super::{Instants, ReplayError, Summary};
use crate::source::file::Record;

/// Records of sample files.
///
/// What is kept is decided per series in the order of the files, as the engine does live: older than the series'
/// newest is dropped; the newest again is nothing; its time with another value is a conflict, and the first
/// stays. What was kept then stands in the order of time.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    // INVARIANT: ordered by time; within a series, times rise
    kept: Vec<Record>,
    given: BTreeSet<(SignalId, Track)>,
    /// The metrics whose points it has.
    metrics: BTreeSet<String>,
    /// Names that no signal has, with how many samples stand under each.
    undeclared: BTreeMap<String, u64>,
    span: Option<(Timestamp, Timestamp)>,
    samples: u64,
    dropped: u64,
    conflicts: u64,
}

impl Recording {
    /// A recording from records in the order of their files.
    pub fn new(records: impl IntoIterator<Item = Record>) -> Self {
        let mut recording = Self::default();
        let mut series = Series::default();
        for record in records {
            recording.take(record, &mut series);
        }
        recording.kept.sort_by_key(Record::at);
        recording
    }

    /// A recording from samples, as a range query gives them.
    pub fn from_samples(samples: Vec<Sample>) -> Self {
        Self::new(samples.into_iter().map(Record::Sample))
    }

    fn take(&mut self, record: Record, series: &mut Series) {
        let at = record.at();
        self.samples = self.samples.saturating_add(1);
        if let Record::Undeclared { name, .. } = &record {
            match self.undeclared.get_mut(name) {
                Some(count) => *count = count.saturating_add(1),
                None => {
                    self.undeclared.insert(name.clone(), 1);
                }
            }
        }
        let arrival = series.arrive(&record);
        if !matches!(arrival, Arrival::Late) {
            // what is dropped opens no instants: nothing could be known at them
            self.span = Some(self.span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        }
        match arrival {
            Arrival::New => {
                match &record {
                    Record::Sample(sample) => {
                        self.given.insert((sample.signal, sample.track));
                    }
                    Record::Point(_, point) => {
                        if !self.metrics.contains(&point.metric) {
                            self.metrics.insert(point.metric.clone());
                        }
                    }
                    // it counts, and nothing reads it
                    Record::Undeclared { .. } => return,
                }
                self.kept.push(record);
            }
            Arrival::Repeated => {}
            Arrival::Late => self.dropped = self.dropped.saturating_add(1),
            Arrival::Conflict => self.conflicts = self.conflicts.saturating_add(1),
        }
    }

    /// The instants of its replay: from the first sample's time to the last one's, undeclared signals included.
    ///
    /// # Errors
    /// There is no sample, or no instant between them, or there are too many.
    pub fn instants(&self, every: TimeSpan) -> Result<Instants, ReplayError> {
        let (from, to) = self.span.ok_or(ReplayError::NoSamples)?;
        Instants::within(from, to, every)
    }

    /// The time of the first kept record that has a reading, be it none that can be decided from.
    pub(super) fn first_reading(&self) -> Option<Timestamp> {
        let failed = |record: &&Record| match record {
            Record::Sample(sample) => matches!(sample.reading, Reading::Failed(_)),
            Record::Point(..) | Record::Undeclared { .. } => false,
        };
        self.kept.iter().find(|record| !failed(record)).map(Record::at)
    }

    /// The same, with the records before `from` not counted: they are history.
    #[must_use]
    pub fn counted_from(mut self, from: Timestamp) -> Self {
        let earlier = self.kept.partition_point(|record| record.at() < from);
        self.samples = self.samples.saturating_sub(u64::try_from(earlier).unwrap_or(u64::MAX));
        self
    }

    /// How high its quantiles can read, by the buckets of its canary's histograms at any time of it. A signal whose
    /// samples it gives is not computed, and has no ceiling.
    pub fn ceilings(&self, policy: &Policy) -> Vec<Ceiling> {
        let mut ceilings = Ceilings::new(policy);
        for record in &self.kept {
            if let Record::Point(track, point) = record {
                ceilings.see(*track, point);
            }
        }
        ceilings.known().filter(|known| !self.given.contains(&(known.signal, Track::Canary))).collect()
    }

    /// The names in it that no signal of the rules has, with how many samples stand under each: nothing reads them.
    pub const fn undeclared(&self) -> &BTreeMap<String, u64> {
        &self.undeclared
    }

    /// What the rules read and it has nothing of: neither a sample nor, of a signal that is computed from metrics, a
    /// point of any of them. It is unknown throughout.
    pub fn missing(&self, policy: &Policy) -> Vec<(SignalId, Track)> {
        let canary = policy.read_signals().into_iter().map(|id| (id, Track::Canary));
        let baseline = policy.baseline_signals().into_iter().map(|id| (id, Track::Baseline));
        let has_points = |id: SignalId| match policy.signal(id).map(|signal| &signal.source) {
            Some(Source::Metrics(expression)) => {
                let mut any = false;
                expression.root.metrics(&mut |metric| any |= self.metrics.contains(&metric));
                any
            }
            _ => false,
        };
        canary
            .chain(baseline)
            .filter(|series| !self.given.contains(series) && !has_points(series.0))
            .collect()
    }

    /// How many samples the files hold.
    pub const fn samples(&self) -> u64 {
        self.samples
    }

    /// How many of them came too late in their series.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many contradicted the one before them.
    pub const fn conflicts(&self) -> u64 {
        self.conflicts
    }

    /// What a replay of it was made of, and how it ended.
    pub(super) const fn summary(&self, instants: Instants, evaluations: u64, decision: Verdict) -> Summary {
        Summary {
            from: instants.from(),
            to: instants.to(),
            evaluations,
            samples: self.samples,
            dropped: self.dropped,
            conflicts: self.conflicts,
            decision,
        }
    }

    pub(super) fn records(&self) -> &[Record] {
        &self.kept
    }

    pub(super) fn has_points(&self) -> bool {
        !self.metrics.is_empty()
    }

    pub(super) const fn given(&self) -> &BTreeSet<(SignalId, Track)> {
        &self.given
    }
}

enum Arrival {
    New,
    Repeated,
    Late,
    Conflict,
}

/// The newest of a series: its time and its value.
type Newest = (Timestamp, Reading);

type ByLabels = BTreeMap<BTreeMap<String, String>, Newest>;

/// The newest of each series, keyed so that a known series is found without copying its name.
#[derive(Default)]
struct Series {
    samples: BTreeMap<(SignalId, Track), Newest>,
    points: BTreeMap<Track, BTreeMap<String, ByLabels>>,
    undeclared: BTreeMap<Track, BTreeMap<String, Newest>>,
}

impl Series {
    fn arrive(&mut self, record: &Record) -> Arrival {
        match record {
            Record::Sample(sample) => {
                let key = (sample.signal, sample.track);
                let newest = self.samples.get_mut(&key);
                compare(newest, sample.at, &sample.reading).unwrap_or_else(|newest| {
                    self.samples.insert(key, newest);
                    Arrival::New
                })
            }
            Record::Point(track, point) => {
                let metrics = self.points.entry(*track).or_default();
                let newest = metrics.get_mut(&point.metric).and_then(|by| by.get_mut(&point.labels));
                compare(newest, point.at, &point.reading).unwrap_or_else(|newest| {
                    let by_labels = metrics.entry(point.metric.clone()).or_default();
                    by_labels.insert(point.labels.clone(), newest);
                    Arrival::New
                })
            }
            Record::Undeclared { name, track, at, reading } => {
                let names = self.undeclared.entry(*track).or_default();
                compare(names.get_mut(name), *at, reading).unwrap_or_else(|newest| {
                    names.insert(name.clone(), newest);
                    Arrival::New
                })
            }
        }
    }
}

/// How a record arrives in its series; the series' first newest where there is no series yet.
fn compare(newest: Option<&mut Newest>, at: Timestamp, reading: &Reading) -> Result<Arrival, Newest> {
    let Some(newest) = newest else { return Err((at, reading.clone())) };
    Ok(match at.cmp(&newest.0) {
        std::cmp::Ordering::Less => Arrival::Late,
        std::cmp::Ordering::Equal if newest.1 == *reading => Arrival::Repeated,
        std::cmp::Ordering::Equal => Arrival::Conflict,
        std::cmp::Ordering::Greater => {
            *newest = (at, reading.clone());
            Arrival::New
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u32) -> Timestamp {
        Timestamp::EPOCH.plus(TimeSpan::from_seconds(seconds))
    }

    fn sample(seconds: u32, value: i64) -> Record {
        Record::Sample(Sample {
            signal: SignalId(0),
            track: Track::Canary,
            at: at(seconds),
            reading: Reading::Value(value.into()),
        })
    }

    fn nan(seconds: u32) -> Record {
        Record::Sample(Sample {
            signal: SignalId(0),
            track: Track::Canary,
            at: at(seconds),
            reading: Reading::NotANumber,
        })
    }

    fn check(records: Vec<Record>, kept: usize, dropped: u64, conflicts: u64) {
        let count = u64::try_from(records.len()).unwrap();
        let recording = Recording::new(records);
        assert_eq!(
            (recording.records().len(), recording.dropped(), recording.conflicts(), recording.samples()),
            (kept, dropped, conflicts, count)
        );
    }

    /// A sample older than its series' newest is dropped, even one that repeats a kept one.
    #[test]
    fn late() {
        check(vec![sample(10, 1), sample(20, 2), sample(10, 1), sample(15, 3)], 2, 2, 0);
    }

    /// The newest again is nothing, two NaNs included; its time with another value is a conflict.
    #[test]
    fn repeated_and_conflicting() {
        check(vec![sample(10, 1), sample(10, 1), sample(10, 2), sample(10, 1)], 1, 0, 1);
        check(vec![nan(10), nan(10), sample(10, 2)], 1, 0, 1);
    }

    /// Undeclared samples are counted and span time, but nothing reads them.
    #[test]
    fn undeclared() {
        let other = |seconds: u32, value: i64| Record::Undeclared {
            name: "other".to_owned(),
            track: Track::Canary,
            at: at(seconds),
            reading: Reading::Value(value.into()),
        };
        let records =
            vec![other(0, 1), sample(10, 1), other(40, 1), other(40, 1), other(40, 2), other(20, 1)];
        let instants = Recording::new(records.clone()).instants(TimeSpan::from_seconds(15)).unwrap();
        assert_eq!((instants.from().nanos(), instants.count()), (0, 3));
        check(records, 1, 1, 1);
    }

    /// A span of time that would take millions of evaluations is refused, as is one without an instant.
    #[test]
    fn too_long_or_nothing() {
        let every = TimeSpan::from_seconds(15);
        let long = Recording::new(vec![sample(0, 1), sample(1_767_226_500, 1)]).instants(every);
        assert!(matches!(long, Err(ReplayError::TooLong { .. })), "{long:?}");
        let none = Recording::new(vec![sample(1, 1), sample(14, 1)]).instants(every);
        assert!(matches!(none, Err(ReplayError::NoInstant { .. })), "{none:?}");
        assert_eq!(Recording::default().instants(every), Err(ReplayError::NoSamples));
    }
}
