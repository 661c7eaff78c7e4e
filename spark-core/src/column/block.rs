//! Blocks of numbers: as distances from the least of them, in as few bytes as the greatest needs.

use std::cmp::Reverse;

/// How many numbers a block has: with two bytes each it is half a page, and passing over it costs one comparison.
pub(super) const BLOCK: usize = 1 << 10;

/// How many numbers are looked at as one while nothing is found: what a compiler makes vectors of.
const STRIDE: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    least: i64,
    greatest: i64,
    distances: Distances,
}

/// Distances from the least.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Distances {
    /// They are all the same.
    None(usize),
    One(Box<[u8]>),
    Two(Box<[u16]>),
    Four(Box<[u32]>),
    Eight(Box<[u64]>),
}

impl Block {
    pub(super) fn of(numbers: &[i64]) -> Self {
        let least = numbers.iter().copied().min().unwrap_or(0);
        let greatest = numbers.iter().copied().max().unwrap_or(0);
        let distances = || numbers.iter().map(|number| number.abs_diff(least));
        // each distance is at most that of the greatest
        let distances = match greatest.abs_diff(least) {
            0 => Distances::None(numbers.len()),
            1..=0xff => Distances::One(distances().map(|d| u8::try_from(d).unwrap_or(u8::MAX)).collect()),
            0x100..=0xffff => {
                Distances::Two(distances().map(|d| u16::try_from(d).unwrap_or(u16::MAX)).collect())
            }
            0x1_0000..=0xffff_ffff => {
                Distances::Four(distances().map(|d| u32::try_from(d).unwrap_or(u32::MAX)).collect())
            }
            _ => Distances::Eight(distances().collect()),
        };
        Self { least, greatest, distances }
    }

    pub(super) fn number(&self, place: usize) -> Option<i64> {
        let distance = match &self.distances {
            Distances::None(len) => (place < *len).then_some(0),
            Distances::One(distances) => distances.get(place).copied().map(u64::from),
            Distances::Two(distances) => distances.get(place).copied().map(u64::from),
            Distances::Four(distances) => distances.get(place).copied().map(u64::from),
            Distances::Eight(distances) => distances.get(place).copied(),
        };
        distance.map(|distance| self.least.wrapping_add_unsigned(distance))
    }

    pub(super) fn numbers(&self) -> Vec<i64> {
        (0..).map_while(|place| self.number(place)).collect()
    }

    /// The first place from `from` on whose number is what is sought.
    pub(super) fn first(&self, sought: Sought, from: usize) -> Option<usize> {
        match self.all(sought) {
            Some(true) => self.number(from).map(|_| from),
            Some(false) => None,
            None => self.search(sought, Way::On { from }),
        }
    }

    /// The last place in `from..to` whose number is what is sought.
    pub(super) fn last(&self, sought: Sought, from: usize, to: usize) -> Option<usize> {
        match self.all(sought) {
            Some(true) => to.checked_sub(1).filter(|last| *last >= from),
            Some(false) => None,
            None => self.search(sought, Way::Back { from, to }),
        }
    }

    /// Whether all numbers are what is sought, or none; nothing where a bound cuts the block.
    pub(super) const fn all(&self, Sought { within, least, most }: Sought) -> Option<bool> {
        if self.least >= least && self.greatest <= most {
            Some(within)
        } else if self.greatest < least || self.least > most || least > most {
            Some(!within)
        } else {
            None
        }
    }

    fn search(&self, sought: Sought, way: Way) -> Option<usize> {
        let bounds = (sought.within, self.distance_of(sought.least), self.distance_of(sought.most));
        match &self.distances {
            // no bound cuts what is all the same
            Distances::None(_) => None,
            Distances::One(all) => search(all, bounds, way),
            Distances::Two(all) => search(all, bounds, way),
            Distances::Four(all) => search(all, bounds, way),
            Distances::Eight(all) => search(all, bounds, way),
        }
    }

    /// A bound as a distance, as one that the block has: nothing in it lies beyond its ends.
    fn distance_of(&self, bound: i64) -> u64 {
        bound.clamp(self.least, self.greatest).abs_diff(self.least)
    }
}

/// Numbers within both bounds, or those that are not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sought {
    within: bool,
    least: i64,
    most: i64,
}

impl Sought {
    pub(super) const fn within(least: i64, most: i64) -> Self {
        Self { within: true, least, most }
    }

    pub(super) const fn outside(least: i64, most: i64) -> Self {
        Self { within: false, least, most }
    }

    /// By which a wider one comes before those that lie within it.
    pub(super) const fn narrowness(self) -> (i64, Reverse<i64>) {
        (self.least, Reverse(self.most))
    }

    /// All others.
    pub(super) const fn others(self) -> Self {
        Self { within: !self.within, ..self }
    }

    pub(super) const fn is(self, number: i64) -> bool {
        ((number >= self.least) & (number <= self.most)) == self.within
    }
}

/// Where to, and between which places.
#[derive(Debug, Clone, Copy)]
enum Way {
    On { from: usize },
    Back { from: usize, to: usize },
}

fn search<T: Copy + Ord + TryFrom<u64>>(
    all: &[T],
    (within, low, high): (bool, u64, u64),
    way: Way,
) -> Option<usize> {
    // as bounds of the block they have as few bytes as its distances
    let (low, high) = (T::try_from(low).ok()?, T::try_from(high).ok()?);
    let inside = |distance: T| (distance >= low) & (distance <= high);
    match (way, within) {
        (Way::On { from }, true) => first(all, from, inside),
        (Way::On { from }, false) => first(all, from, |distance| !inside(distance)),
        (Way::Back { from, to }, true) => last(all, from, to, inside),
        (Way::Back { from, to }, false) => last(all, from, to, |distance| !inside(distance)),
    }
}

/// The first place from `from` on at which something is found.
pub(super) fn first<T: Copy>(all: &[T], from: usize, is_it: impl Fn(T) -> bool) -> Option<usize> {
    let mut start = from;
    for stride in all.get(from..)?.chunks(STRIDE) {
        // where values go to and fro, the first is often it
        if stride.first().is_some_and(|one| is_it(*one)) {
            return Some(start);
        }
        if stride.iter().fold(false, |any, one| any | is_it(*one)) {
            return stride.iter().position(|one| is_it(*one)).map(|place| start.saturating_add(place));
        }
        start = start.saturating_add(STRIDE);
    }
    None
}

/// The last place in `from..to` at which something is found.
pub(super) fn last<T: Copy>(all: &[T], from: usize, to: usize, is_it: impl Fn(T) -> bool) -> Option<usize> {
    let found = all.get(from..to)?.iter().rposition(|one| is_it(*one))?;
    Some(from.saturating_add(found))
}
