//! One window of one series, carried from instant to instant: what comes in is added, what leaves is taken off.
//!
//! It is a memory beside the history, never a part of the saved state: after a restore it is made again from the samples. What
//! it tells is what the window's function of all its samples gives, bit for bit; where it cannot tell, that is asked.

use std::ops::Range;

use rust_decimal::Decimal;

use super::history::{History, Point};
use crate::condition::WindowFunction;
use crate::signal::Reading;
use crate::time::{TimeSpan, Timestamp};
use crate::window::{
    Daba, Ends, Estimate, Fence, Kind, Largest, Moments, Smallest, Total, extrapolated_about,
    extrapolated_ends, growth_of, is_reset,
};

/// A window that slides over a history.
#[derive(Debug, Clone)]
pub(super) struct Slide {
    pub(super) over: TimeSpan,
    /// How far back a sample covers, at the most.
    reach: TimeSpan,
    /// The instant that it stands at; none where it has to be made anew.
    at: Option<Timestamp>,
    /// The numbers of the samples in it.
    inside: Range<u64>,
    /// What the samples but the first cover.
    covered: i128,
    strange: Strange,
    total: Option<Total>,
    smallest: Option<Daba<Smallest>>,
    largest: Option<Daba<Largest>>,
    /// What a counter showed before each of its resets.
    resets: Option<Total>,
    moments: Option<Moments>,
    fences: Vec<Fence>,
}

/// How many samples are no values, by what they are.
#[derive(Debug, Clone, Copy, Default)]
struct Strange {
    not_a_number: usize,
    infinite: usize,
    out_of_range: usize,
}

/// Whether the samples in a window are values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    All,
    /// Not all; the first that is none is like this one.
    Not(&'static Reading),
    /// Not all, and the first that is none has to be looked for.
    Mixed,
}

impl Slide {
    pub(super) fn new(over: TimeSpan, reach: TimeSpan) -> Self {
        Self {
            over,
            reach,
            at: None,
            inside: 0..0,
            covered: 0,
            strange: Strange::default(),
            total: None,
            smallest: None,
            largest: None,
            resets: None,
            moments: None,
            fences: Vec::new(),
        }
    }

    /// Says that a function is asked of it.
    pub(super) fn need(&mut self, function: WindowFunction) {
        match function {
            WindowFunction::Sum | WindowFunction::Avg => self.total = Some(Total::default()),
            WindowFunction::Min => self.smallest = Some(Daba::default()),
            WindowFunction::Max => self.largest = Some(Daba::default()),
            WindowFunction::Increase | WindowFunction::Rate => self.resets = Some(Total::default()),
            WindowFunction::Slope | WindowFunction::Stddev => self.moments = Some(Moments::default()),
            // its edges tell enough, or its fences
            WindowFunction::Count | WindowFunction::Delta | WindowFunction::Quantile(_) => {}
        }
    }

    /// Says that a quantile is held against a threshold.
    pub(super) fn need_fence(&mut self, threshold: Decimal) {
        if self.fence(threshold).is_none() {
            self.fences.push(Fence::new(threshold));
        }
    }

    pub(super) fn fence(&self, threshold: Decimal) -> Option<&Fence> {
        self.fences.iter().find(|fence| fence.threshold() == threshold)
    }

    /// Whether it stands at an instant, and no sample came or went since.
    pub(super) fn stands(&self, history: &History, at: Timestamp) -> bool {
        self.at == Some(at)
            && !history.evicted_after(at.minus(self.over))
            && history.time(self.inside.end).is_none_or(|next| next > at)
    }

    /// Moves to an instant.
    pub(super) fn advance(&mut self, history: &History, at: Timestamp) {
        let opens = at.minus(self.over);
        if history.evicted_after(opens) {
            // it is covered by nothing, whatever is in it
            self.clear();
            return;
        }
        let newest = self.inside.end.checked_sub(1).filter(|last| *last >= self.inside.start);
        let newest = newest.and_then(|last| history.time(last));
        let goes_on = self.at.is_some_and(|before| before <= at)
            && newest.is_some_and(|newest| newest > opens)
            && history.time(self.inside.start).is_some();
        if !goes_on {
            self.clear();
            let start = history.numbers(at, self.over).start;
            self.inside = start..start;
        }
        while self.first_at(history).is_some_and(|first| first <= opens)
            && let Some(first) = self.first(history)
        {
            self.pop(history, &first);
        }
        while history.time(self.inside.end).is_some_and(|next| next <= at)
            && let Some(next) = history.point(self.inside.end)
        {
            self.push(history, &next);
        }
        self.at = Some(at);
        self.renew(history, Total::is_stale, Moments::is_stale, |_| false);
    }

