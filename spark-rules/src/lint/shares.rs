//! A share that is compared with more than a whole.

use rust_decimal::Decimal;
use spark_core::{Comparison, Dimension, Expression, Test, Unit, WindowFunction};

/// Whether a share is compared with more than 100 %. A sum, a difference or a calculation may well be more than a whole.
pub(super) fn is_above_whole(comparison: &Comparison) -> bool {
    let bounded = |side: &Expression| match side {
        Expression::Signal(_) => true,
        Expression::Window { function, .. } => matches!(
            function,
            WindowFunction::Avg | WindowFunction::Min | WindowFunction::Max | WindowFunction::Quantile(_)
        ),
        _ => false,
    };
    let above = |side: &Expression| matches!(side, Expression::Literal(value) if *value > Decimal::ONE);
    comparison.unit == Unit::of(Dimension::Ratio)
        && match &comparison.test {
            Test::Is(_, right) => {
                (bounded(&comparison.left) && above(right)) || (bounded(right) && above(&comparison.left))
            }
            Test::Between(low, high) => bounded(&comparison.left) && (above(low) || above(high)),
        }
}
