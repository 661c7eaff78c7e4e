//! `from metrics` expressions as rule text.

use spark_core::Operator;
use spark_core::metrics::{AggregateFunction, MetricsNode, RangeFunction, Selector};

use super::quoted;

/// The expression, without its window.
pub(in crate::explain) fn metrics(node: &MetricsNode) -> String {
    match node {
        MetricsNode::Number(number) => number.to_string(),
        MetricsNode::Select(selector) => select(selector),
        MetricsNode::Age(selector) => format!("age({})", select(selector)),
        MetricsNode::Range { function, selector } => format!("{}({})", range(*function), select(selector)),
        MetricsNode::HistogramQuantile { quantile, selector, by } => {
            format!("{quantile}({}){}", select(selector), by_labels(by))
        }
        MetricsNode::Aggregate(aggregation) => {
            let function = aggregate(aggregation.function);
            format!("{function}({}){}", metrics(&aggregation.of), by_labels(&aggregation.by))
        }
        MetricsNode::Arithmetic { operator, left, right } => {
            let (left, right) = (operand(left, *operator, false), operand(right, *operator, true));
            format!("{left} {} {right}", operator.as_str())
        }
    }
}

/// An operand, in parentheses where the sign would otherwise take a part of it.
fn operand(node: &MetricsNode, outer: Operator, right: bool) -> String {
    let sum = |operator| matches!(operator, Operator::Add | Operator::Subtract);
    let looser = match node {
        MetricsNode::Arithmetic { operator, .. } if right => sum(*operator) || !sum(outer),
        MetricsNode::Arithmetic { operator, .. } => sum(*operator) && !sum(outer),
        _ => false,
    };
    let text = metrics(node);
    if looser { format!("({text})") } else { text }
}

fn select(selector: &Selector) -> String {
    let matchers: Vec<String> = selector
        .matchers
        .iter()
        .map(|matcher| format!("{}{}{}", matcher.label, matcher.operator.as_str(), quoted(&matcher.value)))
        .collect();
    match matchers.is_empty() {
        true => selector.metric.clone(),
        false => format!("{}{{{}}}", selector.metric, matchers.join(",")),
    }
}

fn by_labels(labels: &[String]) -> String {
    if labels.is_empty() { String::new() } else { format!(" by ({})", labels.join(", ")) }
}

const fn range(function: RangeFunction) -> &'static str {
    match function {
        RangeFunction::Rate => "rate",
        RangeFunction::Increase => "increase",
        RangeFunction::Delta => "delta",
        RangeFunction::Slope => "slope",
        RangeFunction::AvgOverTime => "avg_over_time",
        RangeFunction::MinOverTime => "min_over_time",
        RangeFunction::MaxOverTime => "max_over_time",
    }
}

const fn aggregate(function: AggregateFunction) -> &'static str {
    match function {
        AggregateFunction::Sum => "sum",
        AggregateFunction::Avg => "avg",
        AggregateFunction::Min => "min",
        AggregateFunction::Max => "max",
        AggregateFunction::Count => "count",
    }
}
