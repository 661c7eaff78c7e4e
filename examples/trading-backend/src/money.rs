//! Money and quantities: decimals from the request to the table, on the instrument's tick and lot, never binary floats.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most decimals that an amount may have: those of the tables' `numeric(20, 8)`.
const SCALE_MAX: u32 = 8;

/// Largest amount: twelve digits before the point, as `numeric(20, 8)` holds them.
const AMOUNT_MAX: Decimal = Decimal::from_parts(3_567_587_327, 232, 0, false, 0);

/// Why an amount is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// It is no plain decimal.
    #[error(
        "`{0}` is no amount: expected digits and at most {SCALE_MAX} decimals in a string, as in \"312.25\""
    )]
    NotDecimal(String),
    /// It is zero, negative or beyond what the tables hold.
    #[error("{0} is out of range: expected more than 0 and at most {AMOUNT_MAX}")]
    OutOfRange(Amount),
    /// It is no multiple of the step.
    #[error("{value} is no multiple of the {step_name} {step}")]
    OffStep {
        /// What was asked for.
        value: Amount,
        /// `tick` or `lot`.
        step_name: &'static str,
        /// The instrument's step.
        step: Amount,
    },
}

/// A decimal as users write it: a string in JSON, never a number, which many programs would read as a binary float.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(Decimal);

impl Amount {
    /// No amount.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Of a decimal, without trailing zeros.
    pub fn new(value: Decimal) -> Self {
        Self(value.normalize())
    }

    /// Reads digits with an optional sign and point: no exponent, no spaces, no other digits than ASCII's.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let refused = || MoneyError::NotDecimal(text.chars().take(40).collect());
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(fraction) || fraction.len() > SCALE_MAX as usize || whole.len() > 20 {
            return Err(refused());
        }
        Decimal::from_str_exact(text).map(Self::new).map_err(|_| refused())
    }

    /// The decimal.
    pub const fn value(self) -> Decimal {
        self.0
    }

    /// The smaller of two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// What is left; zero where the other is larger.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self::new(self.0.checked_sub(other.0).unwrap_or_default().max(Decimal::ZERO))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The step that a price or a quantity moves in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    name: &'static str,
    size: Amount,
}

impl Step {
    /// The step of prices.
    pub const fn tick(size: Amount) -> Self {
        Self { name: "tick", size }
    }

    /// The step of quantities.
    pub const fn lot(size: Amount) -> Self {
        Self { name: "lot", size }
    }

    /// Its size.
    pub const fn size(self) -> Amount {
        self.size
    }

    /// The amount, if it is in range and a multiple of this step.
    pub fn check(self, value: Amount) -> Result<Amount, MoneyError> {
        if value.0 <= Decimal::ZERO || value.0 > AMOUNT_MAX {
            return Err(MoneyError::OutOfRange(value));
        }
        match value.0.checked_rem(self.size.0) {
            Some(rest) if rest.is_zero() => Ok(value),
            _ => Err(MoneyError::OffStep { value, step_name: self.name, step: self.size }),
        }
    }

    /// `count` steps; `None` where it overflows.
    pub fn times(self, count: i64) -> Option<Amount> {
        self.size.0.checked_mul(Decimal::from(count)).map(Amount::new)
    }
}

