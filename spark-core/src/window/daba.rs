//! An aggregate over a window that slides, in a number of steps that never depends on what came before.
//!
//! This is DABA Lite (Tangwongsan, Hirzel and Schneider, "In-order sliding-window aggregation in worst-case constant time",
//! arXiv 2009.13768): what a monotonic deque or two stacks do now and then for all values at once is done here one step
//! at each push and each pop. At most three merges each, whatever comes, and one slot a value.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use crate::decimal::ten_to;

/// What is kept of values, so that neighbours can be merged. Merging must be associative; it need not commute, nor can it be
/// undone.
pub trait Aggregate: Copy {
    /// What is kept of no value: merged with any other, on either side, it gives that one.
    const NONE: Self;

    /// This, of older values, with the same of the values that follow.
    #[must_use]
    fn merge(self, newer: Self) -> Self;
}

/// The aggregate of a queue of values.
///
/// ```
/// use rust_decimal::Decimal;
/// use spark_core::window::{Daba, Largest};
/// let mut window = Daba::default();
/// for value in [3, 1, 2] {
///     window.push(Largest(Decimal::from(value)));
/// }
/// assert_eq!(window.get(), Some(Largest(Decimal::from(3))));
/// window.pop();
/// assert_eq!(window.get(), Some(Largest(Decimal::from(2))));
/// ```
#[derive(Debug, Clone)]
pub struct Daba<T> {
    // INVARIANT: front <= left <= right <= accumulated <= back <= end, counted from the first value that ever came. By
    // place, a slot holds
    //   front..left          the aggregate from there to `back`
    //   left..right          the aggregate from there to `right`
    //   right..accumulated   the value itself
    //   accumulated..back    the aggregate from there to `back`
    //   back..end            the value itself
    /// A ring: as many as a power of two, so that a place is found without a division.
    slots: Vec<T>,
    front: u64,
    left: u64,
    right: u64,
    accumulated: u64,
    back: u64,
    end: u64,
    /// The aggregate of `right..back`.
    middle: T,
    /// The aggregate of `back..`.
    newest: T,
}

impl<T: Aggregate> Default for Daba<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            front: 0,
            left: 0,
            right: 0,
            accumulated: 0,
            back: 0,
            end: 0,
            middle: T::NONE,
            newest: T::NONE,
        }
    }
}

impl<T: Aggregate> Daba<T> {
    /// How many values it holds.
    pub fn len(&self) -> usize {
        usize::try_from(self.end.wrapping_sub(self.front)).unwrap_or(usize::MAX)
    }

    /// Whether it holds none.
    pub const fn is_empty(&self) -> bool {
        self.end == self.front
    }

    /// The aggregate of all values; none of none.
    #[inline]
    pub fn get(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let oldest = if self.back <= self.front { T::NONE } else { self.slot(self.front) };
        Some(oldest.merge(self.newest))
    }

    /// Takes a value in at the new end.
    #[inline]
    pub fn push(&mut self, value: T) {
        if self.len() == self.slots.len() {
            self.grow();
        }
        self.newest = self.newest.merge(value);
        self.set(self.end, value);
        self.end = self.end.wrapping_add(1);
        self.step();
    }

    /// Lets the oldest value go.
    #[inline]
    pub fn pop(&mut self) {
        if !self.is_empty() {
            self.front = self.front.wrapping_add(1);
            self.step();
        }
    }

    /// Lets all go, and keeps the room.
    pub fn clear(&mut self) {
        *self = Self { slots: std::mem::take(&mut self.slots), ..Self::default() };
    }

    /// The step that each push and each pop pays: it turns values into aggregates before they are needed.
    #[inline]
    fn step(&mut self) {
        if self.back <= self.front {
            // nothing older: the one value is its own aggregate
            let end = self.end;
            (self.left, self.right, self.accumulated, self.back) = (end, end, end, end);
            (self.middle, self.newest) = (T::NONE, T::NONE);
            return;
        }
        if self.left == self.back {
            // every older slot is an aggregate: what came since is the next to be turned
            (self.left, self.accumulated, self.back) = (self.front, self.end, self.end);
            self.middle = std::mem::replace(&mut self.newest, T::NONE);
        }
        if self.left == self.right {
            self.accumulated = self.accumulated.wrapping_add(1);
            self.right = self.right.wrapping_add(1);
            self.left = self.left.wrapping_add(1);
            return;
        }
        let after = if self.accumulated == self.back { T::NONE } else { self.slot(self.accumulated) };
        self.set(self.left, self.slot(self.left).merge(self.middle));
        self.left = self.left.wrapping_add(1);
        self.accumulated = self.accumulated.wrapping_sub(1);
        self.set(self.accumulated, self.slot(self.accumulated).merge(after));
    }

    #[inline]
    fn slot(&self, at: u64) -> T {
        self.slots.get(self.place(at)).copied().unwrap_or(T::NONE)
    }

    #[inline]
    fn set(&mut self, at: u64, value: T) {
        let place = self.place(at);
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = value;
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::as_conversions,
        reason = "the lower bits are what is asked for"
    )]
    #[inline]
    const fn place(&self, at: u64) -> usize {
        at as usize & self.slots.len().wrapping_sub(1)
    }

    #[cold]
    fn grow(&mut self) {
        const FIRST: usize = 4;
        let mut wider =
            Self { slots: vec![T::NONE; self.slots.len().saturating_mul(2).max(FIRST)], ..Self::default() };
        for at in self.front..self.end {
            wider.set(at, self.slot(at));
        }
        self.slots = wider.slots;
    }
}

