//! `from metrics` expressions: what is computed from scraped series, by Spark or, as PromQL, by Prometheus.

mod expression;

pub use expression::{
    AggregateFunction, Aggregation, LabelMatch, LabelMatcher, MetricsExpression, MetricsNode, RangeFunction,
    Selector,
};
