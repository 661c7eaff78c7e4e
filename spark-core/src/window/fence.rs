//! On which side of a threshold a quantile of a window stands, by counting.
//!
//! A quantile lies between two neighbours in the order of the values. How many values are below the threshold tells on which
//! side these are. Where they are on both sides, they are the largest below it and the smallest above it, so that the
//! quantile itself is known; no order of the others is needed.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::daba::{Aggregate, Daba, order};
use super::estimate::{STEP, float_ten_to, near};
use super::total::{in_units, small};
use crate::decimal::ten_to;

/// Whole numbers up to it are floats (2^53).
const LARGEST_WHOLE: i64 = 1 << f64::MANTISSA_DIGITS;

/// The most places that values are counted in. One of more is rounded: a few of those must not make the others too long.
const FINEST: u32 = 12;

/// From this on, the distance of two values may be beyond a decimal: half of its range.
const HUGE_BITS: u32 = 95;

/// The part of a threshold that is as good as the threshold: ten times that in which computed values are taken for the same,
/// and far more than what floats round.
const AS_GOOD: f64 = 1e-12;

/// The part of two floats that is rounded between them.
const ROUNDED: f64 = 16.0 * f64::EPSILON;

/// The largest of floats.
#[derive(Debug, Clone, Copy)]
struct Highest(f64);

/// The smallest of floats.
#[derive(Debug, Clone, Copy)]
struct Lowest(f64);

impl Aggregate for Highest {
    const NONE: Self = Self(f64::NEG_INFINITY);

    fn merge(self, newer: Self) -> Self {
        if self.0 > newer.0 { self } else { newer }
    }
}

impl Aggregate for Lowest {
    const NONE: Self = Self(f64::INFINITY);

    fn merge(self, newer: Self) -> Self {
        if self.0 < newer.0 { self } else { newer }
    }
}

/// The values of a window, held against one threshold.
#[derive(Debug, Clone)]
pub struct Fence {
    threshold: Decimal,
    /// Values are counted in units of 10^-places.
    places: u32,
    units: Units,
    below: Daba<Highest>,
    at: usize,
    above: Daba<Lowest>,
    /// Values that are no whole number of units, or not to the digit.
    rounded: usize,
    /// Values so large that not every quantile is a decimal.
    huge: usize,
}

/// A threshold in units of the values.
#[derive(Debug, Clone, Copy)]
struct Units {
    /// Whole numbers below it are below the threshold.
    not_below: i64,
    /// Whole numbers above it are above the threshold.
    not_above: i64,
    about: f64,
    /// About the part of it that is as good as itself, and what decimals cut off.
    as_good: f64,
}

impl Units {
    fn of(threshold: Decimal, places: u32) -> Self {
        const FARTHEST: i128 = 1 << 62;
        let (floor, is_whole) = match threshold.scale().checked_sub(places).and_then(ten_to) {
            Some(unit) => (
                threshold.mantissa().checked_div_euclid(unit),
                threshold.mantissa().checked_rem_euclid(unit) == Some(0),
            ),
            None => (in_units(threshold, places), true),
        };
        let beyond = if threshold.is_sign_negative() { i128::MIN } else { i128::MAX };
        let floor = floor.unwrap_or(beyond).clamp(-FARTHEST, FARTHEST);
        let ceiling = floor.saturating_add(i128::from(!is_whole));
        let within = |units: i128| i64::try_from(units).unwrap_or(0);
        let units = Self {
            not_below: within(ceiling),
            not_above: within(floor),
            about: scaled_about(threshold, places),
            as_good: 0.0,
        };
        // the product of two floats may be beside the whole number that it stands for
        let about = units.whole().map_or(units.about, near);
        let cut = STEP * float_ten_to(places).unwrap_or(f64::INFINITY);
        Self { about, as_good: AS_GOOD * about.abs() + cut, ..units }
    }

    /// A threshold that is a whole number of units.
    fn whole(&self) -> Option<i128> {
        (self.not_below == self.not_above && self.not_above.abs() <= LARGEST_WHOLE)
            .then_some(self.not_above.into())
    }
}

