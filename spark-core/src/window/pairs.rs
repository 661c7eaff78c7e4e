//! The sums that a correlation follows from, in integers, over pairs that come and go.

use rust_decimal::Decimal;

use super::estimate::{Estimate, SHORTENED, STEP, float_ten_to, near};
use super::moments::{CUT, LARGEST, ROUNDED, Sums};
use super::total::{in_units, product, small};

/// Below this a value is added, in units: 2^20 of its squares, as many as a series keeps, fit into 127 bits, also where it is
/// counted from a level that is as far away again.
const VALUE_BITS: u32 = 51;

/// Sums of pairs, as those of [`Moments`](super::Moments) counted from a pair that is or was among them not long ago.
#[derive(Debug, Clone, Default)]
pub struct Pairs {
    left: Scale,
    right: Scale,
    len: usize,
    /// How many came since both levels were moved.
    since: usize,
    sums: Sums,
}

/// How a side's values are counted: from a level, in units of 10^-places.
#[derive(Debug, Clone, Copy, Default)]
struct Scale {
    places: u32,
    level: i64,
}

/// What sums tell of a correlation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Correlated {
    /// About so much.
    About(Estimate),
    /// There is none: a side does not vary, or there are fewer than two pairs.
    Not,
    /// All pairs have to be asked.
    Unsure,
}

impl Scale {
    fn of(values: impl Iterator<Item = Decimal> + Clone) -> Option<Self> {
        let places = values.clone().map(|value| value.scale()).max().unwrap_or(0);
        let scale = Self { places, level: 0 };
        let level = values.into_iter().next().map_or(Some(0), |first| scale.part(first))?;
        Some(Self { level, ..scale })
    }

    /// A value from the level; none where it has more places, or is beyond 63 bits.
    fn part(&self, value: Decimal) -> Option<i64> {
        let units = match value.scale() == self.places {
            true => small(value),
            false => i64::try_from(in_units(value, self.places)?).ok(),
        };
        units?.checked_sub(self.level)
    }

    /// What decimals may cut from a distance to the mean, and one as a float, in units; none where they may overflow.
    fn cut(&self, count: f64, squares: f64) -> Option<f64> {
        let one = float_ten_to(self.places)?;
        let sum = count * (near(self.level.into()).abs() + squares.sqrt());
        (sum < LARGEST * one).then_some(CUT * (sum + one))
    }
}

impl Pairs {
    /// The sums of pairs; none where their values are too far from each other.
    pub fn of(pairs: impl Iterator<Item = (Decimal, Decimal)> + Clone) -> Option<Self> {
        let (left, right) = (pairs.clone().map(|pair| pair.0), pairs.clone().map(|pair| pair.1));
        let mut sums = Self { left: Scale::of(left)?, right: Scale::of(right)?, ..Self::default() };
        for pair in pairs {
            sums.push(pair)?;
        }
        Some(sums)
    }

    /// Takes a pair in. None, and nothing is taken in, where it is finer than any before or too far from the others: the sums
    /// have to be made [of](Self::of) all pairs anew.
    pub fn push(&mut self, pair: (Decimal, Decimal)) -> Option<()> {
        let fits = |part: &i64| part.unsigned_abs() >> VALUE_BITS == 0;
        let (x, y) = (self.left.part(pair.0).filter(fits)?, self.right.part(pair.1).filter(fits)?);
        self.sums.put((x, y));
        self.len = self.len.saturating_add(1);
        self.since = self.since.saturating_add(1);
        if self.since > self.len {
            self.sums.move_by(self.len, (x, y));
            self.left.level = self.left.level.saturating_add(x);
            self.right.level = self.right.level.saturating_add(y);
            self.since = 0;
        }
        Some(())
    }

    /// Takes a pair off that was taken in.
    pub fn pop(&mut self, pair: (Decimal, Decimal)) {
        if let Some(part) = self.left.part(pair.0).zip(self.right.part(pair.1)) {
            self.sums.take(part);
            self.len = self.len.saturating_sub(1);
        }
    }