    fn clear(&mut self) {
        self.at = None;
        (self.inside, self.covered, self.strange) = (0..0, 0, Strange::default());
        [&mut self.total, &mut self.resets].into_iter().flatten().for_each(|total| *total = Total::default());
        self.smallest.iter_mut().for_each(Daba::clear);
        self.largest.iter_mut().for_each(Daba::clear);
        self.moments.iter_mut().for_each(|moments| *moments = Moments::default());
        self.fences.iter_mut().for_each(Fence::clear);
    }

    fn first(&self, history: &History) -> Option<Point> {
        if self.inside.is_empty() { None } else { history.point(self.inside.start) }
    }

    fn first_at(&self, history: &History) -> Option<Timestamp> {
        if self.inside.is_empty() { None } else { history.time(self.inside.start) }
    }

    fn last(&self, history: &History) -> Option<Point> {
        if self.inside.is_empty() { None } else { history.point(self.inside.end.checked_sub(1)?) }
    }

    fn push(&mut self, history: &History, point: &Point) {
        let last = self.inside.end.checked_sub(1).filter(|last| *last >= self.inside.start);
        self.inside.end = self.inside.end.saturating_add(1);
        if let Some(before) = last.and_then(|last| history.time(last)) {
            self.covered = self.covered.saturating_add(covers(before, point.at, self.reach));
        }
        let Some(value) = self.strange.value(&point.reading, usize::saturating_add) else { return };
        let mut finer = false;
        if let Some(total) = &mut self.total {
            finer |= !total.push(value);
        }
        if let Some(smallest) = &mut self.smallest {
            smallest.push(Smallest(value));
        }
        if let Some(largest) = &mut self.largest {
            largest.push(Largest(value));
        }
        if let Some(resets) = &mut self.resets
            && let Some(before) = last.and_then(|last| history.point(last)?.reading.value())
        {
            finer |= !resets.push_if(is_reset(before, value), before);
        }
        if let Some(moments) = &mut self.moments {
            finer |= !moments.push(point.at, value);
        }
        for fence in &mut self.fences {
            finer |= !fence.push(value);
        }
        if finer {
            let inside = self.len();
            self.renew(
                history,
                |total| total.len() < inside,
                |moments| moments.len() < inside,
                |fence| fence.len() < inside,
            );
        }
    }

    fn pop(&mut self, history: &History, point: &Point) {
        self.inside.start = self.inside.start.saturating_add(1);
        if let Some(after) = self.first_at(history) {
            self.covered = self.covered.saturating_sub(covers(point.at, after, self.reach));
        }
        let Some(value) = self.strange.value(&point.reading, usize::saturating_sub) else { return };
        if let Some(total) = &mut self.total {
            total.pop(value);
        }
        if let Some(smallest) = &mut self.smallest {
            smallest.pop();
        }
        if let Some(largest) = &mut self.largest {
            largest.pop();
        }
        let after = || if self.inside.is_empty() { None } else { history.point(self.inside.start) };
        if let Some(resets) = &mut self.resets
            && let Some(after) = after().and_then(|after| after.reading.value())
        {
            resets.pop_if(is_reset(value, after), value);
        }
        if let Some(moments) = &mut self.moments {
            moments.pop(point.at, value);
        }
        self.fences.iter_mut().for_each(|fence| fence.pop(value));
    }

    /// Makes those sums anew that have to be.
    fn renew(
        &mut self,
        history: &History,
        total: impl Fn(&Total) -> bool,
        moments: impl Fn(&Moments) -> bool,
        fence: impl Fn(&Fence) -> bool,
    ) {
        let points = || history.numbered(&self.inside);
        let values = || points().filter_map(|point| point.reading.value());
        if self.total.as_ref().is_some_and(&total) {
            self.total = Some(Total::of(values()));
        }
        if self.resets.as_ref().is_some_and(&total) {
            let pairs = points().zip(points().skip(1));
            let lost = pairs.filter_map(|(before, after)| {
                let (before, after) = (before.reading.value()?, after.reading.value()?);
                is_reset(before, after).then_some(before)
            });
            self.resets = Some(Total::of(lost));
        }
        if self.moments.as_ref().is_some_and(&moments) {
            let pairs = points().filter_map(|point| Some((point.at, point.reading.value()?)));
            self.moments = Some(Moments::of(pairs));
        }
        for stands in self.fences.iter_mut().filter(|stands| fence(stands)) {
            *stands = Fence::of(stands.threshold(), values());
        }
    }

    /// How many samples are in it.
    pub(super) fn len(&self) -> usize {
        usize::try_from(self.inside.end.saturating_sub(self.inside.start)).unwrap_or(usize::MAX)
    }

    /// How much of it samples cover: each the time since the one before it, at most the reach.
    pub(super) fn covered(&self, history: &History) -> TimeSpan {
        let Some((first, at)) = self.first_at(history).zip(self.at) else { return TimeSpan::ZERO };
        let before = self.inside.start.checked_sub(1).and_then(|before| history.time(before));
        let by_first = before.map_or(TimeSpan::ZERO, |before| {
            first.since(before.max(first.minus(self.reach)).max(at.minus(self.over)))
        });
        let covered = self.covered.saturating_add(by_first.nanos().into());
        TimeSpan::from_nanos(i64::try_from(covered).unwrap_or(i64::MAX))
    }

