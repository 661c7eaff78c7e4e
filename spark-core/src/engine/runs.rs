//! Times of samples as runs of even steps: what a reader is told of evidence (how many, from when to when, with which gaps)
//! needs no more of them than that, and samples mostly come evenly.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::time::{TimeSpan, Timestamp};

/// Runs that are kept of one series before the present one, at the most: 24 bytes each make 12 MiB. Of samples that come
/// unevenly, two make a run, so that this is a million of them, as many as a history keeps. The oldest go first.
const RUNS_MAX: usize = 1 << 19;

/// Samples of a run, at the most, and the longest step in one, 2.4 h: so no run is longer than time can be counted. Others
/// are runs of one.
const COUNT_MAX: u32 = 1 << 20;
const STEP_MAX: TimeSpan = TimeSpan::from_nanos(i64::MAX >> 20);

/// Samples at even steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    first: Timestamp,
    /// Nothing where there is one.
    step: TimeSpan,
    count: u32,
}

/// The samples of a window, by their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Covered {
    pub(super) count: u64,
    pub(super) oldest: Option<Timestamp>,
    pub(super) newest: Option<Timestamp>,
    /// The longest time between two that follow each other.
    pub(super) largest_gap: Option<TimeSpan>,
}

/// The run that the newest sample ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Present {
    step: TimeSpan,
    count: u32,
}

impl Present {
    pub(super) const NONE: Self = Self { step: TimeSpan::ZERO, count: 0 };

    /// Takes in a sample that came so long after the newest; gives whether it goes on with the run.
    #[inline]
    pub(super) fn goes_on(&mut self, step: TimeSpan) -> bool {
        let goes_on = step == self.step && 1 < self.count && self.count < COUNT_MAX;
        if goes_on {
            self.count = self.count.saturating_add(1);
        }
        goes_on
    }

    /// Takes in a sample that does not go on with the run: the first one, a second one, or one that begins a new run, which
    /// gives the old one away.
    pub(super) fn begin(&mut self, at: Timestamp, newest: Option<Timestamp>) -> Option<Run> {
        let Some(newest) = newest else {
            *self = Self { step: TimeSpan::ZERO, count: 1 };
            return None;
        };
        let step = at.since(newest);
        if self.count == 1 && step <= STEP_MAX {
            *self = Self { step, count: 2 };
            return None;
        }
        let ended = self.ending(newest);
        *self = Self { step: TimeSpan::ZERO, count: 1 };
        Some(ended)
    }

    /// The whole run, where its last sample is of that time.
    pub(super) fn ending(self, last: Timestamp) -> Run {
        let Self { step, count } = self;
        Run { first: last.minus(step.times(count.saturating_sub(1))), step, count }
    }

    /// The run with its first samples gone, up to a time; its last one stays.
    pub(super) fn after(self, keep_after: Timestamp, last: Timestamp) -> Self {
        match self.ending(last).after(keep_after) {
            Some(Run { step, count, .. }) => Self { step, count },
            None => Self { step: TimeSpan::ZERO, count: 1 },
        }
    }

    /// The run that was kept of a whole one.
    pub(super) const fn of(run: &Run) -> Self {
        Self { step: run.step, count: run.count }
    }
}

impl Run {
    /// The time of its sample with that number.
    fn at(&self, number: u32) -> Timestamp {
        self.first.plus(self.step.times(number))
    }

    pub(super) fn last(&self) -> Timestamp {
        self.at(self.count.saturating_sub(1))
    }

    /// How many of its samples are not after a time.
    fn until(&self, at: Timestamp) -> u32 {
        if at < self.first {
            return 0;
        }
        let passed = at.since(self.first).nanos().checked_div(self.step.nanos());
        let more = passed.map_or(u32::MAX, |steps| u32::try_from(steps).unwrap_or(u32::MAX));
        more.saturating_add(1).min(self.count)
    }

    /// What is left of it after a time.
    fn after(&self, keep_after: Timestamp) -> Option<Self> {
        let gone = self.until(keep_after);
        let count = self.count.checked_sub(gone).filter(|count| *count > 0)?;
        let step = if count == 1 { TimeSpan::ZERO } else { self.step };
        Some(Self { first: self.at(gone), step, count })
    }

    pub(super) fn times(self) -> impl Iterator<Item = Timestamp> {
        (0..self.count).map(move |number| self.at(number))
    }
}

