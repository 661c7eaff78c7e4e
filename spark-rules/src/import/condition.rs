//! From PromQL's conditions to those of the language.
//!
//! An alert fires for each series that its expression leaves; a release is one. So of series with labels the most extreme is
//! compared: some series is above a threshold iff the largest is. Where labels tie two comparisons together, that is not so, and the
//! series that are left are counted.

use rust_decimal::Decimal;
use spark_core::{Relation, TimeSpan};

use super::infer::{Recorded, constant, infer, metric_of};
use super::promql::{Expr, Kind, Operator, one_line};
use super::sheet::Signals;

/// A condition over signals by their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    Compare { signal: usize, relation: Relation, literal: String },
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

/// A comparison of an expression with a number.
struct Compared<'e> {
    of: &'e Expr,
    relation: Relation,
    threshold: Decimal,
}

/// Reads an alert's expression; `true` where it stayed a query whose series are counted.
pub(super) fn read(
    expr: &Expr,
    text: &str,
    name: &str,
    recorded: &Recorded,
    signals: &mut Signals,
) -> Result<(Condition, bool), String> {
    let mark = signals.mark();
    let mut reader = Reader { text, recorded, signals };
    if let Some(condition) = reader.condition(expr) {
        return Ok((condition, false));
    }
    signals.forget(mark);
    opaque(expr, text, name, signals).map(|condition| (condition, true))
}

/// The series that an expression leaves are counted; none is zero, as it is no alert.
fn opaque(expr: &Expr, text: &str, name: &str, signals: &mut Signals) -> Result<Condition, String> {
    if matches!(expr.kind, Kind::Number(_) | Kind::Other) {
        return Err("its expression reads no series".to_owned());
    }
    let query = format!("count({}) or vector(0)", one_line(text));
    let why = "how many series the expression leaves; none reads as 0, as in Prometheus".to_owned();
    let signal = signals.add(name, query, super::infer::Measure::Count, why, None);
    Ok(Condition::Compare { signal, relation: Relation::Above, literal: "0".to_owned() })
}

struct Reader<'r> {
    text: &'r str,
    recorded: &'r Recorded,
    signals: &'r mut Signals,
}

impl Reader<'_> {
    fn condition(&mut self, expr: &Expr) -> Option<Condition> {
        if let Kind::Paren(inner) = &expr.kind {
            return self.condition(inner);
        }
        if let Some(compared) = compared(expr) {
            return self.compare(&compared);
        }
        let Kind::Binary { operator, left, right, on_nothing, .. } = &expr.kind else { return None };
        // by themselves, or tied together by nothing
        let apart = *on_nothing || (!is_labelled(left) && !is_labelled(right));
        match operator {
            Operator::Or => Some(Condition::Any(vec![self.condition(left)?, self.condition(right)?])),
            Operator::And if apart => {
                Some(Condition::All(vec![self.condition(left)?, self.condition(right)?]))
            }
            Operator::Unless if apart => {
                let right = Condition::Not(Box::new(self.condition(right)?));
                Some(Condition::All(vec![self.condition(left)?, right]))
            }
            // a range: a < x < b
            operator if operator.is_comparison() && !is_labelled(left) => {
                let (threshold, relation) = (constant(right)?, relation(*operator)?);
                let inner = compared(unwrapped(left))?;
                let outer = Compared { of: inner.of, relation, threshold };
                Some(Condition::All(vec![self.compare(&inner)?, self.compare(&outer)?]))
            }
            _ => None,
        }
    }

    fn compare(&mut self, compared: &Compared<'_>) -> Option<Condition> {
        let Compared { of, relation, threshold } = compared;
        let (of, stale) = fresh(of, self.text);
        let of = unwrapped(of);
        metric_of(of)?;
        let inferred = infer(of, self.recorded, *threshold);
        let literal = inferred.measure.literal(*threshold)?;
        let text = one_line(self.text.get(of.span.clone())?);
        let bare = matches!(of.kind, Kind::Selector { .. });
        let query = match (is_labelled(of), relation) {
            (false, _) => text,
            // one selector whose samples have times of their own
            (true, _) if bare && stale.is_some() => text,
            (true, Relation::Above | Relation::AtLeast) => format!("max({text})"),
            (true, Relation::Below | Relation::AtMost) => format!("min({text})"),
            // of what is 0 or 1, some series is 0 iff the smallest is
            (true, Relation::Equal) if is_flag(of) && threshold.is_zero() => format!("min({text})"),
            (true, Relation::Equal) if is_flag(of) && *threshold == Decimal::ONE => format!("max({text})"),
            // some series is equal: that has no largest and no smallest
            (true, Relation::Equal | Relation::NotEqual) => return None,
        };
        let name = name_of(of);
        let signal = self.signals.add(&name, query, inferred.measure, inferred.why, stale);
        // the same query may be known in another unit by an earlier comparison
        let literal = match self.signals.measure(signal) {
            Some(known) if known != inferred.measure => known.literal(*threshold)?,
            _ => literal,
        };
        Some(Condition::Compare { signal, relation: *relation, literal })
    }
}

