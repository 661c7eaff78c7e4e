//! Times of samples: stretches of even steps, so that a regular series takes no room for them.

use crate::time::{TimeSpan, Timestamp};

/// Samples at even steps, up to the next stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    /// The place of its first sample.
    first: usize,
    start: i64,
    /// Nanoseconds from one to the next; zero while it has one sample.
    step: i64,
}

impl Stretch {
    const fn at(&self, place: usize) -> i64 {
        let steps = place.saturating_sub(self.first) as i64;
        self.start.saturating_add(steps.saturating_mul(self.step))
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    // INVARIANT: places and times rise
    stretches: Vec<Stretch>,
    newest: Option<Timestamp>,
}

impl Times {
    pub(super) const fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// The first and the step, where there is but one stretch of at least two.
    pub(super) fn even(&self) -> Option<(Timestamp, TimeSpan)> {
        match self.stretches.as_slice() {
            [one] if one.step > 0 => Some((Timestamp::from_nanos(one.start), TimeSpan::from_nanos(one.step))),
            _ => None,
        }
    }

    /// Adds the sample of that place, which is after the newest.
    #[inline]
    pub(super) fn push(&mut self, place: usize, at: Timestamp) {
        let newest = self.newest.replace(at);
        let nanos = at.nanos();
        if let (Some(stretch), Some(newest)) = (self.stretches.last_mut(), newest) {
            if stretch.step == 0 {
                // a step beyond the range is none: the sample begins a stretch of its own
                if let Some(step) = nanos.checked_sub(stretch.start) {
                    stretch.step = step;
                    return;
                }
            } else if nanos.checked_sub(newest.nanos()) == Some(stretch.step) {
                return;
            }
        }
        self.stretches.push(Stretch { first: place, start: nanos, step: 0 });
    }

    /// Adds samples from that place on, as [`Self::push`] does.
    pub(super) fn extend(&mut self, place: usize, times: &[Timestamp]) {
        let step = self.stretches.last().map_or(0, |stretch| stretch.step);
        let is_step =
            |before: Timestamp, after: Timestamp| after.nanos().checked_sub(before.nanos()) == Some(step);
        let goes_on = self.newest.zip(times.first()).is_some_and(|(newest, first)| is_step(newest, *first));
        if step > 0 && goes_on && times.windows(2).all(|two| matches!(two, [a, b] if is_step(*a, *b))) {
            self.newest = times.last().copied();
            return;
        }
        (place..).zip(times).for_each(|(place, at)| self.push(place, *at));
    }

    fn stretch(&self, place: usize) -> Option<(usize, &Stretch)> {
        let after = match self.stretches.len() {
            1 => 1,
            _ => self.stretches.partition_point(|stretch| stretch.first <= place),
        };
        let found = after.checked_sub(1)?;
        Some((found, self.stretches.get(found)?))
    }

    pub(super) fn at(&self, place: usize) -> Option<Timestamp> {
        self.stretch(place).map(|(_, stretch)| Timestamp::from_nanos(stretch.at(place)))
    }

    /// How many of `len` samples are not after an instant.
    pub(super) fn seen(&self, at: Timestamp, len: usize) -> usize {
        let after = self.stretches.partition_point(|stretch| stretch.start <= at.nanos());
        let Some(stretch) = after.checked_sub(1).and_then(|found| self.stretches.get(found)) else {
            return 0;
        };
        let end = self.stretches.get(after).map_or(len, |next| next.first);
        let passed = i128::from(at.nanos()).saturating_sub(i128::from(stretch.start));
        let steps = passed.checked_div(i128::from(stretch.step)).unwrap_or(0);
        let seen = usize::try_from(steps).unwrap_or(usize::MAX).saturating_add(1);
        stretch.first.saturating_add(seen).min(end)
    }

    /// The first place from `from` on, of `len`, that is more than `longest` after the one before it.
    pub(super) fn first_after_gap(&self, from: usize, longest: TimeSpan, len: usize) -> Option<usize> {
        let from = from.max(1);
        let (found, _) = self.stretch(from)?;
        let mut before = self.at(from.saturating_sub(1))?;
        let mut place = from;
        for (n, stretch) in self.stretches.iter().enumerate().skip(found) {
            let end = self.stretches.get(n.saturating_add(1)).map_or(len, |next| next.first);
            // the step into the stretch, then those within it
            if place < end && Timestamp::from_nanos(stretch.at(place)).since(before) > longest {
                return Some(place);
            }
            let second = place.saturating_add(1);
            if second < end && TimeSpan::from_nanos(stretch.step) > longest {
                return Some(second);
            }
            before = Timestamp::from_nanos(stretch.at(end.saturating_sub(1)));
            place = end;
        }
        None
    }
}
