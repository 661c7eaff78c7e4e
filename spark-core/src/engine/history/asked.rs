//! What is asked of a history. Nothing here changes anything.

use std::ops::Range;

use super::{History, Kept, Newest, Point};
use crate::engine::fixed::scaled;
use crate::engine::runs::{Covered, Run};
use crate::engine::word::Said;
use crate::signal::Reading;
use crate::time::{TimeSpan, Timestamp};

impl History {
    pub(super) fn point_of(&self, kept: Kept) -> Point {
        let reading = match kept.word.said() {
            Said::Reading(reading) => reading,
            Said::Elsewhere(number) => {
                let value = self.rest().and_then(|rest| {
                    rest.wide.get(usize::try_from(number.checked_sub(rest.wide_gone)?).ok()?)
                });
                Reading::Value(value.copied().unwrap_or_default())
            }
        };
        Point { at: kept.at, reading }
    }

    /// The samples at these places.
    pub(super) fn points(&self, places: Range<usize>) -> impl DoubleEndedIterator<Item = Point> + Clone {
        places.filter_map(|place| self.get(place)).map(|kept| self.point_of(kept))
    }

    /// The sample with that number; none where it is gone, or not there yet.
    pub(in crate::engine) fn point(&self, number: u64) -> Option<Point> {
        let place = usize::try_from(number.checked_sub(self.gone())?).ok()?;
        self.get(place).map(|kept| self.point_of(kept))
    }

    /// Its time.
    pub(in crate::engine) fn time(&self, number: u64) -> Option<Timestamp> {
        let place = usize::try_from(number.checked_sub(self.gone())?).ok()?;
        self.get(place).map(|kept| kept.at)
    }

    pub(super) fn gone(&self) -> u64 {
        self.rest().map_or(0, |rest| rest.gone)
    }

    /// The numbers of the samples in `(at - over, at]`, from the first to one past the last.
    pub(in crate::engine) fn numbers(&self, at: Timestamp, over: TimeSpan) -> Range<u64> {
        let Range { start, end } = self.places(at, over);
        let number = |place: usize| self.gone().saturating_add(u64::try_from(place).unwrap_or(u64::MAX));
        number(start)..number(end)
    }

    /// The samples with these numbers.
    pub(in crate::engine) fn numbered(
        &self,
        numbers: &Range<u64>,
    ) -> impl DoubleEndedIterator<Item = Point> + Clone {
        let place = |number: u64| usize::try_from(number.saturating_sub(self.gone())).unwrap_or(usize::MAX);
        let end = place(numbers.end).min(self.len());
        self.points(place(numbers.start).min(end)..end)
    }

    pub(super) fn evicted(&self) -> Option<Timestamp> {
        self.rest()?.evicted
    }

    /// Whether a sample had to go that is later than that.
    pub(in crate::engine) fn evicted_after(&self, opens: Timestamp) -> bool {
        self.evicted().is_some_and(|evicted| evicted > opens)
    }

    /// The latest failure that is not after `at`.
    pub(super) fn failed(&self, at: Timestamp) -> Option<&(Timestamp, String)> {
        self.rest()?.failures.iter().rfind(|(failed, _)| *failed <= at)
    }

    /// How many samples are not after `at`.
    pub(super) fn seen(&self, at: Timestamp) -> usize {
        let here = [self.newest, self.before];
        let ahead = here.iter().take(self.here.into()).take_while(|kept| kept.at > at).count();
        if ahead < usize::from(self.here) || !self.has_older {
            return self.len().saturating_sub(ahead);
        }
        self.rest().map_or(0, |rest| rest.older.partition_point(|kept| kept.at <= at))
    }

    pub(super) fn newest_seen(&self, at: Timestamp) -> Option<Kept> {
        match self.newest_kept() {
            Some(newest) if newest.at <= at => Some(newest),
            _ => self.get(self.seen(at).checked_sub(1)?),
        }
    }

    pub(in crate::engine) fn newest(&self, at: Timestamp) -> Newest {
        match (self.newest_seen(at), self.failed(at)) {
            (Some(kept), failed) if failed.is_none_or(|(failed, _)| kept.at > *failed) => {
                Newest::Point(self.point_of(kept))
            }
            (_, Some(_)) => Newest::Failed,
            (_, None) => Newest::Nothing,
        }
    }

    /// The time of the sample that [`Self::newest`] gives, where it does, and its value in units of `10^-scale`, where that fits.
    pub(in crate::engine) fn shown(&self, at: Timestamp, scale: u32) -> Option<(Timestamp, Option<i64>)> {
        let kept = self.newest_seen(at)?;
        let failed = self.failed(at).is_some_and(|(failed, _)| kept.at <= *failed);
        let value = match kept.word.is_elsewhere() {
            false => kept.word.scaled(scale),
            true => self.point_of(kept).reading.value().and_then(|value| scaled(value, scale)),
        };
        (!failed).then_some((kept.at, value))
    }

    /// The time of the newest sample or failure that was ever observed, be it ahead.
    pub(in crate::engine) fn last(&self) -> Option<Timestamp> {
        let failed = self.rest().and_then(|rest| rest.failures.back()).map(|(failed, _)| *failed);
        self.newest_kept().map(|newest| newest.at).max(failed)
    }

    /// The source's words of its latest failure, for the reader.
    pub(in crate::engine) fn failure(&self, at: Timestamp) -> Option<&str> {
        self.failed(at).map(|(_, words)| words.as_str())
    }

    /// The samples in `(at - over, at]`.
    pub(in crate::engine) fn window(
        &self,
        at: Timestamp,
        over: TimeSpan,
    ) -> impl DoubleEndedIterator<Item = Point> + Clone {
        self.points(self.places(at, over))
    }

    pub(super) fn places(&self, at: Timestamp, over: TimeSpan) -> Range<usize> {
        let start = self.seen(at.minus(over));
        start..self.seen(at).max(start)
    }

    /// How much of `(at - over, at]` samples cover: each the time since the one before it, at most `reach`.
    pub(in crate::engine) fn covered(&self, at: Timestamp, over: TimeSpan, reach: TimeSpan) -> TimeSpan {
        let places = self.places(at, over);
        let opens = at.minus(over);
        if self.evicted_after(opens) {
            return TimeSpan::ZERO;
        }
        let mut before = places.start.checked_sub(1).and_then(|place| self.get(place)).map(|kept| kept.at);
        let mut covered = TimeSpan::ZERO;
        for kept in places.filter_map(|place| self.get(place)) {
            if let Some(earlier) = before {
                let from = earlier.max(kept.at.minus(reach)).max(opens);
                covered = covered.plus(kept.at.since(from));
            }
            before = Some(kept.at);
        }
        covered
    }

    pub(super) fn failures(&self) -> impl DoubleEndedIterator<Item = &(Timestamp, String)> {
        self.rest().into_iter().flat_map(|rest| &rest.failures)
    }

    pub(super) fn all_times(&self) -> impl Iterator<Item = Timestamp> {
        self.runs().flat_map(Run::times)
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = Run> {
        let before = self.rest().into_iter().flat_map(|rest| rest.runs.iter().copied());
        before.chain(self.newest_kept().map(|newest| self.run.ending(newest.at)))
    }

    /// The times of the samples in `(at - over, at]`, be they kept or not.
    pub(in crate::engine) fn times(&self, at: Timestamp, over: TimeSpan) -> Covered {
        let mut covered = Covered::default();
        self.runs().for_each(|run| covered.add(&run, at.minus(over), at));
        covered
    }
}
