//! Runs: stretches of samples that are all beyond a threshold.

use std::ops::Range;

use rust_decimal::Decimal;

use super::block::{BLOCK, Sought};
use super::{Column, ceiling, floor};
use crate::condition::Relation;

/// Runs of so many samples more than one are searched from their ends: shorter ones are found sooner by reading.
const LONG: usize = 64;

impl Column {
    /// For each threshold, the longest runs of samples that all stand in a relation to it, of at least so many samples.
    ///
    /// `> T for 5m` over a sample a second holds from the 301st sample of a run on: with `at_least` 301, these are the
    /// times at which it held; with 1, also those at which it was pending. Long runs are found without reading all:
    /// a run that passes a place has to contain the sample that many further on, which is looked at first. What is no
    /// number stands in no relation. `None` for `==` and `!=`, and where a value has too many digits for a column.
    pub fn runs(
        &self,
        relation: Relation,
        thresholds: &[Decimal],
        at_least: usize,
    ) -> Option<Vec<Vec<Range<usize>>>> {
        if self.others.iter().any(|(_, reading)| reading.value().is_some()) {
            return None;
        }
        // as `number within least..=most`, the other bound open
        let bound = |threshold: &Decimal| {
            Some(match relation {
                Relation::Above => (floor(*threshold, self.scale).checked_add(1), None),
                Relation::AtLeast => (Some(ceiling(*threshold, self.scale)), None),
                Relation::Below => (None, ceiling(*threshold, self.scale).checked_sub(1)),
                Relation::AtMost => (None, Some(floor(*threshold, self.scale))),
                Relation::Equal | Relation::NotEqual => return None,
            })
        };
        let within: Option<Vec<Sought>> = thresholds
            .iter()
            .map(|threshold| {
                bound(threshold).map(|bounds| match bounds {
                    (Some(least), None) => Sought::within(least, i64::MAX),
                    (None, Some(most)) => Sought::within(i64::MIN, most),
                    // beyond the range: nothing does
                    _ => Sought::within(i64::MAX, i64::MIN),
                })
            })
            .collect();
        let within = within?;
        // the widest first: runs of a narrower one lie within them
        let mut order: Vec<usize> = (0..within.len()).collect();
        order.sort_by_key(|n| within.get(*n).map(|within| within.narrowness()));
        let mut all: Vec<Vec<Range<usize>>> = vec![Vec::new(); within.len()];
        let mut around = self.number_ranges();
        for n in order {
            let (Some(within), Some(found)) = (within.get(n), all.get_mut(n)) else { continue };
            for range in &around {
                self.find(range.clone(), *within, at_least.max(1), found);
            }
            around.clone_from(found);
        }
        Some(all)
    }

    /// The stretches between what is no number.
    fn number_ranges(&self) -> Vec<Range<usize>> {
        let mut start = 0;
        let mut ranges = Vec::with_capacity(self.others.len().saturating_add(1));
        for end in self.others.iter().map(|(place, _)| *place).chain([self.len()]) {
            if end > start {
                ranges.push(start..end);
            }
            start = end.saturating_add(1);
        }
        ranges
    }

    fn find(&self, range: Range<usize>, within: Sought, at_least: usize, found: &mut Vec<Range<usize>>) {
        let reach = at_least.saturating_sub(1);
        // every place before `start` is decided; those in `start..sure` are known to be within
        let (mut start, mut sure) = (range.start, range.start);
        loop {
            if start >= sure {
                let Some(next) = self.next_possible(start, range.end, within, reach) else { return };
                (start, sure) = (next, next);
            }
            let last = start.saturating_add(reach);
            if last >= range.end {
                return;
            }
            let after = last.saturating_add(1);
            match self.last_number(within.others(), sure, after) {
                Some(outside) => (start, sure) = (outside.saturating_add(1), after),
                None => {
                    let end = self.first_number(within.others(), after, range.end);
                    let end = end.unwrap_or(range.end);
                    found.push(start..end);
                    (start, sure) = (end.saturating_add(1), end);
                }
            }
        }
    }

    /// Where a run may begin, from `start` on: of short ones at the first sample that is within, of long ones anywhere
    /// in a block that has such a sample.
    fn next_possible(&self, start: usize, end: usize, within: Sought, reach: usize) -> Option<usize> {
        if reach < LONG {
            return self.first_number(within, start, end);
        }
        let mut place = start;
        while place < end {
            match place.checked_div(BLOCK).and_then(|block| Some((block, self.blocks.get(block)?))) {
                Some((n, block)) if block.all(within) == Some(false) => {
                    place = n.saturating_add(1).saturating_mul(BLOCK);
                }
                _ => return Some(place),
            }
        }
        None
    }
}
