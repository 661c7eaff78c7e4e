//! Functions of a window's values, in decimals: the order of samples and the rounding of a float decide nothing.

use rust_decimal::Decimal;

use crate::decimal::{from_float, to_float};

/// The sum, in its shortest form; `None` on overflow.
///
/// ```
/// use rust_decimal::Decimal;
/// let half = Decimal::new(5, 1);
/// assert_eq!(spark_core::window::sum([half, half]).unwrap().to_string(), "1");
/// ```
pub fn sum(values: impl IntoIterator<Item = Decimal>) -> Option<Decimal> {
    values.into_iter().try_fold(Decimal::ZERO, Decimal::checked_add).map(|sum| sum.normalize())
}

/// The arithmetic mean, in its shortest form; `None` without values and on overflow.
pub fn mean(values: &[Decimal]) -> Option<Decimal> {
    mean_of(sum(values.iter().copied())?, values.len())
}

/// The mean of so many values with that sum.
pub(crate) fn mean_of(sum: Decimal, count: usize) -> Option<Decimal> {
    sum.checked_div(Decimal::from(count)).map(|mean| mean.normalize())
}

/// The population standard deviation, as Prometheus' `stddev_over_time`; `None` without values and on overflow.
///
/// The variance is decimal; its root is a binary float's, rounded to the digits that it holds.
pub fn standard_deviation(values: &[Decimal]) -> Option<Decimal> {
    let mean = mean(values)?;
    let mut squares = values.iter().map(|value| {
        let distance = value.checked_sub(mean)?;
        distance.checked_mul(distance)
    });
    let variance = squares
        .try_fold(Decimal::ZERO, |total, square| total.checked_add(square?))?
        .checked_div(Decimal::from(values.len()))?;
    from_float(to_float(variance).sqrt())
}

/// Pearson's correlation of pairs; `None` where either side does not vary, and below two pairs.
///
/// Centred on the means in binary floats, in the order of time, and rounded to the digits that a float holds:
/// the same bits on every platform, since only `+ - * / sqrt` are used.
pub fn correlation(pairs: &[(Decimal, Decimal)]) -> Option<Decimal> {
    let left: Vec<Decimal> = pairs.iter().map(|pair| pair.0).collect();
    let right: Vec<Decimal> = pairs.iter().map(|pair| pair.1).collect();
    if pairs.len() < 2 || constant(&left) || constant(&right) {
        return None;
    }
    let (left_mean, right_mean) = (mean(&left)?, mean(&right)?);
    let (mut both, mut left_square, mut right_square) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (a, b) in pairs {
        let a = to_float(a.checked_sub(left_mean)?);
        let b = to_float(b.checked_sub(right_mean)?);
        both += a * b;
        left_square += a * a;
        right_square += b * b;
    }
    from_float((both / (left_square.sqrt() * right_square.sqrt())).clamp(-1.0, 1.0))
}

fn constant(values: &[Decimal]) -> bool {
    values.windows(2).all(|pair| pair.first() == pair.last())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::parse_exact;

    fn numbers(text: &str) -> Vec<Decimal> {
        text.split_whitespace().map(|word| parse_exact(word).unwrap()).collect()
    }

    /// Means of decimals are decimal: thirds of 0.3 are not more than 0.1.
    #[test]
    fn means_and_deviations() {
        for (values, expected_mean, expected_deviation) in [
            ("0.1 0.1 0.1", "0.1", "0"),
            ("2 4 4 4 5 5 7 9", "5", "2"),
            ("1 2", "1.5", "0.5"),
            ("7", "7", "0"),
        ] {
            assert_eq!(mean(&numbers(values)), parse_exact(expected_mean), "{values}");
            assert_eq!(standard_deviation(&numbers(values)), parse_exact(expected_deviation), "{values}");
        }
        assert_eq!(mean(&[]), None);
        assert_eq!(sum([Decimal::MAX, Decimal::MAX]), None);
    }

    /// Correlation is 1 for a line up, -1 for a line down, and not a number where one side stands still.
    #[test]
    fn correlations() {
        for (left, right, expected) in [
            ("1 2 3 4", "10 20 30 40", Some("1")),
            ("1 2 3 4", "0.4 0.3 0.2 0.1", Some("-1")),
            ("1 2 3 4", "5 5 5 5", None),
            ("1", "2", None),
            ("1 2 3", "1 3 2", Some("0.5")),
        ] {
            let pairs: Vec<_> = numbers(left).into_iter().zip(numbers(right)).collect();
            assert_eq!(correlation(&pairs), expected.and_then(parse_exact), "{left} with {right}");
        }
    }
}
