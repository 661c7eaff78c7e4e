//! Values near enough to be held against each other: a float, and how far it is at the most from the decimal that it stands for.
//!
//! Whether a mean is above a threshold is mostly clear long before its last digit. Here it is told where it is clear, from sums
//! and counts, without the division of decimals that the value itself ends in; where it is not clear nothing is told, and the
//! decimals decide. An estimate therefore never changes an answer, only what the answer costs.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use crate::condition::{Operator, Relation};

/// The relative error of what a quotient is made of: two integers and two powers of ten as floats, two products and a
/// division are at most nine roundings by half an epsilon. What decimals round is ten orders of magnitude less.
const ROUNDED: f64 = 8.0 * f64::EPSILON;

/// The relative error of a float that was rounded to the 15 digits which decimals from floats have (5e-15).
pub(super) const SHORTENED: f64 = 64.0 * f64::EPSILON;

/// More than what a decimal's 28 places cut off, in a few steps.
pub(super) const STEP: f64 = 1e-26;

/// Well within a decimal's range: what stays below it does not overflow.
const LARGEST: f64 = 1e27;

/// Whole numbers up to it are floats (2^53).
const LARGEST_WHOLE: u128 = 1 << f64::MANTISSA_DIGITS;

/// Twice the part of the larger of two values within which computed ones are taken for the same (10^-13).
const SAME: f64 = 2e-13;

/// A float, and a bound on its distance from a decimal.
///
/// ```
/// use rust_decimal::Decimal;
/// use spark_core::Relation;
/// use spark_core::window::Estimate;
/// let third = Estimate::quotient((1, 0), (3, 0)).unwrap();
/// let literal = |text: &str| Estimate::of(text.parse().unwrap()).unwrap();
/// assert_eq!(third.stands(Relation::Above, literal("0.3333")), Some(true));
/// assert_eq!(third.stands(Relation::Above, literal("0.3333333333333333")), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    // INVARIANT: finite; the decimal is within `error` of `about`, and neither reaches a decimal's end
    about: f64,
    // nothing where the decimal is the float itself
    error: f64,
}

impl Estimate {
    /// Zero, and nothing else.
    pub(super) const ZERO: Self = Self { about: 0.0, error: 0.0 };

    /// About a decimal; none of one near the end of its range.
    pub fn of(value: Decimal) -> Option<Self> {
        Self::units(value.mantissa(), value.scale())
    }

    /// About so many units of 10^-places.
    fn units(units: i128, places: u32) -> Option<Self> {
        // a product takes a fifth of a quotient's time
        let about = near(units) * float_part_of(places)?;
        let is_whole = places == 0 && units.unsigned_abs() <= LARGEST_WHOLE;
        Self::within(about, if units == 0 || is_whole { 0.0 } else { ROUNDED * about.abs() })
    }

    /// About the quotient that decimals give, of units of 10^-places by such; none by zero.
    pub fn quotient(above: (i128, u32), below: (i128, u32)) -> Option<Self> {
        if above.0 == 0 && below.0 != 0 {
            return Some(Self::ZERO);
        }
        let about = near(above.0) * float_ten_to(below.1)? / (near(below.0) * float_ten_to(above.1)?);
        Self::within(about, ROUNDED * about.abs() + STEP)
    }

    /// None where that is not finite, or so large that decimals may overflow.
    #[inline]
    pub(super) fn within(about: f64, error: f64) -> Option<Self> {
        (about.abs() + error < LARGEST).then_some(Self { about, error })
    }

    /// Whether a value can be the one that it stands for.
    #[cfg(test)]
    pub(super) fn may_be(self, value: Decimal) -> bool {
        // a float near the value, which is as far from it as a few roundings
        let is = crate::decimal::to_float(value);
        (is - self.about).abs() <= self.error + 4.0 * f64::EPSILON * is.abs()
    }

    /// Whether what it stands for is surely not zero, nor so little that decimals cut it off.
    pub(super) const fn is_some(&self) -> bool {
        self.about.abs() > self.error + STEP
    }

    /// Two values as one; none where decimals may overflow, or divide by zero.
    pub fn apply(self, operator: Operator, right: Self) -> Option<Self> {
        let (a, b) = (self.about, right.about);
        let (about, error) = match operator {
            Operator::Add => (a + b, self.error + right.error + ROUNDED * (a.abs() + b.abs())),
            Operator::Subtract => (a - b, self.error + right.error + ROUNDED * (a.abs() + b.abs())),
            Operator::Multiply => {
                let about = a * b;
                let either = a.abs() * right.error + b.abs() * self.error + self.error * right.error;
                (about, either + ROUNDED * about.abs())
            }
            Operator::Divide => {
                let least = b.abs() - right.error;
                if least < STEP + right.error {
                    return None;
                }
                let about = a / b;
                (about, (self.error + about.abs() * right.error) / least + ROUNDED * about.abs())
            }
        };
        Self::within(about, error + STEP)
    }

    /// Whether it stands in a relation to another; none where both are so near to each other that their decimals have to say.
    pub fn stands(self, relation: Relation, right: Self) -> Option<bool> {
        self.order(right).map(|order| relation.is_of(order))
    }

    fn order(self, right: Self) -> Option<Ordering> {
        let (a, b) = (self.about, right.about);
        if self.error + right.error == 0.0 && a == b {
            return Some(Ordering::Equal);
        }
        let near = self.error + right.error + SAME * (a.abs() + b.abs());
        let distance = a - b;
        if distance.abs() <= near || near.is_nan() {
            return None;
        }
        Some(if distance > 0.0 { Ordering::Greater } else { Ordering::Less })
    }
}

/// A float near an integer: off by one part in 2^52 at the most.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::as_conversions,
    reason = "the upper and the lower half are what is asked for"
)]
#[inline]
pub(super) fn near(units: i128) -> f64 {
    const HALF: f64 = 18_446_744_073_709_551_616.0;
    if let Ok(units) = i64::try_from(units) {
        // as it mostly is, and an instruction
        return units as f64;
    }
    let size = units.unsigned_abs();
    let size = (size >> 64) as u64 as f64 * HALF + size as u64 as f64;
    if units < 0 { -size } else { size }
}

/// A power of ten, to the nearest float; none beyond the places of a decimal.
#[inline]
pub(super) fn float_ten_to(power: u32) -> Option<f64> {
    const TENS: [f64; 29] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
        1e18, 1e19, 1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28,
    ];
    TENS.get(power as usize).copied()
}

/// One by a power of ten, to the nearest float; none beyond the places of a decimal.
#[inline]
fn float_part_of(power: u32) -> Option<f64> {
    const PARTS: [f64; 29] = [
        1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15,
        1e-16, 1e-17, 1e-18, 1e-19, 1e-20, 1e-21, 1e-22, 1e-23, 1e-24, 1e-25, 1e-26, 1e-27, 1e-28,
    ];
    PARTS.get(power as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A whole number beyond those that floats hold is not taken for its neighbour.
    #[test]
    fn whole_numbers() {
        let of = |units: i64| Estimate::of(Decimal::from(units)).unwrap();
        let largest = 1 << f64::MANTISSA_DIGITS;
        for (left, right, above) in [
            (largest + 1, largest, None),
            (largest, largest + 1, None),
            (largest, largest, Some(false)),
            (largest, 1, Some(true)),
            (-largest - 1, -largest, None),
        ] {
            assert_eq!(of(left).stands(Relation::Above, of(right)), above, "{left} {right}");
        }
    }
}
