//! What a probe found: exact values with their units, and unknowns with their causes.

use std::collections::BTreeMap;
use std::time::Duration;

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use spark_core::quantity::{Dimension, Quantity, Unit};

/// Places that a computed share keeps: a millionth of a percent is below what any check asks for.
const RATIO_PLACES: u32 = 8;

/// Places of a second that are kept: nanoseconds.
const SECOND_PLACES: u32 = 9;

/// What is measured, or why it is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// An exact value in its unit.
    Known(Quantity),
    /// True or false.
    Flag(bool),
    /// Nobody knows, and why. It never passes a check.
    Unknown(String),
}

impl Value {
    /// How many.
    pub fn count(number: u64) -> Self {
        Self::of(Decimal::from(number), Dimension::Count)
    }

    /// How many there are of something that is in memory.
    pub fn len(number: usize) -> Self {
        u64::try_from(number).map_or_else(|_| Self::unknown("more than can be counted"), Self::count)
    }

    /// Whether something is so.
    pub const fn whether(so: bool) -> Self {
        Self::Flag(so)
    }

    /// `part` of `whole`; unknown where the whole is nothing.
    pub fn ratio(part: Decimal, whole: Decimal) -> Self {
        match part.checked_div(whole) {
            Some(ratio) => Self::of(ratio.round_dp(RATIO_PLACES), Dimension::Ratio),
            None => Self::unknown("a share of nothing: there is no whole that it is of"),
        }
    }

    /// A length of time in seconds, negative ones too.
    pub fn seconds(seconds: Decimal) -> Self {
        Self::of(seconds.round_dp(SECOND_PLACES), Dimension::Duration)
    }

    /// A length of time.
    pub fn span(span: Duration) -> Self {
        Self::seconds(decimal_seconds(span))
    }

    /// An amount of bytes.
    pub fn bytes(number: u64) -> Self {
        Self::of(Decimal::from(number), Dimension::Bytes)
    }

    /// A plain number.
    pub fn number(number: Decimal) -> Self {
        Self::of(number, Dimension::Number)
    }

    /// Not known, and why.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown(why.into())
    }

    fn of(value: Decimal, dimension: Dimension) -> Self {
        Self::Known(Quantity::new(value.normalize(), Unit::of(dimension)))
    }

    /// The value where it is known.
    pub const fn known(&self) -> Option<&Quantity> {
        match self {
            Self::Known(quantity) => Some(quantity),
            Self::Flag(_) | Self::Unknown(_) => None,
        }
    }

    /// Why it is not known, where it is not.
    pub fn why_unknown(&self) -> Option<&str> {
        match self {
            Self::Known(_) | Self::Flag(_) => None,
            Self::Unknown(why) => Some(why),
        }
    }
}

/// A span in seconds, exact.
pub(crate) fn decimal_seconds(span: Duration) -> Decimal {
    let nanos = i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
    Decimal::try_from_i128_with_scale(nanos, SECOND_PLACES).unwrap_or(Decimal::MAX)
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(quantity) => quantity.fmt(f),
            Self::Flag(so) => so.fmt(f),
            Self::Unknown(why) => write!(f, "unknown: {why}"),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Known(quantity) => map.serialize_entry("value", &quantity.to_string())?,
            Self::Flag(so) => map.serialize_entry("value", so)?,
            Self::Unknown(why) => map.serialize_entry("unknown", why)?,
        }
        map.end()
    }
}

/// What a probe measured, and all that it saw on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// The values that checks compare, by their names.
    pub values: BTreeMap<String, Value>,
    /// What is kept as evidence: rows, headers, answers.
    pub details: serde_json::Value,
}

impl Measured {
    /// What was seen, with no values yet.
    pub fn new(details: serde_json::Value) -> Self {
        Self { values: BTreeMap::new(), details }
    }

    /// With one more value.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    /// The value of a name; unknown where the probe gives none.
    pub fn value(&self, name: &str) -> Value {
        self.values.get(name).cloned().unwrap_or_else(|| {
            let names: Vec<String> = self.values.keys().map(|name| format!("`{name}`")).collect();
            Value::unknown(format!("the probe measures no `{name}`: it has {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values are exact and in base units; what has no whole is unknown, and so is what is not measured.
    #[test]
    fn values() {
        for (value, expected) in [
            (Value::count(3), "3"),
            (Value::whether(true), "true"),
            (Value::ratio(Decimal::from(1), Decimal::from(4)), "25%"),
            (Value::span(Duration::from_micros(1500)), "1.5ms"),
            (Value::seconds(Decimal::new(-5, 1)), "-500ms"),
            (Value::bytes(1 << 20), "1MiB"),
            (
                Value::ratio(Decimal::ONE, Decimal::ZERO),
                "unknown: a share of nothing: there is no whole that it is of",
            ),
        ] {
            assert_eq!(value.to_string(), expected);
        }
        let measured = Measured::new(serde_json::Value::Null).with("drift", Value::count(1));
        assert_eq!(
            measured.value("drfit").to_string(),
            "unknown: the probe measures no `drfit`: it has `drift`"
        );
        let json = serde_json::to_string(&measured.with("x", Value::unknown("why"))).unwrap();
        assert_eq!(json, r#"{"values":{"drift":{"value":"1"},"x":{"unknown":"why"}},"details":null}"#);
    }
}
