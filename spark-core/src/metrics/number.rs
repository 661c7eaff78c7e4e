//! Numbers of series: decimals where they fit, binary floats where Prometheus would have NaN or an infinity.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use crate::condition::Operator;
use crate::decimal::{self, settled};
use crate::signal::Reading;

/// A number while it is computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// A decimal.
    Exact(Decimal),
    /// NaN, an infinity, or a finite number that no decimal holds.
    Float(f64),
    /// A number that was never kept, since no decimal holds it; whatever is computed from it is lost too.
    Lost,
}

impl Number {
    pub(super) const ZERO: Self = Self::Exact(Decimal::ZERO);
    pub(super) const NAN: Self = Self::Float(f64::NAN);

    /// A sample's number; a failed reading is none.
    pub(super) const fn from_reading(reading: &Reading) -> Self {
        match reading {
            Reading::Value(value) => Self::Exact(*value),
            Reading::NotANumber => Self::NAN,
            Reading::Infinite { negative: false } => Self::Float(f64::INFINITY),
            Reading::Infinite { negative: true } => Self::Float(f64::NEG_INFINITY),
            Reading::OutOfRange | Reading::Failed(_) => Self::Lost,
        }
    }

    /// A number from a float, as a decimal where one holds it.
    pub(super) fn from_float(value: f64) -> Self {
        decimal::from_float(value).map_or(Self::Float(value), Self::Exact)
    }

    /// The number as a computed reading: artefacts of cut quotients are rounded away.
    pub(super) fn into_reading(self) -> Reading {
        match self {
            Self::Exact(value) => Reading::Value(settled(value)),
            Self::Float(value) => Reading::from_float(value),
            Self::Lost => Reading::OutOfRange,
        }
    }

    /// The nearest float; `None` for a lost number.
    pub(super) fn to_float(self) -> Option<f64> {
        match self {
            Self::Exact(value) => Some(decimal::to_float(value)),
            Self::Float(value) => Some(value),
            Self::Lost => None,
        }
    }

    /// The decimal, where it is one.
    pub(super) const fn exact(self) -> Option<Decimal> {
        match self {
            Self::Exact(value) => Some(value),
            Self::Float(_) | Self::Lost => None,
        }
    }

    pub(super) const fn is_nan(self) -> bool {
        matches!(self, Self::Float(value) if value.is_nan())
    }

    /// The order of two numbers; none where one is NaN or lost.
    pub(super) fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Exact(a), Self::Exact(b)) => Some(a.cmp(&b)),
            (a, b) => a.to_float()?.partial_cmp(&b.to_float()?),
        }
    }

    /// Arithmetic as by IEEE 754 (a quotient by zero is infinite or NaN), decided in decimals where they fit.
    pub(super) fn apply(self, operator: Operator, other: Self) -> Self {
        if let (Self::Exact(a), Self::Exact(b)) = (self, other)
            && let Some(result) = exact(operator, a, b)
        {
            return Self::Exact(result);
        }
        let (Some(a), Some(b)) = (self.to_float(), other.to_float()) else { return Self::Lost };
        Self::from_float(match operator {
            Operator::Add => a + b,
            Operator::Subtract => a - b,
            Operator::Multiply => a * b,
            Operator::Divide => a / b,
        })
    }

    pub(super) fn plus(self, other: Self) -> Self {
        self.apply(Operator::Add, other)
    }
}

fn exact(operator: Operator, a: Decimal, b: Decimal) -> Option<Decimal> {
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide => a.checked_div(b),
    }?;
    let vanished = result.is_zero()
        && match operator {
            Operator::Multiply => !a.is_zero() && !b.is_zero(),
            Operator::Divide => !a.is_zero(),
            Operator::Add | Operator::Subtract => false,
        };
    (!vanished).then_some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::from_reading(&Reading::from_float_text(text).unwrap())
    }

    fn check(a: &str, operator: Operator, b: &str, expected: &str) {
        let got = match number(a).apply(operator, number(b)).into_reading() {
            Reading::Value(value) => value.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(got, expected, "{a} {operator:?} {b}");
    }

    /// Arithmetic is decimal where decimals fit, and otherwise what IEEE 754 says; nothing panics.
    #[test]
    fn arithmetic() {
        use Operator::{Add, Divide, Multiply, Subtract};
        check("0.1", Add, "0.2", "0.3");
        check("1", Divide, "3", "0.333333333333333");
        check("1", Divide, "0", "Infinite { negative: false }");
        check("-1", Divide, "0", "Infinite { negative: true }");
        check("0", Divide, "0", "NotANumber");
        check("NaN", Add, "1", "NotANumber");
        check("+Inf", Subtract, "+Inf", "NotANumber");
        check("7e28", Add, "7e28", "OutOfRange");
        check("7e28", Multiply, "7e28", "OutOfRange");
        check("1e-20", Multiply, "1e-20", "0.0000000000000000000000000001");
        check("1e300", Multiply, "0", "OutOfRange");
        check("7e28", Multiply, "-1e10", "OutOfRange");
    }

    /// What a cut quotient leaves behind does not reach a comparison.
    #[test]
    fn cut_quotients_heal() {
        let third = number("1").apply(Operator::Divide, number("3"));
        let whole = third.apply(Operator::Multiply, number("3"));
        assert_eq!(whole.into_reading(), Reading::Value(Decimal::ONE));
        // and what was added up exactly stays
        check("12345678901234567890", Operator::Add, "0.25", "12345678901234567890.25");
    }
}