/// About a value in units of 10^-places.
fn scaled_about(value: Decimal, places: u32) -> f64 {
    let ten_to = |power: u32| float_ten_to(power).unwrap_or(f64::NAN);
    near(value.mantissa()) * ten_to(places) / ten_to(value.scale())
}

/// A value as it is kept.
struct Placed {
    side: Ordering,
    about: f64,
    is_rounded: bool,
    is_huge: bool,
}

impl Fence {
    /// A fence that no value stands at yet.
    pub fn new(threshold: Decimal) -> Self {
        Self::at_places(threshold, 0)
    }

    fn at_places(threshold: Decimal, places: u32) -> Self {
        let places = places.max(threshold.scale()).min(FINEST);
        Self {
            threshold,
            places,
            units: Units::of(threshold, places),
            below: Daba::default(),
            at: 0,
            above: Daba::default(),
            rounded: 0,
            huge: 0,
        }
    }

    /// A fence at which values stand.
    pub fn of(threshold: Decimal, values: impl Iterator<Item = Decimal> + Clone) -> Self {
        let mut fence =
            Self::at_places(threshold, values.clone().map(|value| value.scale()).max().unwrap_or(0));
        values.for_each(|value| fence.put(value));
        fence
    }

    /// The threshold.
    pub const fn threshold(&self) -> Decimal {
        self.threshold
    }

    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.below.len().saturating_add(self.at).saturating_add(self.above.len())
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a value in. False, and nothing is taken in, where it has more places than any before: the fence has to be made
    /// [of](Self::of) all values anew.
    #[inline]
    #[must_use]
    pub fn push(&mut self, value: Decimal) -> bool {
        if value.scale() > self.places && self.places < FINEST {
            return false;
        }
        self.put(value);
        true
    }

    #[inline]
    fn put(&mut self, value: Decimal) {
        let Placed { side, about, is_rounded, is_huge } = self.placed(value);
        match side {
            Ordering::Less => self.below.push(Highest(about)),
            Ordering::Equal => self.at = self.at.saturating_add(1),
            Ordering::Greater => self.above.push(Lowest(about)),
        }
        self.rounded = self.rounded.saturating_add(usize::from(is_rounded));
        self.huge = self.huge.saturating_add(usize::from(is_huge));
    }

    /// Lets the oldest value go, which this is.
    #[inline]
    pub fn pop(&mut self, value: Decimal) {
        let Placed { side, is_rounded, is_huge, .. } = self.placed(value);
        match side {
            Ordering::Less => self.below.pop(),
            Ordering::Equal => self.at = self.at.saturating_sub(1),
            Ordering::Greater => self.above.pop(),
        }
        self.rounded = self.rounded.saturating_sub(usize::from(is_rounded));
        self.huge = self.huge.saturating_sub(usize::from(is_huge));
    }

    #[inline]
    fn placed(&self, value: Decimal) -> Placed {
        if value.scale() == self.places
            && let Some(units) = small(value).filter(|units| (-LARGEST_WHOLE..=LARGEST_WHOLE).contains(units))
        {
            let side = match (units < self.units.not_below, units > self.units.not_above) {
                (true, _) => Ordering::Less,
                (_, true) => Ordering::Greater,
                _ => Ordering::Equal,
            };
            return Placed { side, about: near(units.into()), is_rounded: false, is_huge: false };
        }
        let units = in_units(value, self.places).and_then(|units| i64::try_from(units).ok());
        let units = units.filter(|units| (-LARGEST_WHOLE..=LARGEST_WHOLE).contains(units));
        Placed {
            side: order(&value, &self.threshold),
            about: units.map_or_else(|| scaled_about(value, self.places), |units| near(units.into())),
            is_rounded: units.is_none(),
            is_huge: value.scale() == 0
                && value.mantissa().unsigned_abs() >> HUGE_BITS.saturating_sub(1) != 0,
        }
    }

