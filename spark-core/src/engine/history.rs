//! The samples of one series that the engine still needs.

use std::collections::VecDeque;
use std::ops::Range;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::decision::Observed;
use crate::signal::Reading;
use crate::time::{TimeSpan, Timestamp};

/// Samples kept of one series, at the most. At one a second it is 12 days, beyond any window that a stage
/// of a rollout can fill; 32 bytes each make 32 MiB. The oldest go first, and a window that would need them is
/// unknown, never wrong.
const POINTS_MAX: usize = 1 << 20;

/// Failures kept of one source, at the most: those since its last sample matter, and of these the latest. One stands for
/// each evaluation that was observed ahead.
const FAILURES_MAX: usize = 1 << 10;

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
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct History {
    // INVARIANT: strictly rising in time
    points: VecDeque<Point>,
    /// A failure is no sample: it leaves the samples before it for windows, and ends with a newer one.
    // INVARIANT: strictly rising in time
    failures: VecDeque<(Timestamp, String)>,
    /// The newest sample that had to go while a window might still reach it.
    evicted: Option<Timestamp>,
    /// How many samples are gone, so that the others keep their numbers. It is no part of what is saved.
    #[serde(skip)]
    gone: u64,
}

impl PartialEq for History {
    fn eq(&self, other: &Self) -> bool {
        let Self { points, failures, evicted, gone: _ } = self;
        (points, failures, evicted) == (&other.points, &other.failures, &other.evicted)
    }
}

impl Eq for History {}

impl History {
    pub(super) fn observe(&mut self, at: Timestamp, reading: &Reading) -> Observed {
        if let Reading::Failed(words) = reading {
            return self.fail(at, words);
        }
        if let Some(newest) = self.points.back() {
            if at < newest.at {
                return Observed::Late;
            }
            if at == newest.at {
                return if *reading == newest.reading { Observed::Repeated } else { Observed::Conflict };
            }
        }
        if self.is_full() {
            self.evicted = self.pop().map(|point| point.at);
        }
        match reading {
            // nearly all are: written where it stays, not through a copy that waits for its own parts
            Reading::Value(value) => self.points.push_back(Point { at, reading: Reading::Value(*value) }),
            other => self.points.push_back(Point { at, reading: other.clone() }),
        }
        Observed::Kept
    }

    /// Whether a new sample makes the oldest go.
    pub(super) fn is_full(&self) -> bool {
        self.points.len() >= POINTS_MAX
    }

    fn pop(&mut self) -> Option<Point> {
        let point = self.points.pop_front()?;
        self.gone = self.gone.saturating_add(1);
        Some(point)
    }

    #[cfg(test)]
    pub(super) fn evict(&mut self) {
        self.evicted = self.pop().map(|point| point.at);
    }

    /// The sample with that number; none where it is gone, or not there yet.
    pub(super) fn point(&self, number: u64) -> Option<&Point> {
        self.points.get(usize::try_from(number.checked_sub(self.gone)?).ok()?)
    }

    /// The numbers of the samples in `(at - over, at]`, from the first to one past the last.
    pub(super) fn numbers(&self, at: Timestamp, over: TimeSpan) -> Range<u64> {
        let start = self.window_start(at, over);
        let number = |place: usize| self.gone.saturating_add(u64::try_from(place).unwrap_or(u64::MAX));
        number(start)..number(self.seen(at).max(start))
    }

    /// The samples with these numbers.
    pub(super) fn numbered(&self, numbers: &Range<u64>) -> impl Iterator<Item = &Point> + Clone {
        let place = |number: u64| usize::try_from(number.saturating_sub(self.gone)).unwrap_or(usize::MAX);
        let end = place(numbers.end).min(self.points.len());
        self.points.range(place(numbers.start).min(end)..end)
    }

    /// Whether a sample had to go that is later than that.
    pub(super) fn evicted_after(&self, opens: Timestamp) -> bool {
        self.evicted.is_some_and(|evicted| evicted > opens)
    }

    fn fail(&mut self, at: Timestamp, words: &str) -> Observed {
        let newest = self.last();
        if newest.is_some_and(|newest| at < newest) {
            return Observed::Late;
        }
        if self.failures.back().is_some_and(|(failed, _)| *failed == at) {
            return Observed::Repeated;
        }
        if self.failures.len() >= FAILURES_MAX {
            self.failures.pop_front();
        }
        self.failures.push_back((at, words.to_owned()));
        Observed::Kept
    }

    /// The latest failure that is not after `at`.
    fn failed(&self, at: Timestamp) -> Option<&(Timestamp, String)> {
        self.failures.iter().rfind(|(failed, _)| *failed <= at)
    }

