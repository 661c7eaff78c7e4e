//! The pairs of a correlation, carried from instant to instant: each sample of one series with the newest of another that is
//! not after it, where that is in the window too and not stale.

use std::ops::Range;

use rust_decimal::Decimal;

use super::history::{History, Point};
use crate::time::{TimeSpan, Timestamp};
use crate::window::{Correlated, Pairs};

/// The pairs in one window of two series.
#[derive(Debug, Clone)]
pub(super) struct Pairing {
    pub(super) over: TimeSpan,
    /// How old the partner of a sample may be.
    reach: TimeSpan,
    /// The instant that it stands at; none where it has to be made anew.
    at: Option<Timestamp>,
    /// The numbers of the left samples that have a partner in the window, be it stale.
    inside: Range<u64>,
    /// One past the number of the partner of the first of them, and of the last.
    partners: Range<u64>,
    /// One past the newest right sample that was seen.
    seen: u64,
    pairs: Option<Pairs>,
}

impl Pairing {
    pub(super) const fn new(over: TimeSpan, reach: TimeSpan) -> Self {
        Self { over, reach, at: None, inside: 0..0, partners: 0..0, seen: 0, pairs: None }
    }

    /// Moves to an instant.
    pub(super) fn advance(&mut self, left: &History, right: &History, at: Timestamp) {
        let opens = at.minus(self.over);
        let before = self.at.replace(at);
        let last = self.inside.end.checked_sub(1).filter(|last| *last >= self.inside.start);
        let last = last.and_then(|last| left.point(last)).map(|last| last.at);
        // what came late may be the partner of samples that have another one
        let late = right.point(self.seen).is_some_and(|next| last.is_some_and(|last| next.at <= last));
        let first_partner = self.partners.start.checked_sub(1).and_then(|first| right.point(first));
        let goes_on = before.is_some_and(|before| before <= at)
            && last.is_some_and(|last| last > opens)
            && left.point(self.inside.start).is_some()
            && first_partner.is_some()
            && !late;
        while right.point(self.seen).is_some_and(|next| next.at <= at) {
            self.seen = self.seen.saturating_add(1);
        }
        let carried = goes_on.then(|| self.carry(left, right, (opens, at))).flatten();
        if carried.is_none() {
            self.renew(left, right, (opens, at));
        }
    }

    /// Lets go what left the window, and takes in what came; none where the sums have to be made anew.
    fn carry(&mut self, left: &History, right: &History, (opens, at): (Timestamp, Timestamp)) -> Option<()> {
        let mut pairs = self.pairs.take()?;
        while let Some(first) = left.point(self.inside.start).filter(|_| !self.inside.is_empty()) {
            let partner = partner(right, &mut self.partners.start, first.at)?;
            if first.at > opens && partner.at > opens {
                break;
            }
            if let Some(pair) = self.pair(&first, &partner) {
                pairs.pop(pair);
            }
            self.inside.start = self.inside.start.saturating_add(1);
        }
        while let Some(next) = left.point(self.inside.end).filter(|next| next.at <= at) {
            let partner = partner(right, &mut self.partners.end, next.at)?;
            if partner.at <= opens {
                // nothing before it can have one in the window
                return None;
            }
            if let Some(pair) = self.pair(&next, &partner) {
                pairs.push(pair)?;
            }
            self.inside.end = self.inside.end.saturating_add(1);
        }
        self.pairs = Some(pairs);
        Some(())
    }

    fn renew(&mut self, left: &History, right: &History, (opens, at): (Timestamp, Timestamp)) {
        self.inside = left.numbers(at, self.over);
        let partners = right.numbers(at, self.over);
        (self.partners, self.seen) = (partners.start..partners.start, partners.end);
        // those before the first partner in the window have none
        let first = right.point(partners.start).filter(|first| first.at <= at).map_or(at, |first| first.at);
        while left.point(self.inside.start).is_some_and(|next| next.at < first) && !self.inside.is_empty() {
            self.inside.start = self.inside.start.saturating_add(1);
        }
        let mut newest = partners.start;
        let mut pairs = Vec::with_capacity(left.numbered(&self.inside).count());
        for (place, point) in left.numbered(&self.inside).enumerate() {
            let Some(partner) = partner(right, &mut newest, point.at).filter(|partner| partner.at > opens)
            else {
                continue;
            };
            if place == 0 {
                self.partners.start = newest;
            }
            pairs.extend(self.pair(&point, &partner));
        }
        self.partners.end = newest;
        self.pairs = Pairs::of(pairs.into_iter());
    }