    /// Lets all go, and keeps the room.
    pub fn clear(&mut self) {
        self.below.clear();
        self.above.clear();
        (self.at, self.rounded, self.huge) = (0, 0, 0);
    }

    /// The order of the quantile and the threshold, as [`quantile_over`](super::quantile_over) has it: where both are the
    /// same, or so far apart that they are not even taken for the same. None where only all values tell, without values, with
    /// a quantile outside of 0 to 1, and where it may be beyond a decimal.
    pub fn order(&self, q: Decimal) -> Option<Ordering> {
        let below = self.below.len();
        let not_above = below.saturating_add(self.at);
        let last = not_above.saturating_add(self.above.len()).checked_sub(1)?;
        // the rank is q * last, in units of q's last place
        let unit = u64::try_from(ten_to(q.scale())?).ok()?;
        let part = u64::try_from(q.mantissa()).ok()?;
        if self.huge > 0 || part > unit {
            return None;
        }
        let rank = part.checked_mul(last.to_u64()?)?;
        let (low, rest) = (rank.checked_div(unit)?.to_usize()?, rank.checked_rem(unit)?);
        let high = if rest == 0 { low } else { low.saturating_add(1) };
        if high < below {
            return (self.below.get()?.0 < self.units.about - self.units.as_good).then_some(Ordering::Less);
        }
        if low >= not_above {
            return (self.above.get()?.0 > self.units.about + self.units.as_good)
                .then_some(Ordering::Greater);
        }
        if low >= below && high < not_above {
            return Some(Ordering::Equal);
        }
        let threshold = self.units.about;
        let low = if low < below { self.below.get()?.0 } else { threshold };
        let high = if high < not_above { threshold } else { self.above.get()?.0 };
        let quantile = low + (high - low) * (near(rest.into()) / near(unit.into()));
        let near_by = self.units.as_good + ROUNDED * (low.abs() + high.abs());
        let distance = quantile - threshold;
        if distance.abs() > near_by {
            return Some(if distance > 0.0 { Ordering::Greater } else { Ordering::Less });
        }
        // whole numbers tell whether both are the same
        let whole = self.units.whole().filter(|_| self.rounded == 0)?;
        let (unit, rest) = (i128::from(unit), i128::from(rest));
        let from_low = exactly(low).checked_mul(unit.checked_sub(rest)?)?;
        let quantile = from_low.checked_add(exactly(high).checked_mul(rest)?)?;
        (quantile == whole.checked_mul(unit)?).then_some(Ordering::Equal)
    }
}

