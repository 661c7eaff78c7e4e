//! What was scraped: the points of every series of the metrics that expressions read, bounded in time and number.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Included};

use super::matching::Labels;
use crate::decision::Observed;
use crate::signal::Reading;
use crate::time::{TimeSpan, Timestamp};

/// Most series of one track. The largest service read so far exposes 40,000; at about a kilobyte each, with their
/// labels and points, this many take 200 MB.
pub(super) const SERIES_MAX: usize = 200_000;

/// Most points of one track, at 48 bytes each: 200 MB. An hour's window over 10,000 series, scraped every 15 s,
/// takes 2.4 million.
pub(super) const POINTS_MAX: usize = 4_000_000;

/// The share of a window that samples must cover, in fifths: 80 %.
const COVERED_FIFTHS: i128 = 4;

/// One point of a series.
pub(super) type Point = (Timestamp, Reading);

/// The series of one track.
#[derive(Debug, Clone, Default)]
pub(super) struct Store {
    families: BTreeMap<String, Family>,
    series: usize,
    points: usize,
}

/// The series of one metric.
#[derive(Debug, Clone, Default)]
pub(super) struct Family {
    series: BTreeMap<Labels, Series>,
    /// The times of all its points: when the metric was measured at all.
    times: BTreeSet<Timestamp>,
    /// The first time ever, pruned or not.
    first: Option<Timestamp>,
}

/// The points of one label set, in time order.
#[derive(Debug, Clone, Default)]
pub(super) struct Series {
    points: Vec<Point>,
}

/// A point had no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full {
    /// What there was too much of: `series` or `points`.
    pub(super) of: &'static str,
    /// How many are kept at most.
    pub(super) limit: usize,
}

impl Store {
    /// Takes a point in.
    pub(super) fn observe(
        &mut self,
        metric: &str,
        labels: Labels,
        at: Timestamp,
        reading: Reading,
    ) -> Result<Observed, Full> {
        if !self.families.contains_key(metric) {
            self.families.insert(metric.to_owned(), Family::default());
        }
        let Some(family) = self.families.get_mut(metric) else { return Ok(Observed::Undeclared) };
        if self.points >= POINTS_MAX {
            return Err(Full { of: "points", limit: POINTS_MAX });
        }
        if !family.series.contains_key(&labels) {
            if self.series >= SERIES_MAX {
                return Err(Full { of: "series", limit: SERIES_MAX });
            }
            self.series = self.series.saturating_add(1);
        }
        let series = family.series.entry(labels).or_default();
        if let Some((newest, kept)) = series.points.last() {
            if at < *newest {
                return Ok(Observed::Late);
            }
            if at == *newest {
                return Ok(if *kept == reading { Observed::Repeated } else { Observed::Conflict });
            }
        }
        series.points.push((at, reading));
        self.points = self.points.saturating_add(1);
        family.times.insert(at);
        family.first = Some(family.first.map_or(at, |first| first.min(at)));
        Ok(Observed::Kept)
    }

    /// The series of a metric that was seen at or before `at`.
    pub(super) fn family(&self, metric: &str, at: Timestamp) -> Option<&Family> {
        self.families.get(metric).filter(|family| family.first.is_some_and(|first| first <= at))
    }

    /// The labels of every series of a metric.
    pub(super) fn labels_of(&self, metric: &str) -> impl Iterator<Item = &Labels> {
        self.families.get(metric).into_iter().flat_map(|family| family.series.keys())
    }

    /// Forgets what is older than `horizon`.
    pub(super) fn prune(&mut self, horizon: Timestamp) {
        let mut dropped = 0_usize;
        for family in self.families.values_mut() {
            // the newest time before the horizon stays: it says since when the one after it covers
            if let Some(kept) = family.times.range(..horizon).next_back().copied() {
                family.times = family.times.split_off(&kept);
            }
            family.series.retain(|_, series| {
                dropped = dropped.saturating_add(series.prune(horizon));
                !series.points.is_empty()
            });
        }
        self.points = self.points.saturating_sub(dropped);
        self.series = self.families.values().map(|family| family.series.len()).sum();
    }
}

impl Family {
    /// Its series with their labels, in the order of the labels.
    pub(super) fn series(&self) -> impl Iterator<Item = (&Labels, &Series)> {
        self.series.iter()
    }

    /// Its newest point's time at or before `at`.
    pub(super) fn newest(&self, at: Timestamp) -> Option<Timestamp> {
        self.times.range(..=at).next_back().copied()
    }

    /// How much of `(start, end]` its points cover, in hundredths of a percent, and whether that is enough.
    ///
    /// A point covers the time since the one before it, at most `reach`; the first ever covers nothing. The time since
    /// the newest is not missing yet while that is no older than `reach`: whoever scrapes at times of its own is
    /// asked between two of them, and Prometheus extrapolates over it.
    pub(super) fn coverage(&self, start: Timestamp, end: Timestamp, reach: TimeSpan) -> (u16, bool) {
        if start >= end {
            return (0, false);
        }
        let mut covered = 0_i128;
        let mut before = self.times.range(..=start).next_back().copied();
        for at in self.times.range((Excluded(start), Included(end))).copied() {
            if let Some(earlier) = before {
                let from = earlier.max(at.minus(reach)).max(start);
                covered = covered.saturating_add(at.since(from).nanos().into());
            }
            before = Some(at);
        }
        if let Some(newest) = before.filter(|newest| *newest > start && end.since(*newest) <= reach) {
            covered = covered.saturating_add(end.since(newest).nanos().into());
        }
        let window = i128::from(end.since(start).nanos());
        let share = covered.saturating_mul(10_000).checked_div(window).unwrap_or(0);
        let enough = covered.saturating_mul(5) >= window.saturating_mul(COVERED_FIFTHS);
        (u16::try_from(share).unwrap_or(10_000), enough)
    }
}

