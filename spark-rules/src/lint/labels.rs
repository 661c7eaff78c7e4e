//! Metrics that are calculated with and never meet: series meet on equal labels.

use std::collections::BTreeSet;

use spark_core::Operator;
use spark_core::metrics::{MetricsNode, RangeFunction};

use super::Linter;
use crate::ast::{self, SignalClause, Source};
use crate::codes;
use crate::diagnostic::Diagnostic;

/// Which labels series have, as far as an expression says it.
enum Labels<'m> {
    /// A plain number, which meets every series.
    Number,
    Of(BTreeSet<&'m str>),
    /// Those that are scraped.
    Unknown,
}

/// Two sides that never meet.
struct Apart<'m> {
    operator: Operator,
    left: BTreeSet<&'m str>,
    right: BTreeSet<&'m str>,
}

impl Linter<'_> {
    pub(super) fn labels_apart(&mut self, tree: &ast::Signal) {
        for clause in &tree.clauses {
            let SignalClause::From { source: Source::Metrics(metrics), .. } = &clause.kind else { continue };
            let mut apart = None;
            labels(&metrics.root, false, &mut apart);
            let Some(Apart { operator, left, right }) = apart else { continue };
            let sign = operator.as_str();
            let message = format!(
                "the left side of `{sign}` keeps {}, the right side {}: no two series meet, and this stays unknown",
                kept(&left),
                kept(&right)
            );
            let wider = if left.len() >= right.len() { &left } else { &right };
            let by = wider.iter().copied().collect::<Vec<_>>().join(", ");
            let help = format!("take `by ({by})` away, or write it on both sides");
            self.tell(Diagnostic::warning(codes::W0326, metrics.span, message).help(help));
        }
    }
}

fn kept(labels: &BTreeSet<&str>) -> String {
    match labels.is_empty() {
        true => "no label".to_owned(),
        false => labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", "),
    }
}

/// The labels of a node's series; the first calculation whose sides never meet goes to `apart`. The parser bounds how deep
/// it is.
fn labels<'m>(node: &'m MetricsNode, grouped: bool, apart: &mut Option<Apart<'m>>) -> Labels<'m> {
    let of = |by: &'m [String]| Labels::Of(by.iter().map(String::as_str).collect());
    match node {
        MetricsNode::Number(_) => Labels::Number,
        MetricsNode::Aggregate(aggregation) => {
            labels(&aggregation.of, true, apart);
            of(&aggregation.by)
        }
        // without a `by`, growth and quantiles are taken of all series together, unless something groups them
        MetricsNode::HistogramQuantile { by, .. } if !grouped || !by.is_empty() => of(by),
        MetricsNode::Range { function: RangeFunction::Rate | RangeFunction::Increase, .. } if !grouped => {
            Labels::Of(BTreeSet::new())
        }
        MetricsNode::Arithmetic { operator, left, right } => {
            let (left, right) = (labels(left, grouped, apart), labels(right, grouped, apart));
            match (left, right) {
                (Labels::Number, other) | (other, Labels::Number) => other,
                (Labels::Of(left), Labels::Of(right)) => {
                    if left != right && apart.is_none() {
                        *apart = Some(Apart { operator: *operator, left: left.clone(), right });
                    }
                    Labels::Of(left)
                }
                _ => Labels::Unknown,
            }
        }
        _ => Labels::Unknown,
    }
}