/// A float that is a whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::as_conversions,
    reason = "it is a whole number within 2^53"
)]
const fn exactly(whole: f64) -> i128 {
    whole as i128
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests may")]
mod tests {
    use super::*;
    use crate::window::quantile_over;
    use proptest::prelude::*;

    fn a_value() -> impl Strategy<Value = Decimal> {
        prop_oneof![
            8 => (-20..20_i64, 0..2_u32).prop_map(|(value, places)| Decimal::new(value, places)),
            // where a float of a value and that of its digits may differ by one
            2 => (0..4_i64, 0..4_u32).prop_map(|(more, places)| Decimal::new(LARGEST_WHOLE / 5 * 4 + more, places)),
            1 => (any::<i64>(), 0..29_u32).prop_map(|(value, places)| Decimal::new(value, places)),
            1 => (any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>(), 0..29_u32)
                .prop_map(|(low, mid, high, negative, places)| Decimal::from_parts(low, mid, high, negative, places)),
        ]
    }

    /// A part of a value by which a threshold is off: mostly just within what computed values are taken for the same in.
    fn a_nudge() -> impl Strategy<Value = Option<Decimal>> {
        prop_oneof![
            2 => Just(None),
            1 => (900..1_000_i64, any::<bool>()).prop_map(|(n, up)| Some(Decimal::new(if up { n } else { -n }, 16))),
            1 => (-30..30_i64).prop_map(|n| Some(Decimal::new(n, 13))),
        ]
    }

    /// Whether computed values are taken for the same.
    fn are_same(a: Decimal, b: Decimal) -> bool {
        let reach = a.abs().max(b.abs()).checked_mul(Decimal::new(1, 13)).unwrap_or_default();
        a.checked_sub(b).is_some_and(|distance| distance.abs() <= reach)
    }

    /// Whether all values have to be asked: some are beyond all that others are, or as good as the threshold without being it.
    fn may_be_silent(window: &[Decimal], quantile: Decimal, Fence { threshold, places, .. }: &Fence) -> bool {
        let threshold = *threshold;
        let float = |value: &Decimal| crate::decimal::to_float(*value);
        let largest = window.iter().chain([&threshold]).map(|value| float(value).abs()).fold(0.0, f64::max);
        let is_near = |value: &Decimal, reach: f64| {
            *value != threshold && (float(value) - float(&threshold)).abs() <= reach
        };
        let is_long = |value: &Decimal| {
            in_units(*value, *places).is_none_or(|units| units.abs() > LARGEST_WHOLE.into())
        };
        let is_ordinary =
            window.iter().chain([&threshold]).all(|value| value.scale() <= FINEST && !is_long(value));
        let as_good = 2.0 * AS_GOOD * float(&threshold).abs();
        let good = window.iter().any(|value| is_near(value, as_good));
        let rounded = is_near(&quantile, as_good + 4.0 * ROUNDED * largest);
        good || rounded || !is_ordinary
    }

    /// Where the digits of a value are as many as a float holds, it is not taken for its neighbour; nor what lies within the
    /// last place of decimals for what it is cut off to.
    #[test]
    fn neighbours_are_told_apart() {
        let number = |text: &str| crate::decimal::parse_exact(text).unwrap();
        for (threshold, values, q, expected) in [
            (
                "720575940379280.1",
                ["720575940379280", "720575940379280.1"],
                "0.5",
                [None, Some(Ordering::Less)],
            ),
            (
                "720575940379280.4",
                ["720575940379280.4", "720575940379280.5"],
                "0.5",
                [None, Some(Ordering::Greater)],
            ),
            ("7387.2298", ["7387.2298", "7387.229800000001"], "0.5", [None, Some(Ordering::Greater)]),
            (
                "0",
                ["-0.0000000000000000000000000001", "0.0000000000000000000000000001"],
                "0.4",
                [None, Some(Ordering::Equal)],
            ),
        ] {
            let fence = Fence::of(number(threshold), values.into_iter().map(number));
            assert!(expected.contains(&fence.order(number(q))), "{threshold}: {:?}", fence.order(number(q)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

        /// A quantile stands where the sorted values say, whatever they are, came and went.
        #[test]
        fn standings_are_those_of_sorted_values(
            values in proptest::collection::vec(a_value(), 1..40),
            (near, nudge) in (any::<prop::sample::Index>(), a_nudge()),
            threshold in a_value(),
            width in 1..20_usize,
            q in prop_oneof![Just("0.5"), Just("0.95"), Just("0.999"), Just("0.000001"), Just("0"), Just("1"), Just("0.25")],
        ) {
            let q = crate::decimal::parse_exact(q).unwrap();
            let threshold = nudge.map_or(threshold, |nudge| {
                let value = *near.get(&values);
                value.checked_mul(nudge).and_then(|nudge| value.checked_add(nudge)).unwrap_or(value)
            });
            let mut fence = Fence::new(threshold);
            for (place, value) in values.iter().enumerate() {
                let window = &values[(place + 1).saturating_sub(width)..=place];
                if let Some(gone) = place.checked_sub(width) {
                    fence.pop(values[gone]);
                }
                if !fence.push(*value) {
                    fence = Fence::of(threshold, window.iter().copied());
                }
                let plain = quantile_over(window, q);
                match fence.order(q) {
                    Some(order) => {
                        prop_assert_eq!(order, plain.unwrap().cmp(&threshold));
                        prop_assert!(order.is_eq() || !are_same(plain.unwrap(), threshold));
                    }
                    None => prop_assert!(plain.is_none_or(|plain| may_be_silent(window, plain, &fence))),
                }
            }
        }
    }
}
