//! What an expression measures, from the names of metrics, the functions, and what it is compared with.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::promql::{Expr, Kind, Operator};

/// What a signal is, and in which unit its numbers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Number,
    Count,
    /// As 0 to 1.
    Ratio,
    /// As 0 to 100.
    Percent,
    /// In seconds, or a part of them: `ms`.
    Duration(&'static str),
    /// In bytes, or a multiple of them.
    Bytes(&'static str),
    /// Per second.
    Rate,
    /// Bytes per second.
    BytesRate,
}

/// What was inferred, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inferred {
    pub(super) measure: Measure,
    pub(super) why: String,
}

impl Inferred {
    fn new(measure: Measure, why: impl Into<String>) -> Self {
        Self { measure, why: why.into() }
    }
}

/// What recorded series measure.
pub(super) type Recorded = BTreeMap<String, Inferred>;

/// Units at the end of metrics' names.
const ENDINGS: [(&str, Measure); 20] = [
    ("_milliseconds", Measure::Duration("ms")),
    ("_microseconds", Measure::Duration("us")),
    ("_nanoseconds", Measure::Duration("ns")),
    ("_seconds", Measure::Duration("s")),
    ("_minutes", Measure::Duration("m")),
    ("_millis", Measure::Duration("ms")),
    ("_ms", Measure::Duration("ms")),
    ("_us", Measure::Duration("us")),
    ("_kilobytes", Measure::Bytes("KB")),
    ("_megabytes", Measure::Bytes("MB")),
    ("_bytes", Measure::Bytes("B")),
    ("_ratio", Measure::Ratio),
    (":ratio", Measure::Ratio),
    ("_percentage", Measure::Percent),
    ("_percent", Measure::Percent),
    ("_pct", Measure::Percent),
    ("_connections", Measure::Count),
    ("_replicas", Measure::Count),
    ("_restarts", Measure::Count),
    ("_errors", Measure::Count),
];

/// Largest exponent that is computed: 10^20 is more than any threshold.
const POWER_MAX: u32 = 20;

/// What an expression that is compared with `threshold` measures.
pub(super) fn infer(expr: &Expr, recorded: &Recorded, threshold: Decimal) -> Inferred {
    match &expr.kind {
        Kind::Paren(inner) | Kind::Negate(inner) | Kind::Subquery(inner) => infer(inner, recorded, threshold),
        Kind::Selector { metric: Some(metric), .. } => of_metric(metric, recorded),
        Kind::Call { function, arguments } => of_call(function, arguments, recorded, threshold),
        Kind::Aggregate { function, arguments, .. } => match function.as_str() {
            "count" | "group" | "count_values" => {
                Inferred::new(Measure::Count, format!("`{function}` counts series"))
            }
            _ => arguments.last().map_or_else(unknown, |of| infer(of, recorded, threshold)),
        },
        Kind::Binary { operator, left, right, .. } => {
            of_arithmetic(*operator, left, right, recorded, threshold)
        }
        Kind::Number(_) | Kind::Other | Kind::Selector { metric: None, .. } => unknown(),
    }
}

fn unknown() -> Inferred {
    Inferred::new(Measure::Number, "nothing says its unit")
}

fn of_metric(metric: &str, recorded: &Recorded) -> Inferred {
    if let Some(known) = recorded.get(metric) {
        return Inferred::new(known.measure, format!("of the recording rule `{metric}`: {}", known.why));
    }
    let stem =
        ["_total", "_bucket", "_sum"].iter().find_map(|end| metric.strip_suffix(end)).unwrap_or(metric);
    if ["_timestamp_seconds", "_time_seconds", "_timestamp"].iter().any(|end| stem.ends_with(end)) {
        return Inferred::new(Measure::Number, format!("`{metric}` is a point in time"));
    }
    if let Some((end, measure)) = ENDINGS.iter().find(|(end, _)| stem.ends_with(end)) {
        return Inferred::new(*measure, format!("`{end}` in the metric's name"));
    }
    match metric.ends_with("_total") || metric.ends_with("_count") {
        true => Inferred::new(Measure::Count, "the metric's name says a count"),
        false => unknown(),
    }
}

fn of_call(function: &str, arguments: &[Expr], recorded: &Recorded, threshold: Decimal) -> Inferred {
    let of = |place: usize| arguments.get(place).map_or_else(unknown, |of| infer(of, recorded, threshold));
    match function {
        "rate" | "irate" | "deriv" => {
            let inner = of(0);
            match inner.measure {
                Measure::Bytes("B") => {
                    Inferred::new(Measure::BytesRate, format!("`{function}` of bytes: {}", inner.why))
                }
                Measure::Duration(_) => {
                    Inferred::new(Measure::Number, format!("`{function}` of a time: seconds per second"))
                }
                _ => Inferred::new(Measure::Rate, format!("`{function}` is per second")),
            }
        }
        "increase" => {
            let inner = of(0);
            match inner.measure {
                Measure::Bytes(_) | Measure::Duration(_) => inner,
                _ => Inferred::new(Measure::Count, "`increase` of a count"),
            }
        }
        "changes" | "resets" | "count_over_time" => {
            Inferred::new(Measure::Count, format!("`{function}` counts"))
        }
        "histogram_quantile" => {
            let inner = arguments.get(1).and_then(metric_of).map(|metric| of_metric(metric, recorded));
            inner.map_or_else(unknown, |inner| {
                Inferred::new(inner.measure, format!("a quantile: {}", inner.why))
            })
        }
        "quantile_over_time" => of(1),
        "absent" | "absent_over_time" | "present_over_time" | "time" | "timestamp" | "vector" | "sgn" => {
            unknown()
        }
        _ => of(0),
    }
}