    /// How many samples are not after `at`.
    fn seen(&self, at: Timestamp) -> usize {
        match self.points.back() {
            Some(newest) if newest.at <= at => self.points.len(),
            _ => self.points.partition_point(|point| point.at <= at),
        }
    }

    pub(super) fn newest(&self, at: Timestamp) -> Newest<'_> {
        let newest = self.seen(at).checked_sub(1).and_then(|last| self.points.get(last));
        match (newest, self.failed(at)) {
            (Some(point), Some((failed, _))) if point.at > *failed => Newest::Point(point),
            (_, Some(_)) => Newest::Failed,
            (Some(point), None) => Newest::Point(point),
            (None, None) => Newest::Nothing,
        }
    }

    /// The time of the newest sample or failure that was ever observed, be it ahead.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.points.back().map(|point| point.at).max(self.failures.back().map(|(failed, _)| *failed))
    }

    /// The source's words of its latest failure, for the reader.
    pub(super) fn failure(&self, at: Timestamp) -> Option<&str> {
        self.failed(at).map(|(_, words)| words.as_str())
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
        if self.evicted_after(opens) {
            return TimeSpan::ZERO;
        }
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
        self.forget(at, horizon, usize::MAX);
    }

    /// The same bit by bit, before a sample: more goes than comes, so that nothing piles up, and so little at once that no
    /// sample is slow.
    pub(super) fn forget_some(&mut self, at: Timestamp, horizon: TimeSpan) {
        const EVERY: usize = 4;
        const AT_ONCE: usize = 8;
        let count = if self.points.len() >= POINTS_MAX { usize::MAX } else { AT_ONCE };
        if self.points.len().is_multiple_of(EVERY) || !self.failures.is_empty() {
            self.forget(at, horizon, count);
        }
    }

    fn forget(&mut self, at: Timestamp, horizon: TimeSpan, at_once: usize) {
        let keep_after = at.minus(horizon);
        let mut left = at_once;
        while left > 0 && self.points.get(1).is_some_and(|second| second.at <= keep_after) {
            self.pop();
            left = left.saturating_sub(1);
        }
        while self.failures.get(1).is_some_and(|(second, _)| *second <= at) {
            self.failures.pop_front();
        }
    }
}

/// The values of samples, or the first that is none.
pub(super) fn values<'a>(
    points: impl Iterator<Item = &'a Point>,
) -> Result<Vec<(Timestamp, Decimal)>, &'a Reading> {
    points.map(|point| point.reading.value().map(|value| (point.at, value)).ok_or(&point.reading)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u32) -> Timestamp {
        Timestamp::EPOCH.plus(TimeSpan::from_seconds(second))
    }

    /// A failure stands where its time is: before a newer sample, after an older one, whenever it was told of.
    #[test]
    fn failures_have_their_time() {
        let value = Reading::Value(Decimal::ONE);
        let failed = Reading::Failed("down".to_owned());
        let mut history = History::default();
        assert_eq!(history.observe(at(0), &value), Observed::Kept);
        assert_eq!(history.observe(at(15), &failed), Observed::Kept);
        assert_eq!(history.observe(at(30), &value), Observed::Kept);
        assert_eq!(history.observe(at(100), &failed), Observed::Kept);
        for (second, known) in
            [(0, true), (15, false), (29, false), (30, true), (99, true), (100, false), (200, false)]
        {
            assert_eq!(matches!(history.newest(at(second)), Newest::Point(_)), known, "{second}");
        }
        assert_eq!(history.observe(at(50), &failed), Observed::Late);
        assert_eq!(history.observe(at(60), &value), Observed::Kept);
        assert_eq!(history.newest(at(100)), Newest::Failed, "an older sample does not end a newer failure");
        assert_eq!(history.observe(at(101), &value), Observed::Kept);
        assert!(matches!(history.newest(at(101)), Newest::Point(_)));
    }

    /// A window that an evicted sample was in is covered by nothing.
    #[test]
    fn evicted_samples_are_missing() {
        let value = Reading::Value(Decimal::ONE);
        let mut history = History::default();
        for second in 0..=1_200 {
            history.observe(at(second), &value);
        }
        let whole = TimeSpan::from_seconds(1_000);
        assert_eq!(history.covered(at(1_200), whole, TimeSpan::from_seconds(45)), whole);
        history.evicted = Some(at(300));
        assert_eq!(history.covered(at(1_200), whole, TimeSpan::from_seconds(45)), TimeSpan::ZERO);
        let part = TimeSpan::from_seconds(900);
        assert_eq!(history.covered(at(1_200), part, TimeSpan::from_seconds(45)), part);
    }
}
