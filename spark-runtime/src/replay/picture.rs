//! Pictures of signals: their samples, thinned so that a long time fits a screen and no spike is lost.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use spark_core::{Policy, Sample, SignalId, TimeSpan, Timestamp, Track};

use super::Axis;

/// Most gaps that a picture keeps: as many as it has pieces. A later one is drawn together with the one before it.
const GAPS_MAX: usize = super::BUCKETS_MAX;

/// A sample in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// When.
    pub at: Timestamp,
    /// In the signal's base unit.
    pub value: Decimal,
}

/// The samples of one piece of time: the first, the lowest, the highest and the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// The first.
    pub first: Spot,
    /// The lowest.
    pub low: Spot,
    /// The highest.
    pub high: Spot,
    /// The last.
    pub last: Spot,
}

impl Cell {
    const fn of(spot: Spot) -> Self {
        Self { first: spot, low: spot, high: spot, last: spot }
    }

    fn add(&mut self, spot: Spot) {
        if spot.value < self.low.value {
            self.low = spot;
        }
        if spot.value > self.high.value {
            self.high = spot;
        }
        self.last = spot;
    }

    /// Its samples in the order of time, each once.
    pub fn spots(&self) -> Vec<Spot> {
        let mut spots = vec![self.first, self.low, self.high, self.last];
        spots.sort_by_key(|spot| spot.at);
        spots.dedup();
        spots
    }
}

/// One series over the time of a backtest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Which signal.
    pub signal: SignalId,
    /// Of which version.
    pub track: Track,
    /// Its samples, piece by piece.
    pub cells: Vec<Option<Cell>>,
    /// When nothing could be believed: from which time to which, in order.
    pub gaps: Vec<(Timestamp, Timestamp)>,
    stale_after: TimeSpan,
    /// The newest value, or the time from which there was none.
    newest: Result<Timestamp, Timestamp>,
}

impl Picture {
    fn new(signal: SignalId, track: Track, stale_after: TimeSpan, axis: Axis) -> Self {
        let cells = vec![None; axis.buckets()];
        Self { signal, track, cells, gaps: Vec::new(), stale_after, newest: Err(axis.from()) }
    }

    fn take(&mut self, axis: Axis, sample: &Sample) {
        let at = sample.at;
        let Some(value) = sample.reading.value() else {
            if let Ok(newest) = self.newest {
                self.newest = Err(at.min(newest.plus(self.stale_after)));
            }
            return;
        };
        self.close(axis, at);
        self.newest = Ok(at);
        let spot = Spot { at, value };
        match axis.bucket(at).and_then(|bucket| self.cells.get_mut(bucket)) {
            Some(Some(cell)) => cell.add(spot),
            Some(slot) => *slot = Some(Cell::of(spot)),
            None => {}
        }
    }

    /// Ends a time without a value.
    fn close(&mut self, axis: Axis, at: Timestamp) {
        let from = match self.newest {
            Ok(newest) => newest.plus(self.stale_after),
            Err(since) => since,
        };
        let (from, to) = (from.max(axis.from()), at.min(axis.to()));
        if from >= to {
            return;
        }
        let full = self.gaps.len() >= GAPS_MAX;
        match self.gaps.last_mut() {
            Some(last) if full || last.1 >= from => last.1 = to,
            _ => self.gaps.push((from, to)),
        }
    }

    /// Whether nothing could be believed at some time between two samples.
    pub fn is_broken(&self, from: Timestamp, to: Timestamp) -> bool {
        let first = self.gaps.partition_point(|(_, end)| *end <= from);
        self.gaps.get(first).is_some_and(|(start, _)| *start < to)
    }
}

/// Pictures of all series that a backtest takes in.
#[derive(Debug, Clone)]
pub struct Pictures {
    axis: Axis,
    stale_after: Vec<TimeSpan>,
    series: BTreeMap<(SignalId, Track), Picture>,
}

impl Pictures {
    /// None yet.
    pub fn new(policy: &Policy, axis: Axis) -> Self {
        let stale_after = policy.signals().iter().map(|signal| signal.stale_after).collect();
        Self { axis, stale_after, series: BTreeMap::new() }
    }

    /// Takes a sample in.
    pub fn take(&mut self, sample: &Sample) {
        let stale_after = self.stale_after.get(sample.signal.index()).copied().unwrap_or_default();
        let axis = self.axis;
        let picture = self
            .series
            .entry((sample.signal, sample.track))
            .or_insert_with(|| Picture::new(sample.signal, sample.track, stale_after, axis));
        picture.take(axis, sample);
    }

    /// The pictures, by signal, the canary's before the baseline's.
    pub fn finish(self) -> Vec<Picture> {
        let axis = self.axis;
        let mut pictures: Vec<Picture> = self.series.into_values().collect();
        for picture in &mut pictures {
            picture.close(axis, axis.to());
        }
        pictures
    }
}