    /// About Pearson's correlation, as [`correlation`](super::correlation) has it.
    pub fn correlation(&self) -> Correlated {
        if self.len < 2 {
            return Correlated::Not;
        }
        if let Some(about) = self.about() {
            return Correlated::About(about);
        }
        let Sums { x, y, xx, yy, .. } = self.sums;
        let count = i128::try_from(self.len).unwrap_or(i128::MAX);
        // as many times the sum of squares as there are is the square of the sum
        let stands_still =
            |sum, squares| product(count, squares).is_some_and(|all| Some(all) == product(sum, sum));
        if stands_still(x, xx) || stands_still(y, yy) { Correlated::Not } else { Correlated::Unsure }
    }

    fn about(&self) -> Option<Estimate> {
        let count = near(i128::try_from(self.len).ok()?);
        let (x, y) = (near(self.sums.x), near(self.sums.y));
        let (xy, xx, yy) = (near(self.sums.xy), near(self.sums.xx), near(self.sums.yy));
        let varies = |sum: f64, squares: f64| {
            let (size, off) = (count * squares - sum * sum, ROUNDED * (count * squares + sum * sum));
            (size > 2.0 * off).then_some((size, off / size))
        };
        let ((left, left_off), (right, right_off)) = (varies(x, xx)?, varies(y, yy)?);
        // sizes may be as large as 2^146, their product is no more than a float
        let root = left.sqrt() * right.sqrt();
        let about = (count * xy - x * y) / root;
        let off = ROUNDED * (count * xy.abs() + (x * y).abs()) / root + left_off + right_off;
        // what decimals cut of each distance, as a part of their deviation
        let left_cut = self.left.cut(count, xx)? * count / left.sqrt();
        let right_cut = self.right.cut(count, yy)? * count / right.sqrt();
        // floats that are added round once each, of sums that are no more than the root
        let rounded = 2.0 * ROUNDED * (count + 16.0);
        let error = 4.0 * (off + left_cut + right_cut + rounded) + SHORTENED;
        (error < 1e-3).then(|| Estimate::within(about, error + STEP))?
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests may")]
mod tests {
    use super::*;
    use crate::window::correlation;
    use proptest::prelude::*;

    fn a_value() -> impl Strategy<Value = Decimal> {
        prop_oneof![
            8 => (-50..50_i64, 0..3_u32).prop_map(|(value, places)| Decimal::new(value, places)),
            1 => (0..9_i64).prop_map(|value| Decimal::new(1_000_000_000_000_000 + value, 3)),
            1 => (any::<i64>(), 0..29_u32).prop_map(|(value, places)| Decimal::new(value, places)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

        /// Where the sums tell a correlation, or that there is none, it is that of all pairs; and of ordinary ones they do.
        #[test]
        fn correlations_are_those_of_all_pairs(
            pairs in proptest::collection::vec((a_value(), a_value()), 1..40),
            repeated in any::<bool>(),
            width in 1..12_usize,
        ) {
            let pairs: Vec<_> = pairs.iter().map(|pair| if repeated { (pair.0, pairs[0].1) } else { *pair }).collect();
            let mut sums = Some(Pairs::default());
            for (place, pair) in pairs.iter().enumerate() {
                let window = &pairs[(place + 1).saturating_sub(width)..=place];
                if let (Some(sums), Some(gone)) = (&mut sums, place.checked_sub(width)) {
                    sums.pop(pairs[gone]);
                }
                if sums.as_mut().and_then(|sums| sums.push(*pair)).is_none() {
                    sums = Pairs::of(window.iter().copied());
                }
                let plain = correlation(window);
                match sums.as_ref().map(Pairs::correlation) {
                    Some(Correlated::About(about)) => {
                        prop_assert!(plain.is_some_and(|plain| about.may_be(plain)), "{:?} {:?}", about, plain);
                    }
                    Some(Correlated::Not) => prop_assert_eq!(plain, None),
                    Some(Correlated::Unsure) | None => {
                        let is_ordinary = |value: &Decimal| value.scale() < 3 && value.mantissa().abs() < 50;
                        // the level may still be that of a pair that was in the window before
                        let recent = &pairs[(place + 1).saturating_sub(3 * width)..=place];
                        prop_assert!(!recent.iter().all(|pair| is_ordinary(&pair.0) && is_ordinary(&pair.1)));
                    }
                }
            }
        }
    }
}