    /// The values of a sample and its partner, where that is not stale.
    fn pair(&self, sample: &Point, partner: &Point) -> Option<(Decimal, Decimal)> {
        let fresh = sample.at.since(partner.at) <= self.reach;
        fresh.then_some((sample.reading.value()?, partner.reading.value()?))
    }

    /// About the correlation at an instant, of samples that are all values.
    pub(super) fn correlation(&self, at: Timestamp) -> Correlated {
        let pairs = self.pairs.as_ref().filter(|_| self.at == Some(at));
        pairs.map_or(Correlated::Unsure, Pairs::correlation)
    }
}

/// The newest sample that is not after an instant; `past` is one past it, and goes on from where it stood.
fn partner(right: &History, past: &mut u64, at: Timestamp) -> Option<Point> {
    while right.point(*past).is_some_and(|next| next.at <= at) {
        *past = past.saturating_add(1);
    }
    right.point(past.checked_sub(1)?)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests may")]
mod tests {
    use proptest::prelude::*;

    use super::super::history::Needed;
    use super::super::slide::tests::seconds;
    use super::*;
    use crate::condition::Relation;
    use crate::signal::Reading;
    use crate::window::{Estimate, correlation};

    const OVER: u32 = 60;
    const REACH: u32 = 15;

    /// The correlation by its definition, from all samples.
    fn plain(left: &History, right: &History, at: Timestamp) -> Option<Decimal> {
        let in_window = |history: &History| -> Vec<_> { history.window(at, seconds(OVER)).collect() };
        let right = in_window(right);
        let pairs: Vec<_> = in_window(left)
            .iter()
            .filter_map(|point| {
                let partner = right.iter().rfind(|other| other.at <= point.at)?;
                let fresh = point.at.since(partner.at) <= seconds(REACH);
                fresh.then_some((point.reading.value()?, partner.reading.value()?))
            })
            .collect();
        correlation(&pairs)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

        /// The pairs that are carried are those of all samples at each instant, also where a partner comes late, is stale or
        /// leaves the window before its sample.
        #[test]
        fn pairs_are_those_of_all_samples(
            steps in proptest::collection::vec((0..3_u8, 1..25_u32, -9..10_i64), 1..80),
        ) {
            let (mut left, mut right) = (History::default(), History::default());
            let mut pairing = Pairing::new(seconds(OVER), seconds(REACH));
            let (mut times, mut at) = ([Timestamp::EPOCH; 2], Timestamp::EPOCH);
            for (what, gap, value) in steps {
                let mut observe = |history: &mut History, side: usize| {
                    times[side] = times[side].plus(seconds(gap));
                    history.observe(times[side], &Reading::Value(Decimal::from(value)), None, &Needed::default());
                };
                match what {
                    0 => observe(&mut left, 0),
                    1 => observe(&mut right, 1),
                    _ => {
                        at = at.max(times[0]).max(times[1].minus(seconds(gap)));
                        pairing.advance(&left, &right, at);
                        let plain = plain(&left, &right, at);
                        match pairing.correlation(at) {
                            Correlated::About(about) => {
                                let plain = plain.unwrap();
                                let beside = |millionths| Estimate::of(plain + Decimal::new(millionths, 6)).unwrap();
                                prop_assert_eq!(about.stands(Relation::Below, beside(1)), Some(true));
                                prop_assert_eq!(about.stands(Relation::Above, beside(-1)), Some(true));
                            }
                            Correlated::Not => prop_assert_eq!(plain, None),
                            Correlated::Unsure => prop_assert!(false, "small numbers are always told"),
                        }
                    }
                }
            }
        }
    }
}
