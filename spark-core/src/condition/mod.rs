//! Conditions as data: what rules compare, combine and wait for. Meaning is given by the [engine](crate::Engine).

mod walk;

use std::cmp::Ordering;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::quantity::{PerTime, Unit};
use crate::signal::{SignalId, SourceSpan};
use crate::time::TimeSpan;

/// A condition: true, false or unknown at every instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// One value against another.
    Compare(Box<Comparison>),
    /// `and`: true when all are.
    All(Vec<Condition>),
    /// `or`: true when any is.
    Any(Vec<Condition>),
    /// `not`.
    Not(Box<Condition>),
    /// `… for 5m`: true once evidence for that long has been added up.
    Held {
        /// What must be true.
        condition: Box<Condition>,
        /// For how long.
        duration: TimeSpan,
    },
    /// `A then B within 2m`.
    Sequence {
        /// A.
        first: Box<Condition>,
        /// B.
        then: Box<Condition>,
        /// How long A may have turned true before B did.
        within: TimeSpan,
    },
    /// `every signal meets its expectation`; only in a plan.
    EveryExpectation,
}

/// A comparison, its unit, and where it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The left side.
    pub left: Expression,
    /// What it is compared with.
    pub test: Test,
    /// The unit of both sides.
    pub unit: Unit,
    /// The time that both sides are shown per, where they are rates.
    pub per: PerTime,
    /// Where it stands.
    pub span: SourceSpan,
}

/// What the left side of a comparison must do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Stand in this relation to the right side.
    Is(Relation, Expression),
    /// Lie between both, ends included.
    Between(Expression, Expression),
}

/// A relation between two values of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl Relation {
    /// How it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }

    /// The relation seen from its other side: `a < b` is `b > a`.
    #[must_use]
    pub const fn turned(self) -> Self {
        match self {
            Self::Above => Self::Below,
            Self::AtLeast => Self::AtMost,
            Self::Below => Self::Above,
            Self::AtMost => Self::AtLeast,
            Self::Equal => Self::Equal,
            Self::NotEqual => Self::NotEqual,
        }
    }

    /// Whether `left` stands in this relation to `right`, decided exactly.
    pub fn holds(self, left: Decimal, right: Decimal) -> bool {
        self.is_of(left.cmp(&right))
    }

    /// Whether two values that are in this order stand in this relation.
    pub const fn is_of(self, order: Ordering) -> bool {
        match self {
            Self::Above => order.is_gt(),
            Self::AtLeast => order.is_ge(),
            Self::Below => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
        }
    }
}

/// A value that is computed at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expression {
    /// A signal's newest sample.
    Signal(SignalId),
    /// A literal in the base unit.
    Literal(#[serde(with = "rust_decimal::serde::str")] Decimal),
    /// A function of a signal's samples in `(t - over, t]`.
    Window {
        /// Which function.
        function: WindowFunction,
        /// Of which signal.
        signal: SignalId,
        /// How far back.
        over: TimeSpan,
    },
    /// Pearson's correlation of two signals' samples in `(t - over, t]`.
    Correlation {
        /// One signal.
        a: SignalId,
        /// The other.
        b: SignalId,
        /// How far back.
        over: TimeSpan,
    },
    /// Arithmetic on two values.
    Arithmetic {
        /// Which operator.
        operator: Operator,
        /// The left operand.
        left: Box<Expression>,
        /// The right operand.
        right: Box<Expression>,
    },
    /// The comparison's whole left side on the stable version at the same instant; only on the right.
    Baseline,
    /// The mean of the comparison's whole left side over the stage before; only on the right.
    PreviousStage,
}

/// An arithmetic operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

impl Operator {
    /// How it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }
}

/// A function of the samples in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowFunction {
    /// Arithmetic mean.
    Avg,
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Sum.
    Sum,
    /// How many samples.
    Count,
    /// A quantile, interpolated as by Prometheus' `quantile_over_time`.
    Quantile(Quantile),
    /// Population standard deviation.
    Stddev,
    /// A counter's growth, extrapolated as by Prometheus.
    Increase,
    /// A counter's growth per second, extrapolated as by Prometheus.
    Rate,
    /// Last minus first, extrapolated as by Prometheus.
    Delta,
    /// Least-squares slope per second, as Prometheus' `deriv`.
    Slope,
}

/// A quantile from 0 to 1, kept exactly: `p99.9` is 0.999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quantile(#[serde(with = "rust_decimal::serde::str")] Decimal);

impl Quantile {
    /// Reads `p50`, `p95`, `p99.9`: `p` and a percentage above 0 and below 100 with at most four places.
    pub fn parse(word: &str) -> Option<Self> {
        let percent = crate::decimal::parse_exact(word.strip_prefix('p')?)?;
        let inside = percent > Decimal::ZERO && percent < Decimal::ONE_HUNDRED && percent.scale() <= 4;
        let digits_only = word.bytes().skip(1).all(|b| b.is_ascii_digit() || b == b'.');
        if !(inside && digits_only) {
            return None;
        }
        percent.checked_div(Decimal::ONE_HUNDRED).map(|fraction| Self(fraction.normalize()))
    }

    /// The quantile as a fraction, 0 to 1.
    pub const fn fraction(self) -> Decimal {
        self.0
    }
}

impl std::fmt::Display for Quantile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p{}", self.0.checked_mul(Decimal::ONE_HUNDRED).unwrap_or(self.0).normalize())
    }
}

impl WindowFunction {
    /// Reads a function's name as rules write it.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "avg" => Self::Avg,
            "min" => Self::Min,
            "max" => Self::Max,
            "sum" => Self::Sum,
            "count" => Self::Count,
            "stddev" => Self::Stddev,
            "increase" => Self::Increase,
            "rate" => Self::Rate,
            "delta" => Self::Delta,
            "slope" => Self::Slope,
            _ => Self::Quantile(Quantile::parse(word)?),
        })
    }
}

impl std::fmt::Display for WindowFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Sum => "sum",
            Self::Count => "count",
            Self::Stddev => "stddev",
            Self::Increase => "increase",
            Self::Rate => "rate",
            Self::Delta => "delta",
            Self::Slope => "slope",
            Self::Quantile(quantile) => return quantile.fmt(f),
        })
    }
}
