//! The sum of a window that slides, in integers: what was added is taken off again without a trace.

use rust_decimal::Decimal;

use super::estimate::Estimate;
use super::functions::mean_of;
use crate::decimal::ten_to;

/// Below this a mantissa at the total's places is added; 2^20 of them, as many as a series keeps, fit into 127 bits.
const PART_BITS: u32 = 106;

/// Below this all sums of a decimal's fold are exact, in any order: a decimal has 96 bits.
pub(crate) const EXACT_BITS: u32 = 96;

/// The sum of values, at a number of decimal places that all of them have room in.
///
/// It knows whether adding decimals one after the other would have been exact, and so the same. Where it would have been
/// rounded on the way, there is no sum here, and whoever asks adds them up.
#[derive(Debug, Clone, Default)]
pub struct Total {
    places: u32,
    // INVARIANT: the sum of all parts that fit, and of their absolute values, in units of 10^-places
    sum: i128,
    absolute: i128,
    /// Values that do not fit at these places.
    unfit: usize,
    /// Values that need all of these places.
    finest: usize,
    len: usize,
}

impl Total {
    /// The total of values.
    pub fn of(values: impl Iterator<Item = Decimal> + Clone) -> Self {
        let places = values.clone().map(|value| value.scale()).max().unwrap_or(0);
        let mut total = Self { places, ..Self::default() };
        values.for_each(|value| total.put(value));
        total
    }

    /// How many values it holds.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes a value in. False, and nothing is taken in, where it has more places than any before: the total has to be
    /// made [of](Self::of) all values anew. A decimal has 28 places, so that is seldom.
    #[must_use]
    pub fn push(&mut self, value: Decimal) -> bool {
        self.push_if(true, value)
    }

    /// Takes a value in, or does nothing. That this is not known before costs nothing.
    #[inline]
    #[must_use]
    pub fn push_if(&mut self, taken: bool, value: Decimal) -> bool {
        if let Some(part) = self.small_part(value) {
            let (part, times) = if taken { (part, 1) } else { (0, 0) };
            // as all parts fit, so do their sums
            self.sum = self.sum.wrapping_add(part.into());
            self.absolute = self.absolute.wrapping_add(part.unsigned_abs().into());
            self.finest = self.finest.wrapping_add(times);
            self.len = self.len.wrapping_add(times);
            return true;
        }
        if !taken {
            return true;
        }
        if value.scale() > self.places {
            if self.len > 0 {
                return false;
            }
            *self = Self { places: value.scale(), ..Self::default() };
        }
        self.put(value);
        true
    }

    fn put(&mut self, value: Decimal) {
        match self.part(value) {
            Some(part) => {
                self.sum = self.sum.saturating_add(part);
                self.absolute = self.absolute.saturating_add(part.saturating_abs());
            }
            None => self.unfit = self.unfit.saturating_add(1),
        }
        self.finest = self.finest.saturating_add(usize::from(value.scale() == self.places));
        self.len = self.len.saturating_add(1);
    }

    /// Takes a value off that was taken in.
    pub fn pop(&mut self, value: Decimal) {
        self.pop_if(true, value);
    }

    /// Takes a value off that was taken in, or does nothing.
    #[inline]
    pub fn pop_if(&mut self, taken: bool, value: Decimal) {
        if let Some(part) = self.small_part(value) {
            let (part, times) = if taken { (part, 1) } else { (0, 0) };
            self.sum = self.sum.wrapping_sub(part.into());
            self.absolute = self.absolute.wrapping_sub(part.unsigned_abs().into());
            self.finest = self.finest.wrapping_sub(times);
            self.len = self.len.wrapping_sub(times);
            return;
        }
        if !taken {
            return;
        }
        match self.part(value) {
            Some(part) => {
                self.sum = self.sum.saturating_sub(part);
                self.absolute = self.absolute.saturating_sub(part.saturating_abs());
            }
            None => self.unfit = self.unfit.saturating_sub(1),
        }
        self.finest = self.finest.saturating_sub(usize::from(value.scale() == self.places));
        self.len = self.len.saturating_sub(1);
    }

    /// The part of a value that needs all of the total's places, as nearly all do.
    #[inline]
    fn small_part(&self, value: Decimal) -> Option<i64> {
        if value.scale() == self.places { small(value) } else { None }
    }

    /// The value in units of the total's places; none where it is too large for them.
    fn part(&self, value: Decimal) -> Option<i128> {
        let part = in_units(value, self.places)?;
        (part.unsigned_abs() >> PART_BITS == 0).then_some(part)
    }

    /// Whether adding the values up as decimals is exact, in any order.
    pub const fn is_exact(&self) -> bool {
        self.unfit == 0 && self.absolute.unsigned_abs() >> EXACT_BITS == 0
    }