fn of_arithmetic(
    operator: Operator,
    left: &Expr,
    right: &Expr,
    recorded: &Recorded,
    threshold: Decimal,
) -> Inferred {
    let of = |side: &Expr| infer(side, recorded, threshold);
    let hundred = |side: &Expr| constant(side) == Some(Decimal::ONE_HUNDRED);
    match operator {
        Operator::Multiply if hundred(left) || hundred(right) => {
            Inferred::new(Measure::Percent, "`* 100` makes a percentage")
        }
        Operator::And | Operator::Unless | Operator::Or => of(left),
        _ if operator.is_comparison() => of(left),
        Operator::Subtract if is_time(left) => {
            Inferred::new(Measure::Duration("s"), "the time since a point in time")
        }
        Operator::Subtract if is_time(right) => {
            Inferred::new(Measure::Duration("s"), "the time to a point in time")
        }
        Operator::Subtract if constant(left).is_some() => match (of(right), constant(left)) {
            (inner, Some(whole))
                if (inner.measure == Measure::Ratio && whole == Decimal::ONE)
                    || (inner.measure == Measure::Percent && whole == Decimal::ONE_HUNDRED) =>
            {
                Inferred::new(inner.measure, format!("what is left of the whole: {}", inner.why))
            }
            // 1 - a / b, whatever it is compared with
            (inner, Some(whole))
                if whole == Decimal::ONE && matches!(unwrapped(right).kind, Kind::Binary { .. }) =>
            {
                Inferred::new(
                    if within_one(threshold) { Measure::Ratio } else { inner.measure },
                    "what is left of the whole",
                )
            }
            (inner, _) => inner,
        },
        Operator::Add | Operator::Subtract => match (constant(left), constant(right)) {
            (None, Some(_)) => of(left),
            (Some(_), None) => of(right),
            _ => {
                let (a, b) = (of(left), of(right));
                if a.measure == b.measure { a } else { unknown() }
            }
        },
        Operator::Divide => of_quotient(left, right, recorded, threshold),
        _ => unknown(),
    }
}

fn of_quotient(left: &Expr, right: &Expr, recorded: &Recorded, threshold: Decimal) -> Inferred {
    if constant(left).is_some() || constant(right).is_some() {
        return unknown();
    }
    if let (Some(sum), Some(count)) = (metric_of(left), metric_of(right))
        && let (Some(sum), Some(count)) = (sum.strip_suffix("_sum"), count.strip_suffix("_count"))
        && sum == count
    {
        let mean = of_metric(sum, recorded);
        return Inferred::new(mean.measure, format!("a mean: {}", mean.why));
    }
    let (a, b) = (infer(left, recorded, threshold).measure, infer(right, recorded, threshold).measure);
    match a == b && within_one(threshold) {
        true => Inferred::new(Measure::Ratio, "a quotient of like things, compared with a part of one"),
        false => unknown(),
    }
}

fn within_one(threshold: Decimal) -> bool {
    threshold >= Decimal::ZERO && threshold <= Decimal::ONE
}

fn unwrapped(expr: &Expr) -> &Expr {
    match &expr.kind {
        Kind::Paren(inner) => unwrapped(inner),
        _ => expr,
    }
}

fn is_time(expr: &Expr) -> bool {
    matches!(&unwrapped(expr).kind, Kind::Call { function, .. } if function == "time")
}

/// The first metric in an expression.
pub(super) fn metric_of(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        Kind::Selector { metric, .. } => metric.as_deref(),
        Kind::Paren(inner) | Kind::Negate(inner) | Kind::Subquery(inner) => metric_of(inner),
        Kind::Call { arguments, .. } | Kind::Aggregate { arguments, .. } => {
            arguments.iter().find_map(metric_of)
        }
        Kind::Binary { left, right, .. } => metric_of(left).or_else(|| metric_of(right)),
        Kind::Number(_) | Kind::Other => None,
    }
}

/// A whole power, as in `1024^3`.
fn power(base: Decimal, exponent: Decimal) -> Option<Decimal> {
    let times = (0..=POWER_MAX).find(|times| Decimal::from(*times) == exponent)?;
    (0..times).try_fold(Decimal::ONE, |product, _| product.checked_mul(base))
}

/// The value of an expression of numbers alone.
pub(super) fn constant(expr: &Expr) -> Option<Decimal> {
    match &expr.kind {
        Kind::Number(value) => Some(*value),
        Kind::Paren(inner) => constant(inner),
        Kind::Negate(inner) => Decimal::ZERO.checked_sub(constant(inner)?),
        Kind::Binary { operator, left, right, .. } => {
            let (left, right) = (constant(left)?, constant(right)?);
            match operator {
                Operator::Add => left.checked_add(right),
                Operator::Subtract => left.checked_sub(right),
                Operator::Multiply => left.checked_mul(right),
                Operator::Divide => left.checked_div(right),
                Operator::Power => power(left, right),
                _ => None,
            }
        }
        _ => None,
    }
}
