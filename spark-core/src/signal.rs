//! Signals: what is measured, in which unit, from where, and how long a sample may be believed.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::decimal::{is_endless, rounded};
use crate::metrics::MetricsExpression;
use crate::quantity::{PerTime, Unit};
use crate::time::{TimeSpan, Timestamp};

/// The place of a signal in [`Policy::signals`](crate::Policy::signals): the handle for the hot path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignalId(pub u32);

impl SignalId {
    /// The place as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A piece of rule text: bytes `start..end` of the policy's file with that number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct SourceSpan {
    /// Which file, in the order in which files were read; 0 is the one that was named.
    pub file: u32,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A declared signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Its name in rules; unique among signals and triggers.
    pub name: String,
    /// What people call it.
    pub title: Option<String>,
    /// The unit of its values.
    pub unit: Unit,
    /// The time that its values are shown per, where it is a rate.
    pub per: PerTime,
    /// Whether it is a counter: it only goes up, and a fall is a restart of the process that counts.
    pub counter: bool,
    /// Where its samples come from.
    pub source: Source,
    /// What a number of the source is multiplied by to be in the base unit (`in ms`: 0.001).
    #[serde(with = "rust_decimal::serde::str")]
    pub scale: Decimal,
    /// The age beyond which its newest sample is no longer believed.
    pub stale_after: TimeSpan,
    /// What it must meet for a stage to go on; the left side of each comparison is the signal itself.
    pub expectation: Option<Condition>,
    /// Where it is declared.
    pub span: SourceSpan,
}

/// Where samples come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An expression over scraped metrics, computed by Spark or by Prometheus.
    Metrics(MetricsExpression),
    /// A PromQL query, sent as it is.
    Prometheus {
        /// The query.
        query: String,
    },
    /// An SQL query that gives one value.
    Sql {
        /// The query.
        query: String,
    },
    /// The embedding program, or a sample file.
    Push,
}

/// Which version of the service a sample is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Track {
    /// The version that is being released.
    #[default]
    Canary,
    /// The stable version beside it.
    Baseline,
}

impl Track {
    /// Both tracks.
    pub const ALL: [Self; 2] = [Self::Canary, Self::Baseline];

    /// The word in sample files and in the `track` label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Baseline => "baseline",
        }
    }
}

/// One measurement of one signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Which signal.
    pub signal: SignalId,
    /// Of which version.
    #[serde(default)]
    pub track: Track,
    /// When it was measured.
    pub at: Timestamp,
    /// What was measured.
    pub reading: Reading,
}

/// What a measurement gave: a value in the signal's base unit, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// A value in the base unit.
    Value(#[serde(with = "rust_decimal::serde::str")] Decimal),
    /// Not a number: a quotient without traffic, say.
    NotANumber,
    /// Infinite, above or below.
    Infinite {
        /// Whether it is below all numbers.
        negative: bool,
    },
    /// A number that a decimal cannot hold.
    OutOfRange,
    /// The source did not answer, or gave no or no usable value; with its words.
    Failed(String),
}

impl Reading {
    /// The value, where there is one.
    pub const fn value(&self) -> Option<Decimal> {
        match self {
            Self::Value(value) => Some(*value),
            _ => None,
        }
    }

    /// A reading from a binary float, rounded as by [`decimal::from_float`](crate::decimal::from_float).
    pub fn from_float(value: f64) -> Self {
        if value.is_nan() {
            return Self::NotANumber;
        }
        if value.is_infinite() {
            return Self::Infinite { negative: value < 0.0 };
        }
        crate::decimal::from_float(value).map_or(Self::OutOfRange, Self::Value)
    }

    /// A reading from a float's text as Prometheus and exposition formats print it; `None` where it is no number.
    pub fn from_float_text(text: &str) -> Option<Self> {
        if let Some(value) = crate::decimal::parse_float_text(text) {
            return Some(Self::Value(value));
        }
        text.parse::<f64>().ok().map(Self::from_float)
    }

    /// The reading in the base unit: the source's number times `scale`.
    #[must_use]
    pub fn scaled(self, scale: Decimal) -> Self {
        match self {
            Self::Value(value) => match value.checked_mul(scale) {
                Some(product) if is_endless(scale) => Self::Value(rounded(product)),
                Some(product) => Self::Value(product.normalize()),
                None => Self::OutOfRange,
            },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::{Quantity, scale_of};

    /// A number from a source in a unit per time is the same value as a literal in that unit, bit for bit: `50` of a
    /// source `in 1/min` is not above `50/min`.
    #[test]
    fn scaled_samples_equal_literals() {
        for unit in ["", "MiB", "KB", "%", "ms", "us"] {
            for per in [PerTime::Second, PerTime::Minute, PerTime::Hour, PerTime::Day] {
                let (factor, _) = scale_of(unit).unwrap();
                let scale = factor.checked_div(Decimal::from(per.seconds())).unwrap();
                for number in [1u32, 7, 50, 59, 60, 97, 1_000, 123_457] {
                    let literal = Quantity::parse(&format!("{number}{unit}/{}", per.as_str())).unwrap();
                    let sample = Reading::Value(Decimal::from(number)).scaled(scale);
                    // as near as the engine takes two values, of which one does not end, for the same
                    let apart = sample.value().unwrap().checked_sub(literal.value).unwrap().abs();
                    let reach = literal.value.checked_mul(Decimal::new(1, 13)).unwrap();
                    assert!(apart <= reach, "{number}{unit}/{}", per.as_str());
                }
            }
        }
    }
}
