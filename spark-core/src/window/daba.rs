//! An aggregate over a window that slides, in a number of steps that never depends on what came before.
//!
//! This is DABA Lite (Tangwongsan, Hirzel and Schneider, "In-order sliding-window aggregation in worst-case constant time",
//! arXiv 2009.13768): what a monotonic deque or two stacks do now and then for all values at once is done here one step
//! at each push and each pop. At most three merges each, whatever comes, and one slot a value.

use std::cmp::Ordering;
use std::collections::VecDeque;

use rust_decimal::Decimal;

use crate::decimal::ten_to;

/// What is kept of values, so that neighbours can be merged. Merging must be associative; it need not commute, nor can it be
/// undone.
pub trait Aggregate: Copy {
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
    // INVARIANT: 0 <= left <= right <= accumulated <= back <= slots.len(). By place, a slot holds
    //   ..left               the aggregate from there to `back`
    //   left..right          the aggregate from there to `right`
    //   right..accumulated   the value itself
    //   accumulated..back    the aggregate from there to `back`
    //   back..               the value itself
    slots: VecDeque<T>,
    left: usize,
    right: usize,
    accumulated: usize,
    back: usize,
    /// The aggregate of `right..back`.
    middle: Option<T>,
    /// The aggregate of `back..`.
    newest: Option<T>,
}

impl<T> Default for Daba<T> {
    fn default() -> Self {
        let slots = VecDeque::new();
        Self { slots, left: 0, right: 0, accumulated: 0, back: 0, middle: None, newest: None }
    }
}

impl<T: Aggregate> Daba<T> {
    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The aggregate of all values; none of none.
    pub fn get(&self) -> Option<T> {
        let oldest = if self.back == 0 { None } else { self.slots.front().copied() };
        merged(oldest, self.newest)
    }

    /// Takes a value in at the new end.
    pub fn push(&mut self, value: T) {
        self.newest = merged(self.newest, Some(value));
        self.slots.push_back(value);
        self.step();
    }

    /// Lets the oldest value go.
    pub fn pop(&mut self) {
        if self.slots.pop_front().is_some() {
            for place in [&mut self.left, &mut self.right, &mut self.accumulated, &mut self.back] {
                *place = place.saturating_sub(1);
            }
            self.step();
        }
    }

    /// Lets all go, and keeps the room.
    pub fn clear(&mut self) {
        let mut slots = std::mem::take(&mut self.slots);
        slots.clear();
        *self = Self { slots, ..Self::default() };
    }

    /// The step that each push and each pop pays: it turns values into aggregates before they are needed.
    fn step(&mut self) {
        let end = self.slots.len();
        if self.back == 0 {
            // nothing older: the one value is its own aggregate
            (self.left, self.right, self.accumulated, self.back) = (end, end, end, end);
            (self.middle, self.newest) = (None, None);
            return;
        }
        if self.left == self.back {
            // every older slot is an aggregate: what came since is the next to be turned
            (self.left, self.accumulated, self.back) = (0, end, end);
            self.middle = self.newest.take();
        }
        if self.left == self.right {
            self.accumulated = self.accumulated.saturating_add(1);
            self.right = self.right.saturating_add(1);
            self.left = self.left.saturating_add(1);
            return;
        }
        let after =
            if self.accumulated == self.back { None } else { self.slots.get(self.accumulated).copied() };
        if let (Some(slot), Some(middle)) = (self.slots.get_mut(self.left), self.middle) {
            *slot = slot.merge(middle);
        }
        self.left = self.left.saturating_add(1);
        self.accumulated = self.accumulated.saturating_sub(1);
        if let (Some(slot), Some(after)) = (self.slots.get_mut(self.accumulated), after) {
            *slot = slot.merge(after);
        }
    }
}

fn merged<T: Aggregate>(older: Option<T>, newer: Option<T>) -> Option<T> {
    match (older, newer) {
        (Some(older), Some(newer)) => Some(older.merge(newer)),
        (older, newer) => older.or(newer),
    }
}

/// The smallest value; of equal ones the oldest, as `Iterator::min` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Smallest(pub Decimal);

impl Aggregate for Smallest {
    fn merge(self, newer: Self) -> Self {
        if order(&newer.0, &self.0).is_lt() { newer } else { self }
    }
}

/// The largest value; of equal ones the newest, as `Iterator::max` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Largest(pub Decimal);

impl Aggregate for Largest {
    fn merge(self, newer: Self) -> Self {
        if order(&newer.0, &self.0).is_lt() { self } else { newer }
    }
}

/// The order of two decimals. Samples of one source mostly have the same number of places, and then it is that of integers;
/// a threshold mostly has few digits, and then it is too.
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
        fn merge(self, newer: Self) -> Self {
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