    pub(super) fn values(&self) -> Values {
        match (self.strange.not_a_number, self.strange.infinite, self.strange.out_of_range) {
            (0, 0, 0) => Values::All,
            (_, 0, 0) => Values::Not(&Reading::NotANumber),
            (0, _, 0) => Values::Not(&Reading::Infinite { negative: false }),
            (0, 0, _) => Values::Not(&Reading::OutOfRange),
            _ => Values::Mixed,
        }
    }

    /// The value of a function; none where all samples have to be asked.
    pub(super) fn value(&self, function: WindowFunction, history: &History) -> Option<Decimal> {
        match function {
            WindowFunction::Avg => self.total.as_ref()?.mean(),
            WindowFunction::Min => self.smallest.as_ref()?.get().map(|smallest| smallest.0),
            WindowFunction::Max => self.largest.as_ref()?.get().map(|largest| largest.0),
            WindowFunction::Sum => self.total.as_ref()?.sum(),
            WindowFunction::Count => Some(Decimal::from(self.len())),
            WindowFunction::Increase => self.extrapolated(Kind::Increase, history),
            WindowFunction::Rate => self.extrapolated(Kind::Rate, history),
            WindowFunction::Delta => self.extrapolated(Kind::Delta, history),
            WindowFunction::Slope => {
                let (first, last) = self.ends(history)?;
                self.moments.as_ref()?.slope(first, last.0)
            }
            WindowFunction::Quantile(_) | WindowFunction::Stddev => None,
        }
    }

    /// About the value of a function; none where it has to be computed.
    pub(super) fn about(&self, function: WindowFunction, history: &History) -> Option<Estimate> {
        match function {
            WindowFunction::Avg => self.total.as_ref()?.mean_about(),
            WindowFunction::Sum => self.total.as_ref()?.sum_about(),
            WindowFunction::Increase => self.extrapolated_about(Kind::Increase, history),
            WindowFunction::Rate => self.extrapolated_about(Kind::Rate, history),
            WindowFunction::Delta => self.extrapolated_about(Kind::Delta, history),
            WindowFunction::Slope => {
                self.moments.as_ref()?.slope_about(self.first(history)?.at, self.last(history)?.at)
            }
            // known without a division
            WindowFunction::Min | WindowFunction::Max | WindowFunction::Count => {
                Estimate::of(self.value(function, history)?)
            }
            WindowFunction::Stddev => self.moments.as_ref()?.deviation_about(),
            WindowFunction::Quantile(_) => None,
        }
    }

    /// The first sample and the last.
    fn ends(&self, history: &History) -> Option<((Timestamp, Decimal), (Timestamp, Decimal))> {
        let (first, last) = (self.first(history)?, self.last(history)?);
        Some(((first.at, first.reading.value()?), (last.at, last.reading.value()?)))
    }

    fn resets_of(&self, kind: Kind) -> Option<Option<&Total>> {
        match kind {
            Kind::Delta => Some(None),
            Kind::Rate | Kind::Increase => self.resets.as_ref().map(Some),
        }
    }

    fn extrapolated_about(&self, kind: Kind, history: &History) -> Option<Estimate> {
        let ((first, last), at) = (self.ends(history)?, self.at?);
        let between = (at.minus(self.over), at);
        extrapolated_about(self.len(), first, last, self.resets_of(kind)?, between, kind)
    }

    fn extrapolated(&self, kind: Kind, history: &History) -> Option<Decimal> {
        let ((first, last), at) = (self.ends(history)?, self.at?);
        let growth = growth_of(first.1, last.1, self.resets_of(kind)?)?;
        let ends = Ends { count: self.len(), first, last: last.0, growth };
        extrapolated_ends(&ends, at.minus(self.over), at, kind)
    }
}

impl Strange {
    /// The value of a reading; one that has none is counted.
    fn value(&mut self, reading: &Reading, count: fn(usize, usize) -> usize) -> Option<Decimal> {
        let kind = match reading {
            Reading::Value(value) => return Some(*value),
            // a failure is no sample
            Reading::NotANumber | Reading::Failed(_) => &mut self.not_a_number,
            Reading::Infinite { .. } => &mut self.infinite,
            Reading::OutOfRange => &mut self.out_of_range,
        };
        *kind = count(*kind, 1);
        None
    }
}

/// What a sample covers that follows on another in the window.
fn covers(before: Timestamp, at: Timestamp, reach: TimeSpan) -> i128 {
    at.since(before.max(at.minus(reach))).nanos().into()
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests may")]
pub(super) mod tests;