/// A comparison with a number, the number on the right.
fn compared(expr: &Expr) -> Option<Compared<'_>> {
    let Kind::Binary { operator, left, right, returns_bool: false, .. } = &expr.kind else { return None };
    let relation = relation(*operator)?;
    match (constant(left), constant(right)) {
        (None, Some(threshold)) if compared(unwrapped(left)).is_none() => {
            Some(Compared { of: left, relation, threshold })
        }
        (Some(threshold), None) => {
            let relation = match relation {
                Relation::Above => Relation::Below,
                Relation::AtLeast => Relation::AtMost,
                Relation::Below => Relation::Above,
                Relation::AtMost => Relation::AtLeast,
                same => same,
            };
            Some(Compared { of: right, relation, threshold })
        }
        _ => None,
    }
}

const fn relation(operator: Operator) -> Option<Relation> {
    Some(match operator {
        Operator::Above => Relation::Above,
        Operator::AtLeast => Relation::AtLeast,
        Operator::Below => Relation::Below,
        Operator::AtMost => Relation::AtMost,
        Operator::Equal => Relation::Equal,
        Operator::NotEqual => Relation::NotEqual,
        _ => return None,
    })
}

fn unwrapped(expr: &Expr) -> &Expr {
    match &expr.kind {
        Kind::Paren(inner) => unwrapped(inner),
        _ => expr,
    }
}

/// `x and (time() - timestamp(x) <= N)`: x, and how long it is believed.
fn fresh<'e>(expr: &'e Expr, text: &str) -> (&'e Expr, Option<TimeSpan>) {
    let found = || {
        let Kind::Binary { operator: Operator::And, left, right, .. } = &unwrapped(expr).kind else {
            return None;
        };
        let Kind::Binary { operator: Operator::AtMost, left: age, right: limit, .. } = &unwrapped(right).kind
        else {
            return None;
        };
        let Kind::Binary { operator: Operator::Subtract, left: now, right: time, .. } = &unwrapped(age).kind
        else {
            return None;
        };
        let is_now = matches!(&unwrapped(now).kind, Kind::Call { function, .. } if function == "time");
        let Kind::Call { function, arguments } = &unwrapped(time).kind else { return None };
        let [of] = arguments.as_slice() else { return None };
        let same = text.get(of.span.clone())? == text.get(left.span.clone())?;
        let stale = TimeSpan::from_decimal_seconds(constant(limit)?)?;
        (is_now && function == "timestamp" && same && !stale.is_zero()).then_some((left.as_ref(), stale))
    };
    match found() {
        Some((of, stale)) => (of, Some(stale)),
        None => (expr, None),
    }
}