    /// Whether making it anew could make it exact: no value needs so many places any more.
    pub const fn is_stale(&self) -> bool {
        self.finest == 0 && !self.is_exact()
    }

    /// The sum, in its shortest form; none where adding decimals might be rounded.
    pub fn sum(&self) -> Option<Decimal> {
        if !self.is_exact() {
            return None;
        }
        Some(Decimal::try_from_i128_with_scale(self.sum, self.places).ok()?.normalize())
    }

    /// The arithmetic mean, as [`mean`](super::mean) has it; none of nothing, and where adding decimals might be rounded.
    pub fn mean(&self) -> Option<Decimal> {
        mean_of(self.sum()?, self.len)
    }

    /// About the sum of at least one value; none where adding decimals might be rounded.
    pub fn sum_about(&self) -> Option<Estimate> {
        self.is_exact().then(|| Estimate::quotient((self.sum, self.places), (1, 0)))?
    }

    /// About the mean; none of nothing, and where adding decimals might be rounded.
    pub fn mean_about(&self) -> Option<Estimate> {
        self.is_exact()
            .then(|| Estimate::quotient((self.sum, self.places), (i128::try_from(self.len).ok()?, 0)))?
    }

    pub(crate) const fn places(&self) -> u32 {
        self.places
    }

    /// The sum, and that of absolute values, in units of so many places; none where they do not fit.
    pub(crate) fn raw(&self, places: u32) -> Option<(i128, i128)> {
        if !self.is_exact() {
            return None;
        }
        if places == self.places {
            return Some((self.sum, self.absolute));
        }
        let factor = ten_to(places.checked_sub(self.places)?)?;
        Some((self.sum.checked_mul(factor)?, self.absolute.checked_mul(factor)?))
    }
}

/// A product; none beyond 127 bits.
pub(crate) fn product(a: i128, b: i128) -> Option<i128> {
    match (i64::try_from(a), i64::try_from(b)) {
        // as it mostly is, and one multiplication
        (Ok(a), Ok(b)) => Some(i128::from(a).saturating_mul(b.into())),
        _ => a.checked_mul(b),
    }
}

/// The digits of a value as a whole number, without its places; none where these are more than 63 bits.
#[inline]
pub(crate) fn small(value: Decimal) -> Option<i64> {
    let parts = value.unpack();
    let size = i64::try_from(u64::from(parts.mid) << 32 | u64::from(parts.lo)).ok()?;
    (parts.hi == 0).then(|| if parts.negative { size.wrapping_neg() } else { size })
}

/// A value in units of 10^-places; none where it has more places, or is too large.
#[inline]
pub(crate) fn in_units(value: Decimal, places: u32) -> Option<i128> {
    match places.checked_sub(value.scale())? {
        0 => Some(value.mantissa()),
        more => product(value.mantissa(), ten_to(more)?),
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests may")]
mod tests {
    use super::*;
    use crate::window::functions;
    use proptest::prelude::*;

    fn a_value() -> impl Strategy<Value = Decimal> {
        prop_oneof![
            6 => (-5_000..5_000_i64, 0..4_u32).prop_map(|(value, places)| Decimal::new(value, places)),
            1 => (any::<i64>(), 0..29_u32).prop_map(|(value, places)| Decimal::new(value, places)),
            1 => (any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>(), 0..29_u32)
                .prop_map(|(low, mid, high, negative, places)| Decimal::from_parts(low, mid, high, negative, places)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

        /// Where a total has a sum, it is that of the decimals one after the other, places included, whatever came and
        /// went before; and ordinary values always have one.
        #[test]
        fn totals_are_sums(
            values in proptest::collection::vec((a_value(), prop_oneof![4 => Just(true), 1 => Just(false)]), 1..60),
            width in 1..20_usize,
        ) {
            let mut total = Total::default();
            for (place, (value, taken)) in values.iter().enumerate() {
                let window = &values[(place + 1).saturating_sub(width)..=place];
                let window: Vec<_> = window.iter().filter(|(_, taken)| *taken).map(|(value, _)| *value).collect();
                if let Some(gone) = place.checked_sub(width) {
                    total.pop_if(values[gone].1, values[gone].0);
                }
                if !total.push_if(*taken, *value) || total.is_stale() {
                    total = Total::of(window.iter().copied());
                }
                let text = |value: Decimal| value.to_string();
                let plain = functions::sum(window.iter().copied());
                if total.is_exact() {
                    prop_assert_eq!(total.sum().map(text), plain.map(text));
                }
                if window.iter().all(|value| value.scale() < 4 && value.mantissa().abs() < 5_000) {
                    prop_assert!(total.is_exact());
                }
                prop_assert_eq!(total.len(), window.len());
            }
        }
    }
}
