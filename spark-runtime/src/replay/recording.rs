//! A recording: the records of sample files, held to the rules of arrival, in the order of time.

use std::collections::{BTreeMap, BTreeSet};

use spark_core::column::Column;
use spark_core::metrics::{Ceiling, Ceilings, MetricPoint};
use spark_core::{Observed, Policy, Reading, Sample, SignalId, Source, TimeSpan, Timestamp, Track, Verdict};

use super::{Instants, ReplayError, Summary};
use crate::source::file::Record;

/// Records of sample files.
///
/// What is kept is decided per series in the order of the files, as the engine does live: older than the series'
/// newest is dropped; the newest again is nothing; its time with another value is a conflict, and the first
/// stays. Samples are kept in a column a series, a few bytes each; points stand in the order of time.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    columns: Vec<Column>,
    /// Which series stands in which of them.
    places: BTreeMap<(SignalId, Track), usize>,
    // INVARIANT: ordered by time once the recording is whole
    points: Vec<(Track, MetricPoint)>,
    /// The metrics whose points it has.
    metrics: BTreeSet<String>,
    /// Names that no signal has, with how many samples stand under each.
    undeclared: BTreeMap<String, u64>,
    span: Option<(Timestamp, Timestamp)>,
    samples: u64,
    dropped: u64,
    conflicts: u64,
}

/// Makes a recording from records as they come, in the order of their files.
#[derive(Debug, Default)]
pub struct Recorder {
    recording: Recording,
    series: Series,
}

impl Recorder {
    /// Takes a record in.
    pub fn take(&mut self, record: Record) {
        let Self { recording, series } = self;
        let at = record.at();
        let arrival = match record {
            Record::Sample(sample) => {
                let place = recording.place(sample.signal, sample.track);
                recording
                    .columns
                    .get_mut(place)
                    .map_or(Observed::Undeclared, |column| column.observe(at, &sample.reading))
            }
            Record::Point(track, point) => {
                let arrival = series.point(track, &point);
                if arrival == Observed::Kept {
                    if !recording.metrics.contains(&point.metric) {
                        recording.metrics.insert(point.metric.clone());
                    }
                    recording.points.push((track, point));
                }
                arrival
            }
            Record::Undeclared { name, track, at, reading } => {
                // it counts, and nothing reads it
                match recording.undeclared.get_mut(&name) {
                    Some(count) => *count = count.saturating_add(1),
                    None => {
                        recording.undeclared.insert(name.clone(), 1);
                    }
                }
                series.undeclared(&name, track, at, &reading)
            }
        };
        recording.count(at, arrival);
    }

    /// The place of a series, for [`Recorder::take_number`].
    pub(crate) fn place(&mut self, signal: SignalId, track: Track) -> usize {
        self.recording.place(signal, track)
    }

    /// Takes in a sample of the series at a place, whose value is `mantissa` / 10^`scale`: what most rows of a file are.
    pub(crate) fn take_number(&mut self, place: usize, at: Timestamp, mantissa: i64, scale: u32) {
        if let Some(column) = self.recording.columns.get_mut(place) {
            let arrival = column.observe_number(at, mantissa, scale);
            self.recording.count(at, arrival);
        }
    }

    /// As [`Recorder::take_number`], of samples that follow each other: a time and a mantissa each.
    pub(crate) fn take_numbers(&mut self, place: usize, times: &[Timestamp], mantissas: &[i64], scale: u32) {
        let Some(column) = self.recording.columns.get_mut(place) else { return };
        let ends = times.first().zip(times.last()).filter(|_| column.extend(times, mantissas, scale));
        match ends {
            Some((first, last)) => {
                let between = u64::try_from(times.len()).unwrap_or(u64::MAX).saturating_sub(2);
                self.recording.samples = self.recording.samples.saturating_add(between);
                self.recording.count(*first, Observed::Kept);
                self.recording.count(*last, Observed::Kept);
            }
            None => times.iter().zip(mantissas).for_each(|(at, mantissa)| {
                self.take_number(place, *at, *mantissa, scale);
            }),
        }
    }

    /// The recording, once there is no more.
    pub fn finish(self) -> Recording {
        let mut recording = self.recording;
        recording.points.sort_by_key(|(_, point)| point.at);
        recording
    }
}

impl Recording {
    /// A recording from records in the order of their files.
    pub fn new(records: impl IntoIterator<Item = Record>) -> Self {
        let mut recorder = Recorder::default();
        records.into_iter().for_each(|record| recorder.take(record));
        recorder.finish()
    }

    /// A recording from samples, as a range query gives them.
    pub fn from_samples(samples: Vec<Sample>) -> Self {
        Self::new(samples.into_iter().map(Record::Sample))
    }

    fn place(&mut self, signal: SignalId, track: Track) -> usize {
        let Self { columns, places, .. } = self;
        *places.entry((signal, track)).or_insert_with(|| {
            columns.push(Column::default());
            columns.len().saturating_sub(1)
        })
    }

