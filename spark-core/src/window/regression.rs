//! The least-squares slope of a window's samples, as Prometheus' `deriv`.

use rust_decimal::Decimal;

use crate::decimal;
use crate::time::Timestamp;

/// The slope per second of the line that fits the samples best; samples are in time order.
///
/// `None` with fewer than two samples, no time between them, or a result that a decimal cannot hold.
pub fn slope(points: &[(Timestamp, Decimal)]) -> Option<Decimal> {
    let (start, first) = *points.first()?;
    if points.len() < 2 || points.last()?.0 <= start {
        return None;
    }
    if points.iter().all(|(_, value)| *value == first) {
        return Some(Decimal::ZERO);
    }
    exact(points, start, first).or_else(|| {
        let floats: Vec<_> = points.iter().map(|(at, value)| (*at, decimal::to_float(*value))).collect();
        decimal::from_float(slope_float(&floats)?)
    })
}

/// The same in binary floating point, for samples that are not finite or beyond a decimal.
///
/// `None` with fewer than two samples or no time between them; the result may be NaN or infinite.
pub(crate) fn slope_float(points: &[(Timestamp, f64)]) -> Option<f64> {
    let (start, first) = *points.first()?;
    if points.len() < 2 || points.last()?.0 <= start {
        return None;
    }
    let count = decimal::to_float(Decimal::from(points.len()));
    let seconds = |at: Timestamp| decimal::to_float(at.since(start).seconds());
    let mean_x = points.iter().map(|(at, _)| seconds(*at)).sum::<f64>() / count;
    // values relative to the first: a large level would swallow a small slope
    let mean_y = points.iter().map(|(_, value)| value - first).sum::<f64>() / count;
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (at, value) in points {
        let x = seconds(*at) - mean_x;
        covariance += x * (value - first - mean_y);
        variance += x * x;
    }
    Some(covariance / variance)
}

/// `(n·Σxy - Σx·Σy) / (n·Σx² - (Σx)²)`, x and y relative to the first sample; one division, at the end.
fn exact(points: &[(Timestamp, Decimal)], start: Timestamp, first: Decimal) -> Option<Decimal> {
    let count = Decimal::from(points.len());
    let zero = Decimal::ZERO;
    let (mut sum_x, mut sum_y, mut sum_xy, mut sum_xx) = (zero, zero, zero, zero);
    for (at, value) in points {
        let x = at.since(start).seconds();
        let y = value.checked_sub(first)?;
        sum_x = sum_x.checked_add(x)?;
        sum_y = sum_y.checked_add(y)?;
        sum_xy = sum_xy.checked_add(x.checked_mul(y)?)?;
        sum_xx = sum_xx.checked_add(x.checked_mul(x)?)?;
    }
    let above = count.checked_mul(sum_xy)?.checked_sub(sum_x.checked_mul(sum_y)?)?;
    let below = count.checked_mul(sum_xx)?.checked_sub(sum_x.checked_mul(sum_x)?)?;
    quotient(above, below)
}

/// The slope; none where it is so small that it would become none.
pub(crate) fn quotient(above: Decimal, below: Decimal) -> Option<Decimal> {
    let slope = above.normalize().checked_div(below.normalize())?.normalize();
    (slope.is_zero() == above.is_zero()).then_some(slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(samples: &[(&str, &str)], expected: Option<&str>) {
        let points: Vec<_> = samples
            .iter()
            .map(|(t, v)| (Timestamp::parse(t).unwrap(), decimal::parse_exact(v).unwrap()))
            .collect();
        let got = slope(&points);
        assert_eq!(got.map(|v| v.to_string()).as_deref(), expected, "{samples:?}");
        let floats: Vec<_> = points.iter().map(|(t, v)| (*t, decimal::to_float(*v))).collect();
        let close = match (slope_float(&floats), got.map(decimal::to_float)) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * b.abs().max(1e-9),
            (a, b) => a.is_none() == b.is_none(),
        };
        assert!(close, "the floats agree: {samples:?}");
    }

    /// The slope is that of the least-squares line, exact where a decimal can hold it.
    #[test]
    fn slopes() {
        check(&[("0", "0"), ("10", "5"), ("20", "10")], Some("0.5"));
        check(&[("1767226500", "100000000"), ("1767226515", "100000003")], Some("0.2"));
        check(&[("0", "1"), ("1", "0"), ("2", "1")], Some("0"));
        check(&[("0", "0"), ("1", "1"), ("2", "1")], Some("0.5"));
        check(&[("0", "7"), ("1", "7"), ("2", "7")], Some("0"));
        check(&[("0", "7")], None);
        check(&[], None);
    }

    /// Values at the ends of the range overflow into the floats or into nothing, and never panic.
    #[test]
    fn extremes() {
        let points = [
            (Timestamp::from_nanos(i64::MIN), Decimal::MIN),
            (Timestamp::from_nanos(i64::MAX), Decimal::MAX),
        ];
        assert!(slope(&points).is_some());
        let step = Decimal::from_i128_with_scale(1, 28);
        let tiny = [(Timestamp::EPOCH, Decimal::ZERO), (Timestamp::from_millis(3_600_000), step)];
        assert!(slope(&tiny).unwrap() > Decimal::ZERO);
    }
}
