//! Blocks of numbers: as distances from the least of them, in as few bytes as the greatest needs.

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

    pub(super) const fn least(&self) -> i64 {
        self.least
    }

    pub(super) const fn greatest(&self) -> i64 {
        self.greatest
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

    /// The first place from `from` on whose number is not within both bounds.
    pub(super) fn first_outside(&self, from: usize, least: i64, most: i64) -> Option<usize> {
        if self.least >= least && self.greatest <= most {
            return None;
        }
        if self.greatest < least || self.least > most || least > most {
            return self.number(from).map(|_| from);
        }
        let (low, high) = self.distances_of(least, most);
        match &self.distances {
            Distances::None(_) => None,
            Distances::One(all) => {
                let (low, high) =
                    (u8::try_from(low).unwrap_or(u8::MAX), u8::try_from(high).unwrap_or(u8::MAX));
                first(all, from, |distance| (distance < low) | (distance > high))
            }
            Distances::Two(all) => {
                let (low, high) =
                    (u16::try_from(low).unwrap_or(u16::MAX), u16::try_from(high).unwrap_or(u16::MAX));
                first(all, from, |distance| (distance < low) | (distance > high))
            }
            Distances::Four(all) => {
                let (low, high) =
                    (u32::try_from(low).unwrap_or(u32::MAX), u32::try_from(high).unwrap_or(u32::MAX));
                first(all, from, |distance| (distance < low) | (distance > high))
            }
            Distances::Eight(all) => first(all, from, |distance| (distance < low) | (distance > high)),
        }
    }

    /// The first place from `from` on whose number is within both bounds.
    pub(super) fn first_within(&self, from: usize, least: i64, most: i64) -> Option<usize> {
        if self.greatest < least || self.least > most || least > most {
            return None;
        }
        if self.least >= least && self.greatest <= most {
            return self.number(from).map(|_| from);
        }
        let (low, high) = self.distances_of(least, most);
        match &self.distances {
            Distances::None(_) => None,
            Distances::One(all) => {
                let (low, high) =
                    (u8::try_from(low).unwrap_or(u8::MAX), u8::try_from(high).unwrap_or(u8::MAX));
                first(all, from, |distance| (distance >= low) & (distance <= high))
            }
            Distances::Two(all) => {
                let (low, high) =
                    (u16::try_from(low).unwrap_or(u16::MAX), u16::try_from(high).unwrap_or(u16::MAX));
                first(all, from, |distance| (distance >= low) & (distance <= high))
            }
            Distances::Four(all) => {
                let (low, high) =
                    (u32::try_from(low).unwrap_or(u32::MAX), u32::try_from(high).unwrap_or(u32::MAX));
                first(all, from, |distance| (distance >= low) & (distance <= high))
            }
            Distances::Eight(all) => first(all, from, |distance| (distance >= low) & (distance <= high)),
        }
    }

    /// The last place in `from..to` whose number is not within both bounds.
    pub(super) fn last_outside(&self, from: usize, to: usize, least: i64, most: i64) -> Option<usize> {
        if self.least >= least && self.greatest <= most {
            return None;
        }
        if self.greatest < least || self.least > most || least > most {
            return to.checked_sub(1).filter(|last| *last >= from);
        }
        let (low, high) = self.distances_of(least, most);
        match &self.distances {
            Distances::None(_) => None,
            Distances::One(all) => {
                let (low, high) =
                    (u8::try_from(low).unwrap_or(u8::MAX), u8::try_from(high).unwrap_or(u8::MAX));
                last(all, from, to, |distance| (distance < low) | (distance > high))
            }
            Distances::Two(all) => {
                let (low, high) =
                    (u16::try_from(low).unwrap_or(u16::MAX), u16::try_from(high).unwrap_or(u16::MAX));
                last(all, from, to, |distance| (distance < low) | (distance > high))
            }
            Distances::Four(all) => {
                let (low, high) =
                    (u32::try_from(low).unwrap_or(u32::MAX), u32::try_from(high).unwrap_or(u32::MAX));
                last(all, from, to, |distance| (distance < low) | (distance > high))
            }
            Distances::Eight(all) => last(all, from, to, |distance| (distance < low) | (distance > high)),
        }
    }

    /// Bounds that cut the block, as distances: the lower at most the greatest distance, the upper perhaps beyond it.
    fn distances_of(&self, least: i64, most: i64) -> (u64, u64) {
        (if least <= self.least { 0 } else { least.abs_diff(self.least) }, most.abs_diff(self.least))
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
