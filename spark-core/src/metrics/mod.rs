//! `from metrics` expressions: what is computed from scraped series, by Spark or, as PromQL, by Prometheus.

mod cause;
mod ceiling;
mod evaluate;
mod expression;
mod histogram;
mod matching;
mod number;
mod promql;
mod range;
mod reader;
mod series;

pub use ceiling::{Ceiling, Ceilings};
pub use expression::{
    AggregateFunction, Aggregation, LabelMatch, LabelMatcher, MetricsExpression, MetricsNode, RangeFunction,
    Selector,
};
pub use promql::{PromqlOptions, to_promql};
pub use reader::{MetricPoint, MetricsReader};

#[cfg(test)]
mod tests;
