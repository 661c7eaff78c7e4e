//! The tree of a `from metrics` expression.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::condition::{Operator, Quantile};
use crate::time::TimeSpan;

/// A `from metrics` expression with its window.
///
/// Its meaning is that of the PromQL it stands for (Prometheus 3: windows are left-open). A `rate`, `increase`
/// or quantile that is not inside an aggregation is summed over all series that its selector matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricsExpression {
    /// The tree.
    pub root: MetricsNode,
    /// `over 1m`: the window of every range function in it.
    pub over: Option<TimeSpan>,
}

/// A node of the expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricsNode {
    /// The newest sample of each matching series.
    Select(Selector),
    /// A plain number.
    Number(#[serde(with = "rust_decimal::serde::str")] Decimal),
    /// `rate(…)`, `increase(…)`, … of each matching series over the window.
    Range {
        /// Which function.
        function: RangeFunction,
        /// Of which series.
        selector: Selector,
    },
    /// `p95(histogram)`: the quantile of a classic histogram's growth over the window.
    HistogramQuantile {
        /// Which quantile.
        quantile: Quantile,
        /// The histogram, named without `_bucket`.
        selector: Selector,
        /// The labels that stay apart, beside `le`.
        by: Vec<String>,
    },
    /// `age(timestamp gauge)`: the instant minus the gauge's value, in seconds.
    Age(Selector),
    /// `sum by (instance) (…)` and its kin.
    Aggregate(Aggregation),
    /// Arithmetic; series are matched by equal labels, their name aside.
    Arithmetic {
        /// Which operator.
        operator: Operator,
        /// The left operand.
        left: Box<MetricsNode>,
        /// The right operand.
        right: Box<MetricsNode>,
    },
}

/// A function of a series' samples in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RangeFunction {
    /// A counter's growth per second.
    Rate,
    /// A counter's growth.
    Increase,
    /// Last minus first of a gauge.
    Delta,
    /// Least-squares slope per second of a gauge (`deriv`).
    Slope,
    /// Mean over the window (`avg_over_time`).
    AvgOverTime,
    /// Smallest in the window (`min_over_time`).
    MinOverTime,
    /// Largest in the window (`max_over_time`).
    MaxOverTime,
}

impl RangeFunction {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Rate,
        Self::Increase,
        Self::Delta,
        Self::Slope,
        Self::AvgOverTime,
        Self::MinOverTime,
        Self::MaxOverTime,
    ];

    /// How rules write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Increase => "increase",
            Self::Delta => "delta",
            Self::Slope => "slope",
            Self::AvgOverTime => "avg_over_time",
            Self::MinOverTime => "min_over_time",
            Self::MaxOverTime => "max_over_time",
        }
    }
}

/// An aggregation over series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aggregation {
    /// Which function.
    pub function: AggregateFunction,
    /// The labels that stay apart.
    pub by: Vec<String>,
    /// What is aggregated.
    pub of: Box<MetricsNode>,
}

/// A function over series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AggregateFunction {
    /// Sum.
    Sum,
    /// Mean.
    Avg,
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// How many series.
    Count,
}

impl AggregateFunction {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Sum, Self::Avg, Self::Min, Self::Max, Self::Count];

    /// How rules write it, and PromQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
        }
    }
}

/// Which series: a metric's name and what its labels must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    /// The metric's name.
    pub metric: String,
    /// What the labels must be; all must match.
    pub matchers: Vec<LabelMatcher>,
}

/// What a label must be. A label that a series lacks is the empty text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelMatcher {
    /// The label's name.
    pub label: String,
    /// How it is matched.
    pub operator: LabelMatch,
    /// The text or the regular expression.
    pub value: String,
}

/// How a label is matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelMatch {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends
    Matches,
    /// `!~`, anchored at both ends
    NotMatches,
}

impl LabelMatch {
    /// How it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::NotMatches => "!~",
        }
    }
}
