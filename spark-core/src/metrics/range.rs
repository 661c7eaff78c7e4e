//! Functions of one series' points in a window, as Prometheus computes them.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use super::expression::RangeFunction;
use super::number::Number;
use super::series::Point;
use crate::condition::Operator;
use crate::time::Timestamp;
use crate::window::extrapolate::{Kind, extrapolated, extrapolated_float};
use crate::window::regression::{slope, slope_float};

/// The function of the points with `start < time <= end`; `None` where there are too few for it.
pub(super) fn over_window(
    function: RangeFunction,
    points: &[Point],
    start: Timestamp,
    end: Timestamp,
) -> Option<Number> {
    let numbers: Vec<_> = points.iter().map(|(at, reading)| (*at, Number::from_reading(reading))).collect();
    let kind = match function {
        RangeFunction::Rate => Kind::Rate,
        RangeFunction::Increase => Kind::Increase,
        RangeFunction::Delta => Kind::Delta,
        RangeFunction::Slope => return line(&numbers),
        RangeFunction::AvgOverTime => return mean(numbers.iter().map(|(_, number)| *number)),
        RangeFunction::MinOverTime => return extreme(numbers.iter().map(|(_, n)| *n), Ordering::Less),
        RangeFunction::MaxOverTime => return extreme(numbers.iter().map(|(_, n)| *n), Ordering::Greater),
    };
    let exact = decimals(&numbers).and_then(|points| extrapolated(&points, start, end, kind));
    if let Some(value) = exact {
        return Some(Number::Exact(value));
    }
    let Some(floats) = floats(&numbers) else { return (numbers.len() > 1).then_some(Number::Lost) };
    extrapolated_float(&floats, start, end, kind).map(Number::from_float)
}

fn line(numbers: &[(Timestamp, Number)]) -> Option<Number> {
    if let Some(value) = decimals(numbers).and_then(|points| slope(&points)) {
        return Some(Number::Exact(value));
    }
    let Some(floats) = floats(numbers) else { return (numbers.len() > 1).then_some(Number::Lost) };
    slope_float(&floats).map(Number::from_float)
}

fn decimals(numbers: &[(Timestamp, Number)]) -> Option<Vec<(Timestamp, Decimal)>> {
    numbers.iter().map(|(at, number)| Some((*at, number.exact()?))).collect()
}

fn floats(numbers: &[(Timestamp, Number)]) -> Option<Vec<(Timestamp, f64)>> {
    numbers.iter().map(|(at, number)| Some((*at, number.to_float()?))).collect()
}

/// The sum; zero without numbers.
pub(super) fn sum(numbers: impl Iterator<Item = Number>) -> Number {
    numbers.fold(Number::ZERO, Number::plus)
}

/// The arithmetic mean; `None` without numbers.
pub(super) fn mean(numbers: impl Iterator<Item = Number> + Clone) -> Option<Number> {
    let count = numbers.clone().count();
    let total = sum(numbers);
    (count > 0).then(|| total.apply(Operator::Divide, Number::Exact(Decimal::from(count))))
}

/// The number that stands in the order `wanted` to all others; NaN only where there is nothing else.
pub(super) fn extreme(numbers: impl Iterator<Item = Number>, wanted: Ordering) -> Option<Number> {
    numbers.reduce(|best, number| match (best, number) {
        (Number::Lost, _) | (_, Number::Lost) => Number::Lost,
        _ if best.is_nan() || number.order(best) == Some(wanted) => number,
        _ => best,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Reading;

    fn check(function: RangeFunction, samples: &[(i64, &str)], expected: Option<&str>) {
        let points: Vec<Point> = samples
            .iter()
            .map(|(t, v)| {
                (Timestamp::from_millis(t.saturating_mul(1000)), Reading::from_float_text(v).unwrap())
            })
            .collect();
        let end = Timestamp::from_millis(60_000);
        let got = over_window(function, &points, Timestamp::EPOCH, end).map(Number::into_reading);
        let text = got.map(|reading| match reading {
            Reading::Value(value) => value.to_string(),
            other => format!("{other:?}"),
        });
        assert_eq!(text.as_deref(), expected, "{function:?} {samples:?}");
    }

    /// Each function gives what Prometheus gives, with NaN, infinities and huge values in it too.
    #[test]
    fn functions() {
        use RangeFunction::{AvgOverTime, Delta, Increase, MaxOverTime, MinOverTime, Rate, Slope};
        let four = [(15, "1000"), (30, "1010"), (45, "1020"), (60, "1030")];
        check(Increase, &four, Some("40"));
        check(Rate, &four, Some("0.666666666666667"));
        check(Delta, &four, Some("40"));
        check(Slope, &four, Some("0.666666666666667"));
        check(AvgOverTime, &four, Some("1015"));
        check(MinOverTime, &four, Some("1000"));
        check(MaxOverTime, &four, Some("1030"));
        for function in [Rate, Increase, Delta, Slope] {
            check(function, &[(60, "7")], None);
            check(function, &[(30, "1"), (60, "NaN")], Some("NotANumber"));
        }
        for function in [AvgOverTime, MinOverTime, MaxOverTime] {
            check(function, &[(60, "7")], Some("7"));
            check(function, &[], None);
        }
        check(Increase, &[(30, "1"), (60, "+Inf")], Some("Infinite { negative: false }"));
        check(Delta, &[(30, "+Inf"), (60, "1")], Some("Infinite { negative: true }"));
        check(Delta, &[(30, "1"), (60, "1e300")], Some("OutOfRange"));
        check(AvgOverTime, &[(30, "1"), (60, "NaN")], Some("NotANumber"));
        check(AvgOverTime, &[(30, "7e28"), (60, "5e28")], Some("60000000000000000000000000000"));
        check(MinOverTime, &[(15, "NaN"), (30, "2"), (45, "1"), (60, "NaN")], Some("1"));
        check(MaxOverTime, &[(15, "NaN"), (30, "-Inf"), (60, "1e300")], Some("OutOfRange"));
        check(MaxOverTime, &[(30, "NaN"), (60, "NaN")], Some("NotANumber"));
    }
}