/// Whether what an expression leaves may be several series.
fn is_labelled(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Number(_) | Kind::Other => false,
        Kind::Selector { .. } => true,
        Kind::Paren(inner) | Kind::Negate(inner) | Kind::Subquery(inner) => is_labelled(inner),
        Kind::Call { function, arguments } => match function.as_str() {
            "time" | "vector" | "scalar" | "pi" => false,
            "absent" | "absent_over_time" => true,
            "histogram_quantile" => arguments.get(1).is_none_or(is_labelled_beside_le),
            _ => arguments.iter().any(is_labelled),
        },
        Kind::Aggregate { function, labels, without, .. } => {
            matches!(function.as_str(), "topk" | "bottomk" | "count_values" | "limitk" | "limit_ratio")
                || *without
                || labels.as_ref().is_some_and(|labels| !labels.is_empty())
        }
        Kind::Binary { operator, left, right, .. } => match operator {
            Operator::And | Operator::Unless => is_labelled(left),
            _ => is_labelled(left) || is_labelled(right),
        },
    }
}

/// Of the buckets of a histogram: `le` goes with the quantile.
fn is_labelled_beside_le(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Aggregate { function, labels: Some(labels), without: false, .. } if function == "sum" => {
            labels.iter().any(|label| label != "le")
        }
        Kind::Paren(inner) => is_labelled_beside_le(inner),
        _ => is_labelled(expr),
    }
}

/// Whether an expression is a metric that is 0 or 1 by its name.
fn is_flag(expr: &Expr) -> bool {
    let Kind::Selector { metric: Some(metric), range: false, .. } = &expr.kind else { return false };
    metric == "up" || ["_up", "_success", "_healthy", "_ready"].iter().any(|end| metric.ends_with(end))
}

/// What a signal could be called.
fn name_of(expr: &Expr) -> String {
    // another unit of the same
    match &unwrapped(expr).kind {
        Kind::Binary { operator: Operator::Multiply | Operator::Divide, left, right, .. }
            if is_number(right) =>
        {
            return name_of(left);
        }
        Kind::Binary { operator: Operator::Multiply, left, right, .. } if is_number(left) => {
            return name_of(right);
        }
        _ => {}
    }
    let metric = metric_of(expr).unwrap_or("signal");
    let endings = [
        "_total",
        "_bucket",
        "_sum",
        "_count",
        "_milliseconds",
        "_seconds",
        "_bytes",
        "_ratio",
        "_percent",
        "_percentage",
        "_info",
    ];
    let mut stem = metric;
    while let Some(shorter) = endings.iter().find_map(|end| stem.strip_suffix(end)) {
        stem = shorter;
    }
    let tail = match &unwrapped(expr).kind {
        Kind::Call { function, .. } if function == "histogram_quantile" => "_quantile",
        Kind::Call { function, .. } if function == "increase" => "_increase",
        _ if inner_function(expr, "rate") || inner_function(expr, "irate") => "_rate",
        _ => "",
    };
    let tail = match &unwrapped(expr).kind {
        Kind::Binary { operator: Operator::Divide, left, right, .. } => {
            let ends = |expr: &Expr, end: &str| metric_of(expr).is_some_and(|metric| metric.ends_with(end));
            // a sum by its count is a mean, as of a summary or a histogram
            if ends(left, "_sum") && ends(right, "_count") { "_mean" } else { "_share" }
        }
        _ => tail,
    };
    format!("{stem}{tail}")
}

fn is_number(expr: &Expr) -> bool {
    match &unwrapped(expr).kind {
        Kind::Number(_) => true,
        Kind::Binary { left, right, .. } => is_number(left) && is_number(right),
        _ => false,
    }
}

fn inner_function(expr: &Expr, wanted: &str) -> bool {
    match &expr.kind {
        Kind::Call { function, arguments } => {
            function == wanted || arguments.iter().any(|of| inner_function(of, wanted))
        }
        Kind::Aggregate { arguments, .. } => arguments.iter().any(|of| inner_function(of, wanted)),
        Kind::Paren(inner) => inner_function(inner, wanted),
        _ => false,
    }
}