/// What a price and a quantity come to, exactly; `None` beyond 28 digits.
pub fn notional(price: Amount, quantity: Amount) -> Option<Amount> {
    // rust_decimal rounds where the digits do not fit: the scale of the product tells
    let exact = price.0.scale().checked_add(quantity.0.scale())?;
    let product = price.0.checked_mul(quantity.0)?;
    (product.scale() == exact || product.is_zero()).then(|| Amount::new(product))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    /// Only plain decimals are amounts.
    #[test]
    fn reads_plain_decimals_alone() {
        for (text, shown) in [("312.25", "312.25"), ("0.10", "0.1"), ("-1", "-1"), ("00.5", "0.5")] {
            assert_eq!(amount(text).to_string(), shown);
        }
        for text in ["", ".", "1.", ".5", "1e3", "+1", " 1", "1_0", "٣", "NaN", "0.123456789", "1,5", "0x1"]
        {
            assert!(matches!(Amount::parse(text), Err(MoneyError::NotDecimal(_))), "{text}");
        }
        assert!(serde_json::from_str::<Amount>("0.1").is_err(), "a JSON number is a binary float elsewhere");
    }

    /// A price stands on its tick, and in range, or it is refused with both.
    #[test]
    fn prices_stand_on_their_tick() {
        let tick = Step::tick(amount("0.25"));
        assert_eq!(tick.check(amount("312.25")), Ok(amount("312.25")));
        let off = tick.check(amount("312.30")).unwrap_err();
        assert_eq!(off.to_string(), "312.3 is no multiple of the tick 0.25");
        for text in ["0", "-0.25", "1000000000000"] {
            assert!(matches!(tick.check(amount(text)), Err(MoneyError::OutOfRange(_))), "{text}");
        }
        assert!(tick.check(amount("999999999998.75")).is_ok());
    }

    /// Products are exact, or they are none.
    #[test]
    fn products_are_exact() {
        assert_eq!(notional(amount("0.1"), amount("0.2")), Some(amount("0.02")));
        assert_eq!(notional(amount("999999999999.12345678"), amount("999999999999.12345678")), None);
    }

    #[expect(clippy::arithmetic_side_effects, reason = "the ranges below keep every product within 128 bits")]
    mod any {
        use proptest::prelude::*;

        use super::*;

        /// A step of the instruments' kind, and an amount of so many steps.
        fn steps() -> impl Strategy<Value = (Decimal, i64)> {
            (1..=100_i64, 0..=SCALE_MAX, 1..=1_000_000_000_i64)
                .prop_map(|(size, scale, count)| (Decimal::new(size, scale), count))
        }

        proptest! {
            /// What is written is read again, and a text is an amount or refused, whatever it is.
            #[test]
            fn amounts_survive_the_way(digits in -99_999_999_999_999_999_999_i128..=99_999_999_999_999_999_999, scale in 0..=SCALE_MAX) {
                let value = Amount::new(Decimal::from_i128_with_scale(digits, scale));
                prop_assert_eq!(Amount::parse(&value.to_string()), Ok(value));
                let json = serde_json::to_string(&value).unwrap();
                prop_assert_eq!(serde_json::from_str::<Amount>(&json).unwrap(), value);
            }

            /// Any text is a plain decimal or refused in words that repeat at most forty of its characters.
            #[test]
            fn any_text_is_read_or_refused(text in "[-+0-9.eE_, ]{0,40}|.{0,80}") {
                match Amount::parse(&text) {
                    Ok(value) => prop_assert_eq!(Some(value.value()), text.parse::<Decimal>().ok()),
                    Err(error) => prop_assert!(error.to_string().chars().count() <= 140),
                }
            }

            /// Multiples of a step stand on it, and nothing between two of them does.
            #[test]
            fn steps_hold_their_multiples_alone((size, count) in steps()) {
                let step = Step::tick(Amount::new(size));
                let value = step.times(count).unwrap();
                let fits = value.value() <= AMOUNT_MAX;
                prop_assert_eq!(step.check(value).is_ok(), fits);
                let between = Amount::new(value.value() - size / Decimal::from(3));
                prop_assert!(step.check(between).is_err());
            }

            /// A product is exactly that of the digits, or there is none.
            #[test]
            fn products_are_those_of_the_digits(a in 0..=i64::MAX, b in 0..=i64::MAX, of_a in 0..=SCALE_MAX, of_b in 0..=SCALE_MAX) {
                let (price, quantity) = (Decimal::new(a, of_a).normalize(), Decimal::new(b, of_b).normalize());
                let digits = price.mantissa() * quantity.mantissa();
                let scale = price.scale() + quantity.scale();
                let exact = Decimal::try_from_i128_with_scale(digits, scale).ok();
                let found = notional(Amount::new(price), Amount::new(quantity)).map(Amount::value);
                // beyond 28 digits there may be none, and never another
                prop_assert!(found.is_none() || found == exact.map(|exact| exact.normalize()), "{found:?} {exact:?}");
                prop_assert!(found.is_some() || digits >= 1_i128 << 90, "{digits} fits");
            }
        }
    }
}
