//! The samples of one series that the engine still needs.

use std::collections::VecDeque;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::decision::Observed;
use crate::signal::Reading;
use crate::time::{TimeSpan, Timestamp};

/// Samples kept of one series, at the most. At one a second it is 12 days, beyond any window that a stage
/// of a rollout can fill; 64 bytes each make 64 MiB. The oldest go first, so a window that would need them is
/// unknown, never wrong.
const POINTS_MAX: usize = 1 << 20;

/// One sample of a series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Point {
    pub(super) at: Timestamp,
    pub(super) reading: Reading,
}

/// What a series says at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Newest<'a> {
    /// Nothing was ever seen.
    Nothing,
    /// The source's last word is that it failed.
    Failed,
    /// The newest sample.
    Point(&'a Point),
}

/// One series: its samples in order of time, and the source's last failure.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct History {
    // INVARIANT: strictly rising in time
    points: VecDeque<Point>,
    /// A failure is no sample: it leaves the samples before it for windows, and ends with the next one kept.
    failure: Option<(Timestamp, String)>,
}

impl History {
    pub(super) fn observe(&mut self, at: Timestamp, reading: &Reading) -> Observed {
        if let Reading::Failed(words) = reading {
            self.failure = Some((at, words.clone()));
            return Observed::Kept;
        }
        if let Some(newest) = self.points.back() {
            if at < newest.at {
                return Observed::Late;
            }
            if at == newest.at {
                return if *reading == newest.reading { Observed::Repeated } else { Observed::Conflict };
            }
        }
        self.failure = None;
        if self.points.len() >= POINTS_MAX {
            self.points.pop_front();
        }
        self.points.push_back(Point { at, reading: reading.clone() });
        Observed::Kept
    }

    /// How many samples are not after `at`.
    fn seen(&self, at: Timestamp) -> usize {
        match self.points.back() {
            Some(newest) if newest.at <= at => self.points.len(),
            _ => self.points.partition_point(|point| point.at <= at),
        }
    }

    pub(super) fn newest(&self, at: Timestamp) -> Newest<'_> {
        if self.failure.as_ref().is_some_and(|(failed, _)| *failed <= at) {
            return Newest::Failed;
        }
        match self.seen(at).checked_sub(1).and_then(|last| self.points.get(last)) {
            Some(point) => Newest::Point(point),
            None => Newest::Nothing,
        }
    }

    /// The source's words of its last failure, for the reader.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_ref().map(|(_, words)| words.as_str())
    }

    /// The samples in `(at - over, at]`.
    pub(super) fn window(
        &self,
        at: Timestamp,
        over: TimeSpan,
    ) -> impl DoubleEndedIterator<Item = &Point> + Clone {
        let start = self.window_start(at, over);
        self.points.range(start..self.seen(at).max(start))
    }

    fn window_start(&self, at: Timestamp, over: TimeSpan) -> usize {
        let after = at.minus(over);
        self.points.partition_point(|point| point.at <= after)
    }

    /// How much of `(at - over, at]` samples cover: each the time since the one before it, at most `reach`.
    pub(super) fn covered(&self, at: Timestamp, over: TimeSpan, reach: TimeSpan) -> TimeSpan {
        let start = self.window_start(at, over);
        let opens = at.minus(over);
        let mut before = start.checked_sub(1).and_then(|place| self.points.get(place)).map(|point| point.at);
        let mut covered = TimeSpan::ZERO;
        for point in self.points.range(start..self.seen(at).max(start)) {
            if let Some(earlier) = before {
                let from = earlier.max(point.at.minus(reach)).max(opens);
                covered = covered.plus(point.at.since(from));
            }
            before = Some(point.at);
        }
        covered
    }

    /// Forgets what no window that ends at `at` or later can reach, but the newest before it (it bounds coverage).
    pub(super) fn forget_before(&mut self, at: Timestamp, horizon: TimeSpan) {
        let keep_after = at.minus(horizon);
        while self.points.get(1).is_some_and(|second| second.at <= keep_after) {
            self.points.pop_front();
        }
    }
}

/// The values of samples, or the first that is none.
pub(super) fn values<'a>(
    points: impl Iterator<Item = &'a Point>,
) -> Result<Vec<(Timestamp, Decimal)>, &'a Reading> {
    points.map(|point| point.reading.value().map(|value| (point.at, value)).ok_or(&point.reading)).collect()
}
