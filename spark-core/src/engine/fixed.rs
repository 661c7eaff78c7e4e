//! Values as integers in one scale per series, so that a newest sample beside literals is compared as integers are.
//!
//! Nothing is rounded: what does not fit stays a decimal and is compared as such, and both come to the same.

use rust_decimal::Decimal;

use crate::condition::{Comparison, Expression, Relation, Test};
use crate::decimal::ten_to;
use crate::signal::SignalId;

/// How much larger than the largest literal a sample may be and still fit: samples lie around their literals, and one that
/// is a thousand times as large may take the longer way.
const HEADROOM: i64 = 1 << 10;

/// A value in units of `10^-scale`; `None` where it has more places, or is too large.
pub(super) fn scaled(value: Decimal, scale: u32) -> Option<i64> {
    let power = i64::try_from(ten_to(scale.checked_sub(value.scale())?)?).ok()?;
    i64::try_from(value.mantissa()).ok()?.checked_mul(power)
}

/// The finest scale in which all these literals leave room for samples; 0 where there is none.
pub(super) fn scale_for(literals: &[Decimal]) -> u32 {
    let fits = |scale: &u32| {
        literals.iter().all(|literal| {
            scaled(*literal, *scale).is_some_and(|literal| literal.checked_mul(HEADROOM).is_some())
        })
    };
    (0..19).rev().find(fits).unwrap_or_default()
}

/// The values for which a comparison holds: those from `low` to `high`, or all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Band {
    low: i64,
    high: i64,
    inside: bool,
}

impl Band {
    /// Those of a test against literals, in units of `10^-scale`; `None` where a literal does not fit.
    fn of(test: PlainTest, scale: u32) -> Option<Self> {
        let inside = |low, high| Some(Self { low, high, inside: true });
        match test {
            PlainTest::Is(relation, literal) => {
                let literal = scaled(literal, scale)?;
                match relation {
                    Relation::Above => inside(literal.checked_add(1)?, i64::MAX),
                    Relation::AtLeast => inside(literal, i64::MAX),
                    Relation::Below => inside(i64::MIN, literal.checked_sub(1)?),
                    Relation::AtMost => inside(i64::MIN, literal),
                    Relation::Equal => inside(literal, literal),
                    Relation::NotEqual => Some(Self { low: literal, high: literal, inside: false }),
                }
            }
            PlainTest::Between(low, high) => {
                let (low, high) = (scaled(low, scale)?, scaled(high, scale)?);
                // nothing is between ends that are the wrong way round: it turns twice at the same value
                inside(low, high.max(low.checked_sub(1)?))
            }
        }
    }

    pub(super) const fn holds(self, value: i64) -> bool {
        (self.low <= value && value <= self.high) == self.inside
    }

    /// The values at which it turns, seen from below.
    pub(super) fn edges(self) -> impl Iterator<Item = i64> {
        let low = (self.low > i64::MIN).then_some(self.low);
        low.into_iter().chain(self.high.checked_add(1))
    }
}

/// What a signal's newest sample is held against, where that is literals alone.
#[derive(Debug, Clone, Copy)]
pub(super) enum PlainTest {
    Is(Relation, Decimal),
    Between(Decimal, Decimal),
}

impl PlainTest {
    pub(super) fn of(comparison: &Comparison) -> Option<(SignalId, Self)> {
        match (&comparison.left, &comparison.test) {
            (Expression::Signal(signal), Test::Is(relation, Expression::Literal(literal))) => {
                Some((*signal, Self::Is(*relation, *literal)))
            }
            (Expression::Literal(literal), Test::Is(relation, Expression::Signal(signal))) => {
                Some((*signal, Self::Is(relation.turned(), *literal)))
            }
            (
                Expression::Signal(signal),
                Test::Between(Expression::Literal(low), Expression::Literal(high)),
            ) => Some((*signal, Self::Between(*low, *high))),
            _ => None,
        }
    }

    pub(super) fn literals(self) -> impl Iterator<Item = Decimal> {
        let (first, second) = match self {
            Self::Is(_, literal) => (literal, None),
            Self::Between(low, high) => (low, Some(high)),
        };
        std::iter::once(first).chain(second)
    }

    pub(super) fn band(self, scale: u32) -> Option<Band> {
        Band::of(self, scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::parse_exact;

    fn number(text: &str) -> Decimal {
        parse_exact(text).unwrap()
    }

    /// An integer comparison says what the decimal one says, at the literal and one unit beside it; what does not fit is
    /// left to the decimal one.
    #[test]
    fn integers_decide_as_decimals_do() {
        use Relation::{Above, AtLeast, AtMost, Below, Equal, NotEqual};
        let literals = ["0", "0.82", "-0.82", "1000000", "123456.789", "0.000000000000001"].map(number);
        for literal in literals {
            let scale = scale_for(&[literal]);
            let unit = Decimal::new(1, scale);
            let values =
                [literal - unit, literal, literal + unit, -literal, Decimal::ZERO, literal * literal];
            for (relation, value) in [Above, AtLeast, Below, AtMost, Equal, NotEqual]
                .into_iter()
                .flat_map(|relation| values.map(|value| (relation, value)))
            {
                let band = PlainTest::Is(relation, literal).band(scale).unwrap();
                let Some(fixed) = scaled(value, scale) else { continue };
                assert_eq!(
                    band.holds(fixed),
                    relation.holds(value, literal),
                    "{value} {relation:?} {literal}"
                );
                // it turns at its edges and nowhere else
                let turns = |at: i64| band.holds(at) != band.holds(at - 1);
                for near in fixed - 3..fixed + 3 {
                    assert_eq!(turns(near), band.edges().any(|edge| edge == near), "{near} {relation:?}");
                }
            }
        }
        assert_eq!(scaled(number("0.25"), 1), None, "it has more places");
        assert_eq!(scaled(number("10"), 18), None, "it is too large");
        assert_eq!(scaled(Decimal::MAX, 0), None);
        assert_eq!(scaled(number("-9.2"), 18), Some(-9_200_000_000_000_000_000));
    }
}
