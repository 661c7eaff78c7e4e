//! `from metrics` expressions as rule text.

use spark_core::Operator;
use spark_core::metrics::{MetricsNode, Selector};

use super::quoted;

/// The expression, without its window.
pub(in crate::explain) fn metrics(node: &MetricsNode) -> String {
    match node {
        MetricsNode::Number(number) => number.to_string(),
        MetricsNode::Select(selector) => select(selector),
        MetricsNode::Age(selector) => format!("age({})", select(selector)),
        MetricsNode::Range { function, selector } => format!("{}({})", function.as_str(), select(selector)),
        MetricsNode::HistogramQuantile { quantile, selector, by } => {
            format!("{quantile}({}){}", select(selector), by_labels(by))
        }
        MetricsNode::Aggregate(aggregation) => {
            let function = aggregation.function.as_str();
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