    fn count(&mut self, at: Timestamp, arrival: Observed) {
        self.samples = self.samples.saturating_add(1);
        match arrival {
            // what is dropped opens no instants: nothing could be known at them
            Observed::Late => {
                self.dropped = self.dropped.saturating_add(1);
                return;
            }
            Observed::Conflict => self.conflicts = self.conflicts.saturating_add(1),
            Observed::Kept | Observed::Repeated | Observed::Undeclared => {}
        }
        self.span = Some(self.span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
    }

    /// The series that have samples.
    pub(super) fn series(&self) -> impl Iterator<Item = (SignalId, Track, &Column)> {
        self.places
            .iter()
            .filter_map(|((signal, track), place)| Some((*signal, *track, self.columns.get(*place)?)))
    }

    /// The samples of one series; none where it has none.
    pub fn samples_of(&self, signal: SignalId, track: Track) -> Option<&Column> {
        self.places.get(&(signal, track)).and_then(|place| self.columns.get(*place))
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
        let answered = |column: &Column| {
            let place =
                (0..column.len()).find(|place| !matches!(column.reading(*place), Some(Reading::Failed(_))));
            place.and_then(|place| column.at(place))
        };
        let samples = self.series().filter_map(|(_, _, column)| answered(column)).min();
        let points = self.points.first().map(|(_, point)| point.at);
        samples.into_iter().chain(points).min()
    }

    /// The same, with the records before `from` not counted: they are history.
    #[must_use]
    pub fn counted_from(mut self, from: Timestamp) -> Self {
        let just_before = from.minus(TimeSpan::from_nanos(1));
        let samples =
            self.series().fold(0usize, |sum, (_, _, column)| sum.saturating_add(column.seen(just_before)));
        let points = self.points.partition_point(|(_, point)| point.at < from);
        let earlier = samples.saturating_add(points);
        self.samples = self.samples.saturating_sub(u64::try_from(earlier).unwrap_or(u64::MAX));
        self
    }

    /// How high its quantiles can read, by the buckets of its canary's histograms at any time of it. A signal whose
    /// samples it gives is not computed, and has no ceiling.
    pub fn ceilings(&self, policy: &Policy) -> Vec<Ceiling> {
        let mut ceilings = Ceilings::new(policy);
        for (track, point) in &self.points {
            ceilings.see(*track, point);
        }
        ceilings.known().filter(|known| !self.places.contains_key(&(known.signal, Track::Canary))).collect()
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
            .filter(|series| !self.places.contains_key(series) && !has_points(series.0))
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

    pub(super) fn points(&self) -> &[(Track, MetricPoint)] {
        &self.points
    }

    pub(super) fn has_points(&self) -> bool {
        !self.metrics.is_empty()
    }

    /// Whether it has samples of a series.
    pub(super) fn has(&self, signal: SignalId, track: Track) -> bool {
        self.places.contains_key(&(signal, track))
    }
}

/// The newest of a series: its time and its value.
type Newest = (Timestamp, Reading);

type ByLabels = BTreeMap<BTreeMap<String, String>, Newest>;

/// The newest of each series that has no column, keyed so that a known one is found without copying its name.
#[derive(Debug, Default)]
struct Series {
    points: BTreeMap<Track, BTreeMap<String, ByLabels>>,
    undeclared: BTreeMap<Track, BTreeMap<String, Newest>>,
}

impl Series {
    fn point(&mut self, track: Track, point: &MetricPoint) -> Observed {
        let metrics = self.points.entry(track).or_default();
        let newest = metrics.get_mut(&point.metric).and_then(|by| by.get_mut(&point.labels));
        compare(newest, point.at, &point.reading).unwrap_or_else(|newest| {
            let by_labels = metrics.entry(point.metric.clone()).or_default();
            by_labels.insert(point.labels.clone(), newest);
            Observed::Kept
        })
    }

    fn undeclared(&mut self, name: &str, track: Track, at: Timestamp, reading: &Reading) -> Observed {
        let names = self.undeclared.entry(track).or_default();
        compare(names.get_mut(name), at, reading).unwrap_or_else(|newest| {
            names.insert(name.to_owned(), newest);
            Observed::Kept
        })
    }
}

/// How a record arrives in its series; the series' first newest where there is no series yet.
fn compare(newest: Option<&mut Newest>, at: Timestamp, reading: &Reading) -> Result<Observed, Newest> {
    let Some(newest) = newest else { return Err((at, reading.clone())) };
    Ok(match at.cmp(&newest.0) {
        std::cmp::Ordering::Less => Observed::Late,
        std::cmp::Ordering::Equal if newest.1 == *reading => Observed::Repeated,
        std::cmp::Ordering::Equal => Observed::Conflict,
        std::cmp::Ordering::Greater => {
            *newest = (at, reading.clone());
            Observed::Kept
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

    fn kept_by(recording: &Recording) -> usize {
        recording.series().map(|(_, _, column)| column.len()).sum()
    }

    fn check(records: Vec<Record>, kept: usize, dropped: u64, conflicts: u64) {
        let count = u64::try_from(records.len()).unwrap();
        let recording = Recording::new(records);
        assert_eq!(
            (kept_by(&recording), recording.dropped(), recording.conflicts(), recording.samples()),
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
