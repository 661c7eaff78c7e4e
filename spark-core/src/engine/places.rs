//! A set of places, given in order: two levels of bits, so that its cost is that of its members.

use std::ops::Range;

/// Of a word.
pub(super) const BITS: usize = 64;

/// Places that follow each other, in half the room of a range. Of more than an `u32` counts there are none: a policy's
/// places are far fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Places {
    start: u32,
    end: u32,
}

impl Places {
    pub(super) fn new(places: Range<usize>) -> Self {
        Self { start: place(places.start), end: place(places.end) }
    }

    pub(super) const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(super) const fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

/// A place as it is kept in tables; one that is too large is of nothing.
pub(super) fn place(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Places below a number that is fixed at the start. It allocates nothing afterwards.
#[derive(Debug, Clone)]
pub(super) struct PlaceSet {
    words: Vec<u64>,
    /// By word: whether it has any.
    summary: Vec<u64>,
}

impl PlaceSet {
    pub(super) fn new(places: usize) -> Self {
        let words = places.div_ceil(BITS);
        Self { words: vec![0; words], summary: vec![0; words.div_ceil(BITS)] }
    }

    /// Takes a place in; one beyond the number is none.
    pub(super) fn insert(&mut self, place: usize) {
        self.set(place, true);
    }

    pub(super) fn remove(&mut self, place: usize) {
        self.set(place, false);
    }

    /// Says whether a place is in. There is no branch on it: nobody can foretell who asks for what.
    pub(super) fn set(&mut self, place: usize, is_in: bool) {
        let put = |bits: &mut u64, bit: u64, is_in: bool| *bits = *bits & !bit | if is_in { bit } else { 0 };
        let (word, bit) = parts(place);
        let Some(bits) = self.words.get_mut(word) else { return };
        put(bits, bit, is_in);
        let has_any = *bits != 0;
        let (group, bit) = parts(word);
        if let Some(bits) = self.summary.get_mut(group) {
            put(bits, bit, has_any);
        }
    }

    /// Says of the places of these bits of a word which are in.
    pub(super) fn put(&mut self, word: usize, of: u64, is_in: u64) {
        let Some(bits) = self.words.get_mut(word) else { return };
        *bits = *bits & !of | is_in & of;
        let has_any = *bits != 0;
        let group = word / BITS;
        if let Some(summary) = self.summary.get_mut(group) {
            let (_, bit) = parts(word);
            *summary = *summary & !bit | if has_any { bit } else { 0 };
        }
    }

    pub(super) fn has(&self, place: usize) -> bool {
        let (word, bit) = parts(place);
        self.words.get(word).is_some_and(|bits| bits & bit != 0)
    }

    pub(super) fn len(&self) -> usize {
        let words = self.summary.iter().enumerate().flat_map(|(group, bits)| members(group, *bits));
        let bits = words.filter_map(|word| self.words.get(word));
        bits.fold(0, |sum, bits| sum.saturating_add(bits.count_ones() as usize))
    }

    pub(super) fn clear(&mut self) {
        for (group, bits) in self.summary.iter_mut().enumerate() {
            for word in members(group, std::mem::take(bits)) {
                self.words.get_mut(word).into_iter().for_each(|word| *word = 0);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.summary.iter().all(|bits| *bits == 0)
    }

    /// Takes the first place out.
    pub(super) fn pop_first(&mut self) -> Option<usize> {
        let (group, bits) = self.summary.iter().enumerate().find(|(_, bits)| **bits != 0)?;
        let word = within(group, bits.trailing_zeros());
        let first = within(word, self.words.get(word)?.trailing_zeros());
        self.remove(first);
        Some(first)
    }

    /// The places, rising.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        let words = self.summary.iter().enumerate().flat_map(|(group, bits)| members(group, *bits));
        words
            .filter_map(|word| Some((word, *self.words.get(word)?)))
            .flat_map(|(word, bits)| members(word, bits))
    }
}

/// The word of a place, and its bit in it.
const fn parts(place: usize) -> (usize, u64) {
    (place / BITS, 1_u64.rotate_left((place % BITS) as u32))
}

pub(super) const fn within(word: usize, bit: u32) -> usize {
    word.saturating_mul(BITS).saturating_add(bit as usize)
}

/// The places of the bits that are set in a word.
pub(super) fn members(word: usize, bits: u64) -> impl Iterator<Item = usize> {
    let rest = std::iter::successors(Some(bits), |bits| Some(bits & bits.wrapping_sub(1)));
    rest.take_while(|bits| *bits != 0).map(move |bits| within(word, bits.trailing_zeros()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// It holds what a sorted set holds, whatever comes and goes, at the borders of its words and groups too.
    #[test]
    fn it_is_a_sorted_set() {
        const PLACES: usize = 10_000;
        let near = [0, 1, 63, 64, 65, 127, 128, 4_095, 4_096, 4_097, 9_999];
        let mut seed: u64 = 1;
        let (mut set, mut peer) = (PlaceSet::new(PLACES), BTreeSet::new());
        for step in 0..4_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let random = (seed >> 33) as usize;
            let place = if random & 64 == 0 { near[random % near.len()] } else { random % PLACES };
            match random % 5 {
                0 | 1 => {
                    set.insert(place);
                    peer.insert(place);
                }
                2 | 3 => {
                    set.remove(place);
                    peer.remove(&place);
                }
                _ => assert_eq!(set.pop_first(), peer.pop_first()),
            }
            assert_eq!(set.is_empty(), peer.is_empty());
            if step % 16 == 0 {
                assert!(set.iter().eq(peer.iter().copied()), "step {step}");
            }
        }
        set.insert(usize::MAX);
        while set.pop_first().is_some() {}
        assert!(set.is_empty() && set.iter().next().is_none());
    }
}