impl Series {
    /// Its points in `(start, end]`.
    pub(super) fn within(&self, start: Timestamp, end: Timestamp) -> &[Point] {
        let from = self.points.partition_point(|(at, _)| *at <= start);
        let to = self.points.partition_point(|(at, _)| *at <= end);
        self.points.get(from..to).unwrap_or_default()
    }

    /// Its newest point at or before `at`.
    pub(super) fn newest(&self, at: Timestamp) -> Option<&Point> {
        let end = self.points.partition_point(|(time, _)| *time <= at);
        self.points.get(..end)?.last()
    }

    /// Forgets points older than `horizon`, but not before they are many: moving the rest has its price.
    fn prune(&mut self, horizon: Timestamp) -> usize {
        let old = self.points.partition_point(|(at, _)| *at < horizon);
        if old == 0 || old.saturating_mul(4) < self.points.len() {
            return 0;
        }
        self.points.drain(..old);
        old
    }
}

#[cfg(test)]
impl Store {
    /// A store that has room for no point more.
    pub(super) fn full() -> Self {
        Self { points: POINTS_MAX, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds.saturating_mul(1000))
    }

    fn family(times: &[i64]) -> Family {
        Family { times: times.iter().map(|t| at(*t)).collect(), ..Family::default() }
    }

    fn check(times: &[i64], window: (i64, i64), reach: u32, share: u16, enough: bool) {
        let got = family(times).coverage(at(window.0), at(window.1), TimeSpan::from_seconds(reach));
        assert_eq!(got, (share, enough), "{times:?} {window:?} {reach}");
    }

    /// A point covers the time since the one before it, at most `stale after`; the first ever covers nothing; the
    /// time since the newest is not missing while that is fresh.
    #[test]
    fn coverage() {
        check(&[0, 15, 30, 45, 60], (0, 60), 45, 10_000, true);
        check(&[15, 30, 45, 60], (0, 60), 45, 7_500, false);
        check(&[-10, 10, 60], (0, 60), 45, 9_166, true);
        check(&[-100, 60], (0, 60), 45, 7_500, false);
        check(&[-100, 60], (0, 60), 48, 8_000, true);
        check(&[15, 27], (0, 60), 30, 2_000, false);
        check(&[7, 22, 37, 52], (0, 60), 45, 8_833, true);
        check(&[13, 28, 43, 58], (0, 60), 45, 7_833, false);
        check(&[0, 48, 70], (0, 60), 60, 10_000, true);
        check(&[60], (0, 60), 60, 0, false);
        check(&[0], (0, 60), 60, 0, false);
        check(&[], (0, 60), 60, 0, false);
        check(&[0, 15], (60, 60), 60, 0, false);
        check(&[0, 15], (60, 0), 60, 0, false);
    }

    /// Later than its newest is kept; older, repeated and contradicting points are told apart, per label set.
    #[test]
    fn order_of_points() {
        let mut store = Store::default();
        let mut observe = |label: &str, t: i64, value: i64| {
            let labels = Labels::from([("l".to_owned(), label.to_owned())]);
            store.observe("m", labels, at(t), Reading::Value(value.into())).unwrap()
        };
        assert_eq!(observe("a", 10, 1), Observed::Kept);
        assert_eq!(observe("a", 10, 1), Observed::Repeated);
        assert_eq!(observe("a", 10, 2), Observed::Conflict);
        assert_eq!(observe("a", 5, 1), Observed::Late);
        assert_eq!(observe("b", 5, 1), Observed::Kept);
        assert_eq!(observe("a", 11, 2), Observed::Kept);
        let family = store.family("m", at(6)).unwrap();
        assert_eq!(family.newest(at(9)), Some(at(5)));
        assert_eq!(store.family("m", at(4)).map(|f| f.first), None, "not seen yet");
    }

    /// What no window can reach is forgotten, and with it the series that have nothing else.
    #[test]
    fn pruning() {
        let mut store = Store::default();
        for t in 0..100 {
            store.observe("m", Labels::new(), at(t), Reading::NotANumber).unwrap();
        }
        store.observe("gone", Labels::new(), at(1), Reading::NotANumber).unwrap();
        store.prune(at(90));
        assert_eq!((store.points, store.series), (10, 1));
        let family = store.family("m", at(99)).unwrap();
        assert_eq!(
            family.times.first(),
            Some(&at(89)),
            "the time before the horizon still says what is covered"
        );
        assert!(store.family("gone", at(99)).is_some(), "a metric that was seen stays known");
    }

    /// A flood of series or points is refused at the named limit.
    #[test]
    fn limits() {
        let mut store = Store { series: SERIES_MAX, ..Store::default() };
        let refused = store.observe("m", Labels::new(), at(1), Reading::NotANumber);
        assert_eq!(refused, Err(Full { of: "series", limit: SERIES_MAX }));
        let mut store = Store::full();
        let refused = store.observe("m", Labels::new(), at(1), Reading::NotANumber);
        assert_eq!(refused, Err(Full { of: "points", limit: POINTS_MAX }));
    }
}
