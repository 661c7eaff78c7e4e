//! On which side of a threshold a quantile of a window stands, by counting.
//!
//! A quantile lies between two neighbours in the order of the values. How many values are below the threshold tells on which
//! side these are. Where they are on both sides, they are the largest below it and the smallest above it, so that the
//! quantile itself is known; no order of the others is needed.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::daba::{Daba, Largest, Smallest, order};
use super::estimate::Estimate;
use super::quantile::between;
use super::total::in_units;
use crate::condition::Operator;
use crate::decimal::ten_to;

/// From this on, the distance of two values may be beyond a decimal: half of its range.
const HUGE_BITS: u32 = 95;

/// Where a quantile stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Below the threshold: not above the value.
    Below(Decimal),
    /// Between two neighbours, of which one is at the threshold or both are on different sides of it.
    Around(Between),
    /// Above the threshold: not below the value.
    Above(Decimal),
}

/// A quantile between two neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between {
    low: Decimal,
    high: Decimal,
    /// The part of the way from one to the other, in units of 10^-places.
    weight: (u64, u32),
}

impl Between {
    /// The quantile, as [`quantile_over`](super::quantile_over) has it; none beyond a decimal.
    pub fn value(&self) -> Option<Decimal> {
        let (units, places) = self.weight;
        between(self.low, self.high, Decimal::try_from_i128_with_scale(units.into(), places).ok()?)
    }

    /// About the same.
    pub fn about(&self) -> Option<Estimate> {
        let (low, high) = (Estimate::of(self.low)?, Estimate::of(self.high)?);
        let weight = Estimate::quotient((self.weight.0.into(), self.weight.1), (1, 0))?;
        low.apply(Operator::Add, high.apply(Operator::Subtract, low)?.apply(Operator::Multiply, weight)?)
    }
}

/// The values of a window, held against one threshold.
#[derive(Debug, Clone)]
pub struct Fence {
    threshold: Decimal,
    /// The places of the values that came, and the threshold in units of these.
    // INVARIANT: these units are the threshold to the digit
    units: (u32, i128),
    below: Daba<Largest>,
    at: usize,
    above: Daba<Smallest>,
    /// Values so large that not every quantile is a decimal.
    huge: usize,
}

impl Fence {
    /// A fence that no value stands at yet.
    pub fn new(threshold: Decimal) -> Self {
        let units = (threshold.scale(), threshold.mantissa());
        Self { threshold, units, below: Daba::default(), at: 0, above: Daba::default(), huge: 0 }
    }

    /// The threshold.
    pub const fn threshold(&self) -> Decimal {
        self.threshold
    }

    /// Takes a value in.
    pub fn push(&mut self, value: Decimal) {
        if value.scale() != self.units.0
            && let Some(units) = in_units(self.threshold, value.scale())
        {
            self.units = (value.scale(), units);
        }
        match self.side(value) {
            Ordering::Less => self.below.push(Largest(value)),
            Ordering::Equal => self.at = self.at.saturating_add(1),
            Ordering::Greater => self.above.push(Smallest(value)),
        }
        self.huge = self.huge.saturating_add(usize::from(is_huge(value)));
    }

    /// Lets the oldest value go, which this is.
    pub fn pop(&mut self, value: Decimal) {
        match self.side(value) {
            Ordering::Less => self.below.pop(),
            Ordering::Equal => self.at = self.at.saturating_sub(1),
            Ordering::Greater => self.above.pop(),
        }
        self.huge = self.huge.saturating_sub(usize::from(is_huge(value)));
    }

    /// The order of a value and the threshold.
    fn side(&self, value: Decimal) -> Ordering {
        let (places, units) = self.units;
        if value.scale() == places { value.mantissa().cmp(&units) } else { order(&value, &self.threshold) }
    }

    /// Lets all go, and keeps the room.
    pub fn clear(&mut self) {
        self.below.clear();
        self.above.clear();
        (self.at, self.huge) = (0, 0);
    }

    /// Where the quantile stands; none without values, with a quantile outside of 0 to 1, or where it may be beyond a
    /// decimal.
    pub fn quantile(&self, q: Decimal) -> Option<Standing> {
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
        let at_least = |count: usize| unit.checked_mul(count.to_u64()?).map(|count| rank >= count);
        if let Some(last_below) = below.checked_sub(1)
            && (rank == unit.checked_mul(last_below.to_u64()?)? || !at_least(last_below)?)
        {
            return self.below.get().map(|largest| Standing::Below(largest.0));
        }
        if at_least(not_above)? {
            return self.above.get().map(|smallest| Standing::Above(smallest.0));
        }
        let (low, rest) = (rank.checked_div(unit)?.to_usize()?, rank.checked_rem(unit)?);
        let high = if rest == 0 { low } else { low.saturating_add(1) };
        let low = if low < below { self.below.get()?.0 } else { self.threshold };
        let high = if high < not_above { self.threshold } else { self.above.get()?.0 };
        Some(Standing::Around(Between { low, high, weight: (rest, q.scale()) }))
    }
}

fn is_huge(value: Decimal) -> bool {
    value.scale() == 0 && value.mantissa().unsigned_abs() >> HUGE_BITS.saturating_sub(1) != 0
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
            1 => (any::<i64>(), 0..29_u32).prop_map(|(value, places)| Decimal::new(value, places)),
            1 => (any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>(), 0..29_u32)
                .prop_map(|(low, mid, high, negative, places)| Decimal::from_parts(low, mid, high, negative, places)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

        /// A quantile stands where the sorted values say, whatever they are, came and went.
        #[test]
        fn standings_are_those_of_sorted_values(
            values in proptest::collection::vec(a_value(), 1..40),
            threshold in a_value(),
            width in 1..20_usize,
            q in prop_oneof![Just("0.5"), Just("0.95"), Just("0.999"), Just("0.000001"), Just("0"), Just("1"), Just("0.25")],
        ) {
            let q = crate::decimal::parse_exact(q).unwrap();
            let mut fence = Fence::new(threshold);
            for (place, value) in values.iter().enumerate() {
                fence.push(*value);
                if let Some(gone) = place.checked_sub(width) {
                    fence.pop(values[gone]);
                }
                let window = &values[(place + 1).saturating_sub(width)..=place];
                let plain = quantile_over(window, q);
                match fence.quantile(q) {
                    Some(Standing::Below(nearest)) => {
                        prop_assert!(plain.unwrap() <= nearest && nearest < threshold);
                        prop_assert!(window.contains(&nearest));
                    }
                    Some(Standing::Above(nearest)) => {
                        prop_assert!(plain.unwrap() >= nearest && nearest > threshold);
                        prop_assert!(window.contains(&nearest));
                    }
                    Some(Standing::Around(between)) => {
                        prop_assert_eq!(between.value().map(|it| it.to_string()), plain.map(|it| it.to_string()));
                    }
                    None => prop_assert!(window.iter().any(|value| is_huge(*value))),
                }
            }
        }
    }
}
