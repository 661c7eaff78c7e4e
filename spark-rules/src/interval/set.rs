//! Sets of values as pieces of the number line, with open and closed ends.

use rust_decimal::Decimal;
use spark_core::Relation;

/// Most pieces that a set is kept in: nobody writes a condition with more. Beyond it the gaps are given up, which
/// makes the set larger and proves less, never more.
const PIECES_MAX: usize = 64;

/// A place on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Below all numbers.
    Below,
    At(Decimal),
    /// Above all numbers.
    Above,
}

/// Where the line is cut: right before a place, or right after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cut {
    place: Place,
    after: bool,
}

impl Cut {
    const START: Self = Self { place: Place::Below, after: true };
    const END: Self = Self { place: Place::Above, after: false };

    const fn before(value: Decimal) -> Self {
        Self { place: Place::At(value), after: false }
    }

    const fn after(value: Decimal) -> Self {
        Self { place: Place::At(value), after: true }
    }
}

/// Values, and apart from them the "origin": of a comparison with a multiple of a reference, that both are zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Set {
    // INVARIANT: in order, each with its start before its end, none touching the next
    pieces: Vec<(Cut, Cut)>,
    origin: bool,
}

impl Set {
    /// All numbers between two ends that belong to it; without an end, on and on.
    pub(super) fn between(low: Option<Decimal>, high: Option<Decimal>) -> Self {
        let start = low.map_or(Cut::START, Cut::before);
        let end = high.map_or(Cut::END, Cut::after);
        Self { pieces: if start < end { vec![(start, end)] } else { Vec::new() }, origin: false }
    }

    /// All numbers that stand in a relation to one.
    pub(super) fn of(relation: Relation, to: Decimal) -> Self {
        let pieces = match relation {
            Relation::Above => vec![(Cut::after(to), Cut::END)],
            Relation::AtLeast => vec![(Cut::before(to), Cut::END)],
            Relation::Below => vec![(Cut::START, Cut::before(to))],
            Relation::AtMost => vec![(Cut::START, Cut::after(to))],
            Relation::Equal => vec![(Cut::before(to), Cut::after(to))],
            Relation::NotEqual => vec![(Cut::START, Cut::before(to)), (Cut::after(to), Cut::END)],
        };
        // zero and zero are equal, whatever the multiple
        let origin = matches!(relation, Relation::AtLeast | Relation::AtMost | Relation::Equal);
        Self { pieces, origin }
    }

    /// The same with the origin.
    pub(super) fn with_origin(self) -> Self {
        Self { origin: true, ..self }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.pieces.is_empty() && !self.origin
    }

    /// Whether anything belongs to both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let touches = |a: &(Cut, Cut)| other.pieces.iter().any(|b| a.0.max(b.0) < a.1.min(b.1));
        (self.origin && other.origin) || self.pieces.iter().any(touches)
    }

    /// What belongs to both.
    pub(super) fn and(&self, other: &Self) -> Self {
        let mut pieces = Vec::new();
        let (mut ours, mut theirs) = (self.pieces.iter().peekable(), other.pieces.iter().peekable());
        while let (Some(a), Some(b)) = (ours.peek(), theirs.peek()) {
            let (start, end) = (a.0.max(b.0), a.1.min(b.1));
            if start < end {
                pieces.push((start, end));
            }
            if a.1 < b.1 {
                ours.next()
            } else {
                theirs.next()
            };
        }
        Self::kept(pieces, self.origin && other.origin)
    }

    /// What belongs to either.
    pub(super) fn or(&self, other: &Self) -> Self {
        let mut all: Vec<(Cut, Cut)> = self.pieces.iter().chain(&other.pieces).copied().collect();
        all.sort_unstable();
        let mut pieces: Vec<(Cut, Cut)> = Vec::with_capacity(all.len());
        for (start, end) in all {
            match pieces.last_mut().filter(|last| start <= last.1) {
                Some(last) => last.1 = last.1.max(end),
                None => pieces.push((start, end)),
            }
        }
        Self::kept(pieces, self.origin || other.origin)
    }

    /// All that does not belong to it.
    pub(super) fn not(&self) -> Self {
        let mut pieces = Vec::new();
        let mut from = Cut::START;
        for (start, end) in &self.pieces {
            if from < *start {
                pieces.push((from, *start));
            }
            from = *end;
        }
        if from < Cut::END {
            pieces.push((from, Cut::END));
        }
        Self { pieces, origin: !self.origin }
    }

    /// Of too many pieces the gaps are given up.
    fn kept(mut pieces: Vec<(Cut, Cut)>, origin: bool) -> Self {
        if pieces.len() > PIECES_MAX
            && let (Some(first), Some(last)) = (pieces.first().copied(), pieces.last().copied())
        {
            pieces = vec![(first.0, last.1)];
        }
        Self { pieces, origin }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RELATIONS: [Relation; 6] = [
        Relation::Above,
        Relation::AtLeast,
        Relation::Below,
        Relation::AtMost,
        Relation::Equal,
        Relation::NotEqual,
    ];

    fn has(set: &Set, value: Decimal) -> bool {
        !set.and(&Set::of(Relation::Equal, value)).pieces.is_empty()
    }

    proptest! {
        /// A set has a number exactly where the relations that it was made of say so.
        #[test]
        fn sets_are_what_they_say(parts in prop::collection::vec((0usize..6, -3i64..4, 0u8..3), 1..8), value in -8i64..9) {
            let value = Decimal::new(value, 0).checked_div(Decimal::TWO).unwrap();
            let mut set = Set::between(None, None);
            let mut expected = true;
            for (relation, to, joint) in parts {
                let (relation, to) = (RELATIONS[relation], Decimal::from(to));
                let (part, holds) = (Set::of(relation, to), relation.holds(value, to));
                (set, expected) = match joint {
                    0 => (set.and(&part), expected && holds),
                    1 => (set.or(&part), expected || holds),
                    _ => (set.and(&part.not()), expected && !holds),
                };
            }
            prop_assert_eq!(has(&set, value), expected);
            prop_assert_eq!(has(&set.not(), value), !expected);
        }
    }

    /// A set of too many pieces grows, and never loses a number.
    #[test]
    fn too_many_pieces() {
        let mut set = Set::between(None, None);
        for hole in 0..200 {
            set = set.and(&Set::of(Relation::NotEqual, Decimal::from(hole)));
            assert!(has(&set, Decimal::new(5, 1)) && set.pieces.len() <= PIECES_MAX);
        }
    }
}
