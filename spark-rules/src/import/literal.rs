//! Thresholds as people write them: in the unit of what is measured, as short as can be.

use rust_decimal::Decimal;
use spark_core::quantity::scale_of;
use spark_core::{Dimension, Quantity, Unit};

use super::infer::Measure;

impl Measure {
    /// The type's word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Count => "count",
            Self::Ratio | Self::Percent => "ratio",
            Self::Duration(_) => "duration",
            Self::Bytes(_) => "bytes",
            Self::Rate | Self::BytesRate => "rate",
        }
    }

    /// What stands after the source: the unit of its numbers.
    pub(super) fn unit(self) -> String {
        match self {
            Self::Number | Self::Count | Self::Ratio => String::new(),
            Self::Percent => " in %".to_owned(),
            Self::Duration(unit) => format!(" in {unit}"),
            Self::Bytes(unit) => format!(" in {unit}"),
            Self::Rate => " in 1/s".to_owned(),
            Self::BytesRate => " in B/s".to_owned(),
        }
    }

    /// The source's number as a literal; none where it cannot be written exactly.
    pub(super) fn literal(self, value: Decimal) -> Option<String> {
        let text = match self {
            Self::Number | Self::Count => value.normalize().to_string(),
            Self::Ratio => format!("{}%", value.checked_mul(Decimal::ONE_HUNDRED)?.normalize()),
            Self::Percent => format!("{}%", value.normalize()),
            Self::Duration(unit) => {
                let seconds = value.checked_mul(scale_of(unit)?.0)?;
                Quantity::new(seconds, Unit::of(Dimension::Duration)).to_string()
            }
            Self::Bytes(unit) => bytes(value.checked_mul(scale_of(unit)?.0)?)?,
            Self::Rate => {
                let per =
                    [(1_u32, "s"), (60, "min"), (3_600, "h")].into_iter().filter_map(|(seconds, word)| {
                        Some(format!("{}/{word}", value.checked_mul(Decimal::from(seconds))?.normalize()))
                    });
                shortest(per)?
            }
            Self::BytesRate => format!("{}/s", bytes(value)?),
        };
        // what is written is what was meant
        Quantity::parse(&text).ok().map(|_| text)
    }
}

fn bytes(value: Decimal) -> Option<String> {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "KB", "MB", "GB", "TB"];
    shortest(units.into_iter().filter_map(|unit| {
        let (factor, _) = scale_of(unit)?;
        let amount = value.checked_div(factor)?.normalize();
        (amount.checked_mul(factor)?.normalize() == value.normalize() && amount.scale() <= 3)
            .then(|| format!("{amount}{unit}"))
    }))
}

/// The shortest; of several the first.
fn shortest(texts: impl Iterator<Item = String>) -> Option<String> {
    texts.min_by_key(String::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of rules are written in the unit that they are of.
    #[test]
    fn written() {
        let check = |measure: Measure, value: &str, expected: &str| {
            assert_eq!(measure.literal(value.parse().unwrap()).as_deref(), Some(expected));
        };
        check(Measure::Duration("s"), "0.5", "500ms");
        check(Measure::Duration("ms"), "1500", "1.5s");
        check(Measure::Duration("s"), "86400", "1d");
        check(Measure::Ratio, "0.05", "5%");
        check(Measure::Percent, "90", "90%");
        check(Measure::Bytes("B"), "10485760", "10MiB");
        check(Measure::Bytes("B"), "1000000", "1MB");
        check(Measure::Bytes("B"), "0", "0B");
        check(Measure::Rate, "0.5", "0.5/s");
        check(Measure::Rate, "0.05", "3/min");
        check(Measure::BytesRate, "10485760", "10MiB/s");
        check(Measure::Number, "-3.50", "-3.5");
    }
}