/// The smallest value; of equal ones the oldest, as `Iterator::min` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Smallest(pub Decimal);

impl Aggregate for Smallest {
    const NONE: Self = Self(Decimal::MAX);

    fn merge(self, newer: Self) -> Self {
        if order(&newer.0, &self.0).is_lt() { newer } else { self }
    }
}

/// The largest value; of equal ones the newest, as `Iterator::max` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Largest(pub Decimal);

impl Aggregate for Largest {
    const NONE: Self = Self(Decimal::MIN);

    fn merge(self, newer: Self) -> Self {
        if order(&newer.0, &self.0).is_lt() { self } else { newer }
    }
}

/// The order of two decimals. Samples of one source mostly have the same number of places, and then it is that of integers;
/// a threshold mostly has few digits, and then it is too.
#[inline]
pub(crate) fn order(a: &Decimal, b: &Decimal) -> Ordering {
    if a.scale() == b.scale() {
        return a.mantissa().cmp(&b.mantissa());
    }
    let units = |value: &Decimal, other: &Decimal| {
        let more = other.scale().saturating_sub(value.scale());
        i128::from(i64::try_from(value.mantissa()).ok()?).checked_mul(ten_to(more).filter(|_| more < 19)?)
    };
    match (units(a, b), units(b, a)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests may")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// First and last value, and how many: an aggregate that does not commute, and tells each place that is wrong.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Run {
        first: u32,
        last: u32,
        count: u32,
    }

    impl Aggregate for Run {
        const NONE: Self = Self { first: 0, last: 0, count: 0 };

        fn merge(self, newer: Self) -> Self {
            if self.count == 0 || newer.count == 0 {
                return if self.count == 0 { newer } else { self };
            }
            assert_eq!(self.last + 1, newer.first, "neighbours, in their order");
            Self { first: self.first, last: newer.last, count: self.count + newer.count }
        }
    }

    proptest! {
        /// After any pushes and pops the aggregate is that of the values that are in, in their order.
        #[test]
        fn aggregates_what_is_in(steps in proptest::collection::vec((any::<bool>(), 1..40u32), 1..60)) {
            let mut window = Daba::default();
            let (mut first, mut next) = (0, 0);
            for (push, times) in steps {
                for _ in 0..times {
                    if push {
                        window.push(Run { first: next, last: next, count: 1 });
                        next += 1;
                    } else {
                        window.pop();
                        first = next.min(first + 1);
                    }
                    let expected = (first < next).then(|| Run { first, last: next - 1, count: next - first });
                    prop_assert_eq!(window.get(), expected);
                    prop_assert_eq!(window.len() as u32, next - first);
                }
            }
        }
    }

    std::thread_local! {
        static MERGES: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
    }

    #[derive(Debug, Clone, Copy)]
    struct Counted;

    impl Aggregate for Counted {
        const NONE: Self = Self;

        fn merge(self, _: Self) -> Self {
            MERGES.set(MERGES.get() + 1);
            self
        }
    }

    /// No push, pop or question takes more than three merges, however long the window is.
    #[test]
    fn every_step_is_bounded() {
        let mut window = Daba::default();
        let mut most = 0;
        let mut count = |step: &mut dyn FnMut()| {
            MERGES.set(0);
            step();
            most = most.max(MERGES.get());
        };
        for round in [3_u32, 1_000, 17, 5_000, 1] {
            for _ in 0..round {
                count(&mut || window.push(Counted));
                count(&mut || assert!(window.get().is_some()));
            }
            for _ in 0..round.div_ceil(2) {
                count(&mut || window.pop());
                count(&mut || assert!(window.get().is_some()));
            }
        }
        assert_eq!(most, 3);
    }

    proptest! {
        /// Decimals are in the order of decimals, whatever their places and sizes.
        #[test]
        fn the_order_is_that_of_decimals(
            (a, b) in (any::<i128>(), 0..29_u32, 0..96_u32, -2..3_i64, 0..29_u32).prop_map(|(value, places, bits, off, more)| {
                let a = Decimal::from_i128_with_scale(value >> (32 + bits), places);
                // the same value, or nearly, with other places
                let mut b = a + Decimal::new(off, more);
                b.rescale(more);
                (a, b)
            }),
        ) {
            prop_assert_eq!(order(&a, &b), a.cmp(&b), "{} {}", a, b);
            prop_assert_eq!(order(&b, &a), b.cmp(&a));
        }
    }

    /// Of equal values with different places the one is told that a scan would find.
    #[test]
    fn equal_values() {
        let (one, padded) = (Decimal::ONE, Decimal::new(100, 2));
        let scale = |value: Option<Decimal>| value.map(|value| value.scale());
        let mut smallest = Daba::default();
        let mut largest = Daba::default();
        for value in [one, padded] {
            smallest.push(Smallest(value));
            largest.push(Largest(value));
        }
        assert_eq!(scale(smallest.get().map(|it| it.0)), scale([one, padded].into_iter().min()));
        assert_eq!(scale(largest.get().map(|it| it.0)), scale([one, padded].into_iter().max()));
    }
}
