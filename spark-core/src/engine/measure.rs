//! Values while they are compared: exact decimals decide exactly, cut ones within what is surely known of them.

use rust_decimal::Decimal;

use crate::condition::{Operator, Relation};
use crate::decimal::is_endless;
use crate::decision::Unknown;

/// The part of a value within which two computed values are the same: 10⁻¹³. A binary float surely holds 15 digits, a
/// few operations leave 14 of them, and nobody writes a rule about the next.
const SAME_SCALE: u32 = 13;

/// A value, and whether nothing was cut from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measure {
    pub(super) value: Decimal,
    pub(super) exact: bool,
}

impl Measure {
    /// What was written, or computed without a rest.
    pub(super) const fn exact(value: Decimal) -> Self {
        Self { value, exact: true }
    }

    /// What was computed from exact values: a quotient that fills a decimal's digits was cut.
    pub(super) fn computed(value: Decimal) -> Self {
        Self { value, exact: !is_endless(value) }
    }

    /// The same value, of which something may have been cut before.
    pub(super) const fn inexact(self) -> Self {
        Self { exact: false, ..self }
    }

    fn of(value: Decimal, parts_exact: bool) -> Self {
        Self { exact: parts_exact && !is_endless(value), value }
    }

    /// This value, or the other where both are the same as far as is known.
    fn snapped(self, other: Self) -> Decimal {
        if self.exact && other.exact {
            return self.value;
        }
        let larger = self.value.abs().max(other.value.abs());
        let reach = larger.checked_mul(Decimal::new(1, SAME_SCALE)).unwrap_or_default();
        match self.value.checked_sub(other.value) {
            Some(distance) if distance.abs() <= reach => other.value,
            _ => self.value,
        }
    }

    /// Whether it stands in a relation to another, and how far it is from turning: positive where it does not. Which of
    /// two values is larger is always known; a distance beyond what a decimal holds is the largest that it does.
    pub(super) fn compare(self, relation: Relation, right: Self) -> (bool, Decimal) {
        let left = self.snapped(right);
        let farthest = if right.value > left { Decimal::MAX } else { Decimal::MIN };
        let distance = right.value.checked_sub(left).unwrap_or(farthest);
        // a decimal's range is the same on both sides of zero
        let negated = |value: Decimal| Decimal::ZERO.checked_sub(value).unwrap_or_default();
        let margin = match relation {
            Relation::Above | Relation::AtLeast => distance,
            Relation::Below | Relation::AtMost => negated(distance),
            Relation::Equal => distance.abs(),
            Relation::NotEqual => negated(distance.abs()),
        };
        (relation.holds(left, right.value), margin)
    }

    /// Two values as one. Division by zero and overflow are unknown.
    pub(super) fn apply(self, operator: Operator, right: Self) -> Result<Self, Unknown> {
        let result = match operator {
            Operator::Add => self.value.checked_add(right.value),
            Operator::Subtract => self.value.checked_sub(right.value),
            Operator::Multiply => self.value.checked_mul(right.value),
            Operator::Divide if right.value.is_zero() => return Err(Unknown::DivisionByZero),
            Operator::Divide => self.value.checked_div(right.value),
        };
        result.map(|value| Self::of(value, self.exact && right.exact)).ok_or(Unknown::Overflow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::parse_exact;

    fn number(text: &str) -> Measure {
        Measure::exact(parse_exact(text).unwrap())
    }

    /// What was written is compared to its last digit; what was cut is the same as what it stands for.
    #[test]
    fn comparisons() {
        let third = || number("1").apply(Operator::Divide, number("3")).unwrap();
        let check = |left: Measure, relation, right: Measure, expected: bool| {
            assert_eq!(left.compare(relation, right).0, expected, "{left:?} {relation:?} {right:?}");
        };
        check(number("0.3"), Relation::Above, number("0.3"), false);
        check(number("0.300000000000000000000001"), Relation::Above, number("0.3"), true);
        check(number("12345678901234.56"), Relation::Above, number("12345678901234.55"), true);
        let whole = third().apply(Operator::Multiply, number("3")).unwrap();
        check(whole, Relation::AtLeast, number("1"), true);
        check(whole, Relation::Below, number("1"), false);
        check(whole, Relation::Equal, number("1"), true);
        check(whole, Relation::AtLeast, number("1.000000001"), false);
        let half = number("1")
            .apply(Operator::Divide, number("15"))
            .unwrap()
            .apply(Operator::Multiply, number("0.5"));
        let thirtieth = number("1").apply(Operator::Divide, number("30")).unwrap();
        check(thirtieth, Relation::Below, half.unwrap(), false);
        check(thirtieth, Relation::AtLeast, half.unwrap(), true);
        check(number("0").inexact(), Relation::Above, number("0"), false);
        check(number("0.0000000000000000000001").inexact(), Relation::Above, number("0"), true);
    }
}