impl Covered {
    /// Adds those of a run that are in `(opens, at]`; runs come in order of time.
    pub(super) fn add(&mut self, run: &Run, opens: Timestamp, at: Timestamp) {
        let (start, end) = (run.until(opens), run.until(at));
        let Some(count) = end.checked_sub(start).filter(|count| *count > 0) else { return };
        let (oldest, newest) = (run.at(start), run.at(end.saturating_sub(1)));
        let between = self.newest.map(|before| oldest.since(before));
        let within = (count > 1).then_some(run.step);
        self.largest_gap = self.largest_gap.max(between).max(within);
        self.count = self.count.saturating_add(count.into());
        self.oldest = self.oldest.or(Some(oldest));
        self.newest = Some(newest);
    }
}

/// Puts a run behind others, of which those are gone that end before what is needed: two go at once where one comes, so that
/// they do not pile up.
pub(super) fn put(runs: &mut VecDeque<Run>, ended: Run, keep_after: Option<Timestamp>) {
    for _ in 0..2 {
        if keep_after.is_some_and(|keep_after| runs.front().is_some_and(|run| run.last() <= keep_after)) {
            runs.pop_front();
        }
    }
    if runs.len() >= RUNS_MAX {
        runs.pop_front();
    }
    runs.push_back(ended);
}

/// Lets those times go that are not after one.
pub(super) fn forget(runs: &mut VecDeque<Run>, keep_after: Timestamp) {
    while let Some(first) = runs.front_mut() {
        if let Some(rest) = first.after(keep_after) {
            *first = rest;
            return;
        }
        runs.pop_front();
    }
}

/// The same times in as few runs as come from telling them one by one: one form for all that are the same.
pub(super) fn told_again(times: impl Iterator<Item = Timestamp>) -> Vec<Run> {
    let (mut runs, mut present, mut newest) = (Vec::new(), Present::default(), None);
    for at in times {
        if !newest.is_some_and(|newest| present.goes_on(at.since(newest))) {
            runs.extend(present.begin(at, newest));
        }
        newest = Some(at);
    }
    runs.extend(newest.map(|newest| present.ending(newest)));
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: i64) -> Timestamp {
        Timestamp::from_nanos(n)
    }

    /// What runs tell of a window is what the times themselves tell, of even ones and uneven ones, whatever went.
    #[test]
    fn runs_tell_what_times_tell() {
        let mut seed: u64 = 3;
        let mut random = |below: i64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from(seed >> 33).unwrap() % below
        };
        for round in 0..300 {
            let mut time = 100;
            let even = 1 + random(9);
            let mut times = Vec::new();
            for _ in 0..1 + random(40) {
                time += if random(4) < round % 5 { even } else { 1 + random(6) };
                times.push(at(time));
            }
            let runs = told_again(times.iter().copied());
            assert!(runs.iter().copied().flat_map(Run::times).eq(times.iter().copied()));
            let mut kept: VecDeque<Run> = runs.into();
            let gone = at(random(time));
            forget(&mut kept, gone);
            times.retain(|time| *time > gone);
            assert!(kept.iter().copied().flat_map(Run::times).eq(times.iter().copied()), "after {gone:?}");
            for _ in 0..20 {
                let (opens, closes) = (at(90 + random(time)), at(90 + random(time)));
                let mut covered = Covered::default();
                kept.iter().for_each(|run| covered.add(run, opens, closes));
                let inside: Vec<_> =
                    times.iter().copied().filter(|time| opens < *time && *time <= closes).collect();
                let gaps = inside.windows(2).map(|pair| pair[1].since(pair[0]));
                let expected = Covered {
                    count: inside.len() as u64,
                    oldest: inside.first().copied(),
                    newest: inside.last().copied(),
                    largest_gap: gaps.max(),
                };
                assert_eq!(covered, expected);
            }
        }
    }

    /// Times at the ends of their range neither overflow nor get lost.
    #[test]
    fn ends_of_time() {
        let ends = [at(i64::MIN), at(-1), at(i64::MAX)];
        let runs = told_again(ends.into_iter());
        let mut covered = Covered::default();
        runs.iter().for_each(|run| covered.add(run, at(i64::MIN), at(i64::MAX)));
        assert_eq!((covered.count, covered.newest), (2, Some(at(i64::MAX))));
    }
}
