//! `from metrics` expressions: windows and patterns.

use spark_core::TimeSpan;
use spark_core::metrics::MetricsExpression;

use super::Checker;
use crate::ast::Metrics;
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};

/// The window that a fix offers.
const WINDOW_OFFERED: &str = "1m";

impl Checker<'_> {
    pub(super) fn metrics(&mut self, metrics: &Metrics) -> MetricsExpression {
        for pattern in &metrics.patterns {
            // anchored as the engine anchors it
            if let Err(error) = regex_lite::Regex::new(&format!("^(?:{})$", pattern.value)) {
                let problem = Diagnostic::error(
                    codes::E0402,
                    pattern.span,
                    format!("this is no regular expression: {error}"),
                );
                self.problems.tell(problem.help("for a plain text, match it with `=`"));
            }
        }
        match (metrics.ranged.first(), metrics.over) {
            (Some(function), None) => {
                let message = format!("`{}` needs to know how far back it looks", function.text);
                self.problems.tell(
                    Diagnostic::error(codes::E0403, function.span, message)
                        .help(format!("write `over {WINDOW_OFFERED}` behind the expression"))
                        .maybe(vec![Edit::insert(metrics.span.end, format!(" over {WINDOW_OFFERED}"))]),
                );
            }
            (None, Some(over)) => self.problems.tell(
                Diagnostic::warning(
                    codes::W0305,
                    over.span,
                    "nothing in the expression looks back over a window",
                )
                .help("take `over` away, or use a function over time such as `rate`")
                .maybe(vec![Edit::replace(
                    spark_core::SourceSpan { start: metrics.span.end, end: over.span.end, ..over.span },
                    "",
                )]),
            ),
            _ => {}
        }
        let over: Option<TimeSpan> = metrics.over.map(|over| over.value);
        MetricsExpression { root: metrics.root.clone(), over }
    }
}
